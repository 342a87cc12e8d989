"""`/tasks`: the command that works now, and what it says; a part of the pages that start one."""

from starlette.responses import Response

from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.render import fragment


def show(call: Call) -> Response:
    """The part anew; when the command is done, the whole page is loaded again."""
    answer = fragment(call, "task.html", back=call.query.get("back", "/syncs"))
    task = call.desk.tasks.latest
    if call.wants_fragment and (task is None or not task.is_running):
        answer.headers["HX-Refresh"] = "true"
    return answer
