"""Count rules in the ledger: the newest counts, earlier ones stay, older ledgers get them."""

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from reconcile_pipeline.ledger.chain import verify
from reconcile_pipeline.ledger.count_rules import RuleEntry, record_rules, rules_in_force
from reconcile_pipeline.ledger.intake import rules_from_file
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.matching.mapping_file import MappingRow

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def entry(rule: str, hours: int = 0, service: str = "s") -> RuleEntry:
    return RuleEntry("pax8", service, rule, "dana", NOON + timedelta(hours=hours))


def test_the_newest_rule_counts_and_an_empty_one_takes_it_back(tmp_path: Path) -> None:
    """At any instant, also one in the past: a closed month keeps the rules it was closed with."""
    ledger = Ledger(tmp_path / "ledger.db")
    record_rules(ledger, [entry("free=5"), entry("free=6", 2), entry("minimum=1", 1, "t")])
    record_rules(ledger, [entry("", 4)])
    now = {place[1]: found.rule for place, found in rules_in_force(ledger).items()}
    assert now == {"t": "minimum=1"}
    before = rules_in_force(ledger, until=NOON + timedelta(hours=3))
    assert before["pax8", "s"] == entry("free=6", 2)
    assert rules_in_force(ledger, until=NOON) == {}
    with ledger.reading() as connection:
        assert verify(connection).trouble == ""


def row(rule: str | None, service: str = "s", target: str = "1") -> MappingRow:
    return MappingRow(
        line=2,
        kind="service",
        system="pax8",
        item_id=service,
        item_name="",
        target_id=target,
        leg="usage",
        multiplier=Decimal(1),
        state="mapped",
        reason=None,
        rule=rule,
    )


def test_the_file_adds_only_what_is_new() -> None:
    """A rule that is in force already, or a file without rules, adds nothing."""
    known = {("pax8", "s"): entry("free=5")}
    for rule, added in (("free=5", []), (None, []), ("free=6", ["free=6"]), ("", [""])):
        found = rules_from_file([row(rule), row(rule, target="2")], known, name="m.csv", at=NOON)
        assert [item.rule for item in found] == added
    assert rules_from_file([row("", "t")], known, name="m.csv", at=NOON) == []


def test_a_ledger_of_schema_three_gets_them(tmp_path: Path) -> None:
    """It keeps its entries and its chain, and a copy of what it was lies beside it."""
    path = tmp_path / "ledger.db"
    Ledger(path).engine.dispose()
    with sqlite3.connect(path) as old:
        old.execute("drop table count_rules")
        old.execute("update schema_version set version = 3")
    old.close()
    ledger = Ledger(path)
    record_rules(ledger, [entry("free=5")])
    assert rules_in_force(ledger)["pax8", "s"].rule == "free=5"
    assert path.with_name("ledger.db.schema-3").exists()
    ledger.engine.dispose()
