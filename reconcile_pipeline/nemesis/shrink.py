"""Makes a failing script as short as it gets: the acts that matter, and no others.

Delta debugging: leave out ever smaller pieces while a promise still breaks.
"""

from collections.abc import Callable

from reconcile_pipeline.nemesis.script import Script

MOST_TRIES = 400
Fails = Callable[[Script], str]
"""Plays a script; what went wrong, or "" when nothing did."""


def shrunk(script: Script, fails: Fails, *, most_tries: int = MOST_TRIES) -> tuple[Script, str]:
    """The shortest failing script that so many tries find, and what goes wrong in it.

    Raises:
        ValueError: when the script does not fail at all.
    """
    message = fails(script)
    if not message:
        raise ValueError("This script does not fail.")
    pieces, tries = 2, 1
    while len(script.acts) > 1 and tries < most_tries:
        shorter, said, tried = _without_a_piece(script, pieces, fails, most_tries - tries)
        tries += tried
        if shorter is not None:
            script, message, pieces = shorter, said, max(2, pieces - 1)
        elif pieces >= len(script.acts):
            break
        else:
            pieces = min(len(script.acts), pieces * 2)
    return script, message


def _without_a_piece(
    script: Script, pieces: int, fails: Fails, most: int
) -> tuple[Script | None, str, int]:
    """The script without one of so many pieces, if it fails still; and how often it was tried."""
    size = -(-len(script.acts) // pieces)
    starts = range(0, len(script.acts), size)
    for tried, start in enumerate(starts, 1):
        candidate = script.with_acts(script.acts[:start] + script.acts[start + size :])
        message = fails(candidate)
        if message:
            return candidate, message, tried
        if tried >= most:
            break
    return None, "", len(starts)
