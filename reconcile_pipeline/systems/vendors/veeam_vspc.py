"""Veeam Service Provider Console: companies, their usage of one day, their licences; read only.

Usage comes as a row per company, location and day: one day is asked for and never more, since a
second one would double every count. What is counted is decided in SQL; the rules in force, the
day among them, are landed as `counting_rules`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from reconcile_pipeline.http import Offset, Request, SinglePage
from reconcile_pipeline.model import Role
from reconcile_pipeline.systems.base import Account, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import bare_list, choice, whole_number
from reconcile_pipeline.systems.vendors.veeam_login import diagnose, make_client
from reconcile_pipeline.systems.vendors.veeam_pages import (
    licences,
    page_records,
    total,
    usage_of,
)

WITHHELD = ("password",)
"""Of a company's owner; the console sends null there, as far as is known."""

FIELDS = (
    Field(
        "base_url",
        "Address of your console's API: https://, its host, its port (mostly 1280), /api/v3.",
        kind="url",
        example="https://vspc.yourcompany.com:1280/api/v3",
    ),
    Field(
        "api_key",
        "Veeam console API key: Configuration > Access Management > REST API Keys > New > Simple"
        " Key, Read-only. With username set, the password of that user.",
        kind="secret",
        variable="VEEAM_VSPC_API_KEY",
    ),
    Field(
        "username",
        "Only where API keys are not allowed: a portal user who logs in with a password.",
        default="",
        example="north-msp\\\\reconcile",
    ),
    Field(
        "days_back",
        "Which day's usage is read: 1 is the day before the pull's. Days end at midnight UTC: take"
        " 2 if your billing time zone is ahead of UTC and pulls run in your morning.",
        kind="number",
        default=1,
        example="1",
    ),
    Field(
        "storage_unit",
        "Unit in which storage is counted, TB or GB, of 1024 each; part of the services' names.",
        default="TB",
        example="TB",
    ),
    Field(
        "storage_rounding",
        "Parts of a storage unit: up (to the next whole one), nearest, or none (four decimals).",
        default="up",
        example="up",
    ),
    Field(
        "read_licences",
        "Also read how many licences each company uses, as services of their own.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "new_licences",
        "Licences in their first calendar month are free and not counted: inside, if the console"
        " counts them among the used ones, or beside.",
        default="inside",
        example="inside",
    ),
    Field(
        "licences_in_points",
        "Count licence points instead of licensed machines and users.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "page_size",
        "Records per call; the console's administrator may have allowed fewer.",
        kind="number",
        default=500,
        example="500",
    ),
    Field(
        "client_version",
        "Version of the API that is spoken: 3.6.2 is that of console 9.2, 3.5.1 of 8.1.",
        default="3.6.2",
        example="3.6.2",
    ),
)


def counting_rules(account: Account, on: date) -> Record:
    """Return the rules that turn counters into counts, as they are landed with each pull.

    Shape: `{id, day: "YYYY-MM-DD", storage_unit, storage_rounding, new_licences: text,
    licences_in_points: bool}`.
    """
    return {
        "id": "counting_rules",
        "day": usage_day(account, on).isoformat(),
        "storage_unit": choice(account, "storage_unit", ("TB", "GB")),
        "storage_rounding": choice(account, "storage_rounding", ("up", "nearest", "none")),
        "new_licences": choice(account, "new_licences", ("inside", "beside")),
        "licences_in_points": account.flag("licences_in_points"),
    }


def usage_day(account: Account, on: date) -> date:
    """Return the day whose usage is read: over in UTC by the time of the pull."""
    return on - timedelta(days=whole_number(account, "days_back", 1, 7))


def streams(account: Account, on: date) -> list[Stream]:
    """Declare the lists: never a call per company, never more than one day of usage."""
    size = whole_number(account, "page_size", 1, 5000)
    rules = counting_rules(account, on)
    day = usage_day(account, on)

    def plan(_earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        return [rules]

    def pages() -> Offset:
        # The total ends the list, not a short page: the administrator may have lowered the size.
        return Offset(size=size, total=total)

    declared = [
        Stream(name="counting_rules", paginator=SinglePage, records=bare_list, plan=plan),
        Stream(
            name="companies",
            request=Request("/organizations/companies", params={"expand": "Organization"}),
            paginator=pages,
            records=page_records,
            announced=total,
            key="instanceUid",
            required=("name", "status"),
            withheld=WITHHELD,
            may_be_empty=False,
            empty_hint="Make the API key as a Portal Administrator of the provider: the user of"
            " this key sees no company.",
        ),
        Stream(
            name="usage",
            request=Request(
                "/organizations/companies/usage",
                params={"fromDate": day.isoformat(), "toDate": day.isoformat()},
            ),
            paginator=pages,
            records=usage_of(day),
            announced=total,
            key="locationUid",
            also_key=("companyUid", "date"),
            required=("companyUid", "date", "counters"),
            account="companyUid",
            may_be_empty=False,
            empty_hint=f"The console shows no usage of {day}. If it counts a day later than others"
            " do, set days_back = 2; else make the API key as a Portal Administrator.",
        ),
    ]
    if account.flag("read_licences"):
        declared.append(_licensing(account, pages))
    return declared


def _licensing(account: Account, pages: Callable[[], Offset]) -> Stream:
    return Stream(
        name="licensing",
        # Without the type the provider's own row comes along, which sums all others up.
        request=Request("/licensing/usage/organizations", params={"organizationType": "Company"}),
        paginator=pages,
        records=licences(new_is_inside=account.text("new_licences") == "inside"),
        announced=total,
        key="organizationUid",
        required=("servers",),
        account="organizationUid",
    )


VEEAM_VSPC = System(
    kind="veeam_vspc",
    title="Veeam Service Provider Console",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Reads each company's counters of one whole day, summed over its locations:"
        " machines, agents, Microsoft 365 users and storage; and its licences, if asked to.",
        "left_out": "Does not read traffic and compute time, and not the monthly licence report.",
        "entities": "Shows no single machines: the console does the counting.",
        "history": "Tells the counts of the day before the pull; past months can't be pulled.",
        "unverified": "Whether new licences are among the used ones (new_licences), and when the"
        " console has finished counting a day (days_back).",
        "write_back": "Nothing is ever written to Veeam Service Provider Console.",
    },
)
