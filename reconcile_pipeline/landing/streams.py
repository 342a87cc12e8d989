"""Fetch one stream whole: its pages or its sub-calls, written as they come, proven in the end.

A list that changed while it was read is read again, twice at most. No manifests here.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from reconcile_pipeline.http import ApiClient, Page, Request, in_order, paginate
from reconcile_pipeline.landing.completeness import ListChangedError, Tally
from reconcile_pipeline.landing.manifest import StreamResult
from reconcile_pipeline.landing.pages import PageWriter, sha256_of
from reconcile_pipeline.landing.progress import Progress, report
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Child, Document, Record, Stream

READINGS = 3
CHILDREN_FOR_A_PLACE = 2
"""Sub-calls for each call that may be under way: one late answer must not leave places empty."""


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

    def __init__(self, client: ApiClient, *, system: str, title: str, folder: Path) -> None:
        self._client = client
        self._system = system
        self._title = title
        self._folder = folder
        self.has_answer = asyncio.Event()
        """Set as soon as the system has answered one call of any stream."""

    async def read(self, stream: Stream, earlier: Mapping[str, Sequence[Record]]) -> Fetched:
        """Fetch the stream until one reading of it is whole, or give up as `incomplete`."""
        changes: list[str] = []
        for _reading in range(READINGS):
            try:
                return await self._read_once(stream, earlier)
            except ListChangedError as change:
                changes.append(str(change))
        raise PipelineError(
            f"{self._title} changed its list of {stream.name} during each of {READINGS} readings"
            f" ({changes[-1]}).",
            next_step="Run the pull again at a quieter time; the last complete pull stays in use.",
            category=Category.INCOMPLETE,
        )

    async def _read_once(self, stream: Stream, earlier: Mapping[str, Sequence[Record]]) -> Fetched:
        tally = Tally(stream, self._title)
        kept: list[Record] = []
        path = self._folder / f"{stream.name}.parquet"
        with PageWriter(path, system=self._system, stream=stream.name) as writer:

            def take(page: Page, parent_id: str | None, expected: int | None) -> None:
                self.has_answer.set()
                is_total = page.number == 1 or not stream.is_announced_once
                tally.add(page.records, stream.announced(page.reply.data) if is_total else None)
                writer.add(
                    without(stream.withheld, page.reply.body),
                    fetched_at=page.reply.fetched_at,
                    status=page.reply.status,
                    template=page.reply.request.template or page.reply.request.path,
                    parent_id=parent_id,
                )
                if page.records:
                    tally.add_parent(parent_id)
                if stream.is_needed_later:
                    kept.extend(map(stream.keeps, page.records) if stream.keeps else page.records)
                report(Progress(self._system, stream.name, writer.pages, expected, tally.records))

            if stream.request is not None:
                async with aclosing(self._pages(stream, stream.request)) as pages:
                    async for page in pages:
                        take(page, None, page.expected_pages)
            elif stream.children is not None:
                children = stream.children(earlier)
                async with aclosing(self._answers(stream, children)) as answers:
                    async for child, found in answers:
                        for page in found:
                            take(page, child.parent_id, len(children))
        tally.finish()
        return Fetched(_result(stream, path, writer.pages, tally), kept)

    def _answers(
        self, stream: Stream, children: Sequence[Child]
    ) -> AsyncGenerator[tuple[Child, list[Page]]]:
        """Make the sub-calls, some at the same time; answers in the order of their parents."""

        async def ask(child: Child) -> list[Page]:
            async with aclosing(self._pages(stream, child.request)) as pages:
                return [page async for page in pages]

        return in_order(ask, children, CHILDREN_FOR_A_PLACE * self._client.concurrency)

    def _pages(self, stream: Stream, request: Request) -> AsyncGenerator[Page]:
        return paginate(
            self._client,
            request,
            stream.paginator(),
            stream.records,
            at_once=self._client.concurrency,
        )


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
