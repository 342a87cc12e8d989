"""Every page: its address, what shows it, what it changes, and who may do that.

GET never changes anything. The tests of access walk this table.
"""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from reconcile_pipeline.web.access.users import Role
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.pages import (
    bulk,
    deciding,
    exporting,
    health,
    help_page,
    importing,
    overview,
    review,
)

Answer = Callable[[Call], Response]


@dataclass(frozen=True)
class Page:
    """One address."""

    path: str
    show: Answer | None = None
    do: Answer | None = None
    may_see: Role = Role.VIEWER
    may_do: Role = Role.REVIEWER


PAGES = (
    Page("/", overview.show),
    Page("/review", review.show),
    Page("/review/bulk/preview", do=bulk.prepare),
    Page("/review/bulk/confirm", do=bulk.confirm),
    Page("/review/bulk/{preview_id}/list.csv", bulk.download, may_see=Role.REVIEWER),
    Page("/review/bulk/{preview_id}", bulk.show, may_see=Role.REVIEWER),
    Page("/export.xlsx", exporting.workbook),
    Page("/export.csv", exporting.text),
    Page("/import", importing.show, importing.prepare, may_see=Role.REVIEWER),
    Page("/import/confirm", do=importing.confirm),
    Page("/import/{preview_id}", importing.look, may_see=Role.REVIEWER),
    Page("/cards/{card_id}/decide", do=deciding.decide),
    Page("/decisions/{decision_id}/undo", do=deciding.undo),
    Page("/decisions/{decision_id}/confirm", do=deciding.confirm),
    Page("/help", help_page.show),
    Page("/healthz", health.show),
)
