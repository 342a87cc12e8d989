"""Where everything lies: one folder with the landing pages, the ledger, the warehouse.

Only paths. Who writes what is said in the rooms that write.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class State:
    """The state folder of one installation, `.reconcile/` unless set otherwise."""

    folder: Path

    @property
    def landing(self) -> Path:
        """Pages as received: back it up."""
        return self.folder / "landing"

    @property
    def ledger(self) -> Path:
        """What people said: back it up."""
        return self.folder / "ledger.db"

    @property
    def warehouse(self) -> Path:
        """Everything derived; only running steps open it."""
        return self.folder / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """The finished copy for everybody, a link to the newest version."""
        return self.folder / "published.duckdb"

    @property
    def inbox(self) -> Path:
        """Decision files dropped here are picked up by a sensor."""
        return self.folder / "inbox"

    @property
    def alerts(self) -> Path:
        """Failed runs and sent digests, one JSON object per line; other programs may follow it."""
        return self.folder / "alerts.jsonl"

    @property
    def digests(self) -> Path:
        """What people were told already, so that they are told once."""
        return self.folder / "digests.json"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME: runs and events for the Dagster UI."""
        return self.folder / "dagster"

    @property
    def tasks(self) -> Path:
        """What commands said that were started from the review app."""
        return self.folder / "tasks"
