"""The lake: Parquet folders that hold what Spark reads, and what it made.

`<lake>/<schema>/<table>/<part>/rows=<name>/`, where a part is `period=2026-11`, and of a core table
`period=2026-11/system=pax8/pull_id=…`. A `rows=` folder is written whole and never changed: its
name is the fingerprint of the rows in it, or, of a result, a name used only once. So whoever reads
a folder by its full path gets those rows or none, whatever another run does meanwhile. A part has
one such folder: a newer one takes the older one's place.

In a folder of this machine DuckDB writes and pyarrow reads; a URL (s3a://, abfss://, gs://, hdfs://)
is left to Spark, which has the credentials. The lake is derived: delete it, and it is made anew.
"""

import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.dataset

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.spark.frames import Frame, Session
from reconcile_pipeline.storing import storing

_PATTERN = re.compile(r"[*?\[\]{}\\]")
"""Signs with which Hadoop's paths mean several files."""


@dataclass(frozen=True)
class Part:
    """A share of a table that is written together, and its place below the lake."""

    table: str
    period: str
    system: str = ""
    pull_id: str = ""

    @property
    def place(self) -> str:
        """The part's folder, relative to the lake."""
        schema, _dot, name = self.table.rpartition(".")
        folders = [schema or "ledger", name.removeprefix("ledger_"), f"period={self.period}"]
        if self.system:
            folders.append(f"system={self.system}")
        if self.pull_id:
            folders.append(f"pull_id={quote(self.pull_id, safe='')}")
        return "/".join(folders)


Rows: TypeAlias = pyarrow.dataset.Dataset | pa.Table
"""Rows as DuckDB takes them: all at once, or file by file."""


class Lake(Protocol):
    """Where parts are kept."""

    def path_of(self, part: Part, rows: str) -> str:
        """Where Spark finds these rows."""

    def has(self, part: Part, rows: str) -> bool:
        """Whether they are known to be there, whole."""

    def mirror(self, part: Part, rows: str, selected: duckdb.DuckDBPyRelation) -> None:
        """Write rows of the warehouse."""

    def keep(self, part: Part, made: Frame, schema: pa.Schema) -> tuple[str, Rows]:
        """Write what Spark made; returns the folder's name and the rows as DuckDB takes them."""


class LocalLake:
    """A folder that this process and every Spark worker see under the same path."""

    def __init__(self, root: Path) -> None:
        """Refuse a folder that Spark would take for a pattern."""
        if _PATTERN.search(str(root)):
            raise PipelineError(
                f"The path of the lake, {root}, has a sign that Spark takes for a pattern.",
                next_step="Set [compute] lake in reconcile.toml to a folder without * ? [ ] { }.",
                category=Category.SETTINGS,
            )
        self.root = root

    def path_of(self, part: Part, rows: str) -> str:
        """Name the scheme: a cluster's default file system may be another."""
        return f"file://{self._folder(part, rows)}"

    def has(self, part: Part, rows: str) -> bool:
        """A folder gets this name when it is whole."""
        return self._folder(part, rows).is_dir()

    def mirror(self, part: Part, rows: str, selected: duckdb.DuckDBPyRelation) -> None:
        """Write with DuckDB, under another name until it is whole."""
        folder = self._folder(part, rows)
        draft = folder.with_name(f".{uuid.uuid4().hex}")
        with storing(self.root):
            draft.mkdir(parents=True)
            selected.write_parquet(str(draft / "rows.parquet"), compression="zstd")
            self._place(draft, folder)
        self._leave_only(folder)

    def keep(self, part: Part, made: Frame, schema: pa.Schema) -> tuple[str, Rows]:
        """Let Spark write; its files are read as DuckDB asks for them, never all at once."""
        rows = uuid.uuid4().hex
        folder = self._folder(part, rows)
        made.write.parquet(self.path_of(part, rows))
        self._leave_only(folder)
        files = sorted(str(file) for file in folder.glob("*.parquet"))
        return rows, pyarrow.dataset.dataset(files, schema=schema, format="parquet")

    def _folder(self, part: Part, rows: str) -> Path:
        return self.root / part.place / f"rows={rows}"

    def _place(self, draft: Path, folder: Path) -> None:
        try:
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
            # Another run was faster: its rows are these rows.
            shutil.rmtree(draft)

    def _leave_only(self, folder: Path) -> None:
        """Remove what the part held before; another run may be removing it, too."""
        with storing(self.root):
            for other in folder.parent.glob("rows=*"):
                if other != folder:
                    shutil.rmtree(other, ignore_errors=True)


class RemoteLake:
    """An object store or a file system of the cluster: Spark alone reads and writes there."""

    def __init__(self, root: str, session: Session) -> None:
        """Remember what this process wrote: only Spark could look, and slowly."""
        self.root = root.rstrip("/")
        self._session = session
        self._written: set[tuple[Part, str]] = set()

    def path_of(self, part: Part, rows: str) -> str:
        """A URL as Spark takes it."""
        return f"{self.root}/{part.place}/rows={rows}"

    def has(self, part: Part, rows: str) -> bool:
        """Whether this process wrote them."""
        return (part, rows) in self._written

    def mirror(self, part: Part, rows: str, selected: duckdb.DuckDBPyRelation) -> None:
        """Hand the rows to Spark, which writes them."""
        self._write(part, rows, self._session.createDataFrame(selected.to_arrow_table()))

    def keep(self, part: Part, made: Frame, schema: pa.Schema) -> tuple[str, Rows]:
        """Write, and read again what was written: a plan that ran twice might differ."""
        rows = uuid.uuid4().hex
        self._write(part, rows, made)
        return rows, self._session.read.parquet(self.path_of(part, rows)).toArrow().cast(schema)

    def _write(self, part: Part, rows: str, frame: Frame) -> None:
        # Spark alone can remove what the part held before, and only by overwriting it: with a file
        # of no rows, since those that count get a folder of their own, even where they are none.
        nothing = self._session.sql("select 0 as nothing where false")
        nothing.write.mode("overwrite").parquet(f"{self.root}/{part.place}")
        frame.write.parquet(self.path_of(part, rows))
        self._written.add((part, rows))
