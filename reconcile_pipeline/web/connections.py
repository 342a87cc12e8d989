"""How each connection stands: the pull its counts come from, the latest attempt, what to do.

Read from the landing folder, so a pull that failed a minute ago shows before anything is built.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from reconcile_pipeline.building import evidence_of
from reconcile_pipeline.landing.evidence import Evidence
from reconcile_pipeline.model import PullState
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.web.desk import Call

STATES = {
    "fresh": "Fresh",
    "old": "Old",
    "failed": "Failed",
    "quarantined": "Held back",
    "missing": "No pull yet",
}


@dataclass(frozen=True)
class Connection:
    """One system of the installation in a month."""

    name: str
    title: str
    role: str
    state: str
    """One of STATES."""
    counted_at: datetime | None
    """When the counts in use were pulled; None: there are none."""
    attempted_at: datetime | None
    pull_id: str
    """The latest attempt; "" when there is none."""
    records: int = 0
    calls: int = 0
    category: str = ""
    reason: str = ""
    next_step: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nobody has to look."""
        return self.state == "fresh"


def connections_of(call: Call) -> list[Connection]:
    """Every system of the settings, the PSA first; then those that need somebody."""
    site = call.desk.site
    now = call.desk.now()
    known = {item.system: item for item in evidence_of(site, call.period, now=now)}
    old_after = timedelta(hours=site.settings.stale_after_hours)
    found = []
    for system in site.settings.systems:
        spec = SYSTEMS[system.kind]
        item = known.get(system.name)
        if item is None:
            found.append(
                Connection(system.name, spec.title, str(spec.role), "missing", None, None, "")
            )
        else:
            found.append(_connection(item, spec.title, now=now, old_after=old_after))
    return sorted(found, key=lambda item: (item.role != "psa", item.is_well, item.name))


def _connection(item: Evidence, title: str, *, now: datetime, old_after: timedelta) -> Connection:
    latest, pull = item.latest, item.pull
    if item.is_behind:
        state = "quarantined" if latest.state is PullState.QUARANTINED else "failed"
    elif now - latest.finished_at > old_after and not latest.is_grace:
        state = "old"
    else:
        state = "fresh"
    return Connection(
        name=item.system,
        title=title,
        role=latest.role,
        state=state,
        counted_at=pull.started_at if pull else None,
        attempted_at=latest.started_at,
        pull_id=latest.pull_id,
        records=pull.records if pull else 0,
        calls=latest.calls,
        category=latest.category or "",
        reason=latest.reason or "",
        next_step=latest.next_step or "",
    )
