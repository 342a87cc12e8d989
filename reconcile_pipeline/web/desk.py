"""What every page needs of an installation, and what one request brings along."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from starlette.datastructures import FormData, QueryParams

from reconcile_pipeline.applying import tenant_of
from reconcile_pipeline.building import Site, door_of
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.periods import open_period
from reconcile_pipeline.review.decide import Door
from reconcile_pipeline.web.access.users import Role, User
from reconcile_pipeline.web.books import Books, Snapshot
from reconcile_pipeline.web.previews import Previews
from reconcile_pipeline.web.proof import ChainProof
from reconcile_pipeline.web.tasks import Tasks

ORIGIN = "review app"
"""The door that the ledger names beside what came through these pages."""


@dataclass(frozen=True)
class Desk:
    """One installation as the pages see it."""

    site: Site
    books: Books
    tasks: Tasks
    now: Callable[[], datetime]
    dagster_url: str = ""
    """Where the Dagster UI of this installation is served; "" when nobody said."""
    follow_now: Callable[[], None] = lambda: None
    """Told when the tables shall follow at once, because cards depend on it."""
    follow: Callable[[], None] = lambda: None
    """Told after every decision and mapping: the published tables shall follow soon."""
    proof: ChainProof = field(default_factory=ChainProof)
    """The latest check of the ledger's chain."""
    previews: Previews = field(default_factory=Previews)


@dataclass(frozen=True)
class Call:
    """One request: who asks, about which month, with which fields."""

    desk: Desk
    user: User
    path: str
    query: QueryParams
    values: Mapping[str, str] = field(default_factory=dict)
    """What the address names: `{"card_id": ...}`."""
    form: FormData = field(default_factory=FormData)
    csrf: str = ""
    wants_fragment: bool = False
    """Whether htmx asks: the changed part is enough."""
    state: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def period(self) -> str:
        """The month this is about: the one asked for, else the open one, else the latest."""
        known = self.desk.books.periods()
        wanted = self.query.get("period") or self.text("period")
        if wanted:
            if wanted not in known:
                raise PipelineError(
                    f"There is no month {wanted[:20]!r} here.",
                    next_step=f"Choose one of {', '.join(known[-12:]) or 'none yet'}.",
                    category=Category.INPUT,
                )
            return wanted
        settings = self.desk.site.settings
        current = open_period(self.desk.now(), settings.timezone)
        return current if current in known or not known else known[-1]

    @cached_property
    def books(self) -> Snapshot:
        """The month's published tables, with what the ledger learned since laid over them."""
        return self.desk.books.of(self.period, self.door)

    @cached_property
    def door(self) -> Door:
        """What decisions of the month are checked with."""
        return door_of(self.desk.site, self.period)

    @cached_property
    def tenant(self) -> str:
        """Name the PSA's tenant that changes would go to."""
        return tenant_of(self.desk.site)

    def text(self, name: str) -> str:
        """A field of the form without the blanks around it; "" when it is missing."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """Every value of a field that may come several times."""
        return [value for value in self.form.getlist(name) if isinstance(value, str)]

    def stamp(self) -> Stamp:
        """Who did it, when and where, for the ledger."""
        return Stamp(self.user.name, self.desk.now(), ORIGIN)

    def may(self, role: str) -> bool:
        """Whether the user has at least this role."""
        return self.user.role >= Role(role)
