"""A PSA that shows units on invoices only: a person changes it, the next invoice proves it."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.building import door_of, refresh_review, site_of
from reconcile_pipeline.ledger.changes import read_changes
from reconcile_pipeline.model import Decision
from reconcile_pipeline.reconciling.cards import Wanted
from reconcile_pipeline.review.decide import decide
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.simulators.psa.kaseya_invoices import is_on_contract
from reconcile_pipeline.simulators.serve import running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.warehouse.connect import open_for_reading

Row = dict[str, Any]
CARD = """
select cards.card_id, cards.card_version, cards.qty_psa, lines.record_id as line_id,
    lines.agreement_id, lines.item_id as product_id, lines.name
from recon.cards inner join recon.card_lines as lines
    on cards.card_id = lines.card_id and lines.side = 'psa'
where cards.finding in ('under_billed', 'over_billed') and cards.qty_psa between 3 and 60
    and lines.unit_price between 1 and 400
qualify count(*) over (partition by cards.card_id) = 1
order by cards.card_id
limit 1
"""


@pytest.fixture
def msp(good_run: Any, reconcile: Any, own_folder: Path, today: date) -> Iterator[Any]:
    """An MSP with Kaseya BMS that has run once."""
    with running(build_world(55_501_337, "small", today), psa="kaseya_bms") as simulation:
        made = type(good_run.msp)(simulation, own_folder / "kaseya" / "reconcile.toml")
        simulation.write_config(made.config)
        ended = reconcile("run", "--config", made.config)
        assert ended.code == 0, ended.told
        yield made


def decided(msp: Any, card: Row, period: str) -> str:
    """Ann agrees to one unit more; returns the change that follows."""
    site = site_of(load_settings(msp.config))
    wanted = Wanted(
        card_id=card["card_id"],
        card_version=card["card_version"],
        decision=Decision.RECONCILE,
        qty_target=card["qty_psa"] + 1,
        reviewer="Ann",
        note=None,
    )
    with open_for_reading(msp.state.published) as connection:
        decide(connection, door_of(site, period), [wanted], now=datetime.now(UTC), origin="tests")
    refresh_review(site, period)
    [change] = read_changes(site.ledger)
    return str(change.change_id)


def state(msp: Any) -> str:
    [change] = read_changes(site_of(load_settings(msp.config)).ledger)
    return str(change.state)


@pytest.mark.slow
def test_the_next_invoice_proves_what_a_person_did(
    msp: Any, reconcile: Any, rows_of: Callable[..., list[Row]], period: str, *, today: date
) -> None:
    """The instruction says exactly what to do; only an invoice of a later day proves it done."""
    [card] = rows_of(msp.state.published, CARD)
    change_id = decided(msp, card, period)
    [item] = rows_of(msp.state.published, "select why from review.action_items")
    units = f"from {card['qty_psa']:.0f} to {card['qty_psa'] + 1:.0f}"
    assert f"In Kaseya BMS, agreement {card['agreement_id']} “" in item["why"]
    assert f"(C-{int(card['agreement_id']):06})” of " in item["why"]
    assert f"line {card['line_id']} ({card['name']}): change the quantity {units}" in item["why"]
    config = ("--config", msp.config)
    assert reconcile("done-by-hand", change_id, *config).code == 0

    app = msp.server("kaseya_bms").app
    line = next(
        line
        for line in msp.simulation.world.lines
        if f"{line.agreement_id}/{line.product_id}" == card["line_id"]
        and is_on_contract(line, today)
    )
    app.edit_line(str(line.id), line.quantity + 1, today)
    assert reconcile("run", *config).code == 0
    assert state(msp) == "done_by_hand"
    app.run_invoices(today + timedelta(days=1))
    ended = reconcile("run", *config)
    assert ended.code == 0, ended.told
    assert state(msp) == "proved"
    calls = [call.path for call in msp.server("kaseya_bms").log if call.method != "GET"]
    assert set(calls) == {"/v2/security/authenticate"}
