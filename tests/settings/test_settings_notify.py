"""The table [notify]: nobody is told by default, and one sentence for every mistake."""

from pathlib import Path

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.settings_notify import NOTIFY_FIELDS, Event, NotifySettings, Security
from reconcile_pipeline.settings_template import template

ROOT = Path(__file__).parents[2]
MAIL = 'email_to = ["a@msp.example"]\nemail_from = "r@msp.example"\nsmtp_host = "mail.example"\n'


def load(folder: Path, table: str) -> NotifySettings:
    path = folder / "reconcile.toml"
    text = template(["connectwise"])[0].replace("[notify]\n", f"[notify]\n{table}\n")
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ={}).notify


def test_by_default_nobody_is_told(tmp_path: Path) -> None:
    """No channel, no names, and every event once there is a channel."""
    assert load(tmp_path, "") == NotifySettings(None, None, None, False, tuple(Event))


def test_a_mail_server_is_talked_to_in_encryption(tmp_path: Path) -> None:
    """STARTTLS on 587 unless said otherwise."""
    email = load(tmp_path, MAIL).email
    assert email is not None
    assert (email.security, email.port, email.password) == (Security.STARTTLS, 587, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_only_this_machine_is_mailed_unencrypted(tmp_path: Path, host: str) -> None:
    """none is for loopback; anywhere else it is refused."""
    table = f'{MAIL}smtp_security = "none"\n'
    with pytest.raises(PipelineError, match="unencrypted to another machine"):
        load(tmp_path, table)
    email = load(tmp_path, table.replace("mail.example", host)).email
    assert email is not None
    assert email.security is Security.NONE


def test_events_come_in_one_order_and_once(tmp_path: Path) -> None:
    """However they are written."""
    found = load(tmp_path, 'events = ["pull_failed", "review_ready", "pull_failed"]').events
    assert found == (Event.REVIEW_READY, Event.PULL_FAILED)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('slack_webhook = "https://hooks.slack.com/services/SECRET"', "'slack_webhook'"),
        ('teams_webhook = { env = "https://SECRET" }', "'teams_webhook'"),
        ('email_to = ["a@msp.example"]', "'email_from'"),
        (MAIL.replace("mail.example", ""), "'smtp_host'"),
        (MAIL.replace("a@msp.example", "a@msp.example\\r\\nBcc: x@y.example"), "no mail address"),
        (MAIL.replace("a@msp.example", "Ann <a@msp.example>"), "no mail address"),
        (MAIL.replace("r@msp", "röb@msp"), "no mail address"),
        (f'{MAIL}smtp_user = "me"', "smtp_password"),
        (f'{MAIL}smtp_password = {{ env = "MAIL" }}', "smtp_user"),
        (f'{MAIL}smtp_security = "ssl"', "'smtp_security'"),
        (f"{MAIL}smtp_port = 0", "'smtp_port'"),
        (f"{MAIL}smtp_port = 25.5", "'smtp_port'"),
        ('events = ["review"]', "'review'"),
        ('slack = "x"', "slack_webhook"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, table: str, words: str) -> None:
    """The table and the key are named; a secret that was pasted in is not repeated."""
    with pytest.raises(PipelineError, match=r"\[notify\]") as caught:
        load(tmp_path, table)
    assert words in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert caught.value.category is Category.SETTINGS


def test_the_guide_names_every_setting_and_event() -> None:
    """Whoever sets digests up finds each setting on their page."""
    page = (ROOT / "docs" / "digest.md").read_text(encoding="utf-8")
    names = [*(field.name for field in NOTIFY_FIELDS), *Event]
    assert [name for name in names if f"`{name}`" not in page and f"{name} = " not in page] == []
