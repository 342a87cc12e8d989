"""Writes docs/mutation.md: how many mistakes the tests noticed, and each one that they did not."""

import tomllib
from pathlib import Path
from typing import Any

ALIKE = Path(__file__).with_name("alike.toml")
HEAD = """\
# Would the tests notice? Mutation testing

A mutant is the code with one small mistake in it: `<` for `<=`, `and` for `or`, a number one too
large, a call left out. For each mutant the tests run. If one fails, the mutant is killed. If none
does, it survived: either a promise has no test, or the mistake changes nothing anybody could see.

Tried are the rooms where a mistake costs money: what a pull is believed for, what follows from a
decision, the ledger, and what is written into a PSA. `make mutation` runs all of it and writes this
page. It is no part of `make test`.
"""
HOW = """\
## How to run it

| command | what it does |
|---|---|
| `make mutation` | every mutant of every module below |
| `make mutation ONLY=ledger/chain` | the modules whose path holds this |
| `make mutation AGAIN=--again` | only the mutants that survived the last time |

The code on disk is never touched. Each mutant lives in a forked process that imports it in place
of its module. There the tests of the module's own room that reach its statement run, until one
fails: the quickest case of each test first. Tests marked `slow` are left out. So are tests longer
than 2.5 seconds, and what would come after 15 seconds of tests, unless nothing else reaches the
statement. A mutant that makes the tests hang counts as killed. Before its mutants, each module is
tried as it is: its tests must pass.

The tool is our own (`tests/mutation/`). mutmut 3.8 leaves out functions with a decorator, defaults
of dataclasses and constants. Here those are the ledger's transactions, the writer's lock and the
guards' thresholds. cosmic-ray starts Python anew for each mutant; that would take hours.

## What is mutated, and what is not

Comparisons, `and`/`or`/`not`, bare conditions, arithmetic, constants (defaults too), returned
values, and statements left out: calls, `raise`, `continue`, `del`, assignments to attributes and
items.

Not mutated: docstrings, message texts (f-strings and texts with a space in them), annotations,
decorators, `__all__`. What only a process of its own runs (kills, rival writers) is tested by the
suite, but sees no mutant here.
"""
NOT_COUNTED = """\
## Not counted

These mutants behave exactly as the code does, so no test can fail for them. They are listed in
`tests/mutation/alike.toml`.
"""


def page(results: dict[str, Any]) -> str:
    """The page, from what became of each mutant of each module."""
    alike = {_key(found): found["why"] for found in tomllib.loads(ALIKE.read_text())["mutant"]}
    rows, left, same = [], [], []
    totals = [0, 0, 0]
    for target, result in results.items():
        survived = []
        for mutant in result["mutants"]:
            if mutant["outcome"] == "survived":
                why = alike.get(_key({"module": target, **mutant}))
                (survived if why is None else same).append((target, mutant, why))
        count = len(result["mutants"]) - sum(found[0] == target for found in same)
        numbers = (count, count - len(survived), len(survived))
        totals = [one + other for one, other in zip(totals, numbers, strict=True)]
        rows.append(_row(f"`{target.removeprefix('reconcile_pipeline/')}`", numbers))
        left += survived
    table = ["| module | mutants | killed | survived | score |", "|---|--:|--:|--:|--:|"]
    total = _row("**all**", (totals[0], totals[1], totals[2]))
    parts = [HEAD, "## Result\n", "\n".join([*table, *rows, total]), ""]
    parts += [HOW, "## What survived\n", "\n".join(_line(*found) for found in left), ""]
    parts += [NOT_COUNTED, "\n".join(_line(*found) for found in same)]
    return "\n".join(parts) + "\n"


def _key(found: dict[str, Any]) -> tuple[str, int, str, str]:
    return (found["module"], found["line"], found["before"], found["after"])


def _row(name: str, numbers: tuple[int, int, int]) -> str:
    count, killed, survived = numbers
    score = f"{100 * killed / count:.1f} %" if count else "–"
    return f"| {name} | {count} | {killed} | {survived} | {score} |"


def _line(target: str, mutant: dict[str, Any], why: str | None) -> str:
    place = f"{target.removeprefix('reconcile_pipeline/')}:{mutant['line']}"
    return f"- `{place}`: `{mutant['before']}` → `{mutant['after']}`" + (f": {why}" if why else "")
