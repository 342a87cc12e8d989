"""`/cards/{card_id}`: why a number is what it is, and the form to decide about it.

Also what a typed number would change, before anything is recorded. A card the month does not have
leads to the one of the same customer and service, if there is one.
"""

from starlette.responses import Response

from reconcile_pipeline.ledger.trail import card_known_to
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.pages.card_form import Typed
from reconcile_pipeline.web.pages.card_view import card_page, find_card
from reconcile_pipeline.web.pages.deciding import what_was_said
from reconcile_pipeline.web.render import page


def show(call: Call) -> Response:
    """Show the card."""
    card = find_card(call, call.values["card_id"])
    if card is None:
        return _elsewhere(call)
    return card_page(call, card, said=what_was_said(call))


def would_change(call: Call) -> Response:
    """Show what the number in the form would change; records nothing."""
    card = find_card(call, call.values["card_id"])
    if card is None:
        return _elsewhere(call)
    return card_page(call, card, typed=Typed.of(call))


def _elsewhere(call: Call) -> Response:
    """Say that the card is of another month, or was made anew from other data."""
    card_id = call.values["card_id"]
    known = call.books.ask("card_elsewhere", card_id=card_id)
    subject = None
    if known:
        subject = (known[0]["company_id"], known[0]["service_group_id"])
    elif (decided := card_known_to(call.desk.site.ledger, card_id)) is not None:
        subject = decided[1:]
    here = ""
    if subject is not None:
        found = call.books.ask("card_of_subject", customer=subject[0], service=subject[1])
        here = found[0]["card_id"] if found else ""
    return page(call, "card_elsewhere.html", status=404, known=known, here=here)
