"""What is kept of long lists until later ones are read: less memory, and nothing that is missed."""

from typing import Any

from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.registry import SYSTEMS


def test_later_lists_are_the_same_whether_records_are_kept_whole(
    clean: tuple[Any, dict[str, Any]], kind: str
) -> None:
    """Plans and sub-calls made from what is kept are those made from the records as they came."""
    bench, manifests = clean
    landed = bench.landed(manifests[kind])
    whole: dict[str, list[Record]] = {}
    kept: dict[str, list[Record]] = {}
    for stream in SYSTEMS[kind].streams(bench.account(kind), bench.simulation.world.as_of):
        make = stream.plan or stream.children
        if make is not None:
            assert make(kept) == make(whole), stream.name
        if stream.is_needed_later:
            rows = landed[stream.name] if stream.plan is None else stream.plan(whole)
            whole[stream.name] = rows
            kept[stream.name] = [stream.keeps(row) if stream.keeps else row for row in rows]
        else:
            assert stream.keeps is None, f"{stream.name} keeps what nobody reads"
