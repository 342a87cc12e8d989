"""The page of one card: asks everything it tells, and shows it, also after a refused form.

What each question means stands in its file of `sql/pages`; what the form offers in `card_form`.
"""

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from reconcile_pipeline.ledger.story import story_of
from reconcile_pipeline.periods import previous_period
from reconcile_pipeline.reconciling.cards import Card
from reconcile_pipeline.review.reading import behind_of
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.pages.card_form import Typed, form_of
from reconcile_pipeline.web.pages.sides import first_of, months_of
from reconcile_pipeline.web.render import page

Row = dict[str, Any]
MOST_NAMED = 200
"""Names of one kind on the page; how many there are in all is told beside them."""


@dataclass(frozen=True)
class Moves:
    """What joined or left the count since the month before."""

    before: str
    vendors: list[Row]
    """Each vendor behind the card: whether it names what it counts, and has an earlier month."""
    joined: list[Row]
    left: list[Row]

    @property
    def joined_found(self) -> int:
        """How many joined in all."""
        return int(self.joined[0]["found"]) if self.joined else 0

    @property
    def left_found(self) -> int:
        """How many left in all."""
        return int(self.left[0]["found"]) if self.left else 0

    @property
    def compared(self) -> list[str]:
        """Vendors that name what they count and did so a month ago."""
        return [row["system"] for row in self.vendors if row["is_named"] and row["has_before"]]

    @property
    def new(self) -> list[str]:
        """Vendors that name what they count, for the first month."""
        return [row["system"] for row in self.vendors if row["is_named"] and not row["has_before"]]

    @property
    def nameless(self) -> list[str]:
        """Vendors that tell counts and no names."""
        return [row["system"] for row in self.vendors if not row["is_named"]]


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
        mapping=books.ask("card_mapping", **subject),
        moves=_moves(call, card, subject),
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


def _moves(call: Call, card: Row, subject: dict[str, str]) -> Moves:
    before = previous_period(call.period)
    vendors = call.books.ask("card_named", before=before, psa=card["psa"], **subject)
    moves = Moves(before, vendors, [], [])
    if not moves.compared:
        return moves
    rows = call.books.ask("card_moves", before=before, limit=MOST_NAMED, **subject)
    compared = [row for row in rows if row["system"] in moves.compared]
    return Moves(
        before,
        vendors,
        [row for row in compared if row["is_new"]],
        [row for row in compared if not row["is_new"]],
    )
