"""The [pulls] table of reconcile.toml: when everything is read, and when changes only."""

from collections.abc import Mapping
from datetime import timedelta

from reconcile_pipeline.landing.basis import Rhythm
from reconcile_pipeline.settings_checks import Table, Value, within
from reconcile_pipeline.systems.base import Field

PULL_FIELDS = (
    Field(
        "incremental",
        "Ask systems that can tell it for what changed since the last pull, and read the rest"
        " only on some days; see docs/pulling.md before you switch it on.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "full_every_days",
        "Days after which everything is read again. The first pull of a month and those of its"
        " last week are full as well.",
        kind="number",
        default=7,
        example="7",
    ),
    Field(
        "overlap_minutes",
        "How far before the last change seen the next question goes back, for clocks that"
        " differ and changes that arrive late.",
        kind="number",
        default=15,
        example="15",
    ),
)


def read_pulls(table: Table, values: Mapping[str, Value]) -> Rhythm:
    """Read the table; raises the `settings` error of the first mistake."""
    days = within(table, values, "full_every_days", (1.0, 31.0))
    if not days.is_integer():
        raise table.refuse(
            "key 'full_every_days' is not a whole number", "Write full_every_days = 7"
        )
    # Never 0: what has the very stamp of the last record seen would be left out.
    minutes = within(table, values, "overlap_minutes", (1.0, 1440.0))
    return Rhythm(
        is_incremental=bool(values["incremental"]),
        full_every_days=int(days),
        overlap=timedelta(minutes=minutes),
    )
