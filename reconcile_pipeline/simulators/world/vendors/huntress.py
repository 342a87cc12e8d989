"""The vendor of managed security: one organization per customer, with all its counts on it.

Some customers are split in two by a name habit, servers and workstations. Around them stand
organizations that a mistyped key has made, and nobody has the log service: it was not bought.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

HUNTRESS = "huntress"
ACCOUNT_ID = 5
PRODUCTS = {
    "edr": "Managed EDR",
    "itdr": "Managed ITDR",
    "sat": "Managed Security Awareness Training",
}
SPLIT_SHARE = 0.15
SYSTEMS = ("Windows 11 Pro", "Windows 11 Pro", "Windows 10 Pro", "macOS 15", "Windows Server 2022")
CALLED_DAYS_AGO = (0, 0, 0, 1, 2, 30, 200)
"""The last is stale: nobody heard of the machine for months, and it is billed all the same."""


@dataclass(slots=True)
class HuntressOrganization:
    """A customer, or a part of one; there is no status."""

    id: int
    name: str
    key: str
    created_on: date
    agents: int = 0
    identities: int = 0
    log_sources: int = 0
    learners: int = 0


@dataclass(slots=True)
class HuntressAgent:
    """One machine."""

    id: int
    organization_id: int
    hostname: str
    os: str
    last_callback_on: date


@dataclass(slots=True)
class HuntressRecords:
    """All that the account holds."""

    organizations: list[HuntressOrganization] = field(default_factory=list)
    agents: list[HuntressAgent] = field(default_factory=list)


class HuntressWriter:
    """Puts customers into organizations, and strays around them."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._as_of = world.as_of
        self._records: HuntressRecords = world.at[HUNTRESS]
        self._has_split = False

    def write(self, plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:
        """An organization for each name; its counts are the customer's, divided."""
        units = {str(need.offer.services[need.service]): int(need.vendor) for need in needs}
        if plan is not None and self._is_split(plan, account, units):
            name = account.names[0]
            account.names[:] = [f"servers-m-{name}", f"workstations-m-{name}"]
            # Such a name is no company's: a person mapped both.
            account.is_in_mappings = True
        parts = {service: _divided(total, len(account.names)) for service, total in units.items()}
        for number, name in enumerate(account.names):
            counts = {service: part[number] for service, part in parts.items()}
            account.ids.append(str(self._organization(name, counts).id))

    def _is_split(self, plan: Plan, account: AccountPlan, units: dict[str, int]) -> bool:
        """Whether the customer is known by its own name alone and has machines of both kinds."""
        if account.names != [plan.company.name] or units.get("edr", 0) <= 1:
            return False
        is_first = not self._has_split
        self._has_split = True
        return is_first or self._rng.random() < SPLIT_SHARE

    def finish(self) -> None:
        """Organizations that came from a typo in an install key, and one that nobody uses."""
        for number in range(self._rng.randint(1, 2)):
            self._organization(f"acme-tpyo-{number + 1}", {"edr": self._rng.randint(1, 2)})
        self._organization("Empty since the spring", {})

    def _organization(self, name: str, counts: dict[str, int]) -> HuntressOrganization:
        rng = self._rng
        last = self._records.organizations[-1].id if self._records.organizations else 1200
        organization = HuntressOrganization(
            id=last + rng.choice((1, 1, 2, 9)),
            name=name,
            key=name.lower().replace(" ", "-"),
            created_on=self._as_of - timedelta(days=rng.randint(20, 1500)),
            agents=counts.get("edr", 0),
            identities=counts.get("itdr", 0),
            learners=counts.get("sat", 0),
        )
        self._records.organizations.append(organization)
        for _ in range(organization.agents):
            self._agent(organization)
        return organization

    def _agent(self, organization: HuntressOrganization) -> None:
        rng = self._rng
        number = self._records.agents[-1].id + 1 if self._records.agents else 90001
        called_on = self._as_of - timedelta(days=rng.choice(CALLED_DAYS_AGO))
        self._records.agents.append(
            HuntressAgent(number, organization.id, f"PC-{number}", rng.choice(SYSTEMS), called_on)
        )


def _divided(total: int, parts: int) -> list[int]:
    """The units of each part; the first has what does not come out even."""
    share = total // parts
    return [total - share * (parts - 1), *[share] * (parts - 1)]


SIDE = VendorSide(
    system=HUNTRESS,
    share=0.7,
    family="managed",
    products=(
        PsaProduct("ht-edr", PRODUCTS["edr"], "5.00", "2.10"),
        PsaProduct("ht-itdr", "Identity Protection per User", "3.50", "1.40"),
        PsaProduct("ht-sat", "Security Awareness Training", "2.75", "0.90"),
    ),
    offers=(
        Offer("ht-edr", HUNTRESS, ("edr",), ("ht-edr",), "exact", 0.85, 1.0),
        Offer("ht-itdr", HUNTRESS, ("itdr",), ("ht-itdr",), "file", 0.55, 0.9),
        Offer("ht-sat", HUNTRESS, ("sat",), ("ht-sat",), "file", 0.35, 0.8),
    ),
    services=PRODUCTS,
    records=HuntressRecords,
    writer=HuntressWriter,
)
