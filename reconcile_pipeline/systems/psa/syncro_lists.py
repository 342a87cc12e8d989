"""How Syncro's lists go on and end, and which schedules have to be asked for their lines.

Customers announce their pages; schedules and products may not, and the length of a page is no
promise. No settings and no refusals here.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from reconcile_pipeline.http import Reply, Request
from reconcile_pipeline.http.paginators import with_params
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Child, Record
from reconcile_pipeline.systems.reading import at, count_at, list_under

MOST_DECIMALS = 4


class SyncroPages:
    """Numbered pages of a length that only the server knows.

    Ends with the announced number of pages where there is one; else at an empty page: a short one
    could be a smaller page length, or a page of which something was held back.
    """

    is_by_place = True

    def __init__(self) -> None:
        self._page = 1

    def first(self, request: Request) -> Request:
        """Ask for the first page."""
        self._page = 1
        return with_params(request, page="1")

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:
        """Go on until the list has proved that it is over."""
        total = self.expected_pages(reply)
        if self._page >= total if total is not None else count == 0:
            return None
        self._page += 1
        return with_params(request, page=str(self._page))

    def expected_pages(self, reply: Reply) -> int | None:
        """Read the announced number of pages, where it is announced."""
        return count_at(reply.data, "meta.total_pages")

    def following(self, request: Request, reply: Reply, count: int) -> Iterable[Request]:  # noqa: ARG002
        """Count up to the announced number of pages, where it is announced."""
        total = self.expected_pages(reply) or 1
        return (with_params(request, page=str(number)) for number in range(2, total + 1))


def announced(data: object) -> int | None:
    """Return the total a page claims, where it claims one."""
    return count_at(data, "meta.total_entries")


def read_schedules(data: object) -> list[Record]:
    """Return a page of schedules whose lines can be used; `shape` if not."""
    schedules = list_under("schedules")(data)
    for schedule in schedules:
        check_lines(schedule)
    return schedules


def read_schedule(data: object) -> list[Record]:
    """Return the one schedule of a detail answer, with its lines; `shape` if it is none."""
    schedule = at(data, "schedule")
    if not isinstance(schedule, dict):
        raise _shape("Syncro answered without the schedule that was asked for")
    check_lines(schedule)
    return [schedule]


def check_lines(schedule: Record) -> None:
    """Refuse lines whose quantity is no number: it must never pass for zero."""
    lines = schedule.get("lines")
    if lines is None:
        return
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise _shape(f"Syncro sent schedule {schedule.get('id')} with lines that are no list")
    for line in lines:
        if line.get("id") is None or quantity_of(line) is None:
            raise _shape(
                f"Syncro sent line {line.get('id')} of schedule {schedule.get('id')} whose quantity"
                " is no number of up to four decimals"
            )


def quantity_of(line: Record) -> Decimal | None:
    """Return a line's quantity, which comes as a text; None for what is no number."""
    value = line.get("quantity")
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        quantity = Decimal(value)
    except InvalidOperation:
        return None
    is_exact = quantity.is_finite() and quantity == round(quantity, MOST_DECIMALS)
    return quantity if is_exact else None


def without_lines(schedule: Record) -> Record:
    """Return what is asked of a schedule later: whether it is paused and whether it has lines."""
    return {
        "id": schedule["id"],
        "paused": schedule["paused"],
        "lines": bool(schedule.get("lines")),
    }


def plan_schedules(earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
    """Say of each schedule whether its list row tells its lines, or why it is not asked.

    Whether list rows hold all lines is not documented, so no list row without lines is believed.
    """
    return [
        {"schedule_id": row["id"], "is_asked": not row.get("lines") and row["paused"] is False}
        for row in earlier["schedules"]
    ]


def ask_schedules(earlier: Mapping[str, Sequence[Record]]) -> list[Child]:
    """One sub-call for each schedule whose list row held no line."""
    return [
        Child(
            parent_id=str(row["schedule_id"]),
            request=Request(f"/schedules/{row['schedule_id']}", template="/schedules/{id}"),
        )
        for row in earlier["schedule_scope"]
        if row["is_asked"]
    ]


def _shape(what: str) -> PipelineError:
    return PipelineError(
        f"{what}.",
        next_step="Nothing of this pull is used. Look at the schedule in Syncro; if it is right"
        " there, report the changed format to this project.",
        category=Category.SHAPE,
    )
