"""The mistakes that `make mutation` tries: each one is in its place, and in no other."""

import ast
import runpy
import textwrap
from pathlib import Path

import pytest

MUTANTS = runpy.run_path(str(Path(__file__).with_name("mutants.py")))


def mistakes(code: str) -> list[str]:
    """Every mutant of some lines, as before → after."""
    found = MUTANTS["mutants_of"](textwrap.dedent(code))
    return [f"{mutant.before} → {mutant.after}" for mutant in found]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a < b", ["a < b → a <= b"]),
        ("a and b", ["a and b → a or b"]),
        ("not a", ["not a → a"]),
        ("a * b", ["a * b → a / b"]),
        ("a += b", ["a += b → a -= b"]),
        ("a = True", ["True → False"]),
        ("a = 20", ["20 → 21"]),
        ("a = 'zero'", ["'zero' → 'zero?'"]),
        ("send()", ["send() → pass"]),
        ("self.a = b", ["self.a = b → pass"]),
        ("a if b else c", ["a if b else c → a if not b else c"]),
        ("raise Lost", ["raise Lost → pass"]),
        ("def f(a=1):\n    return a", ["1 → 2", "return a → return None"]),
    ],
)
def test_each_kind_of_mistake_is_made(code: str, expected: list[str]) -> None:
    """Comparisons, logic, arithmetic, constants, defaults, results and left-out statements."""
    assert mistakes(code) == expected


@pytest.mark.parametrize(
    "code",
    [
        '"""What lives here."""',
        "why = 'the line is gone'",
        "why = f'{seen} of {number(1)}'",
        "a: Literal['x']",
        "def f(a: Literal['x']) -> Literal['y']: ...",
        "@keep(1)\nclass A: ...",
        "__all__ = ['a']",
    ],
)
def test_what_no_number_depends_on_is_left_alone(code: str) -> None:
    """Docstrings, messages, annotations, decorators and lists of names have no mutant."""
    assert mistakes(code) == []


def test_a_mutant_differs_in_one_place_only() -> None:
    """Put side by side with the code, each mutant changes one line, and no two are the same."""
    path = Path(__file__).parents[2] / "reconcile_pipeline/landing/guards.py"
    source = path.read_text(encoding="utf-8")
    plain = ast.unparse(ast.parse(source)).splitlines()
    texts = [ast.unparse(mutant.tree()) for mutant in MUTANTS["mutants_of"](source)]
    for text in texts:
        changed = [pair for pair in zip(plain, text.splitlines(), strict=True) if len({*pair}) > 1]
        assert len(changed) == 1
    assert len(set(texts)) == len(texts) > 20


def test_code_that_is_told_does_the_same() -> None:
    """What a test reaches is found by calls between the statements; they change nothing."""
    code = "def f(a):\n    if a:\n        return 1\n    for b in a:\n        pass\n    return 2\n"
    told: list[int] = []
    names = {"tell": told.append}
    exec(compile(MUTANTS["told"](code, "tell"), "f.py", "exec"), names)  # noqa: S102
    assert (names["f"]([7]), names["f"]([])) == (1, 2)  # type: ignore[operator]
    assert told == [2, 3, 2, 4, 6]
