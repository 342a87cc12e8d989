"""Twenty made-up MSPs, mapped and compared by both engines: every row is the same."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconcile_pipeline.building import core_step, evidence_ends, intake_step
from reconcile_pipeline.ledger.mappings import as_rows, mappings_in_force
from reconcile_pipeline.matching.count_rules import CountRule
from reconcile_pipeline.nemesis.clockwork import JumpingLoop
from reconcile_pipeline.nemesis.house import House, simulated
from reconcile_pipeline.periods import open_period
from reconcile_pipeline.simulators.registry import PSAS
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors import SIDES
from reconcile_pipeline.warehouse.connect import open_for_writing

pytestmark = pytest.mark.spark
SEEDS = range(1, 21)
OTHERS = [psa for psa in PSAS if psa != "connectwise"]
RULES = (
    "count=monthly_maximum",
    "exclude=name:*1*|class:*server*; free=2",
    "free=3; blocks_of=5",
    "blocks_of=2.5; rounding=up",
    "rounding=nearest; minimum=7",
    "rounding=down",
)
MULTIPLIERS = tuple(map(Decimal, ("0.5", "2.5", "0.3333", "12")))


def psa_of(seed: int) -> str:
    """ConnectWise, with every vendor there is, in half of the worlds; each other PSA in two."""
    return "connectwise" if seed % 2 else OTHERS[seed // 2 % len(OTHERS)]


@pytest.mark.parametrize("seed", SEEDS)
def test_both_engines_make_the_same_tables(
    seed: int, tmp_path: Path, both: Callable[..., Any], told: Any
) -> None:
    """Every row of every table of map and recon is equal, to the last decimal."""
    psa = psa_of(seed)
    world = build_world(seed, "small", date(2026, 11, 20), SIDES if seed % 2 else ())
    loop = JumpingLoop()
    house = House(tmp_path, simulated(world, psa), loop, Random(seed))  # noqa: S311 - a game
    site, now = house.site, house.now()
    period = open_period(now, site.settings.timezone)
    with house.connected():
        pulls = house.pull([system.name for system in site.settings.systems], period)
        with open_for_writing(site.state.warehouse) as connection:
            core_step(connection, site, period, now=now)
            intake_step(connection, site, period, now=now)
    in_force = mappings_in_force(site.ledger, until=evidence_ends(site, period))
    mappings, rules = varied(as_rows(in_force), Random(seed))  # noqa: S311 - a game
    house.close()
    loop.close()
    by_duckdb, by_spark = both(
        site.state.warehouse,
        told(
            period,
            mappings=mappings,
            rules=rules,
            landing=site.state.landing,
            pulls=[pull for pull in pulls if pull.role == "vendor"][:3],
        ),
    )
    assert len(by_duckdb["recon.cards"]) > 50
    assert by_duckdb["map.usage_by_pull"]
    for name, rows in by_duckdb.items():
        assert by_spark[name] == rows, name


def varied(
    mappings: list[dict[str, Any]], dice: Random
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Mappings as people make them: other legs and multipliers, some excluded; and count rules."""
    rules = {}
    for row in mappings:
        if row["kind"] == "service":
            if dice.random() < 0.2:
                row["multiplier"] = dice.choice(MULTIPLIERS)
            if dice.random() < 0.1:
                row["leg"] = dice.choice(("purchased", "invoiced"))
            if dice.random() < 0.5:
                columns = CountRule.parse(dice.choice(RULES)).columns
                key = (row["system"], row["item_id"])
                rules[key] = {"system": key[0], "service_id": key[1], **columns}
        if dice.random() < 0.05:
            row |= {"state": "excluded", "target_id": None, "target_name": None}
        elif dice.random() < 0.05:
            row["item_name"] = f"{row['item_name']} as it was"
    return mappings, list(rules.values())
