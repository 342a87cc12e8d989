"""What a mapping page shows: vendor items on one side, what the PSA has for them on the other.

States are those of the ledger now, not of the last run; units and money are the published ones.
Reads only. Checking and saving is the business of propose.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from reconcile_pipeline.ledger.mapping_entries import NOTHING_YET
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.mapping.standing import ACCOUNTS, SERVICES, Connection, ask, seen, standing

Row = TypeVar("Row")
PAGE_SIZE = 50


@dataclass(frozen=True)
class Filter:
    """Which rows, and which page of them; an empty text is no condition."""

    vendor: str = ""
    """The system's name in the settings."""
    state: str = ""
    """mapped, unmapped or excluded; companies and products know no excluded."""
    q: str = ""
    """Part of a name or an id, upper and lower case alike."""
    page: int = 1
    size: int = PAGE_SIZE

    @property
    def parameters(self) -> dict[str, Any]:
        """The filter as the statements take it."""
        skip = (max(self.page, 1) - 1) * self.size
        named = {"vendor": self.vendor, "state": self.state, "q": self.q.strip()}
        return {**named, "size": self.size, "skip": skip}


@dataclass(frozen=True)
class Total:
    """How many items are in a state, and how many units they have."""

    items: int = 0
    qty: Decimal = Decimal(0)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows of one page, and how many rows there are on all of them."""

    rows: tuple[Row, ...]
    items: int
    totals: Mapping[str, Total]
    """By state, whatever state the filter asks for; empty for companies and products."""


@dataclass(frozen=True)
class Part:
    """A thing named beside a row: a service with its units, or an item mapped to a target."""

    item_id: str
    name: str
    qty: Decimal | None = None
    system: str = ""


@dataclass(frozen=True)
class AccountRow:
    """A vendor account, and the PSA company it is mapped to."""

    system: str
    account_id: str
    account_name: str
    state: str
    company_id: str | None
    company_name: str | None
    method: str | None
    decided_by: str | None
    decided_at: datetime | None
    """Naive UTC, as in the tables."""
    reason: str | None
    drift: str | None
    is_listed: bool
    excluded_reason: str | None
    """Why the vendor's own state leaves it out, if it does."""
    domain: str | None
    parent_account_id: str | None
    parent_account_name: str | None
    qty: Decimal
    services: tuple[Part, ...]
    first_seen_period: str | None
    basis: int
    """The number of its newest entry: to be handed back with a proposal."""


@dataclass(frozen=True)
class CompanyRow:
    """A PSA company, the vendor accounts mapped to it, and what its lines are worth."""

    company_id: str
    name: str
    is_active: bool
    excluded_reason: str | None
    accounts_count: int
    accounts: tuple[Part, ...]
    amounts: Mapping[str, Decimal]
    """By currency: units × price of its lines, per billing cycle."""


@dataclass(frozen=True)
class Link:
    """One PSA product that a service is mapped to."""

    product_id: str
    name: str | None
    leg: str
    multiplier: Decimal
    unit_price: Decimal | None
    currency: str | None
    method: str
    decided_by: str
    decided_at: datetime
    reason: str | None


@dataclass(frozen=True)
class ServiceRow:
    """A vendor service, and the PSA products it is mapped to."""

    system: str
    service_id: str
    service_name: str
    state: str
    is_countable: bool
    rule: str | None
    drift: str | None
    reason: str | None
    """Why it is excluded; a link has its own."""
    decided_by: str | None
    decided_at: datetime | None
    links: tuple[Link, ...]
    unit: str | None
    billing_term: str | None
    commitment_term: str | None
    is_listed: bool
    qty: Decimal
    accounts_count: int
    companies_count: int
    """Companies that use it through a mapped account."""
    unit_cost_low: Decimal | None
    unit_cost_high: Decimal | None
    currency: str | None
    basis: int


@dataclass(frozen=True)
class ProductRow:
    """A PSA product, the vendor services mapped to it, and how much it is invoiced."""

    product_id: str
    name: str
    is_active: bool
    unit_price: Decimal | None
    currency: str | None
    lines_count: int
    companies_count: int
    qty: Decimal
    services: tuple[Part, ...]


def accounts(
    connection: Connection,
    ledger: Ledger,
    period: str,
    wanted: Filter,
    *,
    until: datetime | None = None,
) -> Page[AccountRow]:
    """Vendor accounts; those without a company first, and of those the ones with most units.

    `until`: the instant after which mappings count for later periods only; None: all count.
    """
    now = standing(ledger, until)
    values = {"period": period, **wanted.parameters}
    with seen(connection, period, ledger, now) as cursor:
        totals = _totals(ask(cursor, "account_totals", values))
        found = ask(cursor, "accounts", values)
    rows = (
        AccountRow(
            **row | {"services": _parts(row["services"])},
            basis=now.numbers.get(("account", row["system"], row["account_id"]), NOTHING_YET),
        )
        for row in found
    )
    return Page(tuple(rows), _items(totals, wanted), totals)


def companies(
    connection: Connection,
    ledger: Ledger,
    period: str,
    wanted: Filter,
    *,
    until: datetime | None = None,
) -> Page[CompanyRow]:
    """PSA companies, those in billing first and the dearest of them; also those out of billing."""
    values = {"period": period, **wanted.parameters}
    with seen(connection, period, ledger, standing(ledger, until)) as cursor:
        found = ask(cursor, "companies", values)
    items = found[0]["items"] if found else 0
    rows = (
        CompanyRow(
            **_without(row, "items")
            | {
                "accounts": _parts(row["accounts"]),
                "amounts": {each["currency"]: each["amount"] for each in row["amounts"] or ()},
            }
        )
        for row in found
    )
    return Page(tuple(rows), items, {})


def services(
    connection: Connection,
    ledger: Ledger,
    period: str,
    wanted: Filter,
    *,
    until: datetime | None = None,
) -> Page[ServiceRow]:
    """Vendor services; those without a product first, and of those the ones with most units."""
    now = standing(ledger, until)
    values = {"period": period, **wanted.parameters}
    with seen(connection, period, ledger, now, ACCOUNTS + SERVICES) as cursor:
        totals = _totals(ask(cursor, "service_totals", values))
        found = ask(cursor, "services", values)
    rows = (
        ServiceRow(
            **row | {"links": tuple(Link(**link) for link in row["links"] or ())},
            basis=now.numbers.get(("service", row["system"], row["service_id"]), NOTHING_YET),
        )
        for row in found
    )
    return Page(tuple(rows), _items(totals, wanted), totals)


def products(
    connection: Connection,
    ledger: Ledger,
    period: str,
    wanted: Filter,
    *,
    until: datetime | None = None,
) -> Page[ProductRow]:
    """PSA products, the ones with most lines first."""
    values = {"period": period, **wanted.parameters}
    now = standing(ledger, until)
    with seen(connection, period, ledger, now, SERVICES) as cursor:
        found = ask(cursor, "products", values)
    items = found[0]["items"] if found else 0
    rows = (
        ProductRow(**_without(row, "items") | {"services": _parts(row["services"])})
        for row in found
    )
    return Page(tuple(rows), items, {})


def _parts(found: list[dict[str, Any]] | None) -> tuple[Part, ...]:
    return tuple(Part(**part) for part in found or ())


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _totals(rows: list[dict[str, Any]]) -> dict[str, Total]:
    found = {row["state"]: Total(row["items"], row["qty"]) for row in rows}
    return {state: found.get(state, Total()) for state in ("unmapped", "mapped", "excluded")}


def _items(totals: Mapping[str, Total], wanted: Filter) -> int:
    states = [wanted.state] if wanted.state else list(totals)
    return sum(totals[state].items for state in states if state in totals)
