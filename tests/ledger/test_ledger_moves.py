"""Moving to another PSA: what mappings and decisions mean before the move, and after it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Stamp, verify
from reconcile_pipeline.ledger.mappings import Mapping, mappings_in_force, record_mappings
from reconcile_pipeline.ledger.moves import (
    MovedId,
    as_said_in,
    ids_in,
    name_psa,
    psa_in_force,
    read_moves,
    record_move,
)
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import SCHEMA_VERSION, versions
from reconcile_pipeline.model import PipelineError

BEGAN = datetime(2026, 10, 1, 8, tzinfo=UTC)
MOVED = BEGAN + timedelta(days=20)
LATER = MOVED + timedelta(days=20)


def stamp(at: datetime) -> Stamp:
    return Stamp("dana", at, "tests")


def mapping(item_id: str, target_id: str | None, at: datetime, **changes: Any) -> Mapping:
    entry = Mapping(
        kind="account",
        system="pax8",
        item_id=item_id,
        item_name=f"Account {item_id}",
        target_id=target_id,
        target_name=None,
        state="mapped" if target_id else "excluded",
        method="manual",
        decided_by="dana",
        decided_at=at,
    )
    return replace(entry, **changes)


def move(ledger: Ledger, source: str, target: str, at: datetime, **ids: str) -> None:
    """Move companies by their ids; mappings are carried by the test itself."""
    record_move(
        ledger,
        source,
        target,
        moved=[MovedId("company", old[1:], old, new, new, "name") for old, new in ids.items()],
        mappings=[],
        reason="a new PSA",
        stamp=stamp(at),
    )


def targets(ledger: Ledger, until: datetime | None = None) -> dict[str, str | None]:
    return {entry.item_id: entry.target_id for entry in mappings_in_force(ledger, until=until)}


def test_the_first_psa_is_named_once(ledger: Ledger) -> None:
    """A ledger learns which PSA it speaks of at the first run, and is told only once."""
    assert psa_in_force(read_moves(ledger)) is None
    for _time in range(2):
        name_psa(ledger, "connectwise", stamp(BEGAN))
    assert [(each.from_system, each.to_system) for each in read_moves(ledger)] == [
        (None, "connectwise")
    ]


def test_another_psa_in_the_settings_is_refused(ledger: Ledger) -> None:
    """Ids of one PSA are never taken for those of another: the sentence says how to move."""
    name_psa(ledger, "connectwise", stamp(BEGAN))
    with pytest.raises(PipelineError, match=r"speak of connectwise.*set up for halopsa") as caught:
        name_psa(ledger, "halopsa", stamp(LATER))
    assert "reconcile migrate-psa --from connectwise --to halopsa" in caught.value.next_step


def test_after_a_move_only_what_was_carried_over_counts(ledger: Ledger) -> None:
    """Targets of the PSA that was left are forgotten, exclusions are kept, months before it not."""
    name_psa(ledger, "connectwise", stamp(BEGAN))
    record_mappings(ledger, [mapping("a", "250", BEGAN), mapping("b", "251", BEGAN)])
    record_mappings(ledger, [mapping("ours", None, BEGAN)])
    record_move(
        ledger,
        "connectwise",
        "halopsa",
        moved=[],
        mappings=[mapping("a", "12", MOVED)],
        reason="a new PSA",
        stamp=stamp(MOVED),
    )
    assert targets(ledger) == {"a": "12", "ours": None}
    assert targets(ledger, MOVED) == {"a": "250", "b": "251", "ours": None}
    record_mappings(ledger, [mapping("b", "13", LATER)])
    assert targets(ledger) == {"a": "12", "b": "13", "ours": None}


def test_a_move_without_any_mapping_forgets_all_the_same(ledger: Ledger) -> None:
    """The last entry of the ledger may be the move itself."""
    name_psa(ledger, "connectwise", stamp(BEGAN))
    record_mappings(ledger, [mapping("a", "250", BEGAN)])
    move(ledger, "connectwise", "halopsa", MOVED)
    assert targets(ledger) == {}


def test_each_month_has_the_psa_of_its_time(ledger: Ledger) -> None:
    """Which PSA was in force is told for every instant, before the first entry too."""
    name_psa(ledger, "connectwise", stamp(BEGAN))
    move(ledger, "connectwise", "halopsa", MOVED)
    moves = read_moves(ledger)
    found = [psa_in_force(moves, at) for at in (BEGAN, MOVED, LATER, None)]
    assert found == ["connectwise", "connectwise", "halopsa", "halopsa"]


def test_ids_are_followed_through_several_moves(ledger: Ledger) -> None:
    """Two moves in a row, and one back, lead every id to the PSA that is asked for."""
    name_psa(ledger, "connectwise", stamp(BEGAN))
    move(ledger, "connectwise", "autotask", MOVED, _250="7", _251="8")
    move(ledger, "autotask", "halopsa", LATER, _7="-12", _9="-13")
    assert ids_in(ledger, "autotask") == {
        ("company", "connectwise", "250"): "7",
        ("company", "connectwise", "251"): "8",
    }
    assert ids_in(ledger, "halopsa") == {
        ("company", "autotask", "7"): "-12",
        ("company", "autotask", "9"): "-13",
        ("company", "connectwise", "250"): "-12",
    }


def test_decisions_speak_the_language_of_the_month(
    ledger: Ledger, decided: Callable[..., Any]
) -> None:
    """A decision from before the move is about the same company and group after it."""
    name_psa(ledger, "connectwise", stamp(BEGAN))
    record_move(
        ledger,
        "connectwise",
        "halopsa",
        moved=[
            MovedId("company", "250", "Acme", "12", "Acme", "name"),
            MovedId("group", "product:410", "Seat", "product:7", "Seat", "name"),
        ],
        mappings=[],
        reason="a new PSA",
        stamp=stamp(MOVED),
    )
    old = decided(decided_at=BEGAN)
    old = replace(old, basis=replace(old.basis, company_id="250", service_group_id="product:410"))
    lost = replace(old, basis=replace(old.basis, company_id="999"))
    new = replace(old, decided_at=LATER, basis=replace(old.basis, company_id="12"))
    moves, said = read_moves(ledger), [old, lost, new]
    subjects = [
        (item.basis.company_id, item.basis.service_group_id)
        for item in as_said_in(said, "halopsa", moves, ids_in(ledger, "halopsa"))
    ]
    assert subjects == [("12", "product:7"), ("12", "product:410")]
    assert as_said_in(said, "connectwise", moves, ids_in(ledger, "connectwise")) == [old, lost]


def test_a_ledger_of_the_second_schema_learns_to_move(
    tmp_path: Path, open_ledger: Callable[[Path], Ledger]
) -> None:
    """It keeps every entry and its chain, and the new tables are append-only as well."""
    path = tmp_path / "ledger.db"
    ledger = open_ledger(path)
    record_mappings(ledger, [mapping("a", "250", BEGAN)])
    with ledger.writing() as connection:
        for name in ("psa_moves", "moved_ids", "count_rules"):
            connection.exec_driver_sql(f"drop table {name}")
        connection.execute(sa.update(versions).values(version=2))
    ledger = open_ledger(path)
    assert ledger.rows(sa.select(versions)) == [{"version": SCHEMA_VERSION}]
    assert path.with_name("ledger.db.schema-2").is_file()
    assert targets(ledger) == {"a": "250"}
    name_psa(ledger, "connectwise", stamp(LATER))
    with pytest.raises(sa.exc.IntegrityError, match="append-only"), ledger.writing() as connection:
        connection.exec_driver_sql("delete from psa_moves")
    with ledger.reading() as connection:
        assert verify(connection).trouble == ""
