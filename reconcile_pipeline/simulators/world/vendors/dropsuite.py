"""Dropsuite in the made-up MSP: organizations with plans, counters of seats, and mailboxes.

Around what counts stand organizations that were closed or did not pay, a plan listed twice, and
mailboxes that were deleted or belong to people who left.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.names import person
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendor_side import new_uuid
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

DROPSUITE = "dropsuite"
RESELLER = 100_200
"""The short number in front of each record's id: not the reseller token."""


@dataclass(slots=True)
class DropsuitePlan:
    """What an organization can have; the price is per seat and month."""

    id: str
    name: str
    amount: str
    product_type: str = "backup"


PLANS = (
    DropsuitePlan("3", "Business Backup", "2.10"),
    DropsuitePlan("5", "Email Archiver", "2.60", "archiver"),
    DropsuitePlan("8", "Google Workspace Backup", "2.20"),
    DropsuitePlan("11", "Not for Resale", "0.00"),
)


@dataclass(slots=True)
class DropsuiteUser:
    """An organization's record for one plan; Dropsuite calls it a user."""

    id: str
    organization_id: int
    organization_name: str
    plan_id: str
    token: str
    archive: bool
    used: int
    active: int
    deactivated: int
    required: int
    free_shared: int
    is_deactivated: bool = False
    is_suspended: bool = False


@dataclass(slots=True)
class DropsuiteMailbox:
    """A mailbox of an organization's record."""

    id: int
    user_id: str
    email: str
    name: str
    is_deleted: bool = False
    deactivated_on: date | None = None


@dataclass(slots=True)
class DropsuiteRecords:
    """What Dropsuite holds."""

    plans: list[DropsuitePlan] = field(default_factory=list)
    users: list[DropsuiteUser] = field(default_factory=list)
    mailboxes: list[DropsuiteMailbox] = field(default_factory=list)


class DropsuiteWriter:
    """Appends organizations and their mailboxes to a world."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._as_of = world.as_of
        self._records: DropsuiteRecords = world.at[DROPSUITE]
        self._records.plans.extend(PLANS)
        self._next_organization = 20_555
        self._next_mailbox = 70_001

    def write(
        self,
        plan: Plan | None,  # noqa: ARG002 - nothing here depends on the PSA's side
        account: AccountPlan,
        needs: list[Need],
    ) -> None:
        """An organization per name, each with a record for every plan it has."""
        for number, name in enumerate(account.names):
            organization = self._organization()
            account.ids.append(str(organization))
            for need in needs:
                share, rest = divmod(int(need.vendor), len(account.names))
                # The first site has the rest: an account above zero wherever there is use.
                seats = share + (rest if number == 0 else 0)
                service = str(need.offer.services[need.service])
                self._user(organization, name, service, seats)
            if not needs:
                self._user(organization, name, "11", 2)

    def finish(self) -> None:
        """What is listed and does not count; once in every world."""
        rng, users = self._rng, self._records.users
        first = users[0]
        service = f"{first.plan_id}|archive" if first.archive else first.plan_id
        again = self._user(
            first.organization_id, first.organization_name, service, max(first.used - 1, 0)
        )
        old = self._user(first.organization_id, first.organization_name, "11", 4)
        old.is_deactivated = True
        for name, is_closed in (("Closed Co", True), ("Late Payer Ltd", False), ("Gone Inc", True)):
            for seats in (rng.randint(3, 9), rng.randint(10, 30)):
                user = self._user(self._organization(), f"{name} {seats}", "3", seats)
                user.is_suspended = True
                user.is_deactivated = is_closed
        # Used seats that do not add up, as after off-boarding.
        again.deactivated += 3

    def _organization(self) -> int:
        self._next_organization += self._rng.randint(1, 900)
        return self._next_organization

    def _user(self, organization: int, name: str, service: str, seats: int) -> DropsuiteUser:
        rng = self._rng
        plan_id, _, archive = service.partition("|")
        left = min(seats, rng.choice((0, 0, 1, 3)))
        user = DropsuiteUser(
            id=f"{RESELLER}-{len(self._records.users) + 7}",
            organization_id=organization,
            organization_name=name,
            plan_id=plan_id,
            token=new_uuid(rng),
            archive=bool(archive),
            used=seats,
            active=seats - left,
            deactivated=left,
            required=seats + rng.choice((0, 0, 2)),
            free_shared=rng.randint(0, 4),
        )
        self._records.users.append(user)
        kinds = ["active"] * user.active + ["left"] * left + ["deleted"] * rng.choice((0, 1))
        for kind in kinds:
            self._mailbox(user, kind)
        return user

    def _mailbox(self, user: DropsuiteUser, kind: str) -> None:
        name = person(self._rng)
        address = f"{name.lower().replace(' ', '.')}.{self._next_mailbox}"
        mailbox = DropsuiteMailbox(
            self._next_mailbox,
            user.id,
            f"{address}@org{user.organization_id}.example",
            name,
            is_deleted=kind == "deleted",
        )
        if kind == "left":
            mailbox.deactivated_on = self._as_of - timedelta(days=self._rng.randint(5, 200))
        self._records.mailboxes.append(mailbox)
        self._next_mailbox += 1


def service_name(service: str) -> str:
    """How a plan is shown, with its archive."""
    plan_id, _, archive = service.partition("|")
    name = next(plan.name for plan in PLANS if plan.id == plan_id)
    return f"{name} with Archive" if archive else name


def _price(plan_id: str) -> str:
    amount = next(plan.amount for plan in PLANS if plan.id == plan_id)
    return str(Decimal(amount))


SIDE = VendorSide(
    system=DROPSUITE,
    share=0.6,
    family="backup",
    products=(
        PsaProduct("dropsuite-backup", service_name("3"), "4.10", _price("3")),
        PsaProduct("dropsuite-archive", "Email Backup and Archive per User", "6.50", "3.90"),
        PsaProduct("dropsuite-archiver", service_name("5"), "5.00", _price("5")),
        PsaProduct("dropsuite-google", "Backup for Google per User", "4.25", _price("8")),
    ),
    offers=(
        Offer("dropsuite-backup", DROPSUITE, ("3",), ("dropsuite-backup",), "exact", 0.6, 0.9),
        Offer(
            "dropsuite-archive", DROPSUITE, ("3|archive",), ("dropsuite-archive",), "file", 0.4, 0.5
        ),
        Offer("dropsuite-archiver", DROPSUITE, ("5",), ("dropsuite-archiver",), "exact", 0.3, 0.3),
        Offer("dropsuite-google", DROPSUITE, ("8",), ("dropsuite-google",), "file", 0.3, 0.6),
    ),
    services={plan.id: plan.name for plan in PLANS} | {"3|archive": service_name("3|archive")},
    records=DropsuiteRecords,
    writer=DropsuiteWriter,
)
