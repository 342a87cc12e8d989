"""Pull one system, or all of them at once; every attempt ends in a manifest.

A pull is prepared in a hidden folder and gets its name in one rename when its manifest is
written: a killed pull leaves nothing that anybody reads. One system's failure never touches
another's pull.
"""

import asyncio
import fcntl
import logging
import shutil
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from reconcile_pipeline.cancelling import cancelled, told_to_end
from reconcile_pipeline.http import ApiClient
from reconcile_pipeline.landing.basis import Footing, Rhythm, footing_of, identity_of
from reconcile_pipeline.landing.completeness import ListChangedError, ParentGoneError
from reconcile_pipeline.landing.guards import Limits, shrinkage
from reconcile_pipeline.landing.manifest import (
    FILE_NAME,
    Manifest,
    StreamResult,
    instant_of,
    pull_id_for,
    read_manifests,
)
from reconcile_pipeline.landing.pages import file_hash, sync_folder
from reconcile_pipeline.landing.reading import read_streams
from reconcile_pipeline.landing.streams import (
    READINGS,
    Clock,
    Fetched,
    StreamReader,
    write_document,
    write_rows,
)
from reconcile_pipeline.model import Category, PipelineError, PullMode, PullState
from reconcile_pipeline.storing import storing
from reconcile_pipeline.systems.base import Account, Record, Stream, System

logger = logging.getLogger(__name__)

_GO_ON = "Start it again; the last complete pull stays in use."


@dataclass(frozen=True)
class Pull:
    """What to pull, for which period, and into which folder."""

    system: System
    account: Account
    landing: Path
    period: str
    is_grace: bool
    on: date
    """The day of the pull in the billing time zone."""
    now: Clock
    limits: Limits = field(default_factory=Limits)
    accepted: frozenset[str] = frozenset()
    """Quarantined pulls a person accepted: they count as complete."""
    rhythm: Rhythm = field(default_factory=Rhythm)


@dataclass
class Ending:
    """Whether somebody asked these pulls to end before they are through."""

    is_asked: bool = False


async def pull_all(pulls: Sequence[Pull]) -> AsyncGenerator[Manifest]:
    """Pull all systems concurrently in one event loop; yields each manifest as it is ready.

    Raises:
        PipelineError: `cancelled`, when this process is asked to end; each pull that was under way
            has left a manifest that says so. `storage`, when a manifest can't be written.
    """
    ending = Ending()
    tasks = [asyncio.create_task(pull_system(pull, ending)) for pull in pulls]

    def end() -> None:
        ending.is_asked = True
        for task in tasks:
            task.cancel()

    try:
        for finished in asyncio.as_completed(tasks):
            try:
                with told_to_end(end):
                    manifest = await finished
            except asyncio.CancelledError:
                if not ending.is_asked:
                    raise
                raise cancelled("The pull", _GO_ON) from None
            yield manifest
    finally:
        # A pull that can't even leave its manifest ends them all; none may go on unwatched.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def pull_system(pull: Pull, ending: Ending | None = None) -> Manifest:
    """Pull one system and leave its manifest, whatever happens on the way.

    Raises:
        PipelineError: `storage`, when not even the manifest can be written.
        asyncio.CancelledError: after the manifest, when `ending` was asked for.
    """
    home = pull.landing / pull.period / pull.account.name
    started_at = _own_instant(home, pull)
    manifest = Manifest(
        pull_id=pull_id_for(pull.account.name, started_at),
        system=pull.account.name,
        kind=pull.account.kind,
        role=str(pull.system.role),
        period=pull.period,
        is_grace=pull.is_grace,
        on=pull.on.isoformat(),
        started_at=started_at,
        finished_at=started_at,
        state=PullState.FAILED,
    )
    folder = home / f".{manifest.pull_id}"
    with storing(folder):
        folder.mkdir(parents=True)
    try:
        with storing(folder):
            manifest = await _attempt(pull, manifest, folder)
    except PipelineError as error:
        manifest = _failed(manifest, error)
    except asyncio.CancelledError:
        # Otherwise the process is about to die of something else: then nothing is left either.
        if ending is None or not ending.is_asked:
            raise
        manifest = _failed(manifest, cancelled(f"The pull of {pull.system.title}", _GO_ON))
    except Exception as error:
        # The border between connectors: a mistake in one must not stop the others.
        logger.exception("pull of %s failed unexpectedly", pull.account.name)
        manifest = replace(
            manifest,
            reason=f"{pull.system.title}: unexpected {type(error).__name__} while reading.",
            next_step="Report this with the run's log to the project.",
            category=Category.SHAPE,
        )
    # A clock that was set back meanwhile makes no pull end before it began.
    manifest = replace(manifest, finished_at=max(pull.now(), started_at))
    with storing(folder):
        (folder / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
        sync_folder(folder)
        folder.rename(home / manifest.pull_id)
        sync_folder(home)
    if manifest.category is Category.CANCELLED:
        raise asyncio.CancelledError
    return manifest


def _own_instant(home: Path, pull: Pull) -> datetime:
    """The clock's instant, but later than every pull before: a clock may stand or go back.

    Which pull is the newest is told by its name, so the order of pulls must not follow a clock
    that somebody set.
    """
    instant = pull.now()
    before = max((path.name for path in home.glob("[!.]*") if path.is_dir()), default="")
    if before >= pull_id_for(pull.account.name, instant):
        return instant_of(before) + timedelta(microseconds=1)
    return instant


async def _attempt(pull: Pull, manifest: Manifest, folder: Path) -> Manifest:
    """Read every stream; return the manifest as complete, quarantined or failed."""
    if pull.system.read is not None:
        results = _read_documents(pull, folder)
        return _judge(pull, replace(manifest, streams=tuple(results)), folder)
    if pull.system.client is None:
        raise TypeError(f"system kind {pull.system.kind} can neither call nor read")
    problem: PipelineError | None = None
    fetched: list[StreamResult] = []
    footing = _footing(pull, manifest.started_at)
    async with pull.system.client(pull.account) as client:
        try:
            fetched = await _read_streams(pull, client, folder, footing)
        except PipelineError as error:
            problem = error
            if pull.system.diagnose is not None:
                problem = await pull.system.diagnose(client, pull.account, error)
    stats = client.stats
    manifest = replace(
        manifest,
        calls=stats.calls,
        retries=stats.retries,
        throttled_seconds=round(stats.throttled_seconds, 3),
    )
    if problem is not None:
        return _failed(manifest, problem)
    manifest = _with_mode(manifest, footing, fetched)
    return _judge(pull, replace(manifest, streams=tuple(fetched)), folder)


def _failed(manifest: Manifest, error: PipelineError) -> Manifest:
    return replace(
        manifest, reason=error.message, next_step=error.next_step, category=error.category
    )


def _footing(pull: Pull, started_at: datetime) -> Footing:
    """What this pull goes on from, judged by the pulls of its own system and month."""
    is_asked = pull.rhythm.is_incremental and not pull.rhythm.is_forced_full
    own = read_manifests(pull.landing, pull.period, pull.account.name) if is_asked else []
    base, why_full = footing_of(own, accepted=pull.accepted, rhythm=pull.rhythm, on=pull.on)
    identity = identity_of(pull.system, pull.account)
    return Footing(started_at, identity, pull.landing, pull.rhythm, base, why_full)


def _with_mode(manifest: Manifest, footing: Footing, streams: Sequence[StreamResult]) -> Manifest:
    """Say how it was read: incremental as soon as one list was not read in full."""
    if footing.base is not None and any(stream.changed is not None for stream in streams):
        return replace(manifest, mode=PullMode.INCREMENTAL, base=footing.base.pull_id)
    return replace(manifest, why_full=footing.why_full)


async def _read_streams(
    pull: Pull, client: ApiClient, folder: Path, footing: Footing
) -> list[StreamResult]:
    """Read every list; all of them anew if one names what is gone by the time it is asked for."""
    system, title = pull.account.name, pull.system.title

    def land_plan(stream: Stream, rows: list[Record]) -> Fetched:
        return write_rows(
            stream, rows, name=stream.name, system=system, title=title, folder=folder, now=pull.now
        )

    gone: list[str] = []
    for _reading in range(READINGS):
        reader = StreamReader(client, system=system, title=title, folder=folder, footing=footing)
        try:
            return await read_streams(pull.system.streams(pull.account, pull.on), reader, land_plan)
        except ParentGoneError as error:
            logger.info("%s: %s Its list is read again.", system, error)
            gone.append(str(error))
    raise PipelineError(
        f"{title} lists what it does not find, at each of {READINGS} readings: {gone[-1]}",
        next_step="Run the pull again at a quieter time; if it stays, let the API user see what"
        " it lists. The last complete pull stays in use.",
        category=Category.INCOMPLETE,
    )


def _read_documents(pull: Pull, folder: Path) -> list[StreamResult]:
    if pull.system.read is None:
        return []
    streams = {stream.name: stream for stream in pull.system.streams(pull.account, pull.on)}
    try:
        return [
            write_document(
                streams[document.stream],
                document,
                system=pull.account.name,
                title=pull.system.title,
                folder=folder,
                now=pull.now,
            ).result
            for document in pull.system.read(pull.account, pull.on, pull.now())
        ]
    except ListChangedError as change:
        raise PipelineError(
            f"{pull.account.name}: the file contradicts itself: {change}.",
            next_step="Correct the file and pull again.",
            category=Category.INPUT,
        ) from change


def _judge(pull: Pull, manifest: Manifest, folder: Path) -> Manifest:
    """Compare with the last complete pull, of this period or of the one before."""
    unguarded = {
        stream.name
        for stream in pull.system.streams(pull.account, pull.on)
        if not stream.is_guarded
    }
    guarded = [stream for stream in manifest.streams if stream.name not in unguarded]
    before = _last_complete(pull)
    shrunk = shrinkage(guarded, before, pull.limits)
    if not shrunk and (used_in := _used_before(pull, before, folder)):
        return replace(
            manifest,
            state=PullState.QUARANTINED,
            reason=f"{pull.system.title}: this very file was pulled for {used_in} already.",
            next_step=f"Put the export for {pull.period} in its place; if nothing has changed,"
            f' accept it with: reconcile accept {manifest.pull_id} --reason "…".',
            category=Category.INPUT,
        )
    if not shrunk:
        return replace(manifest, state=PullState.COMPLETE)
    return replace(
        manifest,
        state=PullState.QUARANTINED,
        reason=f"{pull.system.title} shows far less than last time: {'; '.join(shrunk)}.",
        next_step="If that is right, accept it with: reconcile accept"
        f' {manifest.pull_id} --reason "…"; otherwise find out what the API user can\'t see.',
        category=Category.INCOMPLETE,
    )


def _used_before(pull: Pull, before: Manifest | None, folder: Path) -> str:
    """Name the earlier month for which the very same file was pulled; "" if it is another."""
    if pull.system.read is None or before is None or before.period == pull.period:
        return ""
    now, then = file_hash(folder), file_hash(pull.landing / before.relative_path)
    return before.period if now and now == then else ""


def _last_complete(pull: Pull) -> Manifest | None:
    periods = sorted((path.name for path in pull.landing.iterdir() if path.is_dir()), reverse=True)
    for period in periods:
        if period > pull.period:
            continue
        for manifest in reversed(read_manifests(pull.landing, period)):
            same = manifest.system == pull.account.name
            believed = manifest.pull_id in pull.accepted
            if same and (manifest.state is PullState.COMPLETE or believed):
                return manifest
    return None


@contextmanager
def pulling_alone(landing: Path) -> Iterator[None]:
    """Hold the landing folder's lock; the kernel frees it when this process ends, however.

    Sweeps away what killed pulls left half done.
    """
    with storing(landing):
        landing.mkdir(parents=True, exist_ok=True)
        lock = (landing / ".lock").open("w")
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PipelineError(
                f"Another pull is writing to {landing} right now.",
                next_step="Wait until it has finished, then start this one again.",
                category=Category.INPUT,
            ) from error
        for abandoned in landing.glob("*/*/.*"):
            # A file is none of ours: file managers leave their own hidden ones everywhere.
            if abandoned.is_dir():
                shutil.rmtree(abandoned)
        yield
