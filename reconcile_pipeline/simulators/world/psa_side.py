"""Writes plans into the PSA: agreements, their lines, and the usual clutter around them.

The lines in force of one need always sum to `need.psa`; everything else written here is out of
scope for a reason the PSA itself shows. Ids rise in the order of writing.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import pairwise
from random import Random

from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.catalogue import UNFED_PRODUCTS
from reconcile_pipeline.simulators.world.dates import month_end, month_start, past_stamp
from reconcile_pipeline.simulators.world.plan import Need, Plan
from reconcile_pipeline.simulators.world.records import Agreement, Company, Line, Product, World

FAMILY_TYPE = {
    "managed": lookups.MANAGED,
    "cloud": lookups.CLOUD,
    "backup": lookups.BACKUP,
    "cancelled_agreement": lookups.CLOUD,
    "no_billing_cycle": lookups.MANAGED,
    "extra": lookups.MANAGED,
}
CLUTTER = ("ended", "expired", "inactive", "one_time", "not_recurring", "not_started", "no_cycle")
"""Agreements out of scope that every PSA is full of."""


class PsaWriter:
    """Appends agreements and lines to a world."""

    def __init__(self, rng: Random, world: World, product_ids: dict[str, int]) -> None:
        self._rng = rng
        self._world = world
        self._product_ids = product_ids
        self._products = {product.id: product for product in world.products}
        self._as_of = world.as_of
        self._next_agreement = 101 + len(world.agreements)
        self._next_line = 9001 + len(world.lines)

    def write(self, plan: Plan) -> None:
        """Everything the PSA holds about one live customer."""
        self.write_needs(plan, plan.needs.values())
        self._write_unfed(plan)
        for _ in range(self._rng.choice((0, 1, 1, 2, 2, 3))):
            self._write_clutter_agreement(plan.company)
        if plan.twin is not None:
            self._write_twin(plan, plan.twin)

    def write_needs(self, plan: Plan, needs: Iterable[Need]) -> None:
        """The lines that bill what the customer has."""
        for need in needs:
            if need.psa is not None:
                self._write_need(plan, need)

    def write_excluded(self, company: Company) -> None:
        """A company out of scope that still has an agreement in force, with lines."""
        agreement = self._agreement(company, "managed", self._past_start())
        for key in self._rng.sample(sorted(self._product_ids), self._rng.randint(1, 3)):
            self._line(agreement, key, Decimal(self._rng.randint(1, 12)))

    def _write_need(self, plan: Plan, need: Need) -> None:
        agreement = self._family(plan, need.home)
        keys = list(need.offer.products)[: need.product_count]
        parts = _split(self._rng, need.psa or Decimal(0), len(keys))
        for key, part in zip(keys, parts, strict=False):
            pieces = [part]
            if self._rng.random() < 0.45:  # noqa: PLR2004 share of products with staged lines
                pieces = _split(self._rng, part, 2)
            for piece in pieces:
                self._line(agreement, key, piece)

    def _family(self, plan: Plan, family: str) -> Agreement:
        """The customer's agreement of the family, written the first time it is needed."""
        if family in plan.agreements:
            return self._world.agreements[plan.agreements[family] - 101]
        agreement = self._agreement(plan.company, family, self._past_start())
        plan.agreements[family] = agreement.id
        if family == "cancelled_agreement":
            agreement.is_cancelled, agreement.status = True, "Cancelled"
            agreement.cancelled_on = month_end(self._as_of, -2)
        elif family == "no_billing_cycle":
            agreement.cycle_id = None
        elif family == "cloud" and "managed" in plan.agreements and self._rng.random() < 0.3:  # noqa: PLR2004
            agreement.parent_id = plan.agreements["managed"]
        self._write_clutter_lines(agreement)
        return agreement

    def _write_unfed(self, plan: Plan) -> None:
        """Labour and flat fees, which no vendor counts."""
        keys = [product.key for product in UNFED_PRODUCTS]
        agreement = self._family(plan, "managed")
        for key in self._rng.sample(keys, self._rng.randint(1, 5)):
            self._line(agreement, key, Decimal(self._rng.choice(("1", "1", "4", "7.5", "0.25"))))
        if self._rng.random() < 0.35:  # noqa: PLR2004
            extra = self._family(plan, "extra")
            self._line(extra, "voip", Decimal(self._rng.randint(1, plan.company.headcount)))

    def _write_clutter_lines(self, agreement: Agreement) -> None:
        """Lines that bill nothing now: free, not billed, not yet, no more."""
        rng = self._rng
        for kind in ("NoCharge", "DoNotBill", "future", "cancelled"):
            if rng.random() > 0.22:  # noqa: PLR2004 nearly one such line per agreement
                continue
            line = self._line(
                agreement, rng.choice(sorted(self._product_ids)), Decimal(rng.randint(1, 30))
            )
            line.cancelled_on = None
            if kind == "future":
                line.effective_on = month_start(self._as_of, rng.randint(1, 4))
            elif kind == "cancelled":
                months_ago = rng.randint(0, 14)
                line.effective_on = min(line.effective_on, month_start(self._as_of, -months_ago))
                line.cancelled_on = (
                    month_end(self._as_of, -months_ago) if months_ago else self._as_of
                )
            else:
                line.bill_customer = kind

    def _write_clutter_agreement(self, company: Company) -> None:
        """One agreement that is out of scope, with lines that nobody may count."""
        kind = self._rng.choice(CLUTTER)
        agreement = self._agreement(company, "managed", self._past_start())
        if kind in {"ended", "expired"}:
            agreement.ends_on = month_end(self._as_of, -self._rng.randint(1, 20))
            agreement.starts_on = min(agreement.starts_on, month_start(agreement.ends_on, -11))
            agreement.status = "Expired" if kind == "expired" else "Active"
        elif kind == "inactive":
            agreement.status = "Inactive"
        elif kind == "one_time":
            agreement.type_id, agreement.is_one_time = lookups.PROJECT, True
        elif kind == "not_recurring":
            agreement.type_id, agreement.cycle_id = lookups.BLOCK, lookups.ONCE
        elif kind == "no_cycle":
            agreement.type_id, agreement.cycle_id = lookups.BLOCK, None
        else:
            agreement.starts_on = month_start(self._as_of, self._rng.randint(1, 3))
        agreement.name = (
            f"{lookups.AGREEMENT_TYPE_NAME[agreement.type_id]} {kind.replace('_', ' ')}"
        )
        for _ in range(self._rng.randint(1, 4)):
            self._line(
                agreement,
                self._rng.choice(sorted(self._product_ids)),
                Decimal(self._rng.randint(1, 20)),
            )

    def _write_twin(self, plan: Plan, twin: Company) -> None:
        """The deleted company keeps a copy of one of the customer's agreements."""
        agreement = self._agreement(twin, "managed", self._past_start())
        for need in list(plan.needs.values())[:3]:
            self._line(agreement, need.offer.products[0], Decimal(self._rng.randint(1, 15)))

    def _agreement(self, company: Company, family: str, starts_on: date) -> Agreement:
        rng = self._rng
        type_id = FAMILY_TYPE[family]
        agreement = Agreement(
            id=self._next_agreement,
            company_id=company.id,
            bill_to_id=company.parent_id or company.id,
            name=lookups.AGREEMENT_TYPE_NAME[type_id] + (" - voice" if family == "extra" else ""),
            type_id=type_id,
            starts_on=starts_on,
            updated_at=past_stamp(rng, self._as_of),
            cycle_id=rng.choice((lookups.MONTHLY,) * 8 + (lookups.QUARTERLY, lookups.YEARLY)),
        )
        if rng.random() < 0.3:  # noqa: PLR2004 share of agreements with an end in sight
            agreement.ends_on = month_end(self._as_of, rng.randint(1, 24))
        self._next_agreement += 1
        self._world.agreements.append(agreement)
        return agreement

    def _line(self, agreement: Agreement, key: str, quantity: Decimal) -> Line:
        rng = self._rng
        product: Product = self._products[self._product_ids[key]]
        start = max(agreement.starts_on, month_start(self._as_of, -rng.randint(0, 30)))
        line = Line(
            id=self._next_line,
            agreement_id=agreement.id,
            product_id=product.id,
            quantity=quantity,
            unit_price=product.price,
            effective_on=self._as_of if rng.random() < 0.02 else start,  # noqa: PLR2004
            updated_at=past_stamp(rng, self._as_of),
        )
        if rng.random() < 0.05:  # noqa: PLR2004 included units lower the invoice, not the count
            line.less_included = min(quantity, Decimal(2))
        if rng.random() < 0.03:  # noqa: PLR2004 ends later, so still in force
            line.cancelled_on = month_end(self._as_of, rng.randint(1, 6))
        if rng.random() < 0.04:  # noqa: PLR2004 an older price this customer kept
            line.unit_price = (product.price * Decimal("0.95")).quantize(Decimal("0.01"))
        self._next_line += 1
        self._world.lines.append(line)
        return line

    def _past_start(self) -> date:
        return month_start(self._as_of, -self._rng.randint(2, 66))


def _split(rng: Random, total: Decimal, count: int) -> list[Decimal]:
    """`count` parts that sum to the total exactly; fewer when the total is too small to share."""
    step = Decimal(1) if total == total.to_integral_value() else Decimal("0.01")
    units = int(total / step)
    count = max(1, min(count, units))
    cuts = sorted(rng.sample(range(1, units), count - 1)) if count > 1 else []
    edges = [0, *cuts, units]
    return [(high - low) * step for low, high in pairwise(edges)]
