"""How our own applications are served, and how they end."""

import signal

import pytest
from starlette.applications import Starlette

from reconcile_pipeline.serving import listen, serve


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_counts_as_soon_as_the_address_is_told(number: signal.Signals) -> None:
    """Whoever stops the app the moment it tells its address gets it stopped, and no traceback."""
    before = signal.getsignal(number)
    with listen("127.0.0.1", 0) as listener:
        serve(Starlette(), listener, ready=lambda: signal.raise_signal(number))
    assert signal.getsignal(number) is before
