"""Pulls and builds broken on purpose: each takes away one promise, and the pulling game notices."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile_pipeline import building, refreshing
from reconcile_pipeline.landing import pull, streams
from reconcile_pipeline.landing.completeness import Tally
from reconcile_pipeline.ledger import decisions
from reconcile_pipeline.model import PullState
from reconcile_pipeline.review import decide as door
from reconcile_pipeline.warehouse import build, publish

Patch = pytest.MonkeyPatch
Break = Callable[[Patch], None]
BROKEN: dict[str, Break] = {}


def breaks(function: Break) -> Break:
    BROKEN[function.__name__] = function
    return function


@breaks
def believes_whatever_shrank(patch: Patch) -> None:
    patch.setattr(pull, "shrinkage", lambda *_arguments: [])


@breaks
def uses_what_was_held_back(patch: Patch) -> None:
    right = building.current_evidence

    def all_of(attempts: Any, *, accepted: Any, systems: Any) -> Any:
        held = {item.pull_id for item in attempts if item.state is PullState.QUARANTINED}
        return right(attempts, accepted=accepted | held, systems=systems)

    patch.setattr(building, "current_evidence", all_of)


@breaks
def takes_a_failed_pull_for_a_whole_one(patch: Patch) -> None:
    right = pull._failed

    def whole(manifest: Any, error: Any) -> Any:
        return replace(right(manifest, error), state=PullState.COMPLETE)

    patch.setattr(pull, "_failed", whole)


@breaks
def ignores_that_a_list_changed(patch: Patch) -> None:
    """A record that came twice with other contents, or a total that does not fit."""
    patch.setattr(Tally, "finish", lambda _self: None)
    right = streams.StreamReader.read

    async def lossy(self: Any, stream: Any, earlier: Any) -> Any:
        fetched = await right(self, stream, earlier)
        fetched.records[:] = fetched.records[:-1]
        return fetched

    patch.setattr(streams.StreamReader, "read", lossy)


@breaks
def forgets_that_a_pull_was_accepted(patch: Patch) -> None:
    patch.setattr(building, "accepted_pull_ids", lambda _ledger: frozenset())


@breaks
def builds_on_old_pulls(patch: Patch) -> None:
    patch.setattr(refreshing, "_has_other_evidence", lambda *_arguments, **_named: False)


@breaks
def loses_a_unit(patch: Patch) -> None:
    _after_recon(patch, "delete from recon.cards where rowid = 3")


@breaks
def shows_unknown_as_zero(patch: Patch) -> None:
    _after_recon(patch, "update recon.cards set qty_vendor = 0 where qty_vendor is null")


@breaks
def publishes_by_halves(patch: Patch) -> None:
    """Writes over the published file in its place, table by table."""

    def in_place(warehouse: Path, published: Path, *, period: str) -> Path:
        with duckdb.connect(str(published.resolve())) as connection:
            connection.execute("delete from recon.cards")
        draft = published.resolve().with_suffix(".new")
        # The name that the game kills at.
        publish.shutil.copyfile(warehouse, draft)
        shutil.move(draft, published.resolve())
        return published

    right, times = refreshing.publish, 0

    def once_right(warehouse: Path, published: Path, *, period: str) -> Path:
        nonlocal times
        times += 1
        act = right if times == 1 else in_place
        return act(warehouse, published, period=period)

    patch.setattr(refreshing, "publish", once_right)


@breaks
def answers_differently_each_time(patch: Patch) -> None:
    _after_recon(patch, "update recon.cards set rank = hash(random()) % 1000000 where rowid = 5")


@breaks
def forgets_what_was_acknowledged(patch: Patch) -> None:
    right = door.record_decisions

    def forgetful(ledger: Any, decided: Any, **more: Any) -> Any:
        items = list(decided)
        if len(items) > 1:
            recorded = right(ledger, items[1:], **more)
            return replace(recorded, new=(items[0].decision_id, *recorded.new))
        return right(ledger, items, **more)

    patch.setattr(door, "record_decisions", forgetful)
    assert decisions.record_decisions is right


def _after_recon(patch: Patch, sql: str) -> None:
    right = build.build_recon

    def spoilt(connection: Any, *, period: str, fill: Any) -> None:
        right(connection, period=period, fill=fill)
        connection.execute(sql)

    patch.setattr(refreshing, "build_recon", spoilt)
