"""`reconcile-nemesis`: plays seeds, prints what was checked, and keeps what failed as a file."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from reconcile_pipeline.nemesis.script import Script
from reconcile_pipeline.nemesis.seeds import FailedError, play, scripts_of
from reconcile_pipeline.nemesis.shrink import shrunk
from reconcile_pipeline.nemesis.telling import HEAD, Figures, line_of, table_of

SEEDS_FOLDER = Path("nemesis-failures")


@dataclass(frozen=True)
class Outcome:
    """What became of one seed; `failed` is its shortened script as JSON, "" if nothing broke."""

    seed: int
    figures: Figures
    message: str = ""
    failed: str = ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Play; ends with 1 if a promise was broken, with 2 if a file can't be played."""
    asked = _parser().parse_args(arguments)
    sys.exit(replay(asked.replay) if asked.replay else play_seeds(asked))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reconcile-nemesis",
        description="Plays random pulls, decisions, write-backs, faults and crashes over all"
        " simulated PSAs and three vendors, and checks every promise by other means.",
    )
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after the other (1)")
    parser.add_argument("--steps", type=int, default=5000, help="acts of each seed (5000)")
    parser.add_argument("--jobs", type=int, default=1, help="seeds played side by side (1)")
    parser.add_argument("--save", type=Path, default=SEEDS_FOLDER, help="where failures are kept")
    parser.add_argument("--replay", type=Path, help="play the file of a failure once more")
    return parser


def play_seeds(asked: argparse.Namespace) -> int:
    """Play every seed; print a line for each, and the table of all."""
    total, broken = Figures(), 0
    print(HEAD)
    for outcome in _outcomes(range(asked.seed, asked.seed + asked.seeds), asked.steps, asked.jobs):
        total += outcome.figures
        print(line_of(outcome.seed, outcome.figures, outcome.message), flush=True)
        if outcome.failed:
            broken += 1
            asked.save.mkdir(parents=True, exist_ok=True)
            path = asked.save / f"seed-{outcome.seed}.json"
            path.write_text(outcome.failed, encoding="utf-8")
            print(f"{outcome.message}\nPlay it again: reconcile-nemesis --replay {path}")
    print(table_of(total, asked.seeds, broken))
    return 1 if broken else 0


def replay(path: Path) -> int:
    """Play the file of a failure once more."""
    try:
        script = Script.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{path} can't be played: {error}. Give a file that --save kept.", file=sys.stderr)
        return 2
    try:
        play(script)
    except FailedError as error:
        print(f"{len(script.acts)} acts, and it is broken still:\n{error}")
        return 1
    print(f"{len(script.acts)} acts of {script.game} with {script.kind}: every promise is kept.")
    return 0


def _outcomes(seeds: Sequence[int], steps: int, jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from (_outcome(seed, steps) for seed in seeds)
        return
    # Forked, a child would hold half of DuckDB's threads.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        playing = [pool.submit(_outcome, seed, steps) for seed in seeds]
        for done in as_completed(playing):
            yield done.result()


def _outcome(seed: int, steps: int) -> Outcome:
    figures = Figures()
    for script in scripts_of(seed, steps):
        try:
            figures += play(script)
        except FailedError as error:
            shorter, message = shrunk(error.script, _failure)
            return Outcome(seed, figures, message, shorter.to_json(message))
    return Outcome(seed, figures)


def _failure(script: Script) -> str:
    try:
        play(script)
    except FailedError as error:
        return str(error)
    return ""
