"""What a company's name tells: its core without legal form, site and small words.

A name has several readings: the whole, the part before "dba", the part in brackets. None is thrown
away, and each remembers what was left out: that is what people are told as the reason.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from reconcile_pipeline.matching.name_words import DIRECTIONS, LEGAL, SHORT, SITES, SMALL

FEWEST_WORDS = 3
"""Names of fewer words are not called by their first letters."""
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th"})
_ALIAS = re.compile(
    r"\b(?:d\s*/?\s*b\s*/?\s*a|t\s*/\s*a|a\s*/?\s*k\s*/?\s*a|f\s*/?\s*k\s*/?\s*a|doing business as"
    r"|trading as|formerly(?: known as)?|also known as)\b\.?"
)
_BRACKETS = re.compile(r"[(\[{]([^)\]}]*)[)\]}]")
_PARTS = re.compile(r"\s+[-–—|/:>]+\s+|\s*[|>:]+\s*")
_APOSTROPHES = re.compile(r"['’`´]")  # noqa: RUF001 - the marks people type
_DOTTED = re.compile(r"\b(?:[a-z]\.){2,}[a-z]?\b")
_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Reading:
    """One way to read a name."""

    core: str
    """Its telling words in their order, one blank between."""
    legal: frozenset[str]
    """Legal forms left out."""
    place: frozenset[str]
    """Words of a site's name left out; generic ones, such as main office, are not among them."""
    left_out: tuple[str, ...]
    """What was left out, as words for people."""
    initials: frozenset[str] = frozenset()
    """First letters of all its words, with and without the legal form; none of a short name."""

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The core's words."""
        return tuple(self.core.split())

    @cached_property
    def sorted_core(self) -> str:
        """The core with its words in alphabetical order."""
        return " ".join(sorted(self.words))

    @cached_property
    def guards(self) -> frozenset[str]:
        """Words that must be the same in two names of one company: numbers and directions."""
        return frozenset(
            word
            for word in self.words
            if word in DIRECTIONS or any(letter.isdigit() for letter in word)
        )


@lru_cache(maxsize=50_000)
def readings(name: str) -> tuple[Reading, ...]:
    """The ways to read a name, the whole first; empty for a name without letters or digits."""
    text = plain(name)
    pieces = _ALIAS.split(text)
    found = [_reading(piece) for piece in pieces]
    if len(pieces) > 1:
        found = [_named(reading, "the other name") for reading in found if reading.core]
    seen: dict[str, Reading] = {}
    for reading in found:
        if reading.core:
            seen.setdefault(reading.core, reading)
    return tuple(seen.values())


def plain(name: str) -> str:
    """Lower case without accents, odd widths and apostrophes; "&" and "+" as "and"."""
    text = unicodedata.normalize("NFKC", name).casefold().translate(_LETTERS)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = _APOSTROPHES.sub("", text)
    text = _DOTTED.sub(lambda match: match[0].replace(".", ""), text)
    return re.sub(r"\s*[&+]\s*", " and ", text)


def _reading(text: str) -> Reading:
    left_out: list[str] = []
    place: list[str] = []
    brackets = _BRACKETS.findall(text)
    base, *rest = _PARTS.split(_BRACKETS.sub(" ", text))
    for part in [*brackets, *rest]:
        words = _WORDS.findall(part)
        if words and not all(word in LEGAL or word in SMALL for word in words):
            left_out.append(f"“{part.strip()}”")
            place += [word for word in words if word not in SITES and word not in SMALL]
    legal_rest = {LEGAL[w] for part in rest for w in _WORDS.findall(part) if w in LEGAL}
    words = _WORDS.findall(base)
    if not words:
        # Nothing but brackets: they are the name.
        words, place, left_out = _WORDS.findall(" ".join(brackets)), [], []
    with_legal = [word for word in words if word not in SMALL]
    words, legal = _without_legal(words)
    if legal or legal_rest:
        left_out.append("legal form")
    kept = [SHORT.get(word, word) for word in words if word not in SMALL]
    core = kept or [SHORT.get(word, word) for word in words]
    return Reading(
        " ".join(core),
        frozenset(legal) | legal_rest,
        frozenset(place),
        tuple(left_out),
        frozenset({_initials(core), _initials(with_legal)} - {""}),
    )


def _initials(words: list[str]) -> str:
    return "".join(word[0] for word in words) if len(words) >= FEWEST_WORDS else ""


def _without_legal(words: list[str]) -> tuple[list[str], set[str]]:
    """Take legal forms off the end; a name of nothing else keeps its first word."""
    found: set[str] = set()
    kept = list(words)
    joined = _joined_letters(kept)
    if joined != kept:
        kept = joined
    while len(kept) > 1 and kept[-1] in LEGAL:
        found.add(LEGAL[kept.pop()])
    return kept, found


def _joined_letters(words: list[str]) -> list[str]:
    """“l l c” at the end is “llc”; single letters inside a name stay."""
    end = len(words)
    while end > 0 and len(words[end - 1]) == 1:
        end -= 1
    tail = "".join(words[end:])
    return [*words[:end], tail] if tail in LEGAL and end else words


def _named(reading: Reading, what: str) -> Reading:
    return replace(reading, left_out=(*reading.left_out, what))
