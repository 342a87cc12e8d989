"""What a person wants mapped: checked against what there is, then appended to the ledger.

One proposal is one row of a page. `check` says what is wrong with each; `record` appends all of
them or none; `undo` appends what stood before. Nothing is ever changed or deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from reconcile_pipeline.ledger.mapping_entries import (
    NOTHING_YET,
    Change,
    conflict,
    entries_of,
    in_words,
    record_on_basis,
    state_before,
)
from reconcile_pipeline.ledger.mappings import Item, with_entries
from reconcile_pipeline.ledger.mappings import Mapping as Entry
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.mapping.objections import (
    Proposal,
    contradiction,
    malformed,
    unknown,
    warnings_about,
)
from reconcile_pipeline.mapping.standing import Connection, ask, standing
from reconcile_pipeline.model import Category, PipelineError

__all__ = ["Proposal", "Recorded", "Verdict", "check", "record", "undo"]


@dataclass(frozen=True)
class Verdict:
    """What is to be said about a proposal before it is saved."""

    proposal: Proposal
    item_name: str
    target_name: str | None
    error: PipelineError | None = None
    warnings: tuple[str, ...] = ()
    is_repeat: bool = False
    """It stands in the ledger already: saving it records nothing."""
    entries: tuple[Entry, ...] = ()
    """What saving it appends."""


@dataclass(frozen=True)
class Recorded:
    """What saving did."""

    entries: int
    """New entries in the ledger; 0 when all of it stood there already."""
    verdicts: tuple[Verdict, ...] = ()


@dataclass
class _Desk:
    """What is known while proposals are looked at, one after the other."""

    items: dict[Item, dict[str, Any]]
    targets: dict[tuple[str, str], dict[str, Any]]
    links: dict[Item, list[Entry]]
    numbers: dict[Item, int]
    by: str
    now: datetime
    taken: dict[Item, Proposal] = field(default_factory=dict)


def check(
    ledger: Ledger,
    connection: Connection,
    proposals: Sequence[Proposal],
    *,
    period: str,
    by: str,
    now: datetime,
) -> list[Verdict]:
    """Say of each proposal, in their order, what is wrong with it and what it would append.

    Several proposals about one service are read one after the other; about one account they
    contradict each other.
    """
    desk = _read(ledger, connection, proposals, period=period, by=by, now=now)
    return [_judged(ledger, desk, proposal) for proposal in proposals]


def record(
    ledger: Ledger,
    connection: Connection,
    proposals: Sequence[Proposal],
    *,
    period: str,
    by: str,
    now: datetime,
    origin: str,
) -> Recorded:
    """Append all proposals in one transaction; a repeat of what stands there appends nothing.

    Raises:
        PipelineError: the first thing that is wrong, as `check` tells it; then nothing at all is
            recorded. `conflict`, when somebody said otherwise since the page was opened.
    """
    verdicts = check(ledger, connection, proposals, period=period, by=by, now=now)
    for verdict in verdicts:
        if verdict.error is not None:
            raise verdict.error
    changes = [
        Change(verdict.proposal.item, verdict.entries, verdict.proposal.basis)
        for verdict in verdicts
        if verdict.entries
    ]
    count = record_on_basis(ledger, changes, origin=origin) if changes else 0
    return Recorded(count, tuple(verdicts))


def undo(
    ledger: Ledger,
    item: Item,
    *,
    by: str,
    now: datetime,
    origin: str,
    basis: int,
    reason: str | None = None,
) -> Recorded:
    """Append what stood for an item before its newest saving; undoing that again brings it back.

    Args:
        ledger: where it stands.
        item: kind, system, id.
        by: who undoes it.
        now: the instant that is recorded.
        origin: the door it comes through.
        basis: number of the item's newest entry as the person saw it.
        reason: why, in the person's words.

    Raises:
        PipelineError: `input`, when nothing stands; `conflict`, when it was mapped meanwhile.
    """
    entries = entries_of(ledger, item)
    standing_now = [entry for entry in standing(ledger).in_force if entry.item == item]
    if not entries or not standing_now:
        raise PipelineError(
            f"Nothing was ever said about {item[0]} {item[2]} of {item[1]} that still stands.",
            next_step="There is nothing to undo; map it instead.",
            category=Category.INPUT,
        )
    newest = entries[-1].mapping
    before = state_before(entries)
    why = reason or f"Undone: it was {in_words(newest)} by {newest.decided_by}."
    restored = _leading_to(before, standing_now, by, now)
    stamped = tuple(replace(entry, reason=why, method="manual") for entry in restored)
    count = record_on_basis(ledger, [Change(item, stamped, basis)], origin=origin)
    return Recorded(count)


def _read(
    ledger: Ledger,
    connection: Connection,
    proposals: Sequence[Proposal],
    *,
    period: str,
    by: str,
    now: datetime,
) -> _Desk:
    items = {"period": period, "ids": sorted({each.item_id for each in proposals})}
    ids = sorted({each.target_id for each in proposals if each.target_id})
    stands = standing(ledger)
    wanted = {each.item for each in proposals}
    links: dict[Item, list[Entry]] = {item: [] for item in wanted}
    for entry in stands.in_force:
        if entry.item in wanted:
            links[entry.item].append(entry)
    cursor = connection.cursor()
    try:
        found = ask(cursor, "items", items)
        targets = ask(cursor, "targets", {"period": period, "ids": ids})
    finally:
        cursor.close()
    return _Desk(
        items={(row["kind"], row["system"], row["id"]): row for row in found},
        targets={(row["kind"], row["id"]): row for row in targets},
        links=links,
        numbers={item: stands.numbers.get(item, NOTHING_YET) for item in wanted},
        by=by,
        now=now,
    )


def _judged(ledger: Ledger, desk: _Desk, proposal: Proposal) -> Verdict:
    stands = desk.links[proposal.item]
    listed = desk.items.get(proposal.item)
    target = desk.targets.get((proposal.kind, proposal.target_id or ""))
    name = listed["name"] if listed else stands[0].item_name if stands else proposal.item_id
    verdict = Verdict(proposal, name, target["name"] if target else None)
    is_known = listed is not None or bool(stands)
    error = malformed(proposal, name) or unknown(proposal, is_known=is_known, target=target)
    if error is not None:
        return replace(verdict, error=error)
    entries = _entries(proposal, verdict, stands, desk)
    if not entries:
        return replace(verdict, is_repeat=True)
    earlier = desk.taken.get(proposal.item)
    if earlier is not None and (proposal.kind == "account" or proposal.target_id is None):
        return replace(verdict, error=contradiction(proposal, name))
    is_late = proposal.basis is not None and desk.numbers[proposal.item] > proposal.basis
    if earlier is None and is_late:
        newest = entries_of(ledger, proposal.item)[-1].mapping
        return replace(verdict, error=conflict(newest))
    desk.taken[proposal.item] = proposal
    desk.links[proposal.item] = with_entries(stands, entries)
    return replace(
        verdict, entries=entries, warnings=warnings_about(proposal, listed, target, name)
    )


def _entries(
    proposal: Proposal, verdict: Verdict, stands: Sequence[Entry], desk: _Desk
) -> tuple[Entry, ...]:
    """What has to be appended; nothing where it stands there already."""
    if proposal.is_removal:
        is_whole = proposal.kind == "account" or proposal.target_id is None
        kept = [] if is_whole else [e for e in stands if e.target_id != proposal.target_id]
        restored = _leading_to(kept, stands, desk.by, desk.now)
        first = [replace(entry, reason=proposal.reason) for entry in restored[:1]]
        return (*first, *restored[1:])
    entry = Entry(
        kind=proposal.kind,
        system=proposal.system,
        item_id=proposal.item_id,
        item_name=verdict.item_name,
        target_id=proposal.target_id,
        target_name=verdict.target_name,
        state="mapped" if proposal.target_id else "excluded",
        method=proposal.method,
        decided_by=desk.by,
        decided_at=desk.now,
        reason=(proposal.reason or "").strip() or None,
        leg=proposal.leg,
        multiplier=proposal.multiplier,
    )
    return () if any(entry.says_the_same_as(known) for known in stands) else (entry,)


def _leading_to(
    wanted: Sequence[Entry], stands: Sequence[Entry], by: str, now: datetime
) -> tuple[Entry, ...]:
    """The fewest entries after which `wanted` is in force where `stands` was; by and at now."""
    goals = {entry.target_id for entry in wanted}
    lost = [entry for entry in stands if entry.target_id not in goals]
    if not lost:
        known = {entry.target_id: entry for entry in stands}
        needed = [e for e in wanted if not e.says_the_same_as(known.get(e.target_id))]
    elif not wanted or (wanted[0].kind == "service" and wanted[0].target_id is not None):
        # An account's newest entry and an exclusion replace everything by themselves.
        blank = replace(
            lost[0],
            target_id=None,
            target_name=None,
            state="unmapped",
            leg="usage",
            multiplier=Decimal(1),
            method="manual",
        )
        is_blank = len(stands) == 1 and stands[0].state == "unmapped"
        needed = [*([] if is_blank else [blank]), *wanted]
    else:
        needed = list(wanted)
    return tuple(replace(entry, decided_by=by, decided_at=now) for entry in needed)
