"""Which pull a period's numbers come from, per system, and how far it can be trusted.

A pure function of the manifests and of the quarantined pulls a person accepted; the clock is
never asked, so a past month always gets the same answer.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.model import PullState


@dataclass(frozen=True)
class Evidence:
    """One system in one period: the pull to believe, if any, and the latest attempt."""

    system: str
    pull: Manifest | None
    latest: Manifest

    @property
    def is_behind(self) -> bool:
        """The latest attempt is not the one the numbers come from."""
        return self.pull is None or self.pull.pull_id != self.latest.pull_id

    def is_stale(self, after: timedelta) -> bool:
        """Later attempts failed, and the numbers were already too old by the last of them."""
        return (
            self.pull is not None
            and self.is_behind
            and self.latest.started_at - self.pull.finished_at > after
        )


def current_evidence(
    manifests: Iterable[Manifest],
    *,
    accepted: Collection[str] = (),
    systems: Collection[str] | None = None,
) -> list[Evidence]:
    """Pick the last usable pull of each system; `systems` limits to those still configured.

    `manifests` are one period's pulls, oldest first.
    """
    found: dict[str, Evidence] = {}
    for manifest in manifests:
        if systems is not None and manifest.system not in systems:
            continue
        usable = manifest.state is PullState.COMPLETE or (
            manifest.state is PullState.QUARANTINED and manifest.pull_id in accepted
        )
        before = found.get(manifest.system)
        pull = manifest if usable else (before.pull if before else None)
        found[manifest.system] = Evidence(manifest.system, pull, manifest)
    return [found[name] for name in sorted(found)]
