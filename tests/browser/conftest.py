"""A month end in a real browser: a made-up MSP, the served app, and headless Chromium.

Where no Chromium is installed and none can be, these tests are skipped, and say so loudly.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from reconcile_pipeline.simulators.serve import Simulation, running
from reconcile_pipeline.simulators.world.build import build_world

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LONGEST_MS = 20_000
"""How long a page may take on a busy machine before a test gives up."""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass
class Office:
    """One MSP with its installation, and the review app serving it."""

    simulation: Simulation
    config: Path
    address: str = ""
    process: "subprocess.Popen[str] | None" = None

    @property
    def period(self) -> str:
        return f"{datetime.now(UTC):%Y-%m}"

    def run(self, *arguments: str) -> str:
        """Run `reconcile` for this installation; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "reconcile_pipeline", *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def serve(self) -> None:
        """Start the app on a free port, as a person does."""
        command = [sys.executable, "-m", "reconcile_pipeline", "review", "--config"]
        self.process = subprocess.Popen(
            [*command, str(self.config)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, line
        self.address = line.split()[-1]

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.communicate(timeout=30)


@contextmanager
def opened_office(folder: Path, seed: int, *vendors: str) -> Iterator[Office]:
    """A pulled and compared month, writing switched on, the app served."""
    world = build_world(seed, "small", datetime.now(UTC).date(), list(vendors))
    with running(world) as simulation:
        config = folder / "reconcile.toml"
        simulation.write_config(config)
        tenant = f"{simulation.world.msp.slug}"
        office = Office(simulation, config)
        with config.open("a", encoding="utf-8") as file:
            file.write("\n[review]\nport = 0\n")
        office.run("run")
        office.serve()
        try:
            yield office
        finally:
            office.stop()
