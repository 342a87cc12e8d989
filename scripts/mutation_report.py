"""Writes docs/mutation.md: how many changes made on purpose the tests noticed, and which not.

Reads what mutmut left in mutants/; run by scripts/mutation.sh, with mutmut's own interpreter.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant

KILLED, SURVIVED, UNTESTED = 1, 0, 33
ROOMS = ("landing", "reconciling", "writeback", "ledger")
GOAL = 85
HEAD = """# Mutation testing

Written by `make mutation`. [mutmut](https://mutmut.readthedocs.io) changes the code in one place
at a time, a comparison, a number, an argument, a word, and runs the tests that reach it. A change
that no test notices has survived. What people read in error messages is left out; all else
counts, also changes that make no difference. Slow tests are not run, so the nemesis, which finds
more, is not counted here.
"""


@dataclass
class File:
    """What became of one file's mutants."""

    name: str
    count: Counter[int] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Percent that were noticed; one that no test reaches was not."""
        noticed = self.count.total() - self.count[SURVIVED] - self.count[UNTESTED]
        return 100 * noticed / self.count.total() if self.count else 100.0


def files() -> Iterator[File]:
    """Every file that was changed, in the order of its path."""
    for path in sorted(Path("mutants/reconcile_pipeline").rglob("*.meta")):
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        tried = {name: code for name, code in codes.items() if code is not None}
        if tried:
            file = File(str(path.relative_to("mutants").with_suffix("")), Counter(tried.values()))
            file.left = [name for name, code in tried.items() if code in (SURVIVED, UNTESTED)]
            yield file


def row(name: str, count: Counter[int], score: float) -> str:
    """One line of a table."""
    left = count[SURVIVED], count[UNTESTED]
    return f"| {name} | {count.total()} | {left[0]} | {left[1]} | {score:.1f} % |"


def main() -> None:
    """Print the page."""
    found = list(files())
    print(HEAD)
    print(
        "| part | mutants | survived | reached by no test | noticed |\n|:---|---:|---:|---:|---:|"
    )
    for room in ROOMS:
        own = [file for file in found if f"/{room}/" in file.name]
        count = sum((file.count for file in own), Counter())
        if own:
            whole = File(room, count)
            print(row(f"**{room}** (goal {GOAL} %)", count, whole.score))
            for file in own:
                print(
                    row(
                        f"`{file.name.removeprefix('reconcile_pipeline/')}`", file.count, file.score
                    )
                )
    print("\n## What survived\n")
    for file in found:
        if file.left:
            print(f"### {file.name}\n\n```diff")
            for name in file.left:
                lines = get_diff_for_mutant(name).splitlines()
                print(
                    "\n".join(
                        line
                        for line in lines
                        if line[:1] in "+-" and line[:3] not in ("+++", "---")
                    )
                )
            print("```\n")


if __name__ == "__main__":
    main()
