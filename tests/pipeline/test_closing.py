"""A whole month through every door: decided, looked at, written, proved, closed, and kept so."""

import csv
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

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
RowsOf = Callable[..., list[Row]]
MATCHING = """
select cards.card_id, cards.card_version, cards.qty_psa, lines.record_id as line_id
from recon.cards inner join recon.card_lines as lines
    on cards.card_id = lines.card_id and lines.side = 'psa'
where cards.finding = 'match' and cards.qty_psa between 3 and 60
    and lines.qty_included = 0 and not lines.is_auto_counted
    and lines.unit_price between 1 and 400
    and not exists (
        select 1 from recon.card_lines as other
        where other.card_id = cards.card_id and other.commitment_ends_on is not null
    )
qualify count(*) over (partition by cards.card_id) = 1
order by cards.card_id
"""
# Small enough that nobody has to confirm it.
OPEN = """
select cards.card_id, cards.qty_vendor, lines.record_id as line_id
from recon.discrepancies as cards inner join recon.card_lines as lines
    on cards.card_id = lines.card_id and lines.side = 'psa'
where cards.finding = 'under_billed' and cards.qty_delta <= 10 and cards.amount_delta <= 500
    and not lines.is_auto_counted
qualify count(*) over (partition by cards.card_id) = 1
order by cards.card_id
limit 1
"""
MONEY = """
select sum(amount_recovered) as recovered, sum(amount_relieved) as relieved
from recon.history where period = $period
"""


@dataclass
class Month:
    """One month on its way: the installation, what was chosen, and how each command ended."""

    msp: Any
    reconcile: Any
    period: str
    cards: list[Row]
    ended: dict[str, Any] = field(default_factory=dict)
    methods: dict[str, set[str]] = field(default_factory=dict)
    """What the PSA was asked by each command."""

    def do(self, name: str, *arguments: str | Path) -> Any:
        log = self.msp.server("connectwise").log
        log.clear()
        self.ended[name] = self.reconcile(*arguments, "--config", self.msp.config)
        self.methods[name] = {call.method for call in log}
        return self.ended[name]

    def decide(self, card: Row, more: int) -> str:
        """Decide past the command line; returns the decision's id."""
        site = site_of(load_settings(self.msp.config))
        wanted = Wanted(
            card_id=card["card_id"],
            card_version=card["card_version"],
            decision=Decision.RECONCILE,
            qty_target=card["qty_psa"] + more,
            reviewer="Ann",
            note=None,
        )
        with open_for_reading(self.msp.state.published) as connection:
            door = door_of(site, self.period)
            taken = decide(connection, door, [wanted], now=datetime.now(UTC), origin="tests")
        refresh_review(site, self.period)
        return taken.new[0]

    def states(self) -> list[str]:
        ledger = site_of(load_settings(self.msp.config)).ledger
        return [str(change.state) for change in read_changes(ledger)]


def fill(file: Path, card_id: str) -> None:
    """Decide one row of an export as a person would."""
    with file.open(encoding="utf-8-sig", newline="") as source:
        rows = list(csv.DictReader(source))
    [row] = [row for row in rows if row["card_id"] == card_id]
    row["decision"] = "reconcile"
    with file.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.DictWriter(target, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def walk(month: Month, file: Path, open_card: str) -> None:
    """Decide, look, write, undo one, prove, close; two changes are never sent."""
    up, down, undone, left = month.cards[:4]
    target = str(up["qty_psa"] + 1)
    order = ("reconcile", "--to", target, "--version", up["card_version"], "--by", "Ann")
    month.do("decide", "decide", up["card_id"], *order)
    month.decide(down, -1)
    taken_back = month.decide(undone, 1)
    month.do("export", "export", file)
    fill(file, open_card)
    month.do("review", "review", file, "--reviewer", "Ann Lee")
    month.do("changes", "changes")
    month.do("dry run", "dry-run")
    month.do("write-back", "write-back", "--yes", "4")
    month.do("second write-back", "write-back", "--yes", "0")
    month.do("undo", "undo", taken_back, "--reason", "wrong customer")
    month.do("reverse", "write-back", "--yes", "1")
    month.do("too early", "close")
    month.do("proof", "run")
    month.decide(left, 1)
    month.do("close", "close", "--by", "Ann", "--reason", "All agreed.")


@pytest.fixture(scope="module")
def month(
    good_run: Any, shared_reconcile: Any, *, workshop: Path, rows_of: RowsOf, period: str
) -> Iterator[Month]:
    """A month that was taken from its cards to its closing; look, or copy it first."""
    msp = good_run.copy_to(workshop / "closed")
    msp.quiet()
    psa = msp.server("connectwise")
    psa.app.writes.clear()
    invoiced = [(line, line.quantity) for line in msp.simulation.world.lines]
    with msp.config.open("a", encoding="utf-8") as file:
        tenant = f"northgate at {psa.base_url.split('/')[2]}"
        file.write(f'\n[write_back]\nenabled = true\ntenant = "{tenant}"\n')
    month = Month(msp, shared_reconcile, period, rows_of(msp.state.published, MATCHING))
    [card] = rows_of(msp.state.published, OPEN)
    walk(month, workshop / "closing.csv", card["card_id"])
    yield month
    for line, quantity in invoiced:
        line.quantity = quantity
    psa.app.writes.clear()
    psa.state.changed()


def test_every_step_ends_well(month: Month) -> None:
    """Each command of the month ends green, but for the closing that comes too early."""
    codes = {name: ended.code for name, ended in month.ended.items()}
    assert codes == {name: 2 if name == "too early" else 0 for name in codes}, month.ended
    assert month.ended["changes"].told.count("queued") == 4
    assert "4 of 4 lines show what was decided on." in month.ended["dry run"].told
    assert "4 line changes: verified" in month.ended["write-back"].told
    assert "Nothing waits to be written." in month.ended["second write-back"].told


def test_only_a_write_back_changes_the_psa(month: Month) -> None:
    """Of all commands only the two write-backs with something to write send a changing call."""
    changing = {name for name, methods in month.methods.items() if methods - {"GET"}}
    assert changing == {"write-back", "reverse"}
    assert month.methods["dry run"] == {"GET"}
    assert month.methods["second write-back"] == set()


def test_each_line_changes_once(month: Month, rows_of: RowsOf) -> None:
    """The PSA's own trail shows each agreed change once, and the undone one taken back."""
    up, down, undone, _left = month.cards[:4]
    log = month.msp.server("connectwise").app.writes
    found = defaultdict(list)
    for write in log:
        found[write.line_id].append(write.qty_after - write.qty_before)
    assert len(log) == 5
    assert found[up["line_id"]] == [1]
    assert found[down["line_id"]] == [-1]
    assert found[undone["line_id"]] == [1, -1]


def test_a_month_is_closed_only_when_all_is_proved(month: Month) -> None:
    """Before a later pull has shown the changes, closing names them and closes nothing."""
    told = month.ended["too early"].told
    assert f"{month.period} can't be closed: 4 changes are not proved yet" in told
    assert "written, and no later pull has shown it" in told
    assert "Next: Run `reconcile write-back` for what is not settled, then `reconcile run`" in told
    states = month.states()
    # The change that was undone needs no proof beside its undoing.
    assert sorted(states) == ["proved"] * 4 + ["queued", "verified"]


def test_money_recovered_is_what_the_psa_was_changed_by(month: Month, rows_of: RowsOf) -> None:
    """The money in history and report is the PSA's own trail times its prices, exactly."""
    prices = {str(line.id): line.unit_price for line in month.msp.simulation.world.lines}
    moved: dict[str, Decimal] = defaultdict(Decimal)
    for write in month.msp.server("connectwise").app.writes:
        moved[write.line_id] += (write.qty_after - write.qty_before) * prices[write.line_id]
    recovered = sum((value for value in moved.values() if value > 0), Decimal(0))
    relieved = -sum((value for value in moved.values() if value < 0), Decimal(0))
    assert recovered > 0 < relieved
    [money] = rows_of(month.msp.state.published, MONEY, period=month.period)
    assert money == {"recovered": recovered, "relieved": relieved}
    report = (month.msp.state.folder / "reports" / f"{month.period}.md").read_text("utf-8")
    assert f"{recovered:,.2f} USD per billing cycle is invoiced now that was not" in report
    assert f"{relieved:,.2f} USD no longer invoiced in excess" in report


def test_the_report_seals_the_ledger(month: Month) -> None:
    """The report's head hash is the ledger's; `audit verify --head` finds it again later on."""
    report = (month.msp.state.folder / "reports" / f"{month.period}.md").read_text("utf-8")
    [head] = re.findall(r"Head of the ledger: `(\w{64})`", report)
    assert f"Head of the ledger: {head}" in month.ended["close"].told
    assert "Closed by Ann on" in report
    assert "All agreed." in report
    for arguments in ((), ("--head", head)):
        ended = month.reconcile("audit", "verify", *arguments, "--config", month.msp.config)
        assert ended.code == 0, ended.told
        assert "every link holds" in ended.told


REFUSED = {
    "a decision": ("decide", "CARD", "dismiss", "--note", "x", "--version", "VERSION"),
    "a file of decisions": ("review", "FILE", "--reviewer", "Bob"),
    "a confirmation": ("confirm", "DECISION", "--large"),
    "an undoing": ("undo", "DECISION"),
    "a write-back": ("write-back", "--yes", "1"),
    "a pull": ("pull", "--system", "connectwise"),
    "a run": ("run",),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_closed_month_takes_nothing(
    month: Month, workshop: Path, rows_of: RowsOf, name: str
) -> None:
    """Whatever would change a closed month is refused, saying who closed it and how to reopen."""
    card = month.cards[4]
    ledger = site_of(load_settings(month.msp.config)).ledger
    [queued] = [change for change in read_changes(ledger) if change.state == "queued"]
    again = workshop / "again.csv"
    assert month.reconcile("export", again, "--config", month.msp.config).code == 0
    with again.open(encoding="utf-8-sig", newline="") as source:
        first = next(csv.DictReader(source))
    fill(again, first["card_id"])
    known = {
        "CARD": card["card_id"],
        "VERSION": card["card_version"],
        "FILE": str(again),
        "DECISION": queued.decision_id,
    }
    log = month.msp.server("connectwise").log
    log.clear()
    before = read_changes(ledger)
    order = [known.get(argument, argument) for argument in REFUSED[name]]
    ended = month.reconcile(*order, "--config", month.msp.config)
    assert ended.code != 0, ended.told
    assert f"The period {month.period} was closed by Ann on" in ended.told
    assert f"reconcile reopen --period {month.period}" in ended.told
    assert "Traceback" not in ended.told
    assert log == []
    assert read_changes(ledger) == before


def test_a_closed_month_is_rebuilt_the_same(
    month: Month, own_folder: Path, tables_of: Callable[..., Tables]
) -> None:
    """Made anew from landing and ledger, every row of every table comes out as it was."""
    msp = type(month.msp)(month.msp.simulation, own_folder / "copy" / month.msp.config.name)
    shutil.copytree(month.msp.folder, msp.folder, symlinks=True)
    before = tables_of(msp.state.warehouse)
    assert len(before["recon.history"]) > 100
    assert len(before["review.write_backs"]) == 6
    msp.state.warehouse.unlink()
    ended = month.reconcile("rebuild", "--config", msp.config)
    assert ended.code == 0, ended.told
    assert tables_of(msp.state.warehouse) == before
    assert tables_of(msp.state.published) == tables_of(month.msp.state.published)


def test_a_closed_month_is_opened_again(month: Month, own_folder: Path) -> None:
    """Reopened with a reason, which is recorded, the month takes decisions and changes again."""
    msp = type(month.msp)(month.msp.simulation, own_folder / "copy" / month.msp.config.name)
    shutil.copytree(month.msp.folder, msp.folder, symlinks=True)
    config = ("--config", msp.config)
    reopen = ("reopen", "--period", month.period, "--by", "Bob", *config)
    without = month.reconcile(*reopen, "--reason", " ")
    assert without.code == 2, without.told
    assert f"Reopening {month.period} needs a reason." in without.told
    opened = month.reconcile(*reopen, "--reason", "A customer called.")
    assert opened.code == 0, opened.told
    card = month.cards[4]
    order = ("decide", card["card_id"], "dismiss", "--note", "x", "--version")
    decided = month.reconcile(*order, card["card_version"], *config)
    assert decided.code == 0, decided.told
    trail = month.reconcile("audit", "log", "--last", "2", *config)
    assert re.search(r"closings\s+Bob", trail.told), trail.told
    assert month.reconcile("audit", "verify", *config).code == 0


def closed_months(folder: Path, rows_of: RowsOf) -> list[Row]:
    return rows_of(folder / "published.duckdb", "select period, action from review.closings")


@pytest.mark.slow  # .ci/run and the README take the same way every time
def test_the_demo_takes_a_month_to_its_end(
    reconcile: Any, own_folder: Path, rows_of: RowsOf, period: str
) -> None:
    """`reconcile demo` needs no account, ends with the money it recovered and a closed month."""
    folder = own_folder / "demo"
    ended = reconcile("demo", "--folder", folder, cwd=str(own_folder))
    assert ended.code == 0, ended.told
    assert re.search(r"Recovered .*\d.* per billing cycle", ended.told), ended.told
    assert f"{period} is closed. Report: " in ended.told
    assert closed_months(folder, rows_of) == [{"period": period, "action": "close"}]
    [money] = rows_of(folder / "published.duckdb", MONEY, period=period)
    assert money["recovered"] > 0


@pytest.mark.slow
def test_the_demo_starts_again_in_the_same_folder(
    reconcile: Any, own_folder: Path, rows_of: RowsOf, period: str
) -> None:
    """A demo over an earlier one's folder begins anew and comes to the same end."""
    folder = own_folder / "demo"
    first, second = (
        reconcile("demo", "--folder", folder, cwd=str(own_folder)) for _number in range(2)
    )
    assert (first.code, second.code) == (0, 0), second.told
    money = [re.findall(r"Recovered .*? per billing cycle", each.told) for each in (first, second)]
    assert money[0] == money[1]
    assert len(money[0]) == 1
    assert closed_months(folder, rows_of) == [{"period": period, "action": "close"}]
