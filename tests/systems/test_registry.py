"""The registry: every system declares itself so that nothing else has to know it."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.http import Request
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.settings_checks import default_of
from reconcile_pipeline.systems import registry
from reconcile_pipeline.systems.base import REQUIRED, System

ROOM = Path(registry.__file__).parent
every_system = pytest.mark.parametrize("system", registry.SYSTEMS.values(), ids=registry.SYSTEMS)


@every_system
def test_fields_explain_themselves(system: System) -> None:
    """Each setting has help; required ones have an example, secrets a variable."""
    names = [field.name for field in system.fields]
    assert len(names) == len(set(names))
    assert "kind" not in names
    for field in system.fields:
        assert field.help.endswith(".")
        if field.kind == "secret":
            assert field.variable.isupper()
        elif field.default is REQUIRED:
            assert field.example
        else:
            default_of(field)


@every_system
def test_streams_are_declared_without_a_call(system: System, make_account: Any) -> None:
    """Names are unique, and each stream has exactly one way to come by its records."""
    streams = system.streams(make_account(system.kind), date(2026, 11, 22))
    names = [stream.name for stream in streams]
    assert len(names) == len(set(names))
    for stream in streams:
        ways = [stream.request, stream.children, stream.plan]
        assert sum(way is not None for way in ways) == (0 if system.read else 1)
        assert stream.may_be_empty or stream.empty_hint
        if stream.request is not None:
            assert isinstance(stream.request, Request)
            # A fresh paginator per list: they keep state.
            assert stream.paginator() is not stream.paginator()


@every_system
def test_clients_are_made_without_a_call_and_show_no_secret(
    system: System, make_account: Any
) -> None:
    """Building a client touches no network, and its repr holds none of its secrets."""
    if system.client is None:
        assert system.read is not None
        return
    account = make_account(system.kind)
    client = system.client(account)
    assert client.stats.calls == 0
    assert not any(secret in repr(client) for secret in account.secret_values())


@every_system
def test_a_missing_secret_stops_the_client(system: System, make_account: Any) -> None:
    """No client is built around an empty key."""
    if system.client is None:
        return
    account = make_account(system.kind)
    for field in system.fields:
        if field.kind == "secret":
            account.secrets.environ.clear()
            with pytest.raises(PipelineError, match=field.variable):
                system.client(account)
            return


def test_every_module_with_a_system_is_registered() -> None:
    """A system that was written can be configured."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(ROOM.glob("*/*.py")))
    assert text.count(" = System(") == len(registry.SYSTEMS)
    assert {system.role for system in registry.SYSTEMS.values()} == set(Role)


def test_an_unknown_kind_is_answered_with_the_one_meant() -> None:
    """Misspelled kinds are suggested, strange ones get the list."""
    assert registry.system("pax8") is registry.SYSTEMS["pax8"]
    with pytest.raises(PipelineError, match="Did you mean 'ninjaone'") as caught:
        registry.system("NinjaOn")
    assert caught.value.category is Category.SETTINGS
    with pytest.raises(PipelineError, match=r"connectwise, autotask, .*pax8"):
        registry.system("zzz")
