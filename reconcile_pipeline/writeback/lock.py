"""One writer at a time: a lock that the writing process itself holds, however it was started.

The kernel (or the PostgreSQL server) frees it when the process ends, and an orphan that outlives
its parent keeps it. Dagster's pools are a courtesy; this is the lock.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from socket import gethostname

from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Category, PipelineError

WRITER = 7_052_602
"""The PostgreSQL advisory lock of the one writer."""


@contextmanager
def writing_alone(ledger: Ledger) -> Iterator[None]:
    """Hold the writer's lock of this ledger; `conflict` error when another process has it."""
    if ledger.path is None:
        with ledger.server_lock(WRITER) as is_ours:
            if not is_ours:
                raise _busy("")
            yield
        return
    path = ledger.path.with_name(f"{ledger.path.name}.writer")
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _busy(file.read(100).strip()) from None
        file.truncate(0)
        file.write(owner())
        file.flush()
        yield


def owner() -> str:
    """Name this process for whoever has to wait for it."""
    return f"process {os.getpid()} on {gethostname()}"


def _busy(who: str) -> PipelineError:
    return PipelineError(
        f"Another write-back is running{f' ({who})' if who else ''}.",
        next_step="Wait until it has ended, then start this one again; nothing was written here.",
        category=Category.CONFLICT,
    )
