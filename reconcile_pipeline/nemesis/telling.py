"""What a game tells: a broken promise, and how often each promise was looked at."""

from collections import Counter
from dataclasses import dataclass, field

PROMISES = {
    "I1": "units that are missing or counted twice",
    "I2": "cards from a pull that is not whole",
    "I3": "changes in the PSA without right",
    "I4": "wrong or double writes",
    "I5": "acknowledged decisions lost",
    "I6": "broken links of the ledger's chain",
    "I8": "second runs that changed something",
    "I9": "replays that differ",
    "I10": "unknown shown or written as a number",
    "P3": "pulls that shrank and were believed",
    "P7": "decisions taken on old numbers",
}
"""The invariants of docs/faults.md, in the words of what must never be seen."""
OTHER = "other"


HEAD = "  seed    acts  pulls  months  decisions  writes  faults  crashes  checks  CPU s"


@dataclass
class Figures:
    """What was played, summed up."""

    steps: int = 0
    ledgers: int = 0
    seconds: float = 0.0
    """Of this process alone, whatever else the machine does."""
    count: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    """Checks by the promise they belong to; none of them failed."""

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.steps + other.steps,
            self.ledgers + other.ledgers,
            self.seconds + other.seconds,
            self.count + other.count,
            self.checked + other.checked,
        )

    def total(self, beginning: str) -> int:
        """Everything counted under names that begin so."""
        return sum(number for name, number in self.count.items() if name.startswith(beginning))


def line_of(seed: int, figures: Figures, trouble: str) -> str:
    """One seed on one line."""
    count = figures.count
    faults = count["pulls under faults"] + figures.total("fault ")
    return (
        f"{seed:>6} {figures.steps:>7} {figures.total('pulls ') - count['pulls under faults']:>6}"
        f" {count['months judged']:>7} {count['decisions']:>10} {count['writes applied']:>7}"
        f" {faults:>7} {count['crashes']:>8} {figures.checked.total():>7} {figures.seconds:>6.0f}"
        f"{'  BROKEN' if trouble else ''}"
    )


def table_of(figures: Figures, seeds: int, broken: int) -> str:
    """What must never be seen, how often it was looked for, and in how many seeds it was."""
    rows = [f"\n{seeds} seeds, {figures.steps:,} acts, {figures.seconds:,.0f} s of processor time"]
    rows += [f"  {what:<44} {figures.checked[name]:>12,} checks" for name, what in PROMISES.items()]
    rows += [f"  {'anything else out of order':<44} {figures.checked[OTHER]:>12,} checks"]
    return "\n".join([*rows, f"Seeds in which a promise was broken: {broken}"])


class NemesisError(AssertionError):
    """A promise was broken; the message holds which, and what led to it."""


@dataclass
class Judgement:
    """Counts every check by the promise it belongs to; keeps what was broken."""

    checked: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def demand(self, holds: bool, text: str) -> None:  # noqa: FBT001
        """One check; `text` begins with the promise's number, as `I4 …`."""
        name = text.split(" ", 1)[0]
        self.checked[name if name in PROMISES else OTHER] += 1
        if not holds:
            self.violations.append(text)

    def fail(self, text: str) -> None:
        """A check that failed already."""
        self.demand(False, text)
