"""A ledger in a folder of its own, and entries with everything filled in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.ledger.decisions import Decided
from reconcile_pipeline.ledger.mappings import Mapping
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Decision

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "state" / "ledger.db")


@pytest.fixture
def entry() -> Callable[..., Mapping]:
    """(kind, target or None to exclude, hours after noon, …) -> a mapping of item `x`."""

    def make(kind: str, target: str | None, hours: float = 0, **changes: Any) -> Mapping:
        values: dict[str, Any] = {
            "kind": kind,
            "system": "pax8",
            "item_id": "x",
            "item_name": "X",
            "target_id": target,
            "target_name": target and f"Target {target}",
            "state": "mapped" if target else "excluded",
            "method": "imported",
            "decided_by": "mappings.csv",
            "decided_at": NOON + timedelta(hours=hours),
        }
        return Mapping(**(values | changes))

    return make


@pytest.fixture
def decided() -> Callable[..., Decided]:
    def make(**changes: Any) -> Decided:
        values: dict[str, Any] = {
            "period": "2026-11",
            "card_id": "c0ffee",
            "card_version": "v1",
            "decision": Decision.RECONCILE,
            "qty_target": Decimal("12.5"),
            "reviewer": "dana",
            "note": "counted",
            "decided_at": NOON,
        }
        return Decided(**(values | changes))

    return make
