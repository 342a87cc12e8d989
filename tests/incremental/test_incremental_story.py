"""Whatever is edited between pulls, the sum of incremental ones equals a full pull."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from reconcile_pipeline.model import PullMode
from reconcile_pipeline.simulators.world import lookups

KINDS = (
    *("connectwise", "autotask"),
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("halopsa", "kaseya_bms")),
)
SEEDS = [3, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 30))]
STEPS = 7
SKEWS = (timedelta(minutes=-10), timedelta(0), timedelta(minutes=10))


class Editor:
    """Edits a PSA's world as its users would, one record at a time."""

    def __init__(self, bench: Any, rng: Random) -> None:
        self._bench, self._rng = bench, rng
        self._world = bench.world
        self._made = 0

    def edit(self) -> str:
        acts: list[Callable[[], None]] = [
            self.rename_company,
            self.deactivate_company,
            self.add_company,
            self.delete_company,
            self.change_quantity,
            self.cancel_line,
            self.rename_agreement,
            self.cancel_agreement,
            self.delete_agreement,
            self.add_agreement,
            self.rename_product,
            self.retire_product,
        ]
        act = self._rng.choice(acts)
        act()
        return act.__name__

    def rename_company(self) -> None:
        self._rng.choice(self._world.companies).name = self._name()

    def deactivate_company(self) -> None:
        company = self._rng.choice(self._world.companies)
        active, inactive = lookups.ACTIVE, lookups.INACTIVE
        company.status_id = active if company.status_id == inactive else inactive

    def add_company(self) -> None:
        old = self._world.companies[0]
        number = max(company.id for company in self._world.companies) + 1
        new = replace(old, id=number, identifier=f"new{number}", name=self._name(), parent_id=None)
        self._world.companies.append(new)

    def delete_company(self) -> None:
        used = {id_ for a in self._world.agreements for id_ in (a.company_id, a.bill_to_id)}
        used |= {company.parent_id or 0 for company in self._world.companies}
        unused = [company for company in self._world.companies if company.id not in used]
        if unused:
            self._world.companies.remove(self._rng.choice(unused))

    def change_quantity(self) -> None:
        line = self._rng.choice(self._world.lines)
        line.quantity += Decimal(self._rng.randint(1, 5))

    def cancel_line(self) -> None:
        self._rng.choice(self._world.lines).cancelled_on = self._world.as_of

    def rename_agreement(self) -> None:
        self._rng.choice(self._world.agreements).name = self._name()

    def cancel_agreement(self) -> None:
        agreement = self._rng.choice(self._world.agreements)
        agreement.is_cancelled, agreement.status = True, "Cancelled"
        agreement.cancelled_on = self._world.as_of

    def delete_agreement(self) -> None:
        parents = {agreement.parent_id for agreement in self._world.agreements}
        alone = [each for each in self._world.agreements if each.id not in parents]
        gone = self._rng.choice(alone)
        self._world.agreements.remove(gone)
        self._world.lines = [x for x in self._world.lines if x.agreement_id != gone.id]

    def add_agreement(self) -> None:
        old = self._rng.choice(self._world.agreements)
        number = max(agreement.id for agreement in self._world.agreements) + 1
        self._world.agreements.append(replace(old, id=number, name=self._name(), parent_id=None))

    def rename_product(self) -> None:
        self._rng.choice(self._world.products).description = self._name()

    def retire_product(self) -> None:
        product = self._rng.choice(self._world.products)
        product.is_inactive = not product.is_inactive

    def _name(self) -> str:
        self._made += 1
        return f"Made up {self._made}"


@pytest.mark.fault(26, 34, 35, 53)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_sum_of_incremental_pulls_is_a_full_pull(open_bench: Any, kind: str, seed: int) -> None:
    """After any edits and pulls, by a clock that goes wrong, core tables are those of a full one.

    Watermarks are held to what was edited: never ahead of the newest stamp that was seen.
    """
    rng = Random(f"{kind} {seed}")  # noqa: S311 - dice of a test
    bench = open_bench(kind, seed)
    bench.skew = rng.choice(SKEWS)
    editor = Editor(bench, rng)
    bench.good()
    told = []
    for _ in range(STEPS):
        edits = [editor.edit() for _ in range(rng.randint(0, 4))]
        bench.edited()
        bench.later(minutes=rng.choice([0, 5, 600]))
        pull = bench.believed()
        told.append((edits, pull.mode, [s.note for s in pull.streams if s.note]))
        for stream in pull.streams:
            if stream.watermark:
                assert stream.watermark <= (bench.instant + max(bench.skew, SKEWS[1])).isoformat()
    # A full reading is one again after any doubt: there have to be real ones among them.
    assert PullMode.INCREMENTAL in {pull.mode for pull in bench.pulls}, told
    assert bench.core(bench.pulls[-1]) == bench.truth(), told
