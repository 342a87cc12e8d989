"""The shapes in which Liongard answers: lists bare or enveloped, values by system and metric.

The documentation and its own clients disagree on both, so both are read (Liongard: v1 paging,
metric evaluation). Anything else is refused: it must never pass as an empty list.
"""

from dataclasses import replace

from reconcile_pipeline.http import Reply, Request
from reconcile_pipeline.http.paginators import incomplete_error
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.reading import at, bare_list, count_at, list_under

PAGE_SIZE = 1000


def rows(data: object) -> list[Record]:
    """Return the records of a bare list, or of `{"Data": […]}`."""
    if isinstance(data, dict) and "Data" in data:
        return list_under("Data")(data)
    return bare_list(data)


def rows_or_one(data: object) -> list[Record]:
    """Return the records of a list, or the one that came without: the specification shows both."""
    if isinstance(data, dict) and "ID" in data:
        return [data]
    return rows(data)


def announced(data: object) -> int | None:
    """Return how many records the list has, where an envelope says it."""
    return count_at(data, "Pagination.TotalRows")


class IfPaged:
    """A list that comes in one piece, unless its envelope says that there are more rows."""

    is_by_place = True

    def __init__(self) -> None:
        """Begin with the first page."""
        self._page = 1

    def first(self, request: Request) -> Request:
        """Ask as it is: the documentation knows no pages."""
        self._page = 1
        return request

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:  # noqa: ARG002
        """Go on while there are more rows. Raises `ApiError` when the same page comes again."""
        if at(reply.data, "Pagination.HasMoreRows") is not True:
            return None
        if at(reply.data, "Pagination.CurrentPage") != self._page:
            raise incomplete_error(f"page {self._page} was asked for and another came.")
        self._page += 1
        # In the path as the fields are: parameters that repeat their name stand there, too.
        path, _, query = request.path.partition("?")
        kept = [pair for pair in query.split("&") if pair and not pair.startswith("page")]
        asked = "&".join([*kept, f"page={self._page}", f"pageSize={PAGE_SIZE}"])
        return replace(request, path=f"{path}?{asked}", template=request.template)

    def expected_pages(self, reply: Reply) -> int | None:
        """Read the number of pages, where the envelope says it."""
        return count_at(reply.data, "Pagination.TotalPages")


def values(data: object) -> list[Record]:
    """Return one record per system and metric, each given the `id` "<system>/<metric>".

    Takes an object keyed by system id, or a list of such objects. A system without a value is
    absent; which ones were asked for is landed beside the values.
    """
    found: list[Record] = []
    for answer in data if isinstance(data, list) else [data]:
        if not isinstance(answer, dict):
            raise _no_values()
        for system_id, metrics in answer.items():
            if metrics in (None, []):
                continue
            if not system_id.isdigit() or not isinstance(metrics, dict):
                raise _no_values()
            for metric_id, value in metrics.items():
                if not isinstance(value, dict):
                    raise _no_values()
                value["id"] = f"{system_id}/{metric_id}"
                found.append(value)
    return found


def _no_values() -> PipelineError:
    return PipelineError(
        "Liongard answered without the metric values of the systems that were asked for.",
        next_step="Nothing of this pull is used. Run it again; if it stays, Liongard's format has"
        " changed: report it to this project.",
        category=Category.SHAPE,
    )
