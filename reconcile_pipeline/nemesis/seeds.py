"""Plays whole seeds, ledger after ledger, over all PSAs and both games; adds up what was seen."""

import os
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from reconcile_pipeline.nemesis import pulling, schedule
from reconcile_pipeline.nemesis.psas import PSAS
from reconcile_pipeline.nemesis.script import PULLING, WRITING, Script
from reconcile_pipeline.nemesis.telling import Figures, NemesisError

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory: nothing here has to outlive a power cut
PULLED = ("connectwise", "halopsa", "syncro", "autotask", "kaseya_bms", "pulseway")
"""PSAs of the pulling game: every one that can be read."""


class FailedError(NemesisError):
    """A script in which a promise was broken."""

    def __init__(self, script: Script, message: str) -> None:
        super().__init__(message)
        self.script = script


class Game(Protocol):
    """What both games have in common."""

    steps: int

    @property
    def count(self) -> Counter[str]:
        """What happened, and how often."""

    @property
    def checked(self) -> Counter[str]:
        """Checks by promise."""

    def play(self) -> None:
        """Every act; raises `NemesisError`."""

    def close(self) -> None:
        """Let go of every file."""


def play(script: Script) -> Figures:
    """Play one ledger; raises `FailedError` with the script."""
    began = time.process_time()
    with TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        kinds: dict[str, Callable[[Path, Script], Game]] = {
            WRITING: schedule.Game,
            PULLING: pulling.PullingGame,
        }
        game = kinds[script.game](Path(folder), script)
        try:
            game.play()
        except NemesisError as error:
            raise FailedError(script, str(error)) from error
        except Exception as error:
            told = "".join(traceback.format_exception(error)[-3:])
            raise FailedError(script, f"unexpected {type(error).__name__}: {told}") from error
        finally:
            game.close()
    return Figures(game.steps, 1, time.process_time() - began, game.count, game.checked)


def scripts_of(seed: int, steps: int) -> Iterator[Script]:
    """The ledgers of one seed: one of the pulling game, then write-backs over all PSAs in turn."""
    pulled = min(pulling.STEPS_PER_LEDGER, steps)
    yield pulling.draw(PULLED[seed % len(PULLED)], seed, 0, pulled)
    yield from writing_scripts(seed, steps - pulled, [*PSAS])


def writing_scripts(seed: int, steps: int, kinds: list[str]) -> Iterator[Script]:
    """Ledgers of the writing game only."""
    number = 0
    while steps > 0:
        length = min(schedule.STEPS_PER_LEDGER, steps)
        yield schedule.draw(kinds[number % len(kinds)], seed, number // len(kinds), length)
        number, steps = number + 1, steps - length


def run_schedule(seed: int, steps: int, psa_kind: str) -> Figures:
    """Play so many steps of the writing game with one PSA."""
    figures = Figures()
    for script in writing_scripts(seed, steps, [psa_kind]):
        figures += play(script)
    return figures


def run_seed(seed: int, steps: int) -> Figures:
    """Play one whole seed; raises `FailedError` at the first broken promise."""
    figures = Figures()
    for script in scripts_of(seed, steps):
        figures += play(script)
    return figures
