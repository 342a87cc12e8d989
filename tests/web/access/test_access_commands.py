"""`reconcile users`: accounts made, changed and removed, and passwords that stand nowhere."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from reconcile_pipeline.cli import app
from reconcile_pipeline.cli.commands.users import RoleName
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.settings_review import PROXY_ROLES
from reconcile_pipeline.settings_template import template
from reconcile_pipeline.web.access.passwords import is_password
from reconcile_pipeline.web.access.users import ROLES, UsersFile

PASSWORD = "four quiet llamas"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "reconcile.toml"
    text = template(["connectwise"])[0]
    path.write_text(text.replace("# users_file =", "users_file ="), encoding="utf-8")
    return path


def run(config: Path, *arguments: str, typed: str = "") -> str:
    result = CliRunner().invoke(
        app, ["users", *arguments, "--config", str(config)], input=typed, env={"COLUMNS": "200"}
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def accounts(config: Path) -> Any:
    return UsersFile(config.parent / "users.toml").accounts()


def test_the_first_account_can_log_in(config: Path) -> None:
    """Asked twice, shown never; the name in its one spelling."""
    told = run(config, "add", "Ann", "--role", "admin", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert "Added ann (admin)" in told
    assert PASSWORD not in told
    assert is_password(PASSWORD, accounts(config)["ann"].password)
    assert run(config, "list").split() == ["ann", "admin"]


def test_two_different_passwords_are_asked_for_again(config: Path) -> None:
    """A slip of the finger locks nobody out."""
    typed = f"{PASSWORD}\nfour quite llamas\n{PASSWORD}\n{PASSWORD}\n"
    run(config, "add", "ann", "--role", "viewer", typed=typed)
    assert is_password(PASSWORD, accounts(config)["ann"].password)


def test_a_generated_password_is_shown_once_and_works(config: Path) -> None:
    """It stands in no file."""
    told = run(config, "add", "ann", "--role", "viewer", "--generate")
    found = re.search(r"shown this once: (\S+)", told)
    assert found
    assert is_password(found[1], accounts(config)["ann"].password)
    assert found[1] not in (config.parent / "users.toml").read_text(encoding="utf-8")
    assert found[1] not in run(config, "list")


def test_an_account_for_the_proxy_has_no_password(config: Path) -> None:
    """Its role counts; it can't be entered by the login form."""
    run(config, "add", "ann", "--role", "approver", "--no-password")
    assert accounts(config)["ann"].password == ""
    assert "through the proxy only" in run(config, "list")


def test_accounts_change_and_go(config: Path) -> None:
    """Role, password, removal: each command changes that and nothing else."""
    run(config, "add", "ann", "--role", "viewer", "--no-password")
    run(config, "add", "bob", "--role", "viewer", "--generate")
    before = accounts(config)["bob"]
    assert "was viewer and is approver" in run(config, "role", "bob", "approver")
    assert accounts(config)["bob"].password == before.password
    run(config, "password", "bob", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert is_password(PASSWORD, accounts(config)["bob"].password)
    assert accounts(config)["bob"].role == "approver"
    run(config, "remove", "BOB")
    assert list(accounts(config)) == ["ann"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "ann", "--role", "viewer", "--generate"), "There is a user ann already"),
        (("add", "ann lee", "--role", "viewer"), "can't be the name of a user"),
        (("role", "bob", "viewer"), "There is no user bob"),
        (("password", "bob"), "There is no user bob"),
        (("remove", "bob"), "There is no user bob"),
    ],
)
def test_mistakes_change_nothing(config: Path, arguments: tuple[str, ...], message: str) -> None:
    """One sentence, and the file stays as it was."""
    run(config, "add", "ann", "--role", "admin", "--no-password")
    before = (config.parent / "users.toml").read_bytes()
    with pytest.raises(PipelineError, match=message):
        run(config, *arguments)
    assert (config.parent / "users.toml").read_bytes() == before


def test_a_short_password_makes_no_account(config: Path) -> None:
    """Twelve characters or more."""
    with pytest.raises(PipelineError, match="has 5 characters"):
        run(config, "add", "ann", "--role", "viewer", typed="llama\nllama\n")
    assert not (config.parent / "users.toml").exists()


def test_no_command_takes_a_password_as_an_argument(config: Path) -> None:
    """The shell's history and the list of processes are read by others."""
    for command in ("add", "password"):
        told = CliRunner().invoke(app, ["users", command, "--help"], env={"COLUMNS": "200"}).output
        assert "--password" not in told.replace("--no-password", "")
    assert "--password" not in run(config, "add", "x", "--role", "viewer", "--generate")


def test_without_a_file_of_accounts_the_settings_are_the_next_step(config: Path) -> None:
    """Nothing is written where no setting says so."""
    config.write_text(template(["connectwise"])[0], encoding="utf-8")
    with pytest.raises(PipelineError, match="names no file of accounts") as caught:
        run(config, "list")
    assert 'users_file = "users.toml"' in caught.value.next_step


def test_the_roles_are_the_same_everywhere() -> None:
    """Command line, settings and app know the same four."""
    assert list(RoleName) == list(ROLES) == list(PROXY_ROLES[1:])
