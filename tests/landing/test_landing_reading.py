"""All lists of a pull at the same time: who waits for whom, and how it ends when one fails."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from reconcile_pipeline.http import Request
from reconcile_pipeline.systems.base import Child, Stream

MakeStream = Callable[..., Stream]


class Line:
    """Answers take some turns of the loop; notes when each call came and when it was answered."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.under_way = 0
        self.most = 0

    def answer(self, name: str, rows: Any, turns: int = 30) -> Callable[[], Any]:
        async def wait() -> Any:
            self.events.append(f"{name} asked")
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            try:
                for _turn in range(turns):
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                self.events.append(f"{name} called off")
                raise
            finally:
                self.under_way -= 1
            self.events.append(f"{name} answered")
            return rows

        return wait


@pytest.fixture
def line() -> Line:
    return Line()


def test_lists_that_need_nothing_are_read_together_after_the_first_answer(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, line: Line
) -> None:
    """The first list is asked alone; then all others are under way before one is answered."""
    for name in "abcd":
        api.on(f"/{name}", line.answer(name, [{"id": name}]))
    manifest = bench.pull(system_of(api, *(stream_of(name) for name in "abcd")))
    assert manifest.state == "complete"
    assert line.events[:2] == ["a asked", "a answered"]
    assert line.events[2:5] == ["b asked", "c asked", "d asked"]
    assert [stream.name for stream in manifest.streams] == list("abcd")


@pytest.mark.fault(17)
def test_a_wrong_key_is_refused_once_and_not_by_every_list(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Vendors lock accounts for less."""
    for name in "abcd":
        api.on(f"/{name}", httpx.Response(401, json={}))
    manifest = bench.pull(system_of(api, *(stream_of(name) for name in "abcd")))
    assert (manifest.state, manifest.category) == ("failed", "credentials")
    assert api.asked == ["/a"]


def test_what_is_made_from_earlier_lists_waits_for_them_and_for_no_other(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, line: Line
) -> None:
    """Sub-calls begin when their parents are known, while an unneeded list is still coming."""
    api.on("/slow", line.answer("slow", [{"id": 1}], turns=2000))
    api.on("/parents", line.answer("parents", [{"id": 7}]))
    api.on("/parents/7", line.answer("child", [{"id": 70}]))

    def plan(earlier: Any) -> list[Any]:
        assert list(earlier) == ["parents"]
        return [{"id": row["id"]} for row in earlier["parents"]]

    def children(earlier: Any) -> list[Child]:
        assert list(earlier) == ["parents", "scope"]
        return [Child("7", Request(f"/parents/{row['id']}")) for row in earlier["scope"]]

    manifest = bench.pull(
        system_of(
            api,
            stream_of("parents", is_needed_later=True),
            stream_of("slow"),
            stream_of("scope", plan=plan, is_needed_later=True),
            stream_of("lines", children=children),
        )
    )
    assert [(each.name, each.records) for each in manifest.streams] == [
        ("parents", 1),
        ("slow", 1),
        ("scope", 1),
        ("lines", 1),
    ]
    assert line.events.index("child answered") < line.events.index("slow answered")


def test_the_first_failure_ends_the_pull_and_calls_the_others_off(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, line: Line
) -> None:
    """What is told is what failed first; nothing is left under way, and no list counts."""
    api.on("/a", [{"id": 1}])
    api.on("/slow", line.answer("slow", [{"id": 1}], turns=100_000))
    api.on("/bad", httpx.Response(403, json={}))
    system = system_of(api, stream_of("a"), stream_of("slow"), stream_of("bad"))
    manifest = bench.pull(system)
    assert (manifest.state, manifest.category) == ("failed", "permission")
    assert "/bad" in manifest.reason
    assert line.events == ["slow asked", "slow called off"]
    assert (manifest.streams, line.under_way) == ((), 0)


def test_a_list_that_others_need_fails_in_its_own_name(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Those that waited for it add nothing to what is told."""
    api.on("/a", [{"id": 1}])
    api.on("/parents", [{"name": "no id"}])
    later = stream_of("later", plan=lambda earlier: list(earlier["parents"]))
    system = system_of(api, stream_of("a"), stream_of("parents", is_needed_later=True), later)
    manifest = bench.pull(system)
    assert (manifest.state, manifest.category) == ("failed", "shape")
    assert "record of parents" in manifest.reason


def test_no_more_sub_calls_are_begun_than_can_be_taken(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, line: Line
) -> None:
    """However many parents there are, answers that wait for their turn stay few."""
    count = 100
    api.on("/parents", [{"id": number} for number in range(count)])
    api.on("/parents/0", line.answer("0", [{"id": 0}], turns=3000))
    for number in range(1, count):
        api.on(f"/parents/{number}", line.answer(str(number), [{"id": number}], turns=1))

    def children(earlier: Any) -> list[Child]:
        return [
            Child(str(row["id"]), Request(f"/parents/{row['id']}")) for row in earlier["parents"]
        ]

    manifest = bench.pull(
        system_of(
            api, stream_of("parents", is_needed_later=True), stream_of("lines", children=children)
        )
    )
    assert manifest.state == "complete"
    before = line.events[: line.events.index("0 answered")]
    # Four may be under way (the default of `Limits`), and as many again wait behind them.
    assert len([event for event in before if event.endswith("asked")]) == 8
    path = bench.landing / manifest.relative_path / "lines.parquet"
    parents = pq.read_table(path).column("parent_id").to_pylist()
    assert parents == [str(number) for number in range(count)]
