"""The cards found equal the world's truth: every planted error, every exclusion, nothing else."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.simulators.registry import PSAS
from reconcile_pipeline.simulators.serve import Simulation, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors import SIDES

Row = dict[str, Any]
SEEDS = [
    pytest.param(
        ("connectwise", seed),
        marks=[pytest.mark.slow, pytest.mark.tried_on("connectwise")],
        id=f"every-vendor-{seed}",
    )
    for seed in (918_273_645, 40_426_017)
]


OTHERS = [
    pytest.param(
        (psa, seed), marks=[pytest.mark.slow, pytest.mark.tried_on(psa)], id=f"{psa}-{seed}"
    )
    for psa in PSAS
    for seed in (55_501_337, 3_141_592, 271_828_182)
    if psa != "connectwise"
]
"""The other PSAs, each with three worlds, at night; by day each has its contract tests."""
DRAWN = random.SystemRandom().randrange(10**6, 10**9)
PARAMS = {"drawn": ("connectwise", DRAWN)}
ON_CONNECTWISE = pytest.mark.tried_on("connectwise")
BY_DAY = [
    pytest.param("shared", marks=ON_CONNECTWISE),
    pytest.param("drawn", marks=[pytest.mark.slow, ON_CONNECTWISE]),
]
PULLS = "select system, calls from core.pulls where period = $period"
QUIET = {"match", "not_connected"}


@dataclass(frozen=True)
class Found:
    """What one run published, and what it should have."""

    truth: dict[str, Any]
    period: str
    ended: Any
    query: Callable[[str], list[Row]]


@pytest.fixture(scope="module")
def served_by(today: date) -> Iterator[Callable[[str, int], Simulation]]:
    """(PSA, seed) -> a made-up MSP that uses it, served until the last test.

    With ConnectWise it has every vendor there is.
    """
    with ExitStack() as stack:

        def serve(psa: str, seed: int) -> Simulation:
            vendors = SIDES if psa == "connectwise" else ()
            return stack.enter_context(running(build_world(seed, "small", today, vendors), psa=psa))

        yield serve


@pytest.fixture(scope="module", params=[*SEEDS, *BY_DAY, *OTHERS])
def found(
    request: pytest.FixtureRequest,
    open_shared_msp: Any,
    shared_reconcile: Any,
    good_run: Any,
    rows_of: Callable[..., list[Row]],
    *,
    served_by: Callable[[str, int], Simulation],
    workshop: Path,
    today: date,
    period: str,
) -> Found:
    if request.param == "shared":
        msp, ended = good_run.msp, good_run.ended
    else:
        psa, seed = PARAMS.get(request.param, request.param)
        print(f"seed {seed}")  # noqa: T201 - shown when a test fails
        folder = workshop / f"truth-{psa}-{seed}"
        msp = type(good_run.msp)(served_by(psa, seed), folder / "reconcile.toml")
        msp.simulation.write_config(msp.config)
        ended = shared_reconcile("run", "--config", msp.config)
        assert ended.code == 0, f"seed {seed}: {ended.told}"

    def query(sql: str) -> list[Row]:
        return rows_of(msp.state.published, sql, period=period)

    return Found(msp.simulation.truth(), period, ended, query)


def plain(value: Decimal | None) -> str | None:
    """A quantity as the truth writes it."""
    return None if value is None else f"{value.normalize() + 0:f}"


def members_of_groups(found: Found) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Products and services by service group, as published."""
    groups: dict[str, tuple[list[str], list[list[str]]]] = {}
    for row in found.query("select * from map.service_groups where period = $period"):
        products, services = groups.setdefault(row["service_group_id"], ([], []))
        if row["member_kind"] == "product":
            products.append(row["member_id"])
        else:
            services.append([row["system"], row["member_id"]])
    return {key: (sorted(each[0]), sorted(each[1])) for key, each in groups.items()}


def published_cards(found: Found) -> list[Row]:
    """Cards in the words of the truth; a product in no group stands alone."""
    groups = members_of_groups(found)
    cards = []
    for row in found.query("select * from recon.cards where period = $period"):
        group = row["service_group_id"]
        alone: tuple[list[str], list[list[str]]] = ([group.removeprefix("product:")], [])
        products, services = groups.get(group, alone)
        cards.append(
            {
                "company_id": row["company_id"],
                "product_ids": products,
                "service_ids": services,
                "finding": row["finding"],
                "qty_psa": plain(row["qty_psa"]),
                "qty_vendor": plain(row["qty_vendor"]),
                "qty_purchased": plain(row["qty_purchased"]),
                "amount_delta": plain(row["amount_delta"]),
            }
        )
    return cards


def comparable(card: Row) -> str:
    names = ("company_id", "product_ids", "service_ids", "finding")
    names += ("qty_psa", "qty_vendor", "qty_purchased")
    return str([card[name] for name in names])


def test_cards_are_the_truth(found: Found) -> None:
    """Each card of the truth is published with its finding, counts, products and services."""
    wanted = Counter(map(comparable, found.truth["cards"]))
    assert sum(wanted.values()) > 100
    assert Counter(map(comparable, published_cards(found))) == wanted


def test_money_is_the_truth(found: Found) -> None:
    """Where one price leaves no choice, the money at stake is delta times price, exactly."""
    published = {comparable(card): card for card in published_cards(found)}
    priced = [card for card in found.truth["cards"] if "amount_delta" in card]
    assert len(priced) > 50
    for card in priced:
        amount = published[comparable(card)]["amount_delta"]
        assert Decimal(amount) == Decimal(card["amount_delta"]), card


@pytest.mark.fault(47)
def test_planted_errors_are_there(found: Found) -> None:
    """Every error planted in the world has its card, or its exclusion with the right reason."""
    cards = {comparable(card) for card in published_cards(found)}
    exclusions = {
        (row["system"], row["record_kind"], row["record_id"], row["reason"])
        for row in found.query("select * from recon.exclusions where period = $period")
    }
    wanted = {comparable(card): card for card in found.truth["cards"]}
    planted = found.truth["planted"]
    assert len({error["error"] for error in planted}) >= 12
    for error in planted:
        matching = [
            card
            for card in wanted.values()
            if card["company_id"] == error["company_id"]
            and set(error["product_ids"]) <= set(card["product_ids"])
            and all(service in card["service_ids"] for service in error["service_ids"])
        ]
        assert matching, error
        assert {comparable(card) for card in matching} <= cards, error
        assert error["finding"] in {card["finding"] for card in matching}, error
        if "exclusion" in error:
            assert tuple(error["exclusion"].values()) in exclusions, error


def test_nothing_else_is_flagged(found: Found) -> None:
    """The discrepancies are the truth's cards that need somebody, and no others."""
    wanted = {comparable(card) for card in found.truth["cards"] if card["finding"] not in QUIET}
    flagged = found.query(
        "select company_id, finding, qty_psa, qty_vendor, rank from recon.discrepancies"
        " where period = $period order by rank"
    )
    cards = {comparable(card) for card in published_cards(found) if card["finding"] not in QUIET}
    assert cards == wanted
    assert len(flagged) == len(wanted)
    assert [row["rank"] for row in flagged] == list(range(1, len(flagged) + 1))
    sides = Counter((row["company_id"], row["finding"]) for row in flagged)
    assert sides == Counter(
        (card["company_id"], card["finding"])
        for card in found.truth["cards"]
        if card["finding"] not in QUIET
    )


@pytest.mark.fault(47)
def test_exclusions_are_the_truth(found: Found) -> None:
    """Every record left out is listed with the truth's reason, and none besides."""
    names = ("system", "record_kind", "record_id", "reason")
    published = Counter(
        tuple(row[name] for name in names)
        for row in found.query("select * from recon.exclusions where period = $period")
    )
    wanted = Counter(tuple(row[name] for name in names) for row in found.truth["exclusions"])
    assert sum(wanted.values()) > 50
    assert published == wanted


def test_unmapped_lists_are_the_truth(found: Found) -> None:
    """Accounts and services with usage that nobody mapped are listed, and no others."""
    for table, item in (("unmapped_accounts", "account_id"), ("unmapped_services", "service_id")):
        published = Counter(
            (row["system"], row[item])
            for row in found.query(f"select * from recon.{table} where period = $period")  # noqa: S608
        )
        assert published == Counter((row["system"], row[item]) for row in found.truth[table])


@pytest.mark.fault(48)
def test_units_are_conserved(found: Found) -> None:
    """Every unit of every system ends in one list: the sums differ by nothing at all."""
    sums = found.query("select * from recon.conservation where period = $period")
    systems = {row["system"] for row in sums}
    assert systems == {row["system"] for row in found.query(PULLS)}
    assert not [row for row in sums if row["qty_missing"] or row["records_missing"]]
    assert all(row["is_conserved"] for row in sums)
    assert sum(row["qty_in"] for row in sums) > 1000


def test_fewest_calls(found: Found) -> None:
    """The published call counts are those of the cheapest documented full sync."""
    pulls = found.query(PULLS)
    assert {row["system"]: row["calls"] for row in pulls} == found.truth["calls"]


def test_summary_tells_it(found: Found) -> None:
    """The run ends by telling findings, money and what to do next."""
    told = found.ended.out
    counts = Counter(card["finding"] for card in found.truth["cards"])
    for finding, count in counts.items():
        assert f"{finding} {count}" in " ".join(told.split()), finding
    assert "What to do next" in told
    assert "Conservation: " in told
