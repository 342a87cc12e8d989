"""Made-up names of companies, people and towns.

Word lists and how they are combined; every company name is unique even when case is ignored. The
awkward ones (apostrophes, commas, ampersands, accents, a leading @) are legal names that break
careless code.
"""

from collections.abc import Iterator
from random import Random

LONGEST_NAME = 46
"""The PSA takes 50 characters; four are kept free for the variants other systems use."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


PLACES = _words(
    "Alder,Ashford,Birch Hollow,Blue Mesa,Bridgewater,Brookfield,Cascade,Cedar Ridge,Clearwater,"
    "Copper Canyon,Crescent Bay,Eastgate,Elk River,Fairhaven,Fox Hollow,Glenwood,Granite Falls,"
    "Harbor Point,Hawthorne,High Plains,Ironwood,Juniper,Keystone,Lakeshore,Larkspur,Lone Pine,"
    "Maple Grove,Meadowbrook,Mill Creek,Northfield,Oak Hill,Old Town,Pinecrest,Prairie View,"
    "Quarry Road,Red Rock,Ridgeline,Riverbend,Rosewood,Sandstone,Silver Lake,Stonebridge,"
    "Summit,Sunnyside,Three Rivers,Timberline,Union Square,Valley View,Westbrook,Willow Park"
)
TRADES = _words(
    "Accounting,Animal Hospital,Architects,Auto Group,Bakery,Brewing Co.,Builders,Cabinetry,"
    "Capital,Chiropractic,Coffee Roasters,Construction,Credit Union,Dental,Dermatology,Design,"
    "Electric,Engineering,Eye Care,Family Law,Farms,Financial,Fitness,Foods,Freight,Funeral Home,"
    "Home Care,Hospitality,HVAC,Imaging,Insurance,Landscaping,Legal,Logistics,Machine Works,"
    "Manufacturing,Media,Metals,Montessori,Orthodontics,Packaging,Pediatrics,Pharmacy,Plastics,"
    "Plumbing,Printing,Property Group,Realty,Robotics,Roofing,Staffing,Supply,Surveying,Title,"
    "Transport,Veterinary,Wealth,Wellness,Windows & Doors,Winery"
)
SURNAMES = _words(
    "Abbott,Alvarez,Anand,Baptiste,Barrow,Beckett,Bergstrom,Brandt,Callahan,Castellano,Chandra,"
    "Cho,Czerny,Dahl,Delacroix,Dempsey,Diallo,Duarte,Eklund,Farrow,Feld,Ferreira,Fitzgerald,"
    "Fontaine,Galloway,Grady,Gupta,Halloran,Haddad,Hartmann,Hollis,Ibarra,Ito,Jankowski,Jensen,"
    "Kaplan,Keane,Kowalski,Lachance,Lindgren,Lozano,Madsen,Mancini,Marlowe,McBride,Mehta,Moreau,"
    "Nakamura,Navarro,Nwosu,Okafor,Olsen,Ortega,Paquette,Pereira,Petrov,Quigley,Radcliffe,"
    "Rasmussen,Renner,Rosen,Sandoval,Schaefer,Sorensen,Stavros,Sutter,Tanaka,Thorne,Tremblay,"
    "Ueda,Valente,Vance,Voss,Wainwright,Weiss,Whitaker,Xiong,Yamada,Yates,Zielinski"
)
AWKWARD = (
    "O'Halloran & Sons, Inc.",
    "Café Müller",
    "D'Arcy, Finch & Bell LLP",
    "Søren Bjørk Møbler ApS",
    "@Home Care Partners",
    "24/7 Locksmiths",
    'Dr. Ruth "Rudy" Novak, DDS',
    "Peña y Núñez Importaciones",
    "A<B Analytics",
    "Łódź Street Deli",
    "St. Mary's Parish; Outreach",
    "100% Organic Juice Bar",
    "Zoë's Floral",
    "Smith-Jones / Parker Law",
    "Back\\Slash Studio",
)
FIRST_NAMES = _words(
    "Ada,Amir,Ana,Ben,Carla,Chen,Dana,Diego,Elif,Emma,Farah,George,Hana,Ines,Ivan,Jonas,Kate,"
    "Liam,Mara,Nadia,Noah,Omar,Pia,Quinn,Rosa,Sam,Tara,Uma,Victor,Wen,Yara,Zane"
)
CITIES = _words(
    "Boise,Denver,Tucson,Omaha,Reno,Tulsa,Salem,Dayton,Duluth,Akron,Macon,Provo,Eugene,Laredo,"
    "Mobile,Fargo"
)


def company_names(rng: Random) -> Iterator[str]:
    """Endless unique company names; the awkward ones are spread among the first hundred."""
    seen: set[str] = set()
    awkward = list(AWKWARD)
    rng.shuffle(awkward)
    count = 0
    while True:
        count += 1
        name = awkward.pop() if awkward and count % 3 == 0 else _plain_name(rng)
        if len(name) <= LONGEST_NAME and name.casefold() not in seen:
            seen.add(name.casefold())
            yield name


def person(rng: Random) -> str:
    """A first and a last name."""
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(SURNAMES)}"


def identifier(name: str, company_id: int) -> str:
    """The PSA's short text key: letters and digits of the name, made unique by the id."""
    letters = "".join(letter for letter in name if letter.isascii() and letter.isalnum())
    return f"{letters[:18]}{company_id}"


def variant(rng: Random, name: str, city: str) -> str:
    """The same customer as another system spells it: suffix, site, case; never the same string."""
    short = name[:38]
    options = [f"{short} Inc", f"{short} ({city})", f"{short} - HQ", name.upper(), f"The {short}"]
    return rng.choice([option for option in options if option != name])


def _plain_name(rng: Random) -> str:
    shape = rng.random()
    if shape < 0.4:  # noqa: PLR2004 shares of the three shapes, used once
        return f"{rng.choice(PLACES)} {rng.choice(TRADES)}"
    if shape < 0.8:  # noqa: PLR2004
        return f"{rng.choice(SURNAMES)} {rng.choice(TRADES)}"
    first, second = rng.sample(SURNAMES, 2)
    return f"{first} & {second} {rng.choice(('LLP', 'Partners', 'Group', 'Co.', 'Ltd'))}"
