"""How Cove knows who asks: a visa inside each question, and a fresh one inside each answer.

A visa lives 15 minutes and every answer brings the next (Cove: Authorization), so questions go
one after the other. The login also tells which partner it belongs to, which no question can do
without; it is filled in here. What a question asks for is said in `cove`.
"""

import json
import re
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx

from reconcile_pipeline.http import StrictJsonError, TokenAuth
from reconcile_pipeline.http.auth import is_header_value, token_reply
from reconcile_pipeline.http.errors import TokenError
from reconcile_pipeline.http.strict_json import decode_text, parse
from reconcile_pipeline.systems.reading import at

OWN_PARTNER = "the partner of the login"
"""Stands in a question where the id of the partner belongs that the login is for."""
FORBIDDEN = 13501
"""Cove: "Operation failed because of security reasons", said of methods and columns alike."""
_OK = 200
_UNAUTHORIZED = 401
_VISA_SECONDS = 15 * 60.0
_ABOUT_THE_VISA = re.compile(r"visa|session|expired|log(ged)? ?in|auth", re.IGNORECASE)


class CoveLogin(TokenAuth):
    """Logs in, puts the newest visa into each question, and takes the next from its answer.

    A question that is refused as if its visa were over costs one new login and is asked once
    more: which code an ended visa gets is not documented.
    """

    requires_request_body = True
    requires_response_body = True

    def __init__(
        self,
        url: str,
        *,
        partner: str,
        username: str,
        password: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`url` is where every question goes; `partner` is its name exactly as displayed."""
        login = {
            "jsonrpc": "2.0",
            "id": "1",
            "method": "Login",
            "params": {"partner": partner, "username": username, "password": password},
        }
        super().__init__(
            lambda: httpx.Request("POST", url, json=login),
            clock=clock,
            secrets=frozenset({password}),
        )
        self._partner_id = 0

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request with the newest visa; nobody else asks until its answer is read."""
        async with self._lock:
            if not self._is_fresh():
                self._keep((yield self._new_request()))
            response = yield self._with_visa(request)
            if is_refused(response):
                self._keep((yield self._new_request()))
                response = yield self._with_visa(request)
            self._take_visa(response)

    def answered(self, response: httpx.Response) -> tuple[str, float | None]:
        """Read the login's answer; an error inside a 200 counts as 401: what else could it be?"""
        if response.status_code != _OK:
            raise TokenError(response)
        reply = token_reply(response)
        if reply.get("error") is not None:
            raise TokenError(response, status=_UNAUTHORIZED)
        visa, partner_id = reply.get("visa"), at(reply, "result.result.PartnerId")
        if not isinstance(visa, str) or not is_header_value(visa):
            raise TokenError(response, "it has no usable visa")
        if not isinstance(partner_id, int):
            raise TokenError(response, "it does not say which partner it is for")
        self._partner_id = partner_id
        return visa, _VISA_SECONDS

    def _with_visa(self, request: httpx.Request) -> httpx.Request:
        """A copy: the request itself may have to go out again, with another visa."""
        # Whatever follows from the body's length is worked out anew.
        headers = [pair for pair in request.headers.raw if pair[0].lower() != b"content-length"]
        if request.method == "GET":
            url = request.url
            if url.params.get("partnerId") == OWN_PARTNER:
                url = url.copy_set_param("partnerId", self._partner_id)
            bearer = (b"Authorization", f"Bearer {self._token}".encode())
            return httpx.Request(
                "GET", url, headers=[*headers, bearer], extensions=request.extensions
            )
        question = _filled(json.loads(request.content), self._partner_id)
        return httpx.Request(
            request.method,
            request.url,
            headers=headers,
            json={**question, "visa": self._token},
            extensions=request.extensions,
        )

    def _take_visa(self, response: httpx.Response) -> None:
        # Refusals and files bring none: then the one before stays in use.
        visa = at(_parsed(response), "visa")
        if isinstance(visa, str) and is_header_value(visa):
            self._token = visa
            self._seen.add(visa)
            self._renew_at = self._clock() + _VISA_SECONDS - self._skew_seconds


def is_refused(response: httpx.Response) -> bool:
    """Tell whether an answer may mean that the visa is over."""
    if response.status_code == _UNAUTHORIZED:
        return True
    error = at(_parsed(response), "error")
    return at(error, "code") == FORBIDDEN or is_about_the_visa(error)


def is_about_the_visa(error: object) -> bool:
    """Tell whether the words of an error are about who asks."""
    return bool(_ABOUT_THE_VISA.search(str(at(error, "message") or "")))


def _parsed(response: httpx.Response) -> Any:  # noqa: ANN401 - a JSON value
    if not response.content.startswith(b"{"):
        return None
    try:
        return parse(decode_text(response.content))
    except StrictJsonError:
        # What an unusable body means is said where it is read; it holds no visa in any case.
        return None


def _filled(question: Any, partner_id: int) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(question, dict):
        return {name: _filled(held, partner_id) for name, held in question.items()}
    return partner_id if question == OWN_PARTNER else question
