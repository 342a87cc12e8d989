"""Made-up company names, twelve ways in which a vendor's spelling drifts, and traps.

Two settings with word lists of their own: one to build on, one that nothing was tuned with.
"""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass


def _words(text: str) -> list[str]:
    return text.split()


FIRST = {
    "built": _words(
        """
        Harbor Summit Cedar Granite Lakeside Pioneer Beacon Evergreen Sterling Juniper Atlas
        Crescent Falcon Meridian Redwood Liberty Horizon Cobalt Orchard Prairie Anchor Willow
        Keystone Magnolia Vanguard Heritage Maple Canyon Aurora Bluebird Ironwood Silver Copper
        """
    ),
    "held out": _words(
        """
        Zephyr Thistle Larkspur Obsidian Saffron Tamarack Wolverine Quill Bramble Chesapeake
        Dover Ember Foxglove Gilded Hickory Indigo Jasper Kestrel Lantern Marigold Nimbus Osprey
        Paragon Quartz Raven Sequoia Tidewater Umber Verdant Wisteria Yarrow
        """
    ),
}
SECOND = {
    "built": _words(
        """
        Dental Legal Logistics Plumbing Roofing Pediatrics Veterinary Accounting Bakery
        Insurance Robotics Printing Freight Dermatology Florists Cardiology Architects Catering
        Surveying Optics Brewing Landscaping Advisors Foundry Upholstery
        """
    ),
    "held out": _words(
        """
        Orthopedics Masonry Payroll Aviation Ceramics Textiles Podiatry Metrology Forestry
        Acoustics Hydraulics Stationers Tailoring Radiology Carpentry Shipping Tutoring
        Irrigation Bindery Glassworks Apothecary Fisheries Millwork Recycling
        """
    ),
}
PEOPLE = {
    "built": _words(
        """
        Nakamura Okafor Lindqvist Moreau Castellano Petrov Abernathy Delgado Whitaker Fitzgerald
        Rousseau Kowalski Haddad Brennan Ivanova Sorensen Takeda Villanueva
        """
    ),
    "held out": _words(
        """
        Achterberg Birnbaum Chaudhry Dubois Eriksson Farouk Grimaldi Hathaway Iglesias Jovanovic
        Kristensen Lefebvre Mbeki Novotny Oyelaran Papadakis Quintero Rasmussen
        """
    ),
}
LONG = {
    "built": {"International": "Intl", "Manufacturing": "Mfg", "Services": "Svcs"},
    "held out": {"Associates": "Assoc", "Management": "Mgmt", "Distribution": "Dist"},
}
LEGAL = {"built": ["Inc", "LLC", "Ltd", "Corp"], "held out": ["GmbH", "PLLC", "Pty Ltd", "Co"]}
SITE = {
    "built": [" - Main Office", " (HQ)"],
    "held out": [" | Headquarters", " - Corporate Office"],
}
ENDINGS = _words("ton ford ley by wick ham stead worth field dale mere shaw")
ACCENTS = str.maketrans("aeiouAEO", "áéíöúÁÉÖ")


@dataclass(frozen=True)
class Pair:
    """A vendor's spelling, and the company it means."""

    spelling: str
    target: str
    kind: str


@dataclass(frozen=True)
class Corpus:
    """Companies of the PSA by id, and spellings of them."""

    companies: dict[str, str]
    pairs: list[Pair]


def corpus(seed: int, setting: str, size: int) -> Corpus:
    """`size` companies with one drifted spelling each, and the traps beside them."""
    dice = random.Random(seed)  # noqa: S311 - not a secret
    names = _names(dice, setting, size)
    companies = {f"c{number}": name for number, name in enumerate(names)}
    kinds = list(DRIFTS)
    pairs = []
    for number, (target, name) in enumerate(companies.items()):
        kind = kinds[number % len(kinds)]
        spelling = DRIFTS[kind](dice, name, setting)
        pairs.append(Pair(spelling, target, kind if spelling != name else "none"))
    _add_traps(dice, setting, companies, pairs)
    return Corpus(companies, pairs)


def _names(dice: random.Random, setting: str, size: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < size:
        first, second = dice.choice(FIRST[setting]), dice.choice(SECOND[setting])
        one, two = dice.sample(PEOPLE[setting], 2)
        long = dice.choice(list(LONG[setting]))
        base = dice.choice(
            [
                f"{first} {second}",
                f"{first} {one} {second}",
                f"{one} & {two} {second}",
                f"{first} {second} {long}",
                f"The {one} {second} {long}",
                f"{one}-{two} {second}",
            ]
        )
        legal = dice.choice([*LEGAL[setting], "", ""])
        found.setdefault(f"{base} {legal}".strip())
    return list(found)


def _legal(dice: random.Random, name: str, setting: str) -> str:
    words = name.split()
    if words[-1] in {part for legal in LEGAL[setting] for part in legal.split()}:
        return (
            " ".join(words[:-1])
            if words[-1] != "Ltd" or words[-2] != "Pty"
            else " ".join(words[:-2])
        )
    return f"{name}, {dice.choice(LEGAL[setting])}."


def _short(dice: random.Random, name: str, setting: str) -> str:
    for long, short in LONG[setting].items():
        name = name.replace(long, short)
    return name


def _typo(dice: random.Random, name: str, setting: str) -> str:
    place = dice.randrange(1, max(2, len(name.split(maxsplit=1)[0])))
    kind = dice.randrange(3)
    if kind == 0:
        return name[:place] + name[place + 1 :]
    if kind == 1:
        return name[:place] + dice.choice(string.ascii_lowercase) + name[place:]
    return name[:place] + name[place : place + 2][::-1] + name[place + 2 :]


def _dba(dice: random.Random, name: str, setting: str) -> str:
    owner = f"{dice.choice(PEOPLE[setting])} Ventures LLC"
    return dice.choice([f"{owner} dba {name}", f"{owner} d/b/a {name}"])


def _order(dice: random.Random, name: str, setting: str) -> str:
    first, *rest = name.split()
    return f"{' '.join(rest)}, {first}" if rest else name


def _last(dice: random.Random, name: str, setting: str) -> str:
    words = [word for word in name.replace("&", " ").split() if word.lower() != "the"]
    if len(words) >= 3 and dice.random() < 0.3:
        return "".join(word[0] for word in words).upper()
    return name[: max(10, len(name) - 6)]


DRIFTS: dict[str, Callable[[random.Random, str, str], str]] = {
    "legal form": _legal,
    "short form": _short,
    "typo": _typo,
    "other name": _dba,
    "site": lambda dice, name, setting: name + dice.choice(SITE[setting]),
    "the": lambda _d, name, _s: name[4:] if name.startswith("The ") else f"The {name}",
    "and": lambda _d, name, _s: name.replace("&", "and").replace(" ", "  ", 1),
    "case": lambda dice, name, _s: dice.choice([name.upper(), name.lower()]),
    "hyphen": lambda _d, name, _s: (
        name.replace("-", " ") if "-" in name else name.replace(" ", "-", 1)
    ),
    "accents": lambda _d, name, _s: name.translate(ACCENTS),
    "word order": _order,
    "truncation": _last,
}


def _add_traps(
    dice: random.Random, setting: str, companies: dict[str, str], pairs: list[Pair]
) -> None:
    """Names that look alike and are two companies; each is spelled by one of the two."""
    for number in range(len(ENDINGS)):
        word = dice.choice(PEOPLE[setting]) + ENDINGS[number]
        stem = f"{word} {dice.choice(FIRST[setting])}"
        city, town = dice.sample(["Denver", "Boston", "Reno", "Tulsa", "Akron", "Mesa"], 2)
        twins = [
            (f"{stem} Corp", f"{stem} Capital", f"{stem} Capitol"),
            (f"{stem} Clinic 1", f"{stem} Clinic 2", f"{stem} Clinic 3"),
            (f"{stem} Care ({city})", f"{stem} Care ({town})", f"{stem} Care"),
            (f"{stem} Group", f"{stem} Holdings", f"{stem} Holding Group"),
            (f"{stem} North", f"{stem} South", f"{stem} East"),
            (f"Erik {word}", f"Erika {word}", f"Eric {word}"),
            (f"{stem} LLC", f"{stem} Inc", stem),
        ]
        for kind, (one, two, nobody) in enumerate(twins):
            key = f"t{number}-{kind}"
            companies[f"{key}-a"], companies[f"{key}-b"] = one, two
            pairs.append(Pair(one.upper(), f"{key}-a", "trap"))
            pairs.append(Pair(two.replace(" ", "  "), f"{key}-b", "trap"))
            # Nobody's spelling: whatever is called certain for it is wrong.
            pairs.append(Pair(nobody, "", "trap"))
