"""`reconcile prune`: only pages go that no closed month rests on, and months stay as they are."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.building import Site, site_of
from reconcile_pipeline.closing import close_month
from reconcile_pipeline.landing.manifest import Manifest, periods_landed, read_manifests
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.count_rules import RuleEntry, record_rules
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.pruning import prune, unused_pulls
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.warehouse.connect import open_for_reading

Tables = dict[str, list[str]]
YEAR = timedelta(days=365)


@pytest.fixture
def twice(installed: Any, reconcile: Any) -> Any:
    """Two runs in one month: the first one's pulls are evidence of nothing any more."""
    ended = reconcile("run", "--config", installed.config)
    assert ended.code == 0, ended.told
    return installed


def with_policy(msp: Any, days: int) -> Site:
    text = msp.config.read_text(encoding="utf-8")
    text = text.replace("[state]\n", f"[state]\nkeep_unused_days = {days}\n")
    if "keep_unused_days" not in text:
        text += f"\n[state]\nkeep_unused_days = {days}\n"
    msp.config.write_text(text, encoding="utf-8")
    return site_of(load_settings(msp.config))


def pulls(site: Site) -> list[Manifest]:
    landing = site.state.landing
    return [item for month in periods_landed(landing) for item in read_manifests(landing, month)]


def close(site: Site) -> str:
    period = periods_landed(site.state.landing)[-1]
    stamp = Stamp("ann", datetime.now(UTC), "test")
    with open_for_reading(site.state.published) as connection:
        close_month(connection, site, period, reason="Done.", stamp=stamp)
    return period


def test_nothing_goes_without_a_policy(installed: Any) -> None:
    """Every page is kept until somebody writes how long."""
    with pytest.raises(PipelineError, match="no policy says otherwise"):
        unused_pulls(site_of(load_settings(installed.config)), now=datetime.now(UTC) + YEAR)


@pytest.mark.slow
def test_an_open_month_keeps_every_page(twice: Any) -> None:
    """What it will rest on is not said before it is closed."""
    assert unused_pulls(with_policy(twice, 90), now=datetime.now(UTC) + YEAR) == []


@pytest.mark.slow
def test_a_closed_month_is_replayed_after_pruning(
    twice: Any, reconcile: Any, same_numbers: Callable[[Path], Tables]
) -> None:
    """Older pulls lose their pages and keep their manifests; a rebuild gives the very same rows."""
    site = with_policy(twice, 90)
    close(site)
    assert reconcile("rebuild", "--config", twice.config).code == 0
    before, tried = same_numbers(site.state.published), pulls(site)
    assert unused_pulls(site, now=datetime.now(UTC) + timedelta(days=89)) == []
    gone = prune(site, now=datetime.now(UTC) + YEAR)
    assert 0 < len(gone) < len(tried)
    assert all(item.size > 0 for item in gone)
    assert pulls(site) == tried
    assert unused_pulls(site, now=datetime.now(UTC) + YEAR) == [], "some pages are still there"
    ended = reconcile("rebuild", "--config", twice.config)
    assert ended.code == 0, ended.told
    assert same_numbers(site.state.published) == before


@pytest.mark.slow
def test_a_month_counted_by_its_highest_day_keeps_its_days(
    twice: Any, reconcile: Any, same_numbers: Callable[[Path], Tables]
) -> None:
    """Every pull of a vendor whose month's maximum is invoiced is needed for good."""
    site = with_policy(twice, 90)
    with open_for_reading(site.state.published) as connection:
        system, service = connection.execute(
            "select system, service_id from map.services where state = 'mapped' and leg = 'usage'"
            " order by system desc, service_id limit 1"
        ).fetchall()[0]
    rule = RuleEntry(system, service, "count=monthly_maximum", "ann", datetime.now(UTC))
    record_rules(site.ledger, [rule])
    ended = reconcile("run", "--config", twice.config)
    assert ended.code == 0, ended.told
    close(site)
    assert reconcile("rebuild", "--config", twice.config).code == 0
    before = same_numbers(site.state.published)
    gone = prune(site, now=datetime.now(UTC) + YEAR)
    assert gone
    assert system not in {item.pull.system for item in gone}
    ended = reconcile("rebuild", "--config", twice.config)
    assert ended.code == 0, ended.told
    assert same_numbers(site.state.published) == before
