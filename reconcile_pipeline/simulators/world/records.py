"""The records of the made-up MSP, system by system, and the world that holds them.

Plain data only: how it is made stands in `world`, what it should lead to in `truth`, and how a
system shows it in that system's server.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

CONNECTWISE: Final = "connectwise"
AUTOTASK: Final = "autotask"
HALOPSA: Final = "halopsa"
SYNCRO: Final = "syncro"
KASEYA_BMS: Final = "kaseya_bms"
PULSEWAY: Final = "pulseway"
PAX8 = "pax8"
NINJAONE = "ninjaone"
BACKUP_CSV = "backup_csv"


@dataclass(slots=True)
class Company:
    """A PSA company; `is_deleted` is the recycle bin."""

    id: int
    identifier: str
    name: str
    status_id: int
    type_ids: tuple[int, ...]
    city: str
    contact: str
    headcount: int
    updated_at: str
    parent_id: int | None = None
    is_deleted: bool = False
    deleted_at: str | None = None


@dataclass(slots=True)
class Agreement:
    """A PSA agreement; a `cycle_id` of None is the screen's "Billing Cycle = None"."""

    id: int
    company_id: int
    name: str
    type_id: int
    starts_on: date
    updated_at: str
    cycle_id: int | None
    bill_to_id: int = 0
    parent_id: int | None = None
    ends_on: date | None = None
    status: str = "Active"
    is_cancelled: bool = False
    cancelled_on: date | None = None
    is_one_time: bool = False


@dataclass(slots=True)
class Line:
    """An addition on an agreement."""

    id: int
    agreement_id: int
    product_id: int
    quantity: Decimal
    unit_price: Decimal
    effective_on: date
    updated_at: str
    less_included: Decimal = Decimal(0)
    bill_customer: str = "Billable"
    cancelled_on: date | None = None


@dataclass(slots=True)
class Product:
    """A PSA catalogue item; `description` is the name people read."""

    id: int
    identifier: str
    description: str
    product_class: str
    price: Decimal
    cost: Decimal
    is_recurring: bool
    is_inactive: bool = False
    vendor_sku: str = ""


@dataclass(slots=True)
class Pax8Company:
    """A customer of the distributor."""

    id: str
    name: str
    status: str
    city: str
    external_id: str | None
    updated_on: date


@dataclass(slots=True)
class Pax8Product:
    """A product of the distributor; `terms` are its (billing term, commitment term) versions."""

    id: str
    key: str
    name: str
    vendor_name: str
    sku: str
    cost: Decimal
    price: Decimal
    terms: tuple[tuple[str, str | None], ...]


@dataclass(slots=True)
class Subscription:
    """Licences of one product in one term, for one customer."""

    id: str
    company_id: str
    product_id: str
    quantity: int
    status: str
    billing_term: str
    commitment_term: str | None
    starts_on: date
    ends_on: date | None = None
    commitment_ends_on: date | None = None
    parent_id: str | None = None


@dataclass(slots=True)
class Organization:
    """A customer, or one site of a customer, in the RMM."""

    id: int
    name: str
    location_ids: tuple[int, ...]


@dataclass(slots=True)
class Device:
    """A node of the RMM."""

    id: int
    organization_id: int
    location_id: int
    node_class: str
    approval: str
    is_offline: bool
    created_on: date


@dataclass(slots=True)
class BackupRow:
    """One row of the backup vendor's monthly file."""

    account_id: str
    account_name: str
    service_key: str
    service_name: str
    quantity: Decimal


@dataclass(slots=True)
class MappingRow:
    """One row of the mappings a person keeps in a spreadsheet."""

    kind: str
    system: str
    id: str
    name: str
    target_id: str = ""
    state: str = "mapped"
    reason: str = ""
    leg: str = "usage"


@dataclass(slots=True)
class World:
    """One MSP at one day: what every system holds, and what was planted wrong on purpose."""

    seed: int
    size: str
    as_of: date
    companies: list[Company] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    pax8_companies: list[Pax8Company] = field(default_factory=list)
    pax8_products: list[Pax8Product] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    organizations: list[Organization] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    backup_rows: list[BackupRow] = field(default_factory=list)
    mappings: list[MappingRow] = field(default_factory=list)
    planted: list[dict[str, object]] = field(default_factory=list)
    at: dict[str, Any] = field(default_factory=dict)
    """By system: the records of each further vendor, a dataclass of lists of its own."""
