"""Who is logged in: sessions in memory, found by the hash of an id that only the browser has.

A restart ends them all. Whether the account still exists is asked at every request,
by `identities`.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from reconcile_pipeline.web.access.users import Account

_ID_BYTES = 32


@dataclass
class Session:
    """One browser of one user."""

    name: str
    password: str = field(repr=False)
    """The account's line at login: another password ends the sessions begun with the old one."""
    csrf: str = field(repr=False)
    began_at: float
    """Seconds of the clock, as is `seen_at`."""
    seen_at: float


class Sessions:
    """All sessions of a running app. Not for several threads at once."""

    def __init__(self, *, longest: float, idle: float, clock: Callable[[], float]) -> None:
        """`longest` and `idle` in seconds: since the login, and since the last request."""
        self._longest = longest
        self._idle = idle
        self._clock = clock
        self._sessions: dict[str, Session] = {}

    def begin(self, account: Account) -> str:
        """Begin a session and return its new id, which is kept nowhere."""
        now = self._clock()
        # Sessions that nobody ended go here, so that they can't pile up.
        self._sessions = {
            key: session for key, session in self._sessions.items() if self._is_live(session, now)
        }
        session_id = secrets.token_urlsafe(_ID_BYTES)
        self._sessions[_key(session_id)] = Session(
            name=account.name,
            password=account.password,
            csrf=secrets.token_urlsafe(_ID_BYTES),
            began_at=now,
            seen_at=now,
        )
        return session_id

    def find(self, session_id: str) -> Session | None:
        """Return a live session, and note that it was used."""
        session = self._sessions.get(_key(session_id))
        if session is None:
            return None
        now = self._clock()
        if not self._is_live(session, now):
            self.end(session_id)
            return None
        session.seen_at = now
        return session

    def end(self, session_id: str) -> None:
        """End a session; an unknown one is ended already."""
        self._sessions.pop(_key(session_id), None)

    def __len__(self) -> int:
        return len(self._sessions)

    def _is_live(self, session: Session, now: float) -> bool:
        return now - session.began_at < self._longest and now - session.seen_at < self._idle


def _key(session_id: str) -> str:
    # Looked up by hash: how long it takes says nothing about ids that exist.
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()
