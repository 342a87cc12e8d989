"""`/healthz`: is the app able to work? For a monitor; no secrets, no names."""

from starlette.responses import JSONResponse, Response

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.web.desk import Call


def show(call: Call) -> Response:
    """Answer 200 while the ledger answers and something is published, else 503."""
    published = call.desk.site.state.published
    problems = [] if published.exists() else ["nothing is published yet"]
    try:
        call.desk.site.ledger.head()
    except PipelineError as error:
        problems.append(error.message)
    age = None
    if published.exists():
        age = round(call.desk.now().timestamp() - published.stat().st_mtime)
    told = {"is_well": not problems, "published_age_seconds": age, "problems": problems}
    return JSONResponse(told, 503 if problems else 200)
