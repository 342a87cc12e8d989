"""Proof that a list is whole: keys, contents, required fields, announced totals.

Pure bookkeeping over parsed records; fetches nothing and writes nothing.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import PARENT, Record, Stream

MOST_DECIMALS = 4
TOO_MANY_UNITS = 10**9
"""Beyond any real count; times a price it would not fit the tables' DECIMAL(18,4)."""


class ListChangedError(Exception):
    """The list changed while it was being read; reading it again may give a whole one."""


class ParentGoneError(Exception):
    """What was listed a moment ago is not found; reading its list again may show why."""


def key_of(stream: Stream, record: Record) -> str:
    """Return what tells a record from all others of its list."""
    return _reader(stream.key, *stream.also_key)(record)


class Tally:
    """Follows one stream, page by page, and says in the end whether it is whole."""

    def __init__(self, stream: Stream, title: str) -> None:
        self._stream = stream
        self._title = title
        self._key = _reader(stream.key, *stream.also_key)
        self._wanted = [(path, _at(path)) for path in (stream.key, *stream.required)]
        self._numbers = [(path, _at(path)) for path in stream.numbers]
        named = stream.account if stream.account != PARENT else ""
        self._account = _at(named) if named else None
        self._contents: dict[str, int] = {}
        self._accounts: set[str] = set()
        self.records = 0
        self.announced: int | None = None

    @property
    def distinct_keys(self) -> int:
        """Different records seen so far."""
        return len(self._contents)

    @property
    def accounts(self) -> int | None:
        """Different accounts in a usage stream; None where the stream has no accounts."""
        return len(self._accounts) if self._stream.account else None

    def add(
        self, records: Sequence[Record], announced: int | None, parent_id: str | None = None
    ) -> None:
        """Take in one page; raises ListChangedError or a `shape` error.

        For whom a sub-call was made is part of what it tells: a record that comes for two of them
        would be counted with the wrong one.
        """
        if announced is not None:
            if self.announced is not None and announced != self.announced:
                raise ListChangedError(f"its total went from {self.announced} to {announced}")
            self.announced = announced
        for record in records:
            self._check_fields(record)
            key = self._key(record)
            content = hash((parent_id, repr(record)))
            if self._contents.setdefault(key, content) != content:
                raise ListChangedError(f"record {key} came twice with different contents")
            if self._account is not None:
                self._accounts.add(str(self._account(record)))
        self.records += len(records)

    def add_parent(self, parent_id: str | None) -> None:
        """Take in whose sub-call brought records, where records don't say whose they are."""
        if self._stream.account == PARENT:
            self._accounts.add(str(parent_id))

    def finish(self) -> None:
        """Check what only the end of the list can tell."""
        if self.announced is not None and self.announced != self.distinct_keys:
            raise ListChangedError(f"it announced {self.announced} and gave {self.distinct_keys}")
        if not self.records and not self._stream.may_be_empty:
            raise PipelineError(
                f"{self._title} returned an empty list of {self._stream.name}.",
                next_step=self._stream.empty_hint or "Check what the API user may see.",
                category=Category.PERMISSION,
            )

    def _check_fields(self, record: Record) -> None:
        for path, value_of in self._wanted:
            if value_of(record) is None:
                self._refuse(record, f"without {path}")
        for path, value_of in self._numbers:
            if not _is_number(value_of(record)):
                what = f"is not a number with up to 4 decimals, below {TOO_MANY_UNITS:,}"
                self._refuse(record, f"whose {path} {what}")

    def _refuse(self, record: Record, what: str) -> None:
        key = _at(self._stream.key)(record)
        raise PipelineError(
            f"{self._title} sent a record of {self._stream.name} (id {key}) {what}.",
            next_step="Nothing of this pull is used. Look at the record in that system; if it is"
            " right there, report the changed format to this project.",
            category=Category.SHAPE,
        )


@cache
def _reader(*paths: str) -> Callable[[Record], str]:
    values = [_at(path) for path in paths]
    if len(values) == 1:
        [only] = values
        return lambda record: str(only(record))
    return lambda record: " ".join(str(value_of(record)) for value_of in values)


@cache
def _at(path: str) -> Callable[[Record], Any]:
    """What finds the value at a path; made once, as there are millions of records."""
    first, *rest = path.split(".")

    def value_of(record: Record) -> Any:  # noqa: ANN401 - a JSON value
        value: Any = record.get(first) if isinstance(record, dict) else None
        for name in rest:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return value_of


def _is_number(value: object) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < TOO_MANY_UNITS
    if not isinstance(value, Decimal):
        return False
    exponent = _exponent(value)
    return isinstance(exponent, int) and exponent >= -MOST_DECIMALS and abs(value) < TOO_MANY_UNITS


def _exponent(value: Decimal) -> int | str:
    """Of infinities it is a letter. Zeros at the end are no decimals, but few numbers have them."""
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MOST_DECIMALS:
        return value.normalize().as_tuple().exponent
    return exponent
