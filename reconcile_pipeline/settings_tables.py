"""Our own tables of reconcile.toml: what may be in them, and what else must hold.

A system's table is declared in that system's module, not here. Reads no files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo, available_timezones

from reconcile_pipeline import periods
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.settings_checks import Table, Value, read_table
from reconcile_pipeline.systems.base import Field

MOST_GRACE_DAYS = 27.0
"""A pull must never count for a month that ended more than a month ago."""

TABLES: dict[str, tuple[Field, ...]] = {
    "billing": (
        Field(
            "timezone",
            "Time zone in which your months begin and end.",
            example="America/New_York",
        ),
        Field("currency", "Currency of your PSA's prices: three letters.", example="USD"),
        Field(
            "first_period",
            "First month this installation reconciles; earlier ones don't exist for it.",
            example="2026-01",
        ),
        Field(
            "grace_days",
            "Days after month end in which a pull still counts for the ended month.",
            kind="number",
            default=3,
            example="3",
        ),
    ),
    "state": (
        Field(
            "dir",
            "Where everything pulled, decided and derived is kept; relative to this file.",
            default=".reconcile",
            example=".reconcile",
        ),
    ),
    "mappings": (
        Field(
            "file",
            "Mappings you keep in a spreadsheet (CSV), imported into the ledger.",
            default="",
            example="mappings.csv",
        ),
    ),
    "evidence": (
        Field(
            "stale_after_hours",
            "Counts older than this are marked stale and can't be written back.",
            kind="number",
            default=24,
            example="24",
        ),
        Field(
            "max_row_drop",
            "A list that shrinks by more than this fraction is quarantined.",
            kind="number",
            default=0.20,
            example="0.20",
        ),
        Field(
            "max_account_drop",
            "The same for the number of customers with usage.",
            kind="number",
            default=0.10,
            example="0.10",
        ),
    ),
}
"""Our own tables; a system's table is declared in the system's module."""


@dataclass(frozen=True)
class OwnSettings:
    """The checked values of our own tables; paths still as written."""

    timezone: str
    currency: str
    first_period: str
    grace_days: int
    state_dir: str
    mappings_file: str
    stale_after_hours: float
    max_row_drop: float
    max_account_drop: float


def read_own_tables(file: str, content: Mapping[str, object]) -> OwnSettings:
    """Read our own tables; raises the `settings` error of the first mistake."""
    tables = {name: Table(file, name) for name in TABLES}
    billing, state, mappings, evidence = (
        read_table(tables[name], content.get(name, {}), fields) for name, fields in TABLES.items()
    )
    hours = (1.0, 744.0)
    share = (0.0, 1.0)
    return OwnSettings(
        timezone=_timezone(tables["billing"], str(billing["timezone"])),
        currency=_currency(tables["billing"], str(billing["currency"])),
        first_period=_first_period(tables["billing"], str(billing["first_period"])),
        grace_days=_grace_days(tables["billing"], billing),
        state_dir=str(state["dir"]),
        mappings_file=str(mappings["file"]),
        stale_after_hours=_within(tables["evidence"], evidence, "stale_after_hours", hours),
        max_row_drop=_within(tables["evidence"], evidence, "max_row_drop", share),
        max_account_drop=_within(tables["evidence"], evidence, "max_account_drop", share),
    )


def _timezone(table: Table, name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        by_lower = {zone.lower(): zone for zone in available_timezones()}
        meant = by_lower.get(name.lower())
        step = (
            f"Write {meant!r}."
            if meant
            else "Write a name like 'America/New_York' or 'Europe/Berlin', from the tz database."
        )
        raise table.refuse(f"key 'timezone' names no time zone: {name!r}", step) from None
    return name


def _currency(table: Table, code: str) -> str:
    if len(code) != len("USD") or not (code.isascii() and code.isalpha() and code.isupper()):
        raise table.refuse(
            f"key 'currency' is not a currency code: {code!r}",
            "Write three capital letters, for example USD.",
        )
    return code


def _first_period(table: Table, period: str) -> str:
    try:
        periods.first_day(period)
    except PipelineError as error:
        raise table.refuse(
            f"key 'first_period' is not a month: {period!r}", error.next_step
        ) from None
    return period


def _grace_days(table: Table, billing: Mapping[str, Value]) -> int:
    days = _within(table, billing, "grace_days", (0.0, MOST_GRACE_DAYS))
    if not days.is_integer():
        raise table.refuse("key 'grace_days' is not a whole number", "Write grace_days = 3")
    return int(days)


def _within(
    table: Table, values: Mapping[str, Value], name: str, limits: tuple[float, float]
) -> float:
    value = values[name]
    if not isinstance(value, float):
        raise TypeError(f"{name} is not declared as a number")
    low, high = limits
    if not low <= value <= high:
        raise table.refuse(
            f"key {name!r} is out of range: {value:g}", f"Write a number from {low:g} to {high:g}."
        )
    return value
