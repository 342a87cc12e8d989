"""One request after the door: whose it is, when it came, and what it brought.

What handlers of both APIs share; routing and refusing strangers is in `app`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reconcile_pipeline.periods import open_period
from reconcile_pipeline.push.published import Mapped, Published
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.settings_systems import SystemSettings
from reconcile_pipeline.systems.vendors.push_inbox import Inbox


@dataclass(frozen=True)
class Integration:
    """One configured system of kind push, and its inbox."""

    account: SystemSettings
    inbox: Inbox

    @property
    def name(self) -> str:
        """Its name in reconcile.toml."""
        return self.account.name


@dataclass(frozen=True)
class Call:
    """A request that came with a right key."""

    settings: Settings
    published: Published
    integration: Integration
    key_id: str
    now: datetime
    body: Any = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def period(self) -> str:
        """The month in which it came, in the billing time zone."""
        return open_period(self.now, self.settings.timezone)

    @property
    def at(self) -> str:
        """When it came, as inboxes write it."""
        return self.now.astimezone(UTC).isoformat(timespec="microseconds")

    @property
    def mapped(self) -> Mapped:
        """What of this integration is mapped by now."""
        return self.published.mapped(self.integration.name)


Clock = Callable[[], datetime]
