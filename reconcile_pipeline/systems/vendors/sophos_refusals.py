"""What Sophos Central's refusals mean to a billing manager: wrong kind of key, no report yet.

No calls are made here.
"""

import re
from typing import Any

from reconcile_pipeline.http import ApiClient, ApiError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account, Record
from reconcile_pipeline.systems.reading import advised, at, bare_list, first_text

_NOT_FOUND = 404
_REPORT = re.compile(r"/billing/usage/(?P<year>\d{4})/(?P<month>\d{1,2})\b")
MAKE_CREDENTIALS = (
    "In Sophos Central Partner (not in a customer's Central Admin) open Settings & Policies > API"
    " Credentials, add a credential, and put its client id and secret into the settings."
)
_OWNERS = {"tenant": "one customer", "organization": "one enterprise"}


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Sophos's own words for a refusal; token calls have a shape of their own."""
    return first_text(at(data, "message"), at(data, "error"), at(data, "errorCode"))


def whoami_record(data: object) -> list[Record]:
    """Return who the credentials belong to, as a list of one.

    Raises:
        PipelineError: `credentials`, unless that is a partner: only a partner sees all customers.
    """
    records = bare_list([data])
    kind = records[0].get("idType")
    if isinstance(kind, str) and kind != "partner":
        owner = _OWNERS.get(kind, f"a {kind}")
        raise PipelineError(
            f"The Sophos credentials belong to {owner}, not to the partner: they can't list your"
            " customers or the usage report.",
            next_step=MAKE_CREDENTIALS,
            category=Category.CREDENTIALS,
        )
    return records


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a Sophos refusal usually is: a report that is not made yet, or the wrong portal."""
    if not isinstance(error, ApiError):
        return error
    report = _REPORT.search(error.message)
    if error.status == _NOT_FOUND and report:
        return PipelineError(
            f"Sophos Central has no usage report for {report['year']}-{int(report['month']):02}"
            " yet. No report is not zero usage: nothing of this pull is used.",
            next_step="Pull again when Sophos has made the report; the last complete pull stays in"
            ' use. Last month\'s report is read with usage_month = "previous".',
            category=Category.INCOMPLETE,
            system=account.name,
        )
    if error.category in (Category.CREDENTIALS, Category.PERMISSION):
        return advised(error, account, MAKE_CREDENTIALS)
    return error
