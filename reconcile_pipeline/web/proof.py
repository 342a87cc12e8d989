"""Whether the ledger's chain holds: checked when somebody asks, once at a time, and remembered.

A walk along a large ledger takes seconds, so no page does it by the way; what a page shows is the
latest walk, with its hour and its head.
"""

import threading
from dataclasses import dataclass
from datetime import datetime

from reconcile_pipeline.ledger.chain import Verdict, verify
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Category, PipelineError


@dataclass(frozen=True)
class Proof:
    """The latest walk along the chain."""

    verdict: Verdict
    at: datetime
    by: str


class ChainProof:
    """Checks the chain of one installation and keeps what came of it."""

    def __init__(self) -> None:
        """Nothing was checked yet."""
        self._lock = threading.Lock()
        self.latest: Proof | None = None

    def check(self, ledger: Ledger, *, by: str, at: datetime) -> Proof:
        """Walk along the whole chain.

        Raises:
            PipelineError: `conflict`, while another check is under way.
        """
        if not self._lock.acquire(blocking=False):
            raise PipelineError(
                "The chain is being checked already.",
                next_step="Look again in a few seconds.",
                category=Category.CONFLICT,
            )
        try:
            # Who cut off the end since the last walk is found out by its head.
            before = self.latest
            known = before.verdict.head if before and not before.verdict.trouble else ""
            with ledger.reading() as connection:
                verdict = verify(connection, expected_head=known)
            self.latest = Proof(verdict, at, by)
        finally:
            self._lock.release()
        return self.latest
