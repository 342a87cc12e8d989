"""Adds one more vendor to a built world: accounts, lines that bill it, and some errors.

Most customers are billed right; some lines bill too little, too much, or nothing at all, and some
accounts nobody mapped.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from reconcile_pipeline.simulators.world.catalogue import Offer
from reconcile_pipeline.simulators.world.plan import (
    AccountPlan,
    Need,
    Plan,
    make_account,
    make_need,
    other_name,
)
from reconcile_pipeline.simulators.world.psa_side import PsaWriter
from reconcile_pipeline.simulators.world.records import MappingRow, Product, World
from reconcile_pipeline.simulators.world.vendors import SIDES
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

FIRST_PRODUCT = 1_000_000
PRODUCTS_EACH = 50
USERS_AT_LEAST = 2
SECOND_SITE_SHARE = 0.1
UNMAPPED_SHARE = 0.05
OWN_UNITS = Decimal(5)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a world has already: its customers, names in use, the provider's own name."""

    plans: list[Plan]
    taken: set[str]
    own: str
    systems: frozenset[str]
    """Every vendor that the world is going to have besides the first three."""


def extend(rng: Random, world: World, side: VendorSide, ground: Ground) -> list[MappingRow]:
    """Write the vendor into the world; returns what a person had mapped by hand."""
    product_ids = _make_products(world, side)
    world.at[side.system] = side.records()
    healthy = [plan for plan in ground.plans if plan.error is None]
    _plan(rng, side, healthy, ground.taken)
    psa = PsaWriter(rng, world, product_ids)
    writer = side.writer(rng, world)
    rows = []
    for plan in healthy:
        account = plan.accounts.get(side.system)
        if account is None:
            continue
        needs = plan.needs_at(side.system)
        psa.write_needs(plan, needs)
        writer.write(plan, account, needs)
        if account.is_in_mappings:
            rows += _account_rows(side, account, str(plan.company.id))
    own = AccountPlan([ground.own])
    offer = next(offer for offer in side.offers if offer.share)
    writer.write(None, own, [Need(offer, OWN_UNITS, None, side.family)])
    rows += _account_rows(side, own, None)
    writer.finish()
    rows += _service_rows(side, product_ids)
    return _without_linked(rows, world) + _rows_elsewhere(side, product_ids, ground)


def _make_products(world: World, side: VendorSide) -> dict[str, int]:
    """Products of its own range of ids: the same whichever other vendors the world has."""
    first = FIRST_PRODUCT + PRODUCTS_EACH * (zlib.crc32(side.system.encode()) % 10_000)
    product_ids = {}
    for number, item in enumerate(side.products, start=first):
        product_ids[item.key] = number
        world.products.append(
            Product(
                number,
                item.key.upper(),
                item.description,
                item.product_class,
                Decimal(item.price),
                Decimal(item.cost),
                is_recurring=True,
            )
        )
    return product_ids


def _plan(rng: Random, side: VendorSide, plans: list[Plan], taken: set[str]) -> None:
    for plan in plans:
        if rng.random() >= side.share:
            continue
        account = plan.accounts[side.system] = make_account(rng, plan, taken)
        if not account.is_in_mappings and rng.random() < UNMAPPED_SHARE:
            account.names = [other_name(rng, plan.company, taken)]
        elif side.has_sites and rng.random() < SECOND_SITE_SHARE:
            site = f"{plan.company.name[:38]} - {side.system} annex"
            account.names, account.is_in_mappings = [plan.company.name, site], True
        for offer in side.offers:
            if rng.random() < offer.share:
                plan.needs[offer.key] = _bent(rng, make_need(rng, plan, offer, side.family))
    _ensure_use(rng, side, plans, taken)


def _ensure_use(rng: Random, side: VendorSide, plans: Iterable[Plan], taken: set[str]) -> None:
    """Every mapped service is used by somebody, so that the vendor lists it."""
    everyone = list(plans)
    for offer in side.offers:
        for index in range(len(offer.services)):
            users = sum(_uses(plan, offer, index) for plan in everyone)
            others = [plan for plan in everyone if offer.key not in plan.needs]
            for plan in others[: max(0, USERS_AT_LEAST - users) if offer.share else 0]:
                if side.system not in plan.accounts:
                    plan.accounts[side.system] = make_account(rng, plan, taken)
                need = plan.needs[offer.key] = make_need(rng, plan, offer, side.family)
                need.service = index
                need.vendor = need.psa = max(need.vendor, Decimal(3))


def _uses(plan: Plan, offer: Offer, index: int) -> bool:
    need = plan.needs.get(offer.key)
    return need is not None and need.service == index and need.vendor > 0


def _bent(rng: Random, need: Need) -> Need:
    """The need as it is billed: mostly right."""
    error = rng.choices(
        ("right", "too_little", "too_much", "unbilled", "unused"), (78, 8, 6, 5, 3)
    )[0]
    if error == "too_little":
        need.vendor += rng.randint(1, 6)
    elif error == "too_much":
        need.psa = need.vendor + rng.randint(1, 6)
    elif error == "unbilled":
        need.vendor, need.psa = max(need.vendor, Decimal(2)), None
    elif error == "unused":
        need.vendor, need.psa = Decimal(0), max(need.vendor, Decimal(2))
    return need


def _account_rows(side: VendorSide, account: AccountPlan, company: str | None) -> list[MappingRow]:
    pairs = zip(account.ids, account.names, strict=True)
    if company is None:
        return [
            MappingRow("account", side.system, number, name, state="excluded", reason="our own")
            for number, name in pairs
        ]
    return [MappingRow("account", side.system, number, name, company) for number, name in pairs]


def _service_rows(side: VendorSide, product_ids: dict[str, int]) -> list[MappingRow]:
    """Links of offers whose names don't tell; services that nobody bills are excluded."""
    rows = []
    fed: set[str] = set()
    for offer in side.offers:
        legs = [(str(service), "usage") for service in offer.services]
        legs += [(service, "purchased") for service in offer.bought if isinstance(service, str)]
        for service, leg in legs:
            fed.add(str(service))
            if offer.mapping != "file" and leg == "usage":
                continue
            rows += [
                MappingRow(
                    "service",
                    side.system,
                    service,
                    side.services[service],
                    str(product_ids[product]),
                    leg=leg,
                )
                for product in offer.products
            ]
    return rows + [
        MappingRow("service", side.system, key, name, state="excluded", reason="not billed")
        for key, name in side.services.items()
        if key not in fed
    ]


def _without_linked(rows: list[MappingRow], world: World) -> list[MappingRow]:
    """The rows but those that exclude a service which another vendor's offer has linked before."""
    linked = {(row.system, row.id) for row in world.mappings if row.kind == "service"}
    return [row for row in rows if row.kind != "service" or (row.system, row.id) not in linked]


def _rows_elsewhere(
    side: VendorSide, product_ids: dict[str, int], ground: Ground
) -> list[MappingRow]:
    """Links of what was bought at another vendor, which comes after this one in `SIDES`."""
    pairs = [
        (pair, product)
        for offer in side.offers
        for pair in offer.bought
        if not isinstance(pair, str) and pair[0] in ground.systems
        for product in offer.products
    ]
    return [
        MappingRow(
            "service",
            system,
            service,
            SIDES[system].services[service],
            str(product_ids[product]),
            leg="purchased",
        )
        for (system, service), product in pairs
    ]
