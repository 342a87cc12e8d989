"""The truth's mapping and comparison: which account is whose, which service feeds what, each card.

Exact names map when they are unambiguous; mappings.csv maps or excludes by id and goes first.
A service group is a connected component of services and products; usage counts only there.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from reconcile_pipeline.model import Finding
from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.catalogue import plain
from reconcile_pipeline.simulators.world.records import PAX8, MappingRow, World

Service = tuple[str, str]
Group = tuple[set[int], set[Service]]


class Mapped:
    """Accounts of companies, services of products, and what nobody mapped or somebody excluded."""

    def __init__(self, world: World, usage: Usage, live_names: Mapping[str, list[int]]) -> None:
        self.exclusions: list[dict[str, str]] = []
        self.unmapped_accounts: list[dict[str, str]] = []
        self.unmapped_services: list[dict[str, str]] = []
        self.company_of: dict[Service, int] = {}
        self.edges: list[tuple[Service, int]] = []
        self.legs: dict[Service, str] = {}
        """The leg of each mapped service; only `usage` is compared."""
        self._world = world
        self._usage = usage
        self._map_accounts(live_names)
        self._map_services()

    def _map_accounts(self, live_names: Mapping[str, list[int]]) -> None:
        rows = {(r.system, r.id): r for r in self._world.mappings if r.kind == "account"}
        used = {(system, account) for (system, account, _), q in self._usage.totals.items() if q}
        for key, name in self._usage.accounts.items():
            row = rows.get(key)
            companies = live_names.get(name, [])
            if row is not None and row.state == "excluded":
                self._exclude("account", key)
            elif row is not None:
                self.company_of[key] = int(row.target_id)
            elif len(companies) == 1:
                self.company_of[key] = companies[0]
            elif key in used:
                self.unmapped_accounts.append({"system": key[0], "account_id": key[1]})

    def _map_services(self) -> None:
        by_hand = defaultdict(list)
        for row in self._world.mappings:
            if row.kind == "service":
                by_hand[row.system, row.id].append(row)
        product_ids = defaultdict(list)
        for product in self._world.products:
            product_ids[product.description].append(product.id)
        used = {(system, service) for (system, _, service), q in self._usage.totals.items() if q}
        for key, name in self._usage.services.items():
            rows = by_hand.get(key, [])
            named = product_ids.get(name, [])
            if any(row.state == "excluded" for row in rows):
                self._exclude("service", key)
            elif rows:
                self._link(rows)
                if rows[0].leg != "usage":
                    self._exclude("service", key, f"leg_{rows[0].leg}")
            elif len(named) == 1 and not _is_bare(key):
                self.edges.append((key, named[0]))
            elif key in used:
                self.unmapped_services.append({"system": key[0], "service_id": key[1]})
        unlisted = sorted(by_hand.keys() - self._usage.services.keys())
        # Somebody's word holds also while the vendor shows no unit of the service anywhere.
        rows = [row for key in unlisted for row in by_hand[key]]
        self._link(row for row in rows if row.state != "excluded")

    def _link(self, rows: Iterable[MappingRow]) -> None:
        for row in rows:
            self.edges.append(((row.system, row.id), int(row.target_id)))
            self.legs.setdefault((row.system, row.id), row.leg)

    def _exclude(self, kind: str, key: Service, reason: str = "excluded_by_mapping") -> None:
        self.exclusions.append(
            {
                "system": key[0],
                "record_kind": kind,
                "record_id": key[1],
                "reason": reason,
            }
        )

    def tellers(self, services: Iterable[Service], leg: str) -> set[str]:
        """The systems whose services tell a leg."""
        return {
            service[0]
            for service in services
            if not _is_bare(service) and self.legs.get(service, "usage") == leg
        }

    def groups(self) -> list[Group]:
        """Products and services of each connected component of the mapping."""
        found: list[Group] = []
        for service, product in self.edges:
            touching = [g for g in found if product in g[0] or service in g[1]]
            merged: Group = ({product}, {service})
            for group in touching:
                merged[0].update(group[0])
                merged[1].update(group[1])
                found.remove(group)
            found.append(merged)
        return found


def cards(
    world: World,
    quantities: Mapping[tuple[int, int], Decimal],
    prices: Mapping[tuple[int, int], Iterable[Decimal]],
    usage: Usage,
    mapped: Mapped,
) -> list[dict[str, Any]]:
    """Every card of the world, sorted by company and products."""
    groups = mapped.groups()
    fed = {product for products, _ in groups for product in products}
    groups += [({product.id}, set()) for product in world.products if product.id not in fed]
    group_of = {p: number for number, (products, _) in enumerate(groups) for p in products}
    psa: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    price: dict[tuple[int, int], set[Decimal]] = defaultdict(set)
    for (company, product), quantity in quantities.items():
        psa[company, group_of[product]] += quantity
        price[company, group_of[product]].update(prices[company, product])
    counted = {leg: _counted(groups, usage, mapped, leg) for leg in ("usage", "purchased")}
    untold = _untold(groups, usage, mapped)
    vendors_of: dict[int, set[str]] = defaultdict(set)
    for (system, account), company in mapped.company_of.items():
        if (system, account) not in usage.unasked:
            vendors_of[company].add(system)
    result = []
    for key in sorted({*psa, *counted["usage"]}, key=lambda key: (key[0], min(groups[key[1]][0]))):
        products, services = groups[key[1]]
        vendor, bought = (
            _known(counted[leg], key, mapped.tellers(services, leg), vendors_of[key[0]])
            for leg in ("usage", "purchased")
        )
        vendor = None if key in untold else vendor
        card = _card(key[0], products, services, psa.get(key), vendor)
        card["qty_purchased"] = plain(bought)
        result.append(card | _money(price[key], psa.get(key), vendor))
    return result


def _counted(
    groups: list[Group], usage: Usage, mapped: Mapped, leg: str
) -> dict[tuple[int, int], Decimal]:
    """Units above zero by (company, group number), over all accounts of the company."""
    group_of = {s: number for number, (_, services) in enumerate(groups) for s in services}
    counted: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for (system, account, service), quantity in usage.totals.items():
        owner = mapped.company_of.get((system, account))
        number = group_of.get((system, service))
        is_of_leg = mapped.legs.get((system, service), "usage") == leg
        if owner is not None and number is not None and quantity and is_of_leg:
            counted[owner, number] += quantity
    return counted


def _known(
    counted: Mapping[tuple[int, int], Decimal],
    key: tuple[int, int],
    told_by: set[str],
    vendors: set[str],
) -> Decimal | None:
    """What a leg counts for a card: 0 if a vendor that tells it has an account, else unknown."""
    if key in counted:
        return counted[key]
    return Decimal(0) if told_by & vendors else None


def _untold(groups: list[Group], usage: Usage, mapped: Mapped) -> set[tuple[int, int]]:
    """(company, group number) where a part of the count is not known."""
    return {
        (mapped.company_of[system, account], number)
        for system, account, service in usage.untold
        for number, (_, services) in enumerate(groups)
        if (system, service) in services
        and (system, account) in mapped.company_of
        and mapped.legs.get((system, service), "usage") == "usage"
    }


def _card(
    company: int,
    products: set[int],
    services: set[Service],
    psa: Decimal | None,
    vendor: Decimal | None,
) -> dict[str, Any]:
    return {
        "company_id": str(company),
        "product_ids": sorted(str(product) for product in products),
        "service_ids": sorted(list(service) for service in services),
        "finding": _finding(psa, vendor, is_connected=bool(services)).value,
        "qty_psa": plain(psa),
        "qty_vendor": plain(vendor),
    }


def _finding(psa: Decimal | None, vendor: Decimal | None, *, is_connected: bool) -> Finding:
    if not is_connected:
        return Finding.NOT_CONNECTED
    if vendor is None:
        return Finding.NO_VENDOR_FIGURE
    if psa is None:
        return Finding.NEW_REVENUE
    if vendor == psa:
        return Finding.MATCH
    return Finding.UNDER_BILLED if vendor > psa else Finding.OVER_BILLED


def _money(prices: set[Decimal], psa: Decimal | None, vendor: Decimal | None) -> dict[str, str]:
    """The money at stake, where all lines of the card share one price and so leave no choice."""
    if psa is None or vendor is None or len(prices) != 1:
        return {}
    return {"amount_delta": plain((vendor - psa) * next(iter(prices))) or "0"}


def _is_bare(service: Service) -> bool:
    """A product without a term: the twin that never counts."""
    return service[0] == PAX8 and "|" not in service[1]
