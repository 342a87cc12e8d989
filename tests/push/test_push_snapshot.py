"""Snapshots: everything in one call, kept whole or not at all, guarded against broken scripts."""

import json
from datetime import timedelta
from typing import Any

import pytest

from reconcile_pipeline.systems.vendors.push_inbox import rows

A, B, C = ("a", "edr"), ("b", "edr"), ("c", "edr")


def stored(push: Any, table: str = "counts") -> int:
    with push.inbox.reading() as connection:
        return int(rows(connection, f"select count(*) as n from {table}")[0]["n"])  # noqa: S608


def test_a_full_snapshot_says_who_uses_nothing_any_more(push: Any) -> None:
    """A pair that was known and is not named is zero, and says why; the answer counts them."""
    first = push.snapshot({A: "42", B: "0.5", C: "7"})
    assert first.status_code == 201
    assert first.json() | {"batch_id": "", "received_at": ""} == {
        "batch_id": "",
        "received_at": "",
        "period": "2026-11",
        "mode": "full",
        "accounts": 3,
        "services": 1,
        "counts": 3,
        "became_zero": 0,
        "unmapped_accounts": 3,
        "unmapped_services": 1,
        "is_open_period": True,
    }
    assert push.snapshot({A: "43", B: "1"}).json()["became_zero"] == 1
    assert push.standing() == {
        A: ("43", "pushed"),
        B: ("1", "pushed"),
        C: ("0", "absent_in_snapshot"),
    }
    assert push.snapshot({A: "43", B: "0"}).json()["became_zero"] == 0


def test_a_partial_snapshot_says_nothing_of_the_others(push: Any) -> None:
    """What it does not name stays as it was pushed, in this month; no zero is made of it."""
    push.snapshot({A: "42", B: "5"})
    push.snapshot({A: "1"}, mode="partial")
    assert push.standing() == {A: ("1", "pushed"), B: ("5", "pushed")}


def test_the_same_key_is_answered_once(push: Any) -> None:
    """The same content again is 200 with the first answer; another content is 409."""
    first = push.snapshot({A: "42"}, idempotency_key="edr-2026-11-22")
    assert first.status_code == 201
    again = push.snapshot({A: "42"}, idempotency_key="edr-2026-11-22")
    assert (again.status_code, again.json()) == (200, first.json() | {"replayed": True})
    other = push.snapshot({A: "43"}, idempotency_key="edr-2026-11-22")
    assert other.status_code == 409
    assert (stored(push), stored(push, "snapshots")) == (1, 1)
    assert push.standing() == {A: ("42", "pushed")}


def test_a_broken_script_does_not_make_everybody_zero(push: Any) -> None:
    """Losing more than half of the customers is 409 with both numbers, unless it is meant."""
    many = {(f"c{number}", "edr"): "3" for number in range(10)}
    push.snapshot(many)
    few = dict(list(many.items())[:4])
    refused = push.snapshot(few)
    assert refused.status_code == 409
    told = refused.json()
    assert (told["accounts_before"], told["accounts_now"]) == (10, 4)
    assert "allow_drop" in told["message"]
    zeros = dict.fromkeys(many, "0")
    assert push.snapshot(zeros).status_code == 409
    assert stored(push) == 10
    half = dict(list(many.items())[:5])
    assert push.snapshot(half).status_code == 201
    assert push.snapshot(few | {("c9", "edr"): "0"}).status_code == 201
    assert push.snapshot({A: "1"}, allow_drop=True).status_code == 201
    assert sum(quantity == "0" for quantity, _why in push.standing().values()) == 10


def test_the_guard_also_knows_what_single_counts_said(push: Any) -> None:
    """A script's first snapshot is compared with what its older form pushed."""
    service = push.service()
    push.run(service, {f"c{number}": 1 for number in range(5)})
    assert push.snapshot({A: "1"}).status_code == 409
    assert push.snapshot({(f"c{number}", service): "1" for number in range(4)}).status_code == 201


def test_nobody_at_all_must_be_meant(push: Any) -> None:
    """A full snapshot without counts is 422, and everybody's zero when it is allowed."""
    push.snapshot({A: "42"})
    assert push.snapshot({}).status_code == 422
    assert push.snapshot({}, allow_empty=True).status_code == 201
    assert push.standing() == {A: ("0", "absent_in_snapshot")}
    assert push.snapshot({}, mode="partial").status_code == 201


def test_doubled_counts_are_added_up_only_when_asked(push: Any) -> None:
    """One customer and service twice is 422; with aggregate the sum is exact."""
    twice = [
        {"account_id": "a", "service_key": "edr", "quantity": quantity}
        for quantity in ("0.1", "0.2")
    ]
    assert push.snapshot({A: "1"}, counts=twice).status_code == 422
    assert push.snapshot({A: "1"}, counts=twice, aggregate=True).status_code == 201
    assert push.standing() == {A: ("0.3", "pushed")}


@pytest.mark.parametrize(
    "quantity",
    [5, 5.0, None, True, "", " 5", "-1", "+1", "1e3", "1,5", ".5", "5.", "٣", "0.00001", "1" * 12],
)
def test_a_quantity_is_a_plain_decimal_in_quotes(push: Any, quantity: Any) -> None:
    """Numbers without quotes lose decimals on the way; signs, exponents and commas are guesses."""
    counts = [{"account_id": "a", "service_key": "edr", "quantity": quantity}]
    reply = push.snapshot({A: "1"}, counts=counts)
    assert reply.status_code == 422
    assert "Count 1" in reply.json()["message"]
    assert stored(push) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"schema": True},
        {"mode": "delta"},
        {"mode": None},
        {"alow_drop": True},
        {"allow_drop": "yes"},
        {"counts": None},
        {"counts": {}},
        {"counts": [5]},
        {"counts": [{"account_id": "z", "service_key": "edr", "quantity": "1"}]},
        {"counts": [{"account_id": "a", "service_key": "z", "quantity": "1"}]},
        {"counts": [{"account_id": "a", "service_key": "edr", "quantity": "1", "qty": "1"}]},
        {"accounts": [{"id": "a", "name": "A"}, {"id": "a", "name": "A"}]},
        {"accounts": [{"id": "a"}]},
        {"services": [{"key": "edr", "name": "E", "category": "Security"}]},
        {"as_of": "2026-11-22"},
        {"as_of": "2026-11-22T00:00:00"},
        {"as_of": "2026-11-23T12:00:00Z"},
        {"as_of": 5},
        {"period": "2026-12"},
        {"period": "2025-12"},
        {"period": "2026-13"},
        {"period": 11},
    ],
)
def test_a_snapshot_with_one_mistake_stores_nothing(push: Any, change: dict[str, Any]) -> None:
    """Misspelt fields, unknown ids, days without a zone and months to come: 422, all or nothing."""
    reply = push.snapshot({A: "1"}, **change)
    assert reply.status_code == 422, reply.text
    assert stored(push) == stored(push, "accounts") == 0


def test_an_older_snapshot_does_not_overwrite_a_newer_one(push: Any) -> None:
    """What was taken earlier and arrives later is 409: it would turn the counts back."""
    push.snapshot({A: "2"}, as_of="2026-11-22T10:00:00Z")
    assert push.snapshot({A: "1"}, as_of="2026-11-22T09:00:00Z").status_code == 409
    assert push.snapshot({A: "3"}, as_of="2026-11-22T10:00:00+00:00").status_code == 201
    assert push.standing() == {A: ("3", "pushed")}


def test_each_month_has_its_own_counts(push: Any) -> None:
    """A push for another month stays there: neither month sees the other's counts."""
    push.snapshot({A: "1"}, period="2026-10", as_of="2026-10-31T20:00:00Z")
    push.snapshot({A: "2", B: "5"})
    assert push.standing() == {A: ("2", "pushed"), B: ("5", "pushed")}
    push.time.now -= timedelta(days=30)
    assert push.standing() == {A: ("1", "pushed")}


def test_a_pair_of_an_earlier_month_is_zero_only_by_a_full_snapshot(push: Any) -> None:
    """After the turn of the month a partial push leaves the rest unknown, and a full one zero."""
    push.snapshot({A: "1", B: "5"})
    push.time.passes(days=10)
    push.snapshot({A: "2"}, mode="partial")
    landed = push.pulled()
    assert [row["account_id"] for row in landed["counts"]] == ["a"]
    assert [(row["account_id"], row["reason"]) for row in landed["rejected"]] == [
        ("b", "no_counts_pushed_this_month")
    ]
    assert [row["excluded_reason"] for row in landed["accounts"]] == [
        None,
        "no_counts_pushed_this_month",
    ]
    assert [row["is_absence_unknown"] for row in landed["services"]] == [True]
    push.snapshot({A: "2"})
    landed = push.pulled()
    assert push.standing()[B] == ("0", "absent_in_snapshot")
    assert "rejected" not in landed
    assert [row["is_absence_unknown"] for row in landed["services"]] == [False]


def test_an_account_that_came_after_the_snapshot_is_unknown(push: Any) -> None:
    """A full snapshot speaks of the customers of its time, not of later ones."""
    push.snapshot({A: "1"})
    push.account("new")
    accounts = {row["account_id"]: row["excluded_reason"] for row in push.pulled()["accounts"]}
    assert accounts == {"a": None, "new": "no_counts_pushed_this_month"}


def test_units_and_names_follow_the_latest_snapshot(push: Any) -> None:
    """A service's name and unit may change; its description stays while nothing else is sent."""
    push.snapshot(
        {A: "1"},
        services=[{"key": "edr", "name": "EDR", "description": "old", "category": "security"}],
        counts=[{"account_id": "a", "service_key": "edr", "quantity": "1", "unit": "agent"}],
    )
    push.snapshot({A: "1"}, services=[{"key": "edr", "name": "EDR Pro"}])
    (sku,) = push.vendor("GET").json()["data"]["skus"]
    assert (sku["name"], sku["description"], sku["category"]) == ("EDR Pro", "old", "security")
    assert push.pulled()["services"][0]["unit"] == "agent"


def test_counts_can_be_looked_up_with_what_became_of_them(push: Any) -> None:
    """Who pushed what, when last, whether it is mapped and whether a pull may use it."""
    path = "/api/v1/ingest/my_edr/counts"
    nothing = push.call("GET", path).json()
    assert nothing["is_usable"] is False
    assert nothing["problem"]["message"] == "No counts have been pushed for 2026-11 yet."
    push.snapshot({A: "1", B: "5"})
    push.snapshot({A: "2"})
    told = push.call("GET", path).json()
    assert (told["is_usable"], told["problem"], told["status"]) == (True, None, "active")
    assert told["last_pushed_at"] == "2026-11-22T12:00:00.000000+00:00"
    assert [(row["account_id"], row["quantity"], row["basis"]) for row in told["counts"]] == [
        ("a", "2", "pushed"),
        ("b", "0", "absent_in_snapshot"),
    ]
    flags = ("is_account_mapped", "is_service_mapped", "is_on_card")
    assert not any(row[flag] for row in told["counts"] for flag in flags)
    assert push.call("GET", path, params={"period": "soon"}).status_code == 422
    later = push.call("GET", path, params={"period": "2026-12"}).json()
    assert {row["basis"] for row in later["counts"]} == {"pushed_in_an_earlier_month"}


def test_a_large_snapshot_is_one_call(push: Any) -> None:
    """Twenty thousand counts fit into one body and are stored whole."""
    counts = {(f"c{number:05d}", "edr"): "1" for number in range(20_000)}
    assert push.snapshot(counts).status_code == 201
    assert stored(push) == 20_000
    assert len(json.dumps(push.pulled()["counts"])) > 1_000_000
