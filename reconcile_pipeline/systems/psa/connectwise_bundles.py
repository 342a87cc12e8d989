"""ConnectWise's bundles: the additions of several agreements in one call, where a server can do it.

The client still answers list by list, so whoever pulls can't tell: single questions that come
together go out as one POST to /system/bundles, and each gets its own part of the answer. A part
that is not plainly whole is asked for by its own call. Off by default: how the endpoint names
additions, and how many it takes at once, is not documented; `connectwise_probe` finds out.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx

from reconcile_pipeline.http import ApiClient, ApiError, Reply, Request, as_json
from reconcile_pipeline.model import Category
from reconcile_pipeline.systems.base import Account
from reconcile_pipeline.systems.reading import whole_number

PATH = "/system/bundles"
MOST = 200
"""Agreements in one bundle at most; the vendor's own limit is not documented."""
_ADDITIONS = re.compile(r"/finance/agreements/(?P<agreement>[0-9]+)/additions")
_OK = 200
SWITCH_OFF = "Set bundle_size = 0 for this system in reconcile.toml, and pull again."


def size_of(account: Account) -> int:
    """How many agreements go into one bundle; 0: none. Raises `PipelineError` (settings)."""
    return whole_number(account, "bundle_size", 0, MOST)


@dataclass(frozen=True)
class _Asked:
    """A question that waits for its bundle."""

    request: Request
    agreement: int
    page_size: int
    answer: "asyncio.Future[Reply]"


class BundlingClient(ApiClient):
    """Asks for first pages of additions in bundles, and for everything else as any client."""

    def __init__(self, *, size: int, resource_type: str, version: str, **options: Any) -> None:  # noqa: ANN401 - `ApiClient`'s
        """Take `size` agreements together; the others are ConnectWise's names for what is asked."""
        super().__init__(**options)
        self._size = size
        self._resource_type = resource_type
        self._version = version
        self._waiting: list[_Asked] = []
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def concurrency(self) -> int:
        """How many questions may wait for an answer: as many bundles as calls may be under way."""
        return super().concurrency * self._size

    async def __aexit__(self, *error: Any) -> None:  # noqa: ANN401, PYI036 - handed on
        """Call off what is under way."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await super().__aexit__(*error)

    async def get(self, request: Request) -> Reply:
        """Answer from a bundle if that can be, or else by a call of its own."""
        place = _ADDITIONS.fullmatch(request.path)
        if place is None or not _is_first_page(request):
            return await super().get(request)
        loop = asyncio.get_running_loop()
        page_size = int(request.params["pageSize"])
        asked = _Asked(request, int(place["agreement"]), page_size, loop.create_future())
        self._waiting.append(asked)
        if len(self._waiting) == self._size:
            self._send_bundle()
        elif len(self._waiting) == 1:
            # Whoever else has a question now asks it before the loop comes round to this.
            loop.call_soon(self._send_bundle)
        return await asked.answer

    def _send_bundle(self) -> None:
        asked, self._waiting = self._waiting, []
        if asked:
            task = asyncio.ensure_future(self._answer_all(asked))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _answer_all(self, asked: Sequence[_Asked]) -> None:
        try:
            parts = await self.ask([each.agreement for each in asked], page_size=asked[0].page_size)
            for each, part in zip(asked, parts, strict=True):
                reply = part or await super().get(each.request)
                _tell(each, replace(reply, request=each.request))
        except BaseException as error:
            for each in asked:
                if not each.answer.done():
                    each.answer.set_exception(error)
            if not isinstance(error, Exception):
                raise

    async def ask(self, agreements: Sequence[int], *, page_size: int) -> list[Reply | None]:
        """Ask for the additions of agreements in one call; None where a part is not all of them.

        Raises `ApiError`: shape, when parts are missing, double, or of other agreements.
        """
        request = Request(
            PATH,
            body={
                "requests": [
                    {
                        "sequenceNumber": number,
                        "resourceType": self._resource_type,
                        "version": self._version,
                        "apiRequest": {
                            "parentId": agreement,
                            "page": {"pageSize": page_size, "page": 1},
                        },
                    }
                    for number, agreement in enumerate(agreements, start=1)
                ]
            },
        )
        try:
            reply = await super().get(request)
        except ApiError as error:
            if error.is_transient or error.category is Category.CREDENTIALS:
                raise
            # Without its status: a 404 of this path does not say that an agreement is gone.
            raise ApiError(
                error.message,
                next_step=f"The server may have no bundles. {SWITCH_OFF}",
                category=error.category,
                system=self.system,
            ) from error
        parts = _parts(self.system, reply, len(agreements))
        return [
            self._part(reply, part, agreement, page_size)
            for part, agreement in zip(parts, agreements, strict=True)
        ]

    def _part(
        self, reply: Reply, part: Mapping[str, Any], agreement: int, page_size: int
    ) -> Reply | None:
        found = part.get("entities")
        is_good = part.get("success") is True and part.get("statusCode") == _OK
        # A full page, or fewer than are counted, may not be all there are.
        if not is_good or not isinstance(found, list) or len(found) >= page_size:
            return None
        if part.get("count") != len(found):
            return None
        for addition in found:
            owner = addition.get("agreementId") if isinstance(addition, dict) else None
            if owner != agreement:
                raise _mixed_up(self.system, f"gave agreement {agreement} an addition of {owner}")
        # An ordinary last page has an empty link; no other header of the bundle is this list's.
        headers = httpx.Headers({"link": "", "date": reply.headers.get("date", "")})
        return replace(reply, headers=headers, body=as_json(found).decode(), data=found)


def _is_first_page(request: Request) -> bool:
    names = {name.lower() for name in request.params}
    return names == {"pagesize"} and "pageSize" in request.params


def _tell(asked: _Asked, reply: Reply) -> None:
    if not asked.answer.done():
        asked.answer.set_result(reply)


def _parts(system: str, reply: Reply, wanted: int) -> list[Mapping[str, Any]]:
    results = reply.data.get("results") if isinstance(reply.data, dict) else None
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise _mixed_up(system, "answered without the list of results")
    by_number = {each.get("sequenceNumber"): each for each in results}
    if len(results) != wanted or by_number.keys() != {*range(1, wanted + 1)}:
        raise _mixed_up(system, f"answered {len(results)} of {wanted} questions, or others")
    return [by_number[number] for number in range(1, wanted + 1)]


def _mixed_up(system: str, what: str) -> ApiError:
    return ApiError(
        f"{system}: POST {PATH} {what}.",
        next_step=SWITCH_OFF,
        category=Category.SHAPE,
        system=system,
    )
