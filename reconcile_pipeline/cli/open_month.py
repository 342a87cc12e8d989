"""The end of the demo: the review app on the same made-up month, before anything was decided.

The demo's own month is closed when it ends. A visitor gets the state as it was right after the
pulls, beside systems of the same made-up provider, and may decide, write back and close for real.
"""

import shutil
import socket
import sys
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from rich.console import Console

from reconcile_pipeline.building import site_of
from reconcile_pipeline.cli.walkthrough import allow_writing
from reconcile_pipeline.serving import address_of, listen, serve, served_beside
from reconcile_pipeline.settings import Settings, load_settings
from reconcile_pipeline.web.access.passwords import generated_password, password_line
from reconcile_pipeline.web.access.users import Account, Role, UsersFile
from reconcile_pipeline.web.serve import now_utc, open_app

FOLDER = "open-month"
DEMO_USER = "demo"
_KEPT = ("landing", "published", "published.duckdb", "warehouse.duckdb", "ledger.db")
_REVIEW = """
[review]
users_file = "users.toml"
"""


class MadeUpMsp(Protocol):
    """The served systems of a made-up provider."""

    def write_config(self, path: Path, *, state_dir: str) -> None:
        """Write the settings of an installation that reads them."""


def keep_state(folder: Path) -> None:
    """Copy the demo's state as it is now, for a visitor."""
    target = folder / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in _KEPT:
        source = folder / name
        if source.is_dir():
            shutil.copytree(source, target / name)
        elif source.is_symlink():
            (target / name).symlink_to(source.readlink())
        elif source.exists():
            shutil.copy2(source, target / name)


def serve_open_month(console: Console, folder: Path, msp: MadeUpMsp) -> None:
    """Serve the review app on the kept month; until Ctrl-C, or just once without a terminal."""
    config = folder / FOLDER / "reconcile.toml"
    msp.write_config(config, state_dir=".")
    allow_writing(config)
    with config.open("a", encoding="utf-8") as file:
        file.write(_REVIEW)
    password = generated_password()
    with UsersFile(config.parent / "users.toml").changing() as accounts:
        accounts[DEMO_USER] = Account(DEMO_USER, Role.ADMIN, password_line(password))
    _serve(console, load_settings(config), password)


def _serve(console: Console, settings: Settings, password: str) -> None:
    with _listener(settings) as listener:
        address = address_of(listener)
        app = open_app(site_of(settings), now=now_utc)
        console.print("\n[bold]6. The same month before the decisions, for you to decide[/bold]")
        console.print(f"Review app: [bold]{address}[/bold]")
        console.print(f"Log in as [bold]{DEMO_USER}[/bold] with [bold]{password}[/bold]")
        if sys.stdin.isatty():
            serve(app, listener, ready=lambda: console.print("Ctrl-C ends it."))
            return
        with served_beside(app, listener):
            answer = urllib.request.urlopen(f"{address}/login", timeout=30)  # noqa: S310 - our own
            if answer.status != HTTPStatus.OK:
                raise RuntimeError(f"the review app answered {answer.status}")
        console.print("Nobody sits at this terminal, so it ends here; it answered.")


def _listener(settings: Settings) -> socket.socket:
    try:
        return listen(settings.review.host, settings.review.port)
    except OSError:
        # Another demo has the usual port: any other does as well.
        return listen(settings.review.host, 0)
