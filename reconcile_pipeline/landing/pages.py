"""Pages to disk: one Parquet file per stream, one row per page, bodies exactly as received.

Only bodies, path templates and instants are kept: never a header, a query string or a token.
No typing of fields here; SQL does that later from the same bytes.
"""

import hashlib
import json
import os
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_PER_WRITE = 64
CHARACTERS_PER_WRITE = 4_000_000
"""Several lists are written at the same time: none of them may hold many large pages back."""
SCHEMA = pa.schema(
    [
        ("system", pa.string()),
        ("stream", pa.string()),
        ("template", pa.string()),
        ("parent_id", pa.string()),
        ("page", pa.int64()),
        ("fetched_at", pa.timestamp("us", tz="UTC")),
        ("status", pa.int64()),
        ("body", pa.string()),
    ]
)


class PageWriter:
    """Writes the pages of one stream; a context manager that always closes its file."""

    def __init__(self, path: Path, *, system: str, stream: str) -> None:
        self.path = path
        self.pages = 0
        self._system = system
        self._stream = stream
        self._rows: list[dict[str, Any]] = []
        self._waiting = 0
        self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._writer.close()

    def add(
        self,
        body: str,
        *,
        fetched_at: datetime,
        status: int,
        template: str = "",
        parent_id: str | None = None,
    ) -> None:
        """Append one page."""
        self.pages += 1
        self._rows.append(
            {
                "system": self._system,
                "stream": self._stream,
                "template": template,
                "parent_id": parent_id,
                "page": self.pages,
                "fetched_at": fetched_at,
                "status": status,
                "body": body,
            }
        )
        self._waiting += len(body)
        if len(self._rows) >= ROWS_PER_WRITE or self._waiting >= CHARACTERS_PER_WRITE:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
            self._rows, self._waiting = [], 0


def sha256_of(path: Path) -> str:
    """Hash a landed file, so that a damaged one is noticed before it is read as evidence."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_hash(folder: Path) -> str:
    """The hash of the file that a landed pull was read from; "" if it was read from no file."""
    path = folder / "file.parquet"
    if not path.exists():
        return ""
    (body,) = pq.read_table(path).column("body").to_pylist()
    return str(json.loads(body)[0]["sha256"])


def sync_folder(folder: Path) -> None:
    """Flush a folder and its files to the disk, so that a power cut can't empty a finished pull."""
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
