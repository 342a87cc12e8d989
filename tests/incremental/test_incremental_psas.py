"""Each PSA that tells changes: what it is asked, and what its quirks must not hide."""

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from reconcile_pipeline.landing.basis import Rhythm
from reconcile_pipeline.simulators.server import State
from reconcile_pipeline.systems.registry import SYSTEMS

RHYTHM = Rhythm(is_incremental=True)
FULL = replace(RHYTHM, is_forced_full=True)
FIRST_LIST = {
    "connectwise": ("companies", "agreements", "catalogue"),
    "autotask": ("companies", "services"),
    "halopsa": ("clients",),
    "kaseya_bms": ("accounts",),
    "pulseway": ("accounts",),
}
MARKS = ("lastUpdated", "lastTrackedModified", "lastModifiedDate", "lastupdatefrom", "ModifiedOn")


def rename(bench: Any, number: int, name: str = "Renamed") -> None:
    bench.world.companies[number].name = name
    bench.edited()


def test_only_lists_that_tell_changes_are_asked_for_them(bench: Any) -> None:
    """Lines and everything else without such a question are read in full, each time."""
    declared = {stream.name for stream in SYSTEMS[bench.kind].streams(bench.account, bench.day)
                if stream.changes is not None}  # fmt: skip
    assert declared == set(FIRST_LIST[bench.kind])
    first = bench.good()
    rename(bench, 3)
    again = bench.good()
    assert {s.name for s in again.streams if s.changed is not None} == declared
    assert {s.name for s in first.streams if s.watermark} == declared
    assert [s.note for s in again.streams] == [""] * len(again.streams)


def test_a_renamed_company_costs_one_question_and_one_total(bench: Any) -> None:
    """Both in the words of the documentation; the records come from the pull before."""
    bench.good()
    rename(bench, 3, "Renamed and Sons")
    bench.asked()
    again = bench.good()
    name = FIRST_LIST[bench.kind][0]
    stream = next(stream for stream in SYSTEMS[bench.kind].streams(bench.account, bench.day)
                  if stream.name == name)  # fmt: skip
    path = urlsplit(stream.request.path).path
    calls = [target for target in bench.asked() if urlsplit(target).path.rstrip("/").endswith(
        (path, f"{path}/count"))]  # fmt: skip
    assert len(calls) == 2
    assert [any(mark in target for mark in MARKS) for target in calls] == [True, False]
    companies = {row[1]: row[2] for row in bench.core(again)["companies"]}
    assert companies[str(bench.world.companies[3].id)] == "Renamed and Sons"


def test_a_deleted_company_is_noticed_by_the_total(bench: Any) -> None:
    """One fewer than are known: the list is read in full in the same pull, and it is gone."""
    used = {number for a in bench.world.agreements for number in (a.company_id, a.bill_to_id)}
    used |= {company.parent_id for company in bench.world.companies}
    gone = next(company for company in bench.world.companies if company.id not in used)
    bench.good()
    bench.world.companies.remove(gone)
    rename(bench, 0)
    again = bench.good()
    stream = bench.stream(again)
    assert stream.changed is None
    assert "are known, and there are" in stream.note
    assert str(gone.id) not in {row[1] for row in bench.core(again)["companies"]}


@pytest.mark.fault(53)
@pytest.mark.parametrize(
    ("kind", "minutes"),
    [
        *(("connectwise", -10), ("halopsa", 10)),
        *(
            pytest.param(kind, minutes, marks=pytest.mark.slow)
            for kind, minutes in (("connectwise", 10), ("halopsa", -10))
        ),
    ],
)
def test_a_vendors_clock_may_go_wrong(open_bench: Any, kind: str, minutes: int) -> None:
    """Ten minutes ahead or behind, edits right after a pull are found by the next one.

    One kind whose records carry stamps, and the one where the date of its answers counts.
    """
    bench = open_bench(kind)
    bench.skew = timedelta(minutes=minutes)
    bench.good()
    for number in range(3):
        rename(bench, number, f"Right after {number}")
        again = bench.good()
        assert again.mode == "incremental"
        names = {row[2] for row in bench.core(again)["companies"]}
        assert f"Right after {number}" in names


@pytest.mark.fault(24)
@pytest.mark.parametrize(("seconds", "is_found"), [(900, True), (30, False)])
def test_what_changes_behind_the_reader_is_found_by_the_overlap(
    open_bench: Any, seconds: int, *, is_found: bool
) -> None:
    """A record edited after its page was read, before a later one that was seen, comes next time.

    With a shorter overlap it is lost until the next full pull: so this really is that moment.
    """
    bench = open_bench("connectwise")
    first, last = bench.world.companies[0], bench.world.companies[-1]

    def behind(_state: State) -> None:
        bench.later(minutes=1)
        first.name = "Edited behind the reader"
        bench.server.state.changed()
        bench.later(minutes=1)
        last.name = "Edited before the reader"
        bench.server.state.changed()

    # Stamps later than the pull's start never count, so the reader's clock stands a little later.
    bench.skew = -timedelta(minutes=5)
    bench.server.faults.add("/company/companies$", kind="hook", value=behind, after_n_calls=1)
    bench.good()
    again = bench.good(replace(RHYTHM, overlap=timedelta(seconds=seconds)))
    assert again.mode == "incremental"
    names = {row[2] for row in bench.core(again)["companies"]}
    assert "Edited before the reader" in names
    assert ("Edited behind the reader" in names) is is_found


@pytest.mark.parametrize("hours", [-11, 14])
def test_halos_filter_may_mean_any_time_zone(open_bench: Any, hours: int) -> None:
    """Which zone a moment without one stands in is not documented: it is asked for far enough."""
    bench = open_bench("halopsa")
    bench.server.state.server_zone_hours = hours
    bench.good()
    rename(bench, 2, "Renamed far away")
    again = bench.good()
    assert again.mode == "incremental"
    assert "Renamed far away" in {row[2] for row in bench.core(again)["companies"]}


def test_a_filter_that_is_misread_is_noticed(open_bench: Any) -> None:
    """If the filter looks too late, the record changed last does not come: all of it is read."""
    bench = open_bench("kaseya_bms")
    bench.good()
    rename(bench, 1)
    assert bench.good().mode == "incremental"
    right = bench.server.app.stamps.of
    hours = timedelta(hours=3)

    def early(listed: str, item: Any, before: str = "") -> str:
        return (datetime.fromisoformat(right(listed, item, before)) - hours).isoformat()

    bench.server.app.stamps.of = early
    rename(bench, 2, "Renamed and missed")
    again = bench.good()
    assert "did not come again" in bench.stream(again).note
    assert "Renamed and missed" in {row[2] for row in bench.core(again)["companies"]}


def test_a_refused_filter_reads_everything(open_bench: Any) -> None:
    """A tenant that does not know the field answers 400: the list is read in full, and says why."""
    bench = open_bench("connectwise")
    bench.good()
    bench.server.faults.add("/company/companies$", kind="status", value=400)
    again = bench.good()
    assert bench.stream(again).changed is None
    assert "was refused" in bench.stream(again).note
    assert bench.stream(again, "agreements").changed is not None


def test_an_agreement_that_ends_overnight_is_judged_today(open_bench: Any) -> None:
    """Nothing in the PSA changes when a date passes: the merged list is judged on today's date."""
    bench = open_bench("connectwise")
    base = bench.good()
    scope = next(row for row in bench.core(base)["agreements"] if row[-2] and row[-1] is None)
    agreement = next(a for a in bench.world.agreements if str(a.id) == scope[1])
    agreement.ends_on = bench.day
    bench.edited()
    bench.good()
    bench.day += timedelta(days=1)
    bench.later(days=1)
    bench.asked()
    again = bench.good()
    rows = {row[1]: row for row in bench.core(again)["agreements"]}
    assert rows[scope[1]][-1] == "ended"
    assert not [t for t in bench.asked() if f"/agreements/{scope[1]}/additions" in t]
    assert bench.core(again) == bench.truth()


def test_pulseway_is_asked_only_where_somebody_says_so(open_bench: Any) -> None:
    """Its filter is known of its twin alone: without the setting every pull is full."""
    bench = open_bench("pulseway")
    values = {**bench.account.values, "ask_for_changed_accounts": False}
    bench.account = replace(bench.account, values=values)
    bench.good()
    rename(bench, 1)
    again = bench.good()
    assert again.mode == "full"
    assert bench.core(again) == bench.truth()
    bms = {field.name: field.default for field in SYSTEMS["kaseya_bms"].fields}
    twin = {field.name: field.default for field in SYSTEMS["pulseway"].fields}
    name = "ask_for_changed_accounts"
    assert (bms[name], twin[name]) == (True, False)


def test_no_pull_needs_another_ones_folder(bench: Any) -> None:
    """Built again without its base on the disk, an incremental pull gives the same tables."""
    base = bench.good()
    rename(bench, 4)
    again = bench.good()
    before = bench.core(again)
    shutil.rmtree(bench.landing / base.relative_path)
    assert bench.core(again) == before == bench.truth()


def test_another_tenants_pages_are_not_gone_on_from(open_bench: Any) -> None:
    """The same name in the settings for another company of the PSA: everything is read."""
    bench = open_bench("kaseya_bms")
    bench.good()
    values = {**bench.account.values, "active_statuses": ("Active", "Signed")}
    bench.account = replace(bench.account, values=values)
    again = bench.good()
    assert again.mode == "full"
    assert "settings were changed" in bench.stream(again).note


@pytest.mark.slow
def test_a_night_with_few_changes_costs_few_calls(open_bench: Any) -> None:
    """One record of a hundred changed: at most a twentieth of the calls, from forty pages on.

    Pages of one record stand for a large list: 41 companies are 41 pages.
    """
    bench = open_bench("kaseya_bms")
    values = {**bench.account.values, "page_size": 1.0, "requests_per_hour": 100_000.0}
    bench.account = replace(bench.account, values=values)
    wanted = "/v2/crm/accounts/summary"

    def calls() -> int:
        return sum(target.startswith(wanted) for target in bench.asked())

    bench.good()
    full = calls()
    bench.world.companies[7].name = "The one of a hundred"
    bench.edited()
    bench.good()
    # Its page, that of the record which was changed last before, and the total.
    assert full >= 40
    assert calls() <= 3
    bench.good(FULL)
    assert calls() == full
