"""A closed month: what must be settled first, what is frozen, and what can't change it any more."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.building import (
    Site,
    core_step,
    evidence_of,
    intake_step,
    map_step,
    review_step,
    site_of,
)
from reconcile_pipeline.closing import (
    Closed,
    cards_digest,
    check_frozen,
    close_month,
    evidence_ids,
)
from reconcile_pipeline.landing.manifest import FILE_NAME, Manifest, StreamResult
from reconcile_pipeline.landing.pages import PageWriter, sha256_of
from reconcile_pipeline.ledger.chain import Stamp, verify
from reconcile_pipeline.ledger.closings import closing_of, reopen_period
from reconcile_pipeline.ledger.mappings import Mapping, record_mappings
from reconcile_pipeline.model import Category, ChangeState, PipelineError, PullState
from reconcile_pipeline.rebuilding import rebuild_warehouse
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.warehouse.build import build_recon
from reconcile_pipeline.warehouse.connect import open_for_writing

PERIOD = "2026-11"
NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
EVENING = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
TOML = """\
[billing]
timezone = "UTC"
currency = "USD"
first_period = "2026-01"
[systems.connectwise]
base_url = "https://psa.example.com"
company_id = "acme"
public_key = { env = "CW_PUBLIC" }
private_key = { env = "CW_PRIVATE" }
client_id = { env = "CW_CLIENT" }
[systems.backup]
kind = "csv"
path = "backup.csv"
"""
ADDITION = {
    "id": 10,
    "product": {"id": 5},
    "quantity": 2,
    "unitPrice": 10,
    "billCustomer": "Billable",
    "description": "Seat",
}
AGREEMENT = {
    "id": 7,
    "name": "Care",
    "company": {"id": 1},
    "type": {"id": 3},
    "currency": {"name": "US Dollar"},
}
PSA: dict[str, tuple[Any, str | None]] = {
    "companies": ([{"id": 1, "name": "Acme", "types": [{"name": "Client"}]}], None),
    "company_statuses": ([{"id": 1, "inactiveFlag": False}], None),
    "catalogue": ([{"id": 5, "identifier": "seat", "description": "seat"}], None),
    "agreement_types": ([{"id": 3, "name": "Managed"}], None),
    "billing_cycles": ([{"id": 2, "billingOptions": "Monthly"}], None),
    "agreements": ([AGREEMENT], None),
    "agreement_scope": ([{"agreement_id": "7", "excluded_reason": None}], None),
    "additions": ([ADDITION], "7"),
}


MONEY = (
    "1 lines changed: 30.00 USD per billing cycle is invoiced now that was not, 0.00 USD no"
    " longer invoiced in excess."
)
REBUILT = ("recon.cards", "recon.card_lines", "recon.history", "review.card_status")


def rows_of(used: int) -> dict[str, tuple[Any, str | None]]:
    row = {"row_no": "2", "account_id": "a1", "account_name": "Acme", "quantity": str(used)}
    return {"rows": ([row | {"service_key": "k", "service_name": "seat"}], None)}


def land(
    landing: Path,
    system: str,
    pages: dict[str, tuple[Any, str | None]],
    at: datetime,
    state: PullState = PullState.COMPLETE,
) -> str:
    """One pull of a system, as it lies on disk; returns its id."""
    is_psa = system == "connectwise"
    manifest = Manifest(
        pull_id=f"{system}-{at:%d%H}",
        system=system,
        kind="connectwise" if is_psa else "csv",
        role="psa" if is_psa else "vendor",
        period=PERIOD,
        is_grace=False,
        on=f"{at:%Y-%m-%d}",
        started_at=at,
        finished_at=at,
        state=state,
    )
    folder = landing / manifest.relative_path
    folder.mkdir(parents=True)
    streams = []
    for name, (body, parent) in pages.items():
        path = folder / f"{name}.parquet"
        with PageWriter(path, system=system, stream=name) as writer:
            writer.add(json.dumps(body), fetched_at=at, status=200, parent_id=parent)
        streams.append(StreamResult(name, path.name, sha256_of(path), 1, 1, 1, None, None))
    manifest = replace(manifest, streams=tuple(streams))
    (folder / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return manifest.pull_id


def run(connection: duckdb.DuckDBPyConnection, site: Site, now: datetime) -> None:
    """What the nightly run does between the pulls and the decisions."""
    core_step(connection, site, PERIOD, now=now)
    intake_step(connection, site, PERIOD, now=now)
    map_step(connection, site, PERIOD)
    build_recon(connection, period=PERIOD)
    review_step(connection, site, PERIOD)


@contextmanager
def opened(folder: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Site]]:
    site = site_of(load_settings(folder / "reconcile.toml", environ={}))
    with open_for_writing(site.state.warehouse) as connection:
        yield connection, site
    site.ledger.engine.dispose()


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation after its first night: 2 invoiced, 5 used."""
    folder = tmp_path_factory.mktemp("pulled")
    (folder / "reconcile.toml").write_text(TOML, encoding="utf-8")
    landing = folder / ".reconcile" / "landing"
    land(landing, "connectwise", PSA, NIGHT)
    land(landing, "backup", rows_of(5), NIGHT)
    with opened(folder) as (connection, site):
        run(connection, site, NIGHT + timedelta(hours=1))
    return folder


@pytest.fixture
def folder(pulled: Path, fast_folder: Path) -> Path:
    return Path(shutil.copytree(pulled, fast_folder / "installation"))


@pytest.fixture
def office(folder: Path, sit_down: Callable[..., Any]) -> Iterator[Any]:
    """The installation, with its warehouse open: (connection, site, desk)."""
    with opened(folder) as (connection, site):
        desk = sit_down(connection, site.ledger)
        yield connection, site, desk


def close(connection: duckdb.DuckDBPyConnection, site: Site, reason: str = "All sent.") -> Closed:
    stamp = Stamp("eve", EVENING, "tests")
    return close_month(connection, site, PERIOD, reason=reason, stamp=stamp)


def decided(desk: Any) -> Any:
    """The change that follows from reconciling the only card."""
    (card,) = desk.cards().values()
    desk.decide(desk.wanted(card))
    (change,) = desk.changes()
    return change


def test_the_story_begins_with_one_card(office: Any) -> None:
    """These tests stand on a card with a line and a count; else they would prove nothing."""
    connection, _site, _desk = office
    query = "select company_name, finding, qty_psa, qty_vendor, amount_delta from recon.cards"
    assert connection.execute(query).fetchall() == [("Acme", "under_billed", 2, 5, 30)]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ChangeState.UNKNOWN, "not settled"),
        (ChangeState.SENT, "not settled"),
        (ChangeState.VERIFIED, "written, and no later pull has shown it"),
        (ChangeState.DONE_BY_HAND, "done by hand, and no later pull has shown it"),
        (ChangeState.DISPROVED, "written, but a later pull shows another quantity"),
    ],
)
def test_a_month_is_not_closed_over_what_is_not_proved(
    office: Any, state: ChangeState, words: str
) -> None:
    """Each change that is not settled or not shown by a pull is named, and nothing is closed."""
    connection, site, desk = office
    change = decided(desk)
    desk.write(change, state)
    with pytest.raises(PipelineError) as caught:
        close(connection, site)
    assert caught.value.category is Category.CONFLICT
    assert "2026-11 can't be closed: 1 changes are not proved yet" in caught.value.message
    assert f"- Acme, seat, line 10: {words} ({change.change_id})" in caught.value.message
    assert "reconcile run" in caught.value.next_step
    assert closing_of(site.ledger, PERIOD) is None
    assert not (site.state.folder / "reports").exists()


@pytest.mark.parametrize("state", [ChangeState.PROVED, ChangeState.REJECTED, ChangeState.DROPPED])
def test_a_month_is_closed_over_what_is_settled(office: Any, state: ChangeState) -> None:
    """What a pull has shown, or what was refused or given up, is no obstacle."""
    connection, site, desk = office
    desk.write(decided(desk), state)
    close(connection, site)
    assert closing_of(site.ledger, PERIOD) is not None


def test_a_month_without_cards_is_not_closed(office: Any) -> None:
    """There is nothing to freeze in a month nobody pulled in."""
    connection, site, _desk = office
    with pytest.raises(PipelineError, match="2026-10 has no cards") as caught:
        close_month(connection, site, "2026-10", reason="", stamp=Stamp("eve", EVENING, "tests"))
    assert caught.value.category is Category.INPUT
    assert closing_of(site.ledger, "2026-10") is None


def test_closing_freezes_evidence_and_cards(office: Any) -> None:
    """The ledger keeps which pulls the cards rest on, a hash over the cards, who, when and why."""
    connection, site, _desk = office
    closing = close(connection, site).closing
    assert closing == closing_of(site.ledger, PERIOD)
    assert closing.evidence == ("backup-2202", "connectwise-2202")
    assert list(closing.evidence) == evidence_ids(connection, PERIOD)
    assert closing.cards_digest == cards_digest(connection, PERIOD)
    assert (closing.closed_by, closing.closed_at, closing.reason) == ("eve", EVENING, "All sent.")


def test_closing_twice_is_closing_once(office: Any) -> None:
    """The second closing changes nothing and tells how it was closed."""
    connection, site, _desk = office
    first = close(connection, site)
    again = close(connection, site, reason="Again.")
    assert again.closing == first.closing
    assert again.head == first.head


def test_the_digest_notices_every_column(office: Any) -> None:
    """A quantity, a text or a date of a card that is another makes another hash."""
    connection, _site, _desk = office
    first = cards_digest(connection, PERIOD)
    for change in (
        "qty_vendor = qty_vendor + 0.0001",
        "reason = reason || ' '",
        "evidence_as_of = evidence_as_of + interval 1 second",
        "unit_price = null",
    ):
        connection.begin()
        connection.execute(f"update recon.cards set {change}")  # noqa: S608 - ours, just above
        assert cards_digest(connection, PERIOD) != first, change
        connection.rollback()
    assert cards_digest(connection, PERIOD) == first


def test_a_changed_card_of_a_closed_month_is_noticed(office: Any) -> None:
    """Other cards than those it was closed with are refused, with where to look."""
    connection, site, _desk = office
    check_frozen(connection, site, PERIOD)
    close(connection, site)
    check_frozen(connection, site, PERIOD)
    connection.execute("update recon.cards set qty_vendor = 6")
    with pytest.raises(PipelineError, match="2026-11 was closed with other cards") as caught:
        check_frozen(connection, site, PERIOD)
    assert "landing folder from its backup" in caught.value.next_step
    reopen_period(site.ledger, PERIOD, reason="late", stamp=Stamp("bo", EVENING, "tests"))
    check_frozen(connection, site, PERIOD)


@pytest.mark.fault(55)
def test_later_pulls_change_nothing_in_a_closed_month(office: Any) -> None:
    """A closed month keeps its evidence; reopened, the newest pull counts again."""
    connection, site, _desk = office
    close(connection, site)
    land(site.state.landing, "backup", rows_of(9), EVENING + timedelta(hours=1))
    land(site.state.landing, "backup", {}, EVENING + timedelta(hours=2), PullState.FAILED)

    def believed() -> dict[str, str]:
        found = evidence_of(site, PERIOD, now=EVENING + timedelta(hours=3))
        return {item.system: item.pull.pull_id for item in found if item.pull is not None}

    assert believed() == {"backup": "backup-2202", "connectwise": "connectwise-2202"}
    reopen_period(site.ledger, PERIOD, reason="late", stamp=Stamp("bo", EVENING, "tests"))
    assert believed() == {"backup": "backup-3021", "connectwise": "connectwise-2202"}


def test_later_mappings_change_nothing_in_a_closed_month(office: Any) -> None:
    """The mappings are those of the closing, whatever is mapped in the grace days after it."""
    connection, site, _desk = office
    close(connection, site)

    def state_of_account() -> str:
        map_step(connection, site, PERIOD)
        (row,) = connection.execute("select state from map.accounts").fetchall()
        return str(row[0])

    entry = Mapping(
        kind="account",
        system="backup",
        item_id="a1",
        item_name="Acme",
        target_id=None,
        target_name=None,
        state="excluded",
        method="manual",
        decided_by="dana",
        decided_at=EVENING + timedelta(hours=1),
        reason="left",
    )
    assert state_of_account() == "mapped"
    record_mappings(site.ledger, [entry])
    assert state_of_account() == "mapped"
    reopen_period(site.ledger, PERIOD, reason="late", stamp=Stamp("bo", EVENING, "tests"))
    assert state_of_account() == "excluded"


def test_a_rebuild_of_a_closed_month_is_the_closed_month(folder: Path) -> None:
    """Later pulls and mappings or not: the rebuilt cards are those that were frozen."""
    with opened(folder) as (connection, site):
        closed = close(connection, site)
        review_step(connection, site, PERIOD)
        before = [connection.execute(f"from {name} order by all").fetchall() for name in REBUILT]
    land(folder / ".reconcile" / "landing", "backup", rows_of(9), EVENING + timedelta(hours=1))
    settings = load_settings(folder / "reconcile.toml", environ={})
    told: list[str] = []
    periods = rebuild_warehouse(settings, now=EVENING + timedelta(days=40), tell=told.append)
    assert periods == [PERIOD]
    with opened(folder) as (connection, site):
        assert cards_digest(connection, PERIOD) == closed.closing.cards_digest
        after = [connection.execute(f"from {name} order by all").fetchall() for name in REBUILT]
    assert after == before


def test_the_report_can_be_trusted_and_understood(office: Any) -> None:
    """Findings, decisions, money and proof stand in it; its last hash finds a cut ledger."""
    connection, site, desk = office
    change = decided(desk)
    desk.write(change)
    desk.tell(change, ChangeState.PROVED, pull_id="psa-9")
    review_step(connection, site, PERIOD)
    closed = close(connection, site)
    assert closed.report == site.state.folder / "reports" / "2026-11.md"
    text = closed.report.read_text(encoding="utf-8")
    for line in (
        "# 2026-11, closed",
        "Closed by eve on 2026-11-30 20:00 UTC. All sent.",
        "| under_billed | 1 |",
        "| decisions: reconcile | 1 |",
        "| line changes: proved | 1 |",
        MONEY,
        "- Evidence: backup-2202, connectwise-2202",
        f"- Hash of the cards: `{closed.closing.cards_digest}`",
        f"- Head of the ledger: `{closed.head}`",
    ):
        assert line in text.splitlines()
    with site.ledger.reading() as ledger:
        verdict = verify(ledger, expected_head=closed.head)
        assert (verdict.trouble, verdict.head) == ("", closed.head)
        assert verify(ledger, expected_head="f" * 64).trouble
    assert closed.head != closed.closing.head_hash


@pytest.mark.fault(44)
def test_the_report_counts_money_of_each_currency_by_itself(office: Any) -> None:
    """Amounts in two currencies are two sentences, never one sum."""
    connection, site, desk = office
    desk.write(decided(desk), ChangeState.PROVED)
    review_step(connection, site, PERIOD)
    connection.execute(
        "insert into review.write_backs"
        " select * replace ('other' as change_id, 'EUR' as currency, -7 as amount)"
        " from review.write_backs"
    )
    text = close(connection, site).report.read_text(encoding="utf-8")
    money = [line for line in text.splitlines() if "lines changed" in line]
    assert [line.split(" per ")[0] for line in money] == [
        "1 lines changed: 0.00 EUR",
        "1 lines changed: 30.00 USD",
    ]
    assert "7.00 EUR no longer invoiced in excess." in money[0]
