"""The `reconcile` command: one file per group of commands, thin over the rooms.

Exit codes: 0 fine, 1 something failed, 2 wrong usage, input or settings. Heavy imports wait
inside the commands that need them, so that `--help` answers at once.
"""

import logging
import sys

from reconcile_pipeline.cli.app import WRONG_USE, app, without_commands
from reconcile_pipeline.cli.commands import (
    data,
    decisions,
    digests,
    keeping,
    moving,
    push,
    setup,
    trial,
    users,
    writing,
)
from reconcile_pipeline.model import PipelineError

__all__ = [
    "app",
    "data",
    "decisions",
    "digests",
    "keeping",
    "main",
    "moving",
    "push",
    "setup",
    "trial",
    "users",
    "writing",
]


def main() -> None:
    """Run the command line; every known trouble ends in one sentence and its next step."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except PipelineError as error:
        told = f"Error: {error.message}\nNext:  {error.next_step}\n"
        sys.stderr.write(without_commands(told))
        sys.exit(2 if error.category in WRONG_USE else 1)
