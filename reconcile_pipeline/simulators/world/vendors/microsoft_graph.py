"""Customer tenants as Microsoft Graph shows them: seats assigned, seats there are, who sold them.

Every tenant has SKUs that cost nothing; some seats were bought elsewhere, some are on trial, some
have lapsed while people still hold them. And some tenants don't let the provider in at all.
"""

from dataclasses import dataclass, field
from random import Random

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendor_side import new_uuid
from reconcile_pipeline.simulators.world.vendors.microsoft_partner_center import (
    GRAPH,
    PARTNER_CENTER,
    PARTNER_TENANT,
    PREMIUM_VERSIONS,
    service_id,
)
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

PREMIUM = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
E5 = "c7df2760-2c81-4ef7-b578-5b5392b571df"
EXCHANGE = "4b9405b0-7788-4568-add1-99614e613b69"
VISIO = "c5928f49-12ba-48f7-ada3-0d743a3601d5"
PARTS = {
    PREMIUM: "SPB",
    E5: "ENTERPRISEPREMIUM",
    EXCHANGE: "EXCHANGESTANDARD",
    VISIO: "VISIOCLIENT",
}
NAMED = {"SPB": "Microsoft 365 Business Premium", "ENTERPRISEPREMIUM": "Office 365 E5"}
FREE = {
    "f30db892-07e9-47e9-837c-80727f46fd3d": ("FLOW_FREE", 10_000),
    "a403ebcc-fae0-4ca2-8c8c-7a907fd6c235": ("POWER_BI_STANDARD", 1_000_000),
    "710779e8-3d4a-4c88-adb9-386c958d1fdf": ("TEAMS_EXPLORATORY", 100),
    "5b631642-bd26-49fe-bd20-1daaa972ef80": ("POWERAPPS_DEV", 10_000),
}
STORAGE = ("99049c9c-6011-4908-bf17-15f496e6519d", "SHAREPOINTSTORAGE")
"""A SKU of the tenant as a whole: it has no seats."""
CLUTTER = (
    "elsewhere",
    "trial",
    "Suspended",
    "LockedOut",
    "Deleted",
    "mixed",
    "overdrawn",
    "Warning",
)
ACCESS = ("pending", "no_consent", "denied", "expired", "mfa", "no_relationship")
"""Why a tenant can't be asked."""


@dataclass(slots=True)
class GraphTenant:
    """A customer's tenant; `access` is "ready" or why the provider can't look into it."""

    id: str
    name: str
    access: str = "ready"


@dataclass(slots=True)
class GraphRelationship:
    """One GDAP relationship; without a tenant it was made and offered to nobody yet."""

    id: str
    tenant_id: str | None
    status: str


@dataclass(slots=True)
class GraphSku:
    """One SKU of a tenant; its id is made of both."""

    id: str
    tenant_id: str
    sku_id: str
    part: str
    consumed: int
    enabled: int
    warning: int = 0
    status: str = "Enabled"
    applies_to: str = "User"


@dataclass(slots=True)
class GraphSubscription:
    """Seats of a SKU that were sold together; nobody's tenant is a direct purchase."""

    id: str
    tenant_id: str
    sku_id: str
    part: str
    total: int
    owner: str | None
    status: str = "Enabled"
    is_trial: bool = False


@dataclass(slots=True)
class GraphRecords:
    """All that the tenants hold."""

    tenants: list[GraphTenant] = field(default_factory=list)
    relationships: list[GraphRelationship] = field(default_factory=list)
    skus: list[GraphSku] = field(default_factory=list)
    subscriptions: list[GraphSubscription] = field(default_factory=list)


class GraphWriter:
    """Puts customers into tenants, and around them what nobody pays us for."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._records: GraphRecords = world.at[GRAPH]
        self._next_clutter = 0

    def write(self, plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:
        """A tenant per name; the first has what does not come out even."""
        tenants = [self._tenant(name) for name in account.names]
        account.ids.extend(tenant.id for tenant in tenants)
        for need in needs:
            sku = str(need.offer.services[need.service])
            share = int(need.vendor) // len(tenants)
            rest = int(need.vendor) - share * (len(tenants) - 1)
            for tenant, units in zip(tenants, (rest, *[share] * len(tenants)), strict=False):
                self._seats(tenant, sku, units)
        if plan is None:
            for sku in PARTS:
                self._seats(tenants[0], sku, 2)
        if plan is not None and self._rng.random() < 0.1:  # noqa: PLR2004 its access was lost
            self._lock(tenants[-1], self._rng.choice(ACCESS))
        for tenant in tenants:
            self._free(tenant)
            if tenant.access == "ready":
                self._clutter(tenant)

    def finish(self) -> None:
        """A tenant for each oddity that is left and each way of not being ready; an offer."""
        while self._next_clutter < len(CLUTTER):
            self._clutter(self._tenant(f"Test tenant {self._next_clutter}"))
        for access in ACCESS:
            tenant = self._tenant(f"Onboarding: {access.replace('_', ' ')}")
            self._seats(tenant, PREMIUM, self._rng.randint(3, 30))
            self._lock(tenant, access)
        self._records.relationships.append(GraphRelationship(self._pair(), None, "created"))

    def _tenant(self, name: str) -> GraphTenant:
        tenant = GraphTenant(new_uuid(self._rng), name)
        self._records.tenants.append(tenant)
        if len(self._records.tenants) % 5 == 0:
            # Renewed: the old relationship stays on the list.
            old = GraphRelationship(self._pair(), tenant.id, "expired")
            self._records.relationships.append(old)
        current = GraphRelationship(self._pair(), tenant.id, "active")
        self._records.relationships.append(current)
        return tenant

    def _pair(self) -> str:
        """Relationships have ids of two GUIDs."""
        return f"{new_uuid(self._rng)}-{new_uuid(self._rng)}"

    def _lock(self, tenant: GraphTenant, access: str) -> None:
        """Let a tenant be one that can't be asked, by its relationships where they say so."""
        tenant.access = access
        status = {"pending": "approvalPending", "expired": "terminated"}.get(access)
        records = self._records
        for relationship in records.relationships:
            if relationship.tenant_id == tenant.id and relationship.status == "active":
                relationship.status = status or "active"
        if access == "no_relationship":
            records.relationships = [r for r in records.relationships if r.tenant_id != tenant.id]

    def _has(self, tenant: GraphTenant, sku: str) -> bool:
        return any(s.tenant_id == tenant.id and s.sku_id == sku for s in self._records.skus[-12:])

    def _seats(self, tenant: GraphTenant, sku: str, consumed: int) -> GraphSku | None:
        """So many seats assigned of a SKU we sold, in one or two parts, often some to spare."""
        if self._has(tenant, sku):
            return None
        enabled = max(1, consumed + self._rng.choice((0, 0, 1, 2, 5)))
        part = PARTS[sku]
        seats = GraphSku(f"{tenant.id}_{sku}", tenant.id, sku, part, consumed, enabled)
        self._records.skus.append(seats)
        first = self._rng.randint(1, enabled)
        for total in (first, enabled - first):
            if total:
                self._sell(seats, total, PARTNER_TENANT)
        return seats

    def _sell(self, seats: GraphSku, total: int, owner: str | None) -> GraphSubscription:
        sold = GraphSubscription(
            new_uuid(self._rng), seats.tenant_id, seats.sku_id, seats.part, total, owner
        )
        self._records.subscriptions.append(sold)
        return sold

    def _free(self, tenant: GraphTenant) -> None:
        """What costs nothing: by its name, or by how much of it there is."""
        for sku in self._rng.sample(sorted(FREE), 2):
            part, enabled = FREE[sku]
            used = self._rng.randint(0, 40)
            free = GraphSku(f"{tenant.id}_{sku}", tenant.id, sku, part, used, enabled)
            self._records.skus.append(free)
            self._sell(free, enabled, None)
        if len(self._records.tenants) % 4 == 1:
            sku, part = STORAGE
            whole = GraphSku(f"{tenant.id}_{sku}", tenant.id, sku, part, 0, 5, applies_to="Company")
            self._records.skus.append(whole)
            self._sell(whole, 5, PARTNER_TENANT)

    def _clutter(self, tenant: GraphTenant) -> None:
        """One oddity of each kind in turn, of the SKU that nobody bills, so every world has all."""
        seats = self._seats(tenant, VISIO, self._rng.randint(2, 9))
        if seats is None:
            return
        kind = CLUTTER[self._next_clutter % len(CLUTTER)]
        self._next_clutter += 1
        mine = [s for s in self._records.subscriptions[-2:] if s.sku_id == VISIO]
        mine = [sold for sold in mine if sold.tenant_id == tenant.id]
        if kind == "elsewhere":
            for sold in mine:
                sold.owner = new_uuid(self._rng)
        elif kind == "trial":
            for sold in mine:
                sold.is_trial = True
        elif kind == "mixed":
            seats.enabled += 4
            self._sell(seats, 4, new_uuid(self._rng))
        elif kind == "overdrawn":
            # Licences lapse, assignments stay.
            seats.consumed = seats.enabled + 3
        else:
            seats.status = kind
            seats.warning, seats.enabled = (seats.enabled if kind == "Warning" else 0), 0
            for sold in mine:
                sold.status = kind


SIDE = VendorSide(
    system=GRAPH,
    share=0.8,
    family="cloud",
    products=(
        PsaProduct("ms-premium", "Managed Microsoft 365 seat", "31.00", "18.48"),
        PsaProduct("ms-e5", NAMED["ENTERPRISEPREMIUM"], "44.00", "31.92"),
        PsaProduct("ms-exchange", "Hosted Exchange mailbox", "6.00", "3.36"),
    ),
    offers=(
        Offer(
            "ms-premium",
            GRAPH,
            (PREMIUM,),
            ("ms-premium",),
            "file",
            0.75,
            0.8,
            # Not Graph's own count of what was bought as well: the same seats would count twice.
            bought=tuple((PARTNER_CENTER, service_id(version)) for version in PREMIUM_VERSIONS),
        ),
        Offer("ms-e5", GRAPH, (E5,), ("ms-e5",), "exact", 0.4, 0.3),
        Offer(
            "ms-exchange",
            GRAPH,
            (EXCHANGE,),
            ("ms-exchange",),
            "file",
            0.4,
            0.2,
            bought=(f"{EXCHANGE}|purchased",),
        ),
    ),
    services={
        **{sku: NAMED.get(part, part) for sku, part in PARTS.items()},
        **{
            f"{sku}|purchased": f"{NAMED.get(part, part)} (purchased)"
            for sku, part in PARTS.items()
        },
    },
    records=GraphRecords,
    writer=GraphWriter,
)
