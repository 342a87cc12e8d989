"""The page of one card: asks everything it tells, and shows it, also after a refused form.

What each question means stands in its file of `sql/pages`; what the form offers in `card_form`.
"""

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from reconcile_pipeline.ledger.story import story_of
from reconcile_pipeline.periods import previous_period
from reconcile_pipeline.reconciling.cards import Card
from reconcile_pipeline.review.reading import behind_of
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.pages.card_form import Typed, form_of
from reconcile_pipeline.web.pages.moves import MOST_NAMED, moves_of
from reconcile_pipeline.web.pages.nearby import nearby
from reconcile_pipeline.web.pages.sides import first_of, months_of
from reconcile_pipeline.web.render import page

Row = dict[str, Any]


def find_card(call: Call, card_id: str) -> Row | None:
    """The card as it is now; None when the month has no such card."""
    rows = call.books.ask("card_board", card_id=card_id)
    return rows[0] if rows else None


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
    company_id, group = card["company_id"], card["service_group_id"]
    subject = {"customer": company_id, "service": group}
    services = [row for row in books.ask_once("feeding") if row["service_group_id"] == group]
    known = books.ask("card_accounts", before=previous_period(call.period), customer=company_id)
    accounts = [row for row in known if row["period"] == call.period]
    names = {(row["system"], row["item_id"]): row["item_name"] for row in accounts}
    records = _records(call, card, names)
    ledger, psa = call.desk.site.ledger, call.door.psa
    story = story_of(ledger, psa, company_id, group)
    vendors = {row["system"] for row in services}
    months = books.ask("card_months", psa=card["psa"], from_period=first_of(call.period), **subject)
    exclusions = books.ask("card_exclusions", customer=company_id)
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
        moves=moves_of(call, card, known),
        exclusions=[
            {**row, "account_name": names.get((row["system"], row["account_id"]))}
            for row in exclusions[:MOST_NAMED]
        ],
        excluded=len(exclusions),
        unmapped=nearby(call, card, accounts),
        months=months_of(months, call.period),
        story=story,
        form=form_of(call, card, behind_of(Card.from_row(card), records), story, typed or Typed()),
        asset=asset_link(call, "recon/cards"),
        raw_assets={row["system"]: asset_link(call, f"raw/{row['system']}") for row in records},
    )


def _records(call: Call, card: Row, names: Mapping[tuple[str, str], str]) -> list[Row]:
    """The lines and counts behind the card, with the names of their agreements and accounts."""
    agreements = call.books.keep("agreements", lambda: _agreements(call))
    return [
        {
            **row,
            "agreement_name": agreements.get((row["pull_id"], row["agreement_id"])),
            "account_name": names.get((row["system"], row["account_id"])),
            "link": _psa_link(call, card, row),
        }
        for row in call.books.ask("card_lines", card_id=card["card_id"])
    ]


def _psa_link(call: Call, card: Row, row: Row) -> str:
    """Where the PSA's own pages show a line; "" for a vendor's row, and without the setting."""
    address = call.desk.site.settings.review.psa_link
    if row["side"] != "psa" or not address:
        return ""
    ids = {
        "agreement_id": row["agreement_id"] or "",
        "company_id": card["company_id"],
        "line_id": row["record_id"],
    }
    return address.format_map({name: quote(str(value), safe="") for name, value in ids.items()})


def _agreements(call: Call) -> dict[tuple[str, str], str]:
    rows = call.books.ask("agreements")
    return {(row["pull_id"], row["agreement_id"]): row["name"] for row in rows}


def asset_link(call: Call, key: str) -> str:
    """Where the Dagster UI shows an asset in the month; "" when nobody said where that is."""
    if not call.desk.dagster_url:
        return ""
    address = f"{call.desk.dagster_url.rstrip('/')}/assets/{quote(key)}"
    return f"{address}?partition={quote(call.period)}"
