"""Partner Center: the provider's customers at Microsoft, and the subscriptions bought for them.

Units are staggered over co-terms with ends of their own, and some are suspended but still charged.
Around them stand trials, add-ons, Azure, and what has expired; and customers of whom the provider
is no reseller. What a customer assigns in its tenant is `microsoft_graph`'s; here is what for it
was bought.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendor_side import new_uuid
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

PARTNER_CENTER = "microsoft_partner_center"
GRAPH = "microsoft_graph"
PARTNER_TENANT = "5e8c1a52-9d0b-4b6f-8a3e-2f47c1d9b604"
APPLICATION = "3d2b9c50-6f0e-4a57-8d43-0f6e9a1b2c3d"

PREMIUM = ("CFQ7TTC0LH18:0001:CFQ7TTC0K971", "Microsoft 365 Business Premium")
EXCHANGE = ("CFQ7TTC0LHSF:0001:CFQ7TTC0L4R1", "Exchange Online (Plan 1)")
TEAMS = ("CFQ7TTC0JN4R:0002:CFQ7TTC0K7QG", "Microsoft Teams Essentials")
VISIO = ("CFQ7TTC0HD33:0001:CFQ7TTC0P8MM", "Visio Plan 2")
AUDIO = ("CFQ7TTC0LHSL:0001:CFQ7TTC0KXJ3", "Microsoft 365 Audio Conferencing")
LEGACY = ("5c9fd4cc-edce-44a8-8e91-07df09744609", "Microsoft 365 Apps for business")
AZURE = ("DZH318Z0BPS6:0001:DZH318Z0BMXC", "Azure plan")

TERMS = {
    ("P1Y", "monthly"): " (1-year term, billed monthly)",
    ("P1Y", "annual"): " (1-year term, billed annually)",
    ("P1M", "monthly"): " (1-month term, billed monthly)",
    ("", "annual"): " (billed annually)",
    ("", "none"): "",
}
Version = tuple[tuple[str, str], str, str]
"""(offer id and name), term, billing cycle."""


def service_id(version: Version) -> str:
    """How one version of an offer is known."""
    (offer, _), term, cycle = version
    return f"{offer}|{term or 'none'}|{cycle}"


PREMIUM_VERSIONS: tuple[Version, ...] = ((PREMIUM, "P1Y", "monthly"), (PREMIUM, "P1Y", "annual"))
_SOLD: tuple[Version, ...] = (
    *PREMIUM_VERSIONS,
    (EXCHANGE, "P1Y", "annual"),
    (TEAMS, "P1M", "monthly"),
    (VISIO, "P1Y", "monthly"),
    (VISIO, "P1M", "monthly"),
    (AUDIO, "P1Y", "monthly"),
    (LEGACY, "", "annual"),
    (AZURE, "", "none"),
)
VERSIONS = {service_id(version): version for version in _SOLD}
NAMES = {key: f"{offer[1]}{TERMS[term, cycle]}" for key, (offer, term, cycle) in VERSIONS.items()}
CLUTTER = ("trial", "expired", "deleted", "suspended", "pending", "usage", "addon", "paused")
"""What must not count (an add-on does, as itself); `paused` is a status nobody has heard of."""


@dataclass(slots=True)
class PartnerCustomer:
    """A customer of the partner; its id is its tenant's."""

    id: str
    name: str
    domain: str
    relationship: str = "reseller"


@dataclass(slots=True)
class PartnerSubscription:
    """One subscription; a term of "" is a legacy offer's, which has none."""

    id: str
    customer_id: str
    offer_id: str
    offer_name: str
    quantity: int
    term: str
    cycle: str
    starts_on: date
    commitment_ends_on: date | None
    status: str = "active"
    is_trial: bool = False
    billing_type: str = "license"
    parent_id: str | None = None


@dataclass(slots=True)
class PartnerCenterRecords:
    """All that Partner Center holds of the partner."""

    customers: list[PartnerCustomer] = field(default_factory=list)
    subscriptions: list[PartnerSubscription] = field(default_factory=list)


class PartnerCenterWriter:
    """Puts customers and what was bought for them into Partner Center."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        # Dice of their own: what Graph's part of a world needs leaves the rest as it is.
        self._bought_rng = Random(rng.getrandbits(64))
        self._as_of = world.as_of
        self._records: PartnerCenterRecords = world.at[PARTNER_CENTER]
        self._next_clutter = 0

    def write(self, plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:
        """A customer per name; the first has what does not come out even."""
        customers = [self._customer(name) for name in account.names]
        if plan is not None and GRAPH in plan.accounts:
            for customer, tenant in zip(customers, plan.accounts[GRAPH].ids, strict=False):
                customer.id = tenant
        account.ids.extend(customer.id for customer in customers)
        for need in needs:
            version = VERSIONS[str(need.offer.services[need.service])]
            share = int(need.vendor) // len(customers)
            for customer in customers[1:]:
                self._units(self._rng, customer, version, share)
            rest = int(need.vendor) - share * (len(customers) - 1)
            self._units(self._rng, customers[0], version, rest)
        for need in plan.needs_at(GRAPH) if plan is not None else ():
            self._buy(customers[0], need)
        for _ in range(self._rng.choice((1, 1, 2))):
            self._clutter(customers[-1])
        if plan is None:
            # Somebody has everything: each service is listed, whoever else has it.
            for version in _SOLD:
                self._subscription(self._rng, customers[0], version, 1)

    def finish(self) -> None:
        """Customers of whom the provider is no reseller; one that has bought nothing yet."""
        for relationship in ("none", "advisor", "unknown"):
            self._customer(f"{relationship.title()} relationship Ltd").relationship = relationship
        self._customer("Signed last week GmbH")
        late = self._subscription(self._rng, self._customer("Pays late SARL"), _SOLD[2], 7)
        late.status = "suspended"
        while self._next_clutter < len(CLUTTER):
            self._clutter(self._records.customers[0])

    def _customer(self, name: str) -> PartnerCustomer:
        number = len(self._records.customers) + 1
        domain = f"customer{number:04}.onmicrosoft.com"
        customer = PartnerCustomer(new_uuid(self._rng), name, domain)
        self._records.customers.append(customer)
        return customer

    def _buy(self, customer: PartnerCustomer, need: Need) -> None:
        """About as many licences as are assigned: what was bought is another count than that."""
        rng = self._bought_rng
        sold = [service for system, service in _pairs(need.offer) if system == PARTNER_CENTER]
        if sold and need.vendor:
            units = max(1, int(need.vendor) + rng.choice((-1, 0, 0, 1, 2, 5)))
            self._units(rng, customer, VERSIONS[rng.choice(sold)], units)

    def _units(self, rng: Random, customer: PartnerCustomer, version: Version, total: int) -> None:
        """So many licences: often as two co-terms, at times one suspended but still charged."""
        if not total:
            return
        first = rng.randint(1, total - 1) if total > 1 and rng.random() < 0.5 else total  # noqa: PLR2004
        for units in (first, total - first):
            if units:
                subscription = self._subscription(rng, customer, version, units)
                if version[1] == "P1Y" and rng.random() < 0.12:  # noqa: PLR2004
                    subscription.status = "suspended"

    def _subscription(
        self, rng: Random, customer: PartnerCustomer, version: Version, units: int
    ) -> PartnerSubscription:
        (offer, name), term, cycle = version
        length = {"P1Y": 365, "P1M": 30}.get(term)
        begun = rng.randint(0, (length or 700) - 1)
        starts_on = self._as_of - timedelta(days=begun)
        subscription = PartnerSubscription(
            id=new_uuid(rng),
            customer_id=customer.id,
            offer_id=offer,
            offer_name=name,
            quantity=units,
            term=term,
            cycle=cycle,
            starts_on=starts_on,
            commitment_ends_on=starts_on + timedelta(days=length) if length else None,
            billing_type="usage" if name == AZURE[1] else "license",
        )
        self._records.subscriptions.append(subscription)
        return subscription

    def _clutter(self, customer: PartnerCustomer) -> None:
        """One subscription of each kind in turn, so that every world has them all."""
        rng, kind = self._rng, CLUTTER[self._next_clutter % len(CLUTTER)]
        self._next_clutter += 1
        version = {"usage": (AZURE, "", "none"), "addon": (AUDIO, "P1Y", "monthly")}.get(kind)
        extra = self._subscription(
            rng, customer, version or rng.choice(_SOLD[:6]), rng.randint(1, 30)
        )
        if kind == "addon":
            extra.parent_id = self._records.subscriptions[-2].id
        elif kind == "trial":
            extra.is_trial = True
        elif kind != "usage":
            extra.status = kind
        if kind in {"expired", "suspended"}:
            extra.commitment_ends_on = self._as_of - timedelta(days=rng.randint(1, 60))
            extra.starts_on = extra.commitment_ends_on - timedelta(days=365)


def _pairs(offer: Offer) -> list[tuple[str, str]]:
    """What was bought elsewhere: (system, service)."""
    return [bought for bought in offer.bought if not isinstance(bought, str)]


SIDE = VendorSide(
    system=PARTNER_CENTER,
    share=0.75,
    family="cloud",
    products=(
        PsaProduct("pc-exchange", NAMES[service_id((EXCHANGE, "P1Y", "annual"))], "4.60", "3.36"),
        PsaProduct("pc-teams", NAMES[service_id((TEAMS, "P1M", "monthly"))], "4.80", "3.36"),
        PsaProduct("pc-visio", "Visio licence, any term", "17.00", "12.60"),
    ),
    offers=(
        Offer(
            "pc-exchange",
            PARTNER_CENTER,
            (service_id((EXCHANGE, "P1Y", "annual")),),
            ("pc-exchange",),
            "exact",
            0.6,
            0.3,
        ),
        Offer(
            "pc-teams",
            PARTNER_CENTER,
            (service_id((TEAMS, "P1M", "monthly")),),
            ("pc-teams",),
            "exact",
            0.4,
            0.2,
        ),
        Offer(
            "pc-visio",
            PARTNER_CENTER,
            (service_id((VISIO, "P1Y", "monthly")), service_id((VISIO, "P1M", "monthly"))),
            ("pc-visio",),
            "file",
            0.35,
            0.1,
        ),
    ),
    services=NAMES,
    records=PartnerCenterRecords,
    writer=PartnerCenterWriter,
)
