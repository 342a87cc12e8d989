"""Builds one coherent MSP from a seed: the same seed, size and day always give the same world.

Customers are planned as billed right, errors are planted, and only then is everything written
into the PSA and the vendors. Nothing here knows what the pipeline will make of it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from random import Random
from typing import Literal

from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.catalogue import (
    BACKUP_SERVICES,
    FILLER_WORDS,
    NINJAONE_NAMES,
    OFFERS,
    PAX8_PRODUCTS,
    PSA_PRODUCTS,
    UNFED_PRODUCTS,
    pax8_service_id,
    pax8_service_name,
    plain,
)
from reconcile_pipeline.simulators.world.dates import past_stamp
from reconcile_pipeline.simulators.world.extend import Ground, extend
from reconcile_pipeline.simulators.world.names import CITIES, company_names, identifier, person
from reconcile_pipeline.simulators.world.plan import Plan, ensure_use, make_plan
from reconcile_pipeline.simulators.world.planted import Note, Planter, plant
from reconcile_pipeline.simulators.world.psa_side import PsaWriter
from reconcile_pipeline.simulators.world.records import (
    BACKUP_CSV,
    CONNECTWISE,
    NINJAONE,
    PAX8,
    Company,
    MappingRow,
    Pax8Product,
    Product,
    World,
)
from reconcile_pipeline.simulators.world.vendor_side import VendorWriter, new_uuid
from reconcile_pipeline.simulators.world.vendors import SIDES

Size = Literal["small", "medium", "large"]


@dataclass(frozen=True, slots=True)
class Scale:
    """How big a size is: companies in all, errors of each kind, hardware in the catalogue."""

    companies: int
    errors: int
    filler_products: int


SCALES = {"small": Scale(40, 1, 30), "medium": Scale(400, 4, 300), "large": Scale(5300, 25, 1500)}
PROSPECT_SHARE = 0.08
EXCLUDED_KINDS = ("inactive", "no_type", "deleted", "vendor", "client_and_prospect")
OWN_NAME = "Northgate Managed IT (internal)"


def build_world(seed: int, size: Size, as_of: date, vendors: Collection[str] = ()) -> World:
    """One MSP as every system shows it on the day `as_of`; raises ValueError for another size.

    `vendors` are those of `world.vendors.SIDES` that it has besides Pax8, NinjaOne and the file.
    """
    if size not in SCALES:
        raise ValueError(f"Size {size!r} is not one of {', '.join(SCALES)}.")
    return _Builder(seed, size, as_of).build(vendors)


class _Builder:
    """The steps of one world; they share the dice, so their order is part of the seed's meaning.

    The day is no part of the dice: a seed has the same customers, units and errors every day.
    """

    def __init__(self, seed: int, size: Size, as_of: date) -> None:
        self._rng = Random(f"{seed}/{size}")
        self._scale = SCALES[size]
        self._world = World(seed, size, as_of)
        self._names = company_names(self._rng)
        self._taken: set[str] = {OWN_NAME}
        self._last_company = 249
        self._product_ids: dict[str, int] = {}

    def build(self, others: Collection[str]) -> World:
        world = self._world
        self._make_products()
        plans, excluded = self._make_companies()
        planter = Planter(self._rng, self._taken, self._make_twin)
        notes = plant(planter, plans, self._scale.errors)
        ensure_use(self._rng, plans, self._taken)
        psa = PsaWriter(self._rng, world, self._product_ids)
        vendors = VendorWriter(self._rng, world)
        for plan in plans:
            psa.write(plan)
            vendors.write(plan)
        for company in excluded:
            psa.write_excluded(company)
        self._write_own_and_deleted_accounts(vendors)
        world.companies.sort(key=lambda company: company.id)
        world.mappings = [*self._account_mappings(plans), *self._service_mappings()]
        world.planted = [self._planted(note) for note in notes]
        for side in SIDES.values():
            if side.system in others:
                rng = Random(f"{world.seed}/{world.size}/{side.system}")
                world.mappings += extend(
                    rng, world, side, Ground(plans, self._taken, OWN_NAME, frozenset(others))
                )
        return world

    def _make_products(self) -> None:
        rng, world = self._rng, self._world
        for vendor_product in PAX8_PRODUCTS:
            world.pax8_products.append(
                Pax8Product(
                    new_uuid(rng),
                    vendor_product.key,
                    vendor_product.name,
                    vendor_product.vendor_name,
                    vendor_product.sku,
                    Decimal(vendor_product.cost),
                    Decimal(vendor_product.price),
                    vendor_product.terms,
                )
            )
        for number, item in enumerate((*PSA_PRODUCTS, *UNFED_PRODUCTS)):
            self._product_ids[item.key] = 410 + number
            world.products.append(
                Product(
                    410 + number,
                    item.key.upper(),
                    item.description,
                    item.product_class,
                    Decimal(item.price),
                    Decimal(item.cost),
                    is_recurring=True,
                )
            )
        for number in range(self._scale.filler_products):
            name = f"{rng.choice(FILLER_WORDS)} {rng.choice('ABCDEFGH')}{1000 + number}"
            price = Decimal(rng.randint(900, 250_000)) / 100
            world.products.append(
                Product(
                    600 + number,
                    f"HW-{1000 + number}",
                    name,
                    "Inventory",
                    price,
                    (price * Decimal("0.8")).quantize(Decimal("0.01")),
                    is_recurring=False,
                    is_inactive=rng.random() < 0.2,  # noqa: PLR2004
                )
            )

    def _make_companies(self) -> tuple[list[Plan], list[Company]]:
        """Plans of the live customers, and companies out of scope that have agreements."""
        rng, count = self._rng, self._scale.companies
        kinds = [kind for kind in EXCLUDED_KINDS for _ in range(max(1, count // 100))]
        kinds += ["prospect"] * round(count * PROSPECT_SHARE)
        kinds += ["client"] * (count - len(kinds))
        rng.shuffle(kinds)
        companies = [self._company(next(self._names), kind) for kind in kinds]
        self._taken.update(c.name for c in companies)
        self._taken.update(c.name.casefold() for c in companies)
        plans: list[Plan] = []
        excluded: list[Company] = []
        for company, kind in zip(companies, kinds, strict=True):
            if kind in {"client", "client_and_prospect"}:
                if plans and rng.random() < 0.05:  # noqa: PLR2004 subsidiaries
                    company.parent_id = rng.choice(plans).company.id
                plans.append(make_plan(rng, company, self._taken))
            elif kind in {"inactive", "no_type", "deleted"}:
                excluded.append(company)
        return plans, excluded

    def _company(self, name: str, kind: str) -> Company:
        rng = self._rng
        self._last_company += rng.randint(1, 4)
        types = {
            "prospect": (lookups.PROSPECT,),
            "no_type": (),
            "vendor": (lookups.VENDOR,),
            "client_and_prospect": (lookups.CLIENT, lookups.PROSPECT),
        }
        company = Company(
            id=self._last_company,
            identifier=identifier(name, self._last_company),
            name=name,
            status_id=lookups.INACTIVE if kind == "inactive" else lookups.ACTIVE,
            type_ids=types.get(kind, (lookups.CLIENT,)),
            city=rng.choice(CITIES),
            contact=person(rng),
            headcount=max(4, min(240, round(rng.lognormvariate(3.68, 0.65)))),
            updated_at=past_stamp(rng, self._world.as_of),
        )
        if kind == "deleted":
            company.is_deleted, company.deleted_at = True, company.updated_at
        self._world.companies.append(company)
        return company

    def _make_twin(self, plan: Plan) -> None:
        plan.twin = self._company(plan.company.name, "deleted")

    def _write_own_and_deleted_accounts(self, vendors: VendorWriter) -> None:
        """The MSP's own tenants, and customers the distributor deleted."""
        rng, world = self._rng, self._world
        own = vendors.pax8_company(OWN_NAME, "Active", "Denver")
        vendors.subscribe(own, "bp", 9)
        organization = vendors.organization(OWN_NAME)
        for _ in range(7):
            vendors.device(organization, "WINDOWS_WORKSTATION", "APPROVED")
        for system, account_id in ((PAX8, own.id), (NINJAONE, str(organization.id))):
            world.mappings.append(
                MappingRow(
                    "account", system, account_id, OWN_NAME, state="excluded", reason="our own"
                )
            )
        for name in islice(self._names, max(1, self._scale.companies // 200)):
            deleted = vendors.pax8_company(name, "Deleted", rng.choice(CITIES))
            vendors.subscribe(deleted, "exo", rng.randint(1, 20))

    def _account_mappings(self, plans: list[Plan]) -> list[MappingRow]:
        """What a person mapped by hand, after the exclusions noted on the way."""
        rows = list(self._world.mappings)
        for plan in plans:
            for system, account in plan.accounts.items():
                if account.is_in_mappings:
                    target = str(plan.company.id)
                    rows.extend(
                        MappingRow("account", system, account_id, name, target)
                        for account_id, name in zip(account.ids, account.names, strict=True)
                    )
        return rows

    def _service_mappings(self) -> list[MappingRow]:
        rows: list[MappingRow] = []
        fed: set[str] = set()
        for offer in OFFERS:
            services = self.services(offer.key)
            fed.update(service_id for _, service_id, _ in services)
            if offer.mapping in {"file", "bare"}:
                for system, service_id, name in services:
                    rows.extend(
                        MappingRow(
                            "service", system, service_id, name, str(self._product_ids[product])
                        )
                        for product in offer.products
                    )
        rows.extend(
            MappingRow("service", NINJAONE, service_id, name, state="excluded", reason="not billed")
            for service_id, name in NINJAONE_NAMES.items()
            if service_id not in fed
        )
        return rows

    def services(self, offer_key: str) -> list[tuple[str, str, str]]:
        """(system, service id, service name) of what the MSP mapped for an offer."""
        offer = next(offer for offer in OFFERS if offer.key == offer_key)
        products = {product.key: product for product in self._world.pax8_products}
        found = []
        for reference in offer.services:
            if isinstance(reference, str):
                names = BACKUP_SERVICES if offer.vendor == BACKUP_CSV else NINJAONE_NAMES
                found.append((offer.vendor, reference, names[reference]))
                continue
            product, term = products[reference[0]], reference[1]
            if offer.mapping == "bare":
                found.append((PAX8, product.id, product.name))
            else:
                service_id = pax8_service_id(product.id, term)
                found.append((PAX8, service_id, pax8_service_name(product.name, term)))
        return found

    def _planted(self, note: Note) -> dict[str, object]:
        """The note with the ids that exist only now."""
        services = [] if note.offer.mapping == "none" else self.services(note.offer.key)
        record: dict[str, object] = {
            "error": note.error,
            "company_id": str(note.plan.company.id),
            "product_ids": sorted(str(self._product_ids[key]) for key in note.offer.products),
            "service_ids": sorted([system, service_id] for system, service_id, _ in services),
            "finding": note.finding.value,
            "qty_psa": plain(note.qty_psa),
            "qty_vendor": plain(note.qty_vendor),
        }
        if note.exclusion is not None:
            kind, reason = note.exclusion
            twin_id = note.plan.twin.id if note.plan.twin else None
            record_ids = {
                "agreement": (CONNECTWISE, note.plan.agreements.get(note.error)),
                "company": (CONNECTWISE, twin_id),
                "account": (PAX8, next(iter(note.plan.accounts[PAX8].ids), None))
                if kind == "account"
                else (PAX8, None),
            }
            system, record_id = record_ids[kind]
            record["exclusion"] = {
                "system": system,
                "record_kind": kind,
                "record_id": str(record_id),
                "reason": reason,
            }
        return record
