"""[pulls]: whether changes are asked for, and when everything is read."""

from datetime import timedelta
from pathlib import Path

import pytest

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.settings import Settings, load_settings

REST = """\
[billing]
timezone = "America/New_York"
currency = "USD"
first_period = "2026-01"
[systems.connectwise]
base_url = "http://127.0.0.1:8101/"
company_id = "acme"
public_key = { env = "CONNECTWISE_PUBLIC_KEY" }
private_key = { env = "CONNECTWISE_PRIVATE_KEY" }
client_id = { env = "CONNECTWISE_CLIENT_ID" }
"""


def load(folder: Path, text: str) -> Settings:
    path = folder / "reconcile.toml"
    path.write_text(f"{text}\n{REST}", encoding="utf-8")
    return load_settings(path, environ={})


def test_everything_is_read_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    """The default is the safe one; the rest has the documented defaults."""
    rhythm = load(tmp_path, "").rhythm
    assert (rhythm.is_incremental, rhythm.is_forced_full) == (False, False)
    assert (rhythm.full_every_days, rhythm.overlap) == (7, timedelta(minutes=15))


def test_the_rhythm_is_read(tmp_path: Path) -> None:
    """All three keys reach the pulls."""
    text = "[pulls]\nincremental = true\nfull_every_days = 3\noverlap_minutes = 30"
    rhythm = load(tmp_path, text).rhythm
    assert (rhythm.is_incremental, rhythm.full_every_days) == (True, 3)
    assert rhythm.overlap == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("overlap_minutes = 0", "from 1 to 1440"),
        ("full_every_days = 0", "from 1 to 31"),
        ("full_every_days = 32", "from 1 to 31"),
        ("full_every_days = 1.5", "whole number"),
        ("incremental = 1", "true or false"),
        ("full_every_day = 7", "'full_every_days'"),
    ],
)
def test_what_could_lose_a_change_is_refused(tmp_path: Path, line: str, told: str) -> None:
    """No overlap at all, or no full pull within a month, is an error that names the key."""
    with pytest.raises(PipelineError) as caught:
        load(tmp_path, f"[pulls]\n{line}")
    assert "[pulls]" in caught.value.message
    assert told in str(caught.value)
