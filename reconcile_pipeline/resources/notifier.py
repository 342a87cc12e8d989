"""Tell people that a run failed: a line in the log and in `alerts.jsonl` of the state folder.

Mail and chat are told by the digest room; other programs can be fed from that file.
"""

import logging
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from reconcile_pipeline.alerts import append_alert

logger = logging.getLogger(__name__)


class Notifier(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Appends alerts to a file that other programs may follow."""

    path: str = Field(description="The alerts file, one JSON object per line.")

    def alert(self, *, run_id: str, job: str, message: str) -> None:
        """Append one alert."""
        entry = {"run_id": run_id, "job": job, "message": message}
        append_alert(Path(self.path), entry, at=datetime.now(UTC))
        logger.error("run %s of %s failed: %s", run_id, job, message)
