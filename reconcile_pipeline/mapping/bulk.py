"""Many mappings in one go: identical names, and suggestions that are certain, for a person to save.

Nothing is saved here: what comes out are proposals, to be looked at with their effect first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reconcile_pipeline.ledger.mapping_entries import NOTHING_YET
from reconcile_pipeline.ledger.mappings import Item
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.mapping.propose import Proposal
from reconcile_pipeline.mapping.standing import ACCOUNTS, SERVICES, Connection, ask, seen, standing
from reconcile_pipeline.matching.exact import Named, exact_matches

IDENTICAL = "The names are identical."


@dataclass(frozen=True)
class Suggested:
    """A suggestion for one item, as whoever compares names makes it."""

    item_id: str
    target_id: str
    score: float
    """0 to 1."""
    reasons: tuple[str, ...]
    is_certain: bool
    """Good enough to be accepted together with others, by a person."""
    system: str = ""
    """The vendor system; "" where the item's id is found in one system only."""


def ready_to_accept(
    connection: Connection,
    ledger: Ledger,
    period: str,
    kind: str,
    suggestions: Sequence[Suggested] = (),
    *,
    vendor: str = "",
    until: datetime | None = None,
) -> list[Proposal]:
    """Proposals for unmapped items with exactly one live target of the same name, or a certain one.

    `kind` is account or service. An identical name goes before a suggestion; of two certain
    suggestions with different targets for one item neither is taken.
    """
    now = standing(ledger, until)
    with seen(connection, period, ledger, now, ACCOUNTS + SERVICES) as cursor:
        unmapped = ask(cursor, "unmapped", {})
        live = ask(cursor, "names_live", {"period": period})
    items = [
        Named(row["id"], row["name"], row["system"])
        for row in unmapped
        if row["kind"] == kind and vendor in ("", row["system"])
    ]
    targets = [Named(row["id"], row["name"]) for row in live if row["kind"] == kind]
    found = {match.item: (match.target.id, IDENTICAL) for match in exact_matches(items, targets)}
    certain = _certain(items, suggestions, {target.id for target in targets})
    chosen = certain | found
    return [
        _proposal(kind, item, *chosen[item], now.numbers.get((kind, item.system, item.id)))
        for item in items
        if item in chosen
    ]


def _certain(
    items: Sequence[Named], suggestions: Sequence[Suggested], live: set[str]
) -> dict[Named, tuple[str, str]]:
    """By item: its only certain target, and why."""
    by_id: dict[str, list[Named]] = {}
    for item in items:
        by_id.setdefault(item.id, []).append(item)
    offers: dict[Named, dict[str, Suggested]] = {}
    for suggested in suggestions:
        meant = [n for n in by_id.get(suggested.item_id, ()) if suggested.system in ("", n.system)]
        # An id that two systems use says nothing without the system.
        if suggested.is_certain and suggested.target_id in live and len(meant) == 1:
            offers.setdefault(meant[0], {})[suggested.target_id] = suggested
    return {
        item: (each.target_id, "; ".join(each.reasons))
        for item, found in offers.items()
        if len(found) == 1
        for each in found.values()
    }


def _proposal(kind: str, item: Named, target_id: str, why: str, basis: int | None) -> Proposal:
    place: Item = (kind, item.system, item.id)
    return Proposal(
        *place,
        target_id,
        reason=why or None,
        basis=NOTHING_YET if basis is None else basis,
        method="suggested",
    )
