"""`reconcile refresh`: the tables follow what people said, and come out as a rebuild makes them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconcile_pipeline.building import door_of, site_of
from reconcile_pipeline.mapping.propose import Proposal, record
from reconcile_pipeline.model import Decision
from reconcile_pipeline.reconciling.cards import Wanted
from reconcile_pipeline.review.decide import decide
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.warehouse.connect import open_for_reading

Tables = dict[str, list[str]]
FOLLOWED = ("map.accounts", "recon.cards", "recon.exclusions", "review.decisions", "recon.history")


def say_something(msp: Any) -> None:
    """Exclude an account that is mapped, and decide about a card of another customer."""
    site, now = site_of(load_settings(msp.config)), datetime.now(UTC)
    with open_for_reading(site.state.published) as connection:
        period, card_id, version, company = connection.execute(
            "select period, card_id, card_version, company_id from recon.cards"
            " where finding = 'over_billed' order by card_id limit 1"
        ).fetchall()[0]
        system, account = connection.execute(
            "select system, account_id from map.accounts where state = 'mapped' and is_listed"
            " and company_id <> ? order by system, account_id limit 1",
            [company],
        ).fetchall()[0]
        record(
            site.ledger,
            connection,
            [Proposal("account", system, account, None, reason="Our own test account")],
            period=period,
            by="ann",
            now=now,
            origin="test",
        )
        said = Wanted(card_id, version, Decision.NO_CHANGE, None, "ann", "Agreed with them.")
        decide(connection, door_of(site, period), [said], now=now, origin="test")


def test_the_tables_follow_what_was_said(
    installed: Any, reconcile: Any, same_numbers: Callable[[Path], Tables]
) -> None:
    """Nothing is pulled; mapping and decision reach every table that shows them."""
    before = same_numbers(installed.state.published)
    say_something(installed)
    calls = [len(server.log) for server in installed.simulation.systems.values()]
    ended = reconcile("refresh", "--config", installed.config)
    assert ended.code == 0, ended.told
    assert calls == [len(server.log) for server in installed.simulation.systems.values()]
    after = same_numbers(installed.state.published)
    assert {name for name in FOLLOWED if before[name] == after[name]} == set()


def test_a_refresh_is_what_a_rebuild_makes(
    installed: Any, reconcile: Any, same_numbers: Callable[[Path], Tables]
) -> None:
    """The short way comes to the same tables, row by row, as building everything anew."""
    say_something(installed)
    assert reconcile("refresh", "--config", installed.config).code == 0
    refreshed = same_numbers(installed.state.published)
    assert reconcile("rebuild", "--config", installed.config).code == 0
    assert same_numbers(installed.state.published) == refreshed
