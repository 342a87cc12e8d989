"""A letter as a mail, and the mail server that takes it: text, and the same as simple HTML.

Encrypted, or to this machine; the server's certificate is checked. What the server says is told by
its code only: its words may repeat what it was sent.
"""

import html
import smtplib
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from reconcile_pipeline.digest.words import Letter, plain_text
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings_notify import EmailSettings, Security

TIMEOUT_SECONDS = 10.0
"""For each answer of the mail server."""
_TROUBLES: tuple[tuple[type[Exception], tuple[str, str, Category]], ...] = (
    (
        smtplib.SMTPAuthenticationError,
        (
            "refused user name and password",
            "Correct smtp_user in [notify] and the password in .env.",
            Category.CREDENTIALS,
        ),
    ),
    (
        smtplib.SMTPRecipientsRefused,
        ("refused every address", "Correct email_to in [notify].", Category.SETTINGS),
    ),
    (
        smtplib.SMTPSenderRefused,
        ("refused the sender", "Correct email_from in [notify].", Category.SETTINGS),
    ),
    (
        smtplib.SMTPNotSupportedError,
        (
            "does not offer STARTTLS or a login, so nothing was sent",
            "Correct smtp_security and smtp_port in [notify].",
            Category.SETTINGS,
        ),
    ),
    (
        smtplib.SMTPResponseException,
        (
            "did not take the mail",
            "Send it again later with `reconcile digest`; if it repeats, ask who runs the server.",
            Category.UNREACHABLE,
        ),
    ),
    (
        ssl.SSLError,
        (
            "could not be talked to in trusted encryption",
            "Check smtp_host, smtp_port and smtp_security in [notify], and its certificate.",
            Category.SETTINGS,
        ),
    ),
)
"""The first kind that fits tells what happened and what to do."""
_UNREACHABLE = (
    "could not be reached, or broke off",
    "Check smtp_host and smtp_port in [notify], and this machine's network.",
    Category.UNREACHABLE,
)


def mail(
    letter: Letter, settings: EmailSettings, *, message_id: str, now: datetime
) -> EmailMessage:
    """Write the mail; `message_id` is the same for the same digest, whoever sends it again."""
    message = EmailMessage()
    message["Subject"] = letter.subject
    message["From"] = Address(addr_spec=settings.sender)
    message["To"] = tuple(Address(addr_spec=address) for address in settings.to)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{message_id}@{settings.sender.rpartition('@')[2]}>"
    # Out-of-office replies would answer to a machine.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(plain_text(letter))
    message.add_alternative(as_html(letter), subtype="html")
    return message


def as_html(letter: Letter) -> str:
    """The letter as a page without styles, pictures or scripts."""
    parts = "".join(
        f"<h2>{html.escape(part.title)}</h2>"
        f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in part.lines)}</ul>"
        for part in letter.parts
    )
    link = f'<p><a href="{html.escape(letter.link)}">Open the review</a></p>' if letter.link else ""
    title = html.escape(letter.subject)
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title></head>'
        f"<body><h1>{title}</h1>{parts}{link}</body></html>"
    )


def send_mail(
    message: EmailMessage,
    settings: EmailSettings,
    *,
    password: str | None,
    context: ssl.SSLContext | None = None,
) -> Mapping[str, object]:
    """Hand the mail over; returns the addresses that were refused while others were taken.

    `context` is how the server's certificate is checked; this machine's trusted ones by default.

    Raises:
        PipelineError: when no address was taken. Never holds the password or the server's words.
    """
    # smtplib's own context, when it is given none, trusts anybody.
    checks = context or ssl.create_default_context()
    try:
        with _connected(settings, checks) as server:
            if settings.security is Security.STARTTLS:
                server.starttls(context=checks)
            if password is not None:
                server.login(settings.user, password)
            return server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        # Not chained: some of these errors quote what was sent.
        raise _explained(error) from None


def _connected(settings: EmailSettings, context: ssl.SSLContext) -> smtplib.SMTP:
    if settings.security is Security.TLS:
        return smtplib.SMTP_SSL(
            settings.host, settings.port, timeout=TIMEOUT_SECONDS, context=context
        )
    return smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_SECONDS)


def _explained(error: Exception) -> PipelineError:
    what, next_step, category = next(
        (told for kind, told in _TROUBLES if isinstance(error, kind)), _UNREACHABLE
    )
    code = f" ({error.smtp_code})" if isinstance(error, smtplib.SMTPResponseException) else ""
    return PipelineError(
        f"The mail server {what}{code}.",
        next_step=next_step,
        category=category,
        is_transient=category is Category.UNREACHABLE,
    )
