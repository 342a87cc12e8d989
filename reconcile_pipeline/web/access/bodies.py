"""Bodies of forms: read up to a cap, looked into, and handed on as if nobody had.

Files in a form are not read here; they stay where the parser put them until the app asks again.
"""

from python_multipart.exceptions import FormParserError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from reconcile_pipeline.web.access import refusals
from reconcile_pipeline.web.access.refusals import Fields

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
MOST_FIELDS = 20_000


async def read_body(headers: Headers, receive: Receive, most: int) -> bytes:
    """Read a body of at most `most` bytes, and not one chunk more; raises its refusal."""
    if headers.get("content-encoding", "identity") != "identity":
        raise refusals.no_form()
    announced = headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdigit()) or int(announced) > most:
        raise refusals.too_large(most)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise refusals.cut_off()
        body += message.get("body", b"")
        if len(body) > most:
            raise refusals.too_large(most)
        if not message.get("more_body", False):
            return bytes(body)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a way to read `body` once more, and then what comes after it."""
    is_told = False

    async def again() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def fields_of(scope: Scope, body: bytes) -> Fields:
    """Read the texts of a form; raises its refusal when it can't be read."""

    async def nothing_more() -> Message:
        return {"type": "http.disconnect"}

    # A scope of its own: the parsed form must not stay in the app's.
    request = Request(dict(scope), replayed(body, nothing_more))
    try:
        async with request.form(max_fields=MOST_FIELDS, max_files=1) as form:
            items = form.multi_items()
            texts = tuple((name, value) for name, value in items if isinstance(value, str))
            return Fields(texts, has_files=len(texts) < len(items))
    except (HTTPException, MultiPartException, FormParserError, LookupError, ValueError) as error:
        raise refusals.no_form() from error
