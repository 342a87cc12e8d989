"""Keeps secrets out of everything people read: messages, logs, tracebacks.

`redact` masks known values in each form they travel in, and every part of a URL or header where
secrets sit by custom. It does not decide what is secret: callers name the values.
"""

import base64
import json
import logging
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

MASK = "[hidden]"
_SHORTEST = 4
"""Masking every "1" or "on" would garble messages and protect nothing."""
_USERINFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{0,20}://)[^/\s?#@]+@", re.IGNORECASE)
_QUERY = re.compile(r"(?P<url>[a-z][a-z0-9+.-]{0,20}://[^\s?#\"'<>]+)\?[^\s\"'<>]*", re.IGNORECASE)
_SCHEME = re.compile(r"\b(?P<scheme>basic|bearer)\s+[A-Za-z0-9._~+/-]{8,}=*", re.IGNORECASE)
_NOISY_LOGGERS = ("httpx", "httpcore")


def redact(text: str, secrets: Collection[str]) -> str:
    """Return the text with every known secret, URL password and URL query masked.

    Values shorter than four characters are left alone.
    """
    pattern = _pattern(frozenset(secret for secret in secrets if len(secret) >= _SHORTEST))
    if pattern is not None:
        text = pattern.sub(MASK, text)
    text = _USERINFO.sub(rf"\g<scheme>{MASK}@", text)
    text = _QUERY.sub(rf"\g<url>?{MASK}", text)
    return _SCHEME.sub(rf"\g<scheme> {MASK}", text)


def install_redaction(secrets: Collection[str]) -> None:
    """Mask secrets in all that the root logger's handlers write, from now on.

    Call it after logging is set up; calling it again adds values. Loggers with handlers of their
    own that do not propagate are not covered.
    """
    quiet_http_loggers()
    handlers = [*logging.getLogger().handlers]
    if logging.lastResort is not None:
        handlers.append(logging.lastResort)
    for handler in handlers:
        installed = [entry for entry in handler.filters if isinstance(entry, RedactionFilter)]
        if installed:
            installed[0].add(secrets)
        else:
            handler.addFilter(RedactionFilter(secrets))


def quiet_http_loggers() -> None:
    """Silence the HTTP library's own lines: at INFO they show URLs with their query."""
    for name in _NOISY_LOGGERS:
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)


class RedactionFilter(logging.Filter):
    """Rewrites log records; lets every one of them through."""

    def __init__(self, secrets: Collection[str]) -> None:
        """Keep the values in memory only."""
        super().__init__()
        self._secrets = frozenset(secrets)

    def add(self, secrets: Collection[str]) -> None:
        """Mask these values too."""
        self._secrets |= frozenset(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the message and, if it has one, the traceback."""
        message = record.getMessage()
        clean = redact(message, self._secrets)
        if clean != message:
            record.msg, record.args = clean, None
        if record.exc_info:
            self._mask_traceback(record)
        return True

    def _mask_traceback(self, record: logging.LogRecord) -> None:
        if not record.exc_info:
            return
        trace = record.exc_text or logging.Formatter().formatException(record.exc_info)
        clean = redact(trace, self._secrets)
        if clean != trace:
            # The exception itself still holds the secret: handlers get the clean text instead.
            record.exc_text, record.exc_info = clean, None


@lru_cache(maxsize=64)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
    if not forms:
        return None
    # Longest first: a short form must not leave the tail of a longer one standing.
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    for shift in range(3):
        yield from _base64_forms(secret.encode(), shift)


def _base64_forms(secret: bytes, shift: int) -> Iterator[str]:
    # Inside "user:secret" the value starts at any of three positions; only the characters that
    # are made of its own bits alone are the same in every such text.
    first = (shift * 8 + 5) // 6
    last = (shift + len(secret)) * 8 // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(bytes(shift) + secret).decode()[first:last]
