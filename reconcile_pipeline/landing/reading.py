"""All streams of one pull at the same time; a stream that is made from earlier ones waits for them.

One stream is `streams`' business. No manifests here, and no judging of what was read.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from reconcile_pipeline.landing.manifest import StreamResult
from reconcile_pipeline.landing.streams import Fetched, StreamReader
from reconcile_pipeline.systems.base import Record, Stream

Earlier = Mapping[str, Sequence[Record]]


async def read_streams(
    streams: Sequence[Stream],
    reader: StreamReader,
    land_plan: Callable[[Stream, list[Record]], Fetched],
) -> list[StreamResult]:
    """Read them all; returns what each came to, in the order in which they are declared.

    The first list that is asked is alone until it has an answer: a wrong key is refused once, and
    not by every list. What fails first ends the reading, and the others are called off.
    """
    first = next((stream.name for stream in streams if stream.plan is None), None)
    tasks: list[asyncio.Task[Fetched]] = []
    kept: dict[str, asyncio.Task[Fetched]] = {}

    async def read(stream: Stream, needed: Mapping[str, asyncio.Task[Fetched]]) -> Fetched:
        earlier = {name: (await task).records for name, task in needed.items()}
        if stream.plan is not None:
            return land_plan(stream, stream.plan(earlier))
        if stream.name != first:
            await reader.has_answer.wait()
        fetched = await reader.read(stream, earlier)
        # A list without any parent is complete and has asked nobody.
        reader.has_answer.set()
        return fetched

    try:
        async with asyncio.TaskGroup() as group:
            for stream in streams:
                needed = dict(kept) if stream.request is None else {}
                tasks.append(group.create_task(read(stream, needed), name=stream.name))
                if stream.is_needed_later:
                    kept[stream.name] = tasks[-1]
    except BaseExceptionGroup as errors:
        # The first is what went wrong; those after it were on the way, or waited for its list.
        raise errors.exceptions[0] from None
    return [task.result().result for task in tasks]
