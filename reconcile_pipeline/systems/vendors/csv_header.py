"""Which line of a table is its header, and which of its columns is which of ours.

The same for text and for workbooks. What the cells mean is decided in `csv_rows`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconcile_pipeline.model import Category, PipelineError

ALIASES: dict[str, tuple[str, ...]] = {
    "account_id": ("customer id", "tenant id", "company id"),
    "account_name": ("customer", "company", "client", "account"),
    "service_key": ("sku", "product code", "part number"),
    "service_name": ("product", "service", "description"),
    "quantity": ("qty", "count", "units", "licenses", "seats"),
    "period": ("month", "billing period", "billing month"),
    "unit_price": (),
    "unit_cost": (),
    "period_start": (),
    "period_end": (),
    "status": (),
    "notes": (),
}
"""Our columns, and other names for them that need no setting; case and spaces don't matter."""

_NEEDED = (("account_id", "account_name"), ("service_key", "service_name"), ("quantity",))
_HEADER_WITHIN = 30
"""Titles and notes above the header are skipped, but not a whole file."""


@dataclass(frozen=True)
class Line:
    """One record of the file: the number of the line it starts on, and its trimmed cells."""

    row_no: int
    cells: tuple[str, ...]

    @property
    def is_blank(self) -> bool:
        """Nothing but separators."""
        return not any(self.cells)


@dataclass(frozen=True)
class Sheet:
    """A file whose header is understood."""

    name: str
    encoding: str
    delimiter: str
    header_row: int
    width: int
    """Columns up to the last one that has a name."""
    columns: Mapping[str, int]
    """Position of each of our columns that the file has."""
    lines: tuple[Line, ...]
    """Everything below the header."""

    def cell(self, line: Line, column: str) -> str:
        """Return a trimmed cell; "" where the file has no such column or the line is short."""
        position = self.columns.get(column)
        return line.cells[position] if position is not None and position < len(line.cells) else ""


def find_header(lines: Iterable[Line], name: str, columns: Mapping[str, str]) -> Line | None:
    """Return the first line that names a customer, a service and a quantity; None without one.

    Raises:
        PipelineError: `input`, for a header that says one thing twice.
    """
    for number, line in enumerate(lines):
        if number == _HEADER_WITHIN:
            return None
        if _match(line, name, columns) is not None:
            return line
    return None


@dataclass(frozen=True)
class Source:
    """Where a table comes from, for messages and for the landed summary."""

    name: str
    encoding: str
    delimiter: str


def under_header(
    source: Source, header: Line, lines: Iterable[Line], columns: Mapping[str, str]
) -> Sheet:
    """Return the table below its header."""
    return Sheet(
        name=source.name,
        encoding=source.encoding,
        delimiter=source.delimiter,
        header_row=header.row_no,
        width=max(place for place, cell in enumerate(header.cells) if cell) + 1,
        columns=_match(header, source.name, columns) or {},
        lines=tuple(line for line in lines if line.row_no > header.row_no),
    )


def no_header(name: str) -> PipelineError:
    """Build the error for a table without a usable header."""
    return refuse(
        f"The file {name} has no header row with a customer, a service and a quantity.",
        "It needs the columns account_id or account_name, service_key or service_name, and"
        " quantity; 'columns' in reconcile.toml tells other names. In text, separators may be"
        " comma, semicolon or tab.",
    )


def refuse(message: str, next_step: str) -> PipelineError:
    """Build the error for a file that can't be used."""
    return PipelineError(message, next_step=next_step, category=Category.INPUT)


def _match(header: Line, name: str, columns: Mapping[str, str]) -> dict[str, int] | None:
    """Return the position of each of our columns; None if this line is no header."""
    places = {ours: _places(ours, header.cells, columns) for ours in ALIASES}
    if not all(any(places[ours] for ours in group) for group in _NEEDED):
        return None
    for ours, found in places.items():
        if len(found) > 1:
            names = ", ".join(repr(header.cells[place]) for place in found)
            raise refuse(
                f"The file {name} has several columns for {ours}: {names}.",
                f'Say which one it is: columns = ["{ours} = its name"] in reconcile.toml, or'
                " rename the others.",
            )
        if not found and ours in columns:
            raise refuse(
                f"The file {name} has no column {columns[ours]!r}, which 'columns' names for"
                f" {ours}.",
                "Correct 'columns' in reconcile.toml, or the file's header.",
            )
    return {ours: found[0] for ours, found in places.items() if found}


def _places(ours: str, header: Sequence[str], columns: Mapping[str, str]) -> list[int]:
    """Return where a column stands: by its configured name, else its own, else an alias."""
    plain = [_plain(cell) for cell in header]
    if ours in columns:
        return [place for place, cell in enumerate(plain) if cell == _plain(columns[ours])]
    taken = {_plain(theirs) for theirs in columns.values()}
    for words in ({_plain(ours)}, {_plain(alias) for alias in ALIASES[ours]}):
        found = [place for place, cell in enumerate(plain) if cell in words - taken]
        if found:
            return found
    return []


def _plain(text: str) -> str:
    return "".join(text.casefold().split()).replace("_", "")
