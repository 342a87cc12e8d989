"""What a Syncro refusal means: a wrong token, a missing permission, or its own words.

Only words; no call is made here.
"""

from http import HTTPStatus
from typing import Any

from reconcile_pipeline.http import ApiClient, ApiError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account
from reconcile_pipeline.systems.reading import at, first_text

PERMISSIONS = {
    "customers": "Customers - List/Search",
    "products": "Products - List/Search",
    "schedules": "Recurring Invoices - List",
    "schedule_details": "Recurring Invoices - List",
}
"""By stream: what the token has to allow."""

PATHS = {
    "customers": "/customers",
    "products": "/products",
    "schedules": "/schedules",
    "schedule_details": "/schedules/{id}",
}
"""By stream: the path of its list."""


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Syncro's own words, in any of the shapes it refuses in."""
    errors = at(data, "errors")
    if isinstance(errors, dict):
        errors = [f"{name} {_joined(words)}" for name, words in errors.items()]
    return first_text(_joined(at(data, "error")), _joined(at(data, "message")), _joined(errors))


def _joined(words: object) -> str | None:
    if isinstance(words, list):
        return " ".join(word for word in words if isinstance(word, str))
    return words if isinstance(words, str) else None


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Turn a refusal into what a person has to do about it; returns the error to raise."""
    if not isinstance(error, ApiError):
        return error
    if error.status == HTTPStatus.UNAUTHORIZED:
        return _wrong_token(account)
    if error.status == HTTPStatus.FORBIDDEN:
        return _missing_permission(account, error)
    if error.status == HTTPStatus.NOT_FOUND:
        return _no_api(account)
    return error


def stream_of(message: str) -> str | None:
    """Return the stream whose path an error message names."""
    return next((stream for stream, path in PATHS.items() if f" {path} " in message), None)


def _wrong_token(account: Account) -> PipelineError:
    return PipelineError(
        f"Syncro refuses the API token of {account.name}: it is wrong, or it has expired.",
        next_step="Make a new one under Admin > API Tokens, without an expiration, and put it into"
        " .env as SYNCRO_API_TOKEN.",
        category=Category.CREDENTIALS,
        system=account.name,
    )


def _missing_permission(account: Account, error: ApiError) -> PipelineError:
    stream = stream_of(error.message) or ""
    needed = PERMISSIONS.get(stream, "; ".join(dict.fromkeys(PERMISSIONS.values())))
    return PipelineError(
        f"Syncro refuses the API token of {account.name} to read"
        f" {stream.replace('_', ' ') or 'this list'}.",
        next_step=f"Allow it under Admin > API Tokens: {needed}.",
        category=Category.PERMISSION,
        system=account.name,
    )


def _no_api(account: Account) -> PipelineError:
    return PipelineError(
        f"There is no Syncro API at the address of {account.name}.",
        next_step=f"Check subdomain in [systems.{account.name}]: the first part of the address you"
        " log in to.",
        category=Category.SETTINGS,
        system=account.name,
    )
