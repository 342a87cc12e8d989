"""Sessions end in time, and with the account that they were begun for."""

import html
from collections.abc import Callable
from typing import Any

import pytest

from reconcile_pipeline.web.access import passwords
from reconcile_pipeline.web.access.sessions import Sessions
from reconcile_pipeline.web.access.users import Account, Role


def is_in(probe: Any, by: Any) -> bool:
    return bool(probe.get("/", by=by).status == 200)


@pytest.mark.fault(76)
def test_a_session_ends_after_its_hours_however_busy(opened: Callable[..., Any]) -> None:
    """Eight hours after the login everybody logs in anew, also who clicked all day."""
    probe = opened()
    by = probe.browser("admin")
    for _ in range(8 * 4 - 1):
        probe.passes(15 * 60)
        assert is_in(probe, by)
    probe.passes(15 * 60)
    assert not is_in(probe, by)


def test_a_session_ends_when_nobody_uses_it(opened: Callable[..., Any]) -> None:
    """An hour without a request is enough; a request in time starts the hour anew."""
    probe = opened(idle_seconds=3600.0)
    by = probe.browser("admin")
    for _ in range(3):
        probe.passes(3599)
        assert is_in(probe, by)
    probe.passes(3600)
    assert not is_in(probe, by)
    assert not is_in(probe, by), "an ended session came back"


def test_ended_sessions_leave_the_memory() -> None:
    """Browsers that never log out don't fill it."""
    time = [0.0]
    sessions = Sessions(longest=100.0, idle=10.0, clock=lambda: time[0])
    for _ in range(50):
        sessions.begin(Account("ann", Role.VIEWER))
        time[0] += 5
    assert len(sessions) == 2


@pytest.mark.parametrize("change", ["removed", "password", "no password", "renamed"])
def test_a_changed_account_ends_its_sessions(probe: Any, change: str) -> None:
    """From the next request on, and for good: a way back in is a new login."""
    by, other = probe.browser("approver"), probe.browser("admin")
    assert is_in(probe, by)
    with probe.users.changing() as accounts:
        old = accounts.pop("approver")
        if change == "password":
            line = passwords.password_line("another long password")
            accounts["approver"] = Account("approver", old.role, line)
        elif change == "no password":
            accounts["approver"] = Account("approver", old.role)
        elif change == "renamed":
            accounts["approver2"] = Account("approver2", old.role, old.password)
    assert not is_in(probe, by)
    with probe.users.changing() as accounts:
        accounts["approver"] = old
    assert not is_in(probe, by)
    assert is_in(probe, other)


@pytest.mark.fault(76)
def test_a_changed_role_counts_from_the_next_request(probe: Any) -> None:
    """Whoever lost a role can't finish with it what they had begun; nobody has to log in anew."""
    by = probe.browser("reviewer")
    assert probe.post("/cards/x/decide", {"note": "n"}, by=by).status == 200
    for role, status in ((Role.VIEWER, 403), (Role.APPROVER, 200)):
        with probe.users.changing() as accounts:
            accounts["reviewer"] = Account("reviewer", role, accounts["reviewer"].password)
        answer = probe.post("/cards/x/decide", {"note": "my note"}, by=by)
        assert answer.status == status
        assert "my note" in answer.text or status == 200
    assert len(probe.done) == 2


@pytest.mark.parametrize("damage", ["missing", "mode", "text"])
def test_nobody_is_let_in_while_the_accounts_cannot_be_read(
    probe: Any, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged file locks everybody out until it is whole again; it never lets anybody in."""
    by, before = probe.browser("admin"), probe.users.path.read_bytes()
    if damage == "missing":
        probe.users.path.unlink()
    elif damage == "mode":
        probe.users.path.chmod(0o640)
    else:
        probe.users.path.write_text("[users", encoding="utf-8")
    answer = probe.get("/", by=by)
    assert (answer.status, probe.done) == (503, [])
    assert "The accounts can't be read" in html.unescape(answer.text)
    assert "The users file users.toml" in caplog.text
    assert "users.toml" not in answer.text
    probe.users.path.touch()
    probe.users.path.write_bytes(before)
    probe.users.path.chmod(0o600)
    assert is_in(probe, by)
