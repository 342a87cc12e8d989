"""Lists whose pages move, shrink or come empty while they are read: whole, or not believed.

What may be landed is a list as it truly was at one moment of the pull; never one that lacks what
was there all the time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.systems.base import Record, Stream
from reconcile_pipeline.systems.reading import at

pytestmark = pytest.mark.long

PAGES = 6
MOMENTS = ("after_the_first", "in_the_middle", "before_the_last")


@dataclass
class Paged:
    """A list that comes in several pages, and the world behind it."""

    bench: Any
    kind: str
    stream: Stream
    before: list[str]
    """Keys in the order in which they come."""
    size: int
    holder: Any
    name: str
    world_id: Callable[[str], str]
    used: set[str]

    proofs: frozenset[str]
    """Lists that are read where this one proves to lack something."""

    def landed(self, manifest: Manifest) -> set[str]:
        """Keys that the list, and what proves it, landed of those there were."""
        pages = self.bench.landed(manifest)
        rows = [row for name in (self.stream.name, *self.proofs) for row in pages[name]]
        return {str(at(row, self.stream.key)) for row in rows} & set(self.before)

    def pages_before(self, moment: str) -> int:
        last = -(-len(self.before) // self.size) - 1
        return {"after_the_first": 1, "in_the_middle": (last + 1) // 2}.get(moment, last)

    def free_in_front(self, pages: int) -> tuple[str, Any]:
        """The first record of the first pages; rather one that no other of the world needs."""
        rows: dict[str, Any] = {}
        for row in getattr(self.holder, self.name):
            rows[str(row.id)] = rows[str(getattr(row, "uid", row.id))] = row
        found = [
            (key, rows[self.world_id(key)])
            for key in self.before[: pages * self.size]
            if self.world_id(key) in rows
        ]
        free = [(key, row) for key, row in found if not self.used & {key, str(row.id)}]
        return (free or found)[0]

    def take_out(self, row: Any) -> None:
        rows = getattr(self.holder, self.name)
        setattr(self.holder, self.name, [each for each in rows if each is not row])
        self.bench.server(self.kind).state.changed()


@pytest.fixture
def paged(bench: Any, kind: str, clean: Any, facts: dict[str, Any]) -> Paged:
    fact = facts[kind]
    stream = bench.stream(kind, fact.paged)
    rows = clean[0].landed(clean[1][kind])[fact.paged]
    keys = list(dict.fromkeys(str(at(row, stream.key)) for row in rows))
    size = -(-len(keys) // PAGES)
    assert len(keys) >= PAGES, "the list is too short for this test"
    bench.small_pages(kind, size)
    path = fact.paged_rows or fact.world_lists[fact.paged]
    vendor, _, name = path.rpartition(".")
    world = bench.simulation.world
    used = fact.in_use.get(fact.paged, lambda _world: set())(world)
    return Paged(
        bench,
        kind,
        stream,
        keys,
        size,
        world.at[vendor] if vendor else world,
        name,
        fact.world_id if fact.paged in fact.account_of else str,
        {str(each) for each in used},
        fact.proven_by_others,
    )


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.fault(26)
def test_record_goes_in_front(paged: Paged, moment: str) -> None:
    """When a record that was read already is removed, no other one slips through unseen."""
    pages = paged.pages_before(moment)
    key, row = paged.free_in_front(pages)
    all_rows = getattr(paged.holder, paged.name)
    paged.bench.fault(
        paged.kind,
        paged.stream,
        what="hook",
        value=lambda _state: paged.take_out(row),
        after_n_calls=pages,
    )
    manifest = paged.bench.pull(paged.kind)
    assert getattr(paged.holder, paged.name) is not all_rows, "the list was read before it changed"
    assert (manifest.state, manifest.reason) == ("complete", None)
    assert paged.landed(manifest) in (set(paged.before), set(paged.before) - {key})


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.fault(25)
def test_record_comes_in_front(paged: Paged, moment: str) -> None:
    """When a record is added in front of what was read already, each other one counts once."""
    pages = paged.pages_before(moment)
    key, row = paged.free_in_front(pages)
    all_rows = getattr(paged.holder, paged.name)
    paged.take_out(row)
    paged.bench.fault(
        paged.kind,
        paged.stream,
        what="hook",
        value=lambda _state: setattr(paged.holder, paged.name, all_rows),
        after_n_calls=pages,
    )
    manifest = paged.bench.pull(paged.kind)
    assert getattr(paged.holder, paged.name) is all_rows, "the list was read before it changed"
    assert (manifest.state, manifest.reason) == ("complete", None)
    landed = paged.landed(manifest)
    assert landed in (set(paged.before), set(paged.before) - {key})
    counted = {each.name: each for each in manifest.streams}[paged.stream.name]
    assert counted.distinct_keys >= len(landed)


@pytest.mark.fault(20)
def test_short_page_in_the_middle(paged: Paged) -> None:
    """A page with half of its records ends no list: all others come, or the list is refused."""
    _read_with_a_lack(paged, lambda rows: len(rows) // 2)


@pytest.mark.fault(21)
def test_empty_page_in_the_middle(paged: Paged) -> None:
    """A page without records ends no list: all others come, or the list is refused."""
    _read_with_a_lack(paged, lambda _rows: 0)


def _read_with_a_lack(paged: Paged, kept: Callable[[list[Record]], int]) -> None:
    lacking: set[str] = set()

    def cut(rows: list[Record]) -> None:
        lost = rows[kept(rows) :]
        lacking.update(str(at(row, paged.stream.key)) for row in lost)
        del rows[kept(rows) :]

    paged.bench.edit_rows(paged.kind, paged.stream, cut, after_n_calls=2, times=1)
    manifest = paged.bench.pull(paged.kind)
    assert lacking
    if manifest.state == "failed":
        assert (manifest.category, manifest.streams) == ("incomplete", ())
        return
    landed = paged.landed(manifest)
    if paged.stream.paginator().is_by_place:
        assert landed == set(paged.before)
        return
    # Nobody can tell what such a server keeps to itself; what it shows afterwards is read.
    assert landed in (set(paged.before), set(paged.before) - lacking)
