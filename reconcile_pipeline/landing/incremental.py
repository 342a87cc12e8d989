"""Read what changed in one list since the last pull, and lay the last pull's pages below it.

What is landed is the whole list again, one file as ever: first the pages of changed records, then
the pages of the pull it goes on from, as they were received then. A record's first page counts,
here as in SQL. Whatever can't be proven raises `UnprovenError`, and the list is read in full.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from reconcile_pipeline.http import ApiClient, ApiError, Page, Request, paginate
from reconcile_pipeline.http.strict_json import StrictJsonError, parse
from reconcile_pipeline.landing.basis import Footing
from reconcile_pipeline.landing.completeness import ListChangedError, Tally, key_of
from reconcile_pipeline.landing.manifest import Manifest, StreamResult
from reconcile_pipeline.landing.pages import PageWriter, sha256_of
from reconcile_pipeline.landing.progress import Progress, report
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Changes, Record, Stream
from reconcile_pipeline.systems.reading import at

logger = logging.getLogger(__name__)

_FIRST_YEAR = 1970
"""Stamps before it stand for "never"."""
_OK, _SERVER_ERROR = 200, 500


class UnprovenError(Exception):
    """Asking for changes only would prove nothing here; the text says why, for the manifest."""


@dataclass
class Watch:
    """Follows the change stamps of one list while it is read.

    No stamp later than `until`, our own clock at the pull's start, moves the watermark beyond it: a
    record with a stamp from the future must not hide what others change until then.
    """

    changes: Changes | None
    until: datetime
    newest: datetime | None = None
    problem: str = ""

    def see(self, page: Page) -> None:
        """Take in the stamps of one page of this reading."""
        if self.changes is None:
            return
        if self.changes.stamp is not None:
            for record in page.records:
                stamp = stamp_of(record, self.changes.stamp)
                if stamp is None:
                    self.problem = self.problem or "a record does not tell when it was changed"
                else:
                    self._move(stamp)
        elif page.number == 1:
            # Of the first page only: what changed while the others were read comes again.
            told = date_of(page)
            if told is None:
                self.problem = "its answers have no date"
            else:
                self._move(min(told, self.until))

    def _move(self, stamp: datetime) -> None:
        if stamp <= self.until and (self.newest is None or stamp > self.newest):
            self.newest = stamp

    @property
    def watermark(self) -> str | None:
        """Where the next question may begin; None where no later one could be proven."""
        return None if self.problem or self.newest is None else self.newest.isoformat()


def stamp_of(record: Record, path: str) -> datetime | None:
    """Read a change stamp; one without a zone is taken for UTC, there and back."""
    try:
        stamp = datetime.fromisoformat(str(at(record, path)))
    except ValueError:
        return None
    if stamp.year < _FIRST_YEAR:
        return None
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


def date_of(page: Page) -> datetime | None:
    """Read the vendor's clock off an answer; None where it does not tell."""
    try:
        told = parsedate_to_datetime(page.reply.headers.get("date", ""))
    except ValueError:
        return None
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)


def question_of(stream: Stream, identity: str) -> str:
    """Digest of what a list is asked, of whom; "" where no pull can go on from another."""
    if stream.changes is None or stream.request is None:
        return ""
    asked = [identity, stream.request.path, sorted(stream.request.params.items()), stream.key]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


@dataclass
class _Merged:
    """The list as it is now: each record's newest version, in the order of the pages."""

    records: dict[str, Record] = field(default_factory=dict)

    def add(self, stream: Stream, records: list[Record]) -> None:
        for record in records:
            self.records.setdefault(key_of(stream, record), record)


class ChangeReader:
    """Reads the changes of lists into one folder, on the footing of an earlier pull."""

    def __init__(
        self, client: ApiClient, footing: Footing, *, system: str, title: str, folder: Path
    ) -> None:
        self._client = client
        self._footing = footing
        self._system = system
        self._title = title
        self._folder = folder

    async def read(self, stream: Stream) -> tuple[StreamResult, list[Record]]:
        """Land the list as it is now. Raises UnprovenError where it has to be read in full.

        Raises:
            PipelineError: when the system does not answer, or refuses the keys.
        """
        pull = self._footing.base
        if stream.changes is None or pull is None:
            raise UnprovenError(self._footing.why_full)
        base, path = self._base_of(stream, pull)
        try:
            return await self._read(stream, stream.changes, base, path)
        except ListChangedError as change:
            raise UnprovenError(f"it changed while its changes were read: {change}") from change
        except PipelineError as error:
            if _is_hopeless(error):
                raise
            raise UnprovenError(f"asking for changes only was refused: {error.message}") from error

    def _base_of(self, stream: Stream, pull: Manifest) -> tuple[StreamResult, Path]:
        """Find the list in the pull to go on from; its file has to be the one that was landed."""
        found = next((each for each in pull.streams if each.name == stream.name), None)
        if found is None:
            raise UnprovenError("the pull before did not read it")
        if found.watermark is None:
            raise UnprovenError(found.note or "the pull before saw no change stamp")
        if found.asked != question_of(stream, self._footing.identity):
            raise UnprovenError("the pull before was asked something else: settings were changed")
        path = self._footing.landing / pull.relative_path / found.file
        if not path.is_file() or sha256_of(path) != found.sha256:
            raise UnprovenError(f"the file it would go on from is not as landed: {path.name}")
        return found, path

    async def _read(
        self, stream: Stream, changes: Changes, base: StreamResult, path: Path
    ) -> tuple[StreamResult, list[Record]]:
        before = datetime.fromisoformat(str(base.watermark))
        overlap = max(self._footing.rhythm.overlap, changes.least_overlap)
        request = changes.request(before - overlap)
        # An answer without records says that nothing changed; whether the list may be empty is
        # asked of the whole below.
        tally = Tally(replace(stream, may_be_empty=True), self._title)
        watch = Watch(changes, self._footing.started_at)
        merged = _Merged()
        target = self._folder / f"{stream.name}.parquet"
        with PageWriter(target, system=self._system, stream=stream.name) as writer:
            async for page in self._pages(stream, request):
                is_total = page.number == 1 or not stream.is_announced_once
                tally.add(page.records, stream.announced(page.reply.data) if is_total else None)
                watch.see(page)
                merged.add(stream, page.records)
                _write(writer, page)
                report(Progress(self._system, stream.name, writer.pages, None, tally.records))
            tally.finish()
            _expect_newest(changes, watch, before)
            for row in _rows(path):
                merged.add(stream, _records(stream, row))
                writer.add(**row)
        whole = Tally(stream, self._title)
        whole.add(list(merged.records.values()), None)
        whole.finish()
        await self._expect_total(stream, changes, whole.distinct_keys)
        result = StreamResult(
            name=stream.name,
            file=target.name,
            sha256=sha256_of(target),
            pages=writer.pages,
            records=whole.records,
            distinct_keys=whole.distinct_keys,
            announced=whole.distinct_keys if changes.total else None,
            accounts=whole.accounts,
            changed=tally.distinct_keys,
            watermark=_later(base.watermark, watch),
            asked=base.asked,
            note=watch.problem,
        )
        return result, list(merged.records.values())

    def _pages(self, stream: Stream, request: Request) -> Any:  # noqa: ANN401 - pages, async
        return paginate(self._client, request, stream.paginator(), stream.records)

    async def _expect_total(self, stream: Stream, changes: Changes, known: int) -> None:
        """Compare with how many there are now: more are known where some were deleted."""
        if changes.total is None:
            return
        told = changes.count((await self._client.get(changes.total)).data)
        if told != known:
            raise UnprovenError(f"{known} records of {stream.name} are known, and there are {told}")


def _expect_newest(changes: Changes, watch: Watch, before: datetime) -> None:
    """The record changed last before must come again: the question goes back beyond its stamp.

    If it does not, it was deleted, or the filter means something else than we think.
    """
    if changes.stamp is None:
        return
    if watch.newest is None or watch.newest < before:
        raise UnprovenError("the record that was changed last did not come again")


def _later(before: str | None, watch: Watch) -> str | None:
    """Never back, and never beyond what was seen."""
    if watch.problem:
        return None
    if before is None or watch.newest is None:
        return before
    return max(datetime.fromisoformat(before), watch.newest).isoformat()


def _write(writer: PageWriter, page: Page) -> None:
    writer.add(
        page.reply.body,
        fetched_at=page.reply.fetched_at,
        status=page.reply.status,
        template=page.reply.request.template or page.reply.request.path,
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The pages of an earlier pull, as they were received then."""
    names = ["body", "fetched_at", "status", "template", "parent_id"]
    for batch in pq.ParquetFile(path).iter_batches(columns=names):
        yield from batch.to_pylist()


def _records(stream: Stream, row: dict[str, Any]) -> list[Record]:
    if row["status"] != _OK:
        raise UnprovenError("the pull before holds a refusal in its place")
    try:
        return stream.records(parse(row["body"]))
    except StrictJsonError as error:
        raise UnprovenError(f"a page of the pull before is {error.reason}") from error


def _is_hopeless(error: PipelineError) -> bool:
    """Reading everything would fail in the same way, and only press the system harder."""
    if error.category in (Category.CREDENTIALS, Category.RATE_LIMIT):
        return True
    # Some answer a condition they don't understand with 500; without any status nobody answered.
    status = error.status if isinstance(error, ApiError) else None
    return error.category is Category.UNREACHABLE and status != _SERVER_ERROR
