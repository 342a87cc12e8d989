"""The one client that can change something: sends a change once, and says what is then known.

Never repeats a change: whether that is safe depends on what was sent, and is decided by the
write-back room, which looks first.
"""

import json
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import httpx

from reconcile_pipeline.http import diagnosis
from reconcile_pipeline.http.client import ApiClient
from reconcile_pipeline.http.diagnosis import Call
from reconcile_pipeline.http.errors import Certainty, ChangeError, TokenError, WireError
from reconcile_pipeline.http.exchange import Change, Reply, Request
from reconcile_pipeline.http.strict_json import StrictJsonError, decode_text, parse
from reconcile_pipeline.http.urls import resolve

_DONE = range(200, 300)
_SERVER_ERRORS = range(500, 600)
_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)


class WritingClient(ApiClient):
    """An `ApiClient` that can also send a `Change`."""

    async def send(self, change: Change) -> Reply:
        """Send a change once. A reply means: answered with success; `data` is None if empty.

        Raises:
            ChangeError: without such an answer; its `certainty` says what may have happened.
        """
        request = Request(change.path, template=change.template)
        url = resolve(self._base, request, system=self.system)
        call = Call(self.system, change.method, change.template, url.host)
        http = self._opened()
        try:
            response = await http.send(
                http.build_request(
                    change.method,
                    url,
                    content=as_json(change.body),
                    headers={"Content-Type": "application/json"},
                )
            )
        except TokenError as error:
            raise ChangeError(self._no_token(call, error), Certainty.NOT_SENT) from None
        except _NEVER_LEFT as error:
            # Not chained: the text of a refused header quotes it, and it may be a key.
            raise ChangeError(diagnosis.broken_wire(call, error), Certainty.NOT_SENT) from None
        except (httpx.TransportError, WireError) as error:
            raise ChangeError(diagnosis.broken_wire(call, error), Certainty.UNKNOWN) from error
        if response.status_code not in _DONE:
            raise self._not_done(call, response, response.status_code)
        return self._confirmed(call, request, response, str(url))

    def _not_done(self, call: Call, response: httpx.Response, status: int) -> ChangeError:
        unsure = status in _SERVER_ERRORS or status == HTTPStatus.REQUEST_TIMEOUT
        certainty = Certainty.UNKNOWN if unsure else Certainty.REFUSED
        says = self._vendor_says(response, status)
        return ChangeError(self._refusal(call, response, status), certainty, says)

    def _confirmed(self, call: Call, request: Request, response: httpx.Response, url: str) -> Reply:
        text, data = "", None
        if response.content:
            try:
                text = decode_text(response.content)
                data = parse(text, max_depth=self._limits.max_depth)
            except StrictJsonError as problem:
                error = diagnosis.unusable_json(call, response.status_code, problem, is_html=False)
                raise ChangeError(error, Certainty.UNKNOWN) from None
        inside = self._status_inside(data)
        if inside not in _DONE:
            raise self._not_done(call, response, inside)
        fetched_at: datetime = self._now()
        return Reply(request, response.status_code, response.headers, text, data, fetched_at, url)


def as_json(body: Any) -> bytes:  # noqa: ANN401 - a JSON value
    """Write a parsed value as JSON again; a `Decimal` in it becomes a number."""
    return json.dumps(body, default=_number, ensure_ascii=False).encode()


def _number(value: Any) -> float | int:  # noqa: ANN401 - whatever json does not know
    """A quantity as a JSON number; four decimals survive a double up to 10^11."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} can't be sent as JSON")
    return int(value) if value == value.to_integral_value() else float(value)
