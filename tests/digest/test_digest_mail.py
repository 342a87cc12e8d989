"""Mail: a message programs can read, handed over encrypted or not at all."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.digest.email import mail, send_mail
from reconcile_pipeline.digest.words import Letter, Part
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings_checks import SecretName
from reconcile_pipeline.settings_notify import EmailSettings, Security

LETTER = Letter("Review is ready: 2 open cards", (Part("Söhne", ("a", "b")),))
NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
PASSWORD = "mailSECRET-password"


def settings(server: Any, security: Security = Security.NONE, **more: Any) -> EmailSettings:
    return EmailSettings(
        ("ann@msp.example", "bob@msp.example"),
        "me@msp.example",
        "127.0.0.1",
        server.port,
        security,
        **more,
    )


def send(own: EmailSettings, password: str | None = None, context: Any = None) -> Any:
    message = mail(LETTER, own, message_id="abc", now=NOW)
    return send_mail(message, own, password=password, context=context)


@pytest.fixture
def serving(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trusting(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


def test_a_mail_says_it_twice(office: Any) -> None:
    """Text and HTML of the same digest, from and to whom [notify] says, dated, with a stable id."""
    office.tell()
    (message,) = office.mail.mails
    assert message["Subject"] == "Review is ready: 2 open cards in 2026-11"
    assert message["From"] == "reconcile@msp.example"
    assert message["To"] == "ann@msp.example, bob@msp.example"
    assert message["Date"] == "Wed, 25 Nov 2026 09:00:00 +0000"
    assert message["Message-ID"].endswith("@msp.example>")
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    text, page = (part.get_content() for part in message.iter_parts())
    for said in ("2 cards open, 1 decided.", "400.00 EUR"):
        assert said in text
        assert said in page


def test_a_refused_address_is_said_and_the_others_get_it(office: Any) -> None:
    """Bob's mailbox is gone: ann is told, and so is whoever reads the outcome."""
    office.mail.refuses = {"bob@msp.example"}
    outcome = office.tell().outcomes[2]
    assert (outcome.state, outcome.message) == ("sent", "1 of 2 addresses were refused.")
    assert office.mail.envelopes[0][1] == ["ann@msp.example"]


def test_all_addresses_refused_is_a_failure(office: Any) -> None:
    """Nobody was told: red, with the setting to correct."""
    office.mail.refuses = {"ann@msp.example", "bob@msp.example"}
    outcome = office.tell().outcomes[2]
    assert (outcome.state, outcome.message) == ("failed", "The mail server refused every address.")
    assert "email_to" in outcome.next_step


def test_starttls_comes_before_the_password(
    start_mail: Any, serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    """The server asks for TLS before a login, gets both, and the mail."""
    server = start_mail(tls_context=serving, require_starttls=True, auth_require_tls=True)
    own = settings(server, Security.STARTTLS, user="me", password=SecretName("MAIL"))
    assert send(own, PASSWORD, trusting) == {}
    assert server.logins == [PASSWORD.encode()]
    assert server.envelopes == [(True, ["ann@msp.example", "bob@msp.example"])]


def test_a_server_without_starttls_gets_nothing(start_mail: Any, trusting: ssl.SSLContext) -> None:
    """Neither the password nor the mail goes over an open line."""
    server = start_mail()
    own = settings(server, Security.STARTTLS, user="me", password=SecretName("MAIL"))
    with pytest.raises(PipelineError, match="does not offer STARTTLS") as caught:
        send(own, PASSWORD, trusting)
    assert caught.value.category is Category.SETTINGS
    assert (server.logins, server.mails) == ([], [])


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_certificate_nobody_vouches_for_gets_nothing(
    start_mail: Any, serving: ssl.SSLContext, security: Security
) -> None:
    """By default only certificates that this machine trusts are talked to."""
    wrapped = {"ssl_context": serving} if security is Security.TLS else {"tls_context": serving}
    server = start_mail(**wrapped) if security is Security.STARTTLS else start_mail()
    own = settings(server, security, user="me", password=SecretName("MAIL"))
    with pytest.raises(PipelineError, match="trusted encryption"):
        send(own, PASSWORD)
    assert (server.logins, server.mails) == ([], [])


def test_a_refused_login_is_said_without_the_password(start_mail: Any) -> None:
    """Wrong password: whose settings to correct, and not a letter of it."""
    server = start_mail()
    own = settings(server, user="me", password=SecretName("MAIL"))
    with pytest.raises(PipelineError, match=r"refused user name and password \(535\)") as caught:
        send(own, "wrongSECRET")
    assert caught.value.category is Category.CREDENTIALS
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert server.mails == []


def test_a_server_that_is_not_there(start_mail: Any) -> None:
    """One sentence, and it may work later."""
    own = replace(settings(start_mail()), port=9)
    with pytest.raises(PipelineError, match="could not be reached") as caught:
        send(own)
    assert caught.value.is_transient
