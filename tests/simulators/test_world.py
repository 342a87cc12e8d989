"""The made-up MSP: same seed same world, awkward but legal names, sizes as promised."""

import json
from collections import Counter
from datetime import date

import pytest

from reconcile_pipeline.simulators.registry import expected, vendor_usage
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.catalogue import OFFERS, pax8_service_id
from reconcile_pipeline.simulators.world.planted import ERRORS
from reconcile_pipeline.simulators.world.records import World

AS_OF = date(2026, 11, 22)


@pytest.mark.parametrize("day", [AS_OF, date(2027, 1, 1), date(2028, 2, 29)])
def test_same_seed_same_world(day: date) -> None:
    """A seed, a size and a day always give the same world, on any day of the year."""
    first, second = (expected(build_world(11, "small", day)) for _ in range(2))
    assert json.dumps(first) == json.dumps(second)
    assert first["cards"] != expected(build_world(12, "small", day))["cards"]


@pytest.mark.parametrize("seed", range(1, 6))
def test_every_error_is_planted(seed: int) -> None:
    """Even the smallest world has each kind of billing error, each at a company of its own."""
    planted = build_world(seed, "small", AS_OF).planted
    kinds = {error.__name__.removesuffix("_mismatch") for error in ERRORS}
    assert {note["error"] for note in planted} == kinds
    companies = {(note["company_id"], note["error"]) for note in planted}
    assert len({company for company, _ in companies}) == len(companies)


def test_sizes() -> None:
    """Small has some forty companies, medium some four hundred, and an unknown size is refused."""
    assert 38 <= len(build_world(1, "small", AS_OF).companies) <= 45
    assert 390 <= len(build_world(1, "medium", AS_OF).companies) <= 420
    with pytest.raises(ValueError, match="huge"):
        build_world(1, "huge", AS_OF)  # type: ignore[arg-type]


def test_live_names_are_unique(world: World) -> None:
    """Only the recycle-bin twin shares its name with another company."""
    twins = [note for note in world.planted if note["error"] == "recycle_bin_twin"]
    doubled = [n for n, c in Counter(c.name for c in world.companies).items() if c > 1]
    assert len(doubled) == len(twins) == 1
    live = [company for company in world.companies if not company.is_deleted]
    assert len({company.name.casefold() for company in live}) == len(live)


def test_names_are_awkward_but_legal() -> None:
    """Names have apostrophes, commas, ampersands and accents, and fit the PSA's fifty letters."""
    names = [company.name for company in build_world(3, "medium", AS_OF).companies]
    for mark in "',&é@":
        assert any(mark in name for name in names), mark
    assert max(map(len, names)) <= 50


def test_ids_rise_and_are_unique(world: World) -> None:
    """Lists are in the order of their ids, which the vendors' paging relies on."""
    for records in (
        world.companies,
        world.agreements,
        world.lines,
        world.organizations,
        world.devices,
    ):
        ids = [record.id for record in records]
        assert ids == sorted(set(ids))


def test_small_world_needs_several_pages(world: World) -> None:
    """Even a small world makes a client page: more than 200 subscriptions and 1000 devices."""
    assert len(world.subscriptions) > 200
    assert len(world.devices) > 1000


def test_mapped_services_are_in_use() -> None:
    """Every service that maps is used somewhere, or a first pull could not know it."""
    for seed in range(1, 25):
        world = build_world(seed, "small", AS_OF)
        ids = {product.key: product.id for product in world.pax8_products}
        used = {key[0::2] for key, units in vendor_usage(world).totals.items() if units}
        for offer in OFFERS:
            for service in offer.services if offer.share else ():
                is_key = isinstance(service, str)
                wanted = service if is_key else pax8_service_id(ids[service[0]], service[1])
                assert (offer.vendor, wanted) in used, (seed, wanted)
