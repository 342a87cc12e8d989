"""Serves the push API alone, in the foreground, until it is told to stop."""

from collections.abc import Callable
from dataclasses import dataclass

from reconcile_pipeline.push.app import push_app
from reconcile_pipeline.serving import address_of, serve, take_address
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.state import State


@dataclass(frozen=True)
class PushSite:
    """What the push API needs of an installation; it never opens the ledger."""

    settings: Settings
    state: State


def serve_push(settings: Settings, *, tell: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `tell` is told the address once it is taken.

    Raises:
        PipelineError: `settings`, if the address can't be had.
    """
    app = push_app(PushSite(settings, State(settings.state_dir)))
    where = settings.push
    with take_address(where.host, where.port, what="The push API", table="push") as listener:
        serve(app, listener, ready=lambda: tell(address_of(listener)))
