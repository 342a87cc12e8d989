"""Make the warehouse anew from landing and ledger; the old one stays until it is whole."""

from collections.abc import Callable
from datetime import datetime

from reconcile_pipeline.building import (
    core_step,
    map_step,
    periods_to_rebuild,
    review_step,
    site_of,
)
from reconcile_pipeline.closing import check_frozen
from reconcile_pipeline.engines import fill_of
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.warehouse.build import build_recon
from reconcile_pipeline.warehouse.connect import open_for_writing
from reconcile_pipeline.warehouse.publish import publish


def rebuild_warehouse(
    settings: Settings, *, now: datetime, tell: Callable[[str], None]
) -> list[str]:
    """Rebuild every period, oldest first, and publish; returns the periods.

    Nothing is pulled and nothing enters the ledger, so the tables come out as they were.
    """
    site = site_of(settings)
    periods = periods_to_rebuild(site)
    if not periods:
        return []
    fill = fill_of(settings)
    draft = site.state.warehouse.with_suffix(".rebuilding")
    draft.unlink(missing_ok=True)
    with open_for_writing(draft) as connection:
        for period in periods:
            tell(f"Rebuilding {period} …")
            core_step(connection, site, period, now=now)
            map_step(connection, site, period, fill=fill)
            build_recon(connection, period=period, fill=fill)
            check_frozen(connection, site, period)
            review_step(connection, site, period)
    with open_for_writing(site.state.warehouse):
        # Nobody else holds the old file now; what replaces it is whole.
        draft.replace(site.state.warehouse)
    publish(site.state.warehouse, site.state.published, period=periods[-1])
    return periods
