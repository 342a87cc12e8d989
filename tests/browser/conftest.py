"""A month end in a real browser: a made-up MSP, the served app, and headless Chromium.

Where no Chromium is installed and none can be, these tests are skipped, and say so loudly.
"""

import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from reconcile_pipeline.applying import tenant_of
from reconcile_pipeline.building import site_of
from reconcile_pipeline.settings import load_settings
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
        done = subprocess.run(  # noqa: S603 - our own command
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
        self.process = subprocess.Popen(  # noqa: S603 - our own command
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
        with config.open("a", encoding="utf-8") as file:
            file.write("\n[review]\nport = 0\n")
        tenant = tenant_of(site_of(load_settings(config)))
        with config.open("a", encoding="utf-8") as file:
            file.write(f'\n[write_back]\nenabled = true\ntenant = "{tenant}"\n')
        office = Office(simulation, config)
        office.run("run")
        office.serve()
        try:
            yield office
        finally:
            office.stop()


def _chromium() -> str:
    """Where the browser is; a loud skip where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), "")
    if not found:
        told = (
            "NO BROWSER: the review app was not looked at. Install chromium (scripts/browser.sh)."
        )
        warnings.warn(pytest.PytestWarning(told), stacklevel=2)
        pytest.skip(told)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each file: while it is there, its loop runs, and no other may run in this thread."""
    path = _chromium()
    with sync_playwright() as playwright:
        # As root, and in containers, Chromium can't make its sandbox.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One month for all who only look, or change what nobody else looks at."""
    with opened_office(tmp_path_factory.mktemp("office"), 2026) as opened:
        yield opened


@pytest.fixture
def own_office(tmp_path: Path) -> Iterator[Office]:
    """A month of the test's own, to take to its end."""
    with opened_office(tmp_path, 77) as opened:
        yield opened


@pytest.fixture
def unmapped_office(tmp_path: Path) -> Iterator[Office]:
    """A month in which some accounts are certain, and some are not."""
    with opened_office(tmp_path, 7) as opened:
        yield opened


@dataclass
class Visit:
    """A person at a browser: pages that must stay free of script errors."""

    context: BrowserContext
    address: str
    troubles: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.set_default_timeout(LONGEST_MS)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on(
            "console",
            lambda message: self.troubles.append(message.text) if message.type == "error" else None,
        )
        page.goto(self.address + path)
        return page


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """(office, **options of the browser's context) -> a person at a browser of their own."""
    visits: list[Visit] = []

    def come(office: Office, **options: Any) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        visits.append(Visit(context, office.address))
        return visits[-1]

    yield come
    for each in visits:
        each.context.close()
        # The browser itself logs refused answers (409, 422) as errors; those are meant.
        assert [text for text in each.troubles if "Failed to load resource" not in text] == []


@pytest.fixture(scope="session")
def violations() -> Callable[[Page], list[str]]:
    """page -> what axe-core finds wrong with it, one line for each."""
    axe = Axe()

    def look(page: Page) -> list[str]:
        found = axe.run(page, options=RULES).response["violations"]
        return [
            f"{item['id']}: {node['html'][:120]}" for item in found for node in item["nodes"][:3]
        ]

    return look
