"""Small readers that several systems share: lists in answers, checked settings, error texts.

Pure functions on parsed values. What belongs to one system only stays in that system's module.
"""

from collections.abc import Callable, Iterable
from typing import Any

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account, Record

_EXPLANATION_LENGTH = 200


def bare_list(data: object) -> list[Record]:
    """Return the records of an answer that is a plain JSON array.

    Raises:
        PipelineError: `shape`, for anything else: it must never pass as an empty list.
    """
    if not isinstance(data, list):
        raise _not_a_list("a list")
    return _records(data)


def list_under(name: str) -> Callable[[Any], list[Record]]:
    """Return a reader of the records that an answer holds under a name; `shape` if it doesn't."""

    def read(data: object) -> list[Record]:
        if not isinstance(data, dict) or not isinstance(data.get(name), list):
            raise _not_a_list(f"an object with a list {name!r}")
        return _records(data[name])

    return read


def _records(rows: list[Any]) -> list[Record]:
    if not all(isinstance(row, dict) for row in rows):
        raise _not_a_list("a list of objects")
    return rows


def _not_a_list(expected: str) -> PipelineError:
    return PipelineError(
        f"The answer was not {expected}.",
        next_step="Check that the address in the settings is the API's; if it is, its format has"
        " changed: report it to this project.",
        category=Category.SHAPE,
    )


def advised(
    error: PipelineError, account: Account, next_step: str, *, category: Category | None = None
) -> PipelineError:
    """Return the same trouble with a next step that fits this system, and its name."""
    return PipelineError(
        error.message,
        next_step=next_step,
        category=category or error.category,
        system=account.name,
    )


def only(*names: str) -> Callable[[Record], Record]:
    """Return what makes a record small: these fields of it, where it has them."""
    return lambda record: {name: record[name] for name in names if name in record}


def at(record: object, path: str) -> Any:  # noqa: ANN401 - a JSON value
    """Return the value at a dotted path; None where any step is missing."""
    value = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def count_at(data: object, path: str) -> int | None:
    """Return the whole number >= 0 at a dotted path; None if there is none."""
    value = at(data, path)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def first_text(*values: object) -> str | None:
    """Return the first value that is a text, shortened to one line fit for an error message."""
    for value in values:
        if isinstance(value, str) and value.strip():
            text = " ".join(value.split())
            return text[:_EXPLANATION_LENGTH]
    return None


def whole_number(account: Account, name: str, low: int, high: int) -> int:
    """Return a number setting that must be whole and within limits; `settings` error if not."""
    value = account.number(name)
    if not value.is_integer() or not low <= value <= high:
        raise unfit(account, name, f"Write a whole number from {low} to {high}.")
    return int(value)


def choice(account: Account, name: str, options: Iterable[str]) -> str:
    """Return a text setting that must be one of the options; `settings` error if not."""
    value = account.text(name)
    known = tuple(options)
    if value not in known:
        raise unfit(account, name, f"Write one of: {', '.join(repr(word) for word in known)}.")
    return value


def unfit(account: Account, name: str, next_step: str) -> PipelineError:
    """Build the error for a setting whose value can't be used."""
    return PipelineError(
        f"reconcile.toml: [systems.{account.name}] key {name!r} has a value that can't be used.",
        next_step=next_step,
        category=Category.SETTINGS,
        system=account.name,
    )
