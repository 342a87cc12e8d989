"""The form of a card's page: what may be decided, what it would change, and what was typed.

Pure questions to the one door's preview; recording is `deciding`'s work.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from reconcile_pipeline.ledger.closings import closing_of
from reconcile_pipeline.ledger.story import Told
from reconcile_pipeline.model import Decision, PipelineError
from reconcile_pipeline.reconciling.cards import Wanted
from reconcile_pipeline.reconciling.limits import confirmations_needed
from reconcile_pipeline.reconciling.line_changes import LineChange
from reconcile_pipeline.review.decide import preview_of
from reconcile_pipeline.review.progress import confirmations_of
from reconcile_pipeline.review.reading import Behind
from reconcile_pipeline.web.desk import Call

FIELDS = ("to", "note", "effective_on", "expires_on", "bound")


@dataclass(frozen=True)
class Typed:
    """What stands in the form: as it came, so that a trouble loses nothing."""

    to: str = ""
    note: str = ""
    effective_on: str = ""
    expires_on: str = ""
    bound: str = ""
    reason: str = ""
    """Of an undoing."""
    decision: str = ""
    confirmed: tuple[str, ...] = ()

    @classmethod
    def of(cls, call: Call) -> "Typed":
        """Take the fields of a form that was sent."""
        fields = {name: call.text(name) for name in (*FIELDS, "reason", "decision")}
        return cls(**fields, confirmed=tuple(call.texts("confirmed")))


@dataclass(frozen=True)
class Would:
    """What a reconcile would change, line by line."""

    target: Decimal
    effective_on: date
    changes: tuple[LineChange, ...] = ()
    remainder: Decimal = Decimal(0)
    """Units that no line takes: somebody has to change the agreement."""
    needs: frozenset[str] = field(default_factory=frozenset)
    """What has to be confirmed: `zero`, `large`, `second_person`."""


@dataclass(frozen=True)
class Form:
    """What the page offers."""

    can_decide: bool
    why_not: str
    """Why nothing can be decided; "" when something can."""
    typed: Typed
    takes_day: bool
    """Whether the PSA takes an effective date."""
    usual_day: date
    effect: str
    """From when the PSA's invoice shows a change; "" where a person writes it."""
    would: Would | None
    no_reconcile: str
    """Why this number can't be reconciled; "" when it can."""
    missing: tuple[str, ...]
    """Confirmations that the standing decision waits for."""


def form_of(
    call: Call, card: dict[str, Any], behind: Behind, story: list[Told], typed: Typed
) -> Form:
    """Tell what may be decided about a card, and what the number in the form would change."""
    here = _standing_here(card, story)
    why_not = _why_not(call, here)
    write_back = call.door.write_back
    would, trouble = None, ""
    if not why_not:
        try:
            would = _would(call, card, behind, typed)
        except PipelineError as error:
            trouble = str(error)
    missing: frozenset[str] = frozenset()
    if here is not None and card["status"] == "waiting":
        needed = confirmations_of([way.change for way in here.ways], call.desk.site.settings.limits)
        missing = needed - {item.text for item in here.confirmations}
    return Form(
        can_decide=not why_not,
        why_not=why_not,
        typed=typed,
        takes_day=write_back is None or write_back.takes_effect == "on_date",
        usual_day=call.door.usual_day,
        effect="" if write_back is None else write_back.effect,
        would=would,
        no_reconcile=trouble,
        missing=tuple(sorted(missing)),
    )


def _standing_here(card: dict[str, Any], story: list[Told]) -> Told | None:
    """The decision in force on exactly these numbers."""
    for told in story:
        said = told.decided
        same = (said.card_id, said.card_version) == (card["card_id"], card["card_version"])
        if told.is_standing and same:
            return told
    return None


def _why_not(call: Call, here: Told | None) -> str:
    if not call.may("reviewer"):
        return "You may look, not decide: ask an administrator for the role reviewer."
    closing = closing_of(call.desk.site.ledger, call.period)
    if closing is not None:
        return f"{call.period} was closed by {closing.closed_by}: it takes no decision any more."
    if here is not None and not here.decided.is_by_policy:
        return "These numbers are decided. Undo the decision to decide otherwise."
    return ""


def _would(call: Call, card: dict[str, Any], behind: Behind, typed: Typed) -> Would | None:
    target = _number(typed.to) if typed.to else card["qty_vendor"]
    if not typed.to and card["finding"] == "match":
        return None
    day = _day(typed.effective_on)
    wanted = Wanted(
        card_id=card["card_id"],
        card_version=card["card_version"],
        decision=Decision.RECONCILE,
        qty_target=target,
        reviewer=call.user.name,
        note=None,
        effective_on=day,
    )
    decided, split = preview_of(behind, call.door, wanted)
    limits = call.desk.site.settings.limits
    needs: set[str] = set()
    for item in split.changes:
        needs |= confirmations_needed(item.qty_from, item.qty_to, item.line.unit_price, limits)
    return Would(
        target=decided.qty_target or Decimal(0),
        effective_on=day or call.door.usual_day,
        changes=split.changes,
        remainder=split.remainder,
        needs=frozenset(needs),
    )


def _number(text: str) -> Decimal | None:
    """A number that was typed; what is none gets its sentence when it is sent."""
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
