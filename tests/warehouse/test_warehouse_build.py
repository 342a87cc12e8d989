"""Landed pages into core: only what was landed, only records with an owner, only this period."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.landing.evidence import current_evidence
from reconcile_pipeline.landing.manifest import Manifest, StreamResult
from reconcile_pipeline.landing.pages import PageWriter, sha256_of
from reconcile_pipeline.model import PipelineError, PullState
from reconcile_pipeline.warehouse.build import build_core

PERIOD = "2026-11"
START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
Pages = Mapping[str, list[tuple[Any, str | None]]]
"""By stream: (JSON body, parent id)."""

RULES = [{"id": "r", "billable_statuses": ["APPROVED"], "count_virtual_guests": True}]
DEVICE = {"organizationId": 1, "nodeClass": "WINDOWS_SERVER", "approvalStatus": "APPROVED"}
NINJA: Pages = {
    "counting_rules": [([RULES[0] | {"count_ipados": True}], None)],
    "organizations": [([{"id": 1, "name": "Acme"}], None)],
    "devices": [
        ([DEVICE | {"id": 7}, DEVICE | {"id": 8, "organizationId": 99}], None),
        ([DEVICE | {"id": 7}], None),
    ],
}
CONNECTWISE: Pages = {
    "companies": [([{"id": 1, "name": "Acme", "types": [{"name": "Client"}]}], None)],
    "company_statuses": [([{"id": 1, "inactiveFlag": False}], None)],
    "catalogue": [([{"id": 5, "identifier": "seat"}], None)],
    "agreement_types": [([{"id": 3, "name": "Managed"}], None)],
    "billing_cycles": [([{"id": 2, "billingOptions": "Monthly"}], None)],
    "agreements": [
        (
            [
                {"id": number, "name": f"A{number}", "company": {"id": number}, "type": {"id": 3}}
                for number in (1, 99)
            ],
            None,
        )
    ],
    "agreement_scope": [
        ([{"agreement_id": str(number), "excluded_reason": None} for number in (1, 99)], None)
    ],
    "additions": [
        (
            [
                {
                    "id": 10 * number,
                    "product": {"id": 5},
                    "quantity": 2,
                    "billCustomer": "Billable",
                }
            ],
            str(number),
        )
        for number in (1, 99)
    ],
}


def land(landing: Path, system: str, role: str, pages: Pages, hours: float = 0) -> Manifest:
    started = START + timedelta(hours=hours)
    manifest = Manifest(
        pull_id=f"{system}-{hours:g}",
        system=system,
        kind=system,
        role=role,
        period=PERIOD,
        is_grace=False,
        on="2026-11-22",
        started_at=started,
        finished_at=started,
        state=PullState.COMPLETE,
    )
    folder = landing / manifest.relative_path
    folder.mkdir(parents=True)
    results = []
    for name, bodies in pages.items():
        path = folder / f"{name}.parquet"
        with PageWriter(path, system=system, stream=name) as writer:
            for body, parent in bodies:
                writer.add(json.dumps(body), fetched_at=started, status=200, parent_id=parent)
        results.append(StreamResult(name, path.name, sha256_of(path), 1, 1, 1, None, None))
    return replace(manifest, streams=tuple(results))


@pytest.fixture
def build(books: Any, tmp_path: Path) -> Callable[..., None]:
    def run(*attempts: Manifest, landing: Path = tmp_path) -> None:
        build_core(
            books.connection,
            landing=landing,
            period=PERIOD,
            attempts=attempts,
            evidence=current_evidence(attempts),
            stale_after=timedelta(hours=24),
        )

    return run


def test_a_landed_file_that_was_touched_is_refused(
    books: Any, build: Callable[..., None], tmp_path: Path
) -> None:
    """One changed byte in the landing folder is no evidence; what core held before stays."""
    manifest = land(tmp_path, "ninjaone", "vendor", NINJA)
    build(manifest)
    path = tmp_path / manifest.relative_path / "devices.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(PipelineError, match="is not the file that was landed") as caught:
        build(manifest)
    assert "devices.parquet" in caught.value.message
    assert caught.value.system == "ninjaone"
    assert books.connection.execute("select count(*) from core.usage").fetchall() == [(4,)]


def test_a_device_of_an_unknown_organization_is_left_out(
    books: Any, build: Callable[..., None], tmp_path: Path
) -> None:
    """An organization made after its list was read loses no unit: its devices are listed."""
    build(land(tmp_path, "ninjaone", "vendor", NINJA))
    query = "select account_id, qty from core.usage where service_id = 'total_devices'"
    assert books.connection.execute(query).fetchall() == [("1", 1)]
    query = "select record_id, qty, reason from core.left_out"
    assert books.connection.execute(query).fetchall() == [("8", 1, "account_unknown")]
    assert books.lost() == []
    (total,) = (r for r in books.rows("recon.conservation") if r["measure"] == "read:device")
    assert (total["qty_in"], total["qty_cards"], total["qty_excluded"]) == (2, 1, 1)


def test_a_line_of_an_unknown_company_is_left_out(
    books: Any, build: Callable[..., None], tmp_path: Path
) -> None:
    """A company made after the list was read loses no line: it is listed with the reason."""
    build(land(tmp_path, "connectwise", "psa", CONNECTWISE))
    query = "select line_id, excluded_reason from core.agreement_lines order by line_id"
    assert books.connection.execute(query).fetchall() == [("10", None), ("990", "company_unknown")]
    assert books.lost() == []
    found = [(row["record_id"], row["reason"]) for row in books.rows("recon.exclusions")]
    assert found == [("990", "company_unknown")]


def test_building_again_replaces_the_period(
    books: Any, build: Callable[..., None], tmp_path: Path
) -> None:
    """A newer pull takes the place of the older one's rows; other periods stay."""
    books.pull("psa", "2026-10")
    books.company("old", period="2026-10")
    first = land(tmp_path, "ninjaone", "vendor", NINJA)
    build(first)
    fewer = {**NINJA, "devices": [([DEVICE | {"id": 9}], None)]}
    second = land(tmp_path, "ninjaone", "vendor", fewer, hours=1)
    build(first, second)
    connection = books.connection
    assert connection.execute("select distinct pull_id from core.usage").fetchall() == [
        ("ninjaone-1",)
    ]
    query = "select pull_id, is_evidence from core.pulls where period = $period order by started_at"
    assert connection.execute(query, {"period": PERIOD}).fetchall() == [
        ("ninjaone-0", False),
        ("ninjaone-1", True),
    ]
    assert connection.execute("select company_id from core.companies").fetchall() == [("old",)]


def test_the_same_evidence_makes_the_same_rows(
    books: Any, build: Callable[..., None], tmp_path: Path
) -> None:
    """Core is a function of the landing folder: a second build changes no row."""
    manifest = land(tmp_path, "ninjaone", "vendor", NINJA)

    def prints() -> list[str]:
        build(manifest)
        rows = [
            books.connection.execute(f"from core.{name} order by all").fetchall()
            for name in ("pulls", "accounts", "services", "usage", "entities", "left_out")
        ]
        return [hashlib.sha256(repr(table).encode()).hexdigest() for table in rows]

    assert prints() == prints()


def test_failed_attempts_stand_beside_old_evidence(
    books: Any, build: Callable[..., None], tmp_path: Path
) -> None:
    """A system that failed long after its good pull is stale, with the reason of the failure."""
    good = land(tmp_path, "ninjaone", "vendor", NINJA)
    failed = replace(
        good,
        pull_id="later",
        started_at=START + timedelta(hours=25),
        state=PullState.FAILED,
        reason="It refused.",
        next_step="Ask.",
        streams=(),
    )
    alone = replace(failed, pull_id="alone", system="pax8", kind="pax8")
    build(good, failed, alone)
    query = "select pull_id, is_evidence, is_stale, reason from core.pulls order by pull_id"
    assert books.connection.execute(query).fetchall() == [
        ("alone", False, False, "It refused."),
        ("later", False, False, "It refused."),
        ("ninjaone-0", True, True, "It refused."),
    ]
