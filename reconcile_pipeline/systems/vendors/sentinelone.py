"""SentinelOne: sites with their licences, read only; on demand the agents behind the counts.

One list of sites tells names, states and counts: there is never a call per customer. Which sites
count is decided in SQL; the rules in force are landed beside them as `counting_rules`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from reconcile_pipeline.http import CursorInBody, Paginator, Request, SinglePage
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Record, Stream, System
from reconcile_pipeline.systems.reading import at, bare_list, count_at, list_under, whole_number
from reconcile_pipeline.systems.vendors.sentinelone_account import (
    FIELDS,
    LARGEST_PAGE,
    counting_rules,
    diagnose,
    make_client,
)

_HIDDEN = ("registrationToken", "licenseKey")
"""Keys that come with the lists: whoever has one can add machines to a customer's site."""

MakePaginator = Callable[[], Paginator]

_data_list = list_under("data")
_site_list = list_under("sites")


def site_records(data: object) -> list[Record]:
    """Return a page's sites, which stand one level deeper than any other list; or `shape`."""
    _check_paging(data)
    return _site_list(at(data, "data"))


def records(data: object) -> list[Record]:
    """Return the records of a page of any other list; or `shape`."""
    _check_paging(data)
    return _data_list(data)


def _check_paging(data: object) -> None:
    """Refuse a page that would pass as the last one because it does not say how to go on."""
    if not isinstance(at(data, "pagination"), dict):
        raise PipelineError(
            "SentinelOne sent a page that does not say whether another one follows.",
            next_step="Nothing of this pull is used, as it can't be proven whole. Run it again; if"
            " it stays, SentinelOne's format has changed: report it to this project.",
            category=Category.SHAPE,
        )


def announced(data: object) -> int | None:
    """Return how many records the list has, as its first page tells; later pages say 0."""
    return count_at(data, "pagination.totalItems")


def streams(account: Account, _on: date) -> list[Stream]:
    """Declare the rules, the sites, and what is closed: never a call per customer."""
    size = whole_number(account, "page_size", 1, LARGEST_PAGE)
    rules = counting_rules(account)

    def plan(_earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        return [rules]

    def paginator() -> CursorInBody:
        return CursorInBody(
            lambda data: at(data, "pagination.nextCursor"), size=size, size_param="limit"
        )

    declared = [
        Stream(name="counting_rules", paginator=SinglePage, records=bare_list, plan=plan),
        Stream(
            name="sites",
            request=Request("/sites", params={"state": "active"}),
            paginator=paginator,
            records=site_records,
            announced=announced,
            is_announced_once=True,
            required=("name", "state", "siteType", "accountId", "activeLicenses"),
            numbers=("activeLicenses",),
            account="accountId" if rules["customers_are"] == "account" else "id",
            may_be_empty=False,
            empty_hint="Give the SentinelOne service user the role Viewer with the scope Account"
            " or Global: a token of a narrower scope sees no other customers.",
            withheld=_HIDDEN,
        ),
        _closed_sites(paginator) if rules["customers_are"] == "site" else _accounts(paginator),
    ]
    if account.flag("read_agents"):
        declared.append(_agents(paginator))
    return declared


def _closed_sites(paginator: MakePaginator) -> Stream:
    """Sites that are over: without them, a customer who left would only be missing."""
    return Stream(
        name="closed_sites",
        request=Request("/sites", params={"states": "expired,deleted"}),
        paginator=paginator,
        records=site_records,
        announced=announced,
        is_announced_once=True,
        required=("name", "state"),
        # Renewed and purged sites leave this list: that is no sign of trouble.
        is_guarded=False,
        withheld=_HIDDEN,
    )


def _accounts(paginator: MakePaginator) -> Stream:
    """The customers, where each has an account; in every state, so that closed ones are known."""
    return Stream(
        name="accounts",
        request=Request("/accounts", params={"states": "active,expired,deleted"}),
        paginator=paginator,
        records=records,
        announced=announced,
        is_announced_once=True,
        required=("name", "state"),
        may_be_empty=False,
        empty_hint="Give the SentinelOne service user the scope Global, so that it sees the"
        " accounts of your customers.",
        withheld=_HIDDEN,
    )


def _agents(paginator: MakePaginator) -> Stream:
    """The agents that hold a licence; what the list holds without these filters is not told."""
    return Stream(
        name="agents",
        request=Request("/agents", params={"isDecommissioned": "False", "isUninstalled": "False"}),
        paginator=paginator,
        records=records,
        announced=announced,
        is_announced_once=True,
        required=("siteId", "isDecommissioned", "isUninstalled"),
        account="siteId",
        withheld=_HIDDEN,
    )


SENTINELONE = System(
    kind="sentinelone",
    title="SentinelOne",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Counts the licensed agents of each site, in all and by licence bundle, and"
        " tells apart how many licences were bought.",
        "entities": "Lists the agents behind the counts where read_agents is switched on.",
        "history": "Tells the counts of this moment only; past months can't be pulled.",
        "unverified": "Whether every module is billed for each agent is not documented: none"
        " counts unless counted_modules names it.",
        "write_back": "Nothing is ever written to SentinelOne.",
    },
)
