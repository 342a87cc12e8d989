"""A change from a day that is past: shown before it is sent, and the PSA has the last word."""

import asyncio
import io
from datetime import date

import pytest
from rich.console import Console
from writeback_bench.bench import Bench

from reconcile_pipeline.applying import DryRun
from reconcile_pipeline.cli.changes import print_dry_run
from reconcile_pipeline.writeback.batch import plan_batch, preview_batch

pytestmark = pytest.mark.long

PAST = date(2026, 10, 1)
RULE = "The effective date lies in a period that was invoiced."
FOUND_BY_LOOKING = f"the period that {PAST} is in has been invoiced already"
"""What a PSA that keeps units by day shows before anything is sent."""


@pytest.mark.fault(96)
def test_the_day_and_what_it_means_are_shown_first(bench: Bench) -> None:
    """The dry run names the day of each line, and says from when this PSA's invoice shows it."""
    bench.effective = PAST
    [change] = bench.decide()
    plan = plan_batch(bench.batch())
    previews = asyncio.run(preview_batch(bench.client(), bench.write_back, plan.ready))
    told = io.StringIO()
    found = DryRun(plan, tuple(previews), "a tenant", bench.write_back.effect, is_enabled=True)
    print_dry_run(Console(file=told, width=240), found)
    row, *more = [line for line in told.getvalue().splitlines() if change.change_id in line]
    assert row.split()[-1] == "2026-10-01"
    assert bench.write_back.effect in " ".join(told.getvalue().split())
    is_by_day = bench.write_back.takes_effect == "on_date"
    assert ("at once" in bench.write_back.effect) != is_by_day
    assert [FOUND_BY_LOOKING in line for line in more] == [True] * is_by_day
    assert bench.sends() == 0


@pytest.mark.fault(96)
def test_the_psas_rule_about_a_day_is_told_in_its_words(bench: Bench) -> None:
    """It refuses the day: nothing is changed, its sentence stands at the change, others go on."""
    bench.effective = PAST
    [early] = bench.decide()
    bench.effective = date(2026, 12, 1)
    [later] = bench.decide()
    is_by_day = bench.write_back.takes_effect == "on_date"
    if not is_by_day:
        bench.fault("status", value=bench.play.refusals[0], text=RULE)
    report = bench.write()
    assert bench.states() == ["rejected", "verified"]
    assert (FOUND_BY_LOOKING if is_by_day else RULE) in bench.says(early)
    assert bench.sends() == (1 if is_by_day else 2)
    bench.assert_untouched(early)
    bench.assert_written_once(later)
    assert report.stopped is None
