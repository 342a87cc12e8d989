"""`reconcile push`: keys shown once, revoked at once; runs that are held back and accepted."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from reconcile_pipeline.cli import app
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.periods import open_period
from reconcile_pipeline.push.keys import known_keys, owner_of


def command(push: Any, *arguments: str) -> str:
    """Run it; what it printed, or the error that ends it."""
    full = ["push", *arguments, "--config", str(push.settings.path)]
    result = CliRunner().invoke(app, full)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return " ".join(result.output.split())


def test_keys_are_shown_once_and_work(push: Any) -> None:
    """Both halves and the finished token; afterwards only their id and their age can be seen."""
    told = command(push, "keys", "my_edr")
    token = re.search(r"Gradient-Token: (\S+)", told)
    vendor_key = re.search(r"VENDOR_API_KEY=(\S+)", told)
    assert token
    assert vendor_key
    found = owner_of(token[1], [push.inbox])
    assert found is not None
    assert found[1] in told
    later = command(push, "show", "my_edr")
    assert f"keys {found[1]}: live, last used never" in later
    assert token[1] not in later
    assert vendor_key[1] not in later


def test_revoked_keys_stop_at_once(push: Any) -> None:
    """By id or all of them; an id that is none is an error with the way to find it."""
    assert push.keys.key_id in command(push, "keys", "my_edr", "--revoke", "all")
    assert push.vendor("GET").status_code == 401
    assert "revoked" in command(push, "show", "my_edr")
    assert known_keys(push.inbox)[0].revoked_at is not None
    with pytest.raises(PipelineError, match="no live keys") as caught:
        command(push, "keys", "my_edr", "--revoke", push.keys.key_id)
    assert caught.value.category is Category.INPUT


def test_an_integration_that_is_none_is_named(push: Any) -> None:
    """A PSA, or a name nobody configured: the message lists those there are."""
    for name in ("connectwise", "nobody"):
        with pytest.raises(PipelineError, match="There are: my_edr, other"):
            command(push, "show", name)


def test_an_integration_without_keys_tells_what_to_do(push: Any) -> None:
    """Nothing was ever pushed: the next step is on the screen, and no file is made."""
    told = command(push, "show", "other")
    assert "Make them: reconcile push keys other" in told
    assert not (push.settings.path.parent / "inbox" / "other.sqlite").exists()


def test_a_run_that_is_held_back_can_be_accepted(push: Any) -> None:
    """The screen says why nothing is used; accepting it with a reason makes it count."""
    # The command asks the real clock for its month.
    push.time.now = datetime.now(UTC)
    service = push.service()
    push.run(service, {"[/b] Ltd": 5, "b": 7, "c": 9, "d": 1})
    push.time.passes(minutes=5)
    push.count("b", service, 7, last=False)
    push.count("b", service, 8)
    period = open_period(push.time.now, push.settings.timezone)
    told = command(push, "show", "my_edr")
    assert "less than half" in told
    assert "reconcile push accept my_edr" in told
    assert "[/b] Ltd" in told
    told = command(push, "accept", "my_edr", "--reason", "sold their business")
    assert "Accepted: the run of" in told
    standing = push.standing_of(period)
    assert standing["c", service] == ("0", "absent_in_run")
    with push.inbox.reading() as connection:
        (reason, by) = connection.execute("select reason, accepted_by from acceptances").fetchone()
    assert reason == "sold their business"
    assert by


def test_nothing_is_accepted_that_is_not_held_back(push: Any) -> None:
    """Without a doubted run the command is an error, not a blank cheque."""
    service = push.service()
    push.run(service, {"a": 5, "b": 7})
    for name in ("my_edr", "other"):
        with pytest.raises(PipelineError, match="is held back"):
            command(push, "accept", name, "--reason", "why not")
