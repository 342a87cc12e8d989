"""Landed pages as typed frames, as somebody would read them in an afternoon, in pandas and Polars.

Only what the made-up pages of `records.py` need: one vendor, one PSA, every rule that meets their
records. The four frames of `Typed` are also what `rival_tables.py` reads from ready-made tables.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from benchmarks.landed import Landed

COUNTED = ("Active", "Activated", "PendingCancel")


@dataclass(frozen=True)
class Typed:
    """One engine's frames: what is left out for a reason is no longer in them."""

    lines: Any
    """company_id, item, qty: agreement lines that are invoiced."""
    usage: Any
    """account, service, qty: usage rows."""
    accounts: Any
    """account, company_id: mapped accounts that the vendor lists."""
    links: Any
    """service, item: which PSA product a vendor service is sold as."""


def pandas_pages(landed: Landed) -> Typed:
    """Parse page by page and keep the fields that count."""
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
        columns=["id", "agreement", "item", "qty"],
    ).drop_duplicates("id")
    lines["company_id"] = lines["agreement"].map(company_of)
    usage = pd.DataFrame(
        (
            (s["id"], s["companyId"], _service(s), s["quantity"])
            for s in _records(landed, "pax8", "subscriptions")
            if s["status"] in COUNTED
        ),
        columns=["id", "account", "service", "qty"],
    ).drop_duplicates("id")
    alive = {a["id"] for a in _records(landed, "pax8", "companies") if a["status"] == "Active"}
    accounts = [
        (item, target)
        for item, target in _mapped(landed, "account")
        if item in alive and target not in gone
    ]
    return Typed(
        lines.dropna(subset="company_id"),
        usage,
        pd.DataFrame(accounts, columns=["account", "company_id"]),
        pd.DataFrame(_mapped(landed, "service"), columns=["service", "item"]),
    )


def polars_pages(landed: Landed) -> Typed:
    """Let Polars decode the pages, lazily."""
    gone = _polars_rows(landed, "connectwise", "companies", _COMPANY).filter("deletedFlag")
    gone = gone.select(company_id="id")
    agreements = _polars_rows(landed, "connectwise", "agreements", _AGREEMENT)
    lines = (
        _polars_rows(landed, "connectwise", "additions", _ADDITION)
        .unique("id")
        .filter(pl.col("billCustomer") != "NoCharge")
        .join(
            agreements.filter(~pl.col("cancelledFlag")).select(
                agreementId="id", company_id=pl.col("company").struct.field("id")
            ),
            on="agreementId",
        )
        .join(gone, on="company_id", how="anti")
        .select("company_id", item=pl.col("product").struct.field("id"), qty="quantity")
    )
    usage = (
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
    )
    alive = _polars_rows(landed, "pax8", "companies", _ACCOUNT, at="content")
    accounts = (
        pl.LazyFrame(_mapped(landed, "account"), ["account", "company_id"], orient="row")
        .join(alive.filter(status="Active"), left_on="account", right_on="id", how="semi")
        .join(gone, on="company_id", how="anti")
    )
    links = pl.LazyFrame(_mapped(landed, "service"), ["service", "item"], orient="row")
    return Typed(lines, usage, accounts, links)


def _mapped(landed: Landed, kind: str) -> list[tuple[str, str]]:
    return [
        (mapping["item_id"], mapping["target_id"])
        for mapping in landed.mappings
        if mapping["kind"] == kind and mapping["target_id"]
    ]


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
