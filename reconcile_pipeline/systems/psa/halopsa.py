"""HaloPSA: clients, contracts, recurring invoices with their lines, and items, as lists to pull.

An agreement is a recurring invoice; the contract behind it only lends its name and type. Settings
and clients are in `halopsa_account`, paging in `halopsa_lists`, what a refusal means in
`halopsa_refusals`, how a line is changed in `halopsa_writing`; which records count is said in
`sql/core/halopsa.sql`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from reconcile_pipeline.http import Request, SinglePage
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Changes, Record, Stream, System
from reconcile_pipeline.systems.psa.halopsa_account import (
    FIELDS,
    counting_rules,
    make_client,
    make_writer,
    page_size,
    tenant,
)
from reconcile_pipeline.systems.psa.halopsa_lists import (
    HaloPages,
    announced,
    checked_invoices,
    rows_under,
)
from reconcile_pipeline.systems.psa.halopsa_refusals import PATHS, PERMISSIONS, diagnose
from reconcile_pipeline.systems.psa.halopsa_writing import WRITE_BACK
from reconcile_pipeline.systems.reading import bare_list

ZONES = timedelta(hours=15)
"""Further than any time zone is from UTC: which one Halo's filter means is not said anywhere."""
INVOICE_PAGE = 50
"""A recurring invoice has hundreds of properties, and over a hundred more for each line."""


def streams(account: Account, on: date) -> list[Stream]:
    """Declare the lists; the last one is landed, not fetched: by which rules they are read."""
    size = page_size(account)
    rules = {"day": on.isoformat(), **counting_rules(account)}

    def plan(earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        expect_lines(earlier["recurring_invoices"])
        return [rules]

    # Inactive records too: why one does not count must be explained.
    inactive_too = {"includeinactive": "true"}
    return [
        _listed(
            "clients",
            size,
            ("name", "inactive"),
            inactive_too,
            changes=client_changes(inactive_too),
        ),
        _listed("contracts", size, ("client_id",), inactive_too, may_be_empty=True),
        _listed(
            "recurring_invoices",
            min(size, INVOICE_PAGE),
            ("client_id", "disabled", "lines"),
            # Without it there are no lines in the list, and no error.
            {"includelines": "true"},
            records=checked_invoices,
            account="client_id",
            is_needed_later=True,
            keeps=numbers_of,
        ),
        _listed("items", size, ("name",), inactive_too),
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
    size: int,
    required: tuple[str, ...],
    params: Mapping[str, str],
    *,
    may_be_empty: bool = False,
    **more: Any,  # noqa: ANN401 - as `Stream` has it
) -> Stream:
    settings: dict[str, Any] = {"records": rows_under(name)} | more
    return Stream(
        name=name,
        # In the order of ids: pages must not move while they are being read.
        request=Request(PATHS[name], params={**params, "order": "id"}),
        paginator=lambda: HaloPages(size),
        announced=announced,
        required=required,
        may_be_empty=may_be_empty,
        empty_hint=f"HaloPSA shows nothing where it should. Allow: {PERMISSIONS[name]}.",
        **settings,
    )


def client_changes(params: Mapping[str, str]) -> Changes:
    """Ask for the clients changed since an instant; their records carry no change stamp."""
    path = PATHS["clients"]

    def since(instant: datetime) -> Request:
        stamp = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        asked = {**params, "order": "id", "lastupdatefromdate": stamp}
        return Request(path, params=asked)

    one = {**params, "pageinate": "true", "page_size": "1", "page_no": "1"}
    return Changes(
        request=since,
        total=Request(path, params=one),
        count=announced,
        least_overlap=ZONES,
    )


def numbers_of(invoice: Record) -> Record:
    """Return the number of a recurring invoice and those of its lines, and nothing else."""
    return {"id": invoice["id"], "lines": [{"id": line["id"]} for line in invoice["lines"]]}


def expect_lines(invoices: Sequence[Record]) -> None:
    """Check the lines of all recurring invoices together.

    Raises:
        PipelineError: `incomplete` if there is not one: they were left out, not zero; `shape` if
            two have one number, as a line is known by it.
    """
    # A record that two pages repeat is one record.
    distinct = {invoice["id"]: invoice["lines"] for invoice in invoices}
    numbers = [line["id"] for lines in distinct.values() for line in lines]
    if distinct and not numbers:
        raise PipelineError(
            f"HaloPSA shows {len(distinct)} recurring invoices and not one line on them.",
            next_step=f"Nothing of this pull is used. Allow: {PERMISSIONS['recurring_invoices']};"
            " then pull again.",
            category=Category.INCOMPLETE,
        )
    if len(set(numbers)) < len(numbers):
        raise PipelineError(
            "HaloPSA shows two lines of recurring invoices with the same number.",
            next_step="Nothing of this pull is used. Pull again; if it repeats, report it to this"
            " project.",
            category=Category.SHAPE,
        )


HALOPSA = System(
    kind="halopsa",
    title="HaloPSA",
    role=Role.PSA,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    write_back=WRITE_BACK,
    writer=make_writer,
    tenant=tenant,
    capabilities={
        "lines": "Reads the lines of every recurring invoice, and counts those that recur and are"
        " in force today.",
        "calculated": "Lines whose quantity HaloPSA works out itself are shown and never changed.",
        "write_back": "Sets a quantity by sending the whole recurring invoice back as it was just"
        " read; the next invoice created from it bills the change.",
        "not_read": "Does not read the older recurring items per client, nor invoices already"
        " created.",
        "unverified": "HaloPSA publishes no answers of its API: what the number of an approval"
        " status means and which line is a bundle's parent are taken from integrations.",
    },
)
