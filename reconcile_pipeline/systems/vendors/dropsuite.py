"""Dropsuite (also sold as NinjaOne SaaS Backup): organizations, their plans and seats, read only.

Each organization comes with a token of its own. It is used, if mailboxes are asked for, and never
stored: the fields that hold it are landed as null.
"""

from collections.abc import Generator, Mapping, Sequence
from datetime import date
from typing import Any

import httpx

from reconcile_pipeline.http import (
    ApiClient,
    ApiError,
    HeaderAuth,
    Limits,
    Request,
    SinglePage,
)
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Child, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import at, bare_list, choice, first_text, whole_number
from reconcile_pipeline.systems.vendors.dropsuite_pages import AnyEnvelope, announced, records_of

COUNTERS = ("seats_used", "active_seats", "required_seats")
TOKENS = ("authentication_token", "reseller_token")
"""Fields that hold keys; `/users` shows those of every organization in clear."""
NOT_OWNED = frozenset({403, 404})
"""Dropsuite: the organization does not have that product."""
ACCESS = "X-Access-Token"

FIELDS = (
    Field(
        "base_url",
        "API URL of your region, ending in /api: in the portal under Settings > API Settings.",
        kind="url",
        example="https://dropsuite.us/api",
    ),
    Field(
        "reseller_token",
        "Dropsuite reseller token, a long one with dashes (not the short reseller number), from"
        " the same page.",
        kind="secret",
        variable="DROPSUITE_RESELLER_TOKEN",
    ),
    Field(
        "authentication_token",
        "Dropsuite authentication token of the reseller's admin (not the secret token for"
        " webhooks), from the same page.",
        kind="secret",
        variable="DROPSUITE_AUTHENTICATION_TOKEN",
    ),
    Field(
        "count",
        f"Which of Dropsuite's counters is compared: {', '.join(COUNTERS)}. Take the one your"
        " invoice from Dropsuite shows.",
        default="seats_used",
        example="seats_used",
    ),
    Field(
        "read_mailboxes",
        "Also list the mailboxes behind the seats; one call or more for each organization.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "page_size",
        "Records per call that are asked for; Dropsuite publishes no maximum.",
        kind="number",
        default=100,
        example="100",
    ),
    Field(
        "requests_per_minute",
        "Calls per minute that are never exceeded. Dropsuite publishes no figure.",
        kind="number",
        default=120,
        example="120",
    ),
)


class ResellerAuth(HeaderAuth):
    """The reseller's token in every call; it also learns which organizations' tokens were sent."""

    def __init__(self, reseller_token: str) -> None:
        """Take the token as plain text."""
        super().__init__({"X-Reseller-Token": reseller_token})
        self._sent: set[str] = set()

    @property
    def secrets(self) -> frozenset[str]:
        """Both kinds, so that neither shows in a message."""
        return super().secrets | self._sent

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with the reseller's token."""
        self._sent.add(request.headers[ACCESS])
        return super().auth_flow(request)


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Dropsuite's own words for a refusal; their shape is not documented."""
    errors = at(data, "errors")
    return first_text(
        at(data, "message"),
        at(data, "error"),
        at(data, "error.message"),
        errors[0] if isinstance(errors, list) and errors else errors,
    )


def make_client(account: Account) -> ApiClient:
    """Build the client; secrets are looked up here, no call is made."""
    reseller, admin = account.secret("reseller_token"), account.secret("authentication_token")
    per_minute = whole_number(account, "requests_per_minute", 1, 100_000)
    return ApiClient(
        system=account.name,
        base_url=account.text("base_url"),
        auth=ResellerAuth(reseller),
        # An organization's own token replaces it where mailboxes are read.
        headers={ACCESS: admin},
        # Nothing is published: two calls a second are what its clients get along with.
        limits=Limits(per_window=per_minute, burst=min(2, per_minute - 1), concurrency=2),
        secrets=(reseller, admin),
        explain=explain,
    )


def is_in_force(user: Record) -> bool:
    """Tell whether an organization's record is neither deactivated nor suspended."""
    return not user.get("customer_deactivated") and not user.get("flg_suspended")


def mailbox_lists(earlier: Mapping[str, Sequence[Record]]) -> list[Child]:
    """Ask each organization in force for its mailboxes, with the token that it came with."""
    tokens = {
        str(user["id"]): user["authentication_token"]
        for user in earlier["users"]
        if is_in_force(user) and user.get("authentication_token")
    }
    return [
        Child(number, Request("/accounts", headers={ACCESS: str(token)}, tolerates=NOT_OWNED))
        for number, token in tokens.items()
    ]


def streams(account: Account, _on: date) -> list[Stream]:
    """Declare the rules, the plans and all organizations; their mailboxes only if asked for."""
    size = whole_number(account, "page_size", 1, 1000)
    is_listing = account.flag("read_mailboxes")
    count = choice(account, "count", COUNTERS)
    rules = {"id": "counting_rules", "count": count, "read_mailboxes": is_listing}
    declared = [
        Stream(
            name="counting_rules",
            paginator=SinglePage,
            records=bare_list,
            plan=lambda _earlier: [rules],
        ),
        _listed("plans", size, request=Request("/plans"), required=("name",)),
        _listed(
            "users",
            size,
            request=Request("/users"),
            required=("organization_id",),
            # A record without the chosen counter is unknown, and unknown is never zero.
            numbers=(count,),
            account="organization_id",
            is_needed_later=is_listing,
        ),
    ]
    if is_listing:
        declared.append(_listed("mailboxes", size, children=mailbox_lists))
    return declared


def _listed(name: str, size: int, **more: Any) -> Stream:  # noqa: ANN401 - fields of a stream
    is_optional = "children" in more
    return Stream(
        name=name,
        paginator=lambda: AnyEnvelope(size),
        records=records_of,
        # Of mailboxes each organization announces its own, and nobody the sum.
        announced=(lambda _data: None) if is_optional else announced,
        withheld=TOKENS,
        may_be_empty=is_optional,
        empty_hint="Check in the portal under Settings > API Settings that both tokens are those"
        " of the reseller whose customers you invoice.",
        **more,
    )


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a refused token usually is: of the wrong kind, or of another region."""
    if not isinstance(error, ApiError) or error.category is not Category.CREDENTIALS:
        return error
    if "/accounts" in error.message:
        next_step = (
            "Mailboxes are read with each organization's own token, and Dropsuite refused one: pull"
            " again, or leave read_mailboxes off; seats don't need it."
        )
    else:
        next_step = (
            "In the portal under Settings > API Settings copy the API URL, the reseller token (not"
            " the reseller number) and the admin's authentication token (not the secret token)"
            " again."
        )
    return PipelineError(
        error.message, next_step=next_step, category=error.category, system=account.name
    )


DROPSUITE = System(
    kind="dropsuite",
    title="Dropsuite",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Reads the seats of each organization by plan, with and without archive.",
        "entities": "Shows all of Dropsuite's counters behind each count (used, active,"
        " deactivated, required, shared mailboxes); lists mailboxes if read_mailboxes is on.",
        "history": "Tells the counts of this moment only; past months can't be pulled.",
        "unverified": "Which counter Dropsuite invoices, and whether used seats still hold those of"
        " people who left, is not documented: choose with count.",
        "keys": "Organizations' own tokens, which come with the list, are never stored.",
        "write_back": "Nothing is ever written to Dropsuite.",
    },
)
