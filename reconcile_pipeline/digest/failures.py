"""Which systems can't be read now, and since when: told by the landing folder's manifests.

Pure. A failure keeps its key from its first night until the system is read again, so that it is
told once; another category is another failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reconcile_pipeline.landing.evidence import Evidence
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.model import PullState

QUARANTINED = "quarantined"
UNFORESEEN = "unforeseen"


@dataclass(frozen=True)
class Failure:
    """One system whose latest pull is not the one in use."""

    system: str
    category: str
    """A `Category`, or `quarantined`, or `unforeseen`."""
    since: datetime
    """When the first pull failed that way, with none better after it."""
    key: str
    pull_id: str
    """The latest pull."""
    used: datetime | None
    """When the pull ended that stays in use; None: the counts are unknown."""
    reason: str
    """The pull's own words, which may name a customer."""
    next_step: str


def failures_in(evidence: Sequence[Evidence], attempts: Sequence[Manifest]) -> list[Failure]:
    """Name the systems whose latest pull is not in use; `attempts`: the month's, oldest first."""
    return [_failure(item, attempts) for item in evidence if item.is_behind]


def _failure(item: Evidence, attempts: Sequence[Manifest]) -> Failure:
    category = _category(item.latest)
    first = item.latest
    for attempt in reversed([each for each in attempts if each.system == item.system]):
        if attempt.started_at > item.latest.started_at:
            # Later than what counts for this month.
            continue
        is_used = item.pull is not None and attempt.pull_id == item.pull.pull_id
        if is_used or _category(attempt) != category:
            break
        first = attempt
    return Failure(
        system=item.system,
        category=category,
        since=first.started_at,
        key=f"{first.pull_id} {category}",
        pull_id=item.latest.pull_id,
        used=item.pull.finished_at if item.pull else None,
        reason=item.latest.reason or "",
        next_step=item.latest.next_step or "",
    )


def _category(attempt: Manifest) -> str:
    if attempt.state is PullState.QUARANTINED:
        return QUARANTINED
    return attempt.category or UNFORESEEN
