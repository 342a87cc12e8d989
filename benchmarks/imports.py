"""Times what Dagster waits for before it can show anything: importing the definitions.

Each reading is a fresh process in an empty folder, so no reconcile.toml is found and nothing is
cached but the compiled files.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

DEFINITIONS = "reconcile_pipeline.definitions"
DAGSTER = "dagster"
_TIMED = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def time_imports(repeats: int) -> dict[str, list[float]]:
    """Seconds of each import, `repeats` times, in turn so that noise hits both."""
    seconds: dict[str, list[float]] = {DEFINITIONS: [], DAGSTER: []}
    environment = {key: value for key, value in os.environ.items() if key != "RECONCILE_CONFIG"}
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
    with tempfile.TemporaryDirectory(prefix="reconcile-imports-") as folder:
        # The first reading compiles files and warms the disk cache; it is not counted.
        for number in range(repeats + 1):
            for module, found in seconds.items():
                answer = subprocess.run(  # noqa: S603 - our own interpreter, a fixed text
                    [sys.executable, "-c", _TIMED.format(module)],
                    cwd=folder,
                    env=environment,
                    check=True,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                if number:
                    found.append(float(answer.stdout))
    return seconds
