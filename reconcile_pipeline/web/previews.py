"""Previews of many decisions: frozen on the server between looking and confirming.

A preview belongs to one user, is never changed by what happens outside, and is forgotten after a
while; its result is kept with it, so that a reload shows the same. What it promises is computed in
`review.foresight`, recording is `review.decide`'s.
"""

import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from reconcile_pipeline.model import Category, Decision, PipelineError
from reconcile_pipeline.review.foresight import ZERO, Foreseen, Outcome

MOST_CARDS = 10_000
"""In one preview: what a person can answer for at once, and a second or two of work."""
MOST_OF_ONE_USER = 5
MOST_CARDS_KEPT = 100_000
"""In all previews together; about 1 kB each."""
OLDEST = timedelta(hours=2)
LOOK_ABOVE = 50
LARGEST = 10


@dataclass(frozen=True)
class Unread:
    """A row of a file that says nothing usable."""

    place: str
    why: str


@dataclass(frozen=True)
class Sums:
    """Units and money of the cards of one currency, before and after."""

    currency: str | None
    cards: int
    qty_before: Decimal
    qty_after: Decimal
    money_before: Decimal
    money_after: Decimal
    unpriced: int
    """Cards whose money is unknown; they are in none of the sums of money."""


@dataclass(frozen=True)
class Result:
    """What became of the decisions of a preview."""

    recorded: int
    again: frozenset[str]
    """Cards on which the same was recorded before."""
    refused: Mapping[str, PipelineError]
    """Card id -> why it was not taken after all."""
    at: datetime


@dataclass
class Preview:
    """The frozen list, and later its result."""

    owner: str
    period: str
    made_at: datetime
    rows: tuple[Foreseen, ...]
    query: str = ""
    """The filter of the list it came from, for the way back."""
    decision: Decision | None = None
    """What is said about every card; None for a file, where each row says its own."""
    note: str = ""
    effective_on: date | None = None
    file: str = ""
    unread: tuple[Unread, ...] = ()
    most_changes: int = 0
    """Line changes one write-back takes."""
    preview_id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    result: Result | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Held while it is recorded: of two clicks, the second waits and sees the result."""

    @cached_property
    def promised(self) -> tuple[Foreseen, ...]:
        """The decisions that confirming records."""
        return tuple(row for row in self.rows if row.outcome.is_recorded)

    @cached_property
    def refused(self) -> tuple[Foreseen, ...]:
        """The cards that can't be taken."""
        return tuple(row for row in self.rows if row.outcome.is_refused)

    @cached_property
    def outcomes(self) -> list[tuple[Outcome, int]]:
        """How many cards meet which outcome, in the order of `Outcome`."""
        counted = Counter(row.outcome for row in self.rows)
        return [(outcome, counted[outcome]) for outcome in Outcome if counted[outcome]]

    @cached_property
    def needs(self) -> Counter[str]:
        """How many cards wait for which confirmation."""
        return Counter(kind for row in self.promised for kind in row.needs)

    @cached_property
    def changes(self) -> int:
        """Lines that would change in the PSA."""
        return sum(row.changes for row in self.promised)

    @property
    def is_beyond_a_limit(self) -> bool:
        """Whether something must be confirmed, or one write-back would not take it all."""
        return bool(self.needs) or self.changes > self.most_changes

    @property
    def wants_a_look(self) -> bool:
        """Whether somebody must say that they looked at the largest."""
        return len(self.promised) > LOOK_ABOVE or self.is_beyond_a_limit

    @cached_property
    def largest(self) -> list[Foreseen]:
        """The promised decisions that move the most money, then the most units."""
        return sorted(
            self.promised,
            key=lambda row: (-abs(row.money_moved), -abs(row.qty_after - row.qty_before)),
        )[:LARGEST]

    @cached_property
    def sums(self) -> list[Sums]:
        """Before and after of what is promised, per currency: unlike ones are never added."""
        found: dict[str | None, list[Foreseen]] = {}
        for row in self.promised:
            found.setdefault(row.currency, []).append(row)
        return [_sums(currency, rows) for currency, rows in sorted(found.items(), key=_by_name)]


class Previews:
    """All previews of an installation, in memory."""

    def __init__(self) -> None:
        """Begin empty."""
        self._kept: OrderedDict[str, Preview] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, preview: Preview) -> Preview:
        """Keep one, and let go what is old or too much."""
        with self._lock:
            self._kept[preview.preview_id] = preview
            own = [key for key, item in self._kept.items() if item.owner == preview.owner]
            gone = own[:-MOST_OF_ONE_USER]
            gone += [
                key for key, item in self._kept.items() if preview.made_at - item.made_at > OLDEST
            ]
            for key in gone:
                self._kept.pop(key, None)
            while len(self._kept) > 1 and self._cards() > MOST_CARDS_KEPT:
                self._kept.popitem(last=False)
        return preview

    def of(self, preview_id: str, *, owner: str, period: str, now: datetime) -> Preview:
        """The preview of that id, if it is this user's and of this month.

        Raises:
            PipelineError: `conflict`; another user's, a forged and a forgotten one look alike.
        """
        with self._lock:
            found = self._kept.get(preview_id)
        if (
            found is None
            or (found.owner, found.period) != (owner, period)
            or now - found.made_at > OLDEST
        ):
            raise PipelineError(
                "This preview is not kept any longer.",
                next_step="Make the preview again; what was recorded stays recorded.",
                category=Category.CONFLICT,
            )
        return found

    def _cards(self) -> int:
        return sum(len(item.rows) + len(item.unread) for item in self._kept.values())


def too_many(count: int, next_step: str) -> PipelineError:
    """Build the error for more cards than one preview takes."""
    return PipelineError(
        f"{count:,} cards are more than the {MOST_CARDS:,} that one preview takes.",
        next_step=next_step,
        category=Category.INPUT,
    )


def _sums(currency: str | None, rows: list[Foreseen]) -> Sums:
    priced = [row for row in rows if row.money_before is not None and row.money_after is not None]
    return Sums(
        currency=currency,
        cards=len(rows),
        qty_before=sum((row.qty_before for row in rows), ZERO),
        qty_after=sum((row.qty_after for row in rows), ZERO),
        money_before=sum((row.money_before or ZERO for row in priced), ZERO),
        money_after=sum((row.money_after or ZERO for row in priced), ZERO),
        unpriced=len(rows) - len(priced),
    )


def _by_name(item: tuple[str | None, list[Foreseen]]) -> tuple[int, str]:
    return (-len(item[1]), item[0] or "")
