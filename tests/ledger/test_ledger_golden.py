"""What no release may change: how an entry is sealed, and which locks writers take.

A ledger outlives releases, and two of them may run side by side for an hour.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from reconcile_pipeline.ledger import store
from reconcile_pipeline.ledger.accepted import accept_pull
from reconcile_pipeline.ledger.chain import GENESIS, Stamp, verify
from reconcile_pipeline.ledger.changes import PlannedChange, read_changes
from reconcile_pipeline.ledger.decided import POLICY, Decided
from reconcile_pipeline.ledger.decisions import record_decisions
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.writeback import lock

OpenLedger = Callable[[Path | str], Ledger]


def test_an_entry_is_sealed_as_ever(ledger: Ledger, stamp: Callable[..., Stamp]) -> None:
    """The chain of an old ledger holds for every later release: the same entry, the same hash."""
    assert (GENESIS, ledger.head()) == (64 * "0", (0, ""))
    accept_pull(ledger, "pax8-1", reason="Müller & Söhne ✓", stamp=stamp())
    with ledger.reading() as connection:
        verdict = verify(connection)
    assert (verdict.entries, verdict.trouble) == (1, "")
    assert ledger.head() == (1, verdict.head)
    assert verdict.head == "ce726a4c712edf3735a57719a3026a518422377b463dac5eaee41fd954c3932d"


def test_ids_are_made_as_ever(
    ledger: Ledger, decided: Callable[..., Decided], planned: Callable[..., PlannedChange]
) -> None:
    """A decision and its change keep their names: other systems and people have noted them."""
    said = decided(changes=(planned(), planned(line_id="l2", undoes="c1")))
    assert record_decisions(ledger, [said], origin="tests").new == ("2ba1fd0962ca4c57",)
    assert [change.change_id for change in read_changes(ledger)] == [
        "751176c3d283818c",
        "9bd19c32f28b326e",
    ]


def test_releases_side_by_side_take_the_same_locks() -> None:
    """Two releases on one PostgreSQL take turns: the numbers of their locks never change."""
    assert (store.TURN, lock.WRITER) == (7052601, 7052602)


def test_a_writer_is_patient(tmp_path: Path, open_ledger: OpenLedger) -> None:
    """In a folder that nobody made yet; and whoever has to wait for a turn waits 20 seconds."""
    ledger = open_ledger(tmp_path / "of" / "ours" / "ledger.db")
    with ledger.reading() as connection:
        assert connection.exec_driver_sql("pragma busy_timeout").scalar() == 20_000


@pytest.mark.parametrize(
    ("reviewer", "is_policy"),
    [("policy:tolerance@1", True), ("policy", False), ("dana", False), ("my policy:x", False)],
)
def test_a_person_is_no_policy(
    decided: Callable[..., Decided], reviewer: str, *, is_policy: bool
) -> None:
    """Only names that begin as a policy's do are a policy's: its word gives way to a person's."""
    assert decided(reviewer=reviewer).is_by_policy is is_policy
    assert POLICY == "policy:"


def test_money_of_a_change(
    planned: Callable[..., PlannedChange], ledger: Ledger, decided: Callable[..., Decided]
) -> None:
    """What a change is worth a cycle: more units above zero, unknown without a price."""
    changes = (
        planned(qty_from=Decimal(10), qty_to=Decimal(12), unit_price=Decimal("4.20")),
        planned(line_id="l2", qty_from=Decimal(3), qty_to=Decimal(0), unit_price=Decimal(2)),
        planned(line_id="l3", unit_price=None, effective_on=date(2027, 1, 1)),
    )
    record_decisions(ledger, [decided(changes=changes)], origin="tests")
    assert [change.amount for change in read_changes(ledger)] == [Decimal("8.4"), Decimal(-6), None]
