"""Commands for accounts of the review app: add, list, role, password, remove.

Passwords are typed twice or made here and shown once; they are never taken from the command line,
where the history and the list of processes would keep them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import typer

from reconcile_pipeline.cli.app import ConfigOption, app, console
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.web.access.passwords import SHORTEST, generated_password, password_line
from reconcile_pipeline.web.access.users import (
    Account,
    Role,
    UsersFile,
    clean_name,
    users_file_of,
)

users = typer.Typer(help="Who may log in to the review app, and as what.", no_args_is_help=True)
app.add_typer(users, name="users")


class RoleName(StrEnum):
    """The roles an account can have."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    APPROVER = "approver"
    ADMIN = "admin"


NameArgument = Annotated[str, typer.Argument(help="Small letters, digits and . _ @ + - only.")]
GenerateOption = Annotated[
    bool, typer.Option("--generate", help="Make a password and show it this once.")
]


@users.command()
def add(
    name: NameArgument,
    role: Annotated[RoleName, typer.Option("--role", help="What the user may do.")],
    *,
    generate: GenerateOption = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Only the proxy's login can vouch for this user.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Make an account; asks for its password twice."""
    file, name = _open(config), _named(name)
    if file.path.exists():
        _refuse_known(file.accounts(), name)
    line = "" if no_password else _new_line(name, is_generated=generate)
    with file.changing() as accounts:
        # Somebody may have been faster while the password was typed.
        _refuse_known(accounts, name)
        accounts[name] = Account(name, Role(role), line)
    console.print(f"Added {name} ({role}) to {file.path}.", soft_wrap=True)


@users.command("list")
def list_users(config: ConfigOption = None) -> None:
    """List the accounts and their roles."""
    for account in sorted(_open(config).accounts().values(), key=lambda each: each.name):
        how = "" if account.password else "  (through the proxy only)"
        typer.echo(f"{account.name}  {account.role}{how}")


@users.command("role")
def change_role(name: NameArgument, role: RoleName, config: ConfigOption = None) -> None:
    """Give a user another role, from the next click on."""
    file, name = _open(config), _named(name)
    with file.changing() as accounts:
        old = _known(accounts, name)
        accounts[name] = Account(name, Role(role), old.password)
    console.print(f"{name} was {old.role} and is {role} from now on.")


@users.command("password")
def change_password(
    name: NameArgument, *, generate: GenerateOption = False, config: ConfigOption = None
) -> None:
    """Give a user another password; whoever is logged in with the old one is logged out."""
    file, name = _open(config), _named(name)
    _known(file.accounts(), name)
    line = _new_line(name, is_generated=generate)
    with file.changing() as accounts:
        accounts[name] = Account(name, _known(accounts, name).role, line)
    console.print(f"{name} has another password from now on.")


@users.command()
def remove(name: NameArgument, config: ConfigOption = None) -> None:
    """Remove an account; whoever is logged in with it is logged out."""
    file, name = _open(config), _named(name)
    with file.changing() as accounts:
        _known(accounts, name)
        del accounts[name]
    console.print(f"Removed {name}. What {name} decided stays in the ledger.")


def _open(config: ConfigOption) -> UsersFile:
    return users_file_of(load_settings(config))


def _named(text: str) -> str:
    name = clean_name(text)
    if name is None:
        raise PipelineError(
            f"{text[:80]!r} can't be the name of a user.",
            next_step="Use letters, digits and . _ @ + - only, for example ann or ann@yourmsp.com.",
            category=Category.INPUT,
        )
    return name


def _refuse_known(accounts: Mapping[str, Account], name: str) -> None:
    if name in accounts:
        raise PipelineError(
            f"There is a user {name} already.",
            next_step="Change it with: reconcile users role, or reconcile users password",
            category=Category.INPUT,
        )


def _known(accounts: Mapping[str, Account], name: str) -> Account:
    found = accounts.get(name)
    if found is None:
        raise PipelineError(
            f"There is no user {name}.",
            next_step=f"There are: {', '.join(sorted(accounts)) or 'none yet'}.",
            category=Category.INPUT,
        )
    return found


def _new_line(name: str, *, is_generated: bool) -> str:
    if not is_generated:
        words = f"New password of {name} ({SHORTEST} characters or more)"
        return password_line(typer.prompt(words, hide_input=True, confirmation_prompt=True))
    password = generated_password()
    typer.echo(f"Password of {name}, shown this once: {password}")
    return password_line(password)
