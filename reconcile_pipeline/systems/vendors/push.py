"""Push: counts that scripts send to this machine, for vendors that no module of ours reads.

Turns an inbox into documents to land, for the month that is being pulled. What scripts may send,
and how it is kept, is the push room's and the inbox's; this module calls nobody.
"""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

from reconcile_pipeline.http import SinglePage
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Document, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import bare_list, choice, whole_number
from reconcile_pipeline.systems.vendors.push_inbox import Inbox
from reconcile_pipeline.systems.vendors.push_state import Cell, Reading, Standing, standing

KIND = "push"
ZERO, STALE = "zero", "stale"
NOT_COUNTED = "no_counts_pushed_this_month"
FIELDS = (
    Field(
        "inbox",
        "Where pushed counts are kept; relative to this file, one for each integration. Back it"
        " up: it also holds the keys' fingerprints.",
        example="inbox/my_edr.sqlite",
    ),
    Field(
        "absent",
        "What it means that a whole run of a script does not name a customer it named before:"
        " zero (scripts of the compatible API never post a zero), or stale: the last count is"
        " kept and marked.",
        default=ZERO,
        example=ZERO,
    ),
    Field(
        "run_gap_minutes",
        "A run of single count posts counts as ended when nothing came for so long, or with its"
        " first post that is not no_build=true.",
        kind="number",
        default=60,
        example="60",
    ),
)


@runtime_checkable
class FolderAccount(Account, Protocol):
    """An account that also knows the folder which relative paths start from."""

    folder: Path


def inbox_of(account: Account) -> Inbox:
    """The inbox of a configured integration, which may not have been made yet."""
    if not isinstance(account, FolderAccount):
        raise TypeError("an inbox needs an account that knows its folder")
    return Inbox(account.folder / account.text("inbox"))


def reading_of(account: Account, period: str, now: datetime) -> Reading:
    """How the account's settings want its pushes to be understood."""
    return Reading(
        period,
        now.astimezone(UTC),
        timedelta(minutes=whole_number(account, "run_gap_minutes", 1, 24 * 60)),
        absent_is_zero=choice(account, "absent", (ZERO, STALE)) == ZERO,
    )


def streams(_account: Account, _on: date) -> list[Stream]:
    """Declare what an inbox is landed as: accounts, services, counts, and what is not counted."""
    counts = Stream(
        name="counts",
        paginator=SinglePage,
        records=bare_list,
        key="pair",
        required=("account_id", "service_id", "quantity", "as_of", "basis"),
        account="account_id",
    )
    others = [
        Stream(name=name, paginator=SinglePage, records=bare_list, key=key, is_guarded=False)
        for name, key in (
            ("accounts", "account_id"),
            ("services", "service_id"),
            ("rejected", "pair"),
        )
    ]
    return [counts, *others]


def read(account: Account, on: date, now: datetime) -> list[Document]:
    """Read what was pushed for the month of `on`.

    Returns:
        `counts`, `accounts` and `services` always; `rejected` only if earlier months had pairs
        of which this one says nothing.

    Raises:
        PipelineError: `incomplete`, if nothing was pushed for the month yet, a script is still
            pushing, or its last run lost more than half of its counts.
    """
    reading = reading_of(account, f"{on:%Y-%m}", now)
    inbox = inbox_of(account)
    if not inbox.exists:
        raise PipelineError(
            f"No counts have been pushed for {reading.period} yet: {account.name} has no keys.",
            next_step=f"Make them with: reconcile push keys {account.name}; then run the script.",
            category=Category.INCOMPLETE,
            system=account.name,
        )
    with inbox.reading() as connection:
        found = standing(connection, reading)
    if found.problem is not None:
        raise PipelineError(
            f"{account.name}: {found.problem.message}",
            next_step=found.problem.next_step.replace("NAME", account.name),
            category=found.problem.category,
            system=account.name,
        )
    return _documents(found, inbox.path.name)


def _documents(found: Standing, name: str) -> list[Document]:
    counts = [
        {**_record(pair, cell), "basis": str(cell.basis)}
        for pair, cell in sorted(found.cells.items())
    ]
    rejected = [
        {**_record(pair, cell), "reason": NOT_COUNTED}
        for pair, cell in sorted(found.earlier.items())
    ]
    documents = [
        Document("counts", name, counts),
        Document("accounts", name, _accounts(found)),
        Document("services", name, _services(found)),
    ]
    return [*documents, Document("rejected", name, rejected)] if rejected else documents


def _record(pair: tuple[str, str], cell: Cell) -> Record:
    account_id, service_id = pair
    return {
        # Ids are free text: only JSON keeps ["a|b", "c"] and ["a", "b|c"] apart.
        "pair": json.dumps(pair, ensure_ascii=False),
        "account_id": account_id,
        "service_id": service_id,
        "quantity": f"{cell.quantity:f}",
        "as_of": cell.as_of,
        "pushed_at": cell.pushed_at,
        "batch_id": cell.batch_id,
        "row_no": cell.row_no,
    }


def _accounts(found: Standing) -> list[Record]:
    spoken_for = found.spoken_for()
    return [
        {
            "account_id": row["account_id"],
            "name": row["name"],
            "excluded_reason": None if row["account_id"] in spoken_for else NOT_COUNTED,
        }
        for row in found.accounts
    ]


def _services(found: Standing) -> list[Record]:
    return [
        {
            "service_id": row["service_id"],
            "name": row["name"],
            "unit": row["unit"],
            "is_absence_unknown": row["service_id"] not in found.covered,
        }
        for row in found.services
    ]


PUSH = System(
    kind=KIND,
    title="Push API",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    read=read,
    capabilities={
        "counts": "Takes the counts that your own scripts send to `reconcile push serve`, by"
        " Gradient's vendor API or as one snapshot.",
        "zero": "A count that is not sent is zero only after a full snapshot or a whole run;"
        " otherwise it is unknown.",
        "freshness": "Only what was pushed for the month counts; a pull reads nothing anew.",
    },
)
