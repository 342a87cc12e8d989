"""Throws landed pages away that no closed month rests on, once they are old enough.

Only pages of months that are closed, and of pulls that neither the month's evidence nor a count of
its highest day needs. Manifests stay: what was tried, and how it ended, is never forgotten.
"""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from reconcile_pipeline.building import Site, pulls_of_month
from reconcile_pipeline.landing.manifest import FILE_NAME, Manifest, read_manifests
from reconcile_pipeline.ledger.closings import closings_by_period
from reconcile_pipeline.model import Category, PipelineError


@dataclass(frozen=True)
class Unused:
    """A pull whose pages nothing rests on."""

    pull: Manifest
    size: int
    """Bytes of its pages."""


def unused_pulls(site: Site, *, now: datetime) -> list[Unused]:
    """Pulls whose pages may go, oldest month first.

    Raises:
        PipelineError: `settings`, while no policy says after how many days.
    """
    days = site.settings.keep_unused_days
    if not days:
        raise PipelineError(
            "Every landed page is kept: no policy says otherwise.",
            next_step="Write keep_unused_days = 90 under [state] in reconcile.toml, for example.",
            category=Category.SETTINGS,
        )
    found = []
    for period, closing in sorted(closings_by_period(site.ledger).items()):
        needed = set(closing.evidence)
        needed |= {pull.pull_id for pull in pulls_of_month(site, period, needed)}
        for pull in read_manifests(site.state.landing, period):
            is_old = now - pull.finished_at > timedelta(days=days)
            size = sum(path.stat().st_size for path in _pages(_folder(site, pull)))
            if pull.pull_id not in needed and is_old and size:
                found.append(Unused(pull, size))
    return found


def prune(site: Site, *, now: datetime) -> list[Unused]:
    """Remove the pages of `unused_pulls`; returns what is gone. Killed on the way, do it again."""
    found = unused_pulls(site, now=now)
    for item in found:
        for child in _folder(site, item.pull).iterdir():
            if child.is_dir():
                shutil.rmtree(child)
            elif child.name != FILE_NAME:
                child.unlink()
    return found


def _folder(site: Site, pull: Manifest) -> Path:
    return site.state.landing / pull.relative_path


def _pages(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != FILE_NAME]
