"""The command line's one application object, and the options several commands share."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

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
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def without_commands(text: str) -> str:
    """A text that gives a terminal no orders: names and answers come from outside."""
    return _COMMANDS.sub("", text)


class Terminal(Console):
    """A console on which a text is never more than its letters."""

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - those of rich
        """Make a text ready to print, tables' cells as well."""
        return super().render_str(without_commands(text), **options)


# Into a file or a log there is no width to ask for; a table needs some.
console = Terminal(highlight=False, width=None if sys.stdout.isatty() else 132)

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
