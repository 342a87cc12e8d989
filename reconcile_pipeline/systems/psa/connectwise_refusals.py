"""What a ConnectWise refusal means: unknown company, wrong keys, moved API, missing permission.

Only words and one unauthenticated look-up; nothing here reads business data.
"""

import logging
import re
from typing import Any
from urllib.parse import quote

from reconcile_pipeline.http import ApiClient, ApiError, Limits, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account
from reconcile_pipeline.systems.reading import at, first_text

logger = logging.getLogger(__name__)

_TABLE_SETUP = "System > Table Setup: Inquire, with Customize allowing"
PERMISSIONS = {
    "companies": "Companies > Company Maintenance: Inquire, All",
    "company_statuses": f"{_TABLE_SETUP} 'Company / Company Status'",
    "company_types": f"{_TABLE_SETUP} 'Company / Company Type'",
    "billing_cycles": f"{_TABLE_SETUP} 'Invoicing / Billing Cycle'",
    "agreement_types": "Finance > Agreements: Inquire, All, with Customize allowing every"
    " agreement type",
    "agreements": "Finance > Agreements: Inquire, All, with Customize allowing every agreement"
    " type",
    "catalogue": "Procurement > Product Catalog and Products: Inquire, All",
    "additions": "Finance > Agreements: Inquire, All",
}
"""By stream: what the API member's security role has to allow."""

_STREAM_OF_PATH = {
    "/company/companies": "companies",
    "/company/companies/statuses": "company_statuses",
    "/company/companies/types": "company_types",
    "/finance/billingCycles": "billing_cycles",
    "/finance/agreements": "agreements",
    "/finance/agreements/types": "agreement_types",
    "/finance/agreements/{id}/additions": "additions",
    "/procurement/catalog": "catalogue",
}
_CODEBASE = re.compile(r"[A-Za-z0-9_.\-]+/?")
_FORBIDDEN, _UNAUTHORIZED, _NOT_FOUND = 403, 401, 404


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return ConnectWise's own words for a refusal, its first detail included."""
    errors = at(data, "errors")
    detail = at(errors[0], "message") if isinstance(errors, list) and errors else None
    message = first_text(at(data, "message"))
    if message and isinstance(detail, str) and detail not in message:
        return first_text(f"{message} {detail}")
    return message or first_text(detail, at(data, "code"))


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Turn a refusal into what a person has to do about it; returns the error to raise."""
    if not isinstance(error, ApiError):
        return error
    stream = stream_of(error.message)
    if error.status == _FORBIDDEN:
        return _missing_permission(account, error, stream)
    if error.status == _NOT_FOUND and stream == "additions":
        return _vanished(account)
    if error.status in (_UNAUTHORIZED, _NOT_FOUND):
        return await _after_company_info(account, error)
    return error


def stream_of(message: str) -> str | None:
    """Return the stream whose path an error message names; the longest path wins."""
    for path in sorted(_STREAM_OF_PATH, key=len, reverse=True):
        if path in message:
            return _STREAM_OF_PATH[path]
    return None


def _missing_permission(account: Account, error: ApiError, stream: str | None) -> PipelineError:
    needed = PERMISSIONS.get(stream or "", "Inquire, All, for everything the documentation lists")
    return PipelineError(
        f"ConnectWise refuses the API member of {account.name} to read"
        f" {(stream or 'this list').replace('_', ' ')}.",
        next_step=f"Let its security role allow: {needed}.",
        category=Category.PERMISSION,
        system=error.system,
    )


def _vanished(account: Account) -> PipelineError:
    return PipelineError(
        f"An agreement in {account.name} was deleted while its additions were being read.",
        next_step="Run the pull again; the last complete pull stays in use until then.",
        category=Category.INCOMPLETE,
        system=account.name,
    )


async def _after_company_info(account: Account, error: ApiError) -> PipelineError:
    """Ask the site, without credentials, whether it knows the company and where its API is."""
    company = account.text("company_id")
    request = Request(
        f"/login/companyinfo/{quote(company, safe='')}", template="/login/companyinfo/{companyId}"
    )
    try:
        async with ApiClient(
            system=account.name, base_url=account.text("base_url"), limits=Limits(attempts=2)
        ) as site:
            info = (await site.get(request)).data
    except PipelineError as failure:
        # The look-up only makes the first error plainer; that one is what must be reported.
        logger.info("company info of %s could not be read: %s", account.name, failure.message)
        return error
    if info is None:
        return PipelineError(
            f"ConnectWise does not know the company id {company!r}.",
            next_step=f"Correct company_id in [systems.{account.name}]: it is what you type at the"
            " ConnectWise login.",
            category=Category.CREDENTIALS,
            system=account.name,
        )
    if error.status == _UNAUTHORIZED:
        return PipelineError(
            f"ConnectWise knows the company id {company!r} but refuses the keys of {account.name}.",
            next_step="Make a new pair under System > Members > API Members > API Keys and check"
            " the client id; put all three into .env.",
            category=Category.CREDENTIALS,
            system=account.name,
        )
    return _moved(account, error, at(info, "Codebase"))


def _moved(account: Account, error: ApiError, codebase: object) -> PipelineError:
    if not isinstance(codebase, str) or not _CODEBASE.fullmatch(codebase):
        return error
    if codebase.strip("/") == account.text("codebase").strip("/"):
        return error
    return PipelineError(
        f"ConnectWise has moved its API: the codebase is now {codebase!r}, not"
        f" {account.text('codebase')!r}.",
        next_step=f'Set codebase = "{codebase}" in [systems.{account.name}].',
        category=Category.SETTINGS,
        system=account.name,
    )
