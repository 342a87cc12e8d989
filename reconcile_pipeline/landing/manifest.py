"""What one pull left behind: its state, its streams, its cost. One JSON file per pull.

The manifest is written last and its folder gets its name in one rename, so a folder with a
pull's name is always whole. No network here.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconcile_pipeline.model import Category, PipelineError, PullMode, PullState, Role

SCHEMA_VERSION = 2
"""2: how a pull was read, and from which pull an incremental one goes on."""
FILE_NAME = "manifest.json"


@dataclass(frozen=True)
class StreamResult:
    """One landed list: `records` counts what arrived, `distinct_keys` what is different in it."""

    name: str
    file: str
    sha256: str
    pages: int
    records: int
    distinct_keys: int
    announced: int | None
    accounts: int | None
    """Distinct accounts in a usage stream; None for other streams."""
    changed: int | None = None
    """Records that came as changed; None for a list that was read in full."""
    watermark: str | None = None
    """The greatest change stamp seen so far (UTC, ISO 8601); None where nothing can go on."""
    asked: str = ""
    """Digest of the question and the settings: only an answer to the same one may be gone on."""
    note: str = ""
    """Why a list that can be asked for changes was read in full, or why the next one has to be."""

    @property
    def duplicates(self) -> int:
        """Records that came twice with the same content; counted once downstream."""
        return self.records - self.distinct_keys


@dataclass(frozen=True)
class Manifest:
    """One pull of one system for one period, however it ended."""

    pull_id: str
    system: str
    kind: str
    role: str
    period: str
    is_grace: bool
    on: str
    """The day of the pull in the billing time zone; dates on records are compared with it."""
    started_at: datetime
    finished_at: datetime
    state: PullState
    reason: str | None = None
    next_step: str | None = None
    category: str | None = None
    calls: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    streams: tuple[StreamResult, ...] = ()
    mode: PullMode = PullMode.FULL
    base: str | None = None
    """The pull that an incremental one went on from."""
    why_full: str = ""
    """Why it was not even tried to ask for changes only; "" where it was."""
    schema: int = field(default=SCHEMA_VERSION)

    @property
    def records(self) -> int:
        """Records landed, all streams together."""
        return sum(stream.records for stream in self.streams)

    @property
    def pages(self) -> int:
        """Pages landed, all streams together."""
        return sum(stream.pages for stream in self.streams)

    @property
    def relative_path(self) -> str:
        """The pull's folder below the landing folder."""
        return f"{self.period}/{self.system}/{self.pull_id}"

    def to_json(self) -> str:
        """The manifest as it lies on disk."""
        values = asdict(self)
        for name in ("started_at", "finished_at"):
            values[name] = values[name].astimezone(UTC).isoformat()
        return json.dumps(values, indent=1, sort_keys=True)


def pull_id_for(system: str, started_at: datetime) -> str:
    """Name a pull after its system and its instant, so that names sort by time."""
    return f"{system}-{started_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"


def instant_of(pull_id: str) -> datetime:
    """The instant that a pull's name tells."""
    stamp = pull_id.rpartition("-")[2]
    return datetime.strptime(stamp, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)


def read_manifest(path: Path) -> Manifest:
    """Read one manifest; a newer schema or a damaged file is refused with what to do."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        schema = int(values["schema"])
        if schema > SCHEMA_VERSION:
            raise PipelineError(
                f"{path} was written by a newer release (manifest schema {schema}).",
                next_step="Use that release, or pull again into a new state folder.",
                category=Category.INPUT,
            )
        values["streams"] = tuple(StreamResult(**stream) for stream in values["streams"])
        for name in ("started_at", "finished_at"):
            values[name] = datetime.fromisoformat(values[name])
        values["state"] = PullState(values["state"])
        values["role"] = str(Role(values["role"]))
        values["mode"] = PullMode(values.get("mode", PullMode.FULL))
        return Manifest(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise PipelineError(
            f"{path} is damaged: {error}.",
            next_step="Restore the landing folder from its backup, or remove this pull's folder.",
            category=Category.INPUT,
        ) from error


def read_manifests(landing: Path, period: str, system: str = "*") -> list[Manifest]:
    """All pulls of a period, or of one system in it, oldest first.

    Folders of pulls that were killed have no manifest.
    """
    manifests = [
        read_manifest(path)
        for path in landing.glob(f"{period}/{system}/*/{FILE_NAME}")
        if _is_finished(path)
    ]
    return sorted(manifests, key=lambda manifest: (manifest.started_at, manifest.pull_id))


def periods_landed(landing: Path) -> list[str]:
    """Periods with at least one finished pull, oldest first."""
    paths = landing.glob(f"*/*/*/{FILE_NAME}")
    return sorted({path.parent.parent.parent.name for path in paths if _is_finished(path)})


def _is_finished(path: Path) -> bool:
    """A pull killed after its manifest was written still has its hidden folder's name."""
    return not path.parent.name.startswith(".")
