"""`/import`: a filled-in export, looked at row by row before anything of it is recorded.

Whoever is logged in decides, whatever the file says. The preview, its confirmation and the result
are those of `bulk`.
"""

from pathlib import Path

from starlette.datastructures import UploadFile
from starlette.responses import Response

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.review.decision_files import Filled, read_rows
from reconcile_pipeline.review.decision_tables import MOST_BYTES
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.pages import bulk
from reconcile_pipeline.web.previews import MOST_CARDS, Unread, too_many
from reconcile_pipeline.web.render import moved_on, page

LONGEST_NAME = 80


def show(call: Call) -> Response:
    """Ask for the file."""
    return page(call, "import.html", error=None)


def prepare(call: Call) -> Response:
    """Read the file, and freeze what would become of each row."""
    try:
        filled = _filled(call)
    except PipelineError as error:
        return page(call, "import.html", status=bulk.UNPROCESSABLE, error=error)
    preview = bulk.freeze(
        call,
        list(filled.wanted.values()),
        file=filled.file,
        unread=tuple(Unread(place, f"It {why}") for place, why in filled.errors),
    )
    return moved_on(bulk.address_of(preview))


def look(call: Call) -> Response:
    """Show the preview of a file, or its result once it is confirmed."""
    try:
        bulk.kept(call, call.values["preview_id"])
    except PipelineError as error:
        return page(call, "import.html", status=bulk.CONFLICT, error=error)
    return bulk.show(call)


def confirm(call: Call) -> Response:
    """Record what the preview of a file promised."""
    try:
        bulk.kept(call, call.text("preview"))
    except PipelineError as error:
        return page(call, "import.html", status=bulk.CONFLICT, error=error)
    return bulk.confirm(call)


def _filled(call: Call) -> Filled:
    upload = call.form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise _refused("No file was chosen.", "Choose the filled-in .xlsx or .csv file.")
    name = _name_of(upload.filename)
    content = upload.file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise _refused(f"{name} is larger than 10 MB.", "Hand in the decisions in parts.")
    filled = read_rows(Path(name), content, call.user.name)
    if filled.periods and call.period not in filled.periods:
        raise _refused(
            f"{name} holds decisions of {', '.join(sorted(filled.periods)[:3])}, and this page is"
            f" about {call.period}.",
            "Choose that month above, or fill in a fresh export of this one.",
        )
    count = len(filled.wanted) + len(filled.errors)
    if not count:
        raise _refused(
            f"{name} holds no decision.", "Fill in the column decision of at least one row."
        )
    if count > MOST_CARDS:
        raise too_many(count, "Hand in the file in parts.")
    return filled


def _name_of(said: str) -> str:
    """The bare name that the browser sent, printable and short; its end tells the kind."""
    bare = said.replace("\\", "/").rpartition("/")[2]
    printable = "".join(each for each in bare if each.isprintable())
    return printable[-LONGEST_NAME:] or "file"


def _refused(what: str, next_step: str) -> PipelineError:
    return PipelineError(what, next_step=next_step, category=Category.INPUT)
