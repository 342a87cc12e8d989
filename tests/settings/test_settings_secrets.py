"""Secrets: found where people put them, missed in words, shown nowhere."""

import logging
from pathlib import Path

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import Settings, load_settings

TOML = """\
[billing]
timezone = "UTC"
currency = "USD"
first_period = "2026-01"
[systems.connectwise]
base_url = "https://psa.example.com"
company_id = "acme"
public_key = { env = "CW_PUBLIC" }
private_key = { env = "CW_PRIVATE" }
client_id = { env = "CW_CLIENT" }
"""


def load(folder: Path, toml: str = TOML, dotenv: str | None = None, **environ: str) -> Settings:
    path = folder / "reconcile.toml"
    path.write_text(toml, encoding="utf-8")
    if dotenv is not None:
        (folder / ".env").write_text(dotenv, encoding="utf-8")
    return load_settings(path, environ=environ)


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    """A variable that is really set is taken; the file beside the settings fills the gaps."""
    psa = load(tmp_path, dotenv="CW_PUBLIC=file\nCW_PRIVATE=file", CW_PUBLIC="real").psa
    assert psa.secret("public_key") == "real"
    assert psa.secret("private_key") == "file"


def test_reading_the_env_file_leaves_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No secret is copied into this process's environment, where children would inherit it."""
    monkeypatch.delenv("CW_PUBLIC", raising=False)
    path = tmp_path / "reconcile.toml"
    path.write_text(TOML, encoding="utf-8")
    (tmp_path / ".env").write_text("CW_PUBLIC=x1\n", encoding="utf-8")
    psa = load_settings(path).psa
    assert psa.secret("public_key") == "x1"
    monkeypatch.setenv("CW_PUBLIC", "x2")
    assert psa.secret("public_key") == "x2"


@pytest.mark.parametrize("value", ["a${HOME}b", "a#b", "p=q=="])
def test_a_key_is_taken_as_it_stands(tmp_path: Path, value: str) -> None:
    """Signs that some readers treat specially are part of the key."""
    assert load(tmp_path, dotenv=f"CW_PUBLIC={value}\n").psa.secret("public_key") == value


def test_an_env_file_with_byte_order_mark_is_read(tmp_path: Path) -> None:
    """The first variable of a file saved on Windows is found."""
    assert load(tmp_path, dotenv="\ufeffCW_PUBLIC=x\n").psa.secret("public_key") == "x"


@pytest.mark.parametrize("dotenv", [None, "CW_PUBLIC=\n", "OTHER=1\n"])
def test_a_missing_variable_is_an_error_only_when_asked_for(
    tmp_path: Path, dotenv: str | None
) -> None:
    """Settings load without secrets; the error then names variable, file and system."""
    settings = load(tmp_path, dotenv=dotenv)
    with pytest.raises(PipelineError) as caught:
        settings.psa.secret("public_key")
    assert caught.value.category is Category.SETTINGS
    assert caught.value.system == "connectwise"
    for word in ("CW_PUBLIC", str(tmp_path / ".env"), "connectwise"):
        assert word in str(caught.value)


def test_a_secret_may_live_in_a_file_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """NAME_FILE names a file that holds the secret, relative to the settings or absolute."""
    private = tmp_path / "private.txt"
    private.write_text("s3cret\n", encoding="utf-8")
    private.chmod(0o600)
    settings = load(tmp_path, CW_PUBLIC_FILE=str(private), CW_PRIVATE_FILE="private.txt")
    with caplog.at_level(logging.WARNING):
        assert settings.psa.secret("public_key") == "s3cret"
        assert settings.psa.secret("private_key") == "s3cret"
    assert not caplog.records


def test_a_secret_file_that_others_can_read_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is used all the same, and the warning shows the path, never the value."""
    path = tmp_path / "open.txt"
    path.write_text("s3cret", encoding="utf-8")
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert load(tmp_path, CW_PUBLIC_FILE=str(path)).psa.secret("public_key") == "s3cret"
    assert "open.txt" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("content", [None, "", b"\xff\xff"])
def test_an_unusable_secret_file_is_a_settings_error(
    tmp_path: Path, content: str | bytes | None
) -> None:
    """Missing, empty and garbled files are named with their variable."""
    path = tmp_path / "key.txt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PipelineError, match="CW_PUBLIC_FILE") as caught:
        load(tmp_path, CW_PUBLIC_FILE=str(path)).psa.secret("public_key")
    assert caught.value.category is Category.SETTINGS


@pytest.mark.parametrize("value", ["two\nlines", "smart“quotes”", "tab\there"])
def test_a_secret_that_no_header_can_carry_is_refused_unseen(tmp_path: Path, value: str) -> None:
    """What was copied wrongly is told before a call, and without repeating it."""
    with pytest.raises(PipelineError, match="CW_PUBLIC") as caught:
        load(tmp_path, CW_PUBLIC=value).psa.secret("public_key")
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        '"hunter2hunter2"',
        '{ env = "hunter2hunter2" }',
        '{ value = "hunter2hunter2" }',
        '{ env = "CW_PUBLIC", default = "hunter2hunter2" }',
        '["hunter2hunter2"]',
    ],
)
def test_a_secret_written_into_the_file_is_refused_unseen(tmp_path: Path, written: str) -> None:
    """Only the name of a variable is accepted, and the pasted secret is never repeated."""
    toml = TOML.replace('{ env = "CW_PUBLIC" }', written)
    with pytest.raises(PipelineError) as caught:
        load(tmp_path, toml)
    assert "[systems.connectwise] key 'public_key'" in caught.value.message
    assert 'public_key = { env = "CONNECTWISE_PUBLIC_KEY" }' in caught.value.next_step
    assert "hunter2" not in str(caught.value)


def test_a_password_in_an_address_is_refused_unseen(tmp_path: Path) -> None:
    """Addresses appear in messages, so they can't carry secrets."""
    with pytest.raises(PipelineError, match="base_url") as caught:
        load(tmp_path, TOML.replace("psa.example", "joe:hunter2@psa.example"))
    assert "hunter2" not in str(caught.value)


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    """Settings may be printed or logged whole, after secrets were looked up too."""
    settings = load(tmp_path, dotenv="CW_PRIVATE=from-dotenv\n", CW_PUBLIC="from-environment")
    assert settings.psa.secret("public_key") == "from-environment"
    shown = f"{settings!r} {settings.psa!r} {settings.psa.secrets!r} {settings.psa}"
    assert "from-environment" not in shown
    assert "from-dotenv" not in shown
    assert "CW_PUBLIC" in shown


def test_all_secrets_that_can_be_found_are_told_for_redaction(tmp_path: Path) -> None:
    """Masking gets every value there is; missing ones and unreadable files don't stop it."""
    settings = load(tmp_path, dotenv="CW_PRIVATE=b\n", CW_PUBLIC="a", CW_CLIENT_FILE="missing.txt")
    assert settings.secret_values() == ("a", "b")
