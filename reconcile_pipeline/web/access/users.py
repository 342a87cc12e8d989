"""People and their roles, and the file of their accounts: read anew when it changes, written whole.

Passwords are `passwords`'s matter: here they are lines of text. Who is logged in is `sessions`'s.
"""

import fcntl
import json
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.web.access.passwords import is_password_line

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,79}")
_MOST_BYTES = 1024 * 1024
_HEAD = """\
# Accounts of the review app. `reconcile users` writes this file and its comments are lost then.
# Passwords are kept as salted scrypt hashes; nobody can read them back.
"""


class Role(StrEnum):
    """What somebody may do; each role may do what those before it may. Compared by rank."""

    NOBODY = "nobody"
    """Not logged in."""
    VIEWER = "viewer"
    REVIEWER = "reviewer"
    APPROVER = "approver"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for nobody, and up."""
        return list(Role).index(self)

    # Texts would compare by the alphabet, in which a viewer is above an admin.
    def __lt__(self, other: str) -> bool:
        return self.rank < Role(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Role(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Role(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Role(other).rank


ROLES = tuple(role for role in Role if role is not Role.NOBODY)
"""The roles that an account can have."""


@dataclass(frozen=True)
class User:
    """Who makes a request."""

    name: str
    role: Role
    how: str
    """`login`, `proxy`, `local` (who runs the app on this computer) or `nobody`."""


NOBODY = User("", Role.NOBODY, "nobody")


@dataclass(frozen=True)
class Account:
    """One entry of the file."""

    name: str
    role: Role
    password: str = field(default="", repr=False)
    """A line of `passwords`; "" when only the proxy can vouch for this user."""


def clean_name(text: str) -> str | None:
    """Return the one spelling of a user name; None when it can't be one.

    Small letters only: `Ann` and `ann` must not pass for two people where four eyes are asked for.
    """
    name = text.strip().lower()
    return name if text.isascii() and _NAME.fullmatch(name) else None


class UsersFile:
    """The accounts of one installation. Not for several threads at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._accounts: dict[str, Account] = {}

    def find(self, name: str) -> Account | None:
        """Return the account as the file has it now."""
        return self.accounts().get(name)

    def accounts(self) -> Mapping[str, Account]:
        """Return all accounts by name; reads the file only when it is another than last time.

        Raises:
            PipelineError: `settings`, when it is missing, damaged, or others may read or write it.
        """
        try:
            with self.path.open("rb") as file:
                # Asked of the open file: what is checked is what is read.
                status = os.fstat(file.fileno())
                self._check(status)
                found = (status.st_mtime_ns, status.st_size, status.st_ino)
                if found != self._seen:
                    self._accounts = _parse(self.path, file.read(_MOST_BYTES))
                    self._seen = found
        except OSError as error:
            self._seen = None
            raise self._refuse(
                f"can't be read: {error.strerror}",
                "Make the first account: reconcile users add NAME --role admin",
            ) from error
        return self._accounts

    @contextmanager
    def changing(self) -> Iterator[dict[str, Account]]:
        """Hand out the accounts to change them, and write them all at once at the end.

        One process at a time: of two changes at once neither is lost. A change that fails leaves
        the file as it was.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            accounts = dict(self.accounts()) if self.path.exists() else {}
            yield accounts
            self._write(accounts)
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write(self, accounts: Mapping[str, Account]) -> None:
        text = _HEAD + "".join(
            f"\n[users.{json.dumps(account.name)}]\nrole = {json.dumps(str(account.role))}\n"
            f"password = {json.dumps(account.password)}\n"
            for account in sorted(accounts.values(), key=lambda account: account.name)
        )
        # mkstemp makes it readable for its owner only, from its first byte on.
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".users-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _check(self, status: os.stat_result) -> None:
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise self._refuse("may be read or written by others", f"chmod 600 {self.path}")
        if status.st_uid not in (os.geteuid(), 0):
            raise self._refuse(
                "belongs to another user of this computer",
                "Let it belong to the account that runs the review app.",
            )
        if status.st_size > _MOST_BYTES:
            raise self._refuse("is too large for a file of accounts", "Take a copy you trust.")

    def _refuse(self, what: str, next_step: str) -> PipelineError:
        return _refuse(self.path, what, next_step)


def users_file_of(settings: Settings) -> UsersFile:
    """Return the users file that reconcile.toml names; a `settings` error when it names none."""
    if not settings.review.users_file:
        raise PipelineError(
            f"{settings.path.name} names no file of accounts.",
            next_step='Write users_file = "users.toml" below [review].',
            category=Category.SETTINGS,
        )
    return UsersFile(settings.path.parent / settings.review.users_file)


def _parse(path: Path, raw: bytes) -> dict[str, Account]:
    try:
        content = tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _refuse(
            path, f"is not UTF-8 text (byte {error.start})", "Take a copy you trust."
        ) from None
    except tomllib.TOMLDecodeError as error:
        # The parser's words may quote the line, and lines hold hashes: only the place is told.
        place = re.search(r"\(at .*\)$", str(error))
        raise _refuse(
            path,
            f"is not valid TOML {place.group() if place else ''}".rstrip(),
            "Correct that line, or take a copy you trust.",
        ) from None
    tables = content.pop("users", {})
    if content or not isinstance(tables, dict):
        raise _refuse(
            path,
            f"holds {', '.join(map(repr, content)) or 'users'} where only tables of users may be",
            'Each account is a table: [users."ann"]',
        )
    return {name: _account(path, name, table) for name, table in tables.items()}


def _account(path: Path, name: str, table: object) -> Account:
    again = "Remove its lines, then add the user anew: reconcile users add NAME --role ROLE"
    if clean_name(name) != name:
        raise _refuse(
            path,
            f"holds a name that no user can have: {name[:80]!r}",
            "Names are small letters, digits and . _ @ + - only.",
        )
    if not isinstance(table, dict) or set(table) != {"role", "password"}:
        raise _refuse(path, f"must hold role and password of {name!r}, nothing else", again)
    role, password = table["role"], table["password"]
    if role not in ROLES:
        raise _refuse(path, f"gives {name!r} a role that does not exist", again)
    if not isinstance(password, str) or (password and not is_password_line(password)):
        raise _refuse(path, f"holds a damaged password of {name!r}", again)
    return Account(name, Role(role), password)


def _refuse(path: Path, what: str, next_step: str) -> PipelineError:
    return PipelineError(
        f"The users file {path.name} {what}.", next_step=next_step, category=Category.SETTINGS
    )
