"""The page of one card: asks everything it tells, and shows it, also after a refused form.

What each question means stands in its file of `sql/pages`; what the form offers in `card_form`.
"""

import secrets
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from reconcile_pipeline.ledger.story import story_of
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
    rows = call.books.ask("card_whole", card_id=card_id)
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
    subject = {"customer": card["company_id"], "service": card["service_group_id"]}
    records = books.ask("card_records", card_id=card["card_id"])
    services = books.ask("card_services", service=card["service_group_id"])
    story = story_of(
        call.desk.site.ledger, call.door.psa, card["company_id"], card["service_group_id"]
    )
    months = books.ask("card_months", psa=card["psa"], from_period=first_of(call.period), **subject)
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
        accounts=books.ask(
            "card_accounts",
            customer=card["company_id"],
            vendors=sorted({row["system"] for row in services}),
        ),
        moves=moves_of(call, card, services),
        exclusions=books.ask("card_exclusions", customer=card["company_id"], limit=MOST_NAMED),
        unmapped=books.ask(
            "card_unmapped",
            customer=card["company_id"],
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


def asset_link(call: Call, key: str) -> str:
    """Where the Dagster UI shows an asset in the month; "" when nobody said where that is."""
    if not call.desk.dagster_url:
        return ""
    address = f"{call.desk.dagster_url.rstrip('/')}/assets/{quote(key)}"
    return f"{address}?partition={quote(call.period)}"
