"""Which mapping counts, now and on the last day of a month long past."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import links
from reconcile_pipeline.ledger.mappings import (
    Mapping,
    as_rows,
    mapping_history,
    mappings_in_force,
    record_mappings,
)
from reconcile_pipeline.ledger.store import Ledger

Entry = Callable[..., Mapping]
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "stories"),
    [
        (
            "account",
            [(["1"], ["1"]), (["1", "2"], ["2"]), (["1", None], [None]), ([None, "1"], ["1"])],
        ),
        (
            "service",
            [
                (["1", "2"], ["1", "2"]),
                (["2", "1", "2"], ["1", "2"]),
                (["1", "2", None], [None]),
                (["1", None, "2"], ["2"]),
                ([None, None], [None]),
            ],
        ),
    ],
)
def test_the_newest_word_counts(
    ledger: Ledger, entry: Entry, kind: str, stories: list[tuple[list[str | None], list[str]]]
) -> None:
    """An account follows its newest entry, a service each of its links; exclusions end links."""
    for number, (story, _in_force) in enumerate(stories):
        for hour, target in enumerate(story):
            assert record_mappings(ledger, [entry(kind, target, hour, item_id=f"{number}")]) == 1
    found: dict[int, list[str | None]] = {}
    for mapping in mappings_in_force(ledger):
        found.setdefault(int(mapping.item_id), []).append(mapping.target_id)
    assert found == {number: in_force for number, (_story, in_force) in enumerate(stories)}


def test_an_entry_comes_back_as_it_was(
    ledger: Ledger, place: Path | str, open_ledger: Callable[[Path | str], Ledger], entry: Entry
) -> None:
    """Multiplier, leg, reason and instant survive the ledger exactly."""
    written = entry(
        "service", "1", leg="invoiced", multiplier=Decimal("0.1"), reason="half „price“"
    )
    record_mappings(ledger, [written])
    assert mappings_in_force(open_ledger(place)) == [written]


def test_the_history_keeps_what_counts_no_more(ledger: Ledger, entry: Entry) -> None:
    """Every entry ever made is in the history, oldest first, replaced and excluded ones too."""
    for target in ("1", "2", None):
        record_mappings(ledger, [entry("account", target)])
    assert [row["target_id"] for row in mapping_history(ledger)] == ["1", "2", None]
    assert [row["state"] for row in mapping_history(ledger)] == ["mapped", "mapped", "excluded"]


def test_a_mapping_is_sealed_with_its_door(ledger: Ledger, entry: Entry) -> None:
    """The chain says who mapped, when, and through which door it came."""
    record_mappings(ledger, [entry("account", "1", 1)])
    record_mappings(ledger, [entry("account", "2", decided_by="dana")], origin="review app")
    with ledger.reading() as connection:
        first, second = links(connection)
    assert (first["recorded_by"], first["recorded_from"]) == ("mappings.csv", "rule")
    assert first["recorded_at"] == "2026-11-22T13:00:00+00:00"
    assert (second["recorded_by"], second["recorded_from"]) == ("dana", "review app")


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


def test_the_past_stays_as_it_was(ledger: Ledger, entry: Entry) -> None:
    """Before an instant only what had been said by then counts; the instant itself is too late."""
    record_mappings(ledger, [entry("account", "1", 0), entry("account", "2", 1)])
    seen = {
        hours: [
            each.target_id
            for each in mappings_in_force(ledger, until=NOON + timedelta(hours=hours))
        ]
        for hours in (-1, 0, 0.01, 1, 1.01, 9)
    }
    assert seen == {-1: [], 0: [], 0.01: ["1"], 1: ["1"], 1.01: ["2"], 9: ["2"]}


def test_until_compares_instants_not_clocks(ledger: Ledger, entry: Entry) -> None:
    """An entry made in another time zone is compared as the instant it was."""
    tokyo = timezone(timedelta(hours=9))
    record_mappings(ledger, [entry("account", "1", decided_at=NOON.astimezone(tokyo))])
    assert len(mappings_in_force(ledger, until=NOON + timedelta(minutes=1))) == 1


def test_nothing_to_say_writes_nothing(ledger: Ledger) -> None:
    """An empty batch is no entry, and waits for nobody's turn."""
    with ledger.writing():
        assert record_mappings(ledger, []) == 0
    assert mappings_in_force(ledger) == []


def test_one_bad_entry_keeps_the_whole_batch_out(ledger: Ledger, entry: Entry) -> None:
    """Entries are appended together or not at all."""
    with pytest.raises(sa.exc.IntegrityError):
        record_mappings(ledger, [entry("account", "1"), entry("account", "2", item_name=None)])
    assert mappings_in_force(ledger) == []
    assert record_mappings(ledger, [entry("account", "1")]) == 1


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
