"""Dropsuite as a local server: plans, organizations, their tenants and mailboxes.

Two tokens go with every call, and which access token is right depends on the path. The envelope
differs between hosts: worlds of an even seed are on one that answers with bare lists. Reading
only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State, number
from reconcile_pipeline.simulators.world.vendors.dropsuite import (
    DROPSUITE,
    DropsuiteMailbox,
    DropsuitePlan,
    DropsuiteRecords,
    DropsuiteUser,
)

PAGE = 25
"""Lists of `result_set` come in pages of this size, whatever is asked for."""
MOST = 100
Row = dict[str, Any]


@dataclass(slots=True)
class DropsuiteState(State):
    """The host's own way of answering lists."""

    is_bare: bool = False

    def __post_init__(self) -> None:
        """A world's host follows from its seed."""
        self.is_bare = self.world.seed % 2 == 0


class Dropsuite(Simulator):
    """The reseller's API over a world."""

    name = DROPSUITE
    path_prefix = "/api"
    state_kind = DropsuiteState
    secrets: ClassVar = {
        "reseller_token": "DROPSUITE_RESELLER_TOKEN",
        "authentication_token": "DROPSUITE_AUTHENTICATION_TOKEN",
    }
    settings: ClassVar = {"requests_per_minute": "6000"}

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        user = "/api/users/(?P<user_id>[^/]+)"
        self.route("GET", "/api/status", self._status)
        self.route("GET", "/api/plans", self._plans)
        self.route("GET", "/api/users", self._users)
        self.route("GET", user, self._user)
        self.route("GET", "/api/accounts", self._accounts)
        self.route("GET", f"{user}/tenants", self._tenants)
        self.route("GET", f"{user}/tenants/\\d+/accounts", self._tenant_accounts)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """The reseller's token and its admin's."""
        return {
            "reseller_token": f"5e11e7{tag}-0000-4000-8000-00000000c0de",
            "authentication_token": f"ad3140{tag}-0000-4000-8000-00000000c0de",
        }

    @property
    def _records(self) -> DropsuiteRecords:
        records: DropsuiteRecords = self.state.world.at[DROPSUITE]
        return records

    def authorize(self, query: Query) -> None:
        """The reseller's token, and an access token of somebody."""
        access = query.headers.get("x-access-token")
        known = {self.credentials["authentication_token"], *(u.token for u in self._records.users)}
        is_reseller = query.headers.get("x-reseller-token") == self.credentials["reseller_token"]
        if not is_reseller or access not in known:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Invalid token")

    def error(self, query: Query, refusal: Refusal) -> Row:  # noqa: ARG002
        """A bare message; the vendor documents no shape."""
        return {"message": refusal.message}

    def lie_about_total(self, data: Any, off_by: int) -> Any:  # noqa: ANN401 JSON
        """The page with another number of entries."""
        if not isinstance(data, dict) or "total_entries" not in data.get("pagination", {}):
            return data
        pages = data["pagination"]
        return {**data, "pagination": pages | {"total_entries": pages["total_entries"] + off_by}}

    def _as_admin(self, query: Query) -> None:
        if query.headers["x-access-token"] != self.credentials["authentication_token"]:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "not authorized to perform this action")

    def _as_organization(self, query: Query, user_id: str = "") -> DropsuiteUser:
        token = query.headers["x-access-token"]
        for user in self._records.users:
            if user.token == token and user_id in ("", user.id):
                return user
        raise Refusal(HTTPStatus.UNAUTHORIZED, "not authorized to perform this action")

    def _status(self, query: Query) -> Answer:
        self._as_admin(query)
        return Answer("OK")

    def _plans(self, query: Query) -> Answer:
        self._as_admin(query)
        return self._list(query, self._records.plans, _plan_row)

    def _users(self, query: Query) -> Answer:
        self._as_admin(query)
        return self._list(query, self._records.users, self._user_row)

    def _user(self, query: Query, user_id: str) -> Answer:
        self._as_admin(query)
        for user in self._records.users:
            if user.id == user_id:
                return Answer(self._user_row(user))
        raise Refusal(HTTPStatus.NOT_FOUND, "Not found")

    def _accounts(self, query: Query) -> Answer:
        """Mailboxes of the organization that asks; it may not have that product."""
        user = self._as_organization(query)
        types = {plan.id: plan.product_type for plan in self._records.plans}
        if types[user.plan_id] == "archiver":
            is_even = user.organization_id % 2 == 0
            raise Refusal(403 if is_even else 404, "Product is not available")
        rows = [row for row in self._records.mailboxes if row.user_id == user.id]
        return self._list(query, rows, lambda row: _mailbox_row(row, user))

    def _tenants(self, query: Query, user_id: str) -> Answer:
        user = self._as_organization(query, user_id)
        tenant = {
            "id": user.organization_id + 1,
            "organization_id": user.organization_id,
            "domain": f"org{user.organization_id}.example",
            "status": 7,
            "total_users": user.used,
            "type": "m365",
        }
        return _next_page(query, [tenant])

    def _tenant_accounts(self, query: Query, user_id: str) -> Answer:
        user = self._as_organization(query, user_id)
        rows = [row for row in self._records.mailboxes if row.user_id == user.id]
        return _next_page(query, [_tenant_account_row(row) for row in rows])

    def _list(self, query: Query, items: list[Any], write: Callable[[Any], Row]) -> Answer:
        """A whole bare list, or a page of it, as this host answers."""
        if isinstance(self.state, DropsuiteState) and self.state.is_bare:
            return Answer([write(item) for item in items])
        page = number(query, "page", 1, least=1)
        size = min(PAGE, self.state.most_per_page or PAGE)
        shown = items[(page - 1) * size : page * size]
        pages = {
            "current_page": page,
            "total_pages": -(-len(items) // size),
            "total_entries": len(items),
        }
        return Answer({"result_set": [write(item) for item in shown], "pagination": pages})

    def _user_row(self, user: DropsuiteUser) -> Row:
        """One organization, with both tokens in clear, and often with the reseller's address."""
        own = user.organization_id % 2
        return {
            "id": user.id,
            "email": f"admin@org{user.organization_id}.example" if own else "it@northgate.example",
            "organization_id": user.organization_id,
            "organization_name": user.organization_name,
            "plan_id": user.plan_id,
            "external_id": None,
            "is_business": True,
            "admin": True,
            "customer_deactivated": user.is_deactivated,
            "flg_suspended": user.is_suspended,
            "login_disabled": False,
            "archive": user.archive,
            "auto_license": True,
            "seats_used": user.used,
            "seats_available": 3,
            "active_seats": user.active,
            "deactivated_seats": user.deactivated,
            "required_seats": user.required,
            "paid_shared_mailboxes": 1,
            "free_shared_mailboxes": user.free_shared,
            "storage_used": user.used * 7_340_032_000,
            "storage_available": 0,
            "notification_email": ["it@northgate.example"],
            "backup_summary": None,
            "reseller_token": self.credentials["reseller_token"],
            "authentication_token": user.token,
        }


def _plan_row(plan: DropsuitePlan) -> Row:
    """One plan: every value is a text."""
    return {
        "id": plan.id,
        "name": plan.name,
        "currency": "USD",
        "data_storage": "unlimited",
        "periodicity": "monthly",
        "amount": plan.amount,
        "product_type": plan.product_type,
    }


def _mailbox_row(mailbox: DropsuiteMailbox, user: DropsuiteUser) -> Row:
    """One mailbox; `errors` is an object, an empty list or a text."""
    left = mailbox.deactivated_on
    return {
        "id": mailbox.id,
        "email": mailbox.email,
        "display_name": mailbox.name if mailbox.id % 7 else None,
        "username": None,
        "storage": 7_340_032_000,
        "msg_count": 40_211,
        "last_backup": f"{left or '2026-11-20'}T06:43:27.040Z",
        "current_backup_status": "Running",
        "errors": ({}, [], "Login failed")[mailbox.id % 3],
        "flg_deleted": mailbox.is_deleted,
        "deactivated_since": f"{left}T00:00:00Z" if left else None,
        "added_on": "2023-02-01T00:00:00Z",
        "user": {
            "id": 1,
            "organization_id": user.organization_id,
            "seats_used": user.used,
            "seats_available": 3,
            "archive": user.archive,
        },
    }


def _tenant_account_row(mailbox: DropsuiteMailbox) -> Row:
    return {
        "name": mailbox.name,
        "email": mailbox.email,
        "upn": mailbox.email,
        "mailbox": True,
        "licensed": True,
        "status": "excluded" if mailbox.deactivated_on else "active",
        "type": "m365",
        "tenant_status": "enabled",
    }


def _next_page(query: Query, rows: list[Row]) -> Answer:
    """The third envelope: a page that names the next one, as long as there is one."""
    size = min(number(query, "per_page", MOST, least=1), MOST)
    page = number(query, "page", 1, least=1)
    pages: Row = {"current_page": page, "per_page": size}
    if page * size < len(rows):
        pages |= {"next_page": page + 1, "next_url": f"{query.path}?page={page + 1}"}
    return Answer({"data": rows[(page - 1) * size : page * size], "pagination": pages})
