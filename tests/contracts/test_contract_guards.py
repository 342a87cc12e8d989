"""Systems that suddenly show less: refused or quarantined, until a person accepts it."""

from collections import Counter
from typing import Any

import pytest

from reconcile_pipeline.landing.evidence import current_evidence
from reconcile_pipeline.landing.manifest import read_manifests

PERIOD = "2026-11"
MOST_ROWS_LOST, MOST_ACCOUNTS_LOST = 0.20, 0.10


def shrinking(bench: Any, kind: str, listed: str, facts: dict[str, Any]) -> list[Any] | None:
    """The world's records of a list; None where a list can't shrink without its parents."""
    name = facts[kind].world_lists.get(listed)
    if name is None:
        return None
    is_usage = listed in facts[kind].account_of
    world_id = facts[kind].world_id if is_usage else str
    held = {world_id(str(each)) for each in facts[kind].holds[listed](bench.simulation.world)}
    holder, attribute = place(bench.simulation.world, name)
    # Some vendors know a record by a number and by another id, which is the key of its list.
    return [
        row
        for row in getattr(holder, attribute)
        if held & {str(row.id), str(getattr(row, "uid", row.id))}
    ]


def place(world: Any, name: str) -> tuple[Any, str]:
    """Where a list of the world is: `devices`, or `datto_rmm.devices` of a vendor's records."""
    vendor, _, attribute = name.rpartition(".")
    return (world.at[vendor] if vendor else world), attribute


def remove(bench: Any, kind: str, listed: str, facts: dict[str, Any], gone: list[Any]) -> None:
    name = facts[kind].world_lists[listed]
    holder, attribute = place(bench.simulation.world, name)
    lost = {id(row) for row in gone}
    kept = [row for row in getattr(holder, attribute) if id(row) not in lost]
    setattr(holder, attribute, kept)
    bench.server(kind).state.changed()


def without_losing_accounts(
    free: list[Any], account_of: str | None, count: int, rows: list[Any]
) -> list[Any]:
    """So many of the free rows that every account keeps one of all rows."""
    if account_of is None:
        assert len(free) > count, "too many records of the world are in use for this test"
        return free[:count]
    left = Counter(getattr(row, account_of) for row in rows)
    gone: list[Any] = []
    for row in free:
        if len(gone) < count and left[getattr(row, account_of)] > 1:
            left[getattr(row, account_of)] -= 1
            gone.append(row)
    assert len(gone) == count, "the world has too few rows per account for this test"
    return gone


@pytest.mark.fault(30)
def test_emptied_list(bench: Any, kind: str, listed: str, facts: dict[str, Any]) -> None:
    """A list that can't be empty fails as permission, telling what to check, from the start."""
    if listed in facts[kind].single:
        return
    stream = bench.stream(kind, listed)
    bench.fault(
        kind,
        stream,
        what="replace_body",
        value=lambda _body: facts[kind].empty_answer(listed),
        times=None,
    )
    manifest = bench.pull(kind)
    if listed in facts[kind].proven_by_others:
        assert (manifest.state, manifest.category) == ("failed", "incomplete")
        return
    if stream.may_be_empty:
        assert manifest.state == "complete"
        return
    assert (manifest.state, manifest.category) == ("failed", "permission")
    assert listed in manifest.reason
    assert manifest.next_step == stream.empty_hint


@pytest.mark.long
@pytest.mark.usefixtures("pulled_before")
@pytest.mark.fault(30, 32)
def test_emptied_list_that_had_rows(
    bench: Any, kind: str, listed: str, facts: dict[str, Any]
) -> None:
    """Nothing where there was something is never evidence: refused or quarantined."""
    if listed in facts[kind].single:
        return
    stream = bench.stream(kind, listed)
    bench.fault(
        kind,
        stream,
        what="replace_body",
        value=lambda _body: facts[kind].empty_answer(listed),
        times=None,
    )
    manifest = bench.pull(kind)
    if listed in facts[kind].proven_by_others:
        assert (manifest.state, manifest.category) == ("failed", "incomplete")
        return
    is_free = not stream.is_guarded and stream.may_be_empty
    if is_free and listed not in facts[kind].guarded_by:
        assert manifest.state == "complete"
        return
    assert manifest.state == ("quarantined" if stream.may_be_empty else "failed")
    assert facts[kind].guarded_by.get(listed, listed) in manifest.reason
    mine = [each for each in read_manifests(bench.landing, PERIOD) if each.kind == kind]
    [evidence] = current_evidence(mine)
    assert evidence.pull is not None
    assert evidence.pull.pull_id != manifest.pull_id
    if stream.may_be_empty:
        assert f"reconcile accept {manifest.pull_id}" in manifest.next_step
        [evidence] = current_evidence(mine, accepted=[manifest.pull_id])
        assert evidence.pull == manifest


@pytest.mark.long
@pytest.mark.usefixtures("pulled_before")
@pytest.mark.parametrize("is_too_much", [True, False])
@pytest.mark.fault(31)
def test_fewer_rows(
    bench: Any, kind: str, listed: str, facts: dict[str, Any], *, is_too_much: bool
) -> None:
    """Up to 20 % fewer rows than last time are believed; one row more is quarantined."""
    rows = shrinking(bench, kind, listed, facts)
    if rows is None:
        assert listed not in facts[kind].account_of, "usage lists must be tried"
        return
    if facts[kind].account_of.get(listed) == "id":
        # Each row is an account: how many of those may go is the stricter question, asked below.
        return
    before = len(facts[kind].holds[listed](bench.simulation.world))
    count = int(before * MOST_ROWS_LOST) + (1 if is_too_much else 0)
    account_of = facts[kind].account_of.get(listed)
    used = facts[kind].in_use.get(listed, lambda _world: set())(bench.simulation.world)
    free = [row for row in rows if row.id not in used]
    remove(bench, kind, listed, facts, without_losing_accounts(free, account_of, count, rows))
    manifest = bench.pull(kind)
    assert manifest.state == ("quarantined" if is_too_much else "complete"), manifest.reason
    if is_too_much:
        assert f"{listed} went from {before} to {before - count}" in manifest.reason
        assert manifest.category == "incomplete"


@pytest.mark.long
@pytest.mark.usefixtures("pulled_before")
@pytest.mark.parametrize("is_too_much", [True, False])
@pytest.mark.fault(31)
def test_fewer_accounts(bench: Any, kind: str, facts: dict[str, Any], *, is_too_much: bool) -> None:
    """Up to 10 % fewer customers with usage are believed; one customer more is quarantined."""
    [(listed, account_of)] = facts[kind].account_of.items()
    rows = shrinking(bench, kind, listed, facts)
    assert rows is not None
    sizes = Counter(getattr(row, account_of) for row in rows)
    count = int(len(sizes) * MOST_ACCOUNTS_LOST) + (1 if is_too_much else 0)
    smallest = {account for account, _rows in sizes.most_common()[-count:]} if count else set()
    gone = [row for row in rows if getattr(row, account_of) in smallest]
    assert len(gone) / len(rows) <= MOST_ROWS_LOST
    remove(bench, kind, listed, facts, gone)
    manifest = bench.pull(kind)
    assert manifest.state == ("quarantined" if is_too_much else "complete"), manifest.reason
    if is_too_much:
        now = len(sizes) - count
        assert f"accounts in {listed} went from {len(sizes)} to {now}" in manifest.reason


@pytest.mark.long
@pytest.mark.parametrize("off_by", [3, -3])
@pytest.mark.fault(28)
def test_total_lies(bench: Any, kind: str, listed: str, facts: dict[str, Any], off_by: int) -> None:
    """A list that is not as long as it announces is incomplete, and not evidence."""
    stream = bench.stream(kind, listed)
    bench.fault(kind, stream, what="total_lies", value=off_by, times=None)
    manifest = bench.pull(kind)
    if not facts[kind].announces(listed):
        assert manifest.state == "complete"
        assert all(each.announced is None for each in manifest.streams if each.name == listed)
        return
    assert (manifest.state, manifest.category) == ("failed", "incomplete")
    assert listed in manifest.reason
