"""The errors of this room: one that people read, and small ones that only travel inside.

`ApiError` leaves the room; the others are raised close to the wire, where neither the system's
name nor the path template is known, and are turned into an `ApiError` by `diagnosis`.
"""

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

    def __init__(self, response: httpx.Response, malformed: str = "") -> None:
        """Keep the answer; `malformed` says what is wrong with a 200, naming no value."""
        super().__init__(malformed or f"token call answered {response.status_code}")
        self.response = response
        self.malformed = malformed
