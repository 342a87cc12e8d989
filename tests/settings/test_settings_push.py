"""The table [push]: defaults that reach nobody, and one sentence for every mistake."""

from pathlib import Path

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.settings_push import PUSH_FIELDS, PushSettings
from reconcile_pipeline.settings_template import template
from reconcile_pipeline.systems.vendors.push import FIELDS

ROOT = Path(__file__).parents[2]


def load(folder: Path, table: str) -> PushSettings:
    path = folder / "reconcile.toml"
    text = template(["connectwise", "push"])[0].replace("[push]\n", f"[push]\n{table}\n")
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ={}).push


def test_by_default_only_this_machine_is_answered(tmp_path: Path) -> None:
    """Loopback, a port of its own, 120 requests a minute, and the compatible API's 404."""
    assert load(tmp_path, "") == PushSettings("127.0.0.1", 8230, (), 120, 404)


def test_other_machines_are_answered_only_when_it_is_said_twice(tmp_path: Path) -> None:
    """An address that others reach needs allow_remote beside it."""
    with pytest.raises(PipelineError, match=r"other machines may reach: '192\.0\.2\.7'") as caught:
        load(tmp_path, 'host = "192.0.2.7"')
    assert caught.value.category is Category.SETTINGS
    found = load(tmp_path, 'host = "192.0.2.7"\nallow_remote = true\nnames = ["Push.Example"]')
    assert (found.host, found.names) == ("192.0.2.7", ("push.example",))
    for host in ("localhost", "::1", "127.0.0.9"):
        assert load(tmp_path, f'host = "{host}"').host == host


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("port = 0", "'port'"),
        ("port = 70000", "'port'"),
        ("port = 80.5", "'port'"),
        ("requests_per_minute = 0", "'requests_per_minute'"),
        ("unmapped_answer = 200", "'unmapped_answer'"),
        ('hots = "127.0.0.1"', "'host'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, line: str, words: str) -> None:
    """The table and the key are in the message or its next step."""
    with pytest.raises(PipelineError, match=r"\[push\]") as caught:
        load(tmp_path, line)
    assert words in str(caught.value)


def test_the_guide_names_every_setting() -> None:
    """Whoever sets the push API up finds each setting on its page."""
    page = (ROOT / "docs" / "push_api.md").read_text(encoding="utf-8")
    names = [field.name for field in (*PUSH_FIELDS, *FIELDS)]
    assert [name for name in names if f"`{name}`" not in page and f"{name} = " not in page] == []
