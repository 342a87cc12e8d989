"""Words that say little about who somebody is, and short forms of words that do: plain tables.

Company words first, then those of services and products. Add to them when a name is not recognised;
the tests hold that nothing becomes certain by it that should not.
"""

LEGAL = {
    "inc": "inc", "incorporated": "inc", "corp": "corp", "corporation": "corp",
    "llc": "llc", "lc": "llc", "pllc": "llc", "llp": "llp", "lp": "lp", "pc": "pc", "pa": "pc",
    "ltd": "ltd", "limited": "ltd", "plc": "plc", "co": "co", "company": "co",
    "gmbh": "gmbh", "ag": "ag", "kg": "kg", "ug": "ug", "ohg": "ohg", "ev": "ev", "se": "se",
    "sa": "sa", "sas": "sas", "sarl": "sarl", "sasu": "sas", "eurl": "sarl", "srl": "srl",
    "spa": "spa", "sl": "sl", "slu": "sl", "bv": "bv", "nv": "nv", "vof": "vof", "bvba": "bv",
    "ab": "ab", "as": "as", "asa": "as", "aps": "aps", "oy": "oy", "oyj": "oy",
    "pty": "ltd", "pte": "ltd", "sdn": "ltd", "bhd": "ltd", "kk": "kk", "kft": "kft", "zrt": "zrt",
    "sro": "sro", "sp": "spzoo", "zoo": "spzoo", "doo": "doo", "ood": "ood", "eood": "ood",
    "ltda": "ltda", "dds": "dds", "md": "md", "cpa": "cpa", "esq": "esq",
}  # fmt: skip
"""Legal forms and titles -> one spelling; left out of a name at its end."""
SHORT = {
    "intl": "international", "int": "international", "natl": "national", "mfg": "manufacturing",
    "mfr": "manufacturing", "svc": "services", "svcs": "services", "service": "services",
    "serv": "services", "assoc": "associates", "assocs": "associates", "assn": "association",
    "univ": "university", "dept": "department", "mgmt": "management", "mgt": "management",
    "dist": "distribution", "distr": "distribution", "ctr": "center", "centre": "center",
    "cntr": "center", "hosp": "hospital", "med": "medical", "eng": "engineering",
    "engr": "engineering", "fin": "financial", "finl": "financial", "ins": "insurance",
    "tech": "technologies", "technology": "technologies", "techs": "technologies",
    "sys": "systems", "system": "systems", "sol": "solutions", "solns": "solutions",
    "solution": "solutions", "grp": "group", "bros": "brothers", "bldg": "building",
    "const": "construction", "constr": "construction", "elec": "electric", "equip": "equipment",
    "ind": "industries", "inds": "industries", "indl": "industrial", "lab": "laboratories",
    "labs": "laboratories", "mkt": "market", "mktg": "marketing", "pharm": "pharmacy",
    "phys": "physicians", "prop": "properties", "props": "properties", "realty": "realty",
    "rest": "restaurant", "sch": "school", "trans": "transport", "transp": "transport",
    "whse": "warehouse", "wtr": "water", "st": "saint", "mt": "mount", "ft": "fort",
    "govt": "government", "amer": "american", "att": "attorneys", "attys": "attorneys",
    "comm": "communications", "comms": "communications", "cons": "consulting",
    "consult": "consulting", "dev": "development", "dent": "dental", "hldgs": "holdings",
    "hldg": "holdings", "ent": "enterprises", "enterprise": "enterprises",
    "prod": "products", "prods": "products", "partner": "partners", "acct": "accounting",
    "acctg": "accounting", "adv": "advisors", "archs": "architects", "auto": "automotive",
}  # fmt: skip
"""Short forms -> the word; a word of several spellings -> one of them."""
SMALL = frozenset(
    {"the", "and", "of", "a", "et", "und", "y", "de", "la", "le", "los", "der", "die"}
)
"""Left out wherever they stand."""
SITES = frozenset(
    {
        "hq", "headquarters", "headquarter", "main", "office", "head", "site", "branch", "location",
        "corporate", "campus", "home", "mainoffice", "primary", "default", "all", "sites",
    }
)  # fmt: skip
"""A part of a name of these words alone says which building, not who."""
DIRECTIONS = frozenset(
    {"north", "south", "east", "west", "northern", "southern", "eastern", "western", "central"}
)
"""Names that differ in one of these are of different places."""

BRANDS = {
    "microsoft 365": "m365", "ms 365": "m365", "m365": "m365",
    "microsoft office 365": "o365", "office 365": "o365", "ms office 365": "o365", "o365": "o365",
}  # fmt: skip
"""Spellings of a brand -> one. Office 365 E3 and Microsoft 365 E3 are two products."""
SERVICE_SHORT = {
    "lic": "license", "licence": "license", "licences": "license", "licenses": "license",
    "wks": "workstation", "wkst": "workstation", "workstations": "workstation",
    "pc": "workstation", "pcs": "workstation", "srv": "server", "svr": "server",
    "servers": "server", "users": "user", "seats": "seat", "devices": "device",
    "mailboxes": "mailbox", "biz": "business", "bus": "business", "prem": "premium",
    "std": "standard", "ent": "enterprise", "pro": "professional", "adv": "advanced",
    "mgd": "managed", "bkp": "backup", "backups": "backup", "av": "antivirus", "exch": "exchange",
    "subscriptions": "subscription", "sub": "subscription", "yr": "year", "mo": "month",
}  # fmt: skip
TERMS = frozenset(
    {"annual", "annually", "monthly", "yearly", "month", "year", "term", "commit", "commitment",
     "billed", "p1m", "p1y", "p3y", "1", "3", "nce", "trial"}
)  # fmt: skip
"""How long and how often: the same product on another price list."""
EDITIONS = frozenset(
    {"basic", "standard", "premium", "professional", "essentials", "advanced", "plus", "complete",
     "core", "foundation", "lite", "ultimate", "starter", "e1", "e3", "e5", "f1", "f3", "a1", "a3",
     "a5", "g1", "g3", "g5", "p1", "p2", "kiosk", "frontline"}
)  # fmt: skip
"""What an edition is called: a name of these words alone is a product of some suite."""
KINDS = frozenset(
    {"server", "workstation", "network", "control", "xdr", "edr", "mdr", "cold", "hot", "archive",
     "gb", "tb"}
)  # fmt: skip
"""What is counted or done: products that differ in one of these are different products."""
AUDIENCES = frozenset({"business", "enterprise", "education", "government", "nonprofit", "home"})
"""For whom: left out often, and different when both name one."""
FILLERS = frozenset(
    {"license", "subscription", "seat", "user", "per", "device", "managed", "for", "with", "plan",
     "microsoft", "ms", "online", "service", "services", "csp", "new", "commerce", "unit", "each"}
)  # fmt: skip
"""Words that products are dressed with."""
