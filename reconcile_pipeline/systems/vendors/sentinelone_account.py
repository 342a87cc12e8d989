"""What SentinelOne has to be told, how it is reached, and what its refusals mean.

No lists and no records here.
"""

from typing import Any
from urllib.parse import urlsplit

from reconcile_pipeline.http import ApiClient, ApiError, HeaderAuth, Limits
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account, Field, Record
from reconcile_pipeline.systems.reading import advised, at, choice, first_text, unfit

API_PATH = "/web/api/v2.1"
GENERIC_HOST = "console.sentinelone.net"
LARGEST_PAGE = 1000
"""The documented maximum. Without a size SentinelOne sends 10 records and says no more."""
CALLS_PER_SECOND, BURST = 25, 10
"""SentinelOne's limit for agents, the lowest of the lists read here, and its burst for sites."""
PARTIAL, GATEWAY_TIMEOUT = 206, 504
_CREDENTIALS_STEP = (
    "Check that base_url is the console you log in to, then the token: a user's token ends after"
    " six months and whenever a new one is made for the same user. Take a service user's instead."
)
_TIMEOUT_STEP = "SentinelOne took too long to make the list: set page_size to 200 and pull again."

FIELDS = (
    Field(
        "base_url",
        "Address of your SentinelOne console, as you see it in the browser.",
        kind="url",
        example="https://usea1-partners.sentinelone.net",
    ),
    Field(
        "api_token",
        "SentinelOne API token of a service user: Settings > Users > Service Users, role Viewer,"
        " scope Account or Global.",
        kind="secret",
        variable="SENTINELONE_API_TOKEN",
    ),
    Field(
        "customers_are",
        "What one customer is in your console: a site, or an account with sites of its own.",
        default="site",
        example="site",
    ),
    Field(
        "count_trials",
        "Count trial sites like paid ones.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "counted_modules",
        "Add-on modules that you bill for each agent, by their API names. SentinelOne counts none"
        " itself: a site that has the module counts with all its agents.",
        kind="list",
        default=(),
        example='["vigilance", "rso"]',
    ),
    Field(
        "read_agents",
        "Also read the agents behind the counts; counts don't need them, and each 1,000 cost a"
        " call.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "page_size",
        "Records per call, at most 1000; take less if long lists end in gateway timeouts.",
        kind="number",
        default=LARGEST_PAGE,
        example="1000",
    ),
)


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return SentinelOne's own words for a refusal."""
    errors = at(data, "errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    words = (first_text(at(first, name)) for name in ("title", "message", "detail"))
    return first_text(". ".join(dict.fromkeys(text for text in words if text)))


def stands_for(data: object) -> int:
    """Return the status that an answer with errors stands for, though it came with 200.

    The first digits of SentinelOne's error codes are a status (4010010: 401); without such a code
    it is an answer in part, and as good as none.
    """
    errors = at(data, "errors")
    if not errors:
        return 200
    code = at(errors[0], "code") if isinstance(errors, list) else None
    status = code // 10_000 if isinstance(code, int) else 0
    return status if 400 <= status < 600 else PARTIAL  # noqa: PLR2004 - statuses of refusals


def make_client(account: Account) -> ApiClient:
    """Build the client; the token is looked up here, no call is made."""
    base_url = account.text("base_url").rstrip("/").removesuffix(API_PATH)
    if urlsplit(base_url).hostname == GENERIC_HOST:
        raise unfit(
            account,
            "base_url",
            "Write the address of your own console; it has your region in it, like"
            " https://usea1-partners.sentinelone.net.",
        )
    token = account.secret("api_token")
    return ApiClient(
        system=account.name,
        base_url=f"{base_url}{API_PATH}",
        auth=HeaderAuth({"Authorization": f"ApiToken {token}"}),
        limits=Limits(concurrency=2, per_window=CALLS_PER_SECOND, window_seconds=1, burst=BURST),
        secrets=(token,),
        explain=explain,
        stands_for=stands_for,
    )


def counting_rules(account: Account) -> Record:
    """Return the rules that turn sites into counts, as they are landed with each pull.

    Shape: `{id, customers_are: "site"|"account", count_trials: bool, counted_modules: [text]}`.
    """
    return {
        "id": "counting_rules",
        "customers_are": choice(account, "customers_are", ("site", "account")),
        "count_trials": account.flag("count_trials"),
        "counted_modules": sorted({name.lower() for name in account.items("counted_modules")}),
    }


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a refusal of SentinelOne usually is: a token that is over, or too long a page."""
    if not isinstance(error, PipelineError):
        return error
    is_timeout = isinstance(error, ApiError) and error.status == GATEWAY_TIMEOUT
    if error.category is not Category.CREDENTIALS and not is_timeout:
        return error
    return advised(error, account, _TIMEOUT_STEP if is_timeout else _CREDENTIALS_STEP)
