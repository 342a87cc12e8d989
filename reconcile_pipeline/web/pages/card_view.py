"""The page of one card: asks everything it tells, and shows it, also after a refused form.

What each question means stands in its file of `sql/pages`; what the form offers in `card_form`.
"""

import secrets
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from reconcile_pipeline.ledger.story import Told, ids_of, story_of
from reconcile_pipeline.reconciling.cards import Card
from reconcile_pipeline.review.reading import behind_of
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.pages.card_form import Typed, form_of
from reconcile_pipeline.web.pages.moves import MOST_NAMED, moves_of
from reconcile_pipeline.web.pages.sides import first_of, months_of
from reconcile_pipeline.web.render import page

Row = dict[str, Any]


def find_card(call: Call, card_id: str) -> Row | None:
    """The card as it is now; None when the month has no such card."""
    rows = call.books.ask("card_board", card_id=card_id)
    if not rows:
        return None
    more = call.books.ask("card_more", card_id=card_id, customer=rows[0]["company_id"])
    return rows[0] | more[0]


def card_page(
    call: Call,
    card: Row,
    *,
    typed: Typed | None = None,
    error: str = "",
    status: int = 200,
    said: Any = None,  # noqa: ANN401 - deciding.Told
) -> Response:
    """Show a card; `typed` and `error` after a form that was not taken."""
    books = call.books
    company_id = card["company_id"]
    subject = {"customer": company_id, "service": card["service_group_id"]}
    services = books.ask("card_services", service=card["service_group_id"])
    accounts = books.ask("card_accounts", customer=company_id)
    records = _records(call, card, accounts)
    story = _story(call, card)
    vendors = {row["system"] for row in services}
    months = books.ask("card_months", psa=card["psa"], from_period=first_of(call.period), **subject)
    exclusions = _exclusions(call, company_id, accounts)
    return page(
        call,
        "card.html",
        status=status,
        card=card,
        error=error,
        said=said,
        key=secrets.token_hex(8),
        lines=[row for row in records if row["side"] == "psa"],
        uses=[row for row in records if row["side"] == "vendor"],
        counts=books.ask("card_counts", **subject),
        services=services,
        accounts=[row for row in accounts if row["system"] in vendors],
        moves=moves_of(call, card, services),
        exclusions=exclusions[:MOST_NAMED],
        excluded=len(exclusions),
        unmapped=books.ask(
            "card_unmapped",
            customer=company_id,
            q=card["company_name"],
            # A product that no vendor feeds may be used at any of them.
            vendors=card["vendors"] or None,
        ),
        months=months_of(months, call.period),
        story=story,
        form=form_of(call, card, behind_of(Card.from_row(card), records), story, typed or Typed()),
        asset=asset_link(call, "recon/cards"),
        raw_assets={row["system"]: asset_link(call, f"raw/{row['system']}") for row in records},
    )


def _records(call: Call, card: Row, accounts: list[Row]) -> list[Row]:
    """The lines and counts behind the card, with the names of their agreements and accounts."""
    agreements = {
        (row["pull_id"], row["agreement_id"]): row["name"]
        for row in call.books.ask("card_agreements", customer=card["company_id"])
    }
    names = {(row["system"], row["item_id"]): row["item_name"] for row in accounts}
    rows = call.books.ask("card_lines", card_id=card["card_id"])
    for row in rows:
        row["agreement_name"] = agreements.get((row["pull_id"], row["agreement_id"]))
        row["account_name"] = names.get((row["system"], row["account_id"]))
    return rows


def _story(call: Call, card: Row) -> list[Told]:
    ledger, psa = call.desk.site.ledger, call.door.psa
    subject = (card["company_id"], card["service_group_id"])
    customers, services = ids_of(ledger, psa, *subject)
    known = call.books.ask("card_ids", customers=customers, services=services)
    return story_of(ledger, psa, *subject, [row["card_id"] for row in known])


def _exclusions(call: Call, company_id: str, accounts: list[Row]) -> list[Row]:
    names = {(row["system"], row["item_id"]): row["item_name"] for row in accounts}
    rows = call.books.ask(
        "card_exclusions", customer=company_id, ids=sorted({item for _system, item in names})
    )
    for row in rows:
        row["account_name"] = names.get((row["system"], row["account_id"]))
    return [row for row in rows if row["company_id"] == company_id or row["account_name"]]


def asset_link(call: Call, key: str) -> str:
    """Where the Dagster UI shows an asset in the month; "" when nobody said where that is."""
    if not call.desk.dagster_url:
        return ""
    address = f"{call.desk.dagster_url.rstrip('/')}/assets/{quote(key)}"
    return f"{address}?partition={quote(call.period)}"
