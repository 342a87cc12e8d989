"""What a service's or product's name tells: brand, edition and term apart from dressing words.

Gives the same readings as `names` does for companies, so that both are compared by the same code.
"""

import re
from functools import lru_cache

from reconcile_pipeline.matching.name_words import (
    AUDIENCES,
    BRANDS,
    EDITIONS,
    FILLERS,
    KINDS,
    SERVICE_SHORT,
    TERMS,
)
from reconcile_pipeline.matching.names import Reading, plain

_WORDS = re.compile(r"[^\W_]+")
_SIZE = re.compile(r"\b(\d+)\s*(gb|tb|mb)\b")
_BRAND = re.compile(
    "|".join(rf"\b{re.escape(name)}\b" for name in sorted(BRANDS, key=len, reverse=True))
)


@lru_cache(maxsize=50_000)
def product_readings(name: str) -> tuple[Reading, ...]:
    """One reading; what must not differ (editions, sizes, terms, audience) stands in its place."""
    words = words_of(name)
    term = [word for word in words if word in TERMS]
    core = [word for word in words if word not in TERMS and word not in FILLERS]
    core = core or words
    if not core:
        return ()
    told = ("the term",) if term else ()
    # Terms are no part of the name, and yet two terms are two articles.
    place = frozenset(term) | frozenset(word for word in core if is_edition(word))
    return (Reading(" ".join(core), frozenset(), place, told),)


def words_of(name: str) -> list[str]:
    """The name's words: brands in one spelling, sizes as one word, short forms written out."""
    text = _BRAND.sub(lambda match: BRANDS[match[0]], plain(name))
    text = _SIZE.sub(r"\1\2", text)
    return [SERVICE_SHORT.get(word, word) for word in _WORDS.findall(text)]


def is_edition(word: str) -> bool:
    """Whether products that differ in this word are different products."""
    return word in EDITIONS | KINDS | AUDIENCES or any(letter.isdigit() for letter in word)
