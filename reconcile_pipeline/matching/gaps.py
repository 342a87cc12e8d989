"""Naming gaps: products of the PSA that look like one product under several names.

Only proposes: to use one name from now on, or to map the vendor's service to all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reconcile_pipeline.matching.name_words import AUDIENCES, BRANDS, EDITIONS, FILLERS, TERMS
from reconcile_pipeline.matching.products import words_of


@dataclass(frozen=True)
class Product:
    """A product of the PSA."""

    id: str
    name: str
    lines: int = 0
    """Lines that invoice it."""


@dataclass(frozen=True)
class Gap:
    """Products that look like one."""

    products: tuple[Product, ...]
    """The most used first: its name is the one proposed."""
    reasons: tuple[str, ...]

    @property
    def proposed(self) -> Product:
        """The one whose name to standardise on."""
        return self.products[0]


def naming_gaps(products: Sequence[Product]) -> list[Gap]:
    """Groups of two products and more that look like one, the most used group first."""
    groups: dict[tuple[frozenset[str], frozenset[str]], list[Product]] = {}
    for product in products:
        key = _key(product.name)
        if key is not None:
            groups.setdefault(key, []).append(product)
    found = [
        Gap(
            tuple(sorted(part, key=lambda product: (-product.lines, product.name, product.id))),
            _reasons(part),
        )
        for own in groups.values()
        for part in _apart(own)
        if len(part) > 1
    ]
    return sorted(found, key=lambda gap: -sum(product.lines for product in gap.products))


def _key(name: str) -> tuple[frozenset[str], frozenset[str]] | None:
    """The telling words, and what must be the same: terms. None for a name that tells nothing.

    The brand and the audience are often left out, and so no part of it.
    """
    words = words_of(name)
    brands = set(BRANDS.values())
    telling = {
        word
        for word in words
        if word not in FILLERS and word not in TERMS and word not in AUDIENCES
    }
    own = telling - brands
    # An edition alone is a name only of the brand's own suite: "Business Premium" is one, and
    # "Premium" is not.
    is_suite = own <= EDITIONS and (telling & brands or set(words) & AUDIENCES)
    if not own or (own <= EDITIONS and not is_suite):
        return None
    return frozenset(own), frozenset(word for word in words if word in TERMS)


def _apart(products: Sequence[Product]) -> list[list[Product]]:
    """Never two audiences or two brands in one group."""
    return [
        part
        for own in _split(products, AUDIENCES)
        for part in _split(own, frozenset(BRANDS.values()))
    ]


def _split(products: Sequence[Product], words: frozenset[str]) -> list[list[Product]]:
    """By which of the words a name has; a name without any goes with the most used."""
    found: dict[frozenset[str], list[Product]] = {}
    for product in products:
        found.setdefault(frozenset(words_of(product.name)) & words, []).append(product)
    without = found.pop(frozenset(), [])
    if not found:
        return [without]
    largest = max(found.values(), key=lambda own: (_lines(own), len(own)))
    return [own + without if own is largest else own for own in found.values()]


def _lines(products: Sequence[Product]) -> int:
    return sum(product.lines for product in products)


def _reasons(products: Sequence[Product]) -> tuple[str, ...]:
    found = {product.name: set(words_of(product.name)) for product in products}
    common = set.intersection(*found.values())
    told = [f"All say {', '.join(sorted(common))}"] if common else []
    brands = [set(BRANDS.values()) & words for words in found.values()]
    if any(brands) and not all(brands):
        told.append("the brand is left out in some")
    if len({name.casefold() for name in found}) < len(found):
        told.append("some differ in upper and lower case only")
    return tuple(told)
