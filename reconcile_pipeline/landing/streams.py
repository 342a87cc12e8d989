"""Fetch one stream whole: its pages or its sub-calls, written as they come, proven in the end.

A list that changed while it was read is read again, twice at most. No manifests here.

Pages that are places in a list move when something goes in front of them, and what moved over the
edge is never seen. An announced total shows that; where there is none, the pages are read twice.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from reconcile_pipeline.http import ApiClient, ApiError, Page, Request, paginate
from reconcile_pipeline.landing.basis import Footing
from reconcile_pipeline.landing.completeness import (
    ListChangedError,
    ParentGoneError,
    Tally,
    key_of,
)
from reconcile_pipeline.landing.incremental import ChangeReader, UnprovenError, Watch, question_of
from reconcile_pipeline.landing.manifest import StreamResult
from reconcile_pipeline.landing.pages import PageWriter, sha256_of
from reconcile_pipeline.landing.progress import Progress, report
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Child, Document, Record, Stream

logger = logging.getLogger(__name__)

READINGS = 3
CHILDREN_AT_ONCE = 400
GONE = (404, 410)
LOST_PLACE = (400, *GONE, 422)
"""How systems answer a cursor that ended, or a page that is no longer there."""


class Clock(Protocol):
    """The injected clock."""

    def __call__(self) -> datetime:
        """Return the current instant, with its zone."""


@dataclass(frozen=True)
class Fetched:
    """A stream on disk, and its records if a later stream needs them."""

    result: StreamResult
    records: list[Record]


class StreamReader:
    """Reads the streams of one pull into one folder."""

    def __init__(
        self, client: ApiClient, *, system: str, title: str, folder: Path, footing: Footing
    ) -> None:
        self._footing = footing
        self._changes = ChangeReader(client, footing, system=system, title=title, folder=folder)
        self._client = client
        self._system = system
        self._title = title
        self._folder = folder

    async def read(self, stream: Stream, earlier: Mapping[str, Sequence[Record]]) -> Fetched:
        """Fetch the stream until one reading of it is whole, or give up as `incomplete`.

        Where it can be asked for changes, and they can be proven, the rest is not read again.
        """
        if stream.changes is None:
            return await self._read_in_full(stream, earlier)
        try:
            return Fetched(*await self._changes.read(stream))
        except UnprovenError as why:
            if self._footing.base is not None:
                logger.info("%s: %s is read in full: %s.", self._system, stream.name, why)
            fetched = await self._read_in_full(stream, earlier)
            note = fetched.result.note or (str(why) if self._footing.base else "")
            return replace(fetched, result=replace(fetched.result, note=note))

    async def _read_in_full(
        self, stream: Stream, earlier: Mapping[str, Sequence[Record]]
    ) -> Fetched:
        changes: list[ListChangedError] = []
        for _reading in range(READINGS):
            try:
                return await self._read_once(stream, earlier)
            except ListChangedError as change:
                changes.append(change)
        raise PipelineError(
            f"{self._title} changed its list of {stream.name} during each of {READINGS} readings"
            f" ({changes[-1]}).",
            next_step="Run the pull again at a quieter time; the last complete pull stays in use.",
            category=Category.INCOMPLETE,
        )

    async def _read_once(self, stream: Stream, earlier: Mapping[str, Sequence[Record]]) -> Fetched:
        tally = Tally(stream, self._title)
        kept: list[Record] = []
        watch = Watch(stream.changes, self._footing.started_at)
        path = self._folder / f"{stream.name}.parquet"
        with PageWriter(path, system=self._system, stream=stream.name) as writer:

            def take(page: Page, parent_id: str | None, expected: int | None) -> None:
                is_total = page.number == 1 or not stream.is_announced_once
                total = stream.announced(page.reply.data) if is_total else None
                tally.add(page.records, total, parent_id)
                writer.add(
                    without(stream.withheld, page.reply.body),
                    fetched_at=page.reply.fetched_at,
                    status=page.reply.status,
                    template=page.reply.request.template or page.reply.request.path,
                    parent_id=parent_id,
                )
                if page.records:
                    tally.add_parent(parent_id)
                watch.see(page)
                if stream.is_needed_later:
                    kept.extend(page.records)
                report(Progress(self._system, stream.name, writer.pages, expected, tally.records))

            if stream.request is not None:
                async for page in self._pages(stream, stream.request):
                    take(page, None, page.expected_pages)
            elif stream.children is not None:
                children = stream.children(earlier)
                for start in range(0, len(children), CHILDREN_AT_ONCE):
                    chunk = children[start : start + CHILDREN_AT_ONCE]
                    for child, pages in zip(chunk, await self._all(stream, chunk), strict=True):
                        for page in pages:
                            take(page, child.parent_id, len(children))
        tally.finish()
        result = replace(
            _result(stream, path, writer.pages, tally),
            watermark=watch.watermark,
            asked=question_of(stream, self._footing.identity),
            note=watch.problem,
        )
        return Fetched(result, kept)

    async def _all(self, stream: Stream, children: Sequence[Child]) -> list[list[Page]]:
        """Make the sub-calls of a chunk together, answers in the order of their parents."""
        try:
            async with asyncio.TaskGroup() as group:
                many = len(children) > 1
                tasks = [
                    group.create_task(self._child(stream, child, is_one_of_many=many))
                    for child in children
                ]
        except ExceptionGroup as errors:
            # The first refusal says what is wrong; `except*` would wrap it in a group again.
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _child(self, stream: Stream, child: Child, *, is_one_of_many: bool) -> list[Page]:
        # A call that is the only one of its list was not named by another: its address is wrong.
        try:
            return [page async for page in self._pages(stream, child.request)]
        except ApiError as error:
            if error.status in GONE and is_one_of_many:
                raise ParentGoneError(error.message) from error
            raise

    async def _pages(self, stream: Stream, request: Request) -> AsyncIterator[Page]:
        """Every page of a list; raises ListChangedError if some may have been missed."""
        seen: list[frozenset[str]] = []
        number = 0
        paginator = stream.paginator()
        may_move = paginator.is_by_place and not stream.is_proven_elsewhere
        try:
            async for page in paginate(self._client, request, paginator, stream.records):
                number = page.number
                may_move = may_move and stream.announced(page.reply.data) is None
                if may_move:
                    seen.append(frozenset(key_of(stream, record) for record in page.records))
                yield page
        except ApiError as error:
            if number and error.status in LOST_PLACE:
                raise ListChangedError(f"page {number + 1} was refused: {error}") from error
            raise
        if may_move:
            await self._look_again(stream, request, seen)

    async def _look_again(
        self, stream: Stream, request: Request, seen: Sequence[frozenset[str]]
    ) -> None:
        """Read all pages but the last anew: behind the last there is nothing to miss.

        An empty page may only look like the end: it has to come twice.
        """
        ends_empty = len(seen) > 1 and not seen[-1]
        again = paginate(self._client, request, stream.paginator(), stream.records)
        async with aclosing(again):
            for number, keys in enumerate(seen if ends_empty else seen[:-1], start=1):
                page = await anext(again, None)
                found = [] if page is None else page.records
                if {key_of(stream, record) for record in found} != keys:
                    raise ListChangedError(f"page {number} held other records a moment later")


def without(names: Sequence[str], body: str) -> str:
    """Return a page with the texts of these fields replaced by null; the rest stays as received."""
    if not names:
        return body
    # All names in one pass: a vendor may have hundreds of such fields.
    fields = "|".join(re.escape(json.dumps(name)) for name in names)
    return re.sub(rf'((?:{fields})\s*:\s*)"(?:[^"\\]|\\.)*"', r"\1null", body)


def write_rows(
    stream: Stream,
    rows: list[Record],
    *,
    name: str,
    system: str,
    title: str,
    folder: Path,
    now: Clock,
) -> Fetched:
    """Land records that were not fetched: a plan, or the rows of a file."""
    tally = Tally(stream, title)
    tally.add(rows, None)
    tally.finish()
    path = folder / f"{stream.name}.parquet"
    with PageWriter(path, system=system, stream=stream.name) as writer:
        body = json.dumps(rows, ensure_ascii=False)
        writer.add(body, fetched_at=now(), status=200, template=name)
    report(Progress(system, stream.name, 1, 1, len(rows)))
    return Fetched(_result(stream, path, writer.pages, tally), rows)


def write_document(
    stream: Stream, document: Document, *, system: str, title: str, folder: Path, now: Clock
) -> Fetched:
    """Land the rows of a file."""
    return write_rows(
        stream,
        document.records,
        name=document.name,
        system=system,
        title=title,
        folder=folder,
        now=now,
    )


def _result(stream: Stream, path: Path, pages: int, tally: Tally) -> StreamResult:
    return StreamResult(
        name=stream.name,
        file=path.name,
        sha256=sha256_of(path),
        pages=pages,
        records=tally.records,
        distinct_keys=tally.distinct_keys,
        announced=tally.announced,
        accounts=tally.accounts,
    )
