"""Turns what went wrong on the wire into one sentence and one next step for a billing manager.

Every message names the system, what was tried (method and path template), what came back, and
what to do. Nothing here retries; `is_transient` on the error says whether it would make sense.
"""

import ssl
from dataclasses import dataclass
from http import HTTPStatus
from socket import gaierror

import httpx

from reconcile_pipeline.http.errors import (
    ApiError,
    BodyTooLargeError,
    CutBodyError,
    DeadlineError,
    WireError,
)
from reconcile_pipeline.http.strict_json import StrictJsonError
from reconcile_pipeline.model import Category

RETRYABLE = frozenset({408, 429, 500, 502, 503, 504, 520})
"""520 is no standard, and still what some servers answer for any failure of their own."""
_TOO_MANY = 429
_REDIRECTS = range(300, 400)
_SERVER_ERRORS = range(500, 600)
_PARTIAL = 206


@dataclass(frozen=True)
class Call:
    """What a message may show of one call."""

    system: str
    method: str
    template: str
    host: str
    attempt: int = 1
    attempts: int = 1

    @property
    def name(self) -> str:
        """System, method and path template, as every message begins."""
        return f"{self.system}: {self.method} {self.template}"

    @property
    def count(self) -> str:
        """The try this is, for calls that are worth repeating."""
        return f" (try {self.attempt} of {self.attempts})"


def refused_status(call: Call, status: int, vendor_says: str, wait: float | None) -> ApiError:
    """Explain an answer with a status other than 200."""
    category, next_step = _meaning(call, status)
    is_transient = status in RETRYABLE
    count = call.count if is_transient else ""
    says = f' It says: "{vendor_says}"' if vendor_says else ""
    return ApiError(
        f"{call.name} answered {status} {_phrase(status)}{count}.{says}",
        next_step=next_step,
        category=category,
        system=call.system,
        status=status,
        is_transient=is_transient,
        wait_seconds=wait,
    )


def asked_to_wait(call: Call, status: int, wait: float, until: str) -> ApiError:
    """Explain a Retry-After that is longer than we are willing to wait."""
    return ApiError(
        f"{call.name} answered {status}: {call.system} takes no more requests until {until}.",
        next_step=f"Pull again after {until}; if this repeats, ask {call.system} for a higher "
        "limit or pull at a quieter hour.",
        category=Category.RATE_LIMIT,
        system=call.system,
        status=status,
        is_transient=True,
        wait_seconds=wait,
    )


def unusable_json(call: Call, status: int, problem: StrictJsonError, *, is_html: bool) -> ApiError:
    """Explain a 200 whose body is not what an API sends."""
    if is_html:
        return _shape(
            call,
            f"{call.name} answered with a web page instead of data.",
            f"Check the base URL of {call.system} in the settings; if it is right, the system may "
            "be under maintenance: pull again later.",
            status,
        )
    if problem.is_cut:
        return _cut(call, status)
    return _shape(call, f"{call.name} answered with {problem.reason}.", _report_step(call), status)


def empty_body(call: Call, status: int) -> ApiError:
    """Explain a 200 without a single byte."""
    return _shape(call, f"{call.name} answered with nothing at all.", _report_step(call), status)


def malformed_token(call: Call, reason: str) -> ApiError:
    """Explain a token call that succeeded without giving a token."""
    return _shape(
        call,
        f"{call.name} did not return a usable token: {reason}.",
        f"Check the token URL of {call.system} in the settings.",
        HTTPStatus.OK,
    )


def broken_wire(call: Call, error: Exception) -> ApiError:
    """Explain a call that got no complete answer."""
    if isinstance(error, CutBodyError):
        return _cut(call, None)
    if isinstance(error, BodyTooLargeError):
        return _shape(call, f"{call.name} answered with {error.reason}.", _report_step(call), None)
    if isinstance(error, WireError) and not isinstance(error, DeadlineError):
        return _shape(call, f"{call.name} answered with {error.reason}.", _report_step(call), None)
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return _shape(
            call,
            f"{call.name} could not be sent: a header or address is not valid.",
            f"Check the settings and secrets of {call.system} for stray characters.",
            None,
            category=Category.SETTINGS,
        )
    what, next_step, is_transient = _connection(call, error)
    return ApiError(
        f"{call.name} got no answer: {what}{call.count if is_transient else ''}.",
        next_step=next_step,
        category=Category.UNREACHABLE,
        system=call.system,
        is_transient=is_transient,
    )


def _meaning(call: Call, status: int) -> tuple[Category, str]:
    system = call.system
    later = f"Pull again later; if it repeats, check {system}'s status page or ask its support."
    if status in _SERVER_ERRORS or status == HTTPStatus.REQUEST_TIMEOUT:
        return Category.UNREACHABLE, later
    if status in _REDIRECTS:
        step = f"Put the address the API really lives at in the base URL of {system}."
        return Category.SHAPE, step
    known = {
        401: (
            Category.CREDENTIALS,
            f"Check the keys of {system}: mistyped, expired or replaced? Then pull again.",
        ),
        403: (
            Category.PERMISSION,
            f"Ask the administrator of {system} to let this API user read {call.template}.",
        ),
        404: (Category.SHAPE, f"Check the base URL of {system} in the settings."),
        _TOO_MANY: (
            Category.RATE_LIMIT,
            "Pull again later, at a quieter hour; other tools may be using the same keys.",
        ),
        _PARTIAL: (Category.INCOMPLETE, later),
    }
    return known.get(status, (Category.SHAPE, _report_step(call)))


def refused_token(call: Call, status: int, vendor_says: str) -> ApiError:
    """Explain a token call that turned our credentials down (400, 401 or 403)."""
    says = f' It says: "{vendor_says}"' if vendor_says else ""
    return ApiError(
        f"{call.name} gave no token: answered {status} {_phrase(status)}.{says}",
        next_step=_meaning(call, HTTPStatus.UNAUTHORIZED)[1],
        category=Category.CREDENTIALS,
        system=call.system,
        status=status,
    )


def _connection(call: Call, error: Exception) -> tuple[str, str, bool]:
    host = call.host
    causes = list(_causes(error))
    again = "Check the internet connection of this machine, then pull again."
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return (
            f"the encrypted connection to {host} could not be trusted",
            "Check the base URL, and this machine's clock and certificates.",
            False,
        )
    if any(isinstance(cause, gaierror) for cause in causes):
        return (
            f"the name {host} is not known",
            f"Check the base URL of {call.system}. {again}",
            True,
        )
    if isinstance(error, httpx.TimeoutException | DeadlineError):
        return f"{host} took too long", "Pull again later.", True
    if isinstance(error, httpx.ConnectError):
        return f"{host} refused the connection", f"{again} {call.system} may be down.", True
    return f"{host} ended the connection", "Pull again later.", True


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found


def _cut(call: Call, status: int | None) -> ApiError:
    return ApiError(
        f"{call.name} was cut off before the answer was complete{call.count}.",
        next_step="Pull again; nothing of the partial answer was used.",
        category=Category.INCOMPLETE,
        system=call.system,
        status=status,
        is_transient=True,
    )


def _shape(
    call: Call,
    message: str,
    next_step: str,
    status: int | None,
    *,
    category: Category = Category.SHAPE,
) -> ApiError:
    return ApiError(
        message, next_step=next_step, category=category, system=call.system, status=status
    )


def _report_step(call: Call) -> str:
    return f"Check the base URL of {call.system}; if it is right, its API has changed: report it."


def _phrase(status: int) -> str:
    try:
        return f"({HTTPStatus(status).phrase})"
    except ValueError:
        return "(an unknown status)"
