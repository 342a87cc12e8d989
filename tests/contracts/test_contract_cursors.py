"""Cursors that repeat, lead back or elsewhere, or end: a list stops and never leaves its host."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from reconcile_pipeline.simulators.server import Answer
from reconcile_pipeline.systems.registry import SYSTEMS

pytestmark = pytest.mark.long

Spoiled = tuple[Answer, bytes]


@pytest.fixture
def stream(bench: Any, kind: str, clean: Any, facts: dict[str, Any]) -> Any:
    """The list of a kind that goes on by cursors, in five pages."""
    name = facts[kind].paged
    before = {each.name: each for each in clean[1][kind].streams}[name]
    bench.small_pages(kind, -(-before.distinct_keys // 5))
    return bench.stream(kind, name)


def set_cursor(where: str, answer: Answer, body: bytes, edit: Callable[[str], str]) -> Spoiled:
    """The same answer with another text where it names its next page."""
    if where == "Link":
        headers = {**answer.headers, "Link": edit(answer.headers["Link"])}
        return Answer(answer.data, answer.status, headers), body
    data = json.loads(body)
    # One name may hold a dot itself.
    *parents, last = [where] if where in data else where.split(".")
    place = data
    for name in parents:
        place = place[name]
    held = place[last]
    # A link in several parts is edited as one text.
    place[last] = edit(held) if isinstance(held, str) else json.loads(edit(json.dumps(held)))
    return answer, json.dumps(data).encode()


def spoil(bench: Any, kind: str, stream: Any, value: Callable[..., Spoiled], after: int) -> None:
    bench.fault(kind, stream, what="replace_answer", value=value, after_n_calls=after, times=None)


@pytest.mark.fault(27)
def test_cursor_repeats(bench: Any, kind: str, stream: Any) -> None:
    """A page that names itself as the next one ends the pull as incomplete, after few calls."""
    kept: list[Spoiled] = []

    def again(answer: Answer, body: bytes) -> Spoiled:
        kept.append((answer, body))
        return kept[0]

    spoil(bench, kind, stream, again, after=1)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.category) == ("failed", "incomplete"), manifest.reason
    assert manifest.streams == ()
    assert len(kept) == 2, "no page is asked for twice"


@pytest.mark.fault(27)
def test_cursor_leads_back(bench: Any, kind: str, stream: Any) -> None:
    """A page that leads back to an earlier one ends the pull as incomplete, after few calls."""
    kept: list[Spoiled] = []

    def first_again(answer: Answer, body: bytes) -> Spoiled:
        kept.append((answer, body))
        return kept[0] if len(kept) == 3 else (answer, body)

    spoil(bench, kind, stream, first_again, after=0)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.category) == ("failed", "incomplete"), manifest.reason
    assert len(kept) == 3, "no page is asked for twice"


@pytest.mark.fault(27, 110)
def test_cursor_leads_elsewhere(bench: Any, kind: str, stream: Any, facts: dict[str, Any]) -> None:
    """A next page at another host is not asked for there, and its list is not believed."""
    other = next(name for name in facts if name not in {kind, "microsoft_graph"})
    here, there = bench.server(kind).base_url, bench.server(other).base_url
    ports = [url.split("//")[1].split("/")[0] for url in (here, there)]

    def lead_away(answer: Answer, body: bytes) -> Spoiled:
        def edit(text: str) -> str:
            if ports[0] in text:
                return text.replace(*ports)
            return text.replace('"/', f'"http://{ports[1]}/') if '"/' in text else there

        return set_cursor(facts[kind].cursor, answer, body, edit)

    bench.fault(kind, stream, what="replace_answer", value=lead_away)
    manifest = bench.pull(kind)
    if manifest.state == "complete":
        # A cursor that is no address was refused, and the list was read anew.
        assert manifest.calls > 0
    else:
        assert manifest.streams == ()
        assert SYSTEMS[kind].title in manifest.reason or f"our_{kind}" in manifest.reason
    assert bench.server(other).log == []


@pytest.mark.fault(27)
def test_cursor_ends(bench: Any, kind: str, stream: Any, clean: Any) -> None:
    """A cursor that is refused in the middle costs a second reading, and no record."""
    bench.fault(kind, stream, what="status", value=400, after_n_calls=2)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.reason) == ("complete", None)
    assert [each.distinct_keys for each in manifest.streams] == [
        each.distinct_keys for each in clean[1][kind].streams
    ]
