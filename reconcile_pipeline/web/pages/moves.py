"""Which devices, seats and mailboxes joined or left a card's count since the month before.

Only vendors that name what they count, with evidence in both months of the same PSA, are compared.
"""

from dataclasses import dataclass
from typing import Any

from reconcile_pipeline.periods import previous_period
from reconcile_pipeline.web.desk import Call

Row = dict[str, Any]
MOST_NAMED = 200
"""Names of one kind on the page; how many there are in all is told beside them."""


@dataclass(frozen=True)
class Moves:
    """What joined or left; `before` is the month compared with."""

    before: str
    vendors: list[str]
    """Those that feed the card."""
    compared: list[str]
    """Those that name what they count, and did a month ago."""
    new: list[str]
    """Those that name what they count and have no earlier month."""
    joined: list[Row]
    left: list[Row]

    @property
    def nameless(self) -> list[str]:
        """Vendors that tell counts and no names."""
        return [name for name in self.vendors if name not in (*self.compared, *self.new)]

    @property
    def joined_found(self) -> int:
        """How many joined in all."""
        return int(self.joined[0]["found"]) if self.joined else 0

    @property
    def left_found(self) -> int:
        """How many left in all."""
        return int(self.left[0]["found"]) if self.left else 0


def moves_of(call: Call, card: Row, services: list[Row]) -> Moves:
    """Compare the card's month with the one before; `services`: those that feed the card."""
    feeding = [row for row in services if row["leg"] == "usage"]
    vendors = sorted({row["system"] for row in feeding})
    before = previous_period(call.period)
    pulls = call.books.ask("card_pulls", before=before)
    now = {row["pull_id"]: row["system"] for row in pulls if row["period"] == call.period}
    earlier = {row["system"] for row in pulls if row["period"] == before}
    if card["psa"] not in earlier:
        # The customers of another PSA have other ids: there is no month to compare with.
        earlier = set()
    named = {
        now[row["pull_id"]]
        for row in call.books.ask(
            "card_named",
            pulls=[pull_id for pull_id, system in now.items() if system in vendors],
            services=sorted({row["item_id"] for row in feeding}),
        )
    }
    compared = [name for name in vendors if name in named and name in earlier]
    new = [name for name in vendors if name in named and name not in earlier]
    rows = _rows(call, card, before) if compared else []
    own = [row for row in rows if row["system"] in compared]
    joined, left = ([row for row in own if row["is_new"] is side] for side in (True, False))
    return Moves(before, vendors, compared, new, joined, left)


def _rows(call: Call, card: Row, before: str) -> list[Row]:
    return call.books.ask(
        "card_moves",
        before=before,
        customer=card["company_id"],
        service=card["service_group_id"],
        limit=MOST_NAMED,
    )
