"""Autotask PSA: companies, contracts, their services and bundles, and the units of one day.

Quantities stand in rows of dates beside the lines, so only those around the day that counts are
asked for. All is read by GET with a `search`, because an `ApiClient` can send nothing else.
Settings and clients are in `autotask_account`, what a refusal means in `autotask_refusals`, how
units are changed in `autotask_writing`; which records count is said in `sql/core/autotask.sql`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from reconcile_pipeline.http import NextUrlInBody, Request, SinglePage
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Changes, Record, Stream, System
from reconcile_pipeline.systems.psa.autotask_account import (
    FIELDS,
    currency,
    make_client,
    make_writer,
    numbers,
    reconciliation_day,
    tenant,
)
from reconcile_pipeline.systems.psa.autotask_refusals import PATHS, PERMISSIONS, diagnose
from reconcile_pipeline.systems.psa.autotask_writing import WRITE_BACK
from reconcile_pipeline.systems.reading import bare_list, count_at, list_under

PAGE_SIZE = 500
EVERYTHING = {"op": "gte", "field": "id", "value": 0}
"""A filter is mandatory; id 0 is the provider's own company."""

_UNITS = ("contractID", "units", "startDate", "endDate")


def streams(account: Account, on: date) -> list[Stream]:
    """Declare the lists; the last one is landed, not fetched: by which rules they are read."""
    day = reconciliation_day(account, on)
    rules = {
        "day": day.isoformat(),
        "customer_types": numbers(account, "customer_types"),
        "active_statuses": numbers(account, "active_statuses"),
        "currency": currency(account),
    }
    may_lack_services = account.flag("bundles_only")

    def plan(_earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        return [rules]

    # No narrower condition: a company or contract that does not count must be explained.
    return [
        _listed(
            "companies",
            ("companyName", "companyType", "isActive"),
            stamp="lastTrackedModifiedDateTime",
        ),
        _listed(
            "contracts",
            ("companyID", "contractName", "contractType", "status"),
            days=("startDate", "endDate"),
        ),
        _listed("contract_services", ("contractID", "serviceID"), may_be_empty=may_lack_services),
        _listed(
            "contract_service_units",
            ("contractServiceID", "serviceID", *_UNITS),
            covering=day,
            account="contractID",
            may_be_empty=may_lack_services,
        ),
        _listed("contract_service_bundles", ("contractID", "serviceBundleID"), may_be_empty=True),
        _listed(
            "contract_service_bundle_units",
            ("contractServiceBundleID", "serviceBundleID", *_UNITS),
            covering=day,
            may_be_empty=True,
        ),
        _listed("services", ("name",), may_be_empty=may_lack_services, stamp="lastModifiedDate"),
        _listed("service_bundles", ("name",), may_be_empty=True),
        Stream(
            name="counting_rules",
            paginator=SinglePage,
            records=bare_list,
            key="day",
            plan=plan,
        ),
    ]


def _listed(
    name: str,
    required: tuple[str, ...],
    *,
    days: tuple[str, ...] = (),
    covering: date | None = None,
    account: str | None = None,
    may_be_empty: bool = False,
    stamp: str = "",
) -> Stream:
    """One whole list, or with `covering` the rows of dates that hold a day, ends included."""
    has_units = covering is not None
    return Stream(
        name=name,
        request=Request(PATHS[name], params=search(covers(covering) if covering else EVERYTHING)),
        paginator=lambda: NextUrlInBody(next_page, is_by_place=False),
        records=rows_of(
            name,
            days=("startDate", "endDate") if has_units else days,
            whole=("units",) if has_units else (),
        ),
        required=required,
        numbers=("units",) if has_units else (),
        account=account,
        changes=_changes(PATHS[name], stamp) if stamp else None,
        may_be_empty=may_be_empty,
        empty_hint="Autotask answers with an empty list where the security level hides records."
        f" Let it allow: {PERMISSIONS[name]}.",
    )


def _changes(path: str, stamp: str) -> Changes:
    """Ask for records by their change stamp; contracts, lines and units have none."""

    def since(instant: datetime) -> Request:
        # Stamps have parts of seconds: a whole one before them all leaves nothing out.
        value = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Request(path, params=search({"op": "gte", "field": stamp, "value": value}))

    return Changes(
        request=since,
        stamp=stamp,
        total=Request(f"{path}/count", params=search(EVERYTHING)),
        count=lambda data: count_at(data, "queryCount"),
    )


def search(condition: Mapping[str, Any], most: int = PAGE_SIZE) -> dict[str, str]:
    """Return the parameter that selects records; short, as addresses end at 2,048 characters."""
    query = {"MaxRecords": most, "filter": [condition]}
    return {"search": json.dumps(query, separators=(",", ":"))}


def covers(day: date) -> dict[str, Any]:
    """Return the condition for rows whose dates hold the day."""
    return {
        "op": "and",
        "items": [
            {"op": "lte", "field": "startDate", "value": day.isoformat()},
            {"op": "gte", "field": "endDate", "value": day.isoformat()},
        ],
    }


def next_page(data: object) -> str | None:
    """Return the next page's address, None at the end; `shape` if a page does not say which."""
    details = data.get("pageDetails") if isinstance(data, dict) else None
    if not isinstance(details, dict) or "nextPageUrl" not in details:
        raise PipelineError(
            "The answer does not say whether another page follows (pageDetails.nextPageUrl).",
            next_step="Autotask's API has changed: report it to this project.",
            category=Category.SHAPE,
        )
    url: str | None = details["nextPageUrl"]
    return url


def rows_of(
    name: str, *, days: tuple[str, ...] = (), whole: tuple[str, ...] = ()
) -> Callable[[Any], list[Record]]:
    """Return a reader of `items` that refuses dates that are none and parts of units."""
    read = list_under("items")

    def checked(data: object) -> list[Record]:
        rows = read(data)
        for row in rows:
            for field in days:
                if row.get(field) is not None and not _is_day(row[field]):
                    raise _unfit(name, row, f"{field} is no date")
            for field in whole:
                value = row.get(field)
                if isinstance(value, Decimal) and value != value.to_integral_value():
                    raise _unfit(name, row, f"{field} is no whole number")
        return rows

    return checked


def _is_day(value: object) -> bool:
    try:
        date.fromisoformat(str(value)[:10])
    except ValueError:
        return False
    return True


def _unfit(name: str, row: Record, what: str) -> PipelineError:
    return PipelineError(
        f"Autotask sent a record of {name} (id {row.get('id')}) whose {what}.",
        next_step="Nothing of this pull is used. Look at the record in Autotask; if it is right"
        " there, report the changed format to this project.",
        category=Category.SHAPE,
    )


AUTOTASK = System(
    kind="autotask",
    title="Autotask PSA",
    role=Role.PSA,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    write_back=WRITE_BACK,
    writer=make_writer,
    tenant=tenant,
    capabilities={
        "lines": "Reads the services and bundles of recurring service contracts, and their units"
        " on the 1st of the next month (or today: count_on).",
        "bundles": "A bundle counts as one product of its own, not as the services in it.",
        "write_back": "Adds or takes away whole units from a day on; one change a line and day.",
        "hidden_records": "Can't tell what the security level hides: it is missing without an"
        " error.",
    },
)
