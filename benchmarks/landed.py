"""Lands made-up pulls of a PSA and a vendor, as pages and manifests, and their mappings.

The pages go through the product's own writer, so the files are cut and compressed as after a
real pull. What the records look like is in records.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import records
from benchmarks.records import Shape
from reconcile_pipeline.landing.evidence import Evidence, current_evidence
from reconcile_pipeline.landing.manifest import FILE_NAME, Manifest, StreamResult, pull_id_for
from reconcile_pipeline.landing.pages import PageWriter, sha256_of
from reconcile_pipeline.model import PullState, Role

PERIOD = "2026-11"
STARTED = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
RECORDS_AT_ONCE = 100_000
TERMS = (
    ("Monthly", "none", ""),
    ("Annual", "1-Year", " — 1 Year"),
    ("Monthly", "1-Year", " — 1 Year"),
)
UNMAPPED = 49
"""Of 50 accounts, the number of the one nobody mapped."""


@dataclass(frozen=True)
class Landed:
    """A landing folder with one period in it, and the mappings a person would have made."""

    landing: Path
    attempts: list[Manifest]
    evidence: list[Evidence]
    mappings: list[dict[str, Any]]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.landing.rglob("*.parquet"))


def land(landing: Path, rows: int, *, each: int = records.SUBSCRIPTIONS_PER_ACCOUNT) -> Landed:
    """Write a period with `rows` usage rows, `each` an account; the same bytes every time."""
    fixed = {
        "company_statuses": records.STATUSES,
        "company_types": records.TYPES,
        "billing_cycles": records.CYCLES,
        "agreement_types": records.AGREEMENT_TYPES,
    }
    accounts = records.accounts_for(rows, each)
    attempts = [
        _pull(
            landing,
            "connectwise",
            Role.PSA,
            records.psa_shapes(accounts),
            accounts=accounts,
            fixed=fixed,
        ),
        _pull(
            landing,
            "pax8",
            Role.VENDOR,
            records.vendor_shapes(rows, accounts),
            accounts=accounts,
            fixed={},
        ),
    ]
    return Landed(landing, attempts, current_evidence(attempts), _mappings(accounts))


def _pull(
    landing: Path,
    system: str,
    role: Role,
    shapes: Sequence[Shape],
    *,
    accounts: int,
    fixed: dict[str, str],
) -> Manifest:
    pull_id = pull_id_for(system, STARTED)
    folder = landing / PERIOD / system / pull_id
    folder.mkdir(parents=True)
    streams = [
        _write(folder, system, name, [(None, body)], path=f"/{name}", records=1)
        for name, body in fixed.items()
    ]
    streams += [
        _write(
            folder,
            system,
            shape.name,
            _bodies(shape, accounts),
            path=shape.path,
            records=shape.kept,
        )
        for shape in shapes
    ]
    manifest = Manifest(
        pull_id=pull_id,
        system=system,
        kind=system,
        role=str(role),
        period=PERIOD,
        is_grace=False,
        on=STARTED.date().isoformat(),
        started_at=STARTED,
        finished_at=STARTED + timedelta(minutes=30),
        state=PullState.COMPLETE,
        calls=sum(stream.pages for stream in streams),
        streams=tuple(streams),
    )
    (folder / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _write(
    folder: Path,
    system: str,
    name: str,
    bodies: Iterator[tuple[str | None, str]] | list[tuple[str | None, str]],
    *,
    path: str,
    records: int,
) -> StreamResult:
    file = folder / f"{name}.parquet"
    with PageWriter(file, system=system, stream=name) as writer:
        for parent_id, body in bodies:
            writer.add(body, fetched_at=STARTED, status=200, template=path, parent_id=parent_id)
    return StreamResult(
        name=name,
        file=file.name,
        sha256=sha256_of(file),
        pages=writer.pages,
        records=records,
        distinct_keys=records,
        announced=None,
        accounts=None,
    )


def _bodies(shape: Shape, accounts: int) -> Iterator[tuple[str | None, str]]:
    """Make the pages some hundred thousand records at a time: ten million don't fit in memory."""
    pages = -(-shape.records // shape.page_size)
    at_once = max(1, RECORDS_AT_ONCE // shape.page_size) * shape.page_size
    # Every Pax8 page says how many there are; ConnectWise sends bare lists.
    start = '{"content":[' if shape.announces_total else "["
    total = f'"totalElements":{shape.records},"totalPages":{pages}'
    end = (
        f'],"page":{{"size":{shape.page_size},{total},"number":0}}}}'
        if shape.announces_total
        else "]"
    )
    with duckdb.connect() as connection:
        for first in range(0, shape.records, at_once):
            yield from connection.execute(
                f"""
                select
                    min({shape.parent or "cast(null as varchar)"}) :: varchar,
                    concat($start, string_agg({shape.record}, ',' order by i), $end)
                from (select range as i, $n as n from range($first, $stop))
                where {shape.wanted}
                group by i // {shape.page_size}
                order by i // {shape.page_size}
                """,
                {
                    "start": start,
                    "end": end,
                    "n": accounts,
                    "first": first,
                    "stop": min(first + at_once, shape.records),
                },
            ).fetchall()


def _mappings(accounts: int) -> list[dict[str, Any]]:
    """Nearly all accounts, most services; some left open and some excluded, as in real life."""
    with duckdb.connect() as connection:
        account_ids = connection.execute(
            f"select {records.account_id('range')} from range({accounts})"
            f" where range % 50 <> {UNMAPPED} order by range"
        ).fetchall()
        numbers = [number for number in range(accounts) if number % 50 != UNMAPPED]
        product_ids = connection.execute(
            f"select {records.product_id('range')} from range({records.EXCLUDED_PRODUCTS})"
            " order by range"
        ).fetchall()
    rows = [
        _mapping("account", item[0], f"Customer {number}", str(number + 1), f"Customer {number}")
        for number, item in zip(numbers, account_ids, strict=True)
    ]
    for number, item in enumerate(product_ids):
        is_mapped = number < records.MAPPED_PRODUCTS
        for billing, commitment, suffix in TERMS:
            rows.append(
                _mapping(
                    "service",
                    f"{item[0]}|{billing}|{commitment}",
                    f"Product {number} {billing}{suffix}",
                    str(records.PSA_PRODUCT + number) if is_mapped else None,
                    f"Product {number}" if is_mapped else None,
                )
            )
    return rows


def _mapping(
    kind: str, item_id: str, item_name: str, target_id: str | None, target_name: str | None
) -> dict[str, Any]:
    is_mapped = target_id is not None
    return {
        "kind": kind,
        "system": "pax8",
        "item_id": item_id,
        "item_name": item_name,
        "target_id": target_id,
        "target_name": target_name,
        "leg": "usage",
        "multiplier": Decimal(1),
        "state": "mapped" if is_mapped else "excluded",
        "method": "exact",
        "decided_by": "benchmark",
        "decided_at": datetime(2026, 11, 1),  # noqa: DTZ001 - the warehouse holds naive UTC
        "reason": None if is_mapped else "Not resold",
    }
