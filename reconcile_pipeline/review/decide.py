"""The one way decisions enter: checked against the cards, then appended to the ledger.

The review job, the command line, decision files and later the web app all call `decide`; rules
call `decide_by_policy`. The exact line changes that follow are recorded with each decision.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, Decimal

import duckdb

from reconcile_pipeline.ledger.changes import PlannedChange, read_changes
from reconcile_pipeline.ledger.decided import Basis, Decided
from reconcile_pipeline.ledger.decisions import (
    Recorded,
    confirmed_kinds,
    read_decisions,
    record_decisions,
    standing_decisions,
)
from reconcile_pipeline.ledger.moves import Move, as_said_in, ids_in, read_moves
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Category, Decision, PipelineError
from reconcile_pipeline.periods import first_day, next_period
from reconcile_pipeline.reconciling.board import Status, standing_of
from reconcile_pipeline.reconciling.decide import Card, Line, Wanted, check
from reconcile_pipeline.reconciling.limits import Limits, why_impossible
from reconcile_pipeline.reconciling.line_changes import Split, line_changes
from reconcile_pipeline.reconciling.policies import Policy, judge
from reconcile_pipeline.review.progress import progress_of
from reconcile_pipeline.review.reading import Behind, read_board
from reconcile_pipeline.systems.writing import WriteBack

Connection = duckdb.DuckDBPyConnection
MOST_ERRORS_SHOWN = 10
_KEEPS = frozenset({Status.QUIET, Status.APPLIED})


@dataclass(frozen=True)
class Door:
    """What every decision of a period is checked with."""

    ledger: Ledger
    period: str
    write_back: WriteBack | None
    """How the PSA takes changes; None when it takes none."""
    psa_title: str = "the PSA"
    psa: str = ""
    """The PSA whose ids the period's cards carry; "" where the ledger knows only one."""

    def standing(self, companies: Iterable[str] | None = None) -> list[Decided]:
        """Every standing decision, or those about some companies, in the ids of this period's PSA.

        After a move from another PSA a company is looked for by the ids it had there, too.
        """
        moves = self._moves()
        ids = ids_in(self.ledger, self.psa) if len(moves) > 1 else {}
        if companies is not None:
            asked = set(companies)
            before = (
                old for (kind, _psa, old), new in ids.items() if kind == "company" and new in asked
            )
            companies = asked.union(before)
        said = standing_decisions(self.ledger, companies=companies)
        return as_said_in(said, self.psa, moves, ids) if moves else said

    def translated(self, said: list[Decided]) -> list[Decided]:
        """Decisions in the ids of this period's PSA."""
        moves = self._moves()
        ids = ids_in(self.ledger, self.psa) if len(moves) > 1 else {}
        return as_said_in(said, self.psa, moves, ids) if moves else said

    def _moves(self) -> list[Move]:
        return read_moves(self.ledger) if self.psa else []

    @property
    def usual_day(self) -> date:
        """From when an agreed quantity counts unless somebody says otherwise."""
        return first_day(next_period(self.period))


@dataclass(frozen=True)
class Taken:
    """What became of the decisions handed in; ids are the decisions', in order."""

    new: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    refused: tuple[tuple[str, PipelineError], ...] = ()
    """(card id, why)"""


def decide(
    connection: Connection,
    door: Door,
    wanted: Sequence[Wanted],
    *,
    now: datetime,
    origin: str,
    is_all_or_nothing: bool = True,
) -> Taken:
    """Record decisions on the period's cards, each with the line changes that follow.

    Args:
        connection: the warehouse or its published copy.
        door: ledger, period, and what the PSA takes.
        wanted: the decisions asked for.
        now: the instant that is recorded.
        origin: the door they came through, for the trail.
        is_all_or_nothing: one impossible decision refuses the whole batch, naming each wrong one;
            else the others are recorded and the result lists what was refused.
    """
    board = read_board(connection, door.period, [item.card_id for item in wanted])
    batch = _batch_id(wanted, now) if len(wanted) > 1 else None
    good: list[Decided] = []
    refused: list[tuple[str, PipelineError]] = []
    for item in wanted:
        behind = board.get(item.card_id)
        try:
            good.append(checked(item, behind, door, now, batch))
        except PipelineError as error:
            refused.append((item.card_id, error))
    if refused and is_all_or_nothing:
        raise _all_of([error for _card, error in refused], len(wanted))
    recorded = record_decisions(
        door.ledger, good, origin=origin, is_all_or_nothing=is_all_or_nothing
    )
    late = [(item.card_id, error) for item, error in recorded.refused]
    return Taken(recorded.new, recorded.repeated, (*refused, *late))


def decide_by_policy(
    connection: Connection, door: Door, policy: Policy, limits: Limits, *, now: datetime
) -> Recorded:
    """Record what the policy decides about cards nobody has ever decided on these numbers.

    A card that is quiet keeps the reason a person gave, however long ago; one whose decision has
    arrived in the PSA keeps that decision.
    """
    known = {(item.card_id, item.card_version) for item in read_decisions(door.ledger, door.period)}
    said = by_subject(door.standing())
    progress = progress_of(read_changes(door.ledger), confirmed_kinds(door.ledger), limits)
    first = first_day(door.period)
    decided = []
    for behind in read_board(connection, door.period).values():
        card = behind.card
        judgement = judge(card, policy)
        if judgement is None or (card.card_id, card.card_version) in known:
            continue
        about = [item for item in said.get(subject_of(card), ()) if item.period <= card.period]
        if standing_of(card, about, progress, first).status in _KEEPS:
            continue
        wanted = Wanted(
            card_id=card.card_id,
            card_version=card.card_version,
            decision=judgement.decision,
            qty_target=None,
            reviewer=judgement.reviewer,
            note=judgement.note,
        )
        decided.append(checked(wanted, behind, door, now, None))
    return record_decisions(door.ledger, decided, origin="policy", is_all_or_nothing=False)


def preview(connection: Connection, door: Door, wanted: Wanted) -> tuple[Decided, Split]:
    """What a decision would record, without recording it: its line changes and what is left."""
    behind = read_board(connection, door.period, [wanted.card_id]).get(wanted.card_id)
    return preview_of(behind, door, wanted)


def preview_of(behind: Behind | None, door: Door, wanted: Wanted) -> tuple[Decided, Split]:
    """The same for a card that was read already."""
    decided = checked(wanted, behind, door, datetime(1, 1, 1, tzinfo=UTC), None)
    if behind is None or decided.qty_target is None:
        return decided, Split((), Decimal(0))
    return decided, split_of(behind, decided.qty_target, decided.effective_on or door.usual_day)


def by_subject(said: Sequence[Decided]) -> dict[tuple[str, str], list[Decided]]:
    """Decisions by the company and service they are about, in their order."""
    found: dict[tuple[str, str], list[Decided]] = {}
    for item in said:
        subject = (item.basis.company_id, item.basis.service_group_id)
        found.setdefault(subject, []).append(item)
    return found


def subject_of(card: Card) -> tuple[str, str]:
    """What a card is about, in every month."""
    return (card.company_id, card.service_group_id)


def split_of(behind: Behind, target: Decimal, effective_on: date) -> Split:
    """Distribute an agreed quantity over a card's lines."""
    return line_changes(behind.lines, target, qty_committed=behind.committed_after(effective_on))


def checked(
    wanted: Wanted, behind: Behind | None, door: Door, now: datetime, batch: str | None
) -> Decided:
    """The decision as it would be recorded on a card, with the line changes that follow.

    Raises:
        PipelineError: `input`, if it can't be decided so.
    """
    target = check(wanted, behind.card if behind else None)
    if behind is None:
        raise RuntimeError("a checked decision has a card")
    _check_for_psa(wanted, target, behind.card, door)
    effective_on = wanted.effective_on or door.usual_day
    return Decided(
        period=door.period,
        card_id=wanted.card_id,
        card_version=wanted.card_version,
        decision=wanted.decision,
        qty_target=target,
        reviewer=wanted.reviewer,
        note=wanted.note,
        decided_at=now,
        basis=_basis(behind.card),
        effective_on=wanted.effective_on,
        expires_on=wanted.expires_on,
        bound=wanted.bound,
        changes=_planned(behind, target, effective_on),
        confirmed=wanted.confirmed,
        client_key=wanted.client_key,
        batch_id=batch,
    )


def _check_for_psa(wanted: Wanted, target: Decimal | None, card: Card, door: Door) -> None:
    where = f"{wanted.row}: " if wanted.row else ""
    if target is not None and door.write_back is not None:
        why = why_impossible(target, is_whole_units=door.write_back.is_whole_units)
        if why:
            raise PipelineError(
                f"{where}{card.title} can't be set to {target:f}: {why}.",
                next_step=f"Enter another qty_target{_whole(target)}, or decide no_change with a"
                " note.",
                category=Category.INPUT,
            )
    at_once = door.write_back is not None and door.write_back.takes_effect == "at_once"
    if wanted.effective_on is not None and at_once:
        raise PipelineError(
            f"{where}{card.title}: {door.psa_title} knows no effective date for a changed"
            " quantity; it counts at once.",
            next_step="Leave the effective date out, and write back when it shall count.",
            category=Category.INPUT,
        )


def _whole(target: Decimal) -> str:
    """The next whole number, for a quantity that has a fraction."""
    if not target.is_finite() or target == target.to_integral_value():
        return ""
    return f", such as {target.to_integral_value(ROUND_CEILING):f}"


def _planned(
    behind: Behind, target: Decimal | None, effective_on: date
) -> tuple[PlannedChange, ...]:
    if target is None or not behind.lines:
        return ()
    card = behind.card
    return tuple(
        PlannedChange(
            system=change.line.system,
            company_name=card.company_name,
            service_name=card.service_name,
            agreement_id=change.line.agreement_id or "",
            line_id=change.line.line_id,
            qty_from=change.qty_from,
            qty_to=change.qty_to,
            effective_on=effective_on,
            unit_price=change.line.unit_price,
            currency=change.line.currency or card.currency,
        )
        for change in split_of(behind, target, effective_on).changes
    )


def _basis(card: Card) -> Basis:
    return Basis(
        company_id=card.company_id,
        company_name=card.company_name,
        service_group_id=card.service_group_id,
        service_name=card.service_name,
        finding=str(card.finding),
        qty_psa=card.qty_psa,
        qty_vendor=card.qty_vendor,
        unit_price=card.unit_price,
        currency=card.currency,
        mapping_version=card.mapping_version,
        evidence_as_of=card.evidence_as_of,
    )


def _batch_id(wanted: Sequence[Wanted], now: datetime) -> str:
    said = "|".join(f"{item.card_id}:{item.card_version}:{item.decision}" for item in wanted)
    return hashlib.sha256(f"{now.isoformat()}|{said}".encode()).hexdigest()[:16]


def _all_of(refused: Sequence[PipelineError], total: int) -> PipelineError:
    if total == 1:
        return refused[0]
    shown = "\n".join(f"- {error}" for error in refused[:MOST_ERRORS_SHOWN])
    more = len(refused) - MOST_ERRORS_SHOWN
    rest = f"\n- and {more} more" if more > 0 else ""
    return PipelineError(
        f"{len(refused)} of {total} decisions can't be taken, so none was recorded:\n{shown}{rest}",
        next_step="Correct these and hand all in again; what was recorded before is untouched.",
        category=Category.INPUT,
    )


__all__ = ["Card", "Decision", "Door", "Line", "Wanted", "decide", "decide_by_policy", "preview"]
