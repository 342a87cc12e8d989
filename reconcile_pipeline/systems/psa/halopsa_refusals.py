"""What a HaloPSA refusal means: wrong application, missing scope, missing role, or its own words.

Only words; no call is made here.
"""

from http import HTTPStatus
from typing import Any

from reconcile_pipeline.http import ApiClient, ApiError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account
from reconcile_pipeline.systems.reading import at, first_text

PERMISSIONS = {
    "clients": "role Clients: Read Only, scope read:customers",
    "contracts": "role Client Contracts: Read and Modify, scope read:contracts",
    "recurring_invoices": "role Invoices: Read, Create and Modify, scope read:invoices",
    "items": "role Items: Read and Modify, scope read:items",
}
"""By stream: what the agent's role and the application's permissions both have to allow."""

PATHS = {
    "clients": "/Client",
    "contracts": "/ClientContract",
    "recurring_invoices": "/RecurringInvoice",
    "items": "/Item",
}
"""By stream: the path of its list."""

PARTLY_APPLIED = 599
"""Stands for 200 with a warning. No real status: whoever reads it finds nothing about it, and like
all errors of a server it says that a change may or may not have been applied."""


def stands_for(data: Any) -> int:  # noqa: ANN401 - a JSON value
    """Return the status an answer stands for: a saved record with a warning is no success."""
    return PARTLY_APPLIED if _warning(data) else HTTPStatus.OK


def _warning(data: object) -> str | None:
    records = data if isinstance(data, list) else [data]
    return first_text(*(at(record, "_warning") for record in records))


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return HaloPSA's own words, in any of the shapes it refuses in."""
    errors = at(data, "errors")
    return first_text(
        at(data, "Message"),
        at(data, "errorMessage"),
        " ".join(each for each in errors if isinstance(each, str))
        if isinstance(errors, list)
        else None,
        at(data, "error_description"),
        at(data, "error"),
        at(data, "message"),
        _warning(data),
    )


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Turn a refusal into what a person has to do about it; returns the error to raise."""
    if not isinstance(error, ApiError):
        return error
    if error.category is Category.CREDENTIALS and "/token " in error.message:
        return _wrong_application(account, error)
    if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _missing_permission(account, error)
    if error.status == HTTPStatus.NOT_FOUND:
        return _no_api(account)
    return error


def stream_of(message: str) -> str | None:
    """Return the stream whose path an error message names."""
    return next((stream for stream, path in PATHS.items() if f" {path} " in message), None)


def _wrong_application(account: Account, error: ApiError) -> PipelineError:
    if "scope" in error.message.casefold():
        return PipelineError(
            f"HaloPSA refuses a permission that {account.name} asks for.",
            next_step="Give the application every permission named in 'scope' (Configuration >"
            " Integrations > HaloPSA API > View Applications), or take it out of 'scope'.",
            category=Category.CREDENTIALS,
            system=account.name,
        )
    return PipelineError(
        f"HaloPSA refuses the application of {account.name}: its id, its secret or its agent.",
        next_step="Look at it under Configuration > Integrations > HaloPSA API > View"
        " Applications: method Client ID and Secret (Services), login type Agent, the agent"
        " active. Then put a new secret into .env, and check 'tenant'.",
        category=Category.CREDENTIALS,
        system=account.name,
    )


def _missing_permission(account: Account, error: ApiError) -> PipelineError:
    """401 as well: a new token was fetched and refused too, so it is no token that ended."""
    stream = stream_of(error.message) or ""
    needed = PERMISSIONS.get(stream, "; ".join(PERMISSIONS.values()))
    return PipelineError(
        f"HaloPSA refuses the agent of {account.name} to read"
        f" {stream.replace('_', ' ') or 'this list'}.",
        next_step=f"Allow it to the agent and to the application alike: {needed}.",
        category=Category.PERMISSION,
        system=account.name,
    )


def _no_api(account: Account) -> PipelineError:
    return PipelineError(
        f"There is no HaloPSA API at the address of {account.name}.",
        next_step=f"Set resource_url in [systems.{account.name}] to the Resource Server of the page"
        " Configuration > Integrations > HaloPSA API > API Details.",
        category=Category.SETTINGS,
        system=account.name,
    )
