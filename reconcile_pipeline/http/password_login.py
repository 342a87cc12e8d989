"""A bearer token for a user name and a password, told in an envelope `{success, error, result}`.

For APIs that say when a token ends by the clock on the wall, and that may refuse a login with
status 200 and `success: false`. The plain OAuth answer is `auth`'s.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from reconcile_pipeline.http.auth import TokenAuth, is_header_value, token_reply
from reconcile_pipeline.http.errors import TokenError
from reconcile_pipeline.http.urls import checked_url

_OK = 200
_UNAUTHORIZED = 401


def _utc_now() -> datetime:
    return datetime.now(UTC)


class PasswordLogin(TokenAuth):
    """Posts a form of credentials; finds the token as `result.accessToken`, however cased.

    `result.accessTokenExpireOn` is compared with our own clock; a moment that has passed by it
    already means that the clocks disagree, and then only a 401 tells that the token has ended.
    """

    def __init__(
        self,
        login_url: str,
        form: Mapping[str, str],
        *,
        secrets: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Raise `ApiError` (settings) for an address that is not https (or this machine)."""
        url = checked_url(login_url, system="The token call", what="token URL")
        fields = dict(form)
        self._now = now
        super().__init__(
            lambda: httpx.Request("POST", url, data=fields), clock=clock, secrets=secrets
        )

    def answered(self, response: httpx.Response) -> tuple[str, float | None]:
        """Read the envelope; a refusal inside a 200 counts as 401: what else could a login be?"""
        if response.status_code != _OK:
            raise TokenError(response)
        reply = _lowered(token_reply(response))
        if reply.get("success") is False:
            raise TokenError(response, status=_UNAUTHORIZED)
        result = _lowered(reply.get("result"))
        token = result.get("accesstoken")
        if not isinstance(token, str) or not is_header_value(token):
            raise TokenError(response, "it has no usable result.accessToken")
        return token, self._lifetime(result.get("accesstokenexpireon"), response)

    def _lifetime(self, ends_at: object, response: httpx.Response) -> float | None:
        if ends_at is None:
            return None
        try:
            moment = datetime.fromisoformat(str(ends_at))
        except ValueError:
            raise TokenError(response, "its accessTokenExpireOn is no moment") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - self._now()).total_seconds()
        return seconds if seconds > 0 else None


def _lowered(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    return {name.lower(): held for name, held in value.items()}
