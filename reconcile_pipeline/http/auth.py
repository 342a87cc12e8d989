"""Ways to prove who we are: a fixed header, basic auth, or a token fetched when first needed.

Tokens live in memory only and never appear in a `repr`. What a refused token call means to a
person is said in `diagnosis`; which credentials a vendor wants is said in `systems`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import httpx

from reconcile_pipeline.http.errors import ApiError, TokenError
from reconcile_pipeline.http.strict_json import StrictJsonError, decode_text, parse
from reconcile_pipeline.http.urls import checked_url
from reconcile_pipeline.model import Category

_UNAUTHORIZED = 401
TOKEN_REFUSALS = frozenset({400, 401, 403})
_OK = 200
_SECRET_WORDS = ("secret", "password", "key", "token")
_LONGEST_LIFE_SECONDS = 366 * 86400.0


@runtime_checkable
class KnowsSecrets(Protocol):
    """An auth that can tell the values to hide; it may learn new ones as tokens come in."""

    @property
    def secrets(self) -> frozenset[str]: ...  # noqa: D102 - the class says it


class BasicAuth(httpx.BasicAuth):
    """User name and password in every request."""

    def __init__(self, username: str, password: str) -> None:
        """Take both as plain text."""
        super().__init__(username, password)
        self._password = password

    @property
    def secrets(self) -> frozenset[str]:
        """The password; its encoded form is found by `redact`."""
        return frozenset({self._password})


class HeaderAuth(httpx.Auth):
    """Fixed headers in every request, such as an API key."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Raise `ApiError` (settings) for a value that no HTTP header can carry."""
        for name, value in headers.items():
            if not is_header_value(value):
                raise ApiError(
                    f"The value for the header {name} is empty or has characters that a header "
                    "cannot carry.",
                    next_step="Copy the key again, without line breaks or spaces around it.",
                    category=Category.SETTINGS,
                )
        self._headers = dict(headers)

    @property
    def secrets(self) -> frozenset[str]:
        """Every value: which of them is harmless is not ours to guess."""
        return frozenset(self._headers.values())

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with the headers set."""
        request.headers.update(self._headers)
        yield request


class TokenAuth(httpx.Auth):
    """A bearer token: fetched when first needed, renewed ahead of its end, shared by all calls.

    Concurrent calls make one token request between them. A call answered 401 causes one renewal
    and is sent once more; a second 401 is the caller's. Raises `TokenError` when the token call
    is answered without a token; a refusal is remembered, so that wrong credentials are tried once
    and not once per call: vendors lock accounts for less. Belongs to one event loop.
    """

    def __init__(
        self,
        token_request: Callable[[], httpx.Request],
        *,
        skew_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        """Take a maker of token requests; `clock` counts seconds and never goes back."""
        self._token_request = token_request
        self._skew_seconds = skew_seconds
        self._clock = clock
        self._fixed_secrets = secrets
        self._seen: set[str] = set()
        self._token = ""
        self._generation = 0
        self._renew_at: float | None = None
        self._refusal: tuple[httpx.Response, int] | None = None
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        """Name the class and nothing else."""
        return f"<{type(self).__name__}>"

    @property
    def secrets(self) -> frozenset[str]:
        """The fixed secrets and every token seen so far."""
        return self._fixed_secrets | self._seen

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request with a token, and once more with a new one if it is answered 401."""
        async with self._lock:
            if not self._is_fresh():
                self._keep((yield self._new_request()))
            generation = self._generation
            request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code != _UNAUTHORIZED:
            return
        async with self._lock:
            # Another call may have renewed it while this one waited. Counted, not compared: a
            # vendor may hand out the same token again, and then every waiting call would renew.
            if self._generation == generation:
                self._keep((yield self._new_request()))
            request.headers["Authorization"] = f"Bearer {self._token}"
        yield request

    def _new_request(self) -> httpx.Request:
        if self._refusal is not None:
            response, status = self._refusal
            raise TokenError(response, status=status)
        request = self._token_request()
        # Some want the tenant in the query: its maker may add one, the address itself has none.
        address = str(request.url.copy_with(query=None))
        checked_url(address, system="The token call", what="token URL")
        request.headers["Accept"] = "application/json"
        return request

    def answered(self, response: httpx.Response) -> tuple[str, float | None]:
        """Return the token and its lifetime in seconds (None: unsaid), or raise `TokenError`."""
        if response.status_code != _OK:
            raise TokenError(response)
        reply = token_reply(response)
        return _access_token(reply, response), _lifetime(reply, response)

    def _is_fresh(self) -> bool:
        if not self._token:
            return False
        return self._renew_at is None or self._clock() < self._renew_at

    def _keep(self, response: httpx.Response) -> None:
        try:
            self._token, lifetime = self.answered(response)
        except TokenError as error:
            if error.status in TOKEN_REFUSALS:
                self._refusal = (response, error.status)
            raise
        self._seen.add(self._token)
        self._generation += 1
        if lifetime is None:
            self._renew_at = None
        else:
            # Of a very short life at least half is used, or every call would renew first.
            ahead = min(self._skew_seconds, lifetime / 2)
            self._renew_at = self._clock() + lifetime - ahead


class ClientCredentials(TokenAuth):
    """The OAuth client credentials grant, as JSON or as a form, whichever the vendor reads."""

    def __init__(
        self,
        token_url: str,
        body: Mapping[str, str],
        encoding: Literal["json", "form"],
        *,
        skew_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raise `ApiError` (settings) for a token URL that is not https (or this machine)."""
        url = checked_url(token_url, system="The token call", what="token URL")
        fields = dict(body)

        def token_request() -> httpx.Request:
            if encoding == "json":
                return httpx.Request("POST", url, json=fields)
            return httpx.Request("POST", url, data=fields)

        super().__init__(
            token_request,
            skew_seconds=skew_seconds,
            clock=clock,
            secrets=frozenset(
                value
                for name, value in fields.items()
                if any(word in name.lower() for word in _SECRET_WORDS)
            ),
        )


def is_header_value(value: str) -> bool:
    """Tell whether a text can travel as a header value: printable ASCII, no spaces around it."""
    return bool(value) and value.isascii() and value.isprintable() and value == value.strip()


def token_reply(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object that a token call answered; raises `TokenError` for anything else."""
    try:
        reply = parse(decode_text(response.content))
    except StrictJsonError as error:
        raise TokenError(response, f"it holds {error.reason}") from None
    if not isinstance(reply, dict):
        raise TokenError(response, "it is not a JSON object")
    return reply


def _access_token(reply: dict[str, Any], response: httpx.Response) -> str:
    token = reply.get("access_token")
    if not isinstance(token, str) or not is_header_value(token):
        raise TokenError(response, "it has no usable access_token")
    kind = reply.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise TokenError(response, "its token_type is not Bearer")
    return token


def _lifetime(reply: dict[str, Any], response: httpx.Response) -> float | None:
    """Seconds until the token ends; None when the reply does not say (then 401 tells)."""
    announced = reply.get("expires_in")
    if announced is None:
        return None
    try:
        # Some vendors write the number as a text.
        seconds = float("nan") if isinstance(announced, bool) else float(announced)
    except (TypeError, ValueError, OverflowError):
        seconds = float("nan")
    if not seconds > 0:
        raise TokenError(response, "its expires_in is not a number of seconds")
    return min(seconds, _LONGEST_LIFE_SECONDS)
