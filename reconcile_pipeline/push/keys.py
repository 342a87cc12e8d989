"""Keys of an integration: made here, shown once, kept as a hash, compared in constant time.

A script sends base64("<vendor key>:<partner key>") in one header. Both keys carry the id of their
pair, which may be shown; their secret parts are 256 random bits each, so a plain hash is enough.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from reconcile_pipeline.systems.vendors.push_inbox import COMMAND, Inbox, rows

_NOBODY = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
"""Compared with when there is no such key, so that an unknown id takes as long as a wrong one."""
_ID_LENGTH = 12
_LONGEST_TOKEN = 1_000
ALL = "all"


@dataclass(frozen=True)
class KeyPair:
    """A vendor key and a partner key; never stored, shown to one person once."""

    key_id: str
    vendor_key: str = field(repr=False)
    partner_key: str = field(repr=False)

    @property
    def token(self) -> str:
        """What goes into the header Gradient-Token, or behind Authorization: Bearer."""
        return base64.b64encode(f"{self.vendor_key}:{self.partner_key}".encode()).decode()


@dataclass(frozen=True)
class KnownKey:
    """What is known of a pair of keys."""

    key_id: str
    made_at: str
    revoked_at: str | None
    last_used_at: str | None


def make_keys(inbox: Inbox, now: datetime) -> KeyPair:
    """Make a new pair; only its hash is kept, so nobody can show it again."""
    key_id = secrets.token_hex(_ID_LENGTH // 2)
    vendor_key = f"vendor-{key_id}-{secrets.token_urlsafe(32)}"
    partner_key = f"partner-{key_id}-{secrets.token_urlsafe(32)}"
    pair = KeyPair(key_id, vendor_key, partner_key)
    with inbox.writing(COMMAND, now) as batch:
        batch.add("keys", key_id=key_id, token_hash=_hash(f"{vendor_key}:{partner_key}"))
    return pair


def revoke_keys(inbox: Inbox, key_id: str, now: datetime) -> list[str]:
    """Revoke one pair, or `all`; returns the ids that worked until now."""
    live = [key.key_id for key in known_keys(inbox) if key.revoked_at is None]
    revoked = [known for known in live if key_id in (known, ALL)]
    if revoked:
        with inbox.writing(COMMAND, now) as batch:
            for known in revoked:
                batch.add("revocations", key_id=known)
    return revoked


def known_keys(inbox: Inbox) -> list[KnownKey]:
    """Every pair there ever was, oldest first."""
    if not inbox.exists:
        return []
    query = (
        "select keys.key_id, keys.received_at as made_at, revocations.received_at as revoked_at,"
        " (select max(batches.received_at) from batches where batches.key_id = keys.key_id)"
        " as last_used_at from keys left join revocations using (key_id) order by keys.seq"
    )
    with inbox.reading() as connection:
        return [KnownKey(**row) for row in rows(connection, query)]


def owner_of(token: str, inboxes: Iterable[Inbox]) -> tuple[Inbox, str] | None:
    """Return the inbox that a token may write into and the id of its keys; None for no inbox."""
    secret = _decoded(token)
    key_id = secret.split("-")[1] if secret.startswith("vendor-") else ""
    found: tuple[Inbox, str] | None = None
    expected = _NOBODY
    for inbox in inboxes:
        stored = _live_hash(inbox, key_id)
        if stored is not None:
            found, expected = (inbox, key_id), stored
    return found if hmac.compare_digest(_hash(secret), expected) else None


def _decoded(token: str) -> str:
    try:
        raw = base64.b64decode(token[:_LONGEST_TOKEN], validate=True)
        return raw.decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        # As wrong as any other: it is hashed and compared like a key that could be right.
        return "vendor--"


def _live_hash(inbox: Inbox, key_id: str) -> str | None:
    if not inbox.exists:
        return None
    query = (
        "select token_hash from keys left join revocations using (key_id)"
        " where keys.key_id = ? and revocations.key_id is null"
    )
    with inbox.reading() as connection:
        found = rows(connection, query, key_id)
    return str(found[0]["token_hash"]) if found else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
