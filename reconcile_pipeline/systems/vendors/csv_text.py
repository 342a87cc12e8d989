"""From the bytes of a CSV file to numbered lines under a known header: encoding and delimiter."""

import codecs
import contextlib
import csv
import io
from collections.abc import Iterator, Mapping

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.systems.vendors.csv_header import (
    Line,
    Sheet,
    Source,
    find_header,
    no_header,
    refuse,
    under_header,
)

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}


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
        if header is not None:
            source = Source(name, encoding, delimiter_name)
            return under_header(source, header, _lines(text, delimiter, name), columns)
    raise no_header(name)


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
    return find_header(_clean_lines(text, delimiter, name), name, columns)


def _clean_lines(text: str, delimiter: str, name: str) -> Iterator[Line]:
    """Lines up to the first that makes no sense with this delimiter: it is another one's file."""
    with contextlib.suppress(PipelineError):
        yield from _lines(text, delimiter, name)
