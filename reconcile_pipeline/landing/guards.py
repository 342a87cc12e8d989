"""Guards: a system that suddenly shows far less than last time is quarantined, not believed.

Pure: compares one finished pull with the last complete one. Thresholds come from settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reconcile_pipeline.landing.manifest import Manifest, StreamResult


@dataclass(frozen=True)
class Limits:
    """How much less is still believable, as fractions of the last complete pull."""

    max_row_drop: float = 0.20
    max_account_drop: float = 0.10


def shrinkage(
    streams: Sequence[StreamResult], before: Manifest | None, limits: Limits
) -> list[str]:
    """Name every list that shrank too far since the last complete pull; empty means believable."""
    if before is None:
        return []
    now = {stream.name: stream for stream in streams}
    findings = []
    for old in before.streams:
        new = now.get(old.name)
        if new is None:
            continue
        if _dropped(old.distinct_keys, new.distinct_keys, limits.max_row_drop):
            findings.append(f"{old.name} went from {old.distinct_keys} to {new.distinct_keys}")
        elif (
            old.accounts is not None
            and new.accounts is not None
            and _dropped(old.accounts, new.accounts, limits.max_account_drop)
        ):
            findings.append(f"accounts in {old.name} went from {old.accounts} to {new.accounts}")
    return findings


def _dropped(before: int, after: int, most: float) -> bool:
    if before == 0:
        return False
    return after == 0 or (before - after) / before > most
