"""What the mapping file and identical names add to the ledger, and what they never overrule."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.ledger.intake import EXACT_RULE, Seen, from_exact_names, from_file
from reconcile_pipeline.ledger.mappings import Mapping, mappings_in_force, record_mappings
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.matching.exact import Named
from reconcile_pipeline.matching.mapping_file import MappingRow
from reconcile_pipeline.model import Category, PipelineError

Entry = Callable[..., Mapping]
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SEEN = Seen(
    accounts=[Named("x", "Acme", "pax8"), Named("y", "Nobody", "pax8")],
    services=[Named("x", "Seat", "pax8")],
    companies=[Named("1", "Acme"), Named("2", "Bolt")],
    products=[Named("1", "Seat"), Named("2", "Server")],
)


def row(kind: str, target: str | None, **changes: Any) -> MappingRow:
    values: dict[str, Any] = {
        "line": 2,
        "kind": kind,
        "system": "pax8",
        "item_id": "x",
        "item_name": "",
        "target_id": target,
        "leg": "usage",
        "multiplier": Decimal(1),
        "state": "mapped" if target else "excluded",
        "reason": None,
        "rule": None,
    }
    return MappingRow(**(values | changes))


def imported(rows: list[MappingRow], in_force: list[Mapping], seen: Seen = SEEN) -> list[Mapping]:
    return from_file(rows, seen, in_force, name="mappings.csv", at=NOON)


def test_a_new_line_becomes_an_entry() -> None:
    """What the file says and who is meant by it is recorded, with the names of that day."""
    found = imported([row("account", "2"), row("service", None, reason="ours")], [])
    assert found[0] == Mapping(
        kind="account",
        system="pax8",
        item_id="x",
        item_name="Acme",
        target_id="2",
        target_name="Bolt",
        state="mapped",
        method="imported",
        decided_by="mappings.csv",
        decided_at=NOON,
    )
    assert (found[1].state, found[1].target_name, found[1].reason) == ("excluded", None, "ours")


@pytest.mark.parametrize(
    ("item_id", "written", "name"), [("x", "Old", "Old"), ("x", "", "Acme"), ("z", "", "z")]
)
def test_the_name_in_the_file_comes_first(item_id: str, written: str, name: str) -> None:
    """The file's own name for an account stands, else the vendor's, else its id."""
    found = imported([row("account", "1", item_id=item_id, item_name=written)], [])
    assert found[0].item_name == name


@pytest.mark.parametrize("kind", ["account", "service"])
@pytest.mark.parametrize("method", ["exact", "manual", "imported"])
def test_a_repeat_says_nothing_new(entry: Entry, kind: str, method: str) -> None:
    """The same mapping again, whoever made it first, adds no entry."""
    assert imported([row(kind, "1")], [entry(kind, "1", method=method)]) == []


@pytest.mark.parametrize(
    ("kind", "known", "said", "method", "is_new"),
    [
        ("account", "1", "2", "exact", True),
        ("account", "1", "2", "imported", True),
        ("account", "1", "2", "manual", False),
        ("account", "1", None, "manual", False),
        ("account", None, "1", "manual", False),
        ("service", "1", "2", "manual", True),
        ("service", "1", None, "exact", True),
        ("service", "1", None, "manual", False),
        ("service", None, "1", "manual", False),
        ("service", None, "1", "imported", True),
    ],
)
def test_a_hand_beats_the_file(
    entry: Entry, kind: str, known: str | None, said: str | None, method: str, *, is_new: bool
) -> None:
    """The file overrules names and its own earlier lines, never what somebody did by hand."""
    assert bool(imported([row(kind, said)], [entry(kind, known, method=method)])) is is_new


def test_a_link_by_hand_keeps_its_multiplier(entry: Entry) -> None:
    """The same link with another number is the hand's as well."""
    by_hand = entry("service", "1", method="manual", multiplier=Decimal(2))
    assert imported([row("service", "1")], [by_hand]) == []


@pytest.mark.parametrize(
    ("kind", "what"), [("account", "company with the id 9"), ("service", "product with the id 9")]
)
def test_an_unknown_target_is_refused(entry: Entry, kind: str, what: str) -> None:
    """A mapping to nothing is named by its line, unless it was known when it was made."""
    with pytest.raises(
        PipelineError, match=f"mappings.csv, line 2: the PSA has no live {what}"
    ) as e:
        imported([row(kind, "1", item_id="a"), row(kind, "9")], [])
    assert e.value.category is Category.INPUT
    assert imported([row(kind, "9")], [entry(kind, "9")]) == []


def test_without_the_psas_lists_the_file_waits() -> None:
    """A failed PSA pull does not make every target unknown."""
    blind = replace(SEEN, companies=[], products=[])
    assert imported([row("account", "9")], [], blind) == []


def test_the_file_taken_in_twice_is_taken_in_once(ledger: Ledger, entry: Entry) -> None:
    """The second run of one file adds nothing, after exact names and exclusions too."""
    record_mappings(ledger, [entry("service", "1", method="exact")])
    rows = [row("account", "2"), row("service", None)]
    assert record_mappings(ledger, imported(rows, mappings_in_force(ledger))) == 2
    assert imported(rows, mappings_in_force(ledger)) == []
    assert [found.state for found in mappings_in_force(ledger)] == ["mapped", "excluded"]


def test_identical_names_are_recorded_as_that_rules_word() -> None:
    """An exact match enters the ledger once, as decided by the rule, with both names."""
    account, service = from_exact_names(SEEN, [], at=NOON)
    assert (account.item_id, account.target_id, account.method) == ("x", "1", "exact")
    assert (account.decided_by, account.item_name, account.target_name) == (
        EXACT_RULE,
        "Acme",
        "Acme",
    )
    assert (service.kind, service.target_id, service.multiplier) == ("service", "1", Decimal(1))


@pytest.mark.parametrize("kind", ["account", "service"])
@pytest.mark.parametrize("target", ["2", None, "gone"])
@pytest.mark.parametrize("method", ["manual", "imported", "exact"])
def test_a_name_overrules_nothing(entry: Entry, kind: str, target: str | None, method: str) -> None:
    """Whoever decided about an item, mapped or excluded, an identical name changes nothing."""
    found = from_exact_names(SEEN, [entry(kind, target, method=method)], at=NOON)
    assert [each.kind for each in found] == [({"account", "service"} - {kind}).pop()]


def test_a_decision_in_another_system_is_another() -> None:
    """One id at two vendors is two accounts."""
    elsewhere = Named("x", "Acme", "ninja")
    seen = replace(SEEN, accounts=[*SEEN.accounts, elsewhere], services=[])
    found = from_exact_names(seen, [], at=NOON)
    assert [each.system for each in found] == ["pax8", "ninja"]
