"""One system fails: the run says so in red, everything else is published, nothing is guessed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console

from reconcile_pipeline.cli.summary import print_summary
from reconcile_pipeline.systems.registry import SYSTEMS

Tables = dict[str, list[str]]
Rows = list[dict[str, Any]]
CANARY = "canary-4b1d9e77-secret"
HOSTILE = "[/bold] =cmd|' /C calc'!A0 <script>, \"Ltd\""


def cards(msp: Any, rows_of: Callable[..., Rows]) -> dict[str, dict[str, Any]]:
    query = "select * from recon.cards"
    return {row["card_id"]: row for row in rows_of(msp.state.published, query)}


def fed_by(msp: Any, rows_of: Callable[..., Rows], system: str) -> set[str]:
    """Service groups to which a service of the system belongs."""
    query = "select service_group_id, system, member_kind from map.service_groups"
    rows = rows_of(msp.state.published, query)
    members = [row for row in rows if row["member_kind"] == "service"]
    return {row["service_group_id"] for row in members if row["system"] == system}


def new_folder_of(good_run: Any, folder: Path) -> Any:
    """An installation that never ran, served by the same servers."""
    msp = type(good_run.msp)(good_run.msp.simulation, folder / "reconcile.toml")
    msp.simulation.write_config(msp.config)
    msp.quiet()
    return msp


def assert_no_secret(msp: Any, ended: Any) -> None:
    """No key and no token, right or refused, lies in the state folder, run history included."""
    secrets = [CANARY]
    for name, server in msp.simulation.systems.items():
        fields = [item.name for item in SYSTEMS[name].fields if item.kind == "secret"]
        secrets += [server.credentials[field] for field in fields] + list(server.state.tokens)
    assert len(secrets) > 7
    assert not [secret for secret in secrets if secret in ended.told]
    files = [path for path in msp.state.folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], path


def test_systems_fail_after_a_good_run(
    installed: Any,
    reconcile: Any,
    same_numbers: Callable[[Path], Tables],
    rows_of: Callable[..., Rows],
) -> None:
    """A vendor that is down and a PSA that refuses are both named; their older pulls stay."""
    before = same_numbers(installed.state.published)
    version = installed.state.published.resolve()
    installed.server("ninjaone").faults.add("", kind="status", value=503, times=None)
    psa = installed.server("connectwise").faults
    psa.add("/agreements$", kind="status", value=403, times=None)
    ended = reconcile("run", "--config", installed.config)
    assert ended.code == 1
    assert "Traceback" not in ended.told
    assert "Failed: connectwise: ConnectWise refuses the API member" in ended.told
    assert "Next: Let its security role allow: Finance > Agreements" in ended.told
    assert "ninjaone: ninjaone: POST /ws/oauth/token answered 503" in ended.told
    assert "Next: Pull again later" in ended.told
    assert ended.told.count("stays in use") == 2
    assert installed.state.published.resolve() != version
    assert same_numbers(installed.state.published) == before
    query = "select distinct system from core.pulls where state = 'failed' and not is_evidence"
    failed = {row["system"] for row in rows_of(installed.state.published, query)}
    assert failed == {"connectwise", "ninjaone"}


@pytest.mark.fault(36)
def test_evidence_gets_old(
    installed: Any, reconcile: Any, rows_of: Callable[..., Rows], period: str
) -> None:
    """Failing for longer than allowed, a vendor's cards turn stale, and no others change."""
    before = cards(installed, rows_of)
    installed.edit_config("stale_after_hours = 24", "stale_after_hours = 1")
    installed.server("pax8").faults.add("", kind="status", value=503, times=None)
    later = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    pull = ("pull", "--system", "pax8", "--period", period)
    ended = reconcile(*pull, "--config", installed.config, now=later)
    assert ended.code == 1, ended.told
    assert reconcile("rebuild", "--config", installed.config).code == 0
    mine = fed_by(installed, rows_of, "pax8")
    after = cards(installed, rows_of)
    assert after.keys() == before.keys()
    stale = {key for key, card in after.items() if card["finding"] == "stale_evidence"}
    assert len(stale) > 10
    for key, card in after.items():
        was = before[key]
        if key in stale:
            assert card["service_group_id"] in mine
            assert card["qty_vendor"] == was["qty_vendor"] is not None
        else:
            assert card["finding"] == was["finding"]
            assert card["service_group_id"] not in mine or was["qty_vendor"] is None


@pytest.mark.slow
def test_vendor_never_pulled(
    good_run: Any, own_folder: Path, reconcile: Any, rows_of: Callable[..., Rows]
) -> None:
    """With a wrong key from the start, a vendor's counts are unknown and never zero."""
    msp = new_folder_of(good_run, own_folder)
    msp.edit_secret("NINJAONE_CLIENT_SECRET", CANARY)
    ended = reconcile("run", "--config", msp.config)
    assert ended.code == 1
    assert "Failed: ninjaone: " in ended.told
    assert "gave no token: answered 401" in ended.told
    assert "Next: Check that base_url is the region you log in to" in ended.told
    assert CANARY not in ended.told
    mine = fed_by(good_run.msp, rows_of, "ninjaone")
    good = cards(good_run.msp, rows_of)
    unknown = 0
    found = cards(msp, rows_of)
    groups = {(card["company_id"], card["service_name"]): card for card in good.values()}
    for card in found.values():
        was = groups.get((card["company_id"], card["service_name"]))
        assert was is not None, card
        if was["service_group_id"] in mine:
            assert card["qty_vendor"] is None, card
            assert card["finding"] in {"incomplete_evidence", "not_connected"}, card
            unknown += 1
        else:
            assert (card["finding"], card["qty_vendor"]) == (was["finding"], was["qty_vendor"])
    assert unknown > 10
    assert_no_secret(msp, ended)
    with_line = {key for key, card in good.items() if card["qty_psa"] is not None}
    assert len(found) >= len(with_line)


@pytest.mark.slow
def test_vendor_never_pulled_beside_another(
    good_run: Any, own_folder: Path, reconcile: Any, rows_of: Callable[..., Rows]
) -> None:
    """With one of a group's two vendors never pulled, its count is unknown and not partial."""
    msp = new_folder_of(good_run, own_folder)
    truth = msp.simulation.truth()
    fed = [card for card in truth["cards"] if card["service_ids"]]
    servers = next(card for card in fed if ["ninjaone", "total_servers"] in card["service_ids"])
    [_system, seat] = next(
        service
        for card in fed
        for service in card["service_ids"]
        if service[0] == "pax8" and "|" in service[1] and card["finding"] == "match"
    )
    product = servers["product_ids"][0]
    with (msp.folder / "mappings.csv").open("a", encoding="utf-8") as file:
        file.write(f"service,pax8,{seat},seat,{product},usage,1,mapped,\n")
    msp.edit_secret("NINJAONE_CLIENT_SECRET", CANARY)
    assert reconcile("run", "--config", msp.config).code == 1
    group = fed_by(msp, rows_of, "ninjaone")
    mixed = [card for card in cards(msp, rows_of).values() if card["service_group_id"] in group]
    assert len(mixed) > 5
    assert {card["finding"] for card in mixed} == {"incomplete_evidence"}


@pytest.mark.slow
def test_psa_never_pulled(good_run: Any, own_folder: Path, reconcile: Any) -> None:
    """Without any complete pull of the PSA nothing is published, and the reason is told."""
    msp = new_folder_of(good_run, own_folder)
    msp.edit_secret("CONNECTWISE_PRIVATE_KEY", CANARY)
    ended = reconcile("run", "--config", msp.config)
    assert ended.code == 1
    assert "refuses the keys of connectwise" in ended.told
    assert "Next: Make a new pair under System > Members > API Members" in ended.told
    assert "nothing new is published" in ended.told
    assert CANARY not in ended.told
    assert not msp.state.published.exists()


@pytest.mark.fault(45)
def test_hostile_names(
    installed: Any, reconcile: Any, rows_of: Callable[..., Rows], own_folder: Path, period: str
) -> None:
    """A name made of markup, a formula and a script is printed, published and exported inert."""
    top = rows_of(
        installed.state.published, "select * from recon.discrepancies order by rank limit 1"
    )[0]
    world = installed.simulation.world
    [company] = [each for each in world.companies if str(each.id) == top["company_id"]]
    right, company.name = company.name, HOSTILE
    config = ("--config", installed.config)
    try:
        assert reconcile("pull", "--system", "connectwise", *config).code == 0
    finally:
        company.name = right
    assert reconcile("rebuild", *config).code == 0
    screen = StringIO()
    with duckdb.connect(str(installed.state.published.resolve()), read_only=True) as connection:
        print_summary(Console(file=screen, width=200), connection, period)
    assert HOSTILE[:20] in screen.getvalue()
    checked = reconcile("check", *config)
    assert checked.code == 0, checked.told
    query = "select company_name, card_id from recon.discrepancies order by rank limit 1"
    assert rows_of(installed.state.published, query) == [
        {"company_name": HOSTILE, "card_id": top["card_id"]}
    ]
    file = own_folder / "cards.csv"
    assert reconcile("export", file, *config).code == 0
    text = file.read_text(encoding="utf-8-sig")
    assert HOSTILE.split(",", maxsplit=1)[0] in text
