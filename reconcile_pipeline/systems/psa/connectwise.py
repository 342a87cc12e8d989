"""ConnectWise PSA: companies, agreements and their additions, as lists to pull.

Additions can only be listed per agreement, so agreements are read first and judged by
`connectwise_scope`; what is left out is landed with its reason. Settings and client are in
`connectwise_account`, what a refusal means in `connectwise_refusals`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from urllib.parse import quote

from reconcile_pipeline.http import (
    ForwardOnlyLink,
    LinkHeader,
    Paginator,
    Request,
    SinglePage,
)
from reconcile_pipeline.model import Role
from reconcile_pipeline.systems.base import Account, Changes, Child, Record, Stream, System
from reconcile_pipeline.systems.psa.connectwise_account import FIELDS, make_client, make_writer
from reconcile_pipeline.systems.psa.connectwise_probe import probe
from reconcile_pipeline.systems.psa.connectwise_refusals import PERMISSIONS, diagnose
from reconcile_pipeline.systems.psa.connectwise_scope import (
    SCOPE_FIELDS,
    agreement_excluded_reason,
    cycle_options,
    types_in_scope,
)
from reconcile_pipeline.systems.psa.connectwise_writing import WRITE_BACK, tenant
from reconcile_pipeline.systems.reading import bare_list, choice, count_at, only

PAGE_SIZE = 1000

COMPANY_FIELDS = (
    "id,identifier,name,status/id,status/name,types,deletedFlag,parentCompany/id,_info/lastUpdated"
)


def streams(account: Account, on: date) -> list[Stream]:
    """Declare the lists in the order in which later ones need earlier ones."""
    paging = _paging(account)
    wanted = account.items("agreement_types")

    def plan(earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        return agreement_scope(earlier, wanted, on)

    def listed(
        name: str,
        path: str,
        required: tuple[str, ...],
        *,
        fields: str = "",
        is_needed_later: bool = False,
        tells_changes: bool = False,
        keeps: Callable[[Record], Record] | None = None,
    ) -> Stream:
        request = Request(path, params={"fields": fields} if fields else {})
        return Stream(
            name=name,
            request=request,
            paginator=paging,
            records=bare_list,
            required=required,
            may_be_empty=False,
            empty_hint=f"The API member's security role may hide them: {PERMISSIONS[name]}.",
            is_needed_later=is_needed_later,
            changes=changes_of(request) if tells_changes else None,
            keeps=keeps,
        )

    return [
        # No condition: a recycled or inactive company must be explained, not just missing.
        listed(
            "companies",
            "/company/companies",
            ("name", "status.id", "deletedFlag"),
            fields=COMPANY_FIELDS,
            tells_changes=True,
        ),
        listed("company_statuses", "/company/companies/statuses", ("name", "inactiveFlag")),
        listed("company_types", "/company/companies/types", ("name",)),
        listed(
            "billing_cycles",
            "/finance/billingCycles",
            ("name", "billingOptions"),
            is_needed_later=True,
        ),
        listed("agreement_types", "/finance/agreements/types", ("name",), is_needed_later=True),
        listed(
            "agreements",
            "/finance/agreements",
            ("name", "type.id", "company.id", "cancelledFlag", "agreementStatus"),
            is_needed_later=True,
            tells_changes=True,
            keeps=only("id", *SCOPE_FIELDS),
        ),
        listed("catalogue", "/procurement/catalog", ("identifier",), tells_changes=True),
        Stream(
            name="agreement_scope",
            paginator=SinglePage,
            records=bare_list,
            key="agreement_id",
            plan=plan,
            is_needed_later=True,
        ),
        Stream(
            name="additions",
            paginator=paging,
            records=bare_list,
            required=("agreementId", "product.id", "quantity", "billCustomer"),
            numbers=("quantity",),
            account="agreementId",
            children=addition_lists,
        ),
    ]


def _paging(account: Account) -> Callable[[], Paginator]:
    if choice(account, "paging", ("forward-only", "navigable")) == "navigable":
        return lambda: LinkHeader(size=PAGE_SIZE)
    return lambda: ForwardOnlyLink(size=PAGE_SIZE)


def changes_of(request: Request) -> Changes:
    """Ask for the records of a list that were changed after an instant, and count them all.

    Additions have no such question: a changed addition need not move its agreement's stamp.
    """

    def since(instant: datetime) -> Request:
        stamp = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Request(
            request.path, params={**request.params, "conditions": f"lastUpdated > [{stamp}]"}
        )

    return Changes(
        request=since,
        stamp="_info.lastUpdated",
        total=Request(f"{request.path}/count"),
        count=lambda data: count_at(data, "count"),
    )


def agreement_scope(
    earlier: Mapping[str, Sequence[Record]], wanted: Sequence[str], on: date
) -> list[Record]:
    """Judge every agreement: `{agreement_id, excluded_reason}`; id as text, null when in scope."""
    cycles = cycle_options(earlier["billing_cycles"])
    types = types_in_scope(wanted, earlier["agreement_types"])
    # One row per agreement: a record that two pages repeat must not be asked for twice.
    agreements = {str(agreement["id"]): agreement for agreement in earlier["agreements"]}
    return [
        {
            "agreement_id": agreement_id,
            "excluded_reason": agreement_excluded_reason(agreement, cycles, types, on),
        }
        for agreement_id, agreement in agreements.items()
    ]


def addition_lists(earlier: Mapping[str, Sequence[Record]]) -> list[Child]:
    """Ask for the additions of each agreement in scope, and of no other."""
    return [
        Child(
            parent_id=row["agreement_id"],
            request=Request(
                f"/finance/agreements/{quote(row['agreement_id'], safe='')}/additions",
                template="/finance/agreements/{id}/additions",
            ),
        )
        for row in earlier["agreement_scope"]
        if row["excluded_reason"] is None
    ]


CONNECTWISE = System(
    kind="connectwise",
    title="ConnectWise PSA",
    role=Role.PSA,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    write_back=WRITE_BACK,
    writer=make_writer,
    tenant=tenant,
    probes={"bundles": probe},
    capabilities={
        "lines": "Reads the additions of every agreement in scope: one call per agreement, as"
        " ConnectWise offers no list across agreements, or with bundle_size several in one call.",
        "history": "Tells quantities of this moment only; past months can't be pulled.",
        "hidden_types": "Can't tell agreement types that the security role hides: they are"
        " missing without an error.",
    },
)
