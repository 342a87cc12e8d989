"""What an observer outside sees: looks, sends, answers, applied writes, and other people's edits.

Facts only, each with its place in one order of events. What they must not be is the oracle's.
Imports nothing of the software under test.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from reconcile_pipeline.nemesis.book import Book, Planned
from reconcile_pipeline.nemesis.telling import Judgement

OK = range(200, 300)
UNAUTHORIZED = 401
TURNED_AWAY = {UNAUTHORIZED, 403, 429}
SERVER_ERRORS = range(500, 600)


@dataclass(frozen=True)
class Rules:
    """What the game's installation promises, in numbers."""

    is_delta: bool
    renews_tokens: bool
    """A change that is turned away as 401 goes out once more, with a new token."""
    settle_seconds: float
    evidence_hours: float
    large_units: Decimal
    large_percent: Decimal
    large_money: Decimal
    four_eyes_above: Decimal


@dataclass
class Sent:
    """One changing call that left; `answer` is what came back."""

    tick: int
    at: datetime
    planned: Planned | None
    line: str
    amount: Decimal
    day: date | None
    answer: str = "none yet"
    """ok, refused, turned away, failed (server error) or lost."""
    strikes: list[str] = field(default_factory=list)
    applied: int = 0
    applied_beyond: bool = False
    """Applied later than the promise to wait for."""

    @property
    def is_unsure(self) -> bool:
        return self.answer in ("lost", "failed", "none yet")


@dataclass(frozen=True)
class Look:
    """A line as an answered call showed it."""

    tick: int
    at: datetime
    day: date | None
    qty: Decimal
    is_blocked: bool


@dataclass(frozen=True)
class Event:
    """Something that changed a line, or whether it may be changed."""

    tick: int
    kind: str
    """edit, block, write, late (applied after its wait)."""
    sent: Sent | None = None


class Watch(Judgement):
    """Keeps what was seen, by line and by change."""

    def __init__(
        self,
        book: Book,
        rules: Rules,
        shows: Callable[[str, date], Decimal],
        now: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self.book, self.rules, self.shows, self.now = book, rules, shows, now
        self.count: Counter[str] = Counter()
        self.tick = 0
        self.looks: dict[str, Look] = {}
        self.events: dict[str, list[Event]] = {}
        self.sent: dict[str, list[Sent]] = {}
        """By change."""
        self.all_sent: list[Sent] = []
        self.effects: Counter[str] = Counter()
        """By change: how often it was applied since a person last asked for it."""
        self._lost: list[Sent] = []
        self._used: set[str] = set()
        self._renewed: set[str] = set()

    def looked(self, line: str, day: date | None, *, is_blocked: bool) -> None:
        """A call showed the line as it is."""
        qty = self.shows(line, day or date.min)
        self.looks[line] = Look(self._next(), self.now(), day, qty, is_blocked)

    def edited(self, line: str, kind: str = "edit") -> None:
        """Somebody else changed the line in the PSA."""
        self.count[f"{kind}s by others"] += 1
        self._happened(line, kind, None)

    def sending(self, line: str, amount: Decimal, day: date | None) -> Sent:
        """A changing call is about to leave: exactly one open intent must announce it."""
        self.book.sync()
        self.count["sent"] += 1
        on_line = self.book.by_line.get(line, [])
        announced = [each for each in on_line if each.state == "intent"]
        planned = announced[0] if len(announced) == 1 else None
        sent = Sent(self._next(), self.now(), planned, line, amount, day)
        self.all_sent.append(sent)
        if planned is None:
            self.fail(f"line {line}: {len(announced)} open intents announce what is sent")
            return sent
        intent = planned.steps[-1].row["intent_id"]
        self.demand(intent not in self._used, f"{planned.change}: sent twice on one intent")
        self._used.add(intent)
        wanted = planned.qty_to - (planned.qty_from if self.rules.is_delta else 0)
        self.demand(amount == wanted, f"{planned.change}: sent {amount}, decided {wanted}")
        self.demand(day in (None, planned.day), f"{planned.change}: sent for {day}")
        self.sent.setdefault(planned.change, []).append(sent)
        return sent

    def answered(self, sent: Sent, status: int | None, strikes: list[str]) -> None:
        """What the caller got for it; None for nothing at all."""
        sent.strikes = list(strikes)
        sent.answer = _word(status)
        self.count[f"answer {sent.answer}"] += 1
        for strike in strikes:
            self.count[f"fault {strike}"] += 1
        if {"late", "late_apply"} & set(strikes):
            self._lost.append(sent)
        if status == UNAUTHORIZED and self.rules.renews_tokens:
            self._turned_away(sent)

    def _turned_away(self, sent: Sent) -> None:
        """The first 401 on an intent leaves it unused: nobody looked at what it announced."""
        if sent.planned is None:
            return
        intent = sent.planned.steps[-1].row["intent_id"]
        if intent not in self._renewed and not sent.applied:
            self._renewed.add(intent)
            self._used.discard(intent)

    def wrote(self, line: str, amount: Decimal, day: date | None, sent: Sent | None) -> None:
        """The PSA applied something; without a call under way it must be one that comes late."""
        if sent is None:
            waiting = [each for each in self._lost if not each.applied]
            key = (line, amount, day)
            sent = next((s for s in waiting if (s.line, s.amount, s.day) == key), None)
        if sent is None or sent.planned is None:
            self.fail(f"line {line}: {amount} was applied, and nobody sent it")
            return
        sent.applied += 1
        sent.applied_beyond = (self.now() - sent.at).total_seconds() > self.rules.settle_seconds
        self.count["writes applied"] += 1
        self.count["writes applied beyond the wait"] += sent.applied_beyond
        self._happened(line, "late" if sent.applied_beyond else "write", sent)
        planned = sent.planned
        self.effects[planned.change] += 1
        if self.rules.is_delta:
            twice = self.effects[planned.change] > 1
            self.count["doubles"] += twice
            self.demand(not twice, f"I4 {planned.change}: a difference was applied twice")

    def last_sent(self, planned: Planned) -> Sent | None:
        sent = self.sent.get(planned.change)
        return sent[-1] if sent else None

    def changed_since(self, line: str, tick: int, *, by_others_than: str) -> bool:
        """Whether anything but one change moved the line, or that one too late."""
        return any(
            event.tick > tick
            and (
                event.kind != "write"
                or event.sent is None
                or event.sent.planned is None
                or event.sent.planned.change != by_others_than
            )
            for event in self.events.get(line, ())
        )

    @property
    def is_something_late(self) -> bool:
        return any(not sent.applied for sent in self._lost)

    def nothing_is_late_any_more(self) -> None:
        """What was not applied by now was refused when its turn came."""
        self._lost.clear()

    def _happened(self, line: str, kind: str, sent: Sent | None) -> None:
        self.events.setdefault(line, []).append(Event(self._next(), kind, sent))

    def _next(self) -> int:
        self.tick += 1
        return self.tick


def _word(status: int | None) -> str:
    if status is None:
        return "lost"
    if status in OK:
        return "ok"
    if status in TURNED_AWAY:
        return "turned away"
    return "failed" if status in SERVER_ERRORS else "refused"
