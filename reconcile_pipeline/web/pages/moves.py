"""Which devices, seats and mailboxes joined or left a card's count since the month before.

Each month is read with its own evidence and mapping. Only vendors that name what they count, with
evidence in both months of the same PSA, are compared.
"""

from collections.abc import Sequence
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
    joined_found: int
    left_found: int

    @property
    def nameless(self) -> list[str]:
        """Vendors that tell counts and no names."""
        return [name for name in self.vendors if name not in (*self.compared, *self.new)]


@dataclass(frozen=True)
class _Month:
    """What counted for the card in one month."""

    pulls: dict[str, str]
    """System -> the pull that is its evidence."""
    accounts: dict[tuple[str, str], str]
    """System and id -> name, of the customer's accounts."""
    services: frozenset[tuple[str, str]]
    """System and id, of those that feed the card."""

    def named(self, row: Row) -> Row | None:
        """One thing with its account's name; None when it did not count here."""
        system = row["system"]
        if row["pull_id"] != self.pulls.get(system):
            return None
        name = self.accounts.get((system, row["account_id"]))
        # Two vendors may use the same id for different things.
        is_counted = name is not None and (system, row["service_id"]) in self.services
        return {**row, "account_name": name} if is_counted else None


def moves_of(call: Call, card: Row, accounts: list[Row]) -> Moves:
    """Compare the card's month with the one before.

    Args:
        call: the request.
        card: the card.
        accounts: its customer's, of both months.
    """
    before = previous_period(call.period)
    now, then = (_month(call, card, accounts, each) for each in (call.period, before))
    if card["psa"] not in then.pulls:
        # The customers of another PSA have other ids: there is no month to compare with.
        then.pulls.clear()
    vendors = sorted({system for system, _service in now.services})
    named = _named(call, now)
    compared = [name for name in vendors if name in named and name in then.pulls]
    joined, left = _moved(call, now, then, compared) if compared else ([], [])
    return Moves(
        before=before,
        vendors=vendors,
        compared=compared,
        new=[name for name in vendors if name in named and name not in then.pulls],
        joined=joined[:MOST_NAMED],
        left=left[:MOST_NAMED],
        joined_found=len(joined),
        left_found=len(left),
    )


def _month(call: Call, card: Row, accounts: list[Row], period: str) -> _Month:
    pulls = call.books.ask_once("card_pulls", before=previous_period(call.period))
    services = call.books.ask_once("feeding", period=period)
    return _Month(
        {row["system"]: row["pull_id"] for row in pulls if row["period"] == period},
        {
            (row["system"], row["item_id"]): row["item_name"]
            for row in accounts
            if row["period"] == period
        },
        frozenset(
            (row["system"], row["item_id"])
            for row in services
            if row["service_group_id"] == card["service_group_id"] and row["leg"] == "usage"
        ),
    )


def _named(call: Call, month: _Month) -> set[str]:
    """Vendors that name what they count of these services."""
    known = {(row["pull_id"], row["service_id"]) for row in call.books.ask_once("named")}
    return {
        system for system, service in month.services if (month.pulls.get(system), service) in known
    }


def _moved(
    call: Call, now: _Month, then: _Month, systems: Sequence[str]
) -> tuple[list[Row], list[Row]]:
    """What is there now and was not then, and the other way round, in order of names."""
    months = (now, then)
    rows = call.books.ask(
        "card_entities",
        pulls=[month.pulls[name] for month in months for name in systems],
        accounts=_ids([key for month in months for key in month.accounts], systems),
        services=_ids([key for month in months for key in month.services], systems),
    )
    here, there = (
        {(row["system"], row["entity_id"]): each for row in rows if (each := month.named(row))}
        for month in months
    )
    joined = [here[key] for key in here if key not in there]
    left = [there[key] for key in there if key not in here]
    return joined, left


def _ids(keys: Sequence[tuple[str, str]], systems: Sequence[str]) -> list[str]:
    return sorted({own for name, own in keys if name in systems})
