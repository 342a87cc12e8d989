"""The product's own cards in pandas, to the last letter: what explaining a difference costs there.

Comparing two sums is a tenth of the work. A card also says which rule was met, from which services
its count is made up, what a unit costs, which mappings it rests on and what to do; and it has an
id and a version. Only rules that the made-up data of `records.py` meets are here: one vendor,
whole units, no history, every pull complete.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.landed import PERIOD
from benchmarks.layers import Connection

Frame = Any
PAIR = ["company_id", "service_group_id"]
SERVICE = ["system", "service_id"]
TABLES = {
    "card_lines": """
        select line_id, company_id, product_id, description, qty::double as qty,
            qty_included::double as qty_included, unit_price::double as unit_price, currency,
            coalesce(effective_on, date '0001-01-01')::varchar as effective_on
        from core.agreement_lines where excluded_reason is null
    """,
    "card_companies": """
        select company_id, name as company_name from core.companies where excluded_reason is null
    """,
    "card_groups": """
        select groups.member_id as product_id, groups.service_group_id, groups.service_name,
            products.unit_price::double as unit_price
        from map.service_groups as groups
        inner join core.products as products on groups.member_id = products.product_id
        where groups.period = $period and groups.member_kind = 'product'
    """,
    "card_accounts": """
        select system, account_id, company_id, is_listed
        from map.accounts where period = $period and state = 'mapped'
    """,
    "card_feeds": """
        select system, service_id, service_name as fed_by, product_id,
            multiplier::double as multiplier
        from map.services
        where period = $period and state = 'mapped' and leg = 'usage' and is_countable
    """,
    "card_linked": """
        select distinct product_id from map.services where period = $period and state = 'mapped'
    """,
    "card_usage": "select system, account_id, service_id, qty::double as qty from core.usage",
}
PRINT = """
    select md5(string_agg(concat_ws('|', card_id, card_version, company_name, service_name, finding,
        equation, cast(amount_delta as decimal(18, 4)), reason, next_step), ';' order by card_id))
    from {cards} where period = ?
"""
SAYS = {
    "under_billed": ("Used {vendor}, invoiced {psa}.", "Reconcile to invoice what is used, or"),
    "over_billed": (
        "Invoiced {psa}, used {vendor}.",
        "Reconcile to stop invoicing unused units, or",
    ),
    "match": ("Both sides count {vendor}.", "Approve."),
    "new_revenue": (
        "Used {vendor}, and no line invoices it.",
        "Add a line to one of the company's agreements, or dismiss with a reason.",
    ),
    "not_connected": (
        "Invoiced {psa}; no vendor feeds this product.",
        "Nothing, or map the product to a vendor service.",
    ),
}
GONE = (
    "Invoiced {psa}; the vendor does not list the mapped account, or it is inactive.",
    "Reactivate the account at the vendor, or end the line.",
)
NO_ACCOUNT = (
    "Invoiced {psa}; the company has no mapped account at the vendor.",
    "Map the company's account at the vendor, or end the line.",
)


def export_cards_input(connection: Connection, folder: Path) -> None:
    """Write what it starts from."""
    for name, query in TABLES.items():
        filled = query.replace("$period", f"'{PERIOD}'")
        connection.execute(f"copy ({filled}) to '{folder / name}.parquet'")


def print_of(connection: Connection, cards: str) -> str:
    """What two tables of cards have in common when they tell the same."""
    [(found,)] = connection.execute(PRINT.format(cards=cards), [PERIOD]).fetchall()
    return str(found)


def cards_by_pandas(folder: Path) -> Frame:
    """Every card with what the product tells on it."""
    import pandas as pd  # noqa: PLC0415 - not a dependency

    lines, companies, groups, accounts, feeds, linked, usage = (
        pd.read_parquet(folder / f"{name}.parquet") for name in TABLES
    )
    invoiced = _invoiced(lines, groups)
    feeds = feeds.merge(groups[["product_id", *PAIR[1:], "service_name"]], on="product_id")
    feeds = feeds.drop_duplicates([*SERVICE, "service_group_id"])
    used = _used(usage, accounts, feeds)
    found = invoiced.merge(used[used["records"] > 0], on=PAIR, how="outer")
    found = found.merge(companies, on="company_id")
    found = found.merge(_listed(accounts, feeds), on=PAIR, how="left")
    fed = feeds.groupby("service_group_id").agg(fed_name=("service_name", "max"))
    found = found.merge(fed, on="service_group_id", how="left")
    alone = groups.groupby("service_group_id").agg(
        products=("product_id", "size"), group_price=("unit_price", "max")
    )
    alone = alone.loc[alone["products"] == 1, ["group_price"]]
    found = found.merge(alone, on="service_group_id", how="left")
    known = groups.loc[groups["product_id"].isin(linked["product_id"]), "service_group_id"]
    found["is_linked"] = found["service_group_id"].isin(known)
    found = found.merge(_feed_prints(feeds), on="service_group_id", how="left")
    return _told(_judged(found, lines["currency"].unique()))


def _invoiced(lines: Frame, groups: Frame) -> Frame:
    """Units, price and print of the lines of each pair."""
    lines = lines.merge(groups.drop(columns="unit_price"), on="product_id", how="left")
    lines["service_group_id"] = lines["service_group_id"].fillna("product:" + lines["product_id"])
    lines["service_name"] = lines["service_name"].fillna(lines["description"])
    lines["text"] = [
        f"{line}:{qty:.4f}:{included:.4f}"
        for line, qty, included in zip(
            lines["line_id"], lines["qty"], lines["qty_included"], strict=True
        )
    ]
    latest = lines.sort_values(["effective_on", "line_id"]).drop_duplicates(PAIR, keep="last")
    sums = lines.groupby(PAIR).agg(
        qty_psa=("qty", "sum"), fingerprint=("text", lambda texts: ",".join(sorted(texts)))
    )
    prices = latest[[*PAIR, "service_name", "unit_price", "currency"]]
    return sums.reset_index().merge(prices, on=PAIR)


def _used(usage: Frame, accounts: Frame, feeds: Frame) -> Frame:
    """Counted units of each pair, and of which services they are made up."""
    listed = accounts[accounts["is_listed"]]
    used = usage.merge(listed, on=["system", "account_id"])
    counts = used.groupby(["company_id", *SERVICE], as_index=False)["qty"].sum()
    counts = counts.merge(feeds, on=SERVICE)
    counts["qty"] *= counts["multiplier"]
    counts = counts[counts["qty"] != 0].sort_values(SERVICE)
    counts["text"] = [
        f"{_plain(qty)} ({name})" for qty, name in zip(counts["qty"], counts["fed_by"], strict=True)
    ]
    sums = counts.groupby(PAIR, as_index=False).agg(
        qty_vendor=("qty", "sum"), records=("qty", "size"), parts=("text", " + ".join)
    )
    sums["equation"] = [
        f"{parts} = {_plain(qty)}" if records > 1 else None
        for parts, qty, records in zip(
            sums["parts"], sums["qty_vendor"], sums["records"], strict=True
        )
    ]
    return sums.drop(columns="parts")


def _listed(accounts: Frame, feeds: Frame) -> Frame:
    """Of each pair, whether the vendor lists an account of the company, and which there are."""
    systems = feeds[["system", "service_group_id"]].drop_duplicates()
    texts = accounts.assign(text=accounts["system"] + "/" + accounts["account_id"])
    by_company = texts.groupby(["company_id", "system"], as_index=False).agg(
        is_listed=("is_listed", "max"),
        account_print=("text", lambda each: ",".join(sorted(each))),
    )
    return by_company.merge(systems, on="system").drop(columns="system")


def _feed_prints(feeds: Frame) -> Frame:
    texts = (
        feeds["system"] + "/" + feeds["service_id"] + "*" + feeds["multiplier"].map("{:.4f}".format)
    )
    prints = feeds.assign(feed_print=texts).groupby("service_group_id", as_index=False)
    return prints.agg(feed_print=("feed_print", lambda each: ",".join(sorted(each))))


def _judged(found: Frame, currencies: Iterable[str]) -> Frame:
    """What is known of each pair, and the rule that it meets."""
    import numpy as np  # noqa: PLC0415 - comes with pandas

    is_listed = found["is_listed"].eq(True)
    found["is_gone"] = found["is_listed"].eq(False)
    found["qty_vendor"] = found["qty_vendor"].fillna(0).where(is_listed)
    found["equation"] = found["equation"].where(is_listed)
    has_line = found["qty_psa"].notna()
    found["unit_price"] = found["unit_price"].where(has_line, found["group_price"])
    [currency] = currencies
    found["currency"] = found["currency"].fillna(currency)
    found["service_name"] = found["service_name"].fillna(found["fed_name"])
    psa, vendor = found["qty_psa"].fillna(0), found["qty_vendor"]
    found["finding"] = np.select(
        [~found["is_linked"], vendor.isna(), ~has_line & (vendor > 0), vendor > psa, vendor < psa],
        ["not_connected", "no_vendor_figure", "new_revenue", "under_billed", "over_billed"],
        "match",
    )
    found["amount_delta"] = (vendor - psa) * found["unit_price"]
    return found


def _told(found: Frame) -> Frame:
    """Ids, versions and sentences."""
    found["mapping_version"] = [
        _md5(f"{account}|{feed}")[:12]
        for account, feed in _texts(found, "account_print", "feed_print")
    ]
    found["card_id"] = [
        _md5(f"{PERIOD}|{company}|{group}")[:16] for company, group in _texts(found, *PAIR)
    ]
    found["card_version"] = [
        _md5(f"{finding}|{fingerprint}|{_exact(vendor)}|{_exact(price)}|{currency}|{version}")[:12]
        for (finding, fingerprint, currency, version), vendor, price in zip(
            _texts(found, "finding", "fingerprint", "currency", "mapping_version"),
            found["qty_vendor"],
            found["unit_price"],
            strict=True,
        )
    ]
    said = [
        _said(SAYS.get(finding, GONE if is_gone else NO_ACCOUNT), psa, vendor, equation)
        for finding, psa, vendor, is_gone, equation in zip(
            *(found[name] for name in ("finding", "qty_psa", "qty_vendor", "is_gone")),
            found["equation"].fillna(""),
            strict=True,
        )
    ]
    found["reason"], found["next_step"] = zip(*said, strict=True)
    found["period"] = PERIOD
    return found


def _said(said: tuple[str, str], psa: float, vendor: float, equation: str) -> tuple[str, str]:
    sentence, step = said
    reason = sentence.format(psa=_plain(psa, "no line"), vendor=_plain(vendor, "unknown"))
    if step.endswith(", or"):
        step += " keep the line with a reason."
    return reason + (f" Counted: {equation}." if equation else ""), step


def _texts(found: Frame, *names: str) -> Iterable[tuple[str, ...]]:
    return zip(*(found[name].fillna("") for name in names), strict=True)


def _plain(number: float, otherwise: str = "") -> str:
    """Without zeros at the end. Missing numbers are not equal to themselves."""
    return f"{number:.4f}".rstrip("0").rstrip(".") if number == number else otherwise  # noqa: PLR0124


def _exact(number: float) -> str:
    return f"{number:.4f}" if number == number else "unknown"  # noqa: PLR0124


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
