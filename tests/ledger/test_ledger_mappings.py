"""Which mapping counts, now and on the last day of a month long past."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from reconcile_pipeline.ledger.mappings import (
    Mapping,
    as_rows,
    mappings_in_force,
    record_mappings,
)
from reconcile_pipeline.ledger.store import Ledger

Entry = Callable[..., Mapping]
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "story", "in_force"),
    [
        ("account", ["1"], ["1"]),
        ("account", ["1", "2"], ["2"]),
        ("account", ["1", None], [None]),
        ("account", [None, "1"], ["1"]),
        ("service", ["1", "2"], ["1", "2"]),
        ("service", ["2", "1", "2"], ["1", "2"]),
        ("service", ["1", "2", None], [None]),
        ("service", ["1", None, "2"], ["2"]),
        ("service", [None, None], [None]),
    ],
)
def test_the_newest_word_counts(
    ledger: Ledger, entry: Entry, kind: str, story: list[str | None], in_force: list[str | None]
) -> None:
    """An account follows its newest entry, a service each of its links; exclusions end links."""
    for hour, target in enumerate(story):
        assert record_mappings(ledger, [entry(kind, target, hour)]) == 1
    assert [found.target_id for found in mappings_in_force(ledger)] == in_force


def test_an_entry_comes_back_as_it_was(ledger: Ledger, entry: Entry) -> None:
    """Multiplier, leg, reason and instant survive the ledger exactly."""
    written = entry(
        "service", "1", leg="invoiced", multiplier=Decimal("0.1"), reason="half „price“"
    )
    record_mappings(ledger, [written])
    assert mappings_in_force(Ledger(ledger.path)) == [written]


def test_a_link_is_replaced_by_its_newest_self(ledger: Ledger, entry: Entry) -> None:
    """A link said again with another multiplier is one link."""
    record_mappings(ledger, [entry("service", "1"), entry("service", "1", multiplier=Decimal(2))])
    assert [found.multiplier for found in mappings_in_force(ledger)] == [Decimal(2)]


def test_items_of_other_kinds_and_systems_are_others(ledger: Ledger, entry: Entry) -> None:
    """One id under another kind or system is another thing; the order is that of names."""
    entries = [
        entry("service", "1"),
        entry("account", "2"),
        entry("account", None, system="ninja"),
        entry("account", "3", item_id="a"),
    ]
    assert record_mappings(ledger, entries) == 4
    found = [(each.kind, each.system, each.item_id) for each in mappings_in_force(ledger)]
    assert found == [
        ("account", "ninja", "x"),
        ("account", "pax8", "a"),
        ("account", "pax8", "x"),
        ("service", "pax8", "x"),
    ]


@pytest.mark.parametrize(
    ("hours", "target"), [(-1, None), (0, None), (0.01, "1"), (1, "1"), (1.01, "2"), (9, "2")]
)
def test_the_past_stays_as_it_was(
    ledger: Ledger, entry: Entry, hours: float, target: str | None
) -> None:
    """Before an instant only what had been said by then counts; the instant itself is too late."""
    record_mappings(ledger, [entry("account", "1", 0), entry("account", "2", 1)])
    found = mappings_in_force(ledger, until=NOON + timedelta(hours=hours))
    assert [each.target_id for each in found] == ([target] if target else [])


def test_until_compares_instants_not_clocks(ledger: Ledger, entry: Entry) -> None:
    """An entry made in another time zone is compared as the instant it was."""
    tokyo = timezone(timedelta(hours=9))
    record_mappings(ledger, [entry("account", "1", decided_at=NOON.astimezone(tokyo))])
    assert len(mappings_in_force(ledger, until=NOON + timedelta(minutes=1))) == 1


def test_nothing_to_say_writes_nothing(ledger: Ledger) -> None:
    """An empty batch is no transaction and no entry."""
    assert record_mappings(ledger, []) == 0
    assert mappings_in_force(ledger) == []


def test_one_bad_entry_keeps_the_whole_batch_out(ledger: Ledger, entry: Entry) -> None:
    """Entries are appended together or not at all."""
    with pytest.raises(Exception, match="NOT NULL"):
        record_mappings(ledger, [entry("account", "1"), entry("account", "2", item_name=None)])
    assert mappings_in_force(ledger) == []


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({}, True),
        ({"decided_by": "dana", "method": "manual", "reason": "so"}, True),
        ({"item_name": "Other", "target_name": None}, True),
        ({"multiplier": Decimal("1.0")}, True),
        ({"target_id": "2"}, False),
        ({"leg": "invoiced"}, False),
        ({"multiplier": Decimal(2)}, False),
        ({"state": "excluded"}, False),
        ({"system": "ninja"}, False),
        ({"item_id": "y"}, False),
    ],
)
@pytest.mark.parametrize("kind", ["account", "service"])
def test_only_what_changes_numbers_is_another_word(
    entry: Entry, kind: str, changes: dict[str, object], *, is_same: bool
) -> None:
    """Who said it and how things are called makes no difference; where it leads does."""
    assert entry(kind, "1").says_the_same_as(entry(kind, "1", **changes)) is is_same
    assert not entry(kind, "1").says_the_same_as(None)


def test_the_warehouse_gets_naive_utc(entry: Entry) -> None:
    """Instants leave the ledger as UTC without a zone, whatever zone they were said in."""
    west = NOON.astimezone(timezone(timedelta(hours=-5)))
    row = as_rows([entry("account", "1", decided_at=west)])[0]
    assert row["decided_at"] == NOON.replace(tzinfo=None)
    assert (row["kind"], row["target_id"], row["multiplier"]) == ("account", "1", Decimal(1))
