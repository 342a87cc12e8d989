"""Sophos Central in the made-up MSP: tenants, two months of report lines, licences of term tenants.

Around what counts stands what the report is known for: several lines and price bands for one
product, order lines shared by customers, firewalls without a tenant, customers that are gone.
"""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.dates import month_start
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendor_side import new_uuid
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

SOPHOS = "sophos"
REGIONS = (("US", "us01"), ("US", "us03"), ("DE", "eu02"), ("GB", "eu01"))


@dataclass(frozen=True, slots=True)
class Code:
    """A product of the price list; `bands` are (words in the description, letter in the SKU)."""

    name: str
    group: str
    sku: str
    price: str
    bands: tuple[tuple[str, str], ...] = (("", "1"),)


USER_BANDS = ((" - 200-499 USERS", "F"), (" - 500-999 USERS", "G"), (" - 1,000-1,999 USERS", "H"))
CODES = {
    "CIXA-MSP": Code("Central Intercept X Advanced", "User", "CEAZ1C", "2.15", USER_BANDS),
    "CIXASVR-MSP": Code(
        "Central Intercept X Advanced for Server",
        "Server",
        "CSAZ1C",
        "4.10",
        ((" - 25-49 SERVERS", "C"), (" - 5000+ SERVERS", "K")),
    ),
    "CEMA-MSP": Code("Central Email Advanced", "User", "CEMZ1C", "1.45", USER_BANDS),
    "XGS-MSP": Code("XGS 116 Xstream Protection", "Device", "XG1ATC", "21.00"),
    "PHISH-MSP": Code("Central Phish Threat", "User", "CPTZ1C", "0.90", USER_BANDS),
}
LICENCES = {"CIXA": "Intercept X Advanced", "MDRCE": "MDR Complete"}


@dataclass(slots=True)
class SophosTenant:
    """A customer; `show_as` None is absent in lists. Without assistance the partner sees less."""

    id: str
    name: str
    show_as: str | None
    geography: str
    region: str
    billing_type: str
    has_assistance: bool = True

    @property
    def shown(self) -> str:
        """The name people know it by."""
        return self.show_as or self.name


@dataclass(slots=True)
class SophosLine:
    """One line of a month's report; `id` is its external id, unlike the order line its own."""

    id: str
    product_code: str
    sku: str
    description: str
    quantity: Decimal
    actual: int
    order: str
    order_line: str
    serial: str
    starts_on: date
    account_id: str | None = None
    assigned_to: str | None = None
    unit_price: Decimal | None = None
    account_status: str = "active"

    @property
    def customer(self) -> str:
        """Who the line is for: a tenant, a name, or nothing but a serial number."""
        return self.account_id or self.assigned_to or self.serial


@dataclass(slots=True)
class SophosLicence:
    """What a term tenant purchased; a `quantity` of None is absent."""

    id: str
    tenant_id: str
    code: str
    kind: str
    starts_on: date
    ends_on: date | None
    quantity: int | None
    is_unlimited: bool = False


@dataclass(slots=True)
class SophosRecords:
    """What Sophos Central holds: `lines` of last month, `earlier_lines` of the month before."""

    partner_id: str = ""
    tenants: list[SophosTenant] = field(default_factory=list)
    lines: list[SophosLine] = field(default_factory=list)
    earlier_lines: list[SophosLine] = field(default_factory=list)
    licences: list[SophosLicence] = field(default_factory=list)


class SophosWriter:
    """Appends tenants, report lines and licences to a world."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._as_of = world.as_of
        self._records: SophosRecords = world.at[SOPHOS]
        self._records.partner_id = new_uuid(rng)

    def write(self, plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:
        """A tenant per name; what they are billed lies on all of them."""
        tenants = [self._tenant(name, "usage") for name in account.names]
        account.ids.extend(tenant.id for tenant in tenants)
        for need in needs:
            code = str(need.offer.services[need.service])
            if not need.vendor and self._rng.random() < 0.5:  # noqa: PLR2004 a line that bills none
                self._line(tenants[0], code, 0)
            share, rest = divmod(int(need.vendor), len(tenants))
            for number, tenant in enumerate(tenants):
                # The first site has the rest: an account above zero wherever there is use.
                self._write_units(tenant, code, share + (rest if number == 0 else 0))
        if plan is not None and account.is_in_mappings:
            self._map_names_of_lines(account, tenants)

    def finish(self) -> None:
        """What belongs to no customer's bill, and what only some reports show."""
        rng = self._rng
        first = self._records.tenants[0]
        self._line(first, "PHISH-MSP", 7)
        suspended = self._tenant("Old Mill Printing", "usage")
        self._line(suspended, "CIXA-MSP", 4).account_status = "suspended"
        gone = self._line(suspended, "CEMA-MSP", 3)
        gone.account_id, gone.assigned_to = new_uuid(rng), "Closed & Gone Ltd"
        loose, nameless = (self._line(suspended, "XGS-MSP", 1) for _ in range(2))
        loose.account_id = nameless.account_id = nameless.assigned_to = None
        trial = self._tenant("Kestrel Catering (trial)", "trial")
        trial.name, trial.show_as = "Kestrel Catering", "Kestrel Catering (trial)"
        trial.has_assistance = False
        for name in ("Harbor Point Marina", f"{first.shown[:36]} HQ"):
            self._licences(self._tenant(name, "term"))
        hidden = self._tenant("Brightwater Clinic", "term")
        hidden.has_assistance = False
        self._licences(hidden)
        self._write_month_before(first)

    def _write_units(self, tenant: SophosTenant, code: str, units: int) -> None:
        """One to three order lines, as bands and orders change within the month."""
        rng = self._rng
        if CODES[code].group == "Device":
            for _ in range(units):
                firewall = self._line(tenant, code, 1)
                if rng.random() < 0.4:  # noqa: PLR2004 not registered to the tenant
                    firewall.account_id = None
            return
        cuts = {rng.randint(1, units) for _ in range(rng.choice((0, 0, 1, 2)))} if units else set()
        for low, high in pairwise(sorted({0, units, *cuts})):
            self._line(tenant, code, high - low)

    def _map_names_of_lines(self, account: AccountPlan, tenants: list[SophosTenant]) -> None:
        """Whoever mapped the tenants by hand mapped the names on their loose firewalls, too."""
        loose = {line.assigned_to for line in self._records.lines if line.account_id is None}
        for name in [tenant.shown for tenant in tenants if tenant.shown in loose]:
            account.names.append(name)
            account.ids.append(f"assigned:{name}")

    def _tenant(self, name: str, billing_type: str) -> SophosTenant:
        geography, region = self._rng.choice(REGIONS)
        tenant = SophosTenant(
            new_uuid(self._rng), name, None, geography, region, billing_type=billing_type
        )
        if self._rng.random() < 0.5:  # noqa: PLR2004 half of them have a legal name besides
            tenant.name, tenant.show_as = f"{name} Holdings", name
        self._records.tenants.append(tenant)
        return tenant

    def _line(self, tenant: SophosTenant, code: str, units: int) -> SophosLine:
        rng = self._rng
        product = CODES[code]
        words, letter = rng.choice(product.bands)
        line = SophosLine(
            id=new_uuid(rng),
            product_code=code,
            sku=f"{product.sku}S{letter}",
            description=f"{product.name}{words} - MSP Monthly",
            quantity=Decimal(units),
            # Deployed, and not what is billed.
            actual=units + rng.choice((0, 0, 0, 2)),
            # Customers share order lines: the month's order is one per product.
            order=f"ORD-{self._as_of:%Y%m}",
            order_line=f"OL-{code}",
            serial=f"C{rng.getrandbits(56):014X}",
            starts_on=month_start(self._as_of, -1),
            account_id=tenant.id,
            assigned_to=tenant.shown,
            unit_price=None if rng.random() < 0.2 else Decimal(product.price),  # noqa: PLR2004
        )
        self._records.lines.append(line)
        return line

    def _licences(self, tenant: SophosTenant) -> None:
        started = self._as_of - timedelta(days=self._rng.randint(30, 300))
        until = started + timedelta(days=364)
        last_year = started - timedelta(days=1)
        old = started - timedelta(days=400)
        plain = ("CIXA", "term", started, until, self._rng.randint(5, 90), False)
        for code, kind, first, last, quantity, is_unlimited in (
            plain,
            ("CIXA", "term", old, last_year, 12, False),
            ("MDRCE", "term", started, None, 25, False),
            ("MDRCE", "trial", started, until, 10, False),
            ("MDRCE", "term", started, until, None, False),
            ("MDRCE", "term", started, until, None, True),
            ("MDRCE", "term", self._as_of + timedelta(days=20), until, 30, False),
        ):
            licence = SophosLicence(
                new_uuid(self._rng), tenant.id, code, kind, first, last, quantity, is_unlimited
            )
            self._records.licences.append(licence)

    def _write_month_before(self, tenant: SophosTenant) -> None:
        """The same with fewer units, and a product that the customer has no more."""
        lines = self._records.lines
        self._records.earlier_lines = [
            replace(line, quantity=max(line.quantity - 1, Decimal(0)), id=new_uuid(self._rng))
            for line in lines[: len(lines) * 2 // 3]
        ]
        given_up = self._line(tenant, "PHISH-MSP", 6)
        self._records.lines.remove(given_up)
        given_up.product_code, given_up.sku = "ZTNA-MSP", "ZTNZ1CSG"
        given_up.description = "Zero Trust Network Access - 500-999 USERS - MSP Monthly"
        self._records.earlier_lines.append(given_up)
        for line in self._records.earlier_lines:
            line.starts_on = month_start(self._as_of, -2)


def service_name(code: str) -> str:
    """A product's name without the band of its price."""
    return f"{CODES[code].name} - MSP Monthly"


SIDE = VendorSide(
    system=SOPHOS,
    share=0.6,
    family="managed",
    products=(
        PsaProduct("sophos-cixa", service_name("CIXA-MSP"), "4.50", "2.15"),
        PsaProduct("sophos-server", "Server Endpoint Protection", "9.75", "4.10"),
        PsaProduct("sophos-email", service_name("CEMA-MSP"), "3.20", "1.45"),
        PsaProduct("sophos-firewall", "Managed Firewall Subscription", "55.00", "21.00"),
    ),
    offers=(
        Offer("sophos-cixa", SOPHOS, ("CIXA-MSP",), ("sophos-cixa",), "exact", 0.9, 1.0),
        Offer("sophos-server", SOPHOS, ("CIXASVR-MSP",), ("sophos-server",), "file", 0.6, 0.12),
        Offer("sophos-email", SOPHOS, ("CEMA-MSP",), ("sophos-email",), "exact", 0.5, 0.9),
        Offer("sophos-firewall", SOPHOS, ("XGS-MSP",), ("sophos-firewall",), "file", 0.4, 0.05),
    ),
    services={code: service_name(code) for code in CODES}
    | {f"{code}|purchased": f"{name} (purchased)" for code, name in LICENCES.items()},
    records=SophosRecords,
    writer=SophosWriter,
)
