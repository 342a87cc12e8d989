"""Passwords: what is good enough, and the lines that are kept in their place.

A line carries its own parameters, so that they can be raised for new passwords at any time.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import unicodedata
from typing import NamedTuple

from reconcile_pipeline.model import Category, PipelineError

SHORTEST = 12
LONGEST = 200
"""Characters; hashing more than any person types is work for nothing."""
_N, _R, _P = 2**15, 8, 1
_MOST_N, _MOST_R, _MOST_P = 2**20, 32, 16
_SALT_BYTES, _HASH_BYTES = 16, 32
_TURNS = threading.BoundedSemaphore(2)
"""Each hash takes 32 MB: many logins at once wait for each other instead of taking gigabytes."""


class _Kept(NamedTuple):
    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes


_NOBODYS = _Kept(_N, _R, _P, bytes(_SALT_BYTES), bytes(_HASH_BYTES))
"""Compared with when there is no such user, so that an unknown name takes as long."""


def password_line(password: str) -> str:
    """Hash a new password: `scrypt$n=32768,r=8,p=1$salt$hash`.

    Raises:
        PipelineError: `input`, when it is too short, or too long to be typed.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise PipelineError(
            f"The password has {len(password)} characters.",
            next_step=f"Take {SHORTEST} to {LONGEST}: a few words in a row are easy to remember.",
            category=Category.INPUT,
        )
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(password, _Kept(_N, _R, _P, salt, b""))
    parts = (base64.b64encode(part).decode() for part in (salt, digest))
    return f"scrypt$n={_N},r={_R},p={_P}${'$'.join(parts)}"


def generated_password() -> str:
    """Make a password of 144 random bits."""
    return secrets.token_urlsafe(18)


def is_password(password: str, line: str) -> bool:
    """Compare in constant time; "" as `line` is nobody's and costs as much as any other."""
    kept = (_read(line) if line else None) or _NOBODYS
    # A hash of zeros has no known password; still, nobody's line is never right.
    is_equal = hmac.compare_digest(_scrypt(password[:LONGEST], kept), kept.digest)
    return is_equal and kept is not _NOBODYS and len(password) <= LONGEST


def is_password_line(line: str) -> bool:
    """Tell whether a line can be compared with, and is not weaker than what we write."""
    return _read(line) is not None


def _read(line: str) -> _Kept | None:
    parts = line.split("$")
    if len(parts) != len(("scrypt", "parameters", "salt", "hash")) or parts[0] != "scrypt":
        return None
    try:
        n, r, p = (
            int(text.removeprefix(f"{name}="))
            for name, text in zip("nrp", parts[1].split(","), strict=True)
        )
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:])
    except (ValueError, binascii.Error):
        return None
    is_strong = n >= _N and r >= _R and p >= _P and n & (n - 1) == 0
    is_payable = n <= _MOST_N and r <= _MOST_R and p <= _MOST_P
    is_whole = len(salt) == _SALT_BYTES and len(digest) == _HASH_BYTES
    return _Kept(n, r, p, salt, digest) if is_strong and is_payable and is_whole else None


def _scrypt(password: str, kept: _Kept) -> bytes:
    # The same letters typed on another keyboard may come as other code points.
    text = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    with _TURNS:
        return hashlib.scrypt(
            text,
            salt=kept.salt,
            n=kept.n,
            r=kept.r,
            p=kept.p,
            maxmem=256 * kept.n * kept.r * kept.p,
            dklen=_HASH_BYTES,
        )
