"""Microsoft Graph: what is in each customer's tenant, seats assigned and bought, read only.

The partner's token shows who the customers are and which of them let the partner in (GDAP); each
of those is then asked with a token of its own tenant. Whoever can't be asked has no count: never 0.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from reconcile_pipeline.http import ApiClient, ApiError, Limits, NextUrlInBody, Request, SinglePage
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import PARENT, Account, Child, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import (
    advised,
    at,
    bare_list,
    first_text,
    list_under,
    unfit,
    whole_number,
)
from reconcile_pipeline.systems.vendors.microsoft_login import (
    explained,
    is_tenant,
    login_fields,
    login_says,
    partner_tenant,
    token_for,
)
from reconcile_pipeline.systems.vendors.microsoft_tenants import TENANT, TokenPerTenant

SCOPE = "https://graph.microsoft.com/.default"
LARGEST_PAGE = "300"
NOT_READY = frozenset({400, 401, 403})
"""How a tenant says that we may not look: at its login (no consent, MFA) or at the list."""
SKU_FIELDS = "id,skuId,skuPartNumber,capabilityStatus,consumedUnits,prepaidUnits,appliesTo"
_ACCESS = (
    "Check in a customer's tenant that the GDAP relationship is active, that the partner user has"
    " one of its roles (License Administrator or Directory Readers), and that the app was consented"
    " to there."
)

FIELDS = (
    Field(
        "base_url",
        "Address of Microsoft Graph, with its version.",
        kind="url",
        default="https://graph.microsoft.com/v1.0",
        example="https://graph.microsoft.com/v1.0",
    ),
    *login_fields("Microsoft Graph", "MICROSOFT_GRAPH"),
    Field(
        "free_skus",
        "SKUs (part numbers) that nobody pays for: left out, by name.",
        kind="list",
        default=("FLOW_FREE", "POWER_BI_STANDARD", "TEAMS_EXPLORATORY"),
        example='["FLOW_FREE", "POWER_BI_STANDARD", "TEAMS_EXPLORATORY"]',
    ),
    Field(
        "free_from_units",
        "A tenant with this many seats of a SKU has it for free: left out as well.",
        kind="number",
        default=10_000,
        example="10000",
    ),
    Field(
        "paid_skus",
        "SKUs (part numbers) that count however many seats there are, for very large customers.",
        kind="list",
        default=(),
        example='["SPE_E3"]',
    ),
    Field(
        "sku_names",
        "How SKUs are shown, as PART_NUMBER=Name; all others keep their part number.",
        kind="list",
        default=("SPB=Microsoft 365 Business Premium",),
        example='["SPB=Microsoft 365 Business Premium"]',
    ),
    Field(
        "read_sellers",
        "Also ask each tenant who sold its seats, one more call each: seats bought elsewhere and"
        " trials are then left out.",
        kind="flag",
        default=False,
        example="false",
    ),
)


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Microsoft's own words for a refusal: Graph's, or those of the login."""
    return first_text(login_says(data), at(data, "error.message"), at(data, "error.code"))


def make_client(account: Account) -> ApiClient:
    """Build the client; secrets are looked up here, no call is made."""
    return ApiClient(
        system=account.name,
        base_url=account.text("base_url"),
        auth=TokenPerTenant(
            lambda tenant: token_for(account, tenant, SCOPE), partner_tenant(account)
        ),
        limits=Limits(concurrency=8),
        secrets=(account.secret("client_secret"), account.secret("refresh_token")),
        explain=explain,
    )


def counting_rules(account: Account) -> Record:
    """Return the rules that turn SKUs into counts, as they are landed with each pull.

    Shape: `{id, partner_tenant, free_skus: [text], free_from_units: int, paid_skus: [text],
    sku_names: [{sku, name}], read_sellers: bool}`; part numbers in capitals.
    """
    names = []
    for pair in account.items("sku_names"):
        sku, is_pair, name = (part.strip() for part in pair.partition("="))
        if not (sku and is_pair and name):
            raise unfit(account, "sku_names", "Write each as PART_NUMBER=Name.")
        names.append({"sku": sku.upper(), "name": name})
    return {
        "id": "counting_rules",
        "partner_tenant": partner_tenant(account),
        "free_skus": sorted(sku.upper() for sku in account.items("free_skus")),
        "free_from_units": whole_number(account, "free_from_units", 1, 10**9),
        "paid_skus": sorted(sku.upper() for sku in account.items("paid_skus")),
        "sku_names": names,
        "read_sellers": account.flag("read_sellers"),
    }


def asked_customers(earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
    """Name the customers that are asked: those with an active relationship, each once.

    Shape: `{id: the tenant's, name}`. Raises `PipelineError` (shape) for an id that can't be one.
    """
    ready = {
        at(relationship, "customer.tenantId")
        for relationship in earlier["relationships"]
        if str(relationship["status"]).lower() == "active"
    }
    found = {
        str(customer["tenantId"]): {"id": customer["tenantId"], "name": customer["displayName"]}
        for customer in earlier["customers"]
        if customer["tenantId"] in ready
    }
    for tenant in found:
        if not is_tenant(tenant):
            raise PipelineError(
                f"Microsoft Graph lists a customer whose tenant id is none: {tenant!r}.",
                next_step="Nothing of this pull is used. Report the changed format to this"
                " project.",
                category=Category.SHAPE,
            )
    return list(found.values())


def streams(account: Account, _on: date) -> list[Stream]:
    """Declare the rules, customers and relationships, and the lists of each ready tenant."""
    rules = counting_rules(account)

    def plan(_earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        return [rules]

    declared = [
        Stream(name="counting_rules", paginator=SinglePage, records=bare_list, plan=plan),
        _partner_list("customers", "delegatedAdminCustomers", ("tenantId", "displayName")),
        _partner_list("relationships", "delegatedAdminRelationships", ("status",)),
        Stream(
            name="asked_customers",
            paginator=SinglePage,
            records=bare_list,
            plan=asked_customers,
            is_needed_later=True,
        ),
        _tenant_list(
            "subscribed_skus",
            Request("/subscribedSkus", params={"$select": SKU_FIELDS}),
            ("skuId", "skuPartNumber", "capabilityStatus", "appliesTo", "prepaidUnits.enabled"),
            ("consumedUnits", "prepaidUnits.enabled", "prepaidUnits.warning"),
            PARENT,
        ),
    ]
    if rules["read_sellers"]:
        declared.append(
            _tenant_list(
                "directory_subscriptions",
                Request("/directory/subscriptions"),
                ("skuId", "skuPartNumber", "status", "totalLicenses"),
                ("totalLicenses",),
            )
        )
    return declared


def _next_link() -> NextUrlInBody:
    # Its name holds a dot: it is no path.
    return NextUrlInBody(lambda data: data.get("@odata.nextLink"))


def _partner_list(name: str, path: str, required: tuple[str, ...]) -> Stream:
    return Stream(
        name=name,
        request=Request(f"/tenantRelationships/{path}", params={"$top": LARGEST_PAGE}),
        paginator=_next_link,
        records=list_under("value"),
        required=required,
        is_needed_later=True,
        may_be_empty=False,
        empty_hint="The app needs the delegated permission DelegatedAdminRelationship.Read.All,"
        " and the partner user has to see your GDAP relationships in Partner Center.",
    )


def _tenant_list(
    name: str,
    request: Request,
    required: tuple[str, ...],
    numbers: tuple[str, ...],
    account: str | None = None,
) -> Stream:
    def per_tenant(earlier: Mapping[str, Sequence[Record]]) -> list[Child]:
        return [
            Child(
                customer["id"],
                Request(
                    request.path,
                    params=request.params,
                    headers={TENANT: customer["id"]},
                    tolerates=NOT_READY,
                ),
            )
            for customer in earlier["asked_customers"]
        ]

    words = name.replace("_", " ")
    return Stream(
        name=name,
        paginator=_next_link,
        records=list_under("value"),
        required=required,
        numbers=numbers,
        account=account,
        children=per_tenant,
        may_be_empty=False,
        empty_hint=f"No tenant showed its {words}. {_ACCESS}",
    )


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a refusal usually is: a refresh token that ended, or a missing permission."""
    if isinstance(error, ApiError) and error.category is Category.PERMISSION:
        return advised(
            error,
            account,
            "Give the app the delegated permission DelegatedAdminRelationship.Read.All"
            " of Microsoft Graph, and consent once more as the partner user.",
        )
    return explained(account, error)


GRAPH = System(
    kind="microsoft_graph",
    title="Microsoft Graph",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Counts the seats assigned in each customer's tenant, by SKU, and those bought"
        " as a service of its own.",
        "scope": "A customer without an active GDAP relationship, or whose tenant refuses us, has"
        " no count: it is listed as not ready, never as 0.",
        "entities": "Does not list the users behind a count.",
        "history": "Tells the counts of this moment only; past months can't be pulled.",
        "unverified": "Which permission is the smallest that shows SKUs has not been seen: give the"
        " app LicenseAssignment.Read.All, and Directory.Read.All if every tenant refuses.",
        "write_back": "Nothing is ever written to Microsoft Graph or to a tenant.",
    },
)
