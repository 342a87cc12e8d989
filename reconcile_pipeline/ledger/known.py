"""What the ledger knows about the cards of a batch, looked up once and kept up while it is judged.

Asking for each decision anew took most of the time of a large batch. Only inside the transaction
that records it: what was read must still be true then.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from reconcile_pipeline.ledger.closings import refuse_if_closed
from reconcile_pipeline.ledger.decided import Decided, from_row
from reconcile_pipeline.ledger.lookups import rows_where
from reconcile_pipeline.ledger.tables import decisions, intents, line_changes, withdrawals
from reconcile_pipeline.ledger.turns import Turn, turn_after

Numbers = tuple[str, str]
"""(card id, card version): what a decision is about."""


@dataclass
class Known:
    """Earlier decisions on the same cards or with the same keys, and what became of them."""

    connection: sa.Connection
    by_key: dict[str, Decided] = field(default_factory=dict)
    by_numbers: dict[Numbers, list[Decided]] = field(default_factory=dict)
    """In their turns."""
    withdrawn: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    """Decisions of which something was ever about to be sent."""
    open_periods: set[str] = field(default_factory=set)

    def refuse_if_closed(self, period: str) -> None:
        """Refuse a closed month, asking for each month once."""
        if period not in self.open_periods:
            refuse_if_closed(self.connection, period)
            self.open_periods.add(period)

    def on_same_numbers(self, decided: Decided) -> Sequence[Decided]:
        """Decisions on the same version of the card, in their turns."""
        return self.by_numbers.get((decided.card_id, decided.card_version), ())

    def turn_of(self, decided: Decided) -> Turn:
        """What happens to a decision, by the latest one on the same version of its card."""
        earlier = self.on_same_numbers(decided)
        return turn_after(
            earlier[-1] if earlier else None,
            decided,
            is_withdrawn=self.withdrawn.__contains__,
            was_sent=self.sent.__contains__,
        )

    def add(self, decided: Decided) -> None:
        """One more is going to be recorded; the rest of the batch has to know it."""
        self.by_key[decided.client_key or decided.decision_id] = decided
        numbers = (decided.card_id, decided.card_version)
        self.by_numbers.setdefault(numbers, []).append(decided)


def known_about(connection: sa.Connection, batch: Collection[Decided]) -> Known:
    """Look up what the ledger knows about a batch of decisions."""
    known = Known(connection)
    query = sa.select(decisions)
    keys = {item.client_key for item in batch if item.client_key}
    for row in rows_where(connection, query, decisions.c.client_key, keys):
        known.by_key[row["client_key"]] = from_row(row)
    cards = {item.card_id for item in batch}
    rows = list(rows_where(connection, query, decisions.c.card_id, cards))
    for row in sorted(rows, key=lambda row: int(row["turn"])):
        earlier = from_row(row)
        numbers = (earlier.card_id, earlier.card_version)
        known.by_numbers.setdefault(numbers, []).append(earlier)
    ids = {str(row["decision_id"]) for row in rows}
    taken_back = sa.select(withdrawals.c.decision_id)
    sent = sa.select(line_changes.c.decision_id).join(
        intents, intents.c.change_id == line_changes.c.change_id
    )
    for found, question, key in (
        (known.withdrawn, taken_back, withdrawals.c.decision_id),
        (known.sent, sent, line_changes.c.decision_id),
    ):
        found |= {str(row["decision_id"]) for row in rows_where(connection, question, key, ids)}
    return known
