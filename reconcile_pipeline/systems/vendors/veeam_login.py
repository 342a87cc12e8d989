"""Veeam Service Provider Console: how we log in, and what its refusals and pauses say.

An API key is the bearer token itself. Where only a user may log in, its password is changed for a
token that lives an hour; there is a call to renew one, and logging in anew costs the same.
"""

from typing import Any

import httpx

from reconcile_pipeline.http import ApiClient, ApiError, HeaderAuth, Limits, TokenAuth
from reconcile_pipeline.http.auth import token_reply
from reconcile_pipeline.http.errors import TokenError
from reconcile_pipeline.http.urls import checked_url
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account
from reconcile_pipeline.systems.reading import at, first_text
from reconcile_pipeline.systems.vendors.veeam_later import fetch_later

SECOND_FACTOR = "it wants a second factor"
_OK, _NOT_FOUND = 200, 404


class ConsoleLogin(TokenAuth):
    """Posts the user's name and password as a form; a wish for a second factor is named."""

    def __init__(self, base_url: str, username: str, password: str) -> None:
        """Raise `ApiError` (settings) for an address that is not https (or this machine)."""
        url = checked_url(f"{base_url}/token", system="The token call", what="base URL")
        form = {
            "grant_type": "password",
            "username": username,
            "password": password,
            # Veeam: both spellings are published for the token that can change nothing.
            "read_only": "true",
            "readOnly": "true",
        }
        super().__init__(
            lambda: httpx.Request("POST", url, data=form), secrets=frozenset({password})
        )

    def answered(self, response: httpx.Response) -> tuple[str, float | None]:
        """Return the token and its seconds, or raise `TokenError`."""
        if response.status_code == _OK:
            reply = token_reply(response)
            if reply.get("mfa_token") and not reply.get("access_token"):
                raise TokenError(response, SECOND_FACTOR)
        return super().answered(response)


def make_client(account: Account) -> ApiClient:
    """Build the client; the secret is looked up here, no call is made."""
    base_url, secret = account.text("base_url"), account.secret("api_key")
    username = account.text("username")
    auth: httpx.Auth = HeaderAuth({"Authorization": f"Bearer {secret}"})
    if username:
        auth = ConsoleLogin(base_url, username, secret)
    return ApiClient(
        system=account.name,
        base_url=base_url,
        auth=auth,
        # Veeam: how many calls may be under way is limited and not published.
        limits=Limits(concurrency=2),
        headers={"X-Client-Version": account.text("client_version")},
        secrets=(secret,),
        explain=explain,
        waits=seconds_to_wait,
        later=fetch_later,
    )


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return the console's own words for a refusal, of a list or of the token call."""
    return first_text(
        at(first_error(data), "message"), at(data, "error_description"), at(data, "error")
    )


def seconds_to_wait(data: Any) -> float | None:  # noqa: ANN401 - a JSON value
    """Return the pause that stands in the body of a 429; None where it names none."""
    wait = at(first_error(data), "retryAfter")
    if isinstance(wait, bool) or wait is None:
        return None
    return float(wait) if float(wait) > 0 else None


def first_error(data: object) -> object:
    """Return the first entry of an answer's list of errors; None without one."""
    errors = at(data, "errors")
    return errors[0] if isinstance(errors, list) and errors else None


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a Veeam refusal usually is: a key, a role, a second factor, a wrong address."""
    step = _next_step(account, error) if isinstance(error, PipelineError) else ""
    if not isinstance(error, PipelineError) or not step:
        return error
    return PipelineError(
        error.message, next_step=step, category=_category(error), system=account.name
    )


def _category(error: PipelineError) -> Category:
    return Category.CREDENTIALS if SECOND_FACTOR in error.message else error.category


def _next_step(account: Account, error: PipelineError) -> str:
    if SECOND_FACTOR in error.message:
        return (
            "Users with a second factor can't log in here: make a Simple Key in the console"
            " (Configuration > Access Management > REST API Keys), put it into api_key and remove"
            " username."
        )
    if error.category is Category.CREDENTIALS and account.text("username"):
        return (
            "Check username and the password in api_key. Give this software a portal user of its"
            " own: two programs with one user can log each other out."
        )
    if error.category is Category.CREDENTIALS:
        return (
            "Check api_key: it must be a Simple Key of this console (Configuration > Access"
            " Management > REST API Keys) that was not deleted; it is shown once, when it is made."
        )
    if error.category is Category.PERMISSION and "/licensing/" in error.message:
        return (
            "Make the API key as a Portal Administrator, or as another administrator of the"
            " provider: read-only roles don't see licences. Or set read_licences = false."
        )
    if isinstance(error, ApiError) and error.status == _NOT_FOUND:
        return (
            "Check base_url: the console's own address and port, mostly 1280, then /api/v3. A"
            " console older than 8.1 does not list licences: set read_licences = false there."
        )
    return ""
