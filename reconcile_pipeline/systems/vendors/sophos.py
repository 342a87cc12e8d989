"""Sophos Central Partner: customers, the month's usage report, licences of term customers.

Sophos bills by its monthly report, and users rather than devices: the report is the count, the
devices seen today are not. Who the credentials are is asked first, because every other call has
to name the partner. Read only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from reconcile_pipeline.http import (
    ApiClient,
    ClientCredentials,
    CursorInBody,
    Limits,
    PageNumber,
    Request,
    SinglePage,
)
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Child, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import at, bare_list, count_at, list_under, whole_number
from reconcile_pipeline.systems.vendors import sophos_report as report
from reconcile_pipeline.systems.vendors.sophos_refusals import (
    MAKE_CREDENTIALS,
    diagnose,
    explain,
    whoami_record,
)

Earlier = Mapping[str, Sequence[Record]]
MOST_TENANTS = 100
"""Customers in one page; Sophos's default is 50, and more than 100 has not been seen."""
HIDDEN = frozenset({403})
"""Sophos: a customer without Partner Assistance hides its licences from the partner."""

FIELDS = (
    Field(
        "base_url",
        "Address of Sophos Central's global API; the same for all partners.",
        kind="url",
        default="https://api.central.sophos.com",
        example="https://api.central.sophos.com",
    ),
    Field(
        "token_url",
        "Where tokens are issued; the same for all partners.",
        kind="url",
        default="https://id.sophos.com/api/v2/oauth2/token",
        example="https://id.sophos.com/api/v2/oauth2/token",
    ),
    Field(
        "client_id",
        "Sophos client id: Sophos Central Partner > Settings & Policies > API Credentials > Add"
        " Credential.",
        kind="secret",
        variable="SOPHOS_CLIENT_ID",
    ),
    Field(
        "client_secret",
        "Sophos client secret; shown once, when the credential is made.",
        kind="secret",
        variable="SOPHOS_CLIENT_SECRET",
    ),
    Field(
        "usage_month",
        "Which month's usage report is counted: previous, or current where Sophos makes it during"
        " the month.",
        default="previous",
        example="previous",
    ),
    Field(
        "compare_with_month_before",
        "Also read the report before that one, and show a 0 where a customer had a product then"
        " and has it no more; one or more calls.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "read_licences",
        "Also read what term customers purchased, who are not in the usage report; one call each.",
        kind="flag",
        default=True,
        example="true",
    ),
    Field(
        "currency",
        "Currency of the report's unit prices, like USD; Sophos does not say it.",
        default="",
        example="USD",
    ),
    Field(
        "page_size",
        "Lines of the report per call; customers come at most 100 at a time. Sophos publishes no"
        " maximum; 50 is always taken.",
        kind="number",
        default=1000,
        example="1000",
    ),
    Field(
        "requests_per_minute",
        "Calls per minute that are never exceeded. Sophos publishes no figure; this one is"
        " reported by users of its API.",
        kind="number",
        default=100,
        example="100",
    ),
)

_items = list_under("items")


def make_client(account: Account) -> ApiClient:
    """Build the client; secrets are looked up here, no call is made."""
    client_id, client_secret = account.secret("client_id"), account.secret("client_secret")
    auth = ClientCredentials(
        account.text("token_url"),
        {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": "token",
        },
        "form",
    )
    per_minute = whole_number(account, "requests_per_minute", 1, 10_000)
    return ApiClient(
        system=account.name,
        base_url=account.text("base_url"),
        auth=auth,
        # Ten a second are reported as well, so not all of a minute's calls go at once.
        limits=Limits(per_window=per_minute, burst=min(10, per_minute - 1)),
        secrets=(client_id, client_secret),
        explain=explain,
    )


def tenant_records(data: object) -> list[Record]:
    """Return a page's customers; `shape` error if the page does not say how many there are."""
    records = _items(data)
    if count_at(data, "pages.total") is None or count_at(data, "pages.items") is None:
        raise PipelineError(
            "Sophos Central sent a page of customers that does not say how many there are.",
            next_step="Nothing of this pull is used, as it can't be proven whole. Run it again; if"
            " it stays, Sophos's format has changed: report it to this project.",
            category=Category.SHAPE,
        )
    return records


def of_partner(request: Request) -> Callable[[Earlier], list[Child]]:
    """Make a list's one request, once it is known which partner asks."""

    def children(earlier: Earlier) -> list[Child]:
        partner = str(earlier["whoami"][0]["id"])
        return [Child(partner, replace(request, headers={"X-Partner-ID": partner}))]

    return children


def of_term_tenants(earlier: Earlier) -> list[Child]:
    """Ask for the licences of each customer who prepays: these are in no usage report.

    A billing type that nobody knows may be such a one, too.
    """
    reported = ("usage", "trial")
    term = {str(each["id"]) for each in earlier["tenants"] if each["billingType"] not in reported}
    return [
        Child(
            tenant,
            # On the global host, unlike a customer's other calls.
            Request("/licenses/v1/licenses", headers={"X-Tenant-ID": tenant}, tolerates=HIDDEN),
        )
        for tenant in sorted(term)
    ]


def counting_rules(account: Account, on: date) -> Record:
    """Return the rules in force, as they are landed with each pull.

    Shape: `{id, usage_month: YYYY-MM, month_before: YYYY-MM or null, currency: text or null}`.
    """
    month = report.report_month(account, on)
    is_compared = account.flag("compare_with_month_before")
    return {
        "id": "counting_rules",
        "usage_month": f"{month:%Y-%m}",
        "month_before": f"{report.month_before(month):%Y-%m}" if is_compared else None,
        "currency": account.text("currency") or None,
    }


def streams(account: Account, on: date) -> list[Stream]:
    """Declare the rules, the partner, its customers, the month's report, and the licences."""
    size = whole_number(account, "page_size", 1, 1000)
    month = report.report_month(account, on)
    rules = counting_rules(account, on)
    declared = [
        Stream(
            name="counting_rules",
            paginator=SinglePage,
            records=bare_list,
            plan=lambda _earlier: [rules],
        ),
        Stream(
            name="whoami",
            request=Request("/whoami/v1"),
            paginator=SinglePage,
            records=whoami_record,
            required=("idType",),
            is_needed_later=True,
        ),
        Stream(
            name="tenants",
            children=of_partner(Request("/partner/v1/tenants", params={"pageTotal": "true"})),
            paginator=lambda: PageNumber(
                size_param="pageSize",
                size=min(size, MOST_TENANTS),
                first=1,
                total_pages=lambda data: count_at(data, "pages.total"),
            ),
            records=tenant_records,
            announced=lambda data: count_at(data, "pages.items"),
            required=("name", "billingType"),
            may_be_empty=False,
            empty_hint=MAKE_CREDENTIALS,
            is_needed_later=True,
        ),
        _report_stream("usage", month, size),
    ]
    if account.flag("compare_with_month_before"):
        declared.append(_report_stream("usage_before", report.month_before(month), size))
    if account.flag("read_licences"):
        declared.append(
            Stream(
                name="licences",
                children=of_term_tenants,
                paginator=SinglePage,
                records=list_under("licenses"),
                required=("product.code",),
            )
        )
    return declared


def _report_stream(name: str, month: date, size: int) -> Stream:
    is_counted = name == "usage"
    request = Request(report.report_path(month))
    if not is_counted:
        # A partner's first month has none before it: then nothing is compared.
        request = replace(request, tolerates=frozenset({404}))
    return Stream(
        name=name,
        children=of_partner(request),
        paginator=lambda: CursorInBody(
            lambda data: at(data, "pages.nextKey"), param="pageFromKey", size=size
        ),
        records=report.report_lines,
        key="line_id",
        required=("productCode", "billableQuantity"),
        numbers=("billableQuantity",),
        account="account_key" if is_counted else None,
        is_guarded=is_counted,
        may_be_empty=not is_counted,
        empty_hint="An empty usage report is taken for none, never for zero. Look at the month's"
        " usage in Sophos Central Partner, and pull again when it shows there.",
    )


SOPHOS = System(
    kind="sophos",
    title="Sophos Central",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Reads the billable quantity of each customer and product from the month's usage"
        " report, normally last month's; Sophos bills users, so devices are not counted.",
        "entities": "Lists the report's lines behind every count, not the users or devices.",
        "history": "Reads one month's report, and the one before it if asked; what is used today"
        " is in no report yet.",
        "licences": "Shows what term customers purchased as services of their own, where the"
        " customer allows Partner Assistance.",
        "unverified": "When Sophos makes a month's report, what tells its lines apart and its"
        " limits are not documented; fields of licences are from few samples.",
        "write_back": "Nothing is ever written to Sophos Central.",
    },
)
