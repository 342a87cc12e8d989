"""The installation as a Dagster resource: settings, state folder, ledger and clock.

Holds a path, never a secret: secrets are looked up when a client is made, and the resource page
of the Dagster UI shows nothing else. `fixed_now` lets tests and replays stop the clock.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field, PrivateAttr

from reconcile_pipeline.building import Site, site_of
from reconcile_pipeline.http import install_redaction
from reconcile_pipeline.landing.guards import Limits
from reconcile_pipeline.landing.pull import Pull
from reconcile_pipeline.ledger.accepted import accepted_pull_ids
from reconcile_pipeline.ledger.closings import refuse_if_closed
from reconcile_pipeline.periods import check_pullable, last_day, local_day
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.systems.registry import SYSTEMS


class Installation(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One reconcile.toml and everything it describes."""

    config_path: str = Field(description="The reconcile.toml of this installation.")
    fixed_now: str = Field(default="", description="An instant for tests; empty: the real clock.")
    is_full: bool = Field(default=False, description="Read everything, whatever the settings say.")

    _site: Site | None = PrivateAttr(default=None)

    @property
    def site(self) -> Site:
        """The installation, opened once per run."""
        if self._site is None:
            self._site = site_of(load_settings(Path(self.config_path)))
            install_redaction(self._site.settings.secret_values())
        return self._site

    def now(self) -> datetime:
        """The current instant in UTC."""
        return datetime.fromisoformat(self.fixed_now) if self.fixed_now else datetime.now(UTC)

    def pulls(self, period: str, names: set[str]) -> list[Pull]:
        """The pulls of the named systems; a closed or future period is refused."""
        site, now = self.site, self.now()
        settings = site.settings
        is_grace = check_pullable(period, now, settings.timezone, settings.grace_days)
        with site.ledger.reading() as connection:
            refuse_if_closed(connection, period)
        accepted = accepted_pull_ids(site.ledger)
        return [
            Pull(
                system=SYSTEMS[account.kind],
                account=account,
                landing=site.state.landing,
                period=period,
                is_grace=is_grace,
                # In the grace days records are judged as of the period's last day.
                on=min(local_day(now, settings.timezone), last_day(period)),
                now=self.now,
                limits=Limits(settings.max_row_drop, settings.max_account_drop),
                accepted=accepted,
                rhythm=replace(settings.rhythm, is_forced_full=self.is_full),
            )
            for account in settings.systems
            if account.name in names
        ]
