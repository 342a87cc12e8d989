"""Decide, undo and confirm: the forms behind every button of a card.

All go through the one door of `review.decide`, with the version and the counts that were on the
screen. What can't be taken comes back with the reason and with everything that was typed.
"""

import secrets
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.decisions import confirm_decision, decisions_of
from reconcile_pipeline.model import Category, Decision, PipelineError
from reconcile_pipeline.reconciling.cards import Seen, Wanted
from reconcile_pipeline.review.decide import decide as record
from reconcile_pipeline.web import words
from reconcile_pipeline.web.desk import ORIGIN, Call
from reconcile_pipeline.web.filters import Filter
from reconcile_pipeline.web.pages.card_form import Typed
from reconcile_pipeline.web.pages.card_view import card_page, find_card
from reconcile_pipeline.web.render import fragment, moved_on, page
from reconcile_pipeline.writeback.undo import undo_decision

Row = dict[str, Any]
CONFLICT, UNPROCESSABLE = 409, 422
CONFIRMABLE = ("zero", "large", "second_person")


@dataclass(frozen=True)
class Told:
    """What just happened, for the top of the next page."""

    text: str
    decision_id: str = ""
    """The decision that can be undone from there; "" for none."""


def decide(call: Call) -> Response:
    """Record one decision."""
    card_id = call.values["card_id"]
    try:
        wanted = _wanted(call, card_id)
        taken = record(
            call.books.connection(), call.door, [wanted], now=call.desk.now(), origin=ORIGIN
        )
    except PipelineError as error:
        return _again(call, card_id, error)
    call.desk.follow()
    return _answer(call, card_id, said=(taken.new + taken.repeated)[0])


def undo(call: Call) -> Response:
    """Take one decision back; what is in the PSA already is reversed by the next write-back."""
    decision_id = call.values["decision_id"]
    reason = call.text("reason") or "undone"
    said = decisions_of(call.desk.site.ledger, [decision_id])
    if not said:
        raise HTTPException(404)
    try:
        undo_decision(
            call.desk.site.ledger,
            decision_id,
            call.door.write_back,
            reason=reason,
            stamp=call.stamp(),
        )
    except PipelineError as error:
        return _again(call, said[0].card_id, error)
    call.desk.follow()
    return _answer(call, said[0].card_id, undone=decision_id)


def confirm(call: Call) -> Response:
    """Confirm what a decision waits for; the second person must be an approver."""
    decision_id = call.values["decision_id"]
    said = decisions_of(call.desk.site.ledger, [decision_id])
    if not said:
        raise HTTPException(404)
    try:
        for kind in _confirmed(call):
            confirm_decision(call.desk.site.ledger, decision_id, kind, call.stamp())
    except PipelineError as error:
        return _again(call, said[0].card_id, error)
    call.desk.follow()
    return _answer(call, said[0].card_id, confirmed=decision_id)


def _confirmed(call: Call) -> list[str]:
    kinds = [kind for kind in CONFIRMABLE if kind in call.texts("kind")]
    if "second_person" in kinds and not call.may("approver"):
        raise PipelineError(
            "The second pair of eyes must be an approver's.",
            next_step="Ask somebody with the role approver.",
            category=Category.INPUT,
        )
    return kinds


def what_was_said(call: Call) -> Told | None:
    """What the form before this page did, from the ledger: the address only names it."""
    for name, verb in (("said", "Recorded"), ("undone", "Taken back"), ("confirmed", "Confirmed")):
        ids = [call.query[name]] if name in call.query else []
        for item in decisions_of(call.desk.site.ledger, ids):
            return Told(sentence(verb, item), item.decision_id if name == "said" else "")
    return None


def sentence(verb: str, item: Decided) -> str:
    """Recorded: reconcile → 15 for Acme, Managed Seat."""
    target = "" if item.qty_target is None else f" → {words.quantity(item.qty_target)}"
    what = words.DECISIONS[item.decision].lower()
    return f"{verb}: {what}{target} for {item.basis.company_name}, {item.basis.service_name}."


def with_words(call: Call, rows: list[Row]) -> list[Row]:
    """Add to each decided card the quantity and the note of its decision, from the ledger."""
    ids = [row["decision_id"] for row in rows if row["decision_id"]]
    said = {item.decision_id: item for item in decisions_of(call.desk.site.ledger, ids)}
    for row in rows:
        item = said.get(row["decision_id"])
        row["qty_target"] = item.qty_target if item else None
        row["note"] = item.note if item else None
    return rows


def _wanted(call: Call, card_id: str) -> Wanted:
    said = call.text("decision")
    if said not in {*Decision}:
        raise PipelineError(
            "The form says nothing that can be decided.",
            next_step="Use one of the buttons on the card.",
            category=Category.INPUT,
        )
    seen = None
    if "seen_vendor" in call.form:
        seen = Seen(_quantity(call, "seen_psa"), _quantity(call, "seen_vendor"))
    return Wanted(
        card_id=card_id,
        card_version=call.text("card_version"),
        decision=Decision(said),
        qty_target=_quantity(call, "to") if said == Decision.RECONCILE else None,
        reviewer=call.user.name,
        note=call.text("note") or None,
        seen=seen,
        effective_on=day_of(call, "effective_on") if said == Decision.RECONCILE else None,
        expires_on=day_of(call, "expires_on") if said == Decision.NO_CHANGE else None,
        bound=_quantity(call, "bound") if said == Decision.NO_CHANGE else None,
        confirmed=frozenset({"zero", "large"} & set(call.texts("confirmed"))),
        client_key=call.text("key") or secrets.token_hex(8),
    )


def _answer(call: Call, card_id: str, **ids: str) -> Response:
    """The card's row as it stands now for htmx; otherwise the page the form was on."""
    call.books.catch_up(call.door)
    (name, decision_id), *_ = ids.items()
    if not call.wants_fragment:
        return moved_on(_back(call, card_id, **{name: decision_id}))
    (item,) = decisions_of(call.desk.site.ledger, [decision_id])
    verb = {"said": "Recorded", "undone": "Taken back"}.get(name, "Confirmed")
    told = {"text": sentence(verb, item), "open": call.books.ask_once("shell")[0]["cards_open"]}
    return fragment(call, "card_row.html", tell=told, **_row(call, card_id), error=None, typed="")


def _again(call: Call, card_id: str, error: PipelineError) -> Response:
    """Say why it was not taken, beside the card as it is now and what was typed."""
    call.books.catch_up(call.door)
    if call.query.get("from") == "card" and not call.wants_fragment:
        return _card_again(call, card_id, error)
    row = _row(call, card_id)
    status = CONFLICT if _is_conflict(error, row, call) else UNPROCESSABLE
    values: Row = {**row, "error": str(error), "typed": call.text("note")}
    if call.wants_fragment:
        return fragment(call, "card_row.html", status=status, tell={"text": str(error)}, **values)
    return page(call, "card_again.html", status=status, back=_back(call, card_id), **values)


def _card_again(call: Call, card_id: str, error: PipelineError) -> Response:
    """The same on the card's own page, which holds every field of the form."""
    card = find_card(call, card_id)
    if card is None:
        raise error
    status = CONFLICT if _is_conflict(error, {"card": card}, call) else UNPROCESSABLE
    return card_page(call, card, typed=Typed.of(call), error=str(error), status=status)


def _is_conflict(error: PipelineError, row: Row, call: Call) -> bool:
    is_older = call.text("card_version") not in {"", row["card"]["card_version"]}
    return error.category is Category.CONFLICT or is_older


def _row(call: Call, card_id: str) -> Row:
    rows = call.books.cards([card_id])
    if not rows:
        raise HTTPException(404)
    (card,) = with_words(call, rows)
    return {"card": card, "query": str(call.query), "key": secrets.token_hex(8)}


def _back(call: Call, card_id: str, **more: str) -> str:
    """The page the form was on, with the same filter."""
    if call.query.get("from") == "card":
        return f"/cards/{card_id}?{urlencode({'period': call.period, **more})}"
    return f"/review?{Filter.of(call.query).query(period=call.period, **more)}"


def _quantity(call: Call, name: str) -> Decimal | None:
    text = call.text(name).replace(",", "")
    if not text:
        return None
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise PipelineError(
            f"“{text[:40]}” is no quantity.",
            next_step="Enter a number such as 15 or 2.5.",
            category=Category.INPUT,
        ) from error


def day_of(call: Call, name: str) -> date | None:
    """A date of the form; None when it is left empty."""
    text = call.text(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise PipelineError(
            f"“{text[:40]}” is no date.",
            next_step="Enter it as YYYY-MM-DD.",
            category=Category.INPUT,
        ) from error
