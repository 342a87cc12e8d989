"""Questions that are not a plain GET of JSON: by POST, of another format, refused, or moved."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.http import (
    ApiClient,
    ApiError,
    Limits,
    Reply,
    Request,
    SinglePage,
    StrictJsonError,
    paginate,
)
from reconcile_pipeline.model import Category


def test_a_question_by_post_goes_where_post_only_reads(wire: Any, rig: Any) -> None:
    """Its body travels as JSON, to a path that the client was told of."""
    wire.queue(wire.json({"result": [1]}))
    request = Request("/jsonapi", body={"method": "Enumerate"})
    assert rig.get(request, reads_by_post={"/jsonapi"}).data == {"result": [1]}
    assert (wire.seen[0].method, json.loads(wire.seen[0].body)) == ("POST", {"method": "Enumerate"})


def test_a_post_elsewhere_is_never_sent(wire: Any, rig: Any) -> None:
    """A body on any other path is a mistake of ours, and no call is made."""
    with pytest.raises(RuntimeError, match="/devices is not known"):
        rig.get(Request("/devices", body={}), reads_by_post={"/jsonapi"})
    assert wire.seen == []


def test_pages_asked_by_post_are_told_apart_by_their_body(wire: Any, rig: Any) -> None:
    """One path asked twice with another body is no loop; with the same body it is one."""
    first = Request("/jsonapi", body={"start": 0})
    assert first.identity != Request("/jsonapi", body={"start": 1}).identity
    assert first.identity == Request("/jsonapi", body={"start": 0}).identity


def test_pages_at_one_address_are_told_apart_by_their_place(wire: Any, rig: Any) -> None:
    """A list that goes on by a header alone is no loop, until it comes back to a place."""
    places = iter(["", "b", "c", "b"])

    class ByHeader(SinglePage):
        def next(self, request: Request, reply: Reply, count: int) -> Request:
            return Request("/things", place=next(places))

    async def pages(client: ApiClient) -> list[Any]:
        found = paginate(client, Request("/things", place="a"), ByHeader(), list)
        return [page async for page in found]

    wire.queue(wire.json([1]))
    with pytest.raises(ApiError, match="back to a page already read"):
        rig.run(pages)
    assert len(wire.seen) == 4


def test_a_tolerated_refusal_is_an_answer_without_data(wire: Any, rig: Any) -> None:
    """The list ends there, empty, its status kept; nothing is sent a second time."""
    wire.queue(wire.json({"message": "no such product"}, 404))
    request = Request("/onedrives", tolerates=frozenset({403, 404}))

    async def pages(client: ApiClient) -> list[tuple[int, str, list[Any]]]:
        found = paginate(client, request, SinglePage(), lambda data: data["rows"])
        return [(page.reply.status, page.reply.body, page.records) async for page in found]

    assert rig.run(pages) == [(404, "null", [])]
    assert len(wire.seen) == 1


def test_a_refusal_inside_a_200_can_be_tolerated(wire: Any, rig: Any) -> None:
    """The status that the body stands for is the one that counts."""
    wire.queue(wire.json({"error": "no"}))
    request = Request("/things", tolerates=frozenset({403}))
    reply = rig.get(request, stands_for=lambda data: 403 if "error" in data else 200)
    assert (reply.status, reply.data) == (403, None)


def test_other_refusals_stay_errors(wire: Any, rig: Any) -> None:
    """What is not on the list fails as always."""
    wire.queue(wire.json({}, 401))
    with pytest.raises(ApiError, match="401"):
        rig.get(Request("/things", tolerates=frozenset({404})))


def test_another_format_becomes_json(wire: Any, rig: Any) -> None:
    """What a reader makes of the body is both the data and the text to land."""

    def lines(content: bytes, _depth: int) -> tuple[str, Any]:
        rows = content.decode().splitlines()
        return json.dumps(rows), rows

    wire.queue(wire.reply("a\nb"))
    reply = rig.get(Request("/report", reads=lines))
    assert (reply.body, reply.data) == ('["a", "b"]', ["a", "b"])


def test_a_body_its_reader_refuses_is_a_shape_error(wire: Any, rig: Any) -> None:
    """In the words of every unusable answer."""

    def refuse(_content: bytes, _depth: int) -> tuple[str, Any]:
        raise StrictJsonError("no workbook")

    wire.queue(wire.reply("x"))
    with pytest.raises(ApiError, match="answered with no workbook") as info:
        rig.get(Request("/report", reads=refuse))
    assert info.value.category is Category.SHAPE


@pytest.mark.parametrize(("body", "waited"), [({"wait": 25}, 25), ({}, 0.5), ([], 0.5)])
def test_a_wait_inside_the_body_is_kept(wire: Any, rig: Any, body: Any, waited: float) -> None:
    """Where no header says how long; a body that does not say it either leaves the usual pause."""
    wire.queue(wire.json(body, 429), wire.json([1]))
    assert rig.get(waits=lambda data: data["wait"]).data == [1]
    assert rig.waits == [waited]


@pytest.mark.parametrize(
    ("status", "headers", "waited"),
    [(429, {}, 60), (429, {"Retry-After": "7"}, 7), (503, {}, 0.5)],
)
def test_a_full_window_is_waited_out(
    wire: Any, rig: Any, status: int, headers: Any, waited: float
) -> None:
    """A 429 that says nothing costs the documented window, where a system has one."""
    wire.queue(wire.json({}, status, headers), wire.json([1]))
    assert rig.get(limits=Limits(silent_wait_seconds=60)).data == [1]
    assert rig.waits == [waited]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_move_on_the_same_host_is_followed(wire: Any, rig: Any, status: int) -> None:
    """With the headers of the question; one that moves on and on is refused."""
    wire.queue(wire.json({}, status, {"Location": "/api/v1/things/"}), wire.json([1]))
    request = Request("/things", headers={"X-Org": "7"})
    assert rig.get(request, follows_moves=True).data == [1]
    assert [(seen.path, seen.headers["x-org"]) for seen in wire.seen][1] == ("/api/v1/things/", "7")
    wire.queue(wire.json({}, status, {"Location": "/again"}))
    with pytest.raises(ApiError, match=str(status)):
        rig.get(request, follows_moves=True)


def test_a_move_to_another_host_is_refused(wire: Any, rig: Any) -> None:
    """Keys are sent to the configured host only."""
    wire.queue(wire.json({}, 301, {"Location": "https://elsewhere.example/things"}))
    with pytest.raises(ApiError, match=r"elsewhere\.example"):
        rig.get(follows_moves=True)
    assert len(wire.seen) == 1


def test_an_answer_promised_for_later_is_fetched(wire: Any, rig: Any) -> None:
    """A 202 is handed to whoever knows how that system delivers; its waits are counted."""

    async def later(client: ApiClient, request: Request, headers: Mapping[str, str]) -> Reply:
        await client.pause(2)
        return await client.get(Request(headers["location"], template=request.template))

    wire.queue(wire.json({}, 202, {"Location": "/actions/7"}), wire.json({"qty": 1.5}))
    assert rig.get(later=later).data == {"qty": Decimal("1.5")}
    assert (rig.waits, rig.client.stats.throttled_seconds) == ([2], 2)
