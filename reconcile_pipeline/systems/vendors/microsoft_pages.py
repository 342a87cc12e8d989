"""How lists of Partner Center continue: a link in the body, and a header that goes with it.

The link's address is the same for every page; only the header MS-ContinuationToken says where the
next one begins (Partner Center: paging of collections). Every call carries a request id of its
own, which a repeated try of the same call keeps.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace

from reconcile_pipeline.http import Reply, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.reading import at

CONTINUATION = "MS-ContinuationToken"
REQUEST_ID = "MS-RequestId"


def new_id() -> str:
    """Return a new id for one call."""
    return str(uuid.uuid4())


class ContinuationLink:
    """Follows `links.next` with its continuation token; ends where there is no such link."""

    is_by_place = True

    def __init__(self, size: int | None = None, make_id: Callable[[], str] = new_id) -> None:
        """Without a size the list is asked as it is."""
        self._size = size
        self._make_id = make_id

    def first(self, request: Request) -> Request:
        """Ask for the first page."""
        params = {} if self._size is None else {"size": str(self._size)}
        return self._named(replace(request, params={**request.params, **params}))

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:  # noqa: ARG002
        """Follow the link, also after an empty page; `shape` error for half a link."""
        link = at(reply.data, "links.next")
        if link is None:
            return None
        address, headers = at(link, "uri"), at(link, "headers")
        tokens = [
            at(header, "value")
            for header in (headers if isinstance(headers, list) else [])
            if at(header, "key") == CONTINUATION
        ]
        if not isinstance(address, str) or not tokens or not isinstance(tokens[0], str):
            raise PipelineError(
                f"the link to the next page has no address or no {CONTINUATION}.",
                next_step="Nothing of this pull is used, as it can't be proven whole. Run it"
                " again; if it stays, the format has changed: report it to this project.",
                category=Category.SHAPE,
            )
        carried = {**request.headers, CONTINUATION: tokens[0]}
        following = replace(request, path=address, params={}, headers=carried, place=tokens[0])
        return self._named(following)

    def expected_pages(self, reply: Reply) -> int | None:  # noqa: ARG002
        """Say nothing: totalCount counts one page only."""
        return None

    def _named(self, request: Request) -> Request:
        return replace(request, headers={**request.headers, REQUEST_ID: self._make_id()})
