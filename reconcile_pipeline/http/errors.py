"""The errors of this room: one that people read, and small ones that only travel inside.

`ApiError` leaves the room; the others are raised close to the wire, where neither the system's
name nor the path template is known, and are turned into an `ApiError` by `diagnosis`.
"""

from enum import StrEnum

import httpx

from reconcile_pipeline.model import Category, PipelineError


class ApiError(PipelineError):
    """A call that failed, with the HTTP status where the failure was an answer.

    `is_transient` means that the same call may work later; `wait_seconds` is the pause that the
    vendor asked for, where it did.
    """

    def __init__(
        self,
        message: str,
        *,
        next_step: str,
        category: Category,
        system: str | None = None,
        status: int | None = None,
        is_transient: bool = False,
        wait_seconds: float | None = None,
    ) -> None:
        """Add the status to what every `PipelineError` carries."""
        super().__init__(
            message,
            next_step=next_step,
            category=category,
            system=system,
            is_transient=is_transient,
            wait_seconds=wait_seconds,
        )
        self.status = status


class Certainty(StrEnum):
    """What is known about a change that was not confirmed by its answer."""

    NOT_SENT = "not_sent"
    """It never left, or was turned away before anybody looked at it: nothing has changed."""
    REFUSED = "refused"
    """It was answered with a refusal: nothing has changed."""
    UNKNOWN = "unknown"
    """It may have been applied, may be applied later, or not at all: look before touching again."""


class ChangeError(ApiError):
    """A change that was not confirmed; `certainty` says what that means for the other side."""

    def __init__(self, error: ApiError, certainty: Certainty, says: str = "") -> None:
        """Keep what the call's error says, and the other side's own words."""
        super().__init__(
            error.message,
            next_step=error.next_step,
            category=error.category,
            system=error.system,
            status=error.status,
            is_transient=error.is_transient,
            wait_seconds=error.wait_seconds,
        )
        self.certainty = certainty
        self.says = says


class WireError(Exception):
    """A body that never became usable bytes; carries the request it belongs to."""

    def __init__(self, reason: str, request: httpx.Request | None = None) -> None:
        """Keep the request: only its method and path are ever shown."""
        super().__init__(reason)
        self.reason = reason
        self.request = request


class CutBodyError(WireError):
    """The answer ended before it was complete. Asking again may help."""


class BodyTooLargeError(WireError):
    """The answer is larger than the limit, possibly only after decompression."""


class UndecodableBodyError(WireError):
    """The answer is compressed in a way we did not ask for, or not validly compressed."""


class DeadlineError(WireError):
    """The answer did not arrive in the time one try may take."""


class TokenError(Exception):
    """The token call was answered, but not with a token."""

    def __init__(self, response: httpx.Response, malformed: str = "", *, status: int = 0) -> None:
        """Keep the answer; `malformed` says what is wrong with a 200, naming no value.

        `status` is the one its body stands for, where that is another.
        """
        self.status = status or response.status_code
        super().__init__(malformed or f"token call answered {self.status}")
        self.response = response
        self.malformed = malformed
