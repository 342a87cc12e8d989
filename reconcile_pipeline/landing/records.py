"""Finds landed records by an id they name, for the person who doubts a number.

Reads the pages as they lie, secrets stripped as at landing. Which record means what is the
business of each system's SQL; here a record is found when one of its values is the id.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Landed:
    """One record as it was received."""

    file: str
    page: int
    template: str
    text: str
    """Its JSON, indented."""


@dataclass(frozen=True)
class Found:
    """Records that name an id, and whether there are more than may be shown."""

    records: tuple[Landed, ...]
    is_cut: bool


def records_naming(folder: Path, wanted: str, *, most_bytes: int = MOST_BYTES) -> Found:
    """Search the files of one pull for records of which a value is `wanted`, up to some bytes."""
    found: list[Landed] = []
    size = 0
    for item in _all_naming(folder, wanted):
        size += len(item.text.encode())
        if size > most_bytes:
            return Found(tuple(found), is_cut=True)
        found.append(item)
    return Found(tuple(found), is_cut=False)


def _all_naming(folder: Path, wanted: str) -> Iterator[Landed]:
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path, columns=["page", "template", "parent_id", "body"])
        # Only pages that hold the text at all are worth parsing; most of a pull's don't.
        is_near = pc.or_(
            pc.fill_null(pc.match_substring(table["body"], json.dumps(wanted)[1:-1]), False),
            pc.fill_null(pc.equal(table["parent_id"], wanted), False),
        )
        for row in table.filter(is_near).to_pylist():
            records = list(_records(json.loads(row["body"])))
            own = records if row["parent_id"] == wanted else _naming(records, wanted)
            for record in own:
                text = json.dumps(record, indent=1, ensure_ascii=False)
                yield Landed(path.name, row["page"], row["template"] or "", text)


def _naming(records: Iterable[Any], wanted: str) -> list[Any]:
    return [record for record in records if wanted in _scalars(record)]


def _records(data: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON of any kind
    """The elements of a page's outermost lists; the page itself when it holds no list."""
    if isinstance(data, list):
        yield from data
        return
    lists = [value for value in data.values() if isinstance(value, list)] if _is_map(data) else []
    inner = [value for value in data.values() if _is_map(value)] if _is_map(data) else []
    if lists:
        for value in lists:
            yield from value
    elif any(isinstance(value, list) for each in inner for value in each.values()):
        for each in inner:
            yield from _records(each)
    else:
        yield data


def _scalars(data: Any) -> Iterator[str]:  # noqa: ANN401 - JSON of any kind
    if isinstance(data, dict):
        for value in data.values():
            yield from _scalars(value)
    elif isinstance(data, list):
        for value in data:
            yield from _scalars(value)
    elif data is not None and not isinstance(data, bool):
        yield str(data)


def _is_map(data: Any) -> bool:  # noqa: ANN401 - JSON of any kind
    return isinstance(data, dict)
