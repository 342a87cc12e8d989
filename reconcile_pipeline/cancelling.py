"""Ends asynchronous work decently when its process is asked to end.

By Ctrl-C, by SIGTERM, or by a cancelled run in Dagster. A handler that raises wherever the
interpreter happens to be is not enough for an event loop: raised inside a socket's write, it is
taken for a broken line, and the work goes on as if nobody had asked. So the loop itself listens,
and the work decides how it ends.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from reconcile_pipeline.model import Category, PipelineError

ENDS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def told_to_end(end: Callable[[], None]) -> Iterator[None]:
    """Have the running loop call `end` for each such signal, in place of who listened before.

    Outside of the main thread nothing changes: no signal arrives there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in ENDS}

    def heard(_number: int, _frame: FrameType | None) -> None:
        # Before anything the loop has heard of since: an answer that came later waits for it.
        loop.call_soon_threadsafe(end)

    for number in ENDS:
        # The loop's own handler, which would come two rounds late, is there to wake it only.
        loop.add_signal_handler(number, lambda: None)
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            # None: set by C code, and not to be had back.
            if handler is not None:
                signal.signal(number, handler)


def cancelled(what: str, next_step: str) -> PipelineError:
    """What is told of work that was asked to end before it was through."""
    return PipelineError(
        f"{what} was cancelled before it was through.",
        next_step=next_step,
        category=Category.CANCELLED,
    )
