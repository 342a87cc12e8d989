"""Publish: a finished, checked, closed copy of the warehouse, swapped in by one rename.

Readers open `published.duckdb`, a link to a version of its own; an open reader keeps its version
until it closes. The gate is asked here, in SQL: an asset check protects only its own run.
"""

import hashlib
import os
import shutil
from pathlib import Path

import duckdb

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.storing import storing
from reconcile_pipeline.warehouse.connect import open_for_writing

VERSIONS_KEPT = 3


def publish(warehouse: Path, published: Path, *, period: str) -> Path:
    """Copy the warehouse to a new version and point `published` at it; returns the version.

    Raises PipelineError and leaves the published file as it was when the period has no PSA
    evidence, a unit is missing, or there is no room for the copy.
    """
    with open_for_writing(warehouse) as connection:
        check_gate(connection, period)
        connection.execute("checkpoint")
    with storing(published.parent):
        return _swap_in(warehouse, published)


def _swap_in(warehouse: Path, published: Path) -> Path:
    folder = published.parent / "published"
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / ".draft.duckdb"
    shutil.copyfile(warehouse, draft)
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
        name = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    version = folder / f"reconcile-{name}.duckdb"
    # A repeat of the same content takes its old name with a new age, and so is the newest again.
    draft.replace(version)
    _point(published, version)
    _forget_old_versions(folder, version)
    return version


def check_gate(connection: duckdb.DuckDBPyConnection, period: str) -> None:
    """Refuse to publish a period without PSA evidence or with a unit missing."""
    psa = connection.execute(
        "select count(*) from core.pulls where period = $period and role = 'psa' and is_evidence",
        {"period": period},
    ).fetchall()[0][0]
    if not psa:
        raise PipelineError(
            f"There is no complete pull of the PSA for {period}, so nothing new is published.",
            next_step="Mend the PSA's pull; what was published before stays.",
            category=Category.INCOMPLETE,
        )
    lost = connection.execute(
        "select system, measure, qty_missing, records_missing from recon.conservation"
        " where period = $period and not is_conserved order by system, measure",
        {"period": period},
    ).fetchall()
    if lost:
        system, measure, qty, records = lost[0]
        raise PipelineError(
            f"{system}: {qty} units and {records} records of {measure} are in no list,"
            " so nothing new is published.",
            next_step="This is a mistake in this software: report it with the landing folder's"
            " manifest; what was published before stays.",
            category=Category.INCOMPLETE,
            system=str(system),
        )


def _point(published: Path, version: Path) -> None:
    draft = published.with_name(f".{published.name}.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(version.relative_to(published.parent))
    draft.replace(published)


def _forget_old_versions(folder: Path, newest: Path) -> None:
    versions = sorted(
        folder.glob("reconcile-*.duckdb"), key=lambda path: path.stat().st_mtime_ns, reverse=True
    )
    for old in versions[VERSIONS_KEPT:]:
        if old != newest:
            old.unlink()
