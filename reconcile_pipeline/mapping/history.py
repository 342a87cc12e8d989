"""The history of one item in words: who said what, when, through which door, and why."""

from dataclasses import dataclass
from datetime import datetime

from reconcile_pipeline.ledger.mapping_entries import Entry, entries_of, in_words, instant
from reconcile_pipeline.ledger.mappings import Item, Mapping
from reconcile_pipeline.ledger.store import Ledger


@dataclass(frozen=True)
class Step:
    """One entry about an item, beside what it replaced."""

    number: int
    at: datetime
    by: str
    origin: str
    """The door it came through."""
    method: str
    before: str
    """`unmapped`, `mapped to Contoso`, `excluded`, …"""
    after: str
    reason: str | None
    text: str
    """All of it in a sentence."""


def history(ledger: Ledger, item: Item) -> list[Step]:
    """Every entry about an item (kind, system, id), oldest first."""
    before: dict[str | None, Mapping] = {}
    steps = []
    for entry in entries_of(ledger, item):
        if entry.is_after_move:
            before = {place: old for place, old in before.items() if old.state == "excluded"}
        steps.append(_step(entry, before))
        place = entry.mapping.place[3]
        if place is None:
            before.clear()
        before.pop(None, None)
        before[place] = entry.mapping
    return steps


def _step(entry: Entry, before: dict[str | None, Mapping]) -> Step:
    mapping = entry.mapping
    was, now = _replaced(mapping, before), _words(mapping)
    why = f" Reason: {mapping.reason}" if mapping.reason else ""
    return Step(
        number=entry.number,
        at=mapping.decided_at,
        by=mapping.decided_by,
        origin=entry.origin,
        method=mapping.method,
        before=was,
        after=now,
        reason=mapping.reason,
        text=(
            f"{instant(mapping.decided_at)}: {mapping.decided_by} ({entry.origin}):"
            f" from {was} to {now}.{why}"
        ),
    )


def _replaced(mapping: Mapping, before: dict[str | None, Mapping]) -> str:
    """What stood in the place; a further link of a service replaces nothing but an exclusion."""
    place = mapping.place[3]
    if place is None:
        return ", ".join(_words(old) for old in before.values()) or "unmapped"
    old = before.get(place) or before.get(None)
    if old is not None:
        return _words(old)
    return "not linked" if before else "unmapped"


def _words(mapping: Mapping) -> str:
    text = "unmapped" if mapping.state == "unmapped" else in_words(mapping)
    if mapping.state != "mapped":
        return text
    factor = "" if mapping.multiplier == 1 else f" × {mapping.multiplier.normalize():f}"
    leg = "" if mapping.leg == "usage" else f" ({mapping.leg} count)"
    return f"{text}{factor}{leg}"
