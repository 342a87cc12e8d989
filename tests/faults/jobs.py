"""What people and schedules do that ends in something durable: the jobs that killing.py kills.

Each prepares what was there before, can be done again after a kill, and looks at what readers see.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

from reconcile_pipeline.alerts import append_alert
from reconcile_pipeline.backup.index import read_index
from reconcile_pipeline.backup.make import back_up
from reconcile_pipeline.digest.memory import Memory, telling_alone
from reconcile_pipeline.landing.manifest import FILE_NAME, Manifest
from reconcile_pipeline.ledger.accepted import accept_pull, accepted_pull_ids
from reconcile_pipeline.ledger.chain import Stamp, verify
from reconcile_pipeline.ledger.closings import close_period, closing_history, reopen_period
from reconcile_pipeline.ledger.count_rules import RuleEntry, record_rules
from reconcile_pipeline.ledger.moves import name_psa, read_moves, record_move
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.migrating.files import _write
from reconcile_pipeline.model import PullState
from reconcile_pipeline.pruning import prune
from reconcile_pipeline.push.keys import known_keys, make_keys, revoke_keys
from reconcile_pipeline.state import State
from reconcile_pipeline.systems.vendors.push_inbox import Inbox
from reconcile_pipeline.warehouse.publish import publish
from reconcile_pipeline.web.access.users import Account, Role, UsersFile

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = datetime(2028, 1, 1, tzinfo=UTC)
STAMP = Stamp("ann", NOON, "tests")
PERIOD = "2026-11"


class Job:
    """Something that a person or a schedule does: `act` may be done again after a kill."""

    def prepare(self, folder: Path) -> None:
        """What was there before."""

    def act(self, folder: Path) -> None:
        raise NotImplementedError

    def look(self, folder: Path) -> Any:
        """What a reader sees; raises when it is broken."""
        raise NotImplementedError


class Remember(Job):
    """A digest's memory: told once more at worst, never unreadable."""

    def prepare(self, folder: Path) -> None:
        Memory(folder / "told.json").remember("mail", ["old"], at=NOON)

    def act(self, folder: Path) -> None:
        with telling_alone(folder / "told.json") as memory:
            memory.remember("mail", ["new"], at=NOON)

    def look(self, folder: Path) -> Any:
        memory = Memory(folder / "told.json")
        return [memory.knows("mail", [key]) for key in ("old", "new")]


class AddUser(Job):
    """The users file: never without the accounts that were in it."""

    def prepare(self, folder: Path) -> None:
        with UsersFile(folder / "users.toml").changing() as accounts:
            accounts["ann"] = Account("ann", Role.ADMIN)

    def act(self, folder: Path) -> None:
        with UsersFile(folder / "users.toml").changing() as accounts:
            accounts["bob"] = Account("bob", Role.VIEWER)

    def look(self, folder: Path) -> Any:
        return sorted(UsersFile(folder / "users.toml").accounts())


class MigrationFile(Job):
    """The file of a move to another PSA."""

    def prepare(self, folder: Path) -> None:
        (folder / "move.csv").write_text("old\n", encoding="utf-8")

    def act(self, folder: Path) -> None:
        _write(folder / "move.csv", "new\n")

    def look(self, folder: Path) -> Any:
        return (folder / "move.csv").read_text(encoding="utf-8")


class Alert(Job):
    """The alerts file: whole lines only."""

    def act(self, folder: Path) -> None:
        append_alert(folder / "alerts.jsonl", {"what": "red"}, at=NOON)

    def look(self, folder: Path) -> Any:
        path = folder / "alerts.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        # The same alert twice is no harm; half of one would be.
        return sorted({json.loads(line)["what"] for line in lines})


class Publish(Job):
    """The published copy: the old one or the new one."""

    def prepare(self, folder: Path) -> None:
        with duckdb.connect(folder / "warehouse.duckdb") as connection:
            connection.execute(
                "create schema core; create schema recon;"
                "create table core.pulls (period text, role text, is_evidence boolean);"
                "insert into core.pulls values ('2026-11', 'psa', true);"
                "create table recon.conservation (period text, system text, measure text,"
                " qty_missing int, records_missing int, is_conserved boolean)"
            )
        for number in range(4):
            self._change(folder, number)
            self.act(folder)
        self._change(folder, 4)

    def _change(self, folder: Path, number: int) -> None:
        with duckdb.connect(folder / "warehouse.duckdb") as connection:
            connection.execute(f"create or replace table core.newest as select {number} as n")

    def act(self, folder: Path) -> None:
        publish(folder / "warehouse.duckdb", folder / "published.duckdb", period=PERIOD)

    def look(self, folder: Path) -> Any:
        with duckdb.connect(folder / "published.duckdb", read_only=True) as connection:
            return connection.execute("from core.newest").fetchall()[0][0]


def site_in(folder: Path) -> Any:
    """As much of an installation as backups and pruning ask for."""
    return SimpleNamespace(
        state=State(folder / "state"),
        ledger=Ledger(folder / "state" / "ledger.db"),
        settings=SimpleNamespace(systems=(), keep_unused_days=1, grace_days=3, timezone="UTC"),
    )


def land(folder: Path, pull_id: str) -> None:
    """A landed pull with two pages."""
    manifest = Manifest(
        *(pull_id, "pax8", "pax8", "vendor", PERIOD, False, "2026-11-22"),
        started_at=NOON,
        finished_at=NOON,
        state=PullState.COMPLETE,
    )
    home = folder / "state" / "landing" / manifest.relative_path
    (home / "more").mkdir(parents=True)
    (home / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    (home / "one.parquet").write_bytes(b"one")
    (home / "more" / "two.parquet").write_bytes(b"two")


def close_month(ledger: Ledger, pull_id: str) -> None:
    """Close the month on the evidence of one pull."""
    close_period(ledger, PERIOD, evidence=[pull_id], cards_digest="0", reason="", stamp=STAMP)


class BackUp(Job):
    """A backup: none without its index, and what has one is whole."""

    def prepare(self, folder: Path) -> None:
        land(folder, "pull-1")
        accept_pull(site_in(folder).ledger, "pull-1", reason="Right.", stamp=STAMP)

    def act(self, folder: Path) -> None:
        back_up(site_in(folder), folder / "kept", now=NOON)

    def look(self, folder: Path) -> Any:
        index = read_index(folder / "kept")
        if index is None:
            return None
        assert index.ledger is not None
        stored = [index.ledger, *index.landing.values()]
        assert all((folder / "kept" / one.place).stat().st_size == one.size for one in stored)
        return [index.entries, sorted(index.landing)]


class Prune(Job):
    """Throwing pages away: the manifest stays whatever happens."""

    def prepare(self, folder: Path) -> None:
        land(folder, "needed")
        land(folder, "unused")
        close_month(site_in(folder).ledger, "needed")

    def act(self, folder: Path) -> None:
        prune(site_in(folder), now=LATER)

    def look(self, folder: Path) -> Any:
        files = (path for path in (folder / "state" / "landing").rglob("*") if path.is_file())
        found = sorted(f"{path.parent.parent.name}/{path.name}" for path in files)
        assert sum(name.endswith(FILE_NAME) for name in found) == 2, found
        return len([path for path in found if "needed" in path]), len(found)


class SayInLedger(Job):
    """What people say, one commit each: in the ledger whole, or not at all; the chain holds."""

    def act(self, folder: Path) -> None:
        ledger = Ledger(folder / "ledger.db")
        name_psa(ledger, "connectwise", STAMP)
        if "pull-1" not in accepted_pull_ids(ledger):
            accept_pull(ledger, "pull-1", reason="Right.", stamp=STAMP)
        if not closing_history(ledger):
            close_month(ledger, "pull-1")
        if len(closing_history(ledger)) < 2:
            reopen_period(ledger, PERIOD, reason="A mistake.", stamp=STAMP)

    def look(self, folder: Path) -> Any:
        ledger = Ledger(folder / "ledger.db")
        with ledger.reading() as connection:
            assert verify(connection).trouble == ""
        closings = [row["action"] for row in closing_history(ledger)]
        return [len(read_moves(ledger)), sorted(accepted_pull_ids(ledger)), closings]


class MoveLedger(Job):
    """Another PSA and a rule for a service."""

    def prepare(self, folder: Path) -> None:
        name_psa(Ledger(folder / "ledger.db"), "connectwise", STAMP)

    def act(self, folder: Path) -> None:
        ledger = Ledger(folder / "ledger.db")
        if len(read_moves(ledger)) == 1:
            none: dict[str, Any] = {"moved": [], "mappings": [], "reason": "We moved."}
            record_move(ledger, "connectwise", "halopsa", **none, stamp=STAMP)
        record_rules(ledger, [RuleEntry("pax8", "s1", "", "ann", NOON)])

    def look(self, folder: Path) -> Any:
        ledger = Ledger(folder / "ledger.db")
        with ledger.reading() as connection:
            assert verify(connection).trouble == ""
        return len(read_moves(ledger))


class Keys(Job):
    """Keys of a script: a pair works or it does not, and one revoked stays so."""

    def act(self, folder: Path) -> None:
        inbox = Inbox(folder / "inbox.db")
        if not known_keys(inbox):
            make_keys(inbox, NOON)
        revoke_keys(inbox, "all", NOON)

    def look(self, folder: Path) -> Any:
        return [key.revoked_at is not None for key in known_keys(Inbox(folder / "inbox.db"))]


JOBS: dict[str, Job] = {
    "remember": Remember(),
    "add user": AddUser(),
    "migration file": MigrationFile(),
    "alert": Alert(),
    "publish": Publish(),
    "backup": BackUp(),
    "prune": Prune(),
    "say in ledger": SayInLedger(),
    "move ledger": MoveLedger(),
    "keys": Keys(),
}
