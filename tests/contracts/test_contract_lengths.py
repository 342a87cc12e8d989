"""Lists of every length around a page's: exactly their records are landed, and the end is found."""

from typing import Any

import pytest

from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.reading import at

pytestmark = pytest.mark.long


@pytest.mark.parametrize("off_by", [-1, 0, 1])
@pytest.mark.fault(22, 29)
def test_list_as_long_as_a_page(
    bench: Any, kind: str, clean: Any, facts: dict[str, Any], *, off_by: int
) -> None:
    """One record less than a page holds, exactly a page, and one more are landed as they are."""
    name = facts[kind].paged or next(iter(facts[kind].world_lists))
    stream = bench.stream(kind, name)
    rows = clean[0].landed(clean[1][kind])[name]
    keys = {str(at(row, stream.key)) for row in rows}
    if facts[kind].paged:
        bench.small_pages(kind, len(keys) - off_by)
    else:
        # In one piece, whatever its length: what is cut off is not missed, and no more is.
        keys = set(list(keys)[: len(keys) // 2 + off_by])

        def cut(sent: list[Record]) -> None:
            sent[:] = [row for row in sent if str(at(row, stream.key)) in keys]

        bench.edit_rows(kind, stream, cut)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.reason) == ("complete", None)
    assert {str(at(row, stream.key)) for row in bench.landed(manifest)[name]} == keys
    counted = {each.name: each for each in manifest.streams}[name]
    assert counted.distinct_keys == len(keys)
