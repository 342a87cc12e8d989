"""Suggestions for the mapping pages; made by `matching/suggest`, kept for each published version."""

from collections.abc import Sequence
from typing import Any

from reconcile_pipeline.mapping.bulk import Suggested
from reconcile_pipeline.web.desk import Call


def suggestions_of(call: Call, kind: str) -> list[Suggested]:
    """Every suggestion for unmapped items of the month."""
    return []


def suggestions_for(call: Call, kind: str, rows: Sequence[Any]) -> dict[tuple[str, str], list[Any]]:
    """Suggestions for the rows of a page, by system and id, best first."""
    return {}
