"""What the made-up MSP buys and sells: vendor products, PSA products, and which feeds which.

An `Offer` is one thing a customer can have: the vendor services that count it and the PSA products
that bill it. Ids are dealt out by `world`; money is in US dollars.
"""

from dataclasses import dataclass
from decimal import Decimal

from .records import BACKUP_CSV, NINJAONE, PAX8

Term = tuple[str, str | None]

MONTHLY_1Y: Term = ("Monthly", "1-Year")
ANNUAL_1Y: Term = ("Annual", "1-Year")
MONTHLY: Term = ("Monthly", None)
ANNUAL: Term = ("Annual", None)
ONE_TIME: Term = ("One-Time", None)
TRIAL: Term = ("Trial", None)


@dataclass(frozen=True, slots=True)
class VendorProduct:
    """A Pax8 product before it has an id."""

    key: str
    name: str
    vendor_name: str
    sku: str
    cost: str
    price: str
    terms: tuple[Term, ...]


PAX8_PRODUCTS = (
    VendorProduct(
        "bp",
        "Microsoft 365 Business Premium",
        "Microsoft",
        "MST-365-BPR",
        "18.70",
        "22.00",
        (ANNUAL_1Y, MONTHLY_1Y),
    ),
    VendorProduct(
        "bs",
        "Microsoft 365 Business Standard",
        "Microsoft",
        "MST-365-BST",
        "10.63",
        "12.50",
        (MONTHLY_1Y,),
    ),
    VendorProduct(
        "bb",
        "Microsoft 365 Business Basic",
        "Microsoft",
        "MST-365-BBA",
        "5.10",
        "6.00",
        (MONTHLY_1Y, MONTHLY),
    ),
    VendorProduct(
        "e3",
        "Microsoft 365 E3",
        "Microsoft",
        "MST-365-E3",
        "30.60",
        "36.00",
        (ANNUAL_1Y, MONTHLY_1Y),
    ),
    VendorProduct(
        "exo",
        "Exchange Online (Plan 1)",
        "Microsoft",
        "MST-EXO-P1",
        "3.40",
        "4.00",
        (MONTHLY_1Y,),
    ),
    VendorProduct(
        "phone",
        "Microsoft Teams Phone Standard",
        "Microsoft",
        "MST-TEA-PHN",
        "6.80",
        "8.00",
        (MONTHLY_1Y,),
    ),
    VendorProduct(
        "webroot",
        "Webroot SecureAnywhere Business Endpoint Protection",
        "Webroot",
        "WBR-SEC-EP",
        "1.35",
        "3.10",
        (MONTHLY,),
    ),
    VendorProduct(
        "proof",
        "Proofpoint Essentials Advanced",
        "Proofpoint",
        "PRP-ESS-ADV",
        "2.10",
        "4.50",
        (MONTHLY,),
    ),
    VendorProduct("duo", "Duo Essentials", "Cisco", "CSC-DUO-ESS", "2.55", "3.00", (ANNUAL,)),
    VendorProduct(
        "keeper",
        "Keeper Business",
        "Keeper Security",
        "KPR-BUS-STD",
        "2.60",
        "4.00",
        (MONTHLY,),
    ),
    VendorProduct(
        "skyvault",
        "Skyvault Mail Protection",
        "Skyvault",
        "SKY-EML-PRO",
        "1.90",
        "3.75",
        (MONTHLY,),
    ),
    VendorProduct(
        "onboard",
        "Microsoft 365 Onboarding Assistance",
        "Pax8",
        "PX8-PS-ONB",
        "250.00",
        "400.00",
        (ONE_TIME, TRIAL),
    ),
)


@dataclass(frozen=True, slots=True)
class PsaProduct:
    """A PSA catalogue item before it has an id."""

    key: str
    description: str
    price: str
    cost: str
    product_class: str = "Agreement"


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing a customer can have.

    `services` are NinjaOne or file service keys, or for Pax8 `(product key, term)`. `mapping` is
    how the MSP tied the two sides together: `exact` (same string), `file` (mappings.csv), `bare`
    (the mistake of mapping the no-term twin) or `none`. `share` is the part of the vendor's
    customers that have it (0: only where planted), `per_head` the units per employee.
    """

    key: str
    vendor: str
    services: tuple[str | tuple[str, Term], ...]
    products: tuple[str, ...]
    mapping: str
    share: float
    per_head: float
    is_fractional: bool = False
    bought: tuple[str | tuple[str, str], ...] = ()
    """Services that tell what was purchased of it: the vendor's own, or (system, service)."""


def pax8_service_name(product_name: str, term: Term) -> str:
    """How the distributor's screens write a product with its term."""
    billing, commitment = term
    tail = f" — {commitment.replace('-', ' ')}" if commitment else ""
    return f"{product_name} {billing}{tail}"


def pax8_service_id(product_id: str, term: Term) -> str:
    """The id of one term version of a product."""
    return f"{product_id}|{term[0]}|{term[1] or 'none'}"


BACKUP_SERVICES = {
    "srv-img": "Server image backup agent",
    "ws-img": "Workstation image backup agent",
    "cloud-tb": "Cloud Backup Storage (TB)",
    "saas-seat": "SaaS Backup Seat",
}

NINJAONE_NAMES = {
    "total_devices": "Total Devices",
    "total_servers": "Total Servers",
    "total_physical_servers": "Total Physical Servers",
    "total_virtual_servers": "Total Virtual Servers",
    "total_workstations": "Total Workstations",
    "total_workstations_and_servers": "Total Workstations and Servers",
    "total_network_devices": "Total Network Devices",
    "total_mobile_devices": "Total Mobile Devices",
}

OFFERS = (
    Offer("bp-annual", PAX8, (("bp", ANNUAL_1Y),), ("bp-annual",), "exact", 0.45, 0.8),
    Offer("bp-monthly", PAX8, (("bp", MONTHLY_1Y),), ("bp-monthly",), "exact", 0.35, 0.3),
    Offer("bs-monthly", PAX8, (("bs", MONTHLY_1Y),), ("bs-monthly",), "exact", 0.45, 0.5),
    Offer("bb-term", PAX8, (("bb", MONTHLY_1Y),), ("bb-term",), "exact", 0.3, 0.2),
    Offer("bb-flex", PAX8, (("bb", MONTHLY),), ("bb-flex",), "exact", 0.2, 0.1),
    Offer("e3", PAX8, (("e3", ANNUAL_1Y), ("e3", MONTHLY_1Y)), ("e3",), "file", 0.2, 0.6),
    Offer("exo", PAX8, (("exo", MONTHLY_1Y),), ("exo",), "exact", 0.4, 0.25),
    Offer("phone", PAX8, (("phone", MONTHLY_1Y),), ("phone",), "exact", 0.25, 0.4),
    Offer("webroot", PAX8, (("webroot", MONTHLY),), ("webroot",), "exact", 0.4, 1.1),
    Offer("proof", PAX8, (("proof", MONTHLY),), ("proof",), "exact", 0.4, 1.0),
    Offer("duo", PAX8, (("duo", ANNUAL),), ("duo",), "file", 0.35, 1.0),
    Offer("keeper", PAX8, (("keeper", MONTHLY),), ("keeper",), "bare", 0.0, 0.9),
    Offer("skyvault", PAX8, (("skyvault", MONTHLY),), ("skyvault",), "none", 0.0, 0.9),
    Offer("servers", NINJAONE, ("total_servers",), ("server",), "file", 0.85, 0.12),
    Offer(
        "workstations",
        NINJAONE,
        ("total_workstations",),
        ("ws", "ws-premium", "mac"),
        "file",
        1.0,
        1.05,
    ),
    Offer("network", NINJAONE, ("total_network_devices",), ("network",), "file", 0.7, 0.25),
    Offer("mobile", NINJAONE, ("total_mobile_devices",), ("mobile",), "file", 0.4, 0.4),
    Offer("srv-img", BACKUP_CSV, ("srv-img",), ("srv-img",), "file", 0.8, 0.1),
    Offer("ws-img", BACKUP_CSV, ("ws-img",), ("ws-img",), "file", 0.4, 0.3),
    Offer("cloud-tb", BACKUP_CSV, ("cloud-tb",), ("cloud-tb",), "exact", 0.7, 0.09, True),
    Offer("saas-seat", BACKUP_CSV, ("saas-seat",), ("saas-seat",), "exact", 0.5, 0.9),
)
OFFER = {offer.key: offer for offer in OFFERS}

_MICROSOFT = {product.key: product for product in PAX8_PRODUCTS}


def _named(key: str, product: str, term: Term, price: str) -> PsaProduct:
    """A PSA product that carries the vendor's own name for the service."""
    vendor = _MICROSOFT[product]
    return PsaProduct(key, pax8_service_name(vendor.name, term), price, vendor.cost)


PSA_PRODUCTS = (
    _named("bp-annual", "bp", ANNUAL_1Y, "26.40"),
    _named("bp-monthly", "bp", MONTHLY_1Y, "27.90"),
    _named("bs-monthly", "bs", MONTHLY_1Y, "15.60"),
    _named("bb-term", "bb", MONTHLY_1Y, "7.80"),
    _named("bb-flex", "bb", MONTHLY, "8.95"),
    _named("exo", "exo", MONTHLY_1Y, "5.25"),
    _named("phone", "phone", MONTHLY_1Y, "10.50"),
    _named("webroot", "webroot", MONTHLY, "4.00"),
    _named("proof", "proof", MONTHLY, "5.95"),
    PsaProduct("e3", "Microsoft 365 E3 (any term)", "42.00", "30.60"),
    PsaProduct("duo", "Multi-factor Authentication per User", "4.50", "2.55"),
    PsaProduct("keeper", "Keeper Business", "5.50", "2.60"),
    PsaProduct("skyvault", "Skyvault Email Backup Monthly", "4.75", "1.90"),
    PsaProduct("server", "Managed Server", "145.00", "38.00"),
    PsaProduct("ws", "Managed Workstation", "45.00", "9.50"),
    PsaProduct("ws-premium", "Managed Workstation - Premium", "65.00", "14.00"),
    PsaProduct("mac", "Managed Mac", "49.00", "9.50"),
    PsaProduct("network", "Managed Network Device", "22.50", "4.00"),
    PsaProduct("mobile", "Mobile Device Management", "6.25", "1.80"),
    PsaProduct("srv-img", "Server Image Backup", "95.00", "41.00"),
    PsaProduct("ws-img", "Workstation Backup", "14.00", "5.20"),
    PsaProduct("cloud-tb", "Cloud Backup Storage (TB)", "39.99", "17.50"),
    PsaProduct("saas-seat", "SaaS Backup Seat", "3.85", "1.60"),
)

UNFED_PRODUCTS = (
    PsaProduct("helpdesk", "Help Desk Support per User", "38.00", "21.00", "Service"),
    PsaProduct("vcio", "Virtual CIO Retainer", "450.00", "180.00", "Service"),
    PsaProduct("labour", "Prepaid Labour Hours", "140.00", "65.00", "Service"),
    PsaProduct("flat", "Managed Services Flat Fee", "1250.00", "600.00", "Service"),
    PsaProduct("fwlease", "Firewall Lease", "89.00", "40.00"),
    PsaProduct("voip", "Hosted Voice Seat", "24.00", "11.00"),
    PsaProduct("domain", "Domain & DNS Management", "8.00", "2.00"),
    PsaProduct("colo", "Rack Space (U)", "35.00", "15.00"),
)

FILLER_WORDS = ("Laptop", "Docking Station", "Monitor", "Access Point", "Switch", "UPS", "Cable")


def plain(number: Decimal | None) -> str | None:
    """A quantity as the truth file writes it: no exponent, no trailing zeros."""
    if number is None:
        return None
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
