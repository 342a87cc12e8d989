"""Microsoft Partner Center: what was bought, customers and their CSP subscriptions, read only.

There is no list of all subscriptions: each customer is asked for its own. Which of them count is
decided in SQL, with the rules in force landed beside them as `counting_rules`.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from reconcile_pipeline.http import ApiClient, ApiError, Limits, Request, SinglePage
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
from reconcile_pipeline.systems.vendors.microsoft_pages import ContinuationLink, new_id

PREFIX = "MICROSOFT_PARTNER_CENTER"
SCOPE = "https://api.partnercenter.microsoft.com/user_impersonation"
LARGEST_PAGE = 500
REFUSED_FOR_ONE = frozenset({403, 404})
"""What a single customer's subscriptions may be answered: gone meanwhile, or not ours to see."""

FIELDS = (
    Field(
        "base_url",
        "Address of the Partner Center API, with its version.",
        kind="url",
        default="https://api.partnercenter.microsoft.com/v1",
        example="https://api.partnercenter.microsoft.com/v1",
    ),
    *login_fields("Partner Center", PREFIX),
    Field(
        "relationships",
        "Customers with these values of relationshipToPartner are asked for subscriptions; the"
        " others are listed as left out.",
        kind="list",
        default=("reseller",),
        example='["reseller"]',
    ),
    Field(
        "count_suspended",
        "Count suspended subscriptions until their commitment ends: they are charged until then.",
        kind="flag",
        default=True,
        example="true",
    ),
    Field(
        "page_size",
        "Customers per call; 500 is taken to be the most that Partner Center gives.",
        kind="number",
        default=LARGEST_PAGE,
        example="500",
    ),
    Field(
        "requests_per_minute",
        "Calls per minute that are never exceeded. Microsoft allows 500 a minute for"
        " subscriptions; lower it if other tools use the same partner tenant.",
        kind="number",
        default=500,
        example="500",
    ),
)


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Microsoft's own words for a refusal: Partner Center's, or those of the login."""
    return first_text(login_says(data), at(data, "description"), at(data, "message"))


def make_client(account: Account) -> ApiClient:
    """Build the client; secrets are looked up here, no call is made."""
    return ApiClient(
        system=account.name,
        base_url=account.text("base_url"),
        auth=token_for(account, partner_tenant(account), SCOPE),
        limits=Limits(per_window=whole_number(account, "requests_per_minute", 1, 100_000)),
        headers={
            "MS-Contract-Version": "v1",
            "MS-CorrelationId": new_id(),
            "MS-PartnerCenter-Application": "reconcile-pipeline",
            # Names of offers come in the caller's language otherwise, and mapping compares names.
            "X-Locale": "en-US",
        },
        secrets=(account.secret("client_secret"), account.secret("refresh_token")),
        explain=explain,
    )


def counting_rules(account: Account, on: date) -> Record:
    """Return the rules that turn subscriptions into counts, as they are landed with each pull.

    Shape: `{id, day: ISO date, relationships: [text], count_suspended: bool}`.
    """
    relationships = sorted({name.lower() for name in account.items("relationships")})
    if not relationships:
        raise unfit(account, "relationships", "Name at least one, usually reseller.")
    return {
        "id": "counting_rules",
        "day": on.isoformat(),
        "relationships": relationships,
        "count_suspended": account.flag("count_suspended"),
    }


def streams(account: Account, on: date) -> list[Stream]:
    """Declare the rules, the customers, and one list of subscriptions per customer."""
    size = whole_number(account, "page_size", 1, LARGEST_PAGE)
    rules = counting_rules(account, on)

    def plan(_earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        return [rules]

    def per_customer(earlier: Mapping[str, Sequence[Record]]) -> list[Child]:
        return _subscription_calls(earlier["customers"], rules["relationships"])

    return [
        Stream(name="counting_rules", paginator=SinglePage, records=bare_list, plan=plan),
        Stream(
            name="customers",
            request=Request("/customers"),
            paginator=lambda: ContinuationLink(size),
            records=list_under("items"),
            required=("companyProfile.companyName", "relationshipToPartner"),
            is_needed_later=True,
            may_be_empty=False,
            empty_hint="The partner user who gave the consent has to be an Admin Agent of the"
            " partner tenant that holds your customers.",
        ),
        Stream(
            name="subscriptions",
            paginator=ContinuationLink,
            records=list_under("items"),
            required=("offerId", "offerName", "quantity", "status", "billingType"),
            numbers=("quantity",),
            account=PARENT,
            children=per_customer,
            may_be_empty=False,
            empty_hint="The partner user has to be an Admin Agent, and your company has to buy from"
            " Microsoft itself: subscriptions bought through a distributor are read there.",
        ),
    ]


def _subscription_calls(customers: Sequence[Record], relationships: list[str]) -> list[Child]:
    asked = {
        str(customer["id"])
        for customer in customers
        if str(customer["relationshipToPartner"]).lower() in relationships
    }
    wrong = [customer for customer in asked if not is_tenant(customer)]
    if wrong:
        raise PipelineError(
            f"Partner Center lists a customer whose id is no tenant id: {wrong[0]!r}.",
            next_step="Nothing of this pull is used. Report the changed format to this project.",
            category=Category.SHAPE,
        )
    return [
        Child(
            customer,
            Request(
                f"/customers/{customer}/subscriptions",
                template="/customers/{id}/subscriptions",
                tolerates=REFUSED_FOR_ONE,
            ),
        )
        for customer in sorted(asked)
    ]


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a refusal usually is: a refresh token that ended, or a user without the role."""
    if isinstance(error, ApiError) and error.category is Category.PERMISSION:
        return advised(
            error,
            account,
            "Make the partner user who gave the consent an Admin Agent (Partner Center >"
            " Account settings > User management), and consent once more with MFA.",
        )
    return explained(account, error)


PARTNER_CENTER = System(
    kind="microsoft_partner_center",
    title="Microsoft Partner Center",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Reads the licences of every CSP subscription of your customers, by offer, term"
        " and billing cycle. These are bought, not assigned: Microsoft Graph tells the latter.",
        "scope": "Shows what you buy from Microsoft itself; what you buy through a distributor is"
        " read there.",
        "history": "Tells the counts of this moment only; past months can't be pulled.",
        "usage": "Does not read what is billed by usage, such as Azure.",
        "unverified": "The largest page of customers is taken to be 500 (page_size); statuses that"
        " nobody has seen yet are left out by name.",
        "write_back": "Nothing is ever written to Partner Center.",
    },
)
