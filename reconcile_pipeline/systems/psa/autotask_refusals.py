"""What an Autotask refusal means: wrong keys, missing permission, too many threads, or its words.

Only words; no call is made here.
"""

from typing import Any

from reconcile_pipeline.http import ApiClient, ApiError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account
from reconcile_pipeline.systems.reading import at, first_text

_CONTRACTS = "Contracts: Full"
_INVENTORY = "Inventory, Products & Services: view all"
PERMISSIONS = {
    "companies": "CRM: view all companies of type Customer and Cancelation",
    "contracts": _CONTRACTS,
    "contract_services": _CONTRACTS,
    "contract_service_units": _CONTRACTS,
    "contract_service_bundles": _CONTRACTS,
    "contract_service_bundle_units": _CONTRACTS,
    "services": _INVENTORY,
    "service_bundles": _INVENTORY,
}
"""By stream: what the API user's security level has to allow."""

PATHS = {
    "companies": "/Companies/query",
    "contracts": "/Contracts/query",
    "contract_services": "/ContractServices/query",
    "contract_service_units": "/ContractServiceUnits/query",
    "contract_service_bundles": "/ContractServiceBundles/query",
    "contract_service_bundle_units": "/ContractServiceBundleUnits/query",
    "services": "/Services/query",
    "service_bundles": "/ServiceBundles/query",
}
"""By stream: the path of its list."""

_FORBIDDEN, _UNAUTHORIZED, _SERVER_ERROR = 403, 401, 500
_TOO_MANY_THREADS = ("thread threshold", "itgenatr005")
_FAILURES = (
    *_TOO_MANY_THREADS,
    "timeout",
    "timed out",
    "time-out",
    "deadlock",
    "internal server error",
    "unexpected error",
    "an error has occurred",
    "an error occurred",
)
"""Words of a server that failed, rather than said no."""


def explain(status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Autotask's own words: its list of errors, or the message of other refusals."""
    errors = at(data, "errors")
    if isinstance(errors, list):
        return first_text(" ".join(error for error in errors if isinstance(error, str)))
    # A server error's bare message is its framework's, which must not pass for a refusal.
    return None if status >= _SERVER_ERROR else first_text(at(data, "Message"))


def is_refusal(status: int, says: str) -> bool:
    """Tell whether a server error was a no: business rules are answered with status 500.

    Too many threads at once is none: nobody looked at the change, and it may be sent again.
    """
    words = says.casefold()
    return (
        status == _SERVER_ERROR
        and bool(words)
        and not any(failure in words for failure in _FAILURES)
    )


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Turn a refusal into what a person has to do about it; returns the error to raise."""
    if not isinstance(error, ApiError):
        return error
    if error.status == _UNAUTHORIZED:
        return _wrong_keys(account)
    if error.status == _FORBIDDEN:
        return _missing_permission(account, error)
    if any(words in error.message.casefold() for words in _TOO_MANY_THREADS):
        return _too_many_threads(account, error)
    return error


def stream_of(message: str) -> str | None:
    """Return the stream whose path an error message names."""
    return next((stream for stream, path in PATHS.items() if f" {path} " in message), None)


def _wrong_keys(account: Account) -> PipelineError:
    return PipelineError(
        f"Autotask knows the API user of {account.name} but refuses its keys, or has locked it.",
        next_step="Look at the API user under Admin > Resources/Users: is it active and unlocked?"
        " Then generate a new secret, copy the tracking identifier, and put both into .env.",
        category=Category.CREDENTIALS,
        system=account.name,
    )


def _missing_permission(account: Account, error: ApiError) -> PipelineError:
    stream = stream_of(error.message) or ""
    needed = PERMISSIONS.get(stream, "everything the documentation lists")
    return PipelineError(
        f"Autotask refuses the API user of {account.name} to read"
        f" {stream.replace('_', ' ') or 'this list'}.",
        next_step=f"Let its security level allow: {needed}.",
        category=Category.PERMISSION,
        system=account.name,
    )


def _too_many_threads(account: Account, error: ApiError) -> PipelineError:
    return PipelineError(
        f"Autotask refused {account.name} time and again: other programs use the same tracking"
        " identifier at the same time.",
        next_step="Give this software an API user and a tracking identifier of its own, or pull"
        " at a quieter hour.",
        category=Category.RATE_LIMIT,
        system=error.system,
    )
