"""Dagster's run history on SQLite, kept open while a command runs.

Dagster opens and closes the file for each of some three hundred events of a run, which took 40 %
of its time. The files are the same: the Dagster UI reads them with its own class. Should a later
Dagster no longer call `_connect`, this class is as slow as its parent, and just as right.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import dagster as dg
import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData

INDEX = "index"
PATIENCE_SECONDS = 60


class OpenEventLog(SqliteEventLogStorage):
    """Holds one connection to each file of the history until it is disposed of."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Take the folder of the history, as the parent does."""
        self._engines: dict[str, sa.Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Make one as an instance asks for it."""
        return cls(inst_data=inst_data, **config_value)

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; asked amid other questions, so it takes no turn."""
        with self._engine(INDEX).connect() as connection:
            return bool(connection.dialect.has_table(connection, table_name))

    def dispose(self) -> None:
        """Close the files."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> sa.Engine:
        if shard in self._engines:
            return self._engines[shard]
        options = {"timeout": PATIENCE_SECONDS, "check_same_thread": False}
        url = self.conn_string_for_shard(shard)
        engine = sa.create_engine(url, connect_args=options)
        # A power cut may cost the history its last seconds, but not its wholeness.
        sa.event.listen(
            engine, "connect", lambda raw, _record: raw.execute("pragma synchronous=normal")
        )
        self._initdb(engine)
        self._engines[shard] = engine
        return engine


def open_instance(home: Path) -> dg.DagsterInstance:
    """Open a Dagster instance; one whose dagster.yaml names a storage gets exactly that."""
    settings = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8")) or {}
    if any(name.endswith("storage") for name in settings):
        return dg.DagsterInstance.from_config(str(home))
    own = {
        "event_log_storage": {
            "module": OpenEventLog.__module__,
            "class": OpenEventLog.__name__,
            "config": {"base_dir": str(home / "history" / "runs")},
        }
    }
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=own))
