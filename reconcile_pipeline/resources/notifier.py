"""Tell people that a run failed: a line in the log and in `alerts.jsonl` of the state folder.

Mail or chat can be fed from that file; sending is not this project's trade.
"""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

logger = logging.getLogger(__name__)


class Notifier(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Appends alerts to a file that other programs may follow."""

    path: str = Field(description="The alerts file, one JSON object per line.")

    def alert(self, *, run_id: str, job: str, message: str) -> None:
        """Append one alert."""
        entry = {
            "at": datetime.now(UTC).isoformat(),
            "run_id": run_id,
            "job": job,
            "message": message,
        }
        path = Path(self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        logger.error("run %s of %s failed: %s", run_id, job, message)
