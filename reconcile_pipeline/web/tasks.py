"""Long work started from a page: a `reconcile` command in a process of its own, one at a time.

Pulling, building and writing back take minutes and load Dagster; a page only starts them and shows
how they go. The command does its own locking, leaves its own trail and writes into a file, so it
runs to its end even if the app ends first.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reconcile_pipeline.model import Category, PipelineError

MOST_LINES, MOST_BYTES = 60, 64 * 1024
COMMAND = (sys.executable, "-m", "reconcile_pipeline")


@dataclass
class Task:
    """One command that was started from a page."""

    name: str
    """What it is called on the page: `Pull and compare`."""
    arguments: tuple[str, ...]
    started_by: str
    started_at: datetime
    output: Path
    code: int | None = None
    """0: done; above: failed; None: still running."""
    ended_at: datetime | None = None

    @property
    def is_running(self) -> bool:
        """Whether it still works."""
        return self.code is None

    @property
    def lines(self) -> list[str]:
        """What it said last."""
        with self.output.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MOST_BYTES))
            text = file.read().decode("utf-8", "replace")
        return [line.rstrip() for line in text.splitlines() if line.strip()][-MOST_LINES:]


class Tasks:
    """Starts commands for one installation, one at a time, and remembers the latest."""

    def __init__(
        self,
        config: Path,
        folder: Path,
        now: Callable[[], datetime],
        command: Sequence[str] = COMMAND,
    ) -> None:
        """`config`: the installation's settings file; `folder`: where what they say is kept."""
        self._config = config
        self._folder = folder
        self._now = now
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._watchers: list[threading.Thread] = []
        self.latest: Task | None = None
        """The latest that somebody started."""
        self.quiet: Task | None = None
        """The latest that started by itself; nobody waits for it."""

    @property
    def running(self) -> Task | None:
        """The one that works now, if one does."""
        return self.latest if self.latest is not None and self.latest.is_running else None

    def start(self, name: str, arguments: Sequence[str], *, by: str) -> Task:
        """Start `reconcile <arguments> --config …`.

        Raises:
            PipelineError: `conflict`, while another one runs.
        """
        with self._lock:
            if self.running is not None:
                raise PipelineError(
                    f"“{self.running.name}” is still running, started by"
                    f" {self.running.started_by}.",
                    next_step="Wait until it is done, then start again.",
                    category=Category.CONFLICT,
                )
            self.latest = self._started(name, arguments, by)
            return self.latest

    def start_quietly(self, name: str, arguments: Sequence[str]) -> bool:
        """Start one beside whatever somebody started; False while the last such one runs.

        Commands wait for each other's short turns at the warehouse by themselves.
        """
        with self._lock:
            if self.quiet is not None and self.quiet.is_running:
                return False
            self.quiet = self._started(name, arguments, "the review app")
            return True

    def _started(self, name: str, arguments: Sequence[str], by: str) -> Task:
        self._folder.mkdir(parents=True, exist_ok=True)
        at = self._now()
        task = Task(name, tuple(arguments), by, at, self._folder / f"{at:%Y%m%dT%H%M%S%f}.log")
        with task.output.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own command, arguments apart
                [*self._command, *arguments, "--config", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "COLUMNS": "110", "NO_COLOR": "1"},
                # A Ctrl-C for the app must not break a write-back off in its middle.
                start_new_session=True,
            )
        watcher = threading.Thread(target=self._watch, args=(task, process), daemon=True)
        self._watchers = [each for each in self._watchers if each.is_alive()] + [watcher]
        watcher.start()
        return task

    def wait(self) -> None:
        """Until everything that was started is done."""
        for watcher in self._watchers:
            watcher.join()

    def _watch(self, task: Task, process: "subprocess.Popen[bytes]") -> None:
        code = process.wait()
        task.ended_at = self._now()
        task.code = code
