"""One entry of the ledger as a line that people read: what was done, on what, from what to what."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from reconcile_pipeline.ledger.trail import Entry, Row
from reconcile_pipeline.model import ChangeState, Decision
from reconcile_pipeline.web import words

ACTIONS = {
    "decision": "Decisions",
    "confirmation": "Confirmations",
    "withdrawal": "Undone decisions",
    "change": "Planned line changes",
    "write": "Write-back",
    "mapping": "Mappings",
    "count_rule": "Count rules",
    "pull": "Accepted pulls",
    "closing": "Closed months",
    "move": "Moves to another PSA",
}


@dataclass(frozen=True)
class Line:
    """One entry in words."""

    entry: Entry
    what: str
    before: str = ""
    after: str = ""
    note: str = ""

    @property
    def customer(self) -> str:
        """The customer it is about; "" for none."""
        return _about(self.entry, "company_name")

    @property
    def service(self) -> str:
        """The service it is about; "" for none."""
        return _about(self.entry, "service_name")

    @property
    def card_id(self) -> str:
        """The card it is about; "" for none."""
        return str((self.entry.decision or {}).get("card_id", ""))

    @property
    def period(self) -> str:
        """The month it is about; "" for none."""
        return _about(self.entry, "period")


def line_of(entry: Entry) -> Line:
    """Put one entry into words."""
    if not entry.row or entry.kind not in _WORDS:
        return Line(entry, "An entry that is gone from its table: check the chain")
    return _WORDS[entry.kind](entry, entry.row)


def _about(entry: Entry, name: str) -> str:
    for row in (entry.decision, entry.change, entry.row):
        if row and row.get(name):
            return str(row[name])
    return ""


def _decision(entry: Entry, row: Row) -> Line:
    target = row["qty_target"]
    until = f" until {row['expires_on']}" if row["expires_on"] else ""
    bound = f", up to a difference of {row['bound']}" if row["bound"] else ""
    day = f", counting from {row['effective_on']}" if row["effective_on"] else ""
    replaced = "; replaces a rule's decision" if row["supersedes"] else ""
    return Line(
        entry,
        f"{words.DECISIONS[Decision(row['decision'])]}{until}{bound}{day}{replaced}",
        _qty(row["qty_psa"], "no line"),
        "" if target is None else _qty(target),
        row["note"] or "",
    )


def _withdrawal(entry: Entry, row: Row) -> Line:
    return Line(entry, f"Undone: {_which(entry)}", note=row["reason"])


def _confirmation(entry: Entry, row: Row) -> Line:
    kind = words.CONFIRMATIONS.get(row["kind"], row["kind"])
    return Line(entry, f"Confirmed that {kind}: {_which(entry)}")


def _change(entry: Entry, row: Row) -> Line:
    verb = "Planned to set back" if row["undoes"] else "Planned"
    what = f"{verb}: line {row['line_id']} in {row['system']} from {row['effective_on']}"
    return Line(entry, what, _qty(row["qty_from"]), _qty(row["qty_to"]))


def _lease(entry: Entry, row: Row) -> Line:
    return Line(entry, f"A write-back began ({row['owner']})")


def _intent(entry: Entry, row: Row) -> Line:
    what = f"About to be sent, attempt {row['attempt']}: {_line(entry)}"
    return Line(entry, what, _qty(row["qty_before"]), _qty(row["qty_to"]))


def _outcome(entry: Entry, row: Row) -> Line:
    state = words.CHANGES[ChangeState(row["state"])]
    return Line(
        entry,
        f"{state[0].upper()}{state[1:]}: {_line(entry)}",
        after="" if row["qty_seen"] is None else _qty(row["qty_seen"]),
        note=row["says"] or "",
    )


def _mapping(entry: Entry, row: Row) -> Line:
    name = f"{row['kind']} {row['item_name'] or row['item_id']} of {row['system']}"
    verbs = {"mapped": "Mapped", "excluded": "Excluded", "unmapped": "Unmapped"}
    verb = verbs.get(row["state"], row["state"])
    leg = "" if row["leg"] == "usage" else f", as {words.LEGS.get(row['leg'], row['leg'])}"
    times = "" if Decimal(row["multiplier"]) == 1 else f", × {_qty(row['multiplier'])}"
    target = row["target_name"] or row["target_id"] or ""
    what = f"{verb} ({row['method']}): {name}{leg}{times}"
    return Line(entry, what, after=target, note=row["reason"] or "")


def _rule(entry: Entry, row: Row) -> Line:
    what = f"How {row['service_id']} of {row['system']} is counted"
    return Line(entry, what, after=row["rule"], note=row["reason"] or "")


def _accepted(entry: Entry, row: Row) -> Line:
    return Line(entry, f"Accepted the pull {row['pull_id']}", note=row["reason"])


def _closing(entry: Entry, row: Row) -> Line:
    verb = "Closed" if row["action"] == "close" else "Reopened"
    return Line(entry, f"{verb} {row['period']}", note=row["reason"])


def _move(entry: Entry, row: Row) -> Line:
    if row["from_system"] is None:
        return Line(entry, f"The ledger speaks of {row['to_system']}", note=row["reason"])
    return Line(entry, "Moved to another PSA", row["from_system"], row["to_system"], row["reason"])


def _moved(entry: Entry, row: Row) -> Line:
    what = f"Carried over: {row['kind']} ({row['method']})"
    before = f"{row['from_name']} ({row['from_id']})"
    return Line(entry, what, before, f"{row['to_name']} ({row['to_id']})")


def _which(entry: Entry) -> str:
    """The decision an entry is about, in short."""
    if entry.decision is None:
        return "a decision that is gone"
    said = entry.decision
    target = "" if said["qty_target"] is None else f" → {_qty(said['qty_target'])}"
    name = words.DECISIONS[Decision(said["decision"])].lower()
    return f"{name}{target} by {said['reviewer']}"


def _line(entry: Entry) -> str:
    """The line an entry is about, in short."""
    if entry.change is None:
        return "a change that is gone"
    return f"line {entry.change['line_id']} in {entry.change['system']}"


def _qty(text: str | None, unknown: str = "unknown") -> str:
    return words.quantity(None if text is None else Decimal(text), unknown)


_WORDS: dict[str, Callable[[Entry, Row], Line]] = {
    "decisions": _decision,
    "withdrawals": _withdrawal,
    "confirmations": _confirmation,
    "line_changes": _change,
    "leases": _lease,
    "intents": _intent,
    "outcomes": _outcome,
    "mappings": _mapping,
    "count_rules": _rule,
    "accepted_pulls": _accepted,
    "closings": _closing,
    "psa_moves": _move,
    "moved_ids": _moved,
}
