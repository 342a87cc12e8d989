"""Single counts of the compatible API: what is taken, what is refused, what is kept either way."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from reconcile_pipeline.systems.vendors.push_inbox import rows

BAD_COUNTS = ['"5"', "null", "-1", "-0.0001", "NaN", "Infinity", "-Infinity", "true", "[]", "1e9"]


def send(push: Any, service: str, raw: str) -> Any:
    return push.vendor(
        "POST",
        f"/service/{service}/count",
        content=raw.encode(),
        headers={"Content-Type": "application/json"},
    )


@pytest.mark.parametrize("count", BAD_COUNTS)
def test_what_is_no_count_is_refused(push: Any, count: str) -> None:
    """Text, null, NaN, less than nothing and more than anything: 422, and nothing is stored."""
    service = push.service()
    reply = send(push, service, f'{{"accountId": "1", "unitCount": {count}}}')
    assert reply.status_code == 422
    assert set(reply.json()) == {"statusCode", "message"}
    with push.inbox.reading() as connection:
        assert rows(connection, "select * from counts") == []
        assert len(rows(connection, "select * from refusals where http_status = 422")) == 1


@pytest.mark.parametrize(
    ("raw", "stored"),
    [("0", "0"), ("42", "42"), ("12.5", "12.5"), ("0.00004", "0"), ("7.123456789", "7.1235")],
)
def test_counts_are_kept_to_four_decimals(push: Any, raw: str, stored: str) -> None:
    """Whole and decimal counts are kept; bytes divided into gigabytes are rounded, not refused."""
    service = push.service()
    assert send(push, service, f'{{"accountId": "1", "unitCount": {raw}}}').status_code == 404
    push.time.passes(hours=2)
    assert push.standing() == {("1", service): (stored, "pushed")}


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "[]",
        "{",
        '{"accountId": "1"}',
        '{"unitCount": 1}',
        '{"accountId": "", "unitCount": 1}',
        '{"accountId": "a\\u0000b", "unitCount": 1}',
        '{"accountId": "1", "unitCount": 1, "unitCount": 2}',
        '{"accountId": "1", "unitCount": 1, "clientOId": "64f0"}',
        '{"accountId": "1", "unitCount": ' + "[" * 50 + "1" + "]" * 50 + "}",
    ],
)
def test_a_body_that_says_two_things_or_none_is_refused(push: Any, raw: str) -> None:
    """Missing and doubled fields, empty ids and nested nonsense are 422, never a guess."""
    assert send(push, push.service(), raw).status_code == 422


def test_a_number_may_be_an_id(push: Any) -> None:
    """PowerShell sends ids of digits as numbers; they are the same texts."""
    service = push.service()
    push.account("1201")
    assert send(push, service, '{"accountId": 1201, "unitCount": 3}').status_code == 404
    push.time.passes(hours=2)
    assert push.standing() == {("1201", service): ("3", "pushed")}


def test_an_unknown_service_is_no_place_for_a_count(push: Any) -> None:
    """Service ids are made here: one that was not is a mistake, told as one."""
    reply = send(push, "64f0c1a2b3c4d5e6f7a8b9c0", '{"accountId": "1", "unitCount": 3}')
    assert reply.status_code == 404
    assert reply.json()["message"] == "No service found with id: 64f0c1a2b3c4d5e6f7a8b9c0"
    with push.inbox.reading() as connection:
        assert len(rows(connection, "select * from refusals where http_status = 404")) == 1


def test_an_unmapped_count_is_stored_and_may_be_answered_with_201(
    make_push: Callable[..., Any],
) -> None:
    """`unmapped_answer = 201` spares new scripts the compatible API's odd 404."""
    push = make_push(("[push]\n", "[push]\nunmapped_answer = 201\n"))
    service = push.service()
    reply = send(push, service, '{"accountId": "1", "unitCount": 3}')
    assert (reply.status_code, reply.json()["status"]) == (201, 201)
    push.time.passes(hours=2)
    assert push.standing() == {("1", service): ("3", "pushed")}


def test_no_build_is_true_or_false(push: Any) -> None:
    """PowerShell writes True; anything else is refused, as it decides where a run ends."""
    service = push.service()
    path = f"/service/{service}/count"
    body = {"accountId": "1", "unitCount": 1}
    for word, status in (("True", 404), ("false", 404), ("yes", 422), ("", 422)):
        assert push.vendor("POST", path, body, params={"no_build": word}).status_code == status


@pytest.mark.parametrize(
    "change", [{"category": "Security"}, {"subcategory": "edr"}, {"name": " "}, {"name": None}]
)
def test_services_are_filed_under_known_words(push: Any, change: dict[str, Any]) -> None:
    """Categories are those of the compatible API, in their very spelling."""
    body = {"name": "A", "description": "", "category": "other", "subcategory": "other"}
    assert push.vendor("POST", "/service", body | change).status_code == 422
    assert push.vendor("POST", "/service", body).status_code == 201


HOSTILE = [
    "<script>alert(1)</script>",
    "'; DROP TABLE counts; --",
    "=HYPERLINK(1)",
    "\u202eevil",
    "Zero\u200bwidth",
    "😀 Ltd",
    "%2e%2e/%2e%2e",
    "../../etc",
    "[/b] markup",
    "$(id)",
]


@pytest.mark.fault(45, 104)
def test_hostile_names_are_only_names(push: Any) -> None:
    """Whatever an id or a name spells, it comes back as it was and does nothing."""
    service = push.service(HOSTILE[0])
    body = [{"id": name, "name": name} for name in HOSTILE]
    assert push.vendor("POST", "/organization/accounts", body).status_code == 201
    for number, name in enumerate(HOSTILE):
        send(push, service, json.dumps({"accountId": name, "unitCount": number}))
    push.time.passes(hours=2)
    wanted = {(name, service): (str(n), "pushed") for n, name in enumerate(HOSTILE)}
    assert push.standing() == wanted
    listed = push.call("GET", "/api/v1/ingest/my_edr/counts").json()["counts"]
    assert {row["account_name"] for row in listed} == set(HOSTILE)
