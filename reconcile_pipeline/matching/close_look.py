"""Two names side by side: how alike, in which words, and what forbids to call them the same.

Likeness is for suggesting. Certain are only names that are equal after what tells nothing (case,
accents, punctuation, small words, short forms, word order, legal form) and have nothing against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconcile_pipeline.matching.names import Reading

SHORTEST_PREFIX = 8


@dataclass(frozen=True)
class Judged:
    """What two names have in common."""

    score: float
    """0 to 1."""
    reasons: tuple[str, ...]
    is_certain: bool
    is_same: bool
    """The names are the same but for case, accents and punctuation."""
    is_equal: bool
    """They are the same words, whatever legal form or place stands beside them."""
    is_contradicted: bool
    """Numbers, directions, places or editions differ."""
    covers: bool
    """The target's name holds every telling word of the item's: it could be meant as well."""


NOTHING = Judged(
    0.0, (), is_certain=False, is_same=False, is_equal=False, is_contradicted=False, covers=False
)


def judge(own: Sequence[Reading], theirs: Sequence[Reading]) -> Judged:
    """Judge the best pair of readings; of equal ones the pair of main readings, the first."""
    if len(own) == len(theirs) == 1:
        return _pair(own[0], theirs[0])
    pairs = [_pair(one, other) for one in own for other in theirs]
    if not pairs:
        return NOTHING
    best = max(pairs, key=lambda pair: (pair.is_certain, pair.is_same, pair.score))
    return replace(
        best,
        is_equal=any(pair.is_equal for pair in pairs),
        covers=any(pair.covers for pair in pairs),
    )


def _pair(one: Reading, other: Reading) -> Judged:
    score, reasons = _likeness(one, other)
    against = _against(one, other)
    is_equal = one.sorted_core == other.sorted_core
    is_same = one.core == other.core and one.legal == other.legal and not against
    score = score if not against else min(score, 0.94) - 0.04
    told = (*reasons, *against)
    is_certain = is_equal and not against and "the other name" not in _left_out(one, other)
    covers = set(one.words) <= set(other.words) or set(other.words) <= set(one.words)
    return Judged(score, told, is_certain, is_same, is_equal, bool(against), covers)


def _likeness(one: Reading, other: Reading) -> tuple[float, tuple[str, ...]]:
    told = _told_at_once(one, other)
    if told is not None:
        return told
    from rapidfuzz.fuzz import ratio  # noqa: PLC0415 - loaded where names are compared only

    shorter, longer = sorted((one.core, other.core), key=len)
    if len(shorter) >= SHORTEST_PREFIX and longer.startswith(shorter):
        return 0.9, ("One name begins with the other",)
    score = max(ratio(one.core, other.core), ratio(one.sorted_core, other.sorted_core)) / 100
    return score * 0.97, (_difference(one, other),)


def _told_at_once(one: Reading, other: Reading) -> tuple[float, tuple[str, ...]] | None:
    """What needs no comparing letter by letter; None for anything else."""
    if one == other:
        return 1.0, ("Same name",)
    left_out = _left_out(one, other)
    if one.core == other.core:
        return 0.98, (f"Same name without {_listed(left_out)}",) if left_out else ("Same name",)
    if one.sorted_core == other.sorted_core:
        return 0.97, ("Same words in another order",)
    if one.core.replace(" ", "") == other.core.replace(" ", ""):
        return 0.96, ("Same name but for spaces",)
    if _is_acronym(one, other):
        return 0.8, ("First letters of the other name",)
    return None


def _is_acronym(one: Reading, other: Reading) -> bool:
    return (
        one.core.replace(" ", "") in other.initials or other.core.replace(" ", "") in one.initials
    )


def _difference(one: Reading, other: Reading) -> str:
    """Name the words that differ; the reader sees at once whether it is a slip of the pen."""
    mine = [word for word in one.words if word not in other.words]
    yours = [word for word in other.words if word not in one.words]
    if len(mine) == 1 and len(yours) == 1:
        return f"One word differs: {mine[0]} / {yours[0]}"
    if not mine or not yours:
        return f"One has more words: {' '.join(mine or yours)}"
    return "The names look alike"


def _against(one: Reading, other: Reading) -> tuple[str, ...]:
    """What says that they are not the same, however alike they look."""
    found = []
    if one.guards != other.guards:
        words = sorted(one.guards ^ other.guards)
        found.append(f"but one says {', '.join(words)}")
    if one.place != other.place and (one.place or other.place):
        words = sorted(one.place ^ other.place)
        found.append(f"but one names {', '.join(words)}")
    if one.legal and other.legal and not one.legal & other.legal:
        found.append("but the legal forms differ")
    return tuple(found)


def _left_out(one: Reading, other: Reading) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one.left_out, *other.left_out)))


def _listed(words: Sequence[str]) -> str:
    return " and ".join(words)
