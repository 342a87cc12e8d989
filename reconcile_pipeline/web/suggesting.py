"""Suggestions for the mapping pages, made by `matching/suggest` once for each published version.

What the tables know beside names goes in too: domains of accounts that are mapped already, and the
counts of the last months on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconcile_pipeline.mapping.bulk import Suggested
from reconcile_pipeline.matching.suggest import ACCOUNTS, SERVICES, Candidate, suggest
from reconcile_pipeline.web.desk import Call

PROFILES = {"account": ACCOUNTS, "service": SERVICES}


@dataclass(frozen=True)
class Shown:
    """A suggestion on a page."""

    name: str
    label: str
    score: float
    reasons: tuple[str, ...]


def suggestions_of(call: Call, kind: str) -> list[Suggested]:
    """Every suggestion for items that were unmapped when the tables were built, best first."""
    found: list[Suggested] = call.books.keep(f"suggestions {kind}", lambda: _made(call, kind))
    return found


def suggestions_for(
    call: Call, kind: str, rows: Sequence[Any]
) -> dict[tuple[str, str], list[Shown]]:
    """Suggestions for the unmapped rows of a page, by system and id, best first."""
    names = {row["id"]: row["name"] for row in _rows(call, kind, "target")}
    wanted = {_place(row, kind) for row in rows if row.state == "unmapped"}
    found: dict[tuple[str, str], list[Shown]] = {}
    for each in suggestions_of(call, kind):
        place = (each.system, each.item_id)
        if place in wanted and each.target_id in names:
            name = names[each.target_id]
            label = f"{name} ({each.target_id})"
            found.setdefault(place, []).append(Shown(name, label, each.score, each.reasons))
    return found


def _place(row: Any, kind: str) -> tuple[str, str]:  # noqa: ANN401 - a row of either page
    return (row.system, row.account_id if kind == "account" else row.service_id)


def _made(call: Call, kind: str) -> list[Suggested]:
    items = [_candidate(row) for row in _rows(call, kind, "item")]
    targets = [_candidate(row) for row in _rows(call, kind, "target")]
    return [
        Suggested(item.id, each.target_id, each.score, each.reasons, each.is_certain, item.system)
        for item, own in zip(items, suggest(items, targets, profile=PROFILES[kind]), strict=True)
        for each in own
    ]


def _rows(call: Call, kind: str, side: str) -> list[dict[str, Any]]:
    rows = call.books.ask_once("mapping_candidates")
    return [row for row in rows if row["kind"] == kind and row["side"] == side]


def _candidate(row: dict[str, Any]) -> Candidate:
    counts = zip(row["months"] or (), row["counts"] or (), strict=True)
    return Candidate(
        row["id"],
        row["name"],
        row["system"],
        domains=frozenset(row["domains"] or ()),
        counts={month: float(qty) for month, qty in counts},
    )
