"""Suggestions: which company could this account be, which product this service; never a guess.

Names are read as `names` and `products` read them, compared all with all by a fast library, and
the few best looked at closely: what speaks for each, what forbids to call it certain. Certain only
means that a person may accept it together with others.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from reconcile_pipeline.matching.close_look import SHORTEST_PREFIX, Judged, judge
from reconcile_pipeline.matching.movement import moved_together
from reconcile_pipeline.matching.names import Reading, plain, readings
from reconcile_pipeline.matching.products import product_readings

if TYPE_CHECKING:
    import numpy as np

LOOKED_AT = 6
"""Candidates of each item that are looked at closely."""
LEAST_ALIKE, FAR_BEHIND = 50, 30
"""Of 100: pairs that are less alike are never looked at, nor those so far behind the best."""
LOWEST = 0.62
"""Below this similarity nothing is suggested from names alone."""
CLOSE = 0.06
"""Two candidates nearer than this leave neither certain."""
PUBLIC_DOMAINS = frozenset(
    {"gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "aol.com", "live.com",
     "proton.me", "protonmail.com", "gmx.de", "gmx.net", "web.de", "msn.com", "comcast.net",
     "onmicrosoft.com"}
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """Something with a name that can be suggested, or that needs a suggestion."""

    id: str
    name: str
    system: str = ""
    domains: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    counts: Mapping[str, float] = field(default_factory=dict)
    """Units by month, where known: `{"2026-10": 12}`."""


@dataclass(frozen=True)
class Suggestion:
    """One target for an item, and why."""

    target_id: str
    score: float
    """0 to 1."""
    reasons: tuple[str, ...]
    is_certain: bool
    """May be accepted together with others, by a person."""


@dataclass(frozen=True)
class Profile:
    """How names of one kind are read."""

    read: Callable[[str], tuple[Reading, ...]]
    has_acronyms: bool


ACCOUNTS = Profile(readings, has_acronyms=True)
SERVICES = Profile(product_readings, has_acronyms=False)


def suggest(
    items: Sequence[Candidate],
    targets: Sequence[Candidate],
    *,
    profile: Profile = ACCOUNTS,
    most: int = 3,
) -> list[tuple[Suggestion, ...]]:
    """For each item, in order, up to `most` targets, best first; none where nothing fits."""
    if not items or not targets:
        return [() for _ in items]
    targets = sorted(targets, key=lambda target: target.id)
    own = [profile.read(item.name) for item in items]
    theirs = [profile.read(target.name) for target in targets]
    near = _nearest(own, theirs)
    keys = [_keys(target) for target in targets]
    by_key = _by_key(keys)
    short = _acronyms(theirs) if profile.has_acronyms else {}
    in_order = sorted((plain(target.name), place) for place, target in enumerate(targets))
    found = []
    for number, item in enumerate(items):
        mine = _keys(item)
        places = {*near[number], *(place for key in mine for place in by_key.get(key, ()))}
        for reading in own[number]:
            places |= short.get(reading.core.replace(" ", ""), set())
        places |= _going_on(plain(item.name), in_order)
        looked_at = [
            _Look(place, targets[place], judge(own[number], theirs[place]), mine & keys[place])
            for place in sorted(places)
        ]
        found.append(_chosen(item, looked_at, most))
    return found


def _nearest(
    own: Sequence[tuple[Reading, ...]], theirs: Sequence[tuple[Reading, ...]]
) -> list[list[int]]:
    """For each item, the places of its most similar targets by any of their readings."""
    import numpy as np  # noqa: PLC0415 - heavy, and only wanted here
    from rapidfuzz import process  # noqa: PLC0415
    from rapidfuzz.fuzz import ratio  # noqa: PLC0415

    rows = [(number, reading) for number, each in enumerate(own) for reading in each]
    columns = [(number, reading) for number, each in enumerate(theirs) for reading in each]
    found: list[dict[int, float]] = [{} for _ in own]
    if not rows or not columns:
        return [[] for _ in own]
    place_of = [number for number, _reading in columns]
    for text in (_in_order, _sorted):
        scores = process.cdist(
            [text(reading) for _number, reading in rows],
            [text(reading) for _number, reading in columns],
            scorer=ratio,
            score_cutoff=LEAST_ALIKE,
            dtype=np.uint8,
            workers=-1,
        )
        for (number, _reading), row in zip(rows, scores, strict=True):
            for column in _best(row):
                place, score = place_of[column], float(row[column])
                found[number][place] = max(score, found[number].get(place, 0.0))
    return [_worth_a_look(each) for each in found]


def _going_on(text: str, in_order: Sequence[tuple[str, int]]) -> set[int]:
    """The targets whose names begin with all of the item's, which a vendor may have cut off.

    “Maple Accounting Se” may be a company (SE), or what is left of Maple Accounting Services.
    """
    if len(text) < SHORTEST_PREFIX:
        return set()
    after = islice(in_order, bisect_left(in_order, (text, -1)), None)
    return {place for _name, place in takewhile(lambda each: each[0].startswith(text), after)}


def _best(row: "np.ndarray[Any, Any]") -> list[int]:
    """The columns of a row's highest scores; of equal ones the first, so that order is no luck."""
    import numpy as np  # noqa: PLC0415 - heavy, and only wanted here

    if len(row) > LOOKED_AT:
        least = np.partition(row, len(row) - LOOKED_AT)[len(row) - LOOKED_AT]
        chosen = np.flatnonzero(row >= max(int(least), LEAST_ALIKE))
    else:
        chosen = np.flatnonzero(row >= LEAST_ALIKE)
    return sorted(chosen.tolist(), key=lambda column: (-int(row[column]), column))[:LOOKED_AT]


def _worth_a_look(scores: Mapping[int, float]) -> list[int]:
    """The best, without what is far behind the very best."""
    ranked = sorted(scores, key=lambda place: (-scores[place], place))[:LOOKED_AT]
    return [place for place in ranked if scores[place] >= scores[ranked[0]] - FAR_BEHIND]


def _in_order(reading: Reading) -> str:
    return reading.core


def _sorted(reading: Reading) -> str:
    return reading.sorted_core


def _keys(candidate: Candidate) -> set[str]:
    domains = {domain.casefold() for domain in candidate.domains} - PUBLIC_DOMAINS
    return {f"domain {domain}" for domain in domains} | {
        f"tenant {tenant.casefold()}" for tenant in candidate.tenants
    }


def _by_key(keys: Sequence[set[str]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for place, own in enumerate(keys):
        for key in own:
            found.setdefault(key, set()).add(place)
    return found


def _acronyms(theirs: Sequence[tuple[Reading, ...]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for place, each in enumerate(theirs):
        for reading in each:
            for short in reading.initials:
                found.setdefault(short, set()).add(place)
    return found


@dataclass(frozen=True)
class _Look:
    """One target beside the item."""

    place: int
    target: Candidate
    judged: Judged
    shared: set[str]
    """Domains and tenants of both."""


@dataclass(frozen=True)
class _Rated:
    """A target with everything that speaks for it."""

    look: _Look
    score: float
    reasons: tuple[str, ...]
    may_be_certain: bool


def _chosen(item: Candidate, looked_at: Sequence[_Look], most: int) -> tuple[Suggestion, ...]:
    """Order what is worth suggesting, and leave nothing certain that has a rival."""
    rated = [found for look in looked_at if (found := _rated(item, look)) is not None]
    rated.sort(key=lambda each: (-each.look.judged.is_same, -each.score, each.look.target.id))
    return tuple(
        Suggestion(
            each.look.target.id,
            round(each.score, 3),
            each.reasons,
            each.may_be_certain and _has_no_rival(each, rated, looked_at),
        )
        for each in rated[:most]
    )


def _rated(item: Candidate, look: _Look) -> _Rated | None:
    """Add what is known beside the names; None for what is too unlike."""
    judged = look.judged
    score, reasons, may_be_certain = judged.score, list(judged.reasons), judged.is_certain
    if look.shared:
        reasons.insert(0, f"Same {min(look.shared)}")
        may_be_certain |= score >= LOWEST and not judged.is_contradicted
        score = max(0.9, score) + 0.05
    if score < LOWEST:
        return None
    if item.counts and (together := moved_together(item.counts, look.target.counts)):
        reasons.append(together)
        score += 0.02
    return _Rated(look, min(score, 1.0), tuple(reasons), may_be_certain)


def _has_no_rival(mine: _Rated, rated: Sequence[_Rated], looked_at: Sequence[_Look]) -> bool:
    """Whether no other target could be meant as well.

    A name that differs in its legal form alone is a rival even of the very same name.
    """
    others = [look.judged for look in looked_at if look.place != mine.look.place]
    if mine.look.judged.is_same:
        return not any(other.is_equal and not other.is_contradicted for other in others)
    if any(other.is_equal for other in others):
        return False
    close = any(
        each.score > mine.score - CLOSE for each in rated if each.look.place != mine.look.place
    )
    return not close and not any(other.covers for other in others)
