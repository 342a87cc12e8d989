"""Count rules in the ledger: the newest rule of a service counts, and every earlier one is kept."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Stamp, append
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import count_rules as table


@dataclass(frozen=True)
class RuleEntry:
    """The rule of one vendor service, as somebody decided it; an empty rule takes one back."""

    system: str
    service_id: str
    rule: str
    decided_by: str
    decided_at: datetime
    reason: str | None = None


def record_rules(ledger: Ledger, entries: Iterable[RuleEntry], *, origin: str = "rule") -> int:
    """Append the entries in one transaction; returns how many. `origin`: through which door."""
    found = list(entries)
    if found:
        with ledger.writing() as connection:
            for entry in found:
                row = asdict(entry) | {"decided_at": entry.decided_at.astimezone(UTC).isoformat()}
                stamp = Stamp(entry.decided_by, entry.decided_at, origin)
                append(connection, table, row, stamp)
    return len(found)


def rules_in_force(
    ledger: Ledger, *, until: datetime | None = None
) -> dict[tuple[str, str], RuleEntry]:
    """(system, service id) -> its rule as it stood at `until` (None: now)."""
    newest: dict[tuple[str, str], RuleEntry] = {}
    for row in ledger.rows(sa.select(table).order_by(table.c.seq)):
        values = {name: value for name, value in row.items() if name != "seq"}
        values["decided_at"] = datetime.fromisoformat(values["decided_at"])
        entry = RuleEntry(**values)
        if until is None or entry.decided_at < until:
            newest[entry.system, entry.service_id] = entry
    return {place: entry for place, entry in newest.items() if entry.rule}
