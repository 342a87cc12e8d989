"""The same work twice at once, by real processes: one does it, the others are told why not."""

import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.landing.manifest import periods_landed, read_manifests
from reconcile_pipeline.model import PullState

SameNumbers = Callable[[Path], dict[str, list[str]]]
MODULE = ("-m", "reconcile_pipeline.definitions")
MONTHS = 12


def materialize(
    reconcile: Any, msp: Any, period: str, home: Path | None = None
) -> Callable[[], Any]:
    """Start Dagster's own command for the raw asset of Pax8."""
    folder = str(home or msp.state.dagster)
    environment = {"RECONCILE_CONFIG": str(msp.config), "DAGSTER_HOME": folder}
    order = ("asset", "materialize", "--select", "key:raw/pax8", "--partition", period, *MODULE)
    wait: Callable[[], Any] = reconcile.start(*order, program="dagster", environment=environment)
    return wait


@pytest.mark.slow
@pytest.mark.fault(37)
def test_two_pulls_that_start_together(installed: Any, reconcile: Any, period: str) -> None:
    """Whoever comes first pulls, the other is told; no pull is mixed with another's."""
    before = len(read_manifests(installed.state.landing, period))
    waits = [reconcile.start("pull", "--config", installed.config) for _number in range(2)]
    ended = [wait() for wait in waits]
    codes = sorted(each.code for each in ended)
    assert codes in ([0, 0], [0, 2]), [each.told for each in ended]
    for each in ended:
        assert each.code == 0 or "Another pull is writing to" in each.told
    pulls = read_manifests(installed.state.landing, period)[before:]
    each_once = {each.system for each in pulls}
    assert Counter(each.system for each in pulls) == dict.fromkeys(each_once, codes.count(0))
    assert {each.state for each in pulls} == {PullState.COMPLETE}
    assert not list(installed.state.landing.glob("*/*/.*")), "half a pull was left"


@pytest.mark.slow
@pytest.mark.fault(68)
def test_one_asset_materialized_twice_at_once(installed: Any, reconcile: Any, period: str) -> None:
    """Dagster starts an asset that is being pulled: refused in words, the first goes on."""
    before = len(read_manifests(installed.state.landing, period))
    refused: list[Any] = []

    def second(_state: Any) -> None:
        refused.append(materialize(reconcile, installed, period)())

    installed.server("pax8").faults.add("/companies$", kind="hook", value=second)
    first = materialize(reconcile, installed, period)()
    assert first.code == 0, first.told[-2000:]
    [other] = refused
    assert other.code == 1
    assert "Another pull is writing to" in other.told
    assert "Next: Wait until it has finished" in other.told
    pulls = read_manifests(installed.state.landing, period)[before:]
    assert [(each.system, each.state) for each in pulls] == [("pax8", PullState.COMPLETE)]


@pytest.mark.slow
@pytest.mark.fault(68)
def test_twelve_months_at_once(installed: Any, reconcile: Any, today: date, period: str) -> None:
    """A backfill of months that are over: each run is refused in words, and nobody is called."""
    server = installed.server("pax8")
    calls = len(server.log)
    months = [f"{today.year - 2}-{number:02}" for number in range(1, MONTHS + 1)]
    installed.edit_config(f'first_period = "{today.year}-01"', f'first_period = "{months[0]}"')
    waits = []
    for month in months:
        # Dagster's own queue takes one run at a time; its files take no twelve writers at once.
        home = installed.folder / f"dagster-{month}"
        home.mkdir()
        shutil.copy(installed.state.dagster / "dagster.yaml", home)
        waits.append(materialize(reconcile, installed, month, home))
    for month, wait in zip(months, waits, strict=True):
        ended = wait()
        assert ended.code == 1, (month, ended.told[-2000:])
        assert f"The period {month} is closed for pulls" in ended.told, ended.told[-2000:]
    assert len(server.log) == calls
    assert periods_landed(installed.state.landing) == [period]
