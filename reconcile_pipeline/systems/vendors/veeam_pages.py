"""Veeam Service Provider Console: readers of its pages, strict where a mistake would be a zero.

A page without its total, usage of another day only, or a counter that is no whole number is
refused: nobody could tell it from a customer who uses nothing.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.reading import at, count_at, first_text, list_under
from reconcile_pipeline.systems.vendors.veeam_login import first_error

_LARGEST = 2**63 - 1
_data = list_under("data")


def total(data: object) -> int | None:
    """Return how many records the whole list has, as a page tells."""
    return count_at(data, "meta.pagingInfo.total")


def page_records(data: object) -> list[Record]:
    """Return a page's records; `shape` if it has errors beside them, or no total."""
    records = _data(data)
    if (error := first_error(data)) is not None:
        says = first_text(at(error, "message")) or "no reason"
        raise _unfit(f"Veeam sent errors inside a good answer: {says!r}.")
    if total(data) is None:
        raise _unfit("Veeam sent a page that does not say how many records there are.")
    return records


def usage_of(day: date) -> Callable[[Any], list[Record]]:
    """Return a reader of usage pages, one row per company, location and day.

    Raises:
        PipelineError: `shape`, for a date or a counter that can't be read, or for a page none of
            whose rows is of the day.
    """

    def read(data: object) -> list[Record]:
        records = page_records(data)
        days = set()
        for row in records:
            # What is missing is named with its record, where required fields are checked.
            if row.get("date") is not None:
                days.add(_utc_day(row["date"]))
            for counter in _objects(row.get("counters"), "counters"):
                _check_counter(counter)
        if days and day not in days:
            raise _unfit(
                f"Veeam sent usage of other days than {day}, the one it was asked for.",
                "If the console counts a day later than others do, set days_back = 2.",
            )
        return records

    return read


def licences(*, new_is_inside: bool) -> Callable[[Any], list[Record]]:
    """Return a reader of licence pages: organizations with servers with workloads.

    Raises:
        PipelineError: `shape`, for counts that can't be read; `settings`, if new licences are
            said to be inside the used ones and are more than those.
    """

    def read(data: object) -> list[Record]:
        records = page_records(data)
        for row in records:
            for server in _objects(row.get("servers"), "servers"):
                for workload in _objects(server.get("workloads", []), "workloads"):
                    _check_workload(workload, new_is_inside=new_is_inside)
        return records

    return read


def _utc_day(value: object) -> date:
    """The UTC day of a date, or of a moment with an offset: Veeam sends either."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise _unfit("Veeam sent a row of usage whose date is none.") from None
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()


def _objects(value: object, name: str) -> list[Record]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise _unfit(f"Veeam sent a record whose {name} is not a list of objects.")
    return value


def _check_counter(counter: Record) -> None:
    kind, value = counter.get("type"), counter.get("value")
    if not isinstance(kind, str) or not _is_count(value):
        raise _unfit("Veeam sent a usage counter without a name or a whole number.")


def _check_workload(workload: Record, *, new_is_inside: bool) -> None:
    name = workload.get("description")
    used, new = workload.get("usedCount"), workload.get("newCount")
    if not isinstance(name, str) or not name or not _is_count(used) or not _is_count(new):
        raise _unfit("Veeam sent a licensed workload without a name or whole numbers.")
    if new_is_inside and int(str(new)) > int(str(used)):
        raise PipelineError(
            f"Veeam shows more new licences than used ones for some company ({name}), so its new"
            " ones are not among the used ones.",
            next_step="Set new_licences = 'beside' and pull again.",
            category=Category.SETTINGS,
        )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _unfit(message: str, hint: str = "") -> PipelineError:
    step = "Nothing of this pull is used. Run it again; if it stays, report it to this project."
    return PipelineError(message, next_step=f"{step} {hint}".strip(), category=Category.SHAPE)
