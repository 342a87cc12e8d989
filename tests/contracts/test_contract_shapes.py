"""Answers that are not what they should be: refused by name, never taken for an empty list."""

import json
from typing import Any

import pytest

pytestmark = pytest.mark.long

Record = dict[str, Any]
WRONG = {
    "html": b"<!doctype html><html><body>Sign in</body></html>",
    "object": b"{}",
    "null": b"null",
    "error": b'{"error": {"code": 17, "message": "Something went wrong."}}',
    "text": b'"ok"',
    "records_that_are_none": b"[1, 2, 3]",
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.fault(13)
def test_wrong_shape(bench: Any, kind: str, listed: str, wrong: str, facts: dict[str, Any]) -> None:
    """A 200 with anything but the list fails as shape: it is never zero rows."""
    if WRONG[wrong] == facts[kind].empty_answer(listed):
        return
    stream = bench.stream(kind, listed)
    bench.fault(kind, stream, what="replace_body", value=lambda _body: WRONG[wrong], times=None)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.category) == ("failed", "shape"), manifest.reason
    assert manifest.next_step
    assert manifest.streams == ()
    assert "unexpected" not in manifest.reason


@pytest.mark.fault(39)
def test_required_field_is_missing(bench: Any, kind: str, listed: str, needed: str) -> None:
    """One record without one required field fails the pull, naming the list and the field."""
    stream = bench.stream(kind, listed)

    def forget(rows: list[Record]) -> None:
        if rows:
            *parents, last = needed.split(".")
            place = rows[len(rows) // 2]
            for name in parents:
                place = place[name]
            del place[last]

    bench.edit_rows(kind, stream, forget)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.category) == ("failed", "shape"), manifest.reason
    assert needed in manifest.reason
    path = stream.request.path if stream.request else listed
    assert listed in manifest.reason or path in manifest.reason
    assert manifest.streams == ()


@pytest.mark.fault(39)
def test_required_field_is_null(bench: Any, kind: str, listed: str, needed: str) -> None:
    """Null is as good as missing: unknown is never zero."""
    stream = bench.stream(kind, listed)

    def blank(rows: list[Record]) -> None:
        if rows:
            rows[-1][needed.split(".", maxsplit=1)[0]] = None

    bench.edit_rows(kind, stream, blank)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.category) == ("failed", "shape"), manifest.reason
    assert needed in manifest.reason


@pytest.mark.parametrize("value", ['"5"', "true", "[5]", "1.00001", "{}"])
@pytest.mark.fault(40)
def test_number_is_none(bench: Any, kind: str, value: str) -> None:
    """A quantity that is no number of up to four decimals fails the pull, naming the field."""
    for name in [stream.name for stream in bench.streams(kind) if stream.numbers]:
        stream = bench.stream(kind, name)
        for path in stream.numbers:
            bench.server(kind).faults.clear()

            def spoil(rows: list[Record], path: str = path) -> None:
                if rows:
                    *parents, last = path.split(".")
                    place = rows[0]
                    for name in parents:
                        place = place[name]
                    place[last] = json.loads(value)

            bench.edit_rows(kind, stream, spoil)
            manifest = bench.pull(kind)
            assert (manifest.state, manifest.category) == ("failed", "shape")
            assert path in manifest.reason


@pytest.mark.fault(23)
def test_record_comes_twice(
    bench: Any, kind: str, listed: str, clean: Any, facts: dict[str, Any]
) -> None:
    """A record that comes twice, identical, is counted once, or refused where ids must rise."""
    if listed in facts[kind].single:
        return
    stream = bench.stream(kind, listed)

    def repeat(rows: list[Record]) -> None:
        if rows:
            rows.insert(0, dict(rows[0]))

    bench.edit_rows(kind, stream, repeat)
    manifest = bench.pull(kind)
    if facts[kind].is_ordered_by_id:
        assert (manifest.state, manifest.category) == ("failed", "incomplete")
        return
    assert manifest.state == "complete", manifest.reason
    before = {each.name: each for each in clean[1][kind].streams}[listed]
    now = {each.name: each for each in manifest.streams}[listed]
    assert now.distinct_keys == before.distinct_keys
    assert now.duplicates > 0


@pytest.mark.fault(24)
def test_record_comes_twice_and_differs(
    bench: Any, kind: str, listed: str, facts: dict[str, Any]
) -> None:
    """One key with two contents is read again, and then refused as incomplete."""
    if listed in facts[kind].single:
        return
    stream = bench.stream(kind, listed)

    def contradict(rows: list[Record]) -> None:
        if rows:
            rows.insert(0, {**rows[0], "name": "Somebody else"})

    bench.edit_rows(kind, stream, contradict)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.category) == ("failed", "incomplete")


@pytest.mark.fault(38)
def test_new_field_changes_nothing(bench: Any, kind: str, listed: str, clean: Any) -> None:
    """A field that nobody knew is kept as received and refuses nothing."""
    stream = bench.stream(kind, listed)

    def add(rows: list[Record]) -> None:
        for row in rows:
            row["addedLastNight"] = {"by": "the vendor"}

    bench.edit_rows(kind, stream, add)
    manifest = bench.pull(kind)
    assert manifest.state == "complete", manifest.reason
    assert all("addedLastNight" in row for row in bench.landed(manifest)[listed])
