"""`/review`: the list of cards, filtered, sorted, grouped and summed up by its address."""

import secrets
from typing import Any

from starlette.responses import Response

from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.filters import Filter
from reconcile_pipeline.web.pages.deciding import what_was_said, with_words
from reconcile_pipeline.web.render import page

Row = dict[str, Any]
_GROUPED_BY = {"customer": "company_name", "service": "service_name", "agreement": "agreements"}


def show(call: Call) -> Response:
    """Show one page of the list."""
    wanted = Filter.of(call.query)
    totals = call.books.ask_once("review_totals", **wanted.conditions)
    found = sum(row["cards"] for row in totals)
    last = max(1, -(-found // wanted.size))
    if wanted.page > last:
        wanted = wanted.but(page=last)
    ids = [row["card_id"] for row in call.books.ask("review_ids", **wanted.parameters)]
    rows = call.books.cards(ids)
    choices = call.books.ask_once("review_choices")
    return page(
        call,
        "review.html",
        filter=wanted,
        rows=with_words(call, rows),
        groups=_groups(call, wanted, rows),
        grouped_by=_GROUPED_BY.get(wanted.group, ""),
        totals=totals,
        page_totals=_sums(rows),
        found=found,
        last_page=last,
        findings=[row for row in choices if row["kind"] == "finding"],
        vendors=[row["name"] for row in choices if row["kind"] == "vendor"],
        named=_named(wanted, rows),
        key=secrets.token_hex(8),
        said=what_was_said(call),
    )


def _groups(call: Call, wanted: Filter, rows: list[Row]) -> dict[str, list[Row]]:
    """Subtotals by group name, for the groups on this page."""
    if not wanted.group:
        return {}
    keys = sorted({row[_GROUPED_BY[wanted.group]] for row in rows})
    found: dict[str, list[Row]] = {}
    for row in call.books.ask("review_groups", keys=keys, **wanted.parameters):
        found.setdefault(row["name"], []).append(row)
    return found


def _sums(rows: list[Row]) -> list[Row]:
    """Money of the page's cards, per currency; unlike currencies are never added up."""
    found: dict[str | None, Row] = {}
    for row in rows:
        sums = found.setdefault(
            row["currency"],
            {"currency": row["currency"], "cards": 0, "amount_under": 0, "amount_over": 0},
        )
        sums["cards"] += 1
        amount = row["amount_delta"] or 0
        sums["amount_under" if amount > 0 else "amount_over"] += amount
    return sorted(found.values(), key=lambda sums: (-sums["cards"], sums["currency"] or ""))


def _named(wanted: Filter, rows: list[Row]) -> dict[str, str]:
    """Names of the customer and the service that the filter names by id."""
    first = rows[0] if rows else {}
    return {
        "customer": str(first.get("company_name", wanted.customer)) if wanted.customer else "",
        "service": str(first.get("service_name", wanted.service)) if wanted.service else "",
    }
