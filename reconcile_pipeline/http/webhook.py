"""Posts a message to a webhook of a chat: one address, whose path and query are the secret.

A message that may have arrived is never sent again; everything else is repeated a few times. The
answer's body means nothing and is not read as anything.
"""

import httpx
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from reconcile_pipeline.http.diagnosis import Call
from reconcile_pipeline.http.errors import Certainty, ChangeError
from reconcile_pipeline.http.exchange import Change, Limits, Reply, Request
from reconcile_pipeline.http.urls import checked_url
from reconcile_pipeline.http.writer import WritingClient

LIMITS = Limits(
    concurrency=1,
    attempts=3,
    # Together less than the minute that Dagster gives a sensor.
    max_wait_seconds=15.0,
    deadline_seconds=8.0,
    max_body_bytes=2**16,
)
_TEMPLATE = "(its webhook)"


class WebhookClient(WritingClient):
    """A client of one webhook's address; goes nowhere else and follows no redirect.

    Raises `ApiError` (settings) for an address that is neither https nor on this machine.
    """

    def __init__(self, *, name: str, url: str, limits: Limits = LIMITS) -> None:
        """Open nothing yet; `name` is the chat's, for messages."""
        address, _, query = url.partition("?")
        checked = checked_url(address, system=name, what="webhook's address")
        host = str(checked.copy_with(raw_path=b"/"))
        super().__init__(system=name, base_url=host, limits=limits, secrets=(url,))
        path = checked.raw_path.decode("ascii")
        self._target = f"{path}?{query}" if query else path

    async def post(self, body: object) -> None:
        """Post a message as JSON.

        Raises:
            ChangeError: when it was not taken; `unknown` certainty means that it may have arrived.
        """
        change = Change("POST", self._target, body, _TEMPLATE)
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._limits.attempts),
            wait=self._pause,
            retry=retry_if_exception(self._may_be_repeated),
            sleep=self._sleep,
            before_sleep=self._note_retry,
            reraise=True,
        )
        await retrying(self.send, change)

    def _may_be_repeated(self, error: BaseException) -> bool:
        if not isinstance(error, ChangeError) or not self._is_worth_repeating(error):
            return False
        # An answer of 500 is a refusal here; silence may be a message that did arrive.
        return error.certainty is not Certainty.UNKNOWN or error.status is not None

    def _confirmed(
        self, _call: Call, request: Request, response: httpx.Response, url: str
    ) -> Reply:
        return Reply(request, response.status_code, response.headers, "", None, self._now(), url)
