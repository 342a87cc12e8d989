"""Upgrading: a ledger of the first release becomes one of today, or stays exactly as it was."""

import contextlib
import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from reconcile_pipeline.ledger.accepted import accepted_pull_ids
from reconcile_pipeline.ledger.chain import Stamp, append, links, verify
from reconcile_pipeline.ledger.changes import read_changes
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.decisions import (
    confirm_decision,
    confirmed_kinds,
    read_decisions,
    record_decisions,
    standing_decisions,
    withdraw_decision,
)
from reconcile_pipeline.ledger.mappings import Mapping, mappings_in_force
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import SCHEMA_VERSION
from reconcile_pipeline.model import Decision, PipelineError

OpenLedger = Callable[[Path], Ledger]
ReadFile = Callable[[Path, str], list[tuple[Any, ...]]]
FIRST_SCHEMA = """
create table schema_version (version integer not null);
create table mappings (
    entry_id integer not null,
    kind text not null, system text not null, item_id text not null, item_name text not null,
    target_id text, target_name text,
    leg text not null, multiplier text not null, state text not null, method text not null,
    decided_by text not null, decided_at text not null,
    reason text,
    primary key (entry_id)
);
create table decisions (
    decision_id text not null,
    period text not null, card_id text not null, card_version text not null,
    decision text not null, qty_target text, reviewer text not null, note text,
    decided_at text not null,
    primary key (decision_id),
    constraint first_decision_wins unique (card_id, card_version)
);
create table accepted_pulls (
    pull_id text not null,
    reason text not null, accepted_by text not null, accepted_at text not null,
    primary key (pull_id)
);
insert into schema_version values (1);
"""
"""As the first release made it, but for the layout."""
AT = "2026-10-{:02}T08:30:00.250000+00:00"
MAPPINGS = [
    ("account", "pax8", "x", "Müller", "1", "Müller KG", "mapped", "exact", AT.format(1), None),
    ("account", "pax8", "x", "Müller", "2", "Müller AG", "mapped", "manual", AT.format(3), "neu"),
    ("service", "pax8", "s", "Seat", None, None, "excluded", "imported", AT.format(2), "ours"),
]
DECISIONS = [
    ("c2", "v1", "reconcile", "12.50", "dana", "für „alle“", AT.format(9)),
    ("c1", "v1", "approve", None, "eve", None, AT.format(5)),
    ("c1", "v2", "no_change", None, "dana", None, AT.format(7)),
]
TABLES = ("schema_version", "mappings", "decisions", "accepted_pulls")


def old_id(card_id: str, version: str) -> str:
    return hashlib.sha256(f"{card_id}|{version}".encode()).hexdigest()[:16]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger of the first release, with something of everything in it."""
    path = tmp_path / "ledger.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("pragma journal_mode=WAL")
        connection.executescript(FIRST_SCHEMA)
        for *place, target, name, state, method, at, reason in MAPPINGS:
            row = (*place, target, name, "usage", "1.5", state, method, "rule", at, reason)
            marks = ", ".join("?" * len(row))
            connection.execute(f"insert into mappings values (null, {marks})", row)  # noqa: S608
        for card_id, version, *said in DECISIONS:
            row = (old_id(card_id, version), "2026-10", card_id, version, *said)
            connection.execute("insert into decisions values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        accepted = ("acme-1", "They left.", "eve", AT.format(8))
        connection.execute("insert into accepted_pulls values (?, ?, ?, ?)", accepted)
    return path


@pytest.fixture
def content(read_file: ReadFile) -> Callable[[Path], dict[str, list[tuple[Any, ...]]]]:
    return lambda path: {name: read_file(path, f"select * from {name}") for name in TABLES}  # noqa: S608


Content = Callable[[Path], dict[str, list[tuple[Any, ...]]]]


def copy_of(path: Path) -> Path:
    return path.with_name("ledger.db.schema-1")


@pytest.mark.fault(67)
def test_everything_is_readable_after_the_upgrade(old: Path, open_ledger: OpenLedger) -> None:
    """Mappings, decisions and accepted pulls say what they said, each with its old instant."""
    ledger = open_ledger(old)
    account, service = mappings_in_force(ledger)
    assert account == Mapping(
        kind="account",
        system="pax8",
        item_id="x",
        item_name="Müller",
        target_id="2",
        target_name="Müller AG",
        state="mapped",
        method="manual",
        decided_by="rule",
        decided_at=datetime.fromisoformat(AT.format(3)),
        reason="neu",
        multiplier=Decimal("1.5"),
    )
    assert (service.state, service.reason) == ("excluded", "ours")
    second_of_october = datetime(2026, 10, 2, tzinfo=UTC)
    (before,) = mappings_in_force(ledger, until=second_of_october)
    assert before.target_id == "1"
    found = read_decisions(ledger)
    said = [(each.card_id, each.card_version, each.decision, each.reviewer) for each in found]
    assert said == [
        ("c1", "v1", Decision.APPROVE, "eve"),
        ("c1", "v2", Decision.NO_CHANGE, "dana"),
        ("c2", "v1", Decision.RECONCILE, "dana"),
    ]
    last = found[-1]
    assert (last.qty_target, last.note, last.period) == (Decimal("12.5"), "für „alle“", "2026-10")
    assert last.decided_at == datetime(2026, 10, 9, 8, 30, 0, 250000, tzinfo=UTC)
    assert (last.turn, last.client_key) == (1, f"schema-1:{old_id('c2', 'v1')}")
    assert (last.basis.company_id, last.basis.qty_psa, last.effective_on) == ("", None, None)
    assert standing_decisions(ledger) == found
    assert read_changes(ledger) == []
    assert accepted_pull_ids(ledger) == {"acme-1"}


def test_the_upgrade_seals_what_it_moved(
    old: Path, open_ledger: OpenLedger, read_file: ReadFile
) -> None:
    """The chain holds over all of it, says it was moved, and keeps who said it and when."""
    ledger = open_ledger(old)
    assert read_file(old, "select version from schema_version") == [(SCHEMA_VERSION,)]
    with ledger.reading() as connection:
        assert verify(connection).trouble == ""
        found = list(links(connection))
    assert {link["recorded_from"] for link in found} == {"moved from schema 1"}
    made = [(link["kind"], link["recorded_by"], link["recorded_at"]) for link in found]
    assert made == [
        ("mappings", "rule", AT.format(1)),
        ("mappings", "rule", AT.format(3)),
        ("mappings", "rule", AT.format(2)),
        ("decisions", "eve", AT.format(5)),
        ("decisions", "dana", AT.format(7)),
        ("decisions", "dana", AT.format(9)),
        ("accepted_pulls", "eve", AT.format(8)),
    ]


@pytest.mark.fault(67)
def test_old_decisions_are_decisions_like_any_other(
    old: Path,
    open_ledger: OpenLedger,
    decided: Callable[..., Decided],
    stamp: Callable[..., Stamp],
) -> None:
    """They can be repeated, contradicted in vain, confirmed, undone and decided again."""
    ledger = open_ledger(old)
    first = read_decisions(ledger)[-1]
    again = decided(period="2026-10", card_id="c2", qty_target=Decimal("12.5"), note="für „alle“")
    answer = record_decisions(ledger, [again], origin="tests")
    assert answer.repeated == (first.decision_id,)
    rival = decided(card_id="c2", effective_on=date(2026, 11, 1))
    with pytest.raises(PipelineError, match="by dana on 2026-10-09 08:30 UTC"):
        record_decisions(ledger, [rival], origin="tests")
    confirm_decision(ledger, first.decision_id, "second_person", stamp("eve"))
    assert set(confirmed_kinds(ledger)) == {first.decision_id}
    withdraw_decision(ledger, first.decision_id, reason="r", stamp=stamp())
    assert [each.card_id for each in standing_decisions(ledger)] == ["c1", "c1"]
    assert len(record_decisions(ledger, [rival], origin="tests").new) == 1


def test_a_copy_of_the_old_ledger_stays_beside_it(
    old: Path, open_ledger: OpenLedger, content: Content
) -> None:
    """The way back is a file of the old schema with all of the old content, never touched again."""
    before = content(old)
    open_ledger(old)
    assert content(copy_of(old)) == before
    made = copy_of(old).read_bytes()
    open_ledger(old)
    assert copy_of(old).read_bytes() == made
    assert sorted(path.name for path in old.parent.glob("ledger.db.*")) == [copy_of(old).name]


def test_a_new_ledger_has_no_copy(tmp_path: Path, open_ledger: OpenLedger) -> None:
    """Only what is upgraded is copied."""
    open_ledger(tmp_path / "new" / "ledger.db")
    assert [path.name for path in (tmp_path / "new").glob("*")] == ["ledger.db"]


@pytest.mark.parametrize("step", range(1, 8))
@pytest.mark.fault(67)
def test_a_failure_in_the_middle_leaves_the_old_ledger(
    old: Path,
    open_ledger: OpenLedger,
    content: Content,
    monkeypatch: pytest.MonkeyPatch,
    *,
    step: int,
) -> None:
    """Whichever entry the upgrade fails at, nothing is lost and the next opening upgrades it."""
    before, count = content(old), 0

    def fail(*arguments: Any) -> int:
        nonlocal count
        count += 1
        if count == step:
            raise ZeroDivisionError
        return append(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("reconcile_pipeline.ledger.migrations.append", fail)
        with pytest.raises(ZeroDivisionError):
            open_ledger(old)
    assert content(old) == before
    assert len(read_decisions(open_ledger(old))) == 3
    assert content(copy_of(old)) == before


@pytest.mark.fault(57)
def test_a_kill_in_the_middle_leaves_one_or_the_other(
    old: Path, open_ledger: OpenLedger, content: Content
) -> None:
    """Killed around its commit the ledger is the old one or the new one; then it is the new one."""
    before = content(old)
    places = {when: old.parent / when / "ledger.db" for when in ("before", "after")}
    for path in places.values():
        path.parent.mkdir()
        shutil.copy(old, path)
    script = Path(__file__).with_name("killing.py")
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(script)],
        input=json.dumps([("make", str(path), when) for when, path in places.items()]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert json.loads(done.stdout) == [-signal.SIGKILL] * 2, done.stderr
    assert content(places["before"]) == before
    for path in places.values():
        ledger = open_ledger(path)
        assert len(read_decisions(ledger)) == 3
        assert len(mappings_in_force(ledger)) == 2
        with ledger.reading() as connection:
            assert verify(connection).trouble == ""
        assert content(copy_of(path)) == before


def test_several_at_once_upgrade_it_once(old: Path, open_ledger: OpenLedger) -> None:
    """Whoever comes while another upgrades waits, and finds it done."""
    count = 4
    barrier = Barrier(count)

    def begin(_number: int) -> int:
        barrier.wait(10)
        return len(read_decisions(open_ledger(old)))

    with ThreadPoolExecutor(count) as pool:
        assert list(pool.map(begin, range(count))) == [3] * count
    with open_ledger(old).reading() as connection:
        verdict = verify(connection)
    assert (verdict.entries, verdict.trouble) == (7, "")
