"""Syncro: customers, schedules (its recurring invoices) with their lines, and products, as lists.

Syncro's contracts hold no lines: they are not read. Settings and clients are in `syncro_account`,
paging and the lines of schedules in `syncro_lists`, what a refusal means in `syncro_refusals`, how
a line is changed in `syncro_writing`; which records count is said in `sql/core/syncro.sql`.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from reconcile_pipeline.http import Request, SinglePage
from reconcile_pipeline.model import Role
from reconcile_pipeline.systems.base import Account, Record, Stream, System
from reconcile_pipeline.systems.psa.syncro_account import (
    FIELDS,
    currency,
    make_client,
    make_writer,
    tenant,
)
from reconcile_pipeline.systems.psa.syncro_lists import (
    SyncroPages,
    announced,
    ask_schedules,
    plan_schedules,
    read_schedule,
    read_schedules,
    without_lines,
)
from reconcile_pipeline.systems.psa.syncro_refusals import PATHS, PERMISSIONS, diagnose
from reconcile_pipeline.systems.psa.syncro_writing import WRITE_BACK
from reconcile_pipeline.systems.reading import bare_list, list_under

WITHHELD = ("online_profile_url",)
"""Holds a key to the customer's portal."""


def streams(account: Account, on: date) -> list[Stream]:
    """Declare the lists; the rules by which they are read are landed, not fetched."""
    rules = {"day": on.isoformat(), "currency": currency(account)}

    def plan_rules(_earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        return [rules]

    return [
        Stream(
            name="customers",
            # Disabled customers would be missing, and their schedules without an owner.
            request=Request(PATHS["customers"], params={"include_disabled": "true"}),
            paginator=SyncroPages,
            records=list_under("customers"),
            announced=announced,
            required=("disabled",),
            withheld=WITHHELD,
            may_be_empty=False,
            empty_hint=_hint("customers"),
        ),
        Stream(
            name="schedules",
            request=Request(PATHS["schedules"]),
            paginator=SyncroPages,
            records=read_schedules,
            announced=announced,
            required=("customer_id", "paused"),
            account="customer_id",
            may_be_empty=False,
            empty_hint=_hint("schedules"),
            is_needed_later=True,
            keeps=without_lines,
        ),
        Stream(
            name="products",
            request=Request(PATHS["products"]),
            paginator=SyncroPages,
            records=list_under("products"),
            announced=announced,
            required=("name",),
            may_be_empty=False,
            empty_hint=_hint("products"),
        ),
        Stream(
            name="schedule_scope",
            paginator=SinglePage,
            records=bare_list,
            key="schedule_id",
            plan=plan_schedules,
            is_needed_later=True,
        ),
        Stream(
            name="schedule_details",
            paginator=SinglePage,
            records=read_schedule,
            required=("lines",),
            # Fewer are asked as soon as list rows tell their lines.
            is_guarded=False,
            children=ask_schedules,
        ),
        Stream(
            name="counting_rules",
            paginator=SinglePage,
            records=bare_list,
            key="day",
            plan=plan_rules,
        ),
    ]


def _hint(name: str) -> str:
    return f"Syncro shows nothing where it should. Allow the token: {PERMISSIONS[name]}."


SYNCRO = System(
    kind="syncro",
    title="Syncro",
    role=Role.PSA,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    write_back=WRITE_BACK,
    writer=make_writer,
    tenant=tenant,
    capabilities={
        "lines": "Reads the lines of every schedule (recurring invoice) that is not paused.",
        "manual_lines": "A line without a product is a product of its own, named after it: map it.",
        "counted_lines": "Lines that Syncro counts itself, from assets or contacts, are shown and"
        " never changed.",
        "write_back": "Sets a quantity by sending the line back as it was just read; the schedule's"
        " next run bills the change.",
        "unverified": "Whether the list of schedules holds all lines is not documented: a schedule"
        " without a line there is asked for them.",
    },
)
