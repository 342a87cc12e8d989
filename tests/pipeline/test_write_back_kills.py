"""Killed at any moment, or started twice at once: each line changes once, and nothing is lost."""

import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from reconcile_pipeline.applying import plan_of
from reconcile_pipeline.assembly import build_definitions
from reconcile_pipeline.building import Site, door_of, refresh_review, site_of
from reconcile_pipeline.ledger.chain import head_hash, verify
from reconcile_pipeline.ledger.changes import read_changes
from reconcile_pipeline.ledger.closings import closing_history
from reconcile_pipeline.ledger.decisions import standing_decisions
from reconcile_pipeline.model import Decision
from reconcile_pipeline.reconciling.cards import Wanted
from reconcile_pipeline.review.decide import decide
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.warehouse.connect import open_for_reading

Row = dict[str, Any]
RowsOf = Callable[..., list[Row]]
KILLED = -signal.SIGKILL
PROGRAM = Path(sys.executable).parent / "reconcile"
# Strikes the last of three changes: for whoever comes now there is none that is ready.
LAST = {"path_regex": r"/additions/\d+$", "kind": "hook", "method": "PATCH", "after_n_calls": 2}
STARTER = "import subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)"
CARDS = """
select cards.card_id, cards.card_version, cards.qty_psa, lines.record_id as line_id
from recon.cards inner join recon.card_lines as lines
    on cards.card_id = lines.card_id and lines.side = 'psa'
where cards.finding = 'match' and cards.qty_psa between 3 and 60
    and lines.qty_included = 0 and not lines.is_auto_counted
    and lines.unit_price between 1 and 400
qualify count(*) over (partition by cards.card_id) = 1
order by cards.card_id
limit 3
"""
STATES = "select state, count(*) as lines from review.write_backs group by state"
COMMIT = "reconcile_pipeline.ledger.store:commit"
SEND = "reconcile_pipeline.http.writer:WritingClient.send"
PUBLISH = "reconcile_pipeline.warehouse.publish"
CLOSING = "reconcile_pipeline.closing"
# The lease, then for each of three changes: intent, sent, verified.
COMMITS = 1 + 3 * 3

MOMENTS = {
    "first intent": f"{COMMIT}:2:after",
    "second answer": f"{SEND}:2:after",
}
MORE_MOMENTS = {
    "first commit": f"{COMMIT}:1:before",
    "middle": f"{COMMIT}:{COMMITS // 2}:before",
    "last commit": f"{COMMIT}:{COMMITS}:after",
    "version without a link": f"{PUBLISH}:_point:1:before",
    "second commit": f"{COMMIT}:2:before",
    "first call": f"{SEND}:1:before",
    "first answer": f"{SEND}:1:after",
    "last call": f"{SEND}:3:before",
    "last answer": f"{SEND}:3:after",
    "review tables not begun": "reconcile_pipeline.operations:_refresh:1:before",
    "review tables half filled": "reconcile_pipeline.review.tables:replace_rows:3:after",
    "draft of the published copy": f"{PUBLISH}:shutil.copyfile:1:after",
    "published, not finished": f"{PUBLISH}:_forget_old_versions:1:before",
}
WHILE_CLOSING = {
    "not recorded": f"{CLOSING}:close_period:1:before",
    "recorded, no report": f"{CLOSING}:close_period:1:after",
    "report written, not published": f"{CLOSING}:write_report:1:after",
    "version without a link": f"{PUBLISH}:_point:1:before",
}


@pytest.fixture(scope="module")
def decided(
    good_run: Any, workshop: Path, rows_of: RowsOf, period: str
) -> tuple[Any, list[Row], list[str]]:
    """An installation with three changes that wait to be written; copy it before using it."""
    msp = good_run.copy_to(workshop / "decided")
    tenant = f"northgate at {msp.server('connectwise').base_url.split('/')[2]}"
    with msp.config.open("a", encoding="utf-8") as file:
        file.write(f'\n[write_back]\nenabled = true\ntenant = "{tenant}"\n')
    cards = rows_of(msp.state.published, CARDS)
    wanted = [
        Wanted(
            card_id=card["card_id"],
            card_version=card["card_version"],
            decision=Decision.RECONCILE,
            qty_target=card["qty_psa"] + 1,
            reviewer="Ann",
            note=None,
        )
        for card in cards
    ]
    site = site_of(load_settings(msp.config))
    with open_for_reading(msp.state.published) as connection:
        door = door_of(site, period)
        taken = decide(connection, door, wanted, now=datetime.now(UTC), origin="tests")
    refresh_review(site, period)
    assert len(taken.new) == 3
    return msp, cards, sorted(taken.new)


@pytest.fixture
def copies(decided: tuple[Any, list[Row], list[str]], own_folder: Path) -> Iterator[Any]:
    """() -> a fresh copy of it, over a PSA that shows what it showed in the beginning."""
    msp, _cards, _ids = decided
    invoiced = [(line, line.quantity) for line in msp.simulation.world.lines]
    numbers = iter(range(1000))

    def restore() -> None:
        for line, quantity in invoiced:
            line.quantity = quantity
        msp.server("connectwise").app.writes.clear()
        msp.quiet()
        msp.server("connectwise").state.changed()

    def copy() -> Any:
        restore()
        folder = own_folder / f"copy-{next(numbers)}"
        shutil.copytree(msp.folder, folder, symlinks=True)
        return type(msp)(msp.simulation, folder / msp.config.name)

    yield copy
    restore()


def site(msp: Any) -> Site:
    return site_of(load_settings(msp.config))


def chain_trouble(msp: Any) -> str:
    with site(msp).ledger.reading() as connection:
        return verify(connection).trouble


def write_back(msp: Any, reconcile: Any, period: str, crash: str = "") -> Any:
    """The command, with the number of changes that are ready now."""
    plan = plan_of(site(msp), period, now=lambda: datetime.now(UTC))
    order = ("write-back", "--yes", str(len(plan.ready)), "--config", msp.config)
    return reconcile(*order, crash=crash)


def assert_all_is_written(
    msp: Any, decided: tuple[Any, list[Row], list[str]], rows_of: RowsOf
) -> None:
    """Each decided line shows its quantity, changed once; the trail and the tables tell so."""
    _msp, cards, ids = decided
    lines = {str(line.id): line for line in msp.simulation.world.lines}
    log = msp.server("connectwise").app.writes
    changed = Counter(write.line_id for write in log if write.qty_before != write.qty_after)
    assert changed == Counter(card["line_id"] for card in cards)
    assert {write.line_id: write.qty_after for write in log} == {
        card["line_id"]: card["qty_psa"] + 1 for card in cards
    }
    for card in cards:
        assert lines[card["line_id"]].quantity == card["qty_psa"] + Decimal(1)
    assert sorted(item.decision_id for item in standing_decisions(site(msp).ledger)) == ids
    assert {str(change.state) for change in read_changes(site(msp).ledger)} == {"verified"}
    assert chain_trouble(msp) == ""
    assert rows_of(msp.state.published, STATES) == [{"state": "verified", "lines": 3}]


@pytest.mark.parametrize(
    "moment", [*MOMENTS, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE_MOMENTS)]
)
@pytest.mark.fault(57, 89)
def test_killed_write_back(
    copies: Callable[[], Any],
    decided: Any,
    reconcile: Any,
    *,
    rows_of: RowsOf,
    period: str,
    moment: str,
) -> None:
    """Killed at this moment, the next write-back leaves every line changed exactly once."""
    msp = copies()
    crash = {**MOMENTS, **MORE_MOMENTS}[moment]
    ended = write_back(msp, reconcile, period, crash)
    assert ended.code == KILLED, ended.told
    assert chain_trouble(msp) == ""
    again = write_back(msp, reconcile, period)
    assert again.code == 0, again.told
    assert_all_is_written(msp, decided, rows_of)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.fault(57)
def test_killed_at_every_commit(
    copies: Callable[[], Any],
    decided: Any,
    reconcile: Any,
    *,
    rows_of: RowsOf,
    period: str,
    when: str,
) -> None:
    """Killed around its first, second, … commit until none is left, it always ends right."""
    for number in range(1, COMMITS + 2):
        msp = copies()
        ended = write_back(msp, reconcile, period, f"{COMMIT}:{number}:{when}")
        assert ended.code == (KILLED if number <= COMMITS else 0), (number, ended.told)
        again = write_back(msp, reconcile, period)
        assert again.code == 0, (number, again.told)
        assert_all_is_written(msp, decided, rows_of)


@pytest.mark.slow
@pytest.mark.fault(57)
def test_killed_again_and_again(
    copies: Callable[[], Any], decided: Any, reconcile: Any, *, rows_of: RowsOf, period: str
) -> None:
    """Killed at each commit in turn, every time in what the last one left, it ends right."""
    msp = copies()
    for number in range(1, 4 * COMMITS):
        ended = write_back(msp, reconcile, period, f"{COMMIT}:{number % 4 + 1}:after")
        if ended.code == 0:
            break
        assert ended.code == KILLED, ended.told
    assert write_back(msp, reconcile, period).code == 0
    assert_all_is_written(msp, decided, rows_of)


@pytest.mark.parametrize(
    "moment",
    [
        "recorded, no report",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in WHILE_CLOSING
            if name != "recorded, no report"
        ),
    ],
)
@pytest.mark.fault(57)
def test_killed_while_closing(
    installed: Any, reconcile: Any, rows_of: RowsOf, period: str, moment: str
) -> None:
    """Killed at this moment, closing once more closes the month once, with its report."""
    order = ("close", "--by", "Ann", "--config", installed.config)
    assert reconcile(*order, crash=WHILE_CLOSING[moment]).code == KILLED
    assert chain_trouble(installed) == ""
    ended = reconcile(*order)
    assert ended.code == 0, ended.told
    history = closing_history(site(installed).ledger)
    assert [(row["period"], row["action"]) for row in history] == [(period, "close")]
    published = rows_of(installed.state.published, "select period, action from review.closings")
    assert published == [{"period": period, "action": "close"}]
    report = (installed.state.folder / "reports" / f"{period}.md").read_text(encoding="utf-8")
    with site(installed).ledger.reading() as connection:
        assert f"Head of the ledger: `{head_hash(connection)}`" in report


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.fault(57, 78)
def test_killed_while_deciding(installed: Any, reconcile: Any, rows_of: RowsOf, when: str) -> None:
    """A decision is in the ledger, whole, as soon as it is committed, and never before."""
    card = rows_of(installed.state.published, CARDS)[0]
    order = (
        *("decide", card["card_id"], "reconcile", "--to", str(card["qty_psa"] + 1)),
        *("--version", card["card_version"], "--by", "Ann", "--config", installed.config),
    )
    assert reconcile(*order, crash=f"{COMMIT}:1:{when}").code == KILLED
    ledger = site(installed).ledger
    found = (len(standing_decisions(ledger)), len(read_changes(ledger)))
    assert found == ((0, 0) if when == "before" else (1, 1))
    ended = reconcile(*order)
    assert ended.code == 0, ended.told
    assert re.search("Recorded: " if when == "before" else "Recorded before: ", ended.told)
    assert len(read_changes(ledger)) == 1
    assert chain_trouble(installed) == ""
    assert rows_of(installed.state.published, STATES) == [{"state": "queued", "lines": 1}]


@pytest.mark.parametrize(
    ("method", "most_written"), [("GET", 0), pytest.param("PATCH", 3, marks=pytest.mark.slow)]
)
@pytest.mark.fault(58)
def test_a_write_back_that_is_asked_to_end(
    copies: Callable[[], Any],
    decided: Any,
    reconcile: Any,
    *,
    rows_of: RowsOf,
    period: str,
    method: str,
    most_written: int,
) -> None:
    """It begins no other change, reads back those under way, and the next one does the rest."""
    msp = copies()

    def end(_state: Any) -> None:
        os.kill(reconcile.running[-1].pid, signal.SIGTERM)

    faults = msp.server("connectwise").faults
    faults.add(r"/additions/\d+$", kind="hook", method=method, value=end)
    ended = write_back(msp, reconcile, period)
    assert ended.code == 1, ended.told
    assert "Stopped: The write-back was cancelled before it was through." in ended.told
    assert "Next: Start it again: it goes on where it stopped." in ended.told
    states = Counter(str(change.state) for change in read_changes(site(msp).ledger))
    written = len(msp.server("connectwise").app.writes)
    assert written <= most_written
    assert states == Counter(verified=written, queued=3 - written)
    faults.clear()
    again = write_back(msp, reconcile, period)
    assert again.code == 0, again.told
    assert_all_is_written(msp, decided, rows_of)


def rival(msp: Any, reconcile: Any) -> Any:
    """Somebody else's write-back, who takes what they are told and wants to go on."""
    return reconcile("write-back", "--yes", "0", "--config", msp.config)


def assert_refused(ended: Any, process: int) -> None:
    assert ended.code == 2, ended.told
    assert f"Another write-back is running (process {process} on" in ended.told
    assert "Next: Wait until it has ended" in ended.told


@pytest.mark.fault(90)
def test_two_people_at_once(
    copies: Callable[[], Any], decided: Any, reconcile: Any, *, rows_of: RowsOf, period: str
) -> None:
    """While one write-back runs a second is refused, naming its process; each line changes once."""
    msp, refused = copies(), []
    faults = msp.server("connectwise").faults
    faults.add(value=lambda _state: refused.append(rival(msp, reconcile)), **LAST)
    ended = write_back(msp, reconcile, period)
    assert ended.code == 0, ended.told
    [other] = refused
    assert_refused(other, reconcile.running[0].pid)
    assert len(msp.server("connectwise").app.writes) == 3
    assert_all_is_written(msp, decided, rows_of)


@pytest.mark.slow
def test_the_schedule_and_a_person_at_once(
    copies: Callable[[], Any], decided: Any, reconcile: Any, *, rows_of: RowsOf, period: str
) -> None:
    """A person who starts while the scheduled run writes is refused; each line changes once."""
    msp, refused = copies(), []
    definitions = build_definitions(load_settings(msp.config))
    known = definitions.get_repository_def()
    schedule = known.get_schedule_def("write_back_job_last_evening")
    faults = msp.server("connectwise").faults
    faults.add(value=lambda _state: refused.append(rival(msp, reconcile)), **LAST)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance, repository_def=known, scheduled_execution_time=datetime.now(UTC)
        )
        [request] = schedule.evaluate_tick(context).run_requests
        assert (request.partition_key, request.run_config) == (period, {})
        result = definitions.resolve_job_def(schedule.job_name).execute_in_process(
            instance=instance, partition_key=request.partition_key, tags=request.tags
        )
    assert result.success
    [other] = refused
    assert_refused(other, os.getpid())
    assert len(msp.server("connectwise").app.writes) == 3
    assert_all_is_written(msp, decided, rows_of)


@pytest.mark.slow
@pytest.mark.fault(59)
def test_an_orphan_keeps_the_lock(
    copies: Callable[[], Any], decided: Any, reconcile: Any, *, rows_of: RowsOf
) -> None:
    """Whoever started it is killed, the writer lives on: others are refused until it has ended."""
    msp, refused, orphans = copies(), [], []

    def kill_the_starter(_state: Any) -> None:
        lock = msp.state.ledger.with_name("ledger.db.writer").read_text(encoding="utf-8")
        orphans.append(int(lock.split()[1]))
        handles.append(os.pidfd_open(orphans[0]))
        process.kill()
        process.wait(60)
        refused.append(rival(msp, reconcile))

    handles: list[int] = []
    msp.server("connectwise").faults.add(value=kill_the_starter, **LAST)
    order = [PROGRAM, "write-back", "--yes", "3", "--config", msp.config]
    with subprocess.Popen([sys.executable, "-c", STARTER, *order]) as process:  # noqa: S603 - ours
        assert process.wait(120) == KILLED
    poll = select.poll()
    poll.register(handles[0], select.POLLIN)
    assert poll.poll(120_000), "the orphan did not end"
    os.close(handles[0])
    assert orphans[0] != process.pid
    [other] = refused
    assert_refused(other, orphans[0])
    assert_all_is_written(msp, decided, rows_of)
    again = rival(msp, reconcile)
    assert again.code == 0, again.told
    assert len(msp.server("connectwise").app.writes) == 3
