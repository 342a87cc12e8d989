"""The same month in data frames, as somebody would write it in an afternoon: pages to differences.

Only what the made-up pages of `records.py` need: one vendor, one PSA, every rule that meets their
records. Quantities are whole numbers in them, so that float sums are exact and totals comparable.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from benchmarks.landed import Landed

Frame = Any
COUNTED = ("Active", "Activated", "PendingCancel")


@dataclass(frozen=True)
class Totals:
    """What every engine has to agree on."""

    cards: int
    psa: Decimal
    vendor: Decimal
    differing: int


def by_pandas(landed: Landed) -> Totals:
    """Parse page by page, keep the fields that count, then join and group in pandas."""
    found = _compared(landed)
    psa, vendor = found["qty_psa"].fillna(0), found["qty_vendor"].fillna(0)
    return _totals(len(found), psa.sum(), vendor.sum(), int((psa != vendor).sum()))


def by_datacompy(landed: Landed) -> Totals:
    """The same frames, compared by datacompy instead of a merge of our own."""
    import datacompy  # noqa: PLC0415 - not a dependency

    psa, vendor = _sides(landed)
    keys = ["company_id", "item"]
    compared = datacompy.PandasCompare(
        psa.rename(columns={"qty_psa": "qty"}),
        vendor.rename(columns={"qty_vendor": "qty"}),
        join_columns=keys,
    )
    both = compared.intersect_rows
    # What stands on one side alone differs from nothing, unless it is nothing itself.
    alone = [compared.df1_unq_rows["qty"], compared.df2_unq_rows["qty"]]
    differing = int((both["qty_df1"] != both["qty_df2"]).sum())
    differing += sum(int((quantities != 0).sum()) for quantities in alone)
    cards = len(both) + sum(len(quantities) for quantities in alone)
    return _totals(cards, psa["qty_psa"].sum(), vendor["qty_vendor"].sum(), differing)


def by_polars(landed: Landed) -> Totals:
    """Let Polars decode the pages, then join and group lazily."""
    mappings = pl.DataFrame(
        [(m["kind"], m["item_id"], m["target_id"]) for m in landed.mappings if m["target_id"]],
        schema=["kind", "item", "target"],
        orient="row",
    ).lazy()
    mapped = mappings.filter(kind="account").select(account="item", company_id="target")
    links = mappings.filter(kind="service").select(service="item", item="target")
    gone = _polars_rows(landed, "connectwise", "companies", _COMPANY).filter("deletedFlag")
    alive = _polars_rows(landed, "pax8", "companies", _ACCOUNT).filter(status="Active")
    accounts = (
        mapped.join(alive, left_on="account", right_on="id", how="semi")
        .join(gone.select(company_id="id"), on="company_id", how="anti")
        .cache()
    )
    used = (
        _polars_rows(landed, "pax8", "subscriptions", _SUBSCRIPTION, at="content")
        .unique("id")
        .filter(pl.col("status").is_in(COUNTED))
        .select(
            account="companyId",
            service=pl.concat_str(
                "productId",
                pl.lit("|"),
                "billingTerm",
                pl.lit("|"),
                pl.col("commitmentTerm").struct.field("term").fill_null("none"),
            ),
            qty="quantity",
        )
        .join(accounts, on="account")
        .join(links, on="service")
        .group_by("company_id", "item")
        .agg(qty_vendor=pl.col("qty").sum())
    )
    agreements = _polars_rows(landed, "connectwise", "agreements", _AGREEMENT)
    invoiced = (
        _polars_rows(landed, "connectwise", "additions", _ADDITION)
        .unique("id")
        .filter(pl.col("billCustomer") != "NoCharge")
        .join(
            agreements.filter(~pl.col("cancelledFlag")).select(
                agreementId="id", company_id=pl.col("company").struct.field("id")
            ),
            on="agreementId",
        )
        .join(gone.select(company_id="id"), on="company_id", how="anti")
        .group_by("company_id", item=pl.col("product").struct.field("id"))
        .agg(qty_psa=pl.col("quantity").sum())
    )
    fed = links.select("item").unique()
    # A service that the vendor doesn't show for a customer it lists is counted as 0.
    nothing = (
        invoiced.join(fed, on="item", how="semi")
        .join(accounts, on="company_id", how="semi")
        .select("company_id", "item")
        .join(used, on=["company_id", "item"], how="anti")
        .with_columns(qty_vendor=pl.lit(0.0))
    )
    found = (
        invoiced.join(
            pl.concat([used, nothing]), on=["company_id", "item"], how="full", coalesce=True
        )
        .with_columns(pl.col("qty_psa", "qty_vendor").fill_null(0))
        .collect()
    )
    differing = found.filter(pl.col("qty_psa") != pl.col("qty_vendor")).height
    return _totals(found.height, found["qty_psa"].sum(), found["qty_vendor"].sum(), differing)


def _compared(landed: Landed) -> Frame:
    psa, vendor = _sides(landed)
    return psa.merge(vendor, on=["company_id", "item"], how="outer")


def _sides(landed: Landed) -> tuple[Frame, Frame]:
    """Invoiced and used units by company and product, in pandas."""
    import pandas as pd  # noqa: PLC0415 - not a dependency

    gone = {str(c["id"]) for c in _records(landed, "connectwise", "companies") if c["deletedFlag"]}
    company_of = {
        a["id"]: str(a["company"]["id"])
        for a in _records(landed, "connectwise", "agreements")
        if not a["cancelledFlag"] and str(a["company"]["id"]) not in gone
    }
    lines = pd.DataFrame(
        (
            (a["id"], a["agreementId"], str(a["product"]["id"]), a["quantity"])
            for a in _records(landed, "connectwise", "additions")
            if a["billCustomer"] != "NoCharge"
        ),
        columns=["id", "agreement", "item", "qty_psa"],
    ).drop_duplicates("id")
    lines["company_id"] = lines["agreement"].map(company_of)
    psa = lines.dropna(subset="company_id").groupby(["company_id", "item"], as_index=False)
    psa = psa["qty_psa"].sum()

    alive = {a["id"] for a in _records(landed, "pax8", "companies") if a["status"] == "Active"}
    mapped = [m for m in landed.mappings if m["target_id"]]
    accounts = {
        m["item_id"]: m["target_id"]
        for m in mapped
        if m["kind"] == "account" and m["item_id"] in alive and m["target_id"] not in gone
    }
    links = {m["item_id"]: m["target_id"] for m in mapped if m["kind"] == "service"}
    usage = pd.DataFrame(
        (
            (s["id"], s["companyId"], _service(s), s["quantity"])
            for s in _records(landed, "pax8", "subscriptions")
            if s["status"] in COUNTED
        ),
        columns=["id", "account", "service", "qty_vendor"],
    ).drop_duplicates("id")
    usage["company_id"] = usage["account"].map(accounts)
    usage["item"] = usage["service"].map(links)
    usage = usage.dropna(subset=["company_id", "item"])
    vendor = usage.groupby(["company_id", "item"], as_index=False)["qty_vendor"].sum()
    # A service that the vendor doesn't show for a customer it lists is counted as 0.
    fed, listed = set(links.values()), set(accounts.values())
    asked = psa[psa["item"].isin(fed) & psa["company_id"].isin(listed)]
    nothing = asked[["company_id", "item"]].merge(
        vendor, on=["company_id", "item"], how="left", indicator=True
    )
    nothing = nothing[nothing["_merge"] == "left_only"][["company_id", "item"]]
    return psa, pd.concat([vendor, nothing.assign(qty_vendor=0.0)], ignore_index=True)


def _service(subscription: dict[str, Any]) -> str:
    commitment = subscription["commitmentTerm"]
    term = "none" if commitment is None else commitment["term"]
    return f"{subscription['productId']}|{subscription['billingTerm']}|{term}"


def _records(landed: Landed, system: str, stream: str) -> Iterator[dict[str, Any]]:
    """Record by record: all of them at once don't fit in memory."""
    for batch in pq.ParquetFile(_file(landed, system, stream)).iter_batches(64, columns=["body"]):
        for body in batch.column("body").to_pylist():
            page = json.loads(body)
            yield from page["content"] if isinstance(page, dict) else page


_SUBSCRIPTION = pl.Struct(
    {
        "id": pl.String,
        "companyId": pl.String,
        "productId": pl.String,
        "quantity": pl.Float64,
        "status": pl.String,
        "billingTerm": pl.String,
        "commitmentTerm": pl.Struct({"term": pl.String}),
    }
)
_ACCOUNT = pl.Struct({"id": pl.String, "status": pl.String})
_COMPANY = pl.Struct({"id": pl.String, "deletedFlag": pl.Boolean})
_AGREEMENT = pl.Struct(
    {"id": pl.String, "cancelledFlag": pl.Boolean, "company": pl.Struct({"id": pl.String})}
)
_ADDITION = pl.Struct(
    {
        "id": pl.String,
        "agreementId": pl.String,
        "product": pl.Struct({"id": pl.String}),
        "quantity": pl.Float64,
        "billCustomer": pl.String,
    }
)


def _polars_rows(
    landed: Landed, system: str, stream: str, record: pl.Struct, at: str = ""
) -> pl.LazyFrame:
    at = at or ("content" if system == "pax8" else "")
    page = pl.List(record)
    kind = pl.Struct({at: page}) if at else page
    decoded = pl.scan_parquet(_file(landed, system, stream)).select(
        page=pl.col("body").str.json_decode(kind)
    )
    if at:
        decoded = decoded.select(page=pl.col("page").struct.field(at))
    return decoded.explode("page").unnest("page")


def _file(landed: Landed, system: str, stream: str) -> Path:
    pull = next(pull for pull in landed.attempts if pull.system == system)
    found = next(each for each in pull.streams if each.name == stream)
    return landed.landing / pull.relative_path / found.file


def _totals(cards: int, psa: float, vendor: float, differing: int) -> Totals:
    return Totals(cards, Decimal(int(psa)), Decimal(int(vendor)), differing)
