"""The shrink guards, to the very edge of their thresholds."""

from collections.abc import Callable

import pytest

from reconcile_pipeline.landing.guards import Limits, shrinkage
from reconcile_pipeline.landing.manifest import Manifest, StreamResult

MakeResult = Callable[..., StreamResult]
MakeManifest = Callable[..., Manifest]


@pytest.mark.parametrize(
    ("before", "after", "is_believed"),
    [
        (100, 80, True),
        (100, 79, False),
        (10, 8, True),
        (10, 7, False),
        (1000, 800, True),
        (1000, 799, False),
        (3, 0, False),
        (1, 0, False),
        (0, 0, True),
        (0, 50, True),
        (100, 100, True),
        (100, 5000, True),
    ],
)
def test_rows_may_drop_by_a_fifth(
    result: MakeResult, manifest: MakeManifest, before: int, after: int, *, is_believed: bool
) -> None:
    """Twenty percent fewer rows is believed, more is not, and nothing left never is."""
    earlier = manifest("acme", 0, streams=[result("things", before)])
    found = shrinkage([result("things", after)], earlier, Limits())
    assert found == ([] if is_believed else [f"things went from {before} to {after}"])


@pytest.mark.parametrize(
    ("before", "after", "is_believed"),
    [(100, 90, True), (100, 89, False), (10, 9, True), (10, 8, False), (1, 0, False), (5, 9, True)],
)
def test_accounts_may_drop_by_a_tenth(
    result: MakeResult, manifest: MakeManifest, before: int, after: int, *, is_believed: bool
) -> None:
    """Ten percent fewer accounts with usage is believed and more is not, however many rows."""
    earlier = manifest("acme", 0, streams=[result("usage", 1000, before)])
    found = shrinkage([result("usage", 1000, after)], earlier, Limits())
    told = f"accounts in usage went from {before} to {after}"
    assert found == ([] if is_believed else [told])


def test_limits_come_from_settings(result: MakeResult, manifest: MakeManifest) -> None:
    """An installation may set its own thresholds, tighter or wider."""
    earlier = manifest("acme", 0, streams=[result("things", 100)])
    assert shrinkage([result("things", 96)], earlier, Limits(max_row_drop=0.03))
    assert not shrinkage([result("things", 60)], earlier, Limits(max_row_drop=0.5))
    assert not shrinkage([result("things", 1)], earlier, Limits(max_row_drop=1.0))
    assert shrinkage([result("things", 0)], earlier, Limits(max_row_drop=1.0))


def test_lists_are_compared_by_name(result: MakeResult, manifest: MakeManifest) -> None:
    """A list that is new, and one that is not asked for any more, are no shrinkage."""
    earlier = manifest("acme", 0, streams=[result("old", 100), result("both", 10)])
    assert shrinkage([result("both", 10), result("new", 0)], earlier, Limits()) == []
    assert shrinkage([result("both", 1), result("new", 0)], earlier, Limits()) == [
        "both went from 10 to 1"
    ]


def test_a_first_pull_has_nothing_to_shrink_from(result: MakeResult) -> None:
    """Without an earlier complete pull everything is believed."""
    assert shrinkage([result("things", 0)], None, Limits()) == []


def test_accounts_that_were_not_counted_before_are_not_compared(
    result: MakeResult, manifest: MakeManifest
) -> None:
    """A list that only now tells its accounts is compared by its rows alone."""
    earlier = manifest("acme", 0, streams=[result("usage", 10)])
    assert shrinkage([result("usage", 10, 1)], earlier, Limits()) == []
    earlier = manifest("acme", 0, streams=[result("usage", 10, 9)])
    assert shrinkage([result("usage", 10)], earlier, Limits()) == []
