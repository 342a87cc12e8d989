"""Run the Dagster webserver, its daemon and the review app together, and stop them together.

The programs are started directly: Dagster's own one-command starter is meant for developers
and is being replaced.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from reconcile_pipeline.settings import Settings

MODULE = "reconcile_pipeline.definitions"
HOST = "127.0.0.1"
DAGSTERS = 2
POLL_SECONDS = 0.5
GRACE_SECONDS = 10.0


def serve_ui(settings: Settings, home: Path, port: int) -> int:
    """Serve on loopback until interrupted or until one of them ends; returns its exit code."""
    folder = Path(sys.executable).parent
    environment = {
        **os.environ,
        "RECONCILE_CONFIG": str(settings.path),
        "DAGSTER_HOME": str(home.absolute()),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    quiet = ("--log-level", "warning")
    commands = (
        (folder / "dagster-webserver", "-h", HOST, "-p", str(port), "-m", MODULE),
        (folder / "dagster-daemon", "run", "-m", MODULE, *quiet),
        (
            sys.executable,
            "-m",
            "reconcile_pipeline",
            "review",
            "--dagster",
            f"http://{HOST}:{port}",
        ),
    )
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    children = [
        # Their own session: a Ctrl-C reaches us alone, and we stop both in order.
        subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - our own programs
        for command in commands
    ]
    try:
        # The review app may find its port taken; Dagster's two need each other.
        while not stopping and all(child.poll() is None for child in children[:DAGSTERS]):
            time.sleep(POLL_SECONDS)
    finally:
        ended = [child.poll() for child in children[:DAGSTERS]]
        _stop_all(children)
    return 0 if stopping else next((code for code in ended if code), 1)


def _stop_all(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            # Like Ctrl-C: Dagster's programs then stop their own children too.
            child.send_signal(signal.SIGINT)
    for child in children:
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
