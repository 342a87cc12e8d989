"""From the bytes of a CSV file to numbered lines under a known header.

Encoding, delimiter, header row, column names. What the cells mean is decided in `csv_rows`.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconcile_pipeline.model import Category, PipelineError

ALIASES: dict[str, tuple[str, ...]] = {
    "account_id": ("customer id", "tenant id", "company id"),
    "account_name": ("customer", "company", "client", "account"),
    "service_key": ("sku", "product code", "part number"),
    "service_name": ("product", "service", "description"),
    "quantity": ("qty", "count", "units", "licenses", "seats"),
    "unit_price": (),
    "unit_cost": (),
    "period_start": (),
    "period_end": (),
    "status": (),
    "notes": (),
}
"""Our columns, and other names for them that need no setting; case and spaces don't matter."""

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
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


def open_sheet(content: bytes, name: str, columns: Mapping[str, str]) -> Sheet:
    """Decode a file and find its header.

    Args:
        content: the file's bytes.
        name: the file's name, for messages.
        columns: the file's own names for some of our columns; they replace the aliases.

    Raises:
        PipelineError: `input`, naming the file and the line.
    """
    text, encoding = _decode(content, name)
    if not text.strip():
        raise refuse(f"The file {name} is empty.", "Export it again; an empty file is not zero.")
    for delimiter, delimiter_name in DELIMITERS.items():
        header = _find_header(text, delimiter, name, columns)
        if header is None:
            continue
        lines = tuple(line for line in _lines(text, delimiter, name) if line.row_no > header.row_no)
        return Sheet(
            name=name,
            encoding=encoding,
            delimiter=delimiter_name,
            header_row=header.row_no,
            width=max(place for place, cell in enumerate(header.cells) if cell) + 1,
            columns=_match(header, name, columns) or {},
            lines=lines,
        )
    raise refuse(
        f"The file {name} has no header row with a customer, a service and a quantity.",
        "It needs the columns account_id or account_name, service_key or service_name, and"
        " quantity; 'columns' in reconcile.toml tells other names. Separators may be comma,"
        " semicolon or tab.",
    )


def refuse(message: str, next_step: str) -> PipelineError:
    """Build the error for a file that can't be used."""
    return PipelineError(message, next_step=next_step, category=Category.INPUT)


def _decode(content: bytes, name: str) -> tuple[str, str]:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refuse(f"The file {name} is UTF-16 text.", "Save it as 'CSV UTF-8'.")
    position = content.find(b"\0")
    if position >= 0:
        line = content.count(b"\n", 0, position) + 1
        raise refuse(f"The file {name} holds a NUL byte in line {line}.", "Export it again.")
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        # With a byte order mark, or after other valid UTF-8, it is UTF-8 that was damaged or cut;
        # reading that as Windows text would invent customer names.
        if not content[: error.start].isascii():
            raise refuse(
                f"The file {name} is damaged UTF-8 text at byte {error.start}.",
                "Export it again; it may have been cut off.",
            ) from None
    try:
        return content.decode("cp1252"), "windows-1252"
    except UnicodeDecodeError:
        raise refuse(
            f"The file {name} is neither UTF-8 nor Windows-1252 text.", "Save it as 'CSV UTF-8'."
        ) from None


def _lines(text: str, delimiter: str, name: str) -> Iterator[Line]:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True
    )
    start = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise refuse(
                f"The file {name} is broken in the record that starts on line {start}: {error}.",
                "Look for a quotation mark that is not closed or not doubled.",
            ) from None
        yield Line(start, tuple(cell.strip() for cell in cells))
        start = reader.line_num + 1


def _find_header(text: str, delimiter: str, name: str, columns: Mapping[str, str]) -> Line | None:
    lines = _lines(text, delimiter, name)
    for _attempt in range(_HEADER_WITHIN):
        try:
            line = next(lines, None)
        except PipelineError:
            # Quotes that make no sense with this delimiter: it is another one's file.
            return None
        if line is None:
            return None
        if _match(line, name, columns) is not None:
            return line
    return None


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
