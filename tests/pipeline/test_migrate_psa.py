"""Moving from one PSA to another: what was mapped and said is still true, about the same people.

The worst case is rehearsed: the new PSA uses the very ids of the old one, for other companies and
products.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.simulators.serve import Simulation, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import World

SEED = 20_261_122
CARDS = """
    select cards.*, status.status, status.decision
    from recon.cards as cards
    left join review.card_status as status on cards.card_id = status.card_id
    where cards.period = $period
"""
REASON = "They keep two spare seats, asked in October."


MOVES = [
    pytest.param(("connectwise", "halopsa"), marks=pytest.mark.slow),
    pytest.param(("autotask", "halopsa"), marks=pytest.mark.slow),
    pytest.param(("halopsa", "syncro"), marks=pytest.mark.slow),
]


@dataclass(frozen=True)
class Rehearsal:
    """One installation before and after its move."""

    source: str
    msp: Any
    reconcile: Any
    after: Simulation
    kept: dict[str, Any]
    """The card about which a reason was given before the move."""
    told: dict[str, str]
    """What the commands printed, by step."""


def rotated(ids: list[int]) -> dict[int, int]:
    """Every id becomes its neighbour's: nothing is new, and everything means something else."""
    return dict(zip(ids, [*ids[1:], ids[0]], strict=True))


def with_other_ids(world: World) -> World:
    """The same provider in a PSA that gave the same ids to other companies and products."""
    companies = rotated([company.id for company in world.companies])
    products = rotated([product.id for product in world.products if product.is_recurring])
    targets = {"account": companies, "service": products}
    world.companies = [
        replace(each, id=companies[each.id], parent_id=companies.get(each.parent_id or 0))
        for each in world.companies
    ]
    world.agreements = [
        replace(
            each,
            company_id=companies[each.company_id],
            bill_to_id=companies[each.bill_to_id],
        )
        for each in world.agreements
    ]
    world.products = [replace(p, id=products.get(p.id, p.id)) for p in world.products]
    world.lines = [
        replace(line, product_id=products.get(line.product_id, line.product_id))
        for line in world.lines
    ]
    world.mappings = [
        replace(row, target_id=str(targets[row.kind][int(row.target_id)]) if row.target_id else "")
        for row in world.mappings
    ]
    return world


@pytest.fixture(scope="module", params=MOVES, ids="-to-".join)
def before(request: pytest.FixtureRequest, today: date) -> Iterator[tuple[Simulation, str]]:
    """The provider while it still uses the PSA that it is going to leave, and the new PSA."""
    source, target = request.param
    with running(build_world(SEED, "small", today), psa=source) as simulation:
        yield simulation, target


@pytest.fixture(scope="module")
def rehearsal(
    before: tuple[Simulation, str],
    good_run: Any,
    shared_reconcile: Any,
    rows_of: Any,
    *,
    workshop: Path,
    today: date,
    period: str,
) -> Iterator[Rehearsal]:
    simulation, target = before
    source = simulation.psa
    msp = type(good_run.msp)(simulation, workshop / f"{source}-to-{target}" / "reconcile.toml")
    simulation.write_config(msp.config)
    told: dict[str, str] = {}

    def do(step: str, *arguments: str, code: int = 0) -> None:
        ended = shared_reconcile(*arguments, "--config", msp.config)
        assert ended.code == code, f"{step}: {ended.told}"
        told[step] = ended.told

    do("before", "run")
    cards = rows_of(msp.state.published, CARDS, period=period)
    # Of whole units: parts of one look different in another PSA.
    kept = next(
        card for card in cards if card["finding"] == "over_billed" and card["qty_vendor"] % 1 == 0
    )
    do(
        "said",
        "decide",
        kept["card_id"],
        "no_change",
        "--version",
        kept["card_version"],
        "--note",
        REASON,
    )
    world = with_other_ids(build_world(SEED, "small", today))
    with running(world, psa=target) as after:
        mappings = msp.folder / "mappings.csv"
        text = mappings.read_bytes()
        after.write_config(msp.config)
        mappings.write_bytes(text)
        do("refused", "run", code=2)
        do("shown", "migrate-psa", "--from", source, "--to", target)
        do("moved", "migrate-psa", "--from", source, "--to", target, "--apply")
        do("after", "run")
        yield Rehearsal(source, msp, shared_reconcile, after, kept, told)


def test_a_new_psa_alone_is_refused(rehearsal: Rehearsal) -> None:
    """Whoever only changes reconcile.toml is told to move, before any id is mistaken."""
    assert f"speak of {rehearsal.source}" in rehearsal.told["refused"]
    assert f"reconcile migrate-psa --from {rehearsal.source}" in rehearsal.told["refused"]


def test_looking_changes_nothing(rehearsal: Rehearsal) -> None:
    """Without --apply the move is only shown."""
    assert "Nothing has changed" in rehearsal.told["shown"]


def test_cards_after_the_move_are_the_truth(
    rehearsal: Rehearsal, rows_of: Any, period: str
) -> None:
    """Every account and service leads to the same company and product as before, none to others."""
    published = rehearsal.msp.state.published
    found = {
        (card["company_id"], card["finding"], card["qty_psa"], card["qty_vendor"])
        for card in rows_of(published, CARDS, period=period)
    }
    truth = rehearsal.after.truth()["cards"]
    wanted = {
        (card["company_id"], card["finding"], _number(card["qty_psa"]), _number(card["qty_vendor"]))
        for card in truth
    }
    assert len(truth) > 100
    assert found == wanted
    assert {card["psa"] for card in rows_of(published, CARDS, period=period)} == {
        rehearsal.after.psa
    }


def test_mappings_are_carried_over(rehearsal: Rehearsal, rows_of: Any, period: str) -> None:
    """At least 95 % of the mappings stand, and each names the same company or product."""
    query = "select * from review.mapping_history where target_id is not null and $period <> ''"
    history = rows_of(rehearsal.msp.state.published, query, period=period)
    old = {_place(row): row for row in history if not _is_moved(row)}
    new = {_place(row): row for row in history if _is_moved(row)}
    assert len(old) > 50
    assert len(new) / len(old) >= 0.95
    for place, row in new.items():
        before = [each for key, each in old.items() if key[:3] == place[:3]]
        assert row["target_name"] in {each["target_name"] for each in before}


def test_what_was_said_is_remembered(rehearsal: Rehearsal, rows_of: Any, period: str) -> None:
    """A reason given before the move keeps the same customer's card quiet after it."""
    found = [
        card
        for card in rows_of(rehearsal.msp.state.published, CARDS, period=period)
        if (card["company_name"], card["service_name"])
        == (rehearsal.kept["company_name"], rehearsal.kept["service_name"])
    ]
    assert [(card["status"], card["decision"]) for card in found] == [("quiet", "no_change")]
    assert found[0]["company_id"] != rehearsal.kept["company_id"]
    assert "1 1 standing decisions, with their history" in rehearsal.told["shown"]
    print(rehearsal.told["shown"])  # noqa: T201 - the figures, with -rP


def test_the_mapping_file_has_the_new_ids(rehearsal: Rehearsal) -> None:
    """The person's spreadsheet goes on working, and the old one lies beside it."""
    path = rehearsal.msp.folder / "mappings.csv"
    old, new = (
        list(csv.DictReader(each.read_text(encoding="utf-8").splitlines()))
        for each in (path.with_name(f"mappings.csv.{rehearsal.source}"), path)
    )
    assert [row["id"] for row in new] == [row["id"] for row in old]
    assert all(
        a["target_id"] != b["target_id"] for a, b in zip(old, new, strict=True) if a["target_id"]
    )


def test_a_second_move_is_refused(rehearsal: Rehearsal) -> None:
    """The ledger knows where it is: the same move can't be made twice."""
    ended = rehearsal.reconcile(
        *("migrate-psa", "--from", rehearsal.source, "--to", rehearsal.after.psa, "--apply"),
        *("--config", rehearsal.msp.config),
    )
    assert ended.code == 2
    assert f"speaks of {rehearsal.after.psa}, not of {rehearsal.source}" in ended.told


def _number(text: str | None) -> Any:
    return None if text is None else Decimal(text)


def _is_moved(row: dict[str, Any]) -> bool:
    return str(row["reason"] or "").startswith("moved from ")


def _place(row: dict[str, Any]) -> tuple[str, str, str, str]:
    target = row["target_name"] if row["kind"] == "service" else ""
    return (row["kind"], row["system"], row["item_id"], target)
