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
    card,
    card_records,
    deciding,
    exporting,
    gaps,
    health,
    help_page,
    history,
    importing,
    mapping,
    overview,
    review,
    syncs,
    working,
    writeback,
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
    Page("/cards/{card_id}", card.show),
    Page("/cards/{card_id}/records", card_records.show, may_see=Role.ADMIN),
    Page("/cards/{card_id}/would-change", do=card.would_change),
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
    Page("/mapping/gaps", gaps.show),
    Page("/mapping/{kind}", mapping.show),
    Page("/mapping/{kind}/preview", do=mapping.preview),
    Page("/mapping/{kind}/save", do=mapping.save),
    Page("/mapping/{kind}/history", mapping.show_history),
    Page("/mapping/{kind}/undo", do=mapping.take_back),
    Page("/syncs", syncs.show),
    Page("/syncs/run", do=syncs.run, may_do=Role.APPROVER),
    Page("/syncs/refresh", do=syncs.refresh, may_do=Role.APPROVER),
    Page("/syncs/{system}", syncs.show_one),
    Page("/syncs/{system}/difference", syncs.difference),
    Page("/syncs/{system}/accept", do=syncs.accept, may_do=Role.APPROVER),
    Page("/tasks", working.show),
    Page("/writeback", writeback.show),
    Page("/writeback/look", do=writeback.look, may_do=Role.APPROVER),
    Page("/writeback/apply", do=writeback.apply, may_do=Role.APPROVER),
    Page("/writeback/undo", do=writeback.undo, may_do=Role.APPROVER),
    Page("/writeback/close", do=writeback.close, may_do=Role.APPROVER),
    Page("/writeback/reopen", do=writeback.reopen, may_do=Role.ADMIN),
    Page("/writeback/report", writeback.report),
    Page("/writeback/{change_id}/settle", do=writeback.settle, may_do=Role.APPROVER),
    Page("/history", history.show),
    Page("/history.csv", history.export),
    Page("/history/verify", do=history.check, may_do=Role.VIEWER),
    Page("/help", help_page.show),
    Page("/healthz", health.show),
)
