"""The judge: what people were told and what the PSA did, against what the ledger says about it.

Written from the promises alone, and imports nothing of the software under test: each rule here is
a second opinion. I3 to I10 are the invariants' numbers in the project's fault list.
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from reconcile_pipeline.nemesis.book import ARRIVED, ON_ITS_WAY, Planned, Row, Step
from reconcile_pipeline.nemesis.watch import Look, Watch

LOST_TRIES = 2
"""A person may be called when so many tries of one change were lost without effect."""


@dataclass(frozen=True)
class Shown:
    """One version of a card as people saw it."""

    period: str
    card: str
    version: str
    has_figure: bool
    as_of: datetime
    lines: dict[str, Decimal]


@dataclass(frozen=True)
class Ask:
    """What somebody wanted to decide, whether or not an answer came back."""

    shown: Shown
    decision: str
    target: Decimal | None
    reviewer: str
    is_policy: bool = False


@dataclass(frozen=True)
class PullSeen:
    """The lines of a pull that is used for proof."""

    pull: str
    lines: dict[str, Decimal]


class Oracle(Watch):
    """Judges every entry at the moment it is committed."""

    published: dict[str, Shown]
    at_start: dict[str, Shown]

    def begin(self) -> None:
        self.published, self.at_start = {}, {}
        self.asks: dict[str, Ask] = {}
        self.told: list[tuple[str, str, str]] = []
        """What people were told: (table, id, more); all of it must stay in the ledger."""
        self.acting: tuple[str, str] | None = None
        """A person settles this change in this way just now."""
        self.pull: PullSeen | None = None
        self._batch_tick = 0
        self._first_look: dict[str, int] = {}
        self._retried: dict[str, int] = {}
        """When a person who had looked said: once more."""

    def batch_begins(self) -> None:
        self._batch_tick = self.tick
        self.at_start = dict(self.published)

    def committed(self) -> None:
        """An entry is in the ledger: was it right to make it?"""
        for planned, step in self.book.sync():
            self.count[f"became {step.state}"] += 1
            rule = getattr(self, f"_judge_{step.state}")
            rule(planned, step, self.looks.get(planned.line))

    # Decisions

    def asked(self, key: str, ask: Ask) -> None:
        self.asks[key] = ask

    def decided(self, keys: list[str], new: tuple[str, ...], repeated: tuple[str, ...]) -> None:
        """People were told that these decisions are taken."""
        self.book.sync()
        for ask in (self.asks[key] for key in keys):
            rows = self.book.by_card.get((ask.shown.card, ask.shown.version), [])
            mine = [row for row in rows if row["decision_id"] in (*new, *repeated)]
            ours = [row for row in mine if _says(row) == _wants(ask)]
            self.demand(bool(ours), f"I5 {ask.shown.card}: told it is decided; it is not")
            for row in ours:
                self.told.append(("decisions", row["decision_id"], ""))
                if row["decision_id"] in new:
                    self._judge_decision(row, ask, rows)

    def _judge_decision(self, row: Row, ask: Ask, rows: list[Row]) -> None:
        name, seq = row["decision_id"], int(row["seq"])
        self.count["decisions"] += 1
        current = self.published.get(ask.shown.card)
        is_current = current is not None and current.version == ask.shown.version
        self.demand(is_current, f"P7 {name}: decided on numbers of before")
        self.demand(not self.book.is_closed(row["period"]), f"{name}: decided in a closed period")
        if row["decision"] == "reconcile":
            self.demand(ask.shown.has_figure, f"I10 {name}: reconciled without a vendor figure")
        others = [each for each in rows if int(each["seq"]) < seq]
        standing = [each for each in others if self.book.stands(each["decision_id"], seq + 1)]
        self.demand(not standing, f"{name}: another decision on the same numbers stands")
        changes = [each for each in self.book.changes_of(name) if each.undoes is None]
        for each in changes:
            seen = ask.shown.lines.get(each.line)
            self.demand(each.qty_from == seen, f"I3 {name}: from {each.qty_from}, seen {seen}")
        if ask.target is not None:
            after = ask.shown.lines | {each.line: each.qty_to for each in changes}
            self.demand(sum(after.values()) == ask.target, f"I3 {name}: {after} is not the target")

    def told_that(self, table: str, name: str, more: str = "") -> None:
        """A person was told that something is recorded; it must be there, now and for ever."""
        self.book.sync()
        self.told.append((table, name, more))
        self.demand(self._is_there(table, name, more), f"I5 {table} {name} {more} is not there")

    def _is_there(self, table: str, name: str, more: str) -> bool:
        if table == "confirmations":
            return more in self.book.confirmed.get(name, {})
        if table == "outcomes":
            return any(step.state == more for step in self.book.changes[name].steps)
        known: dict[str, Container[str]] = {
            "decisions": self.book.decisions,
            # What somebody replaced need not be taken back as well.
            "withdrawals": self.book.withdrawn | self.book.replaced,
            "line_changes": self.book.changes,
            "closings": self.book.closed,
        }
        return name in known[table]

    # Steps of changes; each rule gets the change, its new step, and the last look at its line

    def _judge_intent(self, planned: Planned, step: Step, look: Look | None) -> None:
        name = planned.change
        self.demand(
            look is not None
            and look.tick > self._batch_tick
            and look.qty == planned.qty_from
            and look.day in (None, planned.day)
            and not look.is_blocked,
            f"I3 {name}: about to be written, but the last look did not show {planned.qty_from}",
        )
        if look is not None:
            self._first_look.setdefault(name, look.tick)
        before = planned.steps[-2].state if len(planned.steps) > 1 else "queued"
        self.demand(before in ("queued", "not_applied"), f"I4 {name}: to be sent though {before}")
        busy = [
            each.change
            for each in self.book.by_line[planned.line]
            if each is not planned and each.state in ON_ITS_WAY
        ]
        self.demand(not busy, f"I4 {name}: {busy} of the same line is not settled")
        self.demand(step.row["epoch"] == self.book.epoch, f"{name}: an old epoch still writes")
        closed = self.book.is_closed(planned.period, step.seq)
        self.demand(not closed, f"I3 {name}: about to be written in a closed period")
        last = self.last_sent(planned)
        if last is not None and last.is_unsure and last.tick > self._retried.get(name, 0):
            # The engine counts from just before it sends: a little earlier than the wire does.
            waited = (self.now() - last.at).total_seconds() >= self.rules.settle_seconds - 1
            self.demand(waited, f"I4 {name}: sent again before the wait was over")
        if planned.undoes is None:
            self._judge_right(planned, step.seq)
        else:
            undone = self.book.changes[planned.undoes].state
            self.demand(undone in ARRIVED, f"I3 {name}: undoes what is {undone}")

    def _judge_right(self, planned: Planned, seq: int) -> None:
        """Is there a standing, confirmed decision on the numbers of now behind it?"""
        name, decision = planned.change, self.book.decisions.get(planned.decision)
        if decision is None:
            self.fail(f"I3 {name}: no decision behind it")
            return
        self.demand(self.book.stands(planned.decision, seq), f"I3 {name}: its decision was undone")
        self.demand(decision["decision"] == "reconcile", f"I3 {name}: nobody said reconcile")
        missing = self._confirmations(planned) - self._confirmed(planned.decision, decision)
        self.demand(not missing, f"I3 {name}: not confirmed: {missing}")
        shown = self.at_start.get(decision["card_id"])
        if shown is None or shown.version != decision["card_version"]:
            self.fail(f"I3 {name}: its card shows other numbers now")
            return
        self.demand(shown.has_figure, f"I10 {name}: its card has no vendor figure")
        oldest = self.now() - timedelta(hours=self.rules.evidence_hours + 1)
        self.demand(shown.as_of > oldest, f"I3 {name}: its evidence is too old")

    def _confirmations(self, planned: Planned) -> set[str]:
        rules, units = self.rules, abs(planned.qty_to - planned.qty_from)
        money = units * planned.price
        share = planned.qty_from * rules.large_percent / 100
        needed = {"zero"} if planned.qty_to == 0 else set()
        if units > max(rules.large_units, share) or money > rules.large_money:
            needed.add("large")
        if money > rules.four_eyes_above:
            needed.add("second_person")
        return needed

    def _confirmed(self, name: str, decision: Row) -> set[str]:
        said = self.book.confirmed.get(name, {})
        return {
            kind
            for kind, who in said.items()
            if kind != "second_person" or who != decision["reviewer"]
        }

    def _judge_sent(self, planned: Planned, _step: Step, _look: Look | None) -> None:
        last = self.last_sent(planned)
        is_so = last is not None and last.answer == "ok"
        self.demand(is_so, f"{planned.change}: says sent, but no success was answered")

    def _judge_unknown(self, planned: Planned, _step: Step, _look: Look | None) -> None:
        last = self.last_sent(planned)
        is_so = last is not None and last.is_unsure
        self.demand(is_so, f"{planned.change}: says unknown, but it was answered")

    def _judge_verified(self, planned: Planned, _step: Step, look: Look | None) -> None:
        last = self.last_sent(planned)
        self.demand(
            look is not None
            and look.tick > max(self._batch_tick, last.tick if last else 0)
            and look.qty == planned.qty_to
            and look.day in (None, planned.day),
            f"I4 {planned.change}: verified, but no look showed {planned.qty_to}",
        )

    def _judge_conflict(self, planned: Planned, _step: Step, look: Look | None) -> None:
        known = (planned.qty_from, planned.qty_to)
        is_so = look is not None and look.tick > self._batch_tick and look.qty not in known
        self.demand(is_so, f"{planned.change}: a conflict that no look showed")

    def _judge_rejected(self, planned: Planned, _step: Step, look: Look | None) -> None:
        last = self.last_sent(planned)
        was_blocked = look is not None and look.tick > self._batch_tick and look.is_blocked
        no = ("refused", "failed") if self.rules.is_delta else ("refused",)
        was_refused = last is not None and last.answer in no and not last.applied
        self.demand(was_blocked or was_refused, f"{planned.change}: rejected by nobody")

    def _judge_not_applied(self, planned: Planned, _step: Step, look: Look | None) -> None:
        if self.acting == (planned.change, "retry"):
            self.effects[planned.change] = 0
            self._retried[planned.change] = self.tick
            return
        last = self.last_sent(planned)
        began = planned.steps[-2].row["recorded_at"]
        if last is not None and last.at >= began and last.answer == "turned away":
            return
        since = max(began, last.at) if last is not None else began
        # A success that nobody lived to record can't be known.
        self.demand(
            planned.steps[-2].state != "sent"
            and look is not None
            and look.qty == planned.qty_from
            and (look.at - since).total_seconds() >= self.rules.settle_seconds - 1,
            f"I4 {planned.change}: says not applied without having waited and looked",
        )

    def _judge_needs_person(self, planned: Planned, _step: Step, _look: Look | None) -> None:
        name = planned.change
        sent = self.sent.get(name, [])
        odd = any({"not_applied", "apply_differently"} & set(each.strikes) for each in sent)
        lost = sum(each.is_unsure and (not each.applied or each.applied_beyond) for each in sent)
        since = self._first_look.get(name, 0)
        moved = self.changed_since(planned.line, since, by_others_than=name)
        is_excused = odd or moved or lost >= LOST_TRIES
        self.demand(is_excused, f"{name}: needs a person, but nothing had gone wrong with it")

    def _judge_done_by_hand(self, planned: Planned, _step: Step, _look: Look | None) -> None:
        is_so = self.acting == (planned.change, "applied")
        self.demand(is_so, f"{planned.change}: nobody said it was done by hand")

    def _judge_dropped(self, planned: Planned, _step: Step, _look: Look | None) -> None:
        self.demand(self.acting == (planned.change, "drop"), f"{planned.change}: nobody dropped it")

    def _judge_proved(self, planned: Planned, step: Step, _look: Look | None) -> None:
        self._judge_proof(planned, step, is_proved=True)

    def _judge_disproved(self, planned: Planned, step: Step, _look: Look | None) -> None:
        self._judge_proof(planned, step, is_proved=False)

    def _judge_proof(self, planned: Planned, step: Step, *, is_proved: bool) -> None:
        pull = self.pull
        is_so = (
            pull is not None
            and step.row["pull_id"] == pull.pull
            and (pull.lines.get(planned.line) == planned.qty_to) is is_proved
        )
        self.demand(is_so, f"{planned.change}: {step.state}, which the pull does not show")

    # At rest

    def judge_at_rest(self, lines: list[str]) -> None:
        """Faults have ended and two clean batches ran: what must hold now."""
        self.book.sync()
        for each in self.book.changes.values():
            open_still = each.state in ON_ITS_WAY and not self.book.is_closed(each.period)
            self.demand(not open_still, f"{each.change}: still {each.state} after two batches")
        for table, name, more in self.told:
            self.demand(self._is_there(table, name, more), f"I5 {table} {name} {more} is gone")
        for row in self.book.decisions.values():
            ask = self.asks.get(row["client_key"])
            is_asked = ask is not None and _says(row) == _wants(ask)
            self.demand(is_asked, f"I5 {row['decision_id']}: nobody asked for this decision")
        for line in lines:
            self._judge_quantity(line)

    def is_in_the_way(self, change: str) -> None:
        """The month can't be closed over it, though a pull showed everything."""
        planned = self.book.changes[change]
        # A person has to look at what was moved by others; nobody can help it otherwise.
        is_so = planned.state in ("disproved", *ON_ITS_WAY)
        self.demand(is_so, f"{change}: {planned.state} for ever, so its month can't be closed")

    def _judge_quantity(self, line: str) -> None:
        """The line shows what somebody is answerable for: an edit, or a decided quantity."""
        events = self.events.get(line)
        last = events[-1] if events else None
        if last is None or last.kind in ("edit", "block", "late"):
            return
        planned = last.sent.planned if last.sent else None
        if planned is None:
            return
        since = self._first_look.get(planned.change, 0)
        if any(since < each.tick < last.tick for each in self.events[line] if each.kind == "edit"):
            # Typed while our change was on its way: the two may look like neither, or like none.
            self.count["edits that crossed a write"] += 1
            return
        was_shown = any(step.state in ("needs_person", "disproved") for step in planned.steps)
        is_known = planned.state in ARRIVED or was_shown
        qty = self.shows(line, planned.day)
        # A PSA that applies another difference than ours may apply 0: no effect, and none claimed.
        was_bent = last.sent is not None and "apply_differently" in last.sent.strikes
        is_untouched = was_bent and planned.state not in ARRIVED and qty == planned.qty_from
        is_right = is_untouched or (is_known and (was_shown or qty == planned.qty_to))
        self.count["wrong final quantities"] += not is_right
        self.demand(
            is_right,
            f"I4 line {line} shows {qty} by {planned.change} ({planned.qty_from} →"
            f" {planned.qty_to}), which is {planned.state}",
        )


def _says(row: Row) -> tuple[str, str, str, Decimal | None, str]:
    target = None if row["qty_target"] is None else Decimal(row["qty_target"])
    return row["card_id"], row["card_version"], row["decision"], target, row["reviewer"]


def _wants(ask: Ask) -> tuple[str, str, str, Decimal | None, str]:
    shown = ask.shown
    return shown.card, shown.version, ask.decision, ask.target, ask.reviewer


def usual_day(period: str) -> date:
    """The first day of the month after a period."""
    year, month = int(period[:4]), int(period[5:])
    return date(year + month // 12, month % 12 + 1, 1)
