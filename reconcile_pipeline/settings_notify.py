"""The table [notify] of reconcile.toml: who is told by chat and by mail, of what, and how openly.

Addresses of webhooks and the mail password are secrets: only the names of their variables stand
here. What a digest says and how it is sent is the digest room's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.settings_checks import SecretName, Table, Value, is_loopback
from reconcile_pipeline.settings_systems import SecretSource
from reconcile_pipeline.systems.base import Field

_ADDRESS = re.compile(r"[^\s@,;:<>()\"\\]+@[^\s@,;:<>()\"\\]+")
_HIGHEST_PORT = 65_535


class Event(StrEnum):
    """What people can be told about."""

    REVIEW_READY = "review_ready"
    """In the month's last week, a run has published cards that wait for a decision."""
    TWO_DAYS_LEFT = "two_days_left"
    """Two days before the month's last day, cards still wait."""
    PULL_FAILED = "pull_failed"
    """A system could not be read, or its pull is quarantined."""
    WRITE_BACK_DONE = "write_back_done"
    """Decided quantities were written into the PSA."""


class Security(StrEnum):
    """How a mail server is talked to."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
    """Unencrypted: a mail server on this machine only."""


NOTIFY_FIELDS = (
    Field(
        "slack_webhook",
        "Address of a Slack incoming webhook; its channel gets the digests.",
        kind="secret",
        default="",
        variable="RECONCILE_SLACK_WEBHOOK",
    ),
    Field(
        "teams_webhook",
        "Address of a Teams workflow that posts to a channel when a webhook request is received.",
        kind="secret",
        default="",
        variable="RECONCILE_TEAMS_WEBHOOK",
    ),
    Field(
        "email_to",
        "Who gets the digests by mail.",
        kind="list",
        default=(),
        example='["billing@yourmsp.example"]',
    ),
    Field(
        "email_from",
        "The sender of those mails.",
        default="",
        example="reconcile@yourmsp.example",
    ),
    Field("smtp_host", "The mail server.", default="", example="smtp.yourmsp.example"),
    Field("smtp_port", "Its port.", kind="number", default=587, example="587"),
    Field(
        "smtp_security",
        "starttls, tls, or none; none only for a mail server on this machine.",
        default="starttls",
        example="starttls",
    ),
    Field(
        "smtp_user", "User name, if it wants one.", default="", example="reconcile@yourmsp.example"
    ),
    Field(
        "smtp_password",
        "Password of smtp_user at your mail server.",
        kind="secret",
        default="",
        variable="RECONCILE_SMTP_PASSWORD",
    ),
    Field(
        "customer_names",
        "Whether digests may name customers and services; otherwise they hold numbers only.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "events",
        "What to tell: review_ready, two_days_left, pull_failed, write_back_done.",
        kind="list",
        default=tuple(Event),
        example='["review_ready", "pull_failed"]',
    ),
)


@dataclass(frozen=True)
class EmailSettings:
    """The mails of digests: who gets them, and the server that takes them."""

    to: tuple[str, ...]
    sender: str
    host: str
    port: int = 587
    security: Security = Security.STARTTLS
    user: str = ""
    password: SecretName | None = None


@dataclass(frozen=True)
class NotifySettings:
    """Where digests go; a channel that is None is not used."""

    slack: SecretName | None = None
    teams: SecretName | None = None
    email: EmailSettings | None = None
    customer_names: bool = False
    events: tuple[Event, ...] = tuple(Event)

    def secret_values(self, secrets: SecretSource) -> set[str]:
        """Return the secrets that can be found now, for redaction; missing ones are left out."""
        password = self.email.password if self.email else None
        names = (self.slack, self.teams, password)
        found: set[str] = set()
        for name in names:
            try:
                value = secrets.find(name.variable) if name else None
            except PipelineError:
                # Nothing to mask then; whoever sends a digest gets the same error, loudly.
                continue
            found |= {value} if value else set()
        return found


def read_notify(table: Table, values: Mapping[str, Value]) -> NotifySettings:
    """Check what the fields alone can't; raises the `settings` error of the first mistake."""
    return NotifySettings(
        slack=_secret(values["slack_webhook"]),
        teams=_secret(values["teams_webhook"]),
        email=_email(table, values) if values["email_to"] else None,
        customer_names=bool(values["customer_names"]),
        events=_events(table, values["events"]),
    )


def _email(table: Table, values: Mapping[str, Value]) -> EmailSettings:
    to, sender, host = values["email_to"], str(values["email_from"]), str(values["smtp_host"])
    user, password = str(values["smtp_user"]), _secret(values["smtp_password"])
    for name in ("email_from", "smtp_host"):
        if not values[name]:
            raise table.refuse(
                f"has email_to and no {name!r}", f"Add {name}, or leave email_to out."
            )
    addresses = to if isinstance(to, tuple) else ()
    for address in (*addresses, sender):
        if not (_ADDRESS.fullmatch(address) and address.isascii() and address.isprintable()):
            raise table.refuse(
                f"holds what is no mail address: {address!r}", "Write it as name@yourmsp.example."
            )
    if bool(user) != (password is not None):
        raise table.refuse(
            "has only one of smtp_user and smtp_password", "Give both, or neither of them."
        )
    security = _security(table, str(values["smtp_security"]), host)
    return EmailSettings(
        addresses, sender, host, _port(table, values["smtp_port"]), security, user, password
    )


def _security(table: Table, name: str, host: str) -> Security:
    if name not in set(Security):
        raise table.refuse(
            f"key 'smtp_security' is none of its values: {name!r}",
            'Write smtp_security = "starttls", or "tls".',
        )
    if name == Security.NONE and not is_loopback(host):
        raise table.refuse(
            "would send mail unencrypted to another machine",
            'Write smtp_security = "starttls" or "tls"; none is for 127.0.0.1 only.',
        )
    return Security(name)


def _port(table: Table, value: Value) -> int:
    if not isinstance(value, float) or not value.is_integer() or not 1 <= value <= _HIGHEST_PORT:
        raise table.refuse(
            f"key 'smtp_port' is not a whole number from 1 to {_HIGHEST_PORT}",
            "Correct it, or leave it out.",
        )
    return int(value)


def _events(table: Table, names: Value) -> tuple[Event, ...]:
    known = ", ".join(Event)
    for name in names if isinstance(names, tuple) else ():
        if name not in set(Event):
            raise table.refuse(
                f"key 'events' holds an unknown event {name!r}", f"The events are: {known}."
            )
    # In our order, each once, however they were written.
    return tuple(event for event in Event if isinstance(names, tuple) and event in names)


def _secret(value: Value) -> SecretName | None:
    return value if isinstance(value, SecretName) else None
