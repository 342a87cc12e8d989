"""Liongard in the made-up MSP: environments, inspected systems, metrics and their values.

Around what counts stands what nobody may count: parents whose figures are those of all customers,
systems that are off, values that are no number, metrics that are hidden or were renamed.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.dates import month_start
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

LIONGARD = "liongard"
PREFIX = "Gradient"
DUO_USERS = "0b7e2f10-5a44-4c1e-9a55-7d1c2e3f4a5b"
AD_USERS = "aa4eef4d-3dc5-4b3d-9d8a-00c1d9b68065"
AD_SERVERS = "5f2f4f0e-2c1d-4c60-8a0e-6a7b1f9f2c11"
M365_USERS = "c3a9d5be-7f21-4f52-9d5c-0e4b8a61d7f2"
INSPECTORS = {
    42: ("duo-inspector", "Duo Security"),
    7: ("active-directory-inspector", "Active Directory"),
    19: ("microsoft-365-inspector", "Microsoft 365"),
    3: ("windows-inspector", "Windows Server"),
}
DUO, ACTIVE_DIRECTORY, MICROSOFT_365, WINDOWS = INSPECTORS
WITH_CHILDREN = (DUO, MICROSOFT_365)
INSPECTOR_OF = {
    DUO_USERS: DUO,
    AD_USERS: ACTIVE_DIRECTORY,
    AD_SERVERS: ACTIVE_DIRECTORY,
    M365_USERS: MICROSOFT_365,
}
NO_COUNTS = (None, True, [1, 2], {"n": 3}, "n/a", -4)
"""Values that metrics can have and nobody can count; the first is an error's."""


@dataclass(slots=True)
class LiongardEnvironment:
    """A customer; `status` 1 is active."""

    id: int
    name: str
    status: int = 1


@dataclass(slots=True)
class LiongardMetric:
    """A named query on the data of one inspector; `made_as` is the name it was made with."""

    id: int
    uuid: str
    name: str
    made_as: str
    inspector_id: int
    is_displayed: bool = True


@dataclass(slots=True)
class LiongardSystem:
    """An inspected system, the launchpoint that inspects it, and what its metrics come to.

    `values` by UUID holds any JSON value; a metric that is in `errors` has none.
    """

    id: int
    environment_id: int
    inspector_id: int
    name: str
    launchpoint_id: int
    finished_at: datetime
    parent_id: int | None = None
    status: int = 1
    is_visible: bool = True
    is_enabled: bool = True
    launchpoint_status: str = "Active"
    values: dict[str, Any] = field(default_factory=dict)
    errors: set[str] = field(default_factory=set)
    is_inspected: bool = True
    """It has been inspected once; else it has no values at all."""


@dataclass(slots=True)
class LiongardRecords:
    """What Liongard holds."""

    environments: list[LiongardEnvironment] = field(default_factory=list)
    metrics: list[LiongardMetric] = field(default_factory=list)
    systems: list[LiongardSystem] = field(default_factory=list)


class LiongardWriter:
    """Appends environments with their systems to a world."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._as_of = world.as_of
        self._records: LiongardRecords = world.at[LIONGARD]
        self._last_environment = 8800
        self._last_system = 3500
        self._last_launchpoint = 18_000
        self._parents: dict[int, LiongardSystem] = {}
        self._own = self._environment("Liongard Parents (internal)")
        for inspector in WITH_CHILDREN:
            self._parents[inspector] = self._system(self._own, inspector)
        self._write_metrics()

    def write(self, plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:  # noqa: ARG002
        """An environment per name, a system or two for each need, and some that nobody counts."""
        environments = [self._environment(name) for name in account.names]
        account.ids.extend(str(environment.id) for environment in environments)
        for need in needs:
            uuid = str(need.offer.services[need.service])
            share, rest = divmod(int(need.vendor), len(environments))
            for number, environment in enumerate(environments):
                self._write_units(environment, uuid, share + (rest if number == 0 else 0))
        for environment in environments:
            for _ in range(self._rng.randint(0, 2)):
                self._system(environment, WINDOWS)

    def finish(self) -> None:
        """What may not be counted; once in every world."""
        first = next(s for s in self._records.systems if s.inspector_id == ACTIVE_DIRECTORY)
        for changes in (
            {"status": 0},
            {"is_visible": False},
            {"is_enabled": False},
            {"launchpoint_status": "Failed"},
        ):
            system = self._system(self._by_id(first.environment_id), ACTIVE_DIRECTORY)
            system.values = {AD_USERS: 55, AD_SERVERS: 5}
            for name, value in changes.items():
                setattr(system, name, value)
        closed = self._environment("Closed Co")
        closed.status = 0
        self._system(closed, DUO).values = {DUO_USERS: 30}
        odd = self._environment("Harbor Odd Values")
        for none in NO_COUNTS:
            system = self._system(odd, ACTIVE_DIRECTORY)
            system.values = {AD_USERS: none, AD_SERVERS: 1}
            system.errors = {AD_USERS} if none is None else set()
        self._system(odd, ACTIVE_DIRECTORY).is_inspected = False
        # Of a customer that is billed: half a count is no count.
        broken = self._system(self._by_id(first.environment_id), ACTIVE_DIRECTORY)
        broken.values, broken.errors = {AD_SERVERS: 2}, {AD_USERS}
        for number in range(4):
            self._environment(f"Prospect {number + 1} without a system")
        for inspector, parent in self._parents.items():
            children = [s for s in self._records.systems if s.parent_id == parent.launchpoint_id]
            for uuid, owner in INSPECTOR_OF.items():
                if owner == inspector:
                    numbers = [child.values.get(uuid) or 0 for child in children]
                    parent.values[uuid] = sum(int(number) for number in numbers)
        self._age()

    def _write_units(self, environment: LiongardEnvironment, uuid: str, units: int) -> None:
        """One system, or two of an inspector without children: they add up."""
        inspector = INSPECTOR_OF[uuid]
        parts = [units]
        if inspector == ACTIVE_DIRECTORY and units and self._rng.random() < 0.4:  # noqa: PLR2004
            cut = self._rng.randint(0, units)
            parts = [cut, units - cut]
        for part in parts:
            system = self._system(environment, inspector)
            # Some queries lack to_number(): their numbers come as text.
            system.values[uuid] = str(part) if system.id % 5 == 0 else part
            if uuid == AD_USERS:
                system.values[AD_SERVERS] = self._rng.randint(0, 6)

    def _age(self) -> None:
        """Some were last inspected before the month, the launchpoint failing ever since."""
        before = month_start(self._as_of) - timedelta(days=9)
        for system in self._records.systems:
            if system.id % 6 == 0:
                system.finished_at = datetime(before.year, before.month, before.day, 2, tzinfo=UTC)

    def _write_metrics(self) -> None:
        def add(uuid: str, name: str, inspector: int, made_as: str = "") -> LiongardMetric:
            number = 501 + 3 * len(self._records.metrics)
            metric = LiongardMetric(number, uuid, name, made_as or name, inspector)
            self._records.metrics.append(metric)
            return metric

        for uuid, name in SIDE.services.items():
            add(uuid, name, INSPECTOR_OF[uuid])
        hidden = f"{PREFIX} - Microsoft 365: Guests"
        add(self._uuid(), hidden, MICROSOFT_365).is_displayed = False
        add(self._uuid(), "Duo administrators", DUO, f"{PREFIX} - Duo Security: Administrators")
        for name in ("Phones", "Bypass Codes", "Groups", "Trust Monitor", "Policies", "Logs"):
            add(self._uuid(), f"Duo Security: {name}", DUO)

    def _uuid(self) -> str:
        text = f"{self._rng.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _environment(self, name: str) -> LiongardEnvironment:
        self._last_environment += self._rng.randint(1, 5)
        environment = LiongardEnvironment(self._last_environment, name)
        self._records.environments.append(environment)
        return environment

    def _by_id(self, number: int) -> LiongardEnvironment:
        return next(e for e in self._records.environments if e.id == number)

    def _system(self, environment: LiongardEnvironment, inspector: int) -> LiongardSystem:
        self._last_system += self._rng.randint(1, 4)
        self._last_launchpoint += self._rng.randint(1, 9)
        parent = self._parents.get(inspector)
        system = LiongardSystem(
            self._last_system,
            environment.id,
            inspector,
            f"{INSPECTORS[inspector][1]} - {environment.name}",
            self._last_launchpoint,
            datetime(self._as_of.year, self._as_of.month, self._as_of.day, 2, 20, tzinfo=UTC),
            parent_id=parent.launchpoint_id if parent is not None else None,
        )
        self._records.systems.append(system)
        return system


SIDE = VendorSide(
    system=LIONGARD,
    share=0.75,
    family="managed",
    products=(
        PsaProduct("liongard-duo", "Duo Protected User", "4.75", "2.55"),
        PsaProduct("liongard-ad", "Gradient - Active Directory: Enabled Users", "9.00", "0.40"),
        PsaProduct("liongard-m365", "Microsoft 365 Security Monitoring per User", "3.50", "0.60"),
    ),
    offers=(
        Offer("liongard-duo", LIONGARD, (DUO_USERS,), ("liongard-duo",), "file", 0.7, 0.9),
        Offer("liongard-ad", LIONGARD, (AD_USERS,), ("liongard-ad",), "exact", 0.7, 1.1),
        Offer("liongard-m365", LIONGARD, (M365_USERS,), ("liongard-m365",), "file", 0.5, 1.0),
    ),
    services={
        DUO_USERS: "Gradient - Duo Security: Active Users",
        AD_USERS: "Gradient - Active Directory: Enabled Users",
        AD_SERVERS: "Gradient - Active Directory: Servers",
        M365_USERS: "Gradient - Microsoft 365: Licensed Users",
    },
    records=LiongardRecords,
    writer=LiongardWriter,
)


def as_count(value: object) -> Decimal | None:
    """The count that a metric's value is; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if isinstance(value, str) and not value.isdigit():
        return None
    return Decimal(value) if int(value) >= 0 else None
