"""The command line's one application object, and the options several commands share."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reconcile_pipeline.model import Category

WRONG_USE = frozenset({Category.SETTINGS, Category.INPUT, Category.CONFLICT})
"""What ends in exit code 2: nothing broke, something has to be written differently."""

app = typer.Typer(
    name="reconcile",
    help="Compare what an MSP's customers are invoiced for with what vendors say is used.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# Into a file or a log there is no width to ask for; a table needs some.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 132)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="The reconcile.toml; otherwise RECONCILE_CONFIG, or the one in this folder.",
    ),
]
PeriodOption = Annotated[
    str | None,
    typer.Option("--period", help="Billing period YYYY-MM; otherwise the open one."),
]
