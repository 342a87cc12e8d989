"""An answer is used whole or not at all, wherever and however it was cut."""

import gzip
import json
import random
import tracemalloc
import zlib
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiError, Limits, Request
from reconcile_pipeline.http.body import Decoder
from reconcile_pipeline.http.errors import (
    BodyTooLargeError,
    CutBodyError,
    UndecodableBodyError,
)
from reconcile_pipeline.model import Category

PAGE = json.dumps([{"id": i, "name": f"Müller {i}", "n": [1.5, None]} for i in range(6)]).encode()
GZIP = {"Content-Encoding": "gzip"}


def noisy_page(size: int) -> bytes:
    """A JSON list that hardly shrinks, so that its compressed form has about `size` bytes."""
    noise = random.Random(5)  # noqa: S311 - any noise will do, but always the same
    return json.dumps([noise.getrandbits(64) for _ in range(size // 9)]).encode()


def cut_cases(wire: Any) -> Any:
    half = len(PAGE) // 2
    full = {"Content-Length": str(len(PAGE))}
    chunk = f"{len(PAGE):x}\r\n".encode() + PAGE
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return {
        "reset before headers": wire.raw(b"", "reset"),
        "closed before headers": wire.raw(b"", "close"),
        "cut in headers": wire.raw(b"HTTP/1.1 200 OK\r\nContent-", "close"),
        "reset after headers": wire.reply(b"", headers=full, ending="reset"),
        "short of content-length": wire.reply(PAGE[:half], headers=full, ending="close"),
        "one byte short": wire.reply(PAGE[:-1], headers=full, ending="close"),
        "reset in mid-body": wire.reply(PAGE[:half], headers=full, ending="reset"),
        "cut in a chunk": wire.raw(chunked + chunk[:half]),
        "no last chunk": wire.raw(chunked + chunk + b"\r\n"),
        "close-delimited": wire.reply(PAGE[:half], framed=False, ending="close"),
        "close-delimited, nothing": wire.reply(b"", framed=False, ending="close"),
        "re-framed by a proxy": wire.reply(PAGE[:half]),
        "cut inside a letter": wire.reply(PAGE.decode().encode().replace(b"\\u00fc", b"\xc3")[:18]),
        "gzip, framed": wire.reply(gzip.compress(PAGE)[: half // 2], headers=GZIP),
        "not even HTTP": wire.raw(b"garbage\r\n\r\n"),
    }


CASES = list(cut_cases(type("W", (), {"raw": lambda *_: 0, "reply": lambda *_, **__: 0})()))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.fault(9, 10)
def test_a_cut_answer_is_asked_for_again(wire: Any, rig: Any, case: str) -> None:
    """Every kind of cut leads to one more try, whose whole answer is then used."""
    wire.queue(cut_cases(wire)[case], wire.reply(PAGE))
    assert len(rig.get().data) == 6
    assert (len(wire.seen), rig.client.stats.retries) == (2, 1)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.fault(10)
def test_an_answer_that_is_always_cut_fails(wire: Any, rig: Any, case: str) -> None:
    """Cut on every try, the call fails after `attempts`, in words a person understands."""
    wire.queue(cut_cases(wire)[case])
    with pytest.raises(ApiError, match="try 3 of 3") as info:
        rig.get(limits=Limits(attempts=3))
    assert info.value.category in {Category.INCOMPLETE, Category.UNREACHABLE}
    assert len(wire.seen) == 3


@pytest.mark.fault(11)
def test_gzip_cut_at_every_offset_is_noticed(rig: Any) -> None:
    """Wherever a 2 KB gzip body ends early, even well framed, no page comes out of it."""
    packed = gzip.compress(noisy_page(2000))
    assert len(packed) > 1500

    def answer(request: Any) -> Any:
        cut = int(request.url.params["cut"])
        framing = {"Content-Length": str(cut), **GZIP}
        return httpx.Response(200, headers=framing, stream=httpx.ByteStream(packed[:cut]))

    async def every_cut(client: Any) -> Any:
        for cut in range(len(packed)):
            with pytest.raises(ApiError) as info:
                await client.get(Request("/p", {"cut": str(cut)}))
            assert info.value.category is Category.INCOMPLETE, cut
        return (await client.get(Request("/p", {"cut": str(len(packed))}))).body

    # Thousands of calls: without sockets, as what the wire does is covered by the cases above.
    transport = httpx.MockTransport(answer)
    body = rig.run(every_cut, limits=Limits(attempts=1), transport=transport)
    assert body == noisy_page(2000).decode()
    assert rig.client.stats.calls == len(packed) + 1


@pytest.mark.fault(11, 12)
def test_json_cut_at_every_byte_is_noticed(wire: Any, rig: Any) -> None:
    """Wherever a close-delimited page ends early, the call fails: never a shorter list."""
    page = json.dumps([{"id": 1, "t": 'a"]}ü', "n": -1.5e3}, [], True], ensure_ascii=False).encode()

    def answer(seen: Any) -> Any:
        return wire.reply(page[: int(seen.query["cut"])], framed=False, ending="close")

    wire.script = answer

    async def every_cut(client: Any) -> Any:
        for cut in range(len(page)):
            with pytest.raises(ApiError) as info:
                await client.get(Request("/p", {"cut": str(cut)}))
            assert info.value.is_transient, cut
        return await client.get(Request("/p", {"cut": str(len(page))}))

    assert len(rig.run(every_cut, limits=Limits(attempts=1)).data) == 3


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(PAGE)),
        ("x-gzip", gzip.compress(PAGE)),
        ("GZIP", gzip.compress(PAGE)),
        ("gzip", gzip.compress(PAGE[:40]) + gzip.compress(PAGE[40:])),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)[2:-4]),
        ("identity", PAGE),
    ],
)
def test_every_encoding_we_accept_is_decoded(
    wire: Any, rig: Any, encoding: str, packed: bytes
) -> None:
    """gzip in one or several members, deflate in both its forms, and plain text all arrive."""
    wire.queue(wire.reply(packed, headers={"Content-Encoding": encoding}))
    assert rig.get().body.encode() == PAGE


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_decoding_does_not_depend_on_how_bytes_arrive(step: int) -> None:
    """The same bytes in other pieces give the same content."""
    packed = gzip.compress(PAGE[:40]) + gzip.compress(PAGE[40:])
    decoder = Decoder("gzip", len(PAGE))
    for start in range(0, len(packed), step):
        decoder.feed(packed[start : start + step])
    assert decoder.finish() == PAGE


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", PAGE),
        ("gzip, gzip", gzip.compress(gzip.compress(PAGE))),
        ("gzip", PAGE),
        ("gzip", gzip.compress(PAGE) + b"tail"),
        ("gzip", gzip.compress(PAGE)[:-8] + bytes(8)),
        ("deflate", zlib.compress(PAGE) + b"tail"),
    ],
)
def test_wrongly_compressed_answers_are_refused(
    wire: Any, rig: Any, encoding: str, body: Any
) -> None:
    """Unknown encodings, wrong checksums and bytes after the end are shape errors."""
    wire.queue(wire.reply(body, headers={"Content-Encoding": encoding}))
    with pytest.raises(ApiError) as info:
        rig.get()
    assert info.value.category is Category.SHAPE
    assert len(wire.seen) == 1


@pytest.mark.fault(16, 66)
def test_a_bomb_stops_early_and_outside_memory(wire: Any, rig: Any) -> None:
    """64 MB in 64 KB are refused after the first megabyte, without ever being held."""
    bomb = gzip.compress(b"[" + b" " * (64 * 2**20) + b"]", compresslevel=6)
    assert len(bomb) < 100_000
    wire.queue(wire.reply(bomb, headers=GZIP))
    tracemalloc.start()
    try:
        with pytest.raises(ApiError, match="more than 1,048,576 bytes") as info:
            rig.get(limits=Limits(max_body_bytes=2**20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert info.value.category is Category.SHAPE
    assert peak < 8 * 2**20
    assert len(wire.seen) == 1


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("status", [200, 401, 500])
def test_the_size_limit_is_exact(wire: Any, rig: Any, encoding: str, status: int) -> None:
    """As many bytes as allowed pass, one more does not, whatever the status."""
    body = b'["' + b"x" * 96 + b'"]'
    packed = gzip.compress(body) if encoding else body
    wire.queue(wire.reply(packed, status, headers={"Content-Encoding": encoding}))
    with pytest.raises(ApiError, match="more than 99 bytes"):
        rig.get(limits=Limits(max_body_bytes=99, attempts=1))
    if status == 200:
        assert rig.get(limits=Limits(max_body_bytes=100)).data == ["x" * 96]


def test_the_decoder_names_each_fault() -> None:
    """Cut, too large and invalid are three different errors, since only the first is transient."""
    with pytest.raises(CutBodyError):
        Decoder("gzip", 100).finish()
    with pytest.raises(BodyTooLargeError):
        Decoder("", 3).feed(b"four")
    with pytest.raises(UndecodableBodyError):
        Decoder("zstd", 100)


@pytest.mark.parametrize(
    ("body", "headers", "says"),
    [
        ("<!doctype html><html>Sign in</html>", {"Content-Type": "text/html"}, "web page"),
        (" \n<html>", {}, "web page"),
        ("<html>" * 100, {"Content-Type": "text/html; charset=utf-8"}, "web page"),
        ("", {}, "nothing at all"),
        ("OK", {}, "not JSON"),
        ("[1]\n[2]", {}, "not JSON"),
        ('{"a": NaN}', {}, "NaN"),
        ("[1e400]", {}, "too large"),
        ('{"a": 1, "a": 2}', {}, "same key twice"),
        ("[" * 100 + "]" * 100, {}, "levels of nesting"),
        ("[" * 10_000 + "]" * 10_000, {}, "levels of nesting"),
        ('["Müller"]'.encode("latin-1"), {}, "not UTF-8"),
        ('["x"]'.encode("utf-16"), {}, "not UTF-8"),
    ],
)
@pytest.mark.fault(14)
def test_a_complete_answer_that_is_no_data_is_not_retried(
    wire: Any, rig: Any, body: Any, headers: dict[str, str], says: str
) -> None:
    """A login page, an empty body and invalid JSON fail at once as a shape error, naming why."""
    wire.queue(wire.reply(body, headers=headers))
    with pytest.raises(ApiError, match=says) as info:
        rig.get()
    assert (info.value.category, info.value.status) == (Category.SHAPE, 200)
    assert not info.value.is_transient
    assert (len(wire.seen), rig.waits) == (1, [])


@pytest.mark.fault(15)
def test_a_wrong_content_type_does_not_matter(wire: Any, rig: Any) -> None:
    """Valid JSON is data whatever the server calls it, with or without a byte order mark."""
    wire.queue(wire.reply(b"\xef\xbb\xbf[1]", headers={"Content-Type": "text/plain"}))
    reply = rig.get()
    assert (reply.data, reply.body) == ([1], "[1]")
