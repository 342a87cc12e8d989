"""The warehouse as a Dagster resource: opened late, closed always, waited for a bounded time.

Stands on dagster-duckdb's resource, whose own connection is not closed when a step raises and
which waits 102 seconds before it says that a path is wrong; both are mended here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from dagster_duckdb import DuckDBResource

from reconcile_pipeline.warehouse.connect import open_for_writing


class Warehouse(DuckDBResource):
    """The one DuckDB file that runs write; everybody else reads the published copy."""

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold the file for one short step."""
        with open_for_writing(Path(self.database)) as connection:
            yield connection
