"""`/cards/{card_id}/records`: the lines and counts behind a card as the systems sent them.

For administrators: pages hold more of a customer than a card shows.
"""

from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from reconcile_pipeline.landing.records import MOST_BYTES, Found, records_naming
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.pages.card_view import find_card
from reconcile_pipeline.web.render import page


@dataclass(frozen=True)
class Received:
    """One row behind the card, and the records that name it."""

    title: str
    system: str
    pull_id: str
    wanted: str
    """The id the records were searched for: a line's own, or a vendor account's."""
    found: Found | None
    """None when the pull's folder is gone."""


def show(call: Call) -> Response:
    """Show them, all together up to 64 KB."""
    card = find_card(call, call.values["card_id"])
    if card is None:
        raise HTTPException(404)
    rows = call.books.ask("card_records", card_id=card["card_id"])
    known: set[tuple[str, str]] = set()
    received: list[Received] = []
    left = MOST_BYTES
    for row in rows:
        wanted = row["record_id"] if row["side"] == "psa" else row["account_id"]
        if (row["pull_id"], wanted) in known:
            continue
        known.add((row["pull_id"], wanted))
        item = _received(call, row, wanted, left)
        received.append(item)
        if item.found is not None:
            left -= sum(len(record.text.encode()) for record in item.found.records)
    return page(call, "card_records.html", card=card, received=received)


def _received(call: Call, row: dict[str, Any], wanted: str, left: int) -> Received:
    folder = call.desk.site.state.landing / row["landing_path"]
    is_line = row["side"] == "psa"
    return Received(
        title=f"Line {row['name'] or wanted}" if is_line else f"Account {row['account_name']}",
        system=row["system"],
        pull_id=row["pull_id"],
        wanted=wanted,
        found=records_naming(folder, wanted, most_bytes=left) if folder.is_dir() else None,
    )
