"""Pictures of the review app for docs/screens, taken from the demo's made-up month.

    python scripts/screenshots.py

Needs Chromium. Serves a made-up provider and the app, looks at four pages, and ends.
"""

import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import sync_playwright

from reconcile_pipeline.building import site_of
from reconcile_pipeline.serving import address_of, listen, served_beside
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.simulators.serve import running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors import SIDES
from reconcile_pipeline.web.serve import now_utc, open_app

TARGET = Path(__file__).parent.parent / "docs" / "screens"
SEED = 2026
SIZE = {"width": 1280, "height": 800}


def main() -> None:
    """Make the pictures anew."""
    world = build_world(SEED, "small", datetime.now(UTC).date(), list(SIDES))
    with tempfile.TemporaryDirectory() as name, running(world) as msp:
        config = Path(name) / "reconcile.toml"
        msp.write_config(config)
        command = [sys.executable, "-m", "reconcile_pipeline", "run", "--config", str(config)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
        with listen("127.0.0.1", 0) as listener:
            app = open_app(site_of(load_settings(config)), now=now_utc)
            with served_beside(app, listener):
                _look(address_of(listener))


def _look(address: str) -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.goto(f"{address}/review?type=under_billed")
        card = page.locator("tr.card .customer a").first.get_attribute("href")
        for name, path in (
            ("overview", "/"),
            ("review", "/review"),
            ("card", str(card)),
            ("mapping", "/mapping/accounts?state=unmapped"),
        ):
            page.goto(address + path)
            page.screenshot(path=TARGET / f"{name}.png")
            print(f"docs/screens/{name}.png")  # noqa: T201 - what a script says
        browser.close()


if __name__ == "__main__":
    main()
