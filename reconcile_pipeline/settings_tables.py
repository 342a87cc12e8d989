"""Our own tables of reconcile.toml: what may be in them, and what else must hold.

A system's table is declared in that system's module, not here. Reads no files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

from reconcile_pipeline import periods
from reconcile_pipeline.landing.basis import Rhythm
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.reconciling.policies import Policy, Tolerance
from reconcile_pipeline.settings_checks import Table, Value, read_table, within
from reconcile_pipeline.settings_compute import COMPUTE_FIELDS, ComputeSettings, read_compute
from reconcile_pipeline.settings_notify import NOTIFY_FIELDS, NotifySettings, read_notify
from reconcile_pipeline.settings_pulls import PULL_FIELDS, read_pulls
from reconcile_pipeline.settings_push import PUSH_FIELDS, PushSettings, read_push
from reconcile_pipeline.settings_review import REVIEW_FIELDS, ReviewSettings, read_review
from reconcile_pipeline.systems.base import Field

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
MOST_GRACE_DAYS = 27.0
"""A pull must never count for a month that ended more than a month ago."""


def _tolerances(direction: str, meaning: str) -> tuple[Field, ...]:
    measures = {
        "units": "differences up to this many units are left as they are; 0: not measured",
        "percent": "the same in percent of what is invoiced",
        "money": "the same in money per billing cycle; every measure that is set must hold",
    }
    return tuple(
        Field(
            f"tolerance_{direction}_{measure}",
            f"{meaning}: {text}.",
            kind="number",
            default=0,
            example="0",
        )
        for measure, text in measures.items()
    )


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
        Field(
            "keep_unused_days",
            "Days after which `reconcile prune` removes landed pages that no closed month rests"
            " on; 0: every page is kept.",
            kind="number",
            default=0,
            example="0",
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
    "pulls": PULL_FIELDS,
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
    "ledger": (
        Field(
            "url_variable",
            "Environment variable with the URL of a PostgreSQL ledger, such as"
            " postgresql://user:password@host/database; empty: a file in the state folder.",
            default="",
            example="RECONCILE_LEDGER_URL",
        ),
    ),
    "policy": (
        Field(
            "auto_approve_equal",
            "Approve equal counts without a person; the policy is recorded as the decider.",
            kind="flag",
            default=False,
            example="false",
        ),
        *_tolerances("up", "More is used than invoiced"),
        *_tolerances("down", "More is invoiced than used"),
        Field(
            "four_eyes_above",
            "Money per billing cycle above which a second person must confirm; 0: never.",
            kind="number",
            default=0,
            example="1000",
        ),
    ),
    "write_back": (
        Field(
            "enabled",
            "Whether agreed quantities may be written into the PSA at all.",
            kind="flag",
            default=False,
            example="false",
        ),
        Field(
            "tenant",
            "The tenant that may be written to, exactly as `reconcile dry-run` names it; so a copy"
            " of this file can't write to another one.",
            default="",
            example="yourcompany at api-na.myconnectwise.net",
        ),
        Field(
            "most_changes",
            "Changes in one batch; a larger one stops before its first write.",
            kind="number",
            default=200,
            example="200",
        ),
        Field(
            "large_units",
            "A change of more units than this, and than large_percent, must be confirmed.",
            kind="number",
            default=10,
            example="10",
        ),
        Field(
            "large_percent",
            "The same in percent of the line's quantity.",
            kind="number",
            default=50,
            example="50",
        ),
        Field(
            "large_money",
            "A change of more money per billing cycle than this must be confirmed.",
            kind="number",
            default=500,
            example="500",
        ),
        Field(
            "evidence_hours",
            "Nothing is written on counts older than this.",
            kind="number",
            default=24,
            example="24",
        ),
    ),
    "compute": COMPUTE_FIELDS,
    "push": PUSH_FIELDS,
    "review": REVIEW_FIELDS,
    "notify": NOTIFY_FIELDS,
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
    keep_unused_days: float
    mappings_file: str
    rhythm: Rhythm
    stale_after_hours: float
    max_row_drop: float
    max_account_drop: float
    ledger_variable: str
    policy: Policy
    limits: Limits
    is_writing_enabled: bool
    tenant: str
    evidence_hours: float
    compute: ComputeSettings
    push: PushSettings
    review: ReviewSettings
    notify: NotifySettings


def read_own_tables(file: str, content: Mapping[str, object]) -> OwnSettings:
    """Read our own tables; raises the `settings` error of the first mistake."""
    tables = {name: Table(file, name) for name in TABLES}
    values = {
        name: read_table(tables[name], content.get(name, {}), fields)
        for name, fields in TABLES.items()
    }
    billing, state, evidence = values["billing"], values["state"], values["evidence"]
    policy, write_back = values["policy"], values["write_back"]
    hours = (1.0, 744.0)
    share = (0.0, 1.0)
    return OwnSettings(
        timezone=_timezone(tables["billing"], str(billing["timezone"])),
        currency=_currency(tables["billing"], str(billing["currency"])),
        first_period=_first_period(tables["billing"], str(billing["first_period"])),
        grace_days=_grace_days(tables["billing"], billing),
        state_dir=str(state["dir"]),
        keep_unused_days=within(tables["state"], state, "keep_unused_days", (0.0, 36_500.0)),
        mappings_file=str(values["mappings"]["file"]),
        rhythm=read_pulls(tables["pulls"], values["pulls"]),
        stale_after_hours=within(tables["evidence"], evidence, "stale_after_hours", hours),
        max_row_drop=within(tables["evidence"], evidence, "max_row_drop", share),
        max_account_drop=within(tables["evidence"], evidence, "max_account_drop", share),
        ledger_variable=_variable(tables["ledger"], str(values["ledger"]["url_variable"])),
        policy=_policy(tables["policy"], policy),
        limits=_limits(tables, policy, write_back),
        is_writing_enabled=bool(write_back["enabled"]),
        tenant=str(write_back["tenant"]),
        evidence_hours=within(tables["write_back"], write_back, "evidence_hours", hours),
        compute=read_compute(tables["compute"], values["compute"]),
        push=read_push(tables["push"], values["push"]),
        review=read_review(tables["review"], values["review"]),
        notify=read_notify(tables["notify"], values["notify"]),
    )


def _variable(table: Table, name: str) -> str:
    if name and not _VARIABLE.fullmatch(name):
        raise table.refuse(
            "key 'url_variable' must name an environment variable",
            'Write url_variable = "RECONCILE_LEDGER_URL" and put the URL into .env.',
        )
    return name


def _policy(table: Table, values: Mapping[str, Value]) -> Policy:
    up, down = (
        Tolerance(
            *(
                _amount(table, values, f"tolerance_{direction}_{measure}")
                for measure in ("units", "percent", "money")
            )
        )
        for direction in ("up", "down")
    )
    return Policy(approves_equal=bool(values["auto_approve_equal"]), up=up, down=down)


def _limits(
    tables: Mapping[str, Table], policy: Mapping[str, Value], write_back: Mapping[str, Value]
) -> Limits:
    table = tables["write_back"]
    most = within(table, write_back, "most_changes", (1.0, 100_000.0))
    if not most.is_integer():
        raise table.refuse("key 'most_changes' is not a whole number", "Write most_changes = 200")
    return Limits(
        most_changes=int(most),
        large_units=_amount(table, write_back, "large_units"),
        large_percent=_amount(table, write_back, "large_percent"),
        large_money=_amount(table, write_back, "large_money"),
        four_eyes_above=_amount(tables["policy"], policy, "four_eyes_above"),
    )


def _amount(table: Table, values: Mapping[str, Value], name: str) -> Decimal:
    # By its text: 0.1 is meant as one tenth, not as the double next to it.
    return Decimal(str(within(table, values, name, (0.0, 1e9)))).normalize()


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
    days = within(table, billing, "grace_days", (0.0, MOST_GRACE_DAYS))
    if not days.is_integer():
        raise table.refuse("key 'grace_days' is not a whole number", "Write grace_days = 3")
    return int(days)
