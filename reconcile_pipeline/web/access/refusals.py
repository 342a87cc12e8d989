"""Why a request is refused: the status, what people read, and what the log says of it.

No rendering here; `answers` makes pages of these.
"""

import logging
from dataclasses import dataclass, field, replace

from reconcile_pipeline.web.access.users import ROLES, Role, User


@dataclass(frozen=True)
class Fields:
    """The texts of a form in their order, and whether files came with them."""

    texts: tuple[tuple[str, str], ...] = ()
    has_files: bool = False


@dataclass
class Refusal(Exception):  # noqa: N818 - it is no error of ours
    """A request that goes no further."""

    status: int
    title: str
    message: str
    next_step: str
    level: int = logging.WARNING
    logged: str = ""
    """What the log says beyond the title, which is more than a stranger may read."""
    headers: dict[str, str] = field(default_factory=dict)
    is_plain: bool = False
    """Answered in plain text: whoever gets this is no person with a browser of ours."""
    needs_login: bool = False
    fields: Fields = Fields()
    """What was typed, to be shown again."""

    def keeping(self, fields: Fields) -> "Refusal":
        """Return this refusal with what was typed."""
        return replace(self, fields=fields)


def wrong_host() -> Refusal:
    """Refuse a Host that is none of ours."""
    return Refusal(
        400,
        "Unknown host name",
        "This server is not known by that host name.",
        "Add it to names in [review] if people may use it.",
        is_plain=True,
    )


def forged(reason: str) -> Refusal:
    """Refuse a request that names a user and may not; the log alone says what gave it away."""
    return Refusal(
        400, "Forged", "This request is refused.", "", logged=f"it {reason}", is_plain=True
    )


def wrong_method() -> Refusal:
    """Refuse what is neither reading nor sending a form."""
    return Refusal(
        405,
        "Unknown method",
        "Pages are read with GET and changed with POST.",
        "",
        headers={"Allow": "GET, HEAD, POST"},
        is_plain=True,
    )


def not_ready(reason: str) -> Refusal:
    """Refuse everybody while the accounts can't be read."""
    return Refusal(
        503,
        "Nobody can be let in now",
        "The accounts can't be read; the server's log says why.",
        "Tell whoever runs this installation.",
        level=logging.ERROR,
        logged=reason,
    )


def foreign() -> Refusal:
    """Refuse a form that a page of another site sends."""
    return Refusal(
        403,
        "Not from here",
        "This form was sent from a page that is not this app's.",
        "Open the page here and send it again; behind a proxy, base_url in [review] must be the"
        " address in your browser.",
    )


def no_form() -> Refusal:
    """Refuse a body that is no form."""
    return Refusal(
        415, "Not a form", "Only forms are taken here.", "Use the pages of this app, unchanged."
    )


def too_large(most: int) -> Refusal:
    """Refuse a body of more than `most` bytes."""
    return Refusal(
        413,
        "That is too large",
        f"More than {most // 1024 // 1024} MB are not taken here.",
        "Send less at once.",
    )


def cut_off() -> Refusal:
    """Refuse a body whose end never came."""
    return Refusal(
        400,
        "Cut off",
        "The connection ended before the form did.",
        "Send it again.",
        level=logging.DEBUG,
        is_plain=True,
    )


def wrong_token() -> Refusal:
    """Refuse a form of a page that this session was never shown."""
    return Refusal(
        403,
        "This page is too old",
        "The form comes from before you logged in, or from before the app was restarted.",
        "Open the page again and send the form from there; what you had typed is below.",
    )


def shut_out(user: User) -> Refusal:
    """Refuse somebody without any role: not logged in, or named by the proxy alone."""
    return stranger() if user.how == "nobody" else too_low(user, Role.VIEWER)


def stranger() -> Refusal:
    """Refuse somebody who is not logged in."""
    return Refusal(
        401,
        "Please log in",
        "You are not logged in, or no longer. Nothing was changed.",
        "Log in; what you had typed is kept and can be sent after that.",
        level=logging.DEBUG,
        needs_login=True,
    )


def too_low(user: User, role: Role) -> Refusal:
    """Refuse somebody whose role does not reach."""
    able = " or ".join(str(each) for each in ROLES if each >= role)
    has = f"have the role {user.role}" if user.role > Role.NOBODY else "have no role here"
    return Refusal(
        403,
        "That is not yours to do",
        f"You are {user.name} and {has}; this needs {able}. Nothing was changed.",
        f"Ask an admin for it: reconcile users role {user.name} {role}",
        level=logging.INFO,
    )
