"""N-able N-central: what a refusal means, and what a person has to do about it.

Nothing is asked to find out more: an expired password, the usual reason, refuses every call alike.
"""

from reconcile_pipeline.http import ApiClient, ApiError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account

RIGHTS = {
    "/api/customers": "Customers",
    "/api/sites": "Customers",
    "/api/device-filters": "Filters",
    "/api/devices": "Devices > Network Devices",
}
"""What the role of the API user must be allowed to read, by path."""
_BAD_REQUEST, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 400, 403, 404, 429, 500


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Give a refusal the next step that fits N-central; its sentence and category stay."""
    if not isinstance(error, PipelineError):
        return error
    next_step = _next_step(account, error)
    if next_step is None:
        return error
    return PipelineError(
        error.message, next_step=next_step, category=error.category, system=account.name
    )


def _next_step(account: Account, error: PipelineError) -> str | None:
    if error.category is Category.CREDENTIALS:
        return (
            "Generate a new User-API token in N-central (Administration > User Management > Users"
            " > the API user > API Access) and put it in the settings. A token ends when a newer"
            " one is made, when the user's role changes, and with the user's password; two-factor"
            " login must be off for that user."
        )
    if error.category is Category.INCOMPLETE:
        return (
            f"{error.next_step} If it stays, set page_size = 200 in [systems.{account.name}]:"
            " some servers give no more records a page, whatever is asked."
        )
    if "could not be trusted" in error.message:
        return (
            "Check base_url and this machine's clock. If N-central has a certificate of your own,"
            " let SSL_CERT_FILE name a file that holds it beside the public ones."
        )
    return _by_status(account, error) if isinstance(error, ApiError) else None


def _by_status(account: Account, error: ApiError) -> str | None:
    if error.status == _FORBIDDEN:
        rights = [right for path, right in RIGHTS.items() if f" {path} " in f"{error.message} "]
        return (
            f"Let the role of the API user read {rights[0] if rights else 'this list'}, give it an"
            " access group with all customers, and then generate a new User-API token: the token"
            " carries the rights it was made with."
        )
    steps = {
        _SERVER_ERROR: "Check the password of the API user first: once it has expired (after 90"
        " days, unless set otherwise) N-central answers 500 to everything. Set a new one, generate"
        " a new User-API token, put it in the settings. If the password is in order, N-central"
        " itself is in trouble: pull again later.",
        _BAD_REQUEST: f"If N-central objects to the page size, set page_size = 200 in"
        f" [systems.{account.name}] and pull again; otherwise report its words to this project.",
        _NOT_FOUND: "Check base_url: the server's address without /api and without a slash at its"
        " end. The API needs N-central 2023.9 or later.",
        _TOO_MANY: "Pull again at a quieter hour: N-central limits the calls under way at once,"
        " over all programs that use its API.",
    }
    return steps.get(error.status or 0)
