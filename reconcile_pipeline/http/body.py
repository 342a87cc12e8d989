"""From the raw bytes of one answer to its whole content, or an error: never to a part of it.

The HTTP library decodes a gzip stream that was cut without a word, and a bomb without a limit;
so bodies are read raw and decompressed here, with the end proven and the size capped.
"""

import zlib
from collections.abc import AsyncIterator

import httpx

from reconcile_pipeline.http.errors import BodyTooLargeError, CutBodyError, UndecodableBodyError

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS
_NO_CONTENT = frozenset({204, 304})


class Decoder:
    """Decompresses one body piece by piece and knows whether it has ended.

    `encoding` is the Content-Encoding header; gzip, deflate and none are understood.
    """

    def __init__(self, encoding: str, max_bytes: int) -> None:
        """Raise `UndecodableBodyError` for an encoding that we did not ask for."""
        self._encoding = encoding.strip().lower().removeprefix("x-")
        if self._encoding not in {"", "identity", "gzip", "deflate"}:
            raise UndecodableBodyError("a compression that we did not ask for")
        self._max_bytes = max_bytes
        self._content = bytearray()
        self._inflate: zlib._Decompress | None = None
        self._is_compressed = self._encoding in {"gzip", "deflate"}

    def feed(self, piece: bytes) -> None:
        """Take the next raw bytes. Raises when they are invalid, or too many once decoded."""
        if not self._is_compressed:
            self._add(piece)
            return
        while piece:
            inflate = self._current(piece)
            try:
                # One byte above what is left, so that a bomb stops here and not in memory.
                room = self._max_bytes - len(self._content) + 1
                self._add(inflate.decompress(piece, room))
            except zlib.error as error:
                raise UndecodableBodyError("compressed data that is not valid") from error
            piece = inflate.unconsumed_tail or inflate.unused_data

    def finish(self) -> bytes:
        """Return the whole content. Raises `CutBodyError` when the compressed stream is short."""
        if self._is_compressed and (self._inflate is None or not self._inflate.eof):
            raise CutBodyError("the compressed answer ended early")
        return bytes(self._content)

    def _add(self, content: bytes) -> None:
        self._content += content
        if len(self._content) > self._max_bytes:
            raise BodyTooLargeError(f"more than {self._max_bytes:,} bytes")

    def _current(self, piece: bytes) -> "zlib._Decompress":
        if self._inflate is None:
            self._inflate = zlib.decompressobj(self._window(piece))
        elif self._inflate.eof:
            # gzip allows several members in a row; anything else after the end is not ours.
            if self._encoding != "gzip" or not _GZIP_MAGIC.startswith(piece[:2]):
                raise UndecodableBodyError("data after the end of the compressed answer")
            self._inflate = zlib.decompressobj(_GZIP)
        return self._inflate

    def _window(self, piece: bytes) -> int:
        if self._encoding == "gzip":
            return _GZIP
        # "deflate" means zlib's format, yet some servers send the bare stream. A zlib stream
        # begins with the method in the low half of its first byte.
        is_zlib = piece[0] & 0x0F == zlib.DEFLATED and piece[0] >> 4 <= zlib.MAX_WBITS - 8
        return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS


async def read_body(response: httpx.Response, *, max_bytes: int) -> bytes:
    """Read and decompress the whole body of a streamed response, then close it.

    Raises `CutBodyError`, `BodyTooLargeError` or `UndecodableBodyError`; timeouts pass through.
    """
    encoding = response.headers.get("content-encoding", "")
    decoder = Decoder(encoding, max_bytes)
    received = 0
    async for piece in _raw_pieces(response):
        received += len(piece)
        decoder.feed(piece)
    if not received and response.status_code in _NO_CONTENT:
        return b""
    is_framed = "content-length" in response.headers or "transfer-encoding" in response.headers
    if not received and not is_framed:
        raise CutBodyError("the answer ended before its first byte")
    return decoder.finish()


async def _raw_pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in response.aiter_raw():
            yield piece
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        raise CutBodyError("the connection ended in mid-answer") from error
