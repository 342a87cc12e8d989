"""Proof that a list is whole: keys, contents, required fields, announced totals.

Pure bookkeeping over parsed records; fetches nothing and writes nothing.
"""

from collections.abc import Sequence
from decimal import Decimal
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
    paths = (stream.key, *stream.also_key)
    return " ".join(str(_at(record, path)) for path in paths)


class Tally:
    """Follows one stream, page by page, and says in the end whether it is whole."""

    def __init__(self, stream: Stream, title: str) -> None:
        self._stream = stream
        self._title = title
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
            key = key_of(self._stream, record)
            content = hash((parent_id, repr(record)))
            if self._contents.setdefault(key, content) != content:
                raise ListChangedError(f"record {key} came twice with different contents")
            if self._stream.account and self._stream.account != PARENT:
                self._accounts.add(str(_at(record, self._stream.account)))
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
        for path in (self._stream.key, *self._stream.required):
            if _at(record, path) is None:
                self._refuse(record, f"without {path}")
        for path in self._stream.numbers:
            value = _at(record, path)
            if not _is_number(value):
                what = f"is not a number with up to 4 decimals, below {TOO_MANY_UNITS:,}"
                self._refuse(record, f"whose {path} {what}")

    def _refuse(self, record: Record, what: str) -> None:
        key = _at(record, self._stream.key)
        raise PipelineError(
            f"{self._title} sent a record of {self._stream.name} (id {key}) {what}.",
            next_step="Nothing of this pull is used. Look at the record in that system; if it is"
            " right there, report the changed format to this project.",
            category=Category.SHAPE,
        )


def _at(record: Record, path: str) -> Any:  # noqa: ANN401 - a JSON value
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    number = Decimal(value)
    exponent = number.normalize().as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MOST_DECIMALS and abs(number) < TOO_MANY_UNITS
