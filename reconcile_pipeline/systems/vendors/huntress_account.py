"""What Huntress has to be told, how it is reached, and what its refusals mean.

No lists and no records here.
"""

from typing import Any

from reconcile_pipeline.http import ApiClient, ApiError, BasicAuth, Limits
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account, Field
from reconcile_pipeline.systems.reading import advised, at, first_text, whole_number

WINDOW_SECONDS = 60
LARGEST_PAGE = 500
"""The documented maximum. Without a size Huntress sends 10 records, the newest first."""
NOT_FOUND = 404

FIELDS = (
    Field(
        "base_url",
        "Address of the Huntress API; the same for everybody.",
        kind="url",
        default="https://api.huntress.io",
        example="https://api.huntress.io",
    ),
    Field(
        "public_key",
        "Huntress public key: your account's menu > API Credentials > Setup. If the entry is"
        " missing, ask Huntress to switch API access on.",
        kind="secret",
        variable="HUNTRESS_PUBLIC_KEY",
    ),
    Field(
        "secret_key",
        "Huntress secret key, from the same page; shown once.",
        kind="secret",
        variable="HUNTRESS_SECRET_KEY",
    ),
    Field(
        "read_agents",
        "Also read the agents behind the counts; counts don't need them, and each 500 cost a call.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "requests_per_minute",
        "Calls in any 60 seconds that are never exceeded. Huntress allows 60 for the whole"
        " account: other integrations share them.",
        kind="number",
        default=60,
        example="60",
    ),
    Field(
        "page_size",
        "Records per call, at most 500.",
        kind="number",
        default=LARGEST_PAGE,
        example="500",
    ),
)


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Huntress's own words for a refusal, in any of the shapes that clients have seen."""
    errors = at(data, "errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(errors, dict) and errors:
        field, messages = next(iter(errors.items()))
        first = {"field": field, "message": messages[0] if isinstance(messages, list) else messages}
    message = first_text(at(first, "message"), at(data, "error.message"), at(data, "error"), first)
    field = first_text(at(first, "field"))
    return f"{field}: {message}" if field and message else message


def make_client(account: Account) -> ApiClient:
    """Build the client; the keys are looked up here, no call is made."""
    public, secret = account.secret("public_key"), account.secret("secret_key")
    return ApiClient(
        system=account.name,
        base_url=account.text("base_url"),
        auth=BasicAuth(public, secret),
        limits=Limits(
            # A sliding window leaves nothing to win by asking twice at once.
            concurrency=1,
            per_window=whole_number(account, "requests_per_minute", 1, 1_000_000),
            window_seconds=WINDOW_SECONDS,
            # Whether a 429 says how long to wait is not documented; the window is.
            silent_wait_seconds=WINDOW_SECONDS,
        ),
        secrets=(public, secret),
        explain=explain,
    )


_CREDENTIALS_STEP = (
    "Make new keys under API Credentials of your Huntress account and write both to .env; making"
    " keys ends the ones before, also where another program made them."
)
_NOT_FOUND_STEP = (
    "Huntress says the same of what is missing and of what these keys may not see: check that the"
    " keys are those of your own account, then base_url."
)


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a refusal of Huntress usually is: keys that were replaced, or of another account."""
    if not isinstance(error, PipelineError):
        return error
    is_hidden = isinstance(error, ApiError) and error.status == NOT_FOUND
    if error.category is not Category.CREDENTIALS and not is_hidden:
        return error
    return advised(
        error,
        account,
        _NOT_FOUND_STEP if is_hidden else _CREDENTIALS_STEP,
        category=Category.PERMISSION if is_hidden else error.category,
    )
