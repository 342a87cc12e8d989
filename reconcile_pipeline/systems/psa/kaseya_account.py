"""What Kaseya BMS and Pulseway PSA have to be told, and the client made from it.

One code base is sold under two names: the settings differ in the default address and in the names
of the variables. No lists and no records here.
"""

from urllib.parse import urlsplit

from reconcile_pipeline.http import ApiClient, Limits, PasswordLogin
from reconcile_pipeline.systems.base import Account, Field
from reconcile_pipeline.systems.psa.kaseya_refusals import explain, stands_for
from reconcile_pipeline.systems.reading import unfit, whole_number

HOUR_SECONDS = 3600.0
LARGEST_PAGE = 500


def make_fields(
    *, title: str, base_url: str, prefix: str, asks_for_changes: bool = True
) -> tuple[Field, ...]:
    """Return the settings of one of the two; `prefix` begins the names of its variables."""
    return (
        Field(
            "base_url",
            f"Address of your {title} API. Your region's gateway stands under My Settings:"
            " put api. before its name.",
            kind="url",
            default=base_url,
        ),
        Field("tenant", "Company, exactly as My Settings shows it.", example="YourCompany"),
        Field(
            "username",
            f"{title} user name of an employee of type API Employee.",
            kind="secret",
            variable=f"{prefix}_USERNAME",
        ),
        Field(
            "password",
            f"{title} password of that employee, set through the e-mailed link.",
            kind="secret",
            variable=f"{prefix}_PASSWORD",
        ),
        Field(
            "active_statuses",
            "Contract statuses that count, as your tenant writes them.",
            kind="list",
            default=("Active",),
        ),
        Field(
            "account_types",
            "Account types that are customers, as your tenant writes them; empty means all.",
            kind="list",
            default=(),
            example='["Customer"]',
        ),
        Field(
            "proration_types",
            "Types of invoice lines that are prorated and so no count of units.",
            kind="list",
            default=("Prorated",),
        ),
        Field(
            "uncounted_invoice_statuses",
            "Statuses of invoices that nobody has to pay.",
            kind="list",
            default=("Draft", "Void", "Voided", "Cancelled"),
        ),
        Field(
            "currency",
            "Currency of your invoices, as a code; empty leaves it unsaid.",
            default="",
            example="USD",
        ),
        Field(
            "assume_unpublished_line_calls",
            "Read the lines of contracts by a call that the vendor does not publish; only where"
            " you have seen it work in your tenant. Nothing is ever written by such a call.",
            kind="flag",
            default=False,
        ),
        Field(
            "ask_for_changed_accounts",
            "In incremental pulls, ask for accounts by their change date (Filter.ModifiedOnFrom)."
            + ("" if asks_for_changes else " Only where you have seen it work in your tenant."),
            kind="flag",
            default=asks_for_changes,
        ),
        Field("page_size", "Records per page.", kind="number", default=100.0),
        Field(
            "requests_per_hour",
            "Calls per hour that the vendor allows at one address; kept for all together.",
            kind="number",
            default=1500.0,
        ),
    )


def make_client(account: Account) -> ApiClient:
    """Build the client; secrets are looked up here, no call is made."""
    user, password = account.secret("username"), account.secret("password")
    per_hour = whole_number(account, "requests_per_hour", 2, 100_000)
    base_url = site(account)
    return ApiClient(
        system=account.name,
        base_url=base_url,
        auth=PasswordLogin(
            f"{base_url}/v2/security/authenticate",
            {
                "grantType": "password",
                "userName": user,
                "password": password,
                "tenant": account.text("tenant"),
            },
            secrets=frozenset({user, password}),
        ),
        limits=Limits(concurrency=4, per_window=per_hour, window_seconds=HOUR_SECONDS),
        secrets=(user, password),
        explain=explain,
        stands_for=stands_for,
    )


def site(account: Account) -> str:
    """Return the address without its end; `settings` error for one that names a path."""
    address = account.text("base_url").rstrip("/")
    if urlsplit(address).path:
        raise unfit(account, "base_url", "Write the site only, without /v2 or another path.")
    return address


def page_size(account: Account) -> int:
    """Return how many records a page shall hold."""
    return whole_number(account, "page_size", 1, LARGEST_PAGE)
