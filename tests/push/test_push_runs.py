"""Runs of scripts that never post a zero: when one is whole, and what its silence then says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors.push_inbox import COMMAND


@pytest.fixture
def edr(push: Any) -> str:
    """A script's service, after one run over three customers."""
    service: str = push.service("EDR")
    push.run(service, {"a": 5, "b": 7, "c": 9})
    push.time.passes(days=1)
    return service


def refusal(push: Any, **more: Any) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        push.pulled(**more)
    assert caught.value.category is Category.INCOMPLETE
    assert caught.value.system == "my_edr"
    assert "NAME" not in caught.value.next_step
    return caught.value


def test_a_customer_dropped_to_zero_is_detected(push: Any, edr: str) -> None:
    """A whole run that does not name a customer it named before says: nothing is used there."""
    push.run(edr, {"a": 6, "b": 7})
    assert push.standing() == {
        ("a", edr): ("6", "pushed"),
        ("b", edr): ("7", "pushed"),
        ("c", edr): ("0", "absent_in_run"),
    }
    push.run(edr, {"a": 6, "b": 7, "c": 1})
    assert push.standing()["c", edr] == ("1", "pushed")


def test_a_customer_dropped_over_the_turn_of_the_month_is_detected(push: Any, edr: str) -> None:
    """The run before may have been last month's."""
    push.time.passes(days=20)
    push.run(edr, {"a": 6, "b": 7})
    assert push.standing()["c", edr] == ("0", "absent_in_run")
    assert "rejected" not in push.pulled()


def test_with_absent_stale_the_last_count_is_kept_and_marked(push: Any, edr: str) -> None:
    """Who does not trust the script's silence sees the old count with its age, and no zero."""
    push.run(edr, {"a": 6, "b": 7})
    landed = push.pulled(absent="stale")
    kept = next(row for row in landed["counts"] if row["account_id"] == "c")
    assert (kept["quantity"], kept["basis"]) == ("9", "not_in_last_run")
    assert kept["pushed_at"].startswith("2026-11-22")
    assert landed["services"][0]["is_absence_unknown"] is True
    push.time.passes(days=20)
    push.run(edr, {"a": 6, "b": 7})
    landed = push.pulled(absent="stale")
    assert [row["account_id"] for row in landed["rejected"]] == ["c"]


def test_a_broken_script_does_not_make_everybody_zero(push: Any, edr: str) -> None:
    """A run with less than half of the counts is not used until it is followed or accepted."""
    push.run(edr, {"a": 5})
    told = refusal(push)
    assert "pushed 1 counts above zero, and 3" in told.message
    assert "reconcile push accept my_edr" in told.next_step
    push.run(edr, {"a": 5})
    refusal(push)
    push.run(edr, {"a": 5, "b": 7})
    assert push.standing()["c", edr] == ("0", "absent_in_run")


def test_an_accepted_run_is_believed(push: Any, edr: str) -> None:
    """A person who knows that the customers are gone says so, with a reason."""
    push.run(edr, {"a": 5})
    with push.inbox.reading() as connection:
        (last,) = connection.execute("select max(batch_id) from counts").fetchone()
    with push.inbox.writing(COMMAND, push.time.now) as batch:
        batch.add("acceptances", run_id=last, reason="sold", accepted_by="dana")
    assert push.standing() == {
        ("a", edr): ("5", "pushed"),
        ("b", edr): ("0", "absent_in_run"),
        ("c", edr): ("0", "absent_in_run"),
    }


def test_half_of_the_counts_is_just_believed(push: Any, edr: str) -> None:
    """The guard's edge: two of four are, one of three is not."""
    push.run(edr, {"a": 5, "b": 7, "c": 9, "d": 1})
    push.run(edr, {"a": 5, "b": 7})
    assert [why for _quantity, why in push.standing().values()].count("absent_in_run") == 2


def test_counts_of_zero_are_no_counts_for_the_guard(push: Any, edr: str) -> None:
    """A script that posts zeros for everybody has lost them as surely as one that posts nothing."""
    push.run(edr, {"a": 0, "b": 0, "c": 9})
    refusal(push)


@pytest.mark.parametrize(
    ("minutes", "is_zero"), [(59, False), (60, False), (61, True)], ids=["in", "at", "after"]
)
def test_a_run_without_a_last_post_ends_with_the_gap(
    push: Any, edr: str, *, minutes: int, is_zero: bool
) -> None:
    """Scripts that never say which post is the last are over when nothing came for an hour."""
    push.count("a", edr, 5, last=False)
    push.count("b", edr, 7, last=False)
    push.time.passes(minutes=minutes)
    assert (push.standing()["c", edr] == ("0", "absent_in_run")) is is_zero


def test_pushing_that_has_just_begun_is_waited_for(push: Any) -> None:
    """The first run of a month is not used half: its other customers would look like none."""
    service = push.service()
    assert "No counts have been pushed for 2026-11 yet" in refusal(push).message
    push.count("a", service, 5, last=False)
    assert "still pushing counts for 2026-11: 1 so far" in refusal(push).message
    push.count("b", service, 5)
    assert len(push.standing()) == 2


def test_a_second_run_under_way_updates_and_ends_nothing(push: Any, edr: str) -> None:
    """While a later run goes on, its counts are new and all others stand as they were."""
    push.count("a", edr, 50, last=False)
    assert push.standing() == {
        ("a", edr): ("50", "pushed"),
        ("b", edr): ("7", "pushed"),
        ("c", edr): ("9", "pushed"),
    }


def test_two_scripts_of_one_integration_do_not_end_each_other(push: Any, edr: str) -> None:
    """A run speaks only for the services its own script pushes."""
    backup = push.service("Backup")
    push.run(backup, {"a": 1, "x": 2, "y": 3})
    assert len(push.standing()) == 6
    push.run(backup, {"a": 1, "x": 2})
    standing = push.standing()
    assert standing["y", backup] == ("0", "absent_in_run")
    assert standing["c", edr] == ("9", "pushed")


def test_a_service_nobody_uses_any_more_is_zero(push: Any, edr: str) -> None:
    """A script that pushed two services and names one is still believed about the other."""
    vault = push.service("Vault")
    for account in ("a", "b", "c"):
        push.count(account, edr, 1, last=False)
    push.count("a", vault, 1)
    push.run(edr, {"a": 1, "b": 1, "c": 1})
    assert push.standing()["a", vault] == ("0", "absent_in_run")


def test_a_run_that_lost_posts_says_nothing_of_the_others(
    make_push: Callable[..., Any],
) -> None:
    """A post that was refused, for its rate or its content, may have been the missing customer."""
    push = make_push(("requests_per_minute = 6000", "requests_per_minute = 60"))
    service = push.service()
    push.run(service, {"a": 5, "b": 7, "c": 9})
    push.time.passes(days=1)
    push.count("a", service, 5, last=False)
    for _ in range(70):
        push.vendor("GET")
    assert push.count("c", service, 9, last=False) == 429
    push.time.passes(minutes=5)
    push.count("b", service, 7)
    assert push.standing()["c", service] == ("9", "not_in_last_run")
    push.run(service, {"a": 5, "b": 7})
    assert push.standing()["c", service] == ("0", "absent_in_run")
    push.run(service, {"a": 5, "b": 7, "c": 9})
    push.count("a", service, 5, last=False)
    assert push.count("c", service, -1, last=False) == 422
    push.count("b", service, 7)
    assert push.standing()["c", service] == ("9", "not_in_last_run")


def test_a_run_around_a_restart_is_not_whole(push: Any, edr: str) -> None:
    """What came while the server was down is lost: silence about it is no zero."""
    push.count("a", edr, 5, last=False)
    push.restart()
    push.count("b", edr, 7)
    assert push.standing()["c", edr] == ("9", "not_in_last_run")


def test_a_start_before_a_run_does_not_spoil_it(push: Any, edr: str) -> None:
    """Machines restart every night; a run that begins afterwards is as whole as any."""
    push.restart()
    push.run(edr, {"a": 5, "b": 7})
    assert push.standing()["c", edr] == ("0", "absent_in_run")


def test_a_run_over_midnight_belongs_to_the_month_it_began_in(push: Any, edr: str) -> None:
    """Half of a run on the 30th and half on the 1st is one run, and nobody's zero."""
    push.time.now = push.time.now.replace(month=12, day=1, hour=4, minute=59)
    push.count("a", edr, 6, last=False)
    push.time.passes(minutes=2)
    push.count("b", edr, 8, last=False)
    push.count("c", edr, 10)
    push.time.now -= timedelta(minutes=5)
    assert {quantity for quantity, _why in push.standing_of("2026-11").values()} == {"6", "8", "10"}
    push.time.passes(days=1)
    assert push.standing_of("2026-12") == {}


def test_an_account_that_never_had_a_count_is_zero_after_a_whole_run(push: Any, edr: str) -> None:
    """Scripts register all customers and post only those in use: the others use nothing."""
    push.account("idle")
    push.run(edr, {"a": 5, "b": 7, "c": 9})
    push.account("later")
    landed = push.pulled()
    reasons = {row["account_id"]: row["excluded_reason"] for row in landed["accounts"]}
    assert reasons == dict.fromkeys("abc", None) | {
        "idle": None,
        "later": "no_counts_pushed_this_month",
    }
    assert landed["services"][0]["is_absence_unknown"] is False
