"""N-able N-central: how we log in, and which answers are refusals although they come with 200.

The User-API token of the settings is changed for an access token that lives an hour. There is a
call to renew that one, which clients are known to get wrong; logging in anew costs the same.
"""

from typing import Any

import httpx

from reconcile_pipeline.http import TokenAuth
from reconcile_pipeline.http.auth import is_header_value, token_reply
from reconcile_pipeline.http.errors import TokenError
from reconcile_pipeline.http.urls import checked_url
from reconcile_pipeline.systems.reading import at, first_text

LOGIN_PATH = "/api/auth/authenticate"
_OK, _BAD_REQUEST = 200, 400
_REFUSALS = range(400, 600)
_ERROR_KEYS = frozenset({"error", "errors", "errormessage"})


class NCentralLogin(TokenAuth):
    """Posts nothing, with the User-API token as bearer; finds the token in `tokens.access`."""

    def __init__(self, base_url: str, user_api_token: str) -> None:
        """Raise `ApiError` (settings) for an address that is not https (or this machine)."""
        url = checked_url(f"{base_url}{LOGIN_PATH}", system="The token call", what="base URL")
        head = {"Authorization": f"Bearer {user_api_token}"}
        super().__init__(
            lambda: httpx.Request("POST", url, headers=head),
            secrets=frozenset({user_api_token}),
        )

    def answered(self, response: httpx.Response) -> tuple[str, float | None]:
        """Read the access token and its seconds; a refusal inside a 200 is a refusal."""
        if response.status_code != _OK:
            raise TokenError(response)
        reply = token_reply(response)
        if (status := stands_for(reply)) != _OK:
            raise TokenError(response, status=status)
        token = at(reply, "tokens.access.token")
        if not isinstance(token, str) or not is_header_value(token):
            raise TokenError(response, "it has no usable tokens.access.token")
        seconds = at(reply, "tokens.access.expirySeconds")
        if seconds is None:
            return token, None
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds <= 0:
            raise TokenError(response, "its expirySeconds is not a number of seconds")
        return token, float(seconds)


def stands_for(data: Any) -> int:  # noqa: ANN401 - a JSON value
    """Return the status that a 200 body stands for: 200 unless it holds an error.

    N-central: errors may arrive inside a 200. The key is seen as `error message`; how it is
    written elsewhere is not published, so any spelling of it counts, beside data or without.
    """
    if not isinstance(data, dict):
        return _OK
    has_error = any(_letters(key) in _ERROR_KEYS and value for key, value in data.items())
    is_message = "data" not in data and "tokens" not in data and bool(data.get("message"))
    if not has_error and not is_message:
        return _OK
    status = data.get("status")
    # Asking again would not change an answer whose status nobody tells.
    return status if isinstance(status, int) and status in _REFUSALS else _BAD_REQUEST


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return N-central's own words for a refusal, in any of the shapes it uses."""
    if not isinstance(data, dict):
        return None
    told = [value for key, value in data.items() if _letters(key) in _ERROR_KEYS]
    inner = [at(value, "message") for value in told]
    return first_text(data.get("message"), *told, *inner)


def _letters(key: str) -> str:
    return "".join(letter for letter in key.lower() if letter.isalpha())
