"""The endpoint vendor: one site per customer, licensed by bundle, and an agent per machine.

A customer with two bundles mostly has a site for each; where both are on one site, nobody can say
how many agents either has. Around them stand trials, sites that are over, and the empty default
site that every account has.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

SENTINELONE = "sentinelone"
UNLIMITED = -1
BUNDLES = {
    "complete": "Endpoint Security Complete",
    "control": "Endpoint Security Control",
}
LAKE = "singularity_data_lake"
MACHINES = ("laptop", "laptop", "laptop", "desktop", "desktop", "server")
BOTH_ON_ONE_SITE_SHARE = 0.2


@dataclass(slots=True)
class SentinelOneSite:
    """A site; `bundles` are its licence bundles with what was bought of each."""

    id: str
    name: str
    account_id: str
    active_licenses: int
    total_licenses: int
    bundles: tuple[tuple[str, int], ...]
    created_on: date
    state: str = "active"
    site_type: str = "Paid"
    is_default: bool = False
    has_old_fields_only: bool = False
    """Its console tells the bundle by the deprecated `sku` and nothing else."""
    modules: tuple[str, ...] = ()


@dataclass(slots=True)
class SentinelOneAccount:
    """What sites belong to: here, the provider itself."""

    id: str
    name: str
    state: str = "active"


@dataclass(slots=True)
class SentinelOneAgent:
    """One machine; an agent that is decommissioned or uninstalled holds no licence."""

    id: str
    site_id: str
    name: str
    machine_type: str
    last_active_on: date
    is_decommissioned: bool = False
    is_uninstalled: bool = False


@dataclass(slots=True)
class SentinelOneRecords:
    """All that the console holds."""

    accounts: list[SentinelOneAccount] = field(default_factory=list)
    sites: list[SentinelOneSite] = field(default_factory=list)
    agents: list[SentinelOneAgent] = field(default_factory=list)


class SentinelOneWriter:
    """Puts customers into sites, and around them what must not count."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._as_of = world.as_of
        self._records: SentinelOneRecords = world.at[SENTINELONE]
        self._own = SentinelOneAccount(self._new_id(), "Northgate MSP")
        self._records.accounts.append(self._own)
        self._has_unclear_site = False

    def write(self, plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:
        """A site for each name and bundle; one more where two bundles are kept apart."""
        units = {
            str(need.offer.services[need.service]).partition(":")[2]: int(need.vendor)
            for need in needs
        }
        first, *more = units or {"complete": 0}
        is_unclear = self._is_unclear(plan, units)
        sizes = _split(sum(units.values()) if is_unclear else units.get(first, 0), account.names)
        for name, size in zip(account.names, sizes, strict=True):
            site = self._site(name, size, tuple(units) if is_unclear else (first,))
            account.ids.append(site.id)
        for bundle in () if is_unclear else more:
            name = f"{account.names[0][:38]} - {bundle}"
            account.ids.append(self._site(name, units[bundle], (bundle,)).id)
            account.names.append(name)
            # Its name is nobody's: whoever is known by the first one had this one mapped by hand.
            account.is_in_mappings |= plan is not None and account.names[0] == plan.company.name

    def _is_unclear(self, plan: Plan | None, units: dict[str, int]) -> bool:
        if plan is None or len(units) < len(BUNDLES) or not all(units.values()):
            return False
        is_first = not self._has_unclear_site
        self._has_unclear_site = True
        return is_first or self._rng.random() < BOTH_ON_ONE_SITE_SHARE

    def finish(self) -> None:
        """Trials, sites that are over, and the account's empty default site."""
        rng = self._rng
        if not self._has_unclear_site:
            self._site("Northgate demo lab", 6, tuple(BUNDLES))
        for number in range(rng.randint(1, 2)):
            trial = self._site(f"Trial {number + 1} - do not bill", rng.randint(2, 9), ("control",))
            trial.site_type = "Trial"
        for state in ("expired", "expired", "deleted"):
            name = f"Former customer {len(self._records.sites)}"
            self._site(name, 0, ("complete",)).state = state
        default = self._site("Default site", 0, ())
        default.is_default, default.total_licenses = True, 0

    def _site(self, name: str, active: int, bundles: tuple[str, ...]) -> SentinelOneSite:
        rng, number = self._rng, len(self._records.sites)
        # Every fifth has more agents than licences, which is allowed; every seventh no limit.
        bought = max(0, active - 2) if number % 5 == 1 else active + rng.randint(0, 8)
        bought = UNLIMITED if number % 7 == 2 else bought  # noqa: PLR2004
        held = tuple((bundle, bought) for bundle in bundles)
        if number % 4 == 1 and bundles:
            held += ((LAKE, 10),)
        site = SentinelOneSite(
            id=self._new_id(),
            name=name,
            account_id=self._own.id,
            active_licenses=active,
            total_licenses=bought if len(bundles) <= 1 or bought < 0 else bought * len(bundles),
            bundles=held,
            created_on=self._as_of - timedelta(days=rng.randint(40, 1500)),
            has_old_fields_only=number % 11 == 3 and len(bundles) == 1,  # noqa: PLR2004
            modules=("rso", "vigilance")[: rng.randint(0, 2)],
        )
        self._records.sites.append(site)
        for _ in range(active):
            self._agent(site)
        for _ in range(rng.choice((0, 0, 1, 2))):
            gone = self._agent(site)
            gone.is_decommissioned = rng.random() < 0.7  # noqa: PLR2004
            gone.is_uninstalled = not gone.is_decommissioned
        return site

    def _agent(self, site: SentinelOneSite) -> SentinelOneAgent:
        rng = self._rng
        agent = SentinelOneAgent(
            id=self._new_id(),
            site_id=site.id,
            name=f"PC-{len(self._records.agents) + 1:05}",
            machine_type=rng.choice(MACHINES),
            last_active_on=self._as_of - timedelta(days=rng.choice((0, 0, 1, 3, 60))),
        )
        self._records.agents.append(agent)
        return agent

    def _new_id(self) -> str:
        """18 or 19 digits: more than a float can hold."""
        return str(self._rng.randrange(3 * 10**17, 2 * 10**18))


def _split(total: int, names: list[str]) -> list[int]:
    """Units for each of the names; the first has what does not come out even."""
    share = total // len(names)
    return [total - share * (len(names) - 1), *[share] * (len(names) - 1)]


SIDE = VendorSide(
    system=SENTINELONE,
    share=0.75,
    family="managed",
    products=(
        PsaProduct("s1-complete", BUNDLES["complete"], "7.50", "3.80"),
        PsaProduct("s1-control", "Managed Endpoint Protection", "5.50", "2.60"),
    ),
    offers=(
        Offer(
            "s1-complete",
            SENTINELONE,
            ("bundle:complete",),
            ("s1-complete",),
            "exact",
            0.75,
            1.0,
            bought=("bundle:complete|purchased",),
        ),
        Offer("s1-control", SENTINELONE, ("bundle:control",), ("s1-control",), "file", 0.4, 0.4),
    ),
    services={
        "total_active_licenses": "Total Active Licenses",
        "total_active_licenses|purchased": "Total Licenses (purchased)",
        **{f"bundle:{key}": name for key, name in BUNDLES.items()},
        **{f"bundle:{key}|purchased": f"{name} (purchased)" for key, name in BUNDLES.items()},
    },
    records=SentinelOneRecords,
    writer=SentinelOneWriter,
)
