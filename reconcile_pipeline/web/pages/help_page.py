"""`/help`: the words of the pages, and the keyboard shortcuts with their switch."""

from starlette.responses import Response

from reconcile_pipeline.cli.summary import MEANING
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.render import page

KEYS = (
    ("j / k", "next or previous card"),
    ("x", "select the card"),
    ("a", "approve: both sides agree"),
    ("r", "reconcile to the number on the button"),
    ("n", "no change: moves to the note, Enter sends it"),
    ("u", "undo the decision"),
    ("o", "open the card"),
    ("/", "search"),
    ("g, then o r m s w h", "go to Overview, Review, Mapping, Syncs, Write-back, History"),
    ("?", "this page"),
)


def show(call: Call) -> Response:
    """Show it."""
    return page(call, "help.html", keys=KEYS, meaning=MEANING)
