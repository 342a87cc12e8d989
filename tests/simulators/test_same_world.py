"""One provider seen through each PSA gives the same cards, but for what a PSA can't know.

Each exception stands here with its reason, and in docs/systems/README.md for whoever has that PSA.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.simulators.registry import PSAS, expected
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import Line, World

AS_OF = date(2026, 11, 22)
Card = dict[str, Any] | None
"""A card, or None where there is none."""
Excuse = Callable[[list[Line], Card, Card], bool]
"""(lines of the company and its products, the card elsewhere, the card here) -> is this why?"""


def whole_units(lines: list[Line], there: Card, here: Card) -> bool:
    """Parts of a unit can't be entered: each line is rounded up."""
    return (
        there is not None
        and here is not None
        and any(line.quantity != line.quantity.to_integral_value() for line in lines)
        and Decimal(here["qty_psa"]) > Decimal(there["qty_psa"])
    )


def no_empty_lines(_lines: list[Line], there: Card, here: Card) -> bool:
    """A line without units is no line any more."""
    return here is None and there is not None and there["qty_psa"] == "0"


EXCUSES: dict[str, tuple[Excuse, ...]] = {
    "connectwise": (),
    "syncro": (),
    "kaseya_bms": (),
    "pulseway": (),
    "halopsa": (),
    "autotask": (whole_units, no_empty_lines),
}


def cards_of(world: World, psa: str) -> dict[tuple[str, tuple[str, ...]], dict[str, Any]]:
    """Cards by company and products, in the world's own ids."""
    found = {}
    for card in expected(world, psa=psa)["cards"]:
        products = tuple(sorted(number.rpartition(":")[2] for number in card["product_ids"]))
        found[card["company_id"], products] = card | {"product_ids": list(products)}
    return found


@pytest.mark.parametrize("seed", [7, 31, 90_210])
@pytest.mark.parametrize("psa", PSAS)
def test_the_same_provider_through_each_psa(psa: str, seed: int) -> None:
    """Names, services, counts, findings and money are the same, or the difference is named."""
    world = build_world(seed, "small", AS_OF)
    there, here = cards_of(world, "connectwise"), cards_of(world, psa)
    companies = {agreement.id: agreement.company_id for agreement in world.agreements}
    unexplained = []
    for key in there.keys() | here.keys():
        if there.get(key) == here.get(key):
            continue
        company, products = key
        lines = [
            line
            for line in world.lines
            if str(companies[line.agreement_id]) == company and str(line.product_id) in products
        ]
        if not any(excuse(lines, there.get(key), here.get(key)) for excuse in EXCUSES[psa]):
            unexplained.append((key, there.get(key), here.get(key)))
    assert unexplained == []
    assert len(there.keys() & here.keys()) > len(there) * 0.9


def test_every_exception_is_written_down() -> None:
    """Whoever chooses a PSA can read what it can't know, in the words of this file."""
    guide = Path(__file__).parents[2] / "docs" / "systems" / "README.md"
    text = " ".join(guide.read_text(encoding="utf-8").split())
    for psa, excuses in EXCUSES.items():
        for excuse in excuses:
            assert str(excuse.__doc__) in text, f"{psa}: {excuse.__doc__}"
