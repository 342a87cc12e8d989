"""Opens the review app for an installation and serves it in the foreground until told to stop."""

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.routing import Mount

from reconcile_pipeline.building import Site, site_of
from reconcile_pipeline.push.app import push_app
from reconcile_pipeline.serving import address_of, serve, take_address
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.web.access.guard import identities_of
from reconcile_pipeline.web.app import review_app
from reconcile_pipeline.web.books import Books
from reconcile_pipeline.web.desk import Desk
from reconcile_pipeline.web.following import Follower
from reconcile_pipeline.web.tasks import Tasks


def serve_review(
    settings: Settings,
    *,
    tell: Callable[[str], None],
    with_push: bool = False,
    dagster_url: str = "",
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: the installation.
        tell: told the address once it is taken.
        with_push: serve the push API below the same address.
        dagster_url: where the installation's Dagster UI is; "" for no links to it.

    Raises:
        PipelineError: `settings`, if the address can't be had or may not be taken without login.
    """
    where = settings.review
    with take_address(where.host, where.port, what="The review app", table="review") as listener:
        app = open_app(site_of(settings), now=now_utc, with_push=with_push, dagster_url=dagster_url)
        serve(app, listener, ready=lambda: tell(address_of(listener)))


def open_app(
    site: Site,
    *,
    now: Callable[[], datetime],
    with_push: bool = False,
    dagster_url: str = "",
) -> Starlette:
    """Make the application for an installation, as it is served."""
    settings = site.settings
    tasks = Tasks(settings.path, site.state.tasks, now)
    follower = Follower(tasks)
    desk = Desk(
        site=site,
        books=Books(site.state.published, settings.limits),
        tasks=tasks,
        now=now,
        follow_now=follower.now,
        follow=follower.soon,
        dagster_url=dagster_url or settings.review.dagster_url,
    )
    app = review_app(desk, identities_of(settings))
    if with_push:
        app.routes.insert(0, Mount("/push", push_app(site)))
    return app


def now_utc() -> datetime:
    """The clock of a served app."""
    return datetime.now(UTC)
