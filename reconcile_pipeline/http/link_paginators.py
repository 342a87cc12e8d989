"""How lists continue that name their next page: a Link header (RFC 8288), a URL or a cursor.

Links are followed as they are: they carry the filters of the first request. Where they may lead
is checked by the client, which talks to one host only. An empty page never ends these lists.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from reconcile_pipeline.http.exchange import Reply, Request
from reconcile_pipeline.http.paginators import shape_error, with_params

# The URL stands between angle brackets, so commas and semicolons inside it separate nothing.
# Possessive (*+), so that no header, however odd, costs more than one look at each character.
_LINK = re.compile(
    r"<(?P<url>[^<>]*)>"
    r"(?P<attributes>(?:\s*+;\s*+[\w*-]++\s*+(?:=\s*+(?:\"[^\"]*\"|[^\s;,\"]++))?)*+)"
)
_ATTRIBUTE = re.compile(
    r";\s*+(?P<name>[\w*-]++)\s*+=\s*+(?:\"(?P<quoted>[^\"]*)\"|(?P<bare>[^\s;,\"]++))"
)


def following_url(request: Request, reply: Reply, url: str) -> Request:
    """Return a request for a next link, which already carries every parameter.

    Raises `ApiError` (shape) for a link that is not a URL.
    """
    try:
        return replace(request, path=urljoin(reply.url, url), params={})
    except ValueError:
        raise shape_error("the link to the next page is not valid.") from None


def parse_links(header: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield (url, relations) for every link of a Link header, relations in lower case."""
    for link in _LINK.finditer(header):
        # Attribute by attribute: a quoted title may contain what looks like another link.
        found = [
            attribute["quoted"] or attribute["bare"] or ""
            for attribute in _ATTRIBUTE.finditer(link["attributes"])
            if attribute["name"].lower() == "rel"
        ]
        yield link["url"], frozenset(found[0].lower().split() if found else ())


class LinkHeader:
    """Follows rel="next" until there is none. Raises `ApiError` for a header without any link."""

    is_by_place = True

    def __init__(
        self,
        size: int | None = None,
        *,
        size_param: str = "pageSize",
        page_param: str = "page",
    ) -> None:
        """`page_param` is where rel="last" carries the number of the last page."""
        self._size = {} if size is None else {size_param: str(size)}
        self._page_param = page_param
        self._expected: int | None = None

    def first(self, request: Request) -> Request:
        """Ask for the first page."""
        return with_params(request, **self._size)

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:  # noqa: ARG002
        """Follow the link, also after an empty page."""
        url = self._relation(reply, "next")
        return None if url is None else following_url(request, reply, url)

    def expected_pages(self, reply: Reply) -> int | None:
        """Read the number of the last page; remembered, as the last page itself may not say."""
        query = parse_qs(urlsplit(self._relation(reply, "last") or "").query)
        number = query.get(self._page_param, [""])[0]
        if re.fullmatch("[0-9]{1,9}", number):
            self._expected = int(number)
        return self._expected

    def _relation(self, reply: Reply, name: str) -> str | None:
        header = reply.headers.get("link", "")
        links = list(parse_links(header))
        if header.strip() and not links:
            raise shape_error("the Link header cannot be read.")
        return next((url for url, relations in links if name in relations), None)


class ForwardOnlyLink:
    """Forward-only pages: follow the first URL of the Link header, which is empty at the end.

    A missing header means that the endpoint does not page this way: an error, because the reply
    would be the first page of many.
    """

    is_by_place = False

    def __init__(self, size: int, *, size_param: str = "pageSize") -> None:
        """`size` is the page size asked for."""
        self._size = {size_param: str(size)}

    def first(self, request: Request) -> Request:
        """Ask for forward-only paging; the request header has to go with every page."""
        headers = {**request.headers, "pagination-type": "forward-only"}
        sized = with_params(request, **self._size)
        return Request(sized.path, sized.params, headers, sized.template)

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:  # noqa: ARG002
        """Follow the first link, also after an empty page."""
        header = reply.headers.get("link")
        if header is None:
            raise shape_error("the endpoint does not support forward-only paging.")
        if not header.strip():
            return None
        first = next(parse_links(header), None)
        if first is None:
            raise shape_error("the Link header cannot be read.")
        return following_url(request, reply, first[0])

    def expected_pages(self, reply: Reply) -> int | None:  # noqa: ARG002
        """Say nothing: forward-only lists announce no total."""
        return None


class CursorInBody:
    """Each body carries the cursor of the next page; ends where it is null or empty.

    Not for server-side cursors that keep one name over all pages: those look like a loop. What a
    cursor stands for is the server's secret, so it counts as a place in the list.
    """

    is_by_place = True

    def __init__(
        self,
        cursor: Callable[[Any], str | int | None],
        *,
        param: str = "cursor",
        size: int | None = None,
        size_param: str = "pageSize",
    ) -> None:
        """`cursor` reads the cursor in a body; without `size` the server's default applies."""
        self._cursor = cursor
        self._param = param
        self._size = {} if size is None else {size_param: str(size)}

    def first(self, request: Request) -> Request:
        """Ask without a cursor."""
        return with_params(request, **self._size)

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:  # noqa: ARG002
        """Go on with the body's cursor, also after an empty page."""
        cursor = self._cursor(reply.data)
        if cursor is None or cursor == "":
            return None
        if not isinstance(cursor, str | int) or isinstance(cursor, bool):
            raise shape_error("the cursor of the next page is not a text.")
        return with_params(request, **{self._param: str(cursor)})

    def expected_pages(self, reply: Reply) -> int | None:  # noqa: ARG002
        """Say nothing: cursors announce no total."""
        return None


class NextUrlInBody:
    """Each body carries the whole URL of the next page; ends where it is null or empty."""

    def __init__(self, url: Callable[[Any], str | None], *, is_by_place: bool = True) -> None:
        """`url` reads the link in a body; a relative one is resolved against the page's URL.

        `is_by_place` is false where links are documented to go on after a record, not a place.
        """
        self.is_by_place = is_by_place
        self._url = url

    def first(self, request: Request) -> Request:
        """Ask as it is."""
        return request

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:  # noqa: ARG002
        """Follow the body's link, also after an empty page."""
        url = self._url(reply.data)
        if url is None or url == "":
            return None
        if not isinstance(url, str):
            raise shape_error("the link to the next page is not a text.")
        return following_url(request, reply, url)

    def expected_pages(self, reply: Reply) -> int | None:  # noqa: ARG002
        """Say nothing: links announce no total."""
        return None
