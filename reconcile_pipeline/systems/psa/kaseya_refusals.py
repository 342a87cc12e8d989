"""What a refusal of Kaseya BMS or Pulseway PSA means, and what a person has to do about it.

The API answers most refusals with status 200 and `success: false`; `stands_for` tells which status
such a body stands for. No further call is made to find out more.
"""

from typing import Any

from reconcile_pipeline.http import ApiClient, ApiError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account
from reconcile_pipeline.systems.psa.kaseya_reading import named
from reconcile_pipeline.systems.reading import advised, first_text

PERMISSIONS = {
    "accounts": "CRM > Accounts: view",
    "contracts": "Finance > Contracts: view",
    "services": "Admin > Finance > Services: view",
    "account_contracts": "Finance > Contracts: view",
    "invoices": "Finance > Invoices: view",
    "invoice_lines": "Finance > Invoices: view",
    "contract_lines": "Finance > Contracts: view",
}
"""What the security role of the API employee has to allow, by list; names as far as known."""

_STREAM_OF_TEMPLATE = {
    "/v2/crm/accounts/summary": "accounts",
    "/v2/finance/contracts/summary": "contracts",
    "/v2/admin/finance/services/lookup": "services",
    "/v2/finance/contracts/lookup": "account_contracts",
    "/v2/finance/invoices/summary": "invoices",
    "/v2/finance/invoices/{id}": "invoice_lines",
    "/v2/finance/contracts/recurringservices/{id}/services": "contract_lines",
}
_OK, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 400, 401, 403, 404
_TOLD_BY_CODE = frozenset({_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, 429})


def stands_for(data: Any) -> int:  # noqa: ANN401 - a JSON value
    """Return the status that a 200 body stands for: 200 unless it says `success: false`."""
    if named(data, "success") is not False:
        return _OK
    code = named(named(data, "error"), "code")
    # Any other code is the vendor's own; asking again would not change the answer.
    return code if code in _TOLD_BY_CODE else _BAD_REQUEST


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return the vendor's own words: message and details, or the first of `subErrors`."""
    error = named(data, "error")
    if not isinstance(error, dict):
        return first_text(error, named(data, "message"))
    message = first_text(named(error, "message"))
    details = named(error, "subErrors")
    detail = first_text(named(error, "details"), *(details if isinstance(details, list) else ()))
    if message and detail and detail not in message:
        return first_text(f"{message} {detail}")
    return message or detail


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Turn a refusal into what a person has to do about it; returns the error to raise."""
    if not isinstance(error, ApiError):
        return error
    stream = stream_of(error.message)
    if error.category is Category.CREDENTIALS:
        return _wrong_login(account, error)
    if error.status == _FORBIDDEN:
        return _missing_permission(account, error, stream)
    if error.status == _NOT_FOUND and stream == "contract_lines":
        return _not_published(account)
    if error.status == _NOT_FOUND and stream in ("invoice_lines", "account_contracts"):
        return _vanished(account, stream)
    return error


def stream_of(message: str) -> str | None:
    """Return the list whose path an error message names; the longest path wins."""
    for path in sorted(_STREAM_OF_TEMPLATE, key=len, reverse=True):
        if path in message:
            return _STREAM_OF_TEMPLATE[path]
    return None


def _wrong_login(account: Account, error: ApiError) -> PipelineError:
    return advised(
        error,
        account,
        f"Check username, password and tenant in [systems.{account.name}]: a wrong"
        " company is refused like a wrong password. A new API employee must first set a password"
        " through the e-mailed link.",
        category=Category.CREDENTIALS,
    )


def _missing_permission(account: Account, error: ApiError, stream: str | None) -> PipelineError:
    needed = PERMISSIONS.get(stream or "", "what the guide lists")
    return PipelineError(
        f"{account.name}: the API employee may not read"
        f" {(stream or 'this list').replace('_', ' ')}.",
        next_step=f"Let its security role allow: {needed}, and Special Features > Has API Access.",
        category=Category.PERMISSION,
        system=error.system,
    )


def _vanished(account: Account, stream: str) -> PipelineError:
    what = "An invoice" if stream == "invoice_lines" else "An account"
    return PipelineError(
        f"{what} in {account.name} was deleted while the lists were being read"
        f" ({stream.replace('_', ' ')}).",
        next_step="Run the pull again; the last complete pull stays in use until then.",
        category=Category.INCOMPLETE,
        system=account.name,
    )


def _not_published(account: Account) -> PipelineError:
    return PipelineError(
        f"{account.name} does not know the unpublished call for the lines of a contract.",
        next_step=f"Set assume_unpublished_line_calls = false in [systems.{account.name}]:"
        " quantities then come from the last invoice.",
        category=Category.SETTINGS,
        system=account.name,
    )
