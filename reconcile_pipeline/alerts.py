"""The alerts file: failed runs and sent digests, one JSON object per line, for other programs.

Appends and nothing else. Whoever calls sees to it that no secret is in an entry.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path


def append_alert(path: Path, entry: Mapping[str, object], *, at: datetime) -> None:
    """Append one entry with its instant in UTC; values are what JSON knows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"at": at.astimezone(UTC).isoformat(), **entry})
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
