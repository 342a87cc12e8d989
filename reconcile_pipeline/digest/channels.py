"""The channels that [notify] sets up: each takes a letter, or says in one sentence why not.

Looks secrets up when a letter goes out. No address of a webhook and no word of the other side's
answer gets into a message.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from reconcile_pipeline.digest.email import mail, send_mail
from reconcile_pipeline.digest.slack import slack_message
from reconcile_pipeline.digest.teams import teams_message
from reconcile_pipeline.digest.words import Letter
from reconcile_pipeline.http import ApiError, Certainty, ChangeError, WebhookClient
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.settings_checks import SecretName
from reconcile_pipeline.settings_notify import EmailSettings

_LATER = "Send it again later with `reconcile digest`; its event's next turn tries it, too."


class UnsureError(PipelineError):
    """The letter may have arrived: sending it again could tell people twice."""


@dataclass(frozen=True)
class Posting:
    """One letter on its way."""

    letter: Letter
    message_id: str
    now: datetime


@dataclass(frozen=True)
class Channel:
    """A way to people. `deliver` returns what is worth noting, or "".

    It raises `PipelineError`, and `UnsureError` where the letter may have arrived all the same.
    """

    name: str
    deliver: Callable[[Posting], Awaitable[str]]


def channels_of(settings: Settings) -> list[Channel]:
    """The channels that are set up; no secret is looked up here."""
    notify = settings.notify
    found = []
    if notify.slack:
        found.append(_webhook(settings, "Slack", notify.slack, slack_message))
    if notify.teams:
        found.append(_webhook(settings, "Teams", notify.teams, teams_message))
    if notify.email:
        found.append(_mail(settings, notify.email))
    return found


def _webhook(
    settings: Settings, name: str, secret: SecretName, body: Callable[[Letter], dict[str, Any]]
) -> Channel:
    async def deliver(posting: Posting) -> str:
        try:
            async with WebhookClient(name=name, url=_look_up(settings, secret)) as client:
                await client.post(body(posting.letter))
        except ApiError as error:
            # Not chained: what the HTTP library raised holds the address.
            raise _explained(name, secret, error) from None
        return ""

    return Channel(name.lower(), deliver)


def _mail(settings: Settings, email: EmailSettings) -> Channel:
    async def deliver(posting: Posting) -> str:
        password = _look_up(settings, email.password) if email.password else None
        message = mail(posting.letter, email, message_id=posting.message_id, now=posting.now)
        refused = await asyncio.to_thread(send_mail, message, email, password=password)
        return f"{len(refused)} of {len(email.to)} addresses were refused." if refused else ""

    return Channel("email", deliver)


def _look_up(settings: Settings, secret: SecretName) -> str:
    found = settings.secrets.find(secret.variable)
    if found is None:
        raise PipelineError(
            f"The variable {secret.variable}, which [notify] names, is not set.",
            next_step=f"Put {secret.variable}=... into {settings.path.parent / '.env'}, or take"
            " it out of [notify].",
            category=Category.SETTINGS,
        )
    return found


def _explained(name: str, secret: SecretName, error: ApiError) -> PipelineError:
    if error.category is Category.SETTINGS:
        return PipelineError(
            f"{name}: the variable {secret.variable} holds no webhook's address.",
            next_step=f"Copy the address from {name} again, https:// and all.",
            category=Category.SETTINGS,
        )
    if error.status is not None:
        return _refused(name, secret, error, error.status)
    if isinstance(error, ChangeError) and error.certainty is Certainty.UNKNOWN:
        return UnsureError(
            f"{name} was sent the digest and gave no answer: it may have arrived.",
            next_step=f"Look into {name}. It is not sent again by itself.",
            category=Category.UNREACHABLE,
        )
    return PipelineError(
        f"{name} could not be reached.",
        next_step=f"Check this machine's network, and the address in {secret.variable}. {_LATER}",
        category=Category.UNREACHABLE,
        is_transient=True,
    )


def _refused(name: str, secret: SecretName, error: ApiError, status: int) -> PipelineError:
    said = f"{name} refused the digest with {status}"
    if error.is_transient:
        what = "takes no more messages now" if error.category is Category.RATE_LIMIT else "is down"
        return PipelineError(
            f"{said}, also when asked again: it {what}.",
            next_step=_LATER,
            category=error.category,
            is_transient=True,
        )
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
        step = f"Check the address in {secret.variable}; if it is right, report this."
    else:
        step = f"Make the webhook anew in {name}, and put its address into {secret.variable}."
    return PipelineError(f"{said}.", next_step=step, category=error.category)
