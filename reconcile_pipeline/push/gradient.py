"""Gradient's vendor API as its public scripts use it: same paths, same answers, same envelopes.

Some answers are wrapped in data, message and status, and some are not: scripts rely on each as it
is. Handlers return an answer or raise a refusal; who may call is settled before.
"""

from contextlib import AbstractContextManager
from sqlite3 import Connection
from typing import Any

from starlette.responses import Response

from reconcile_pipeline.push.answers import (
    NAME_LENGTH,
    TEXT_LENGTH,
    Refusal,
    a_count,
    a_note,
    a_text,
    an_id,
    an_object,
    answer,
    one_of,
)
from reconcile_pipeline.push.call import Call
from reconcile_pipeline.push.vendor import current_service, sku, vendor
from reconcile_pipeline.push.words import CATEGORIES, SUBCATEGORIES
from reconcile_pipeline.systems.vendors.push_inbox import (
    API,
    STATUSES,
    UNIT,
    Batch,
    accounts,
    facts,
    new_id,
    rows,
    services,
    status,
    times,
)

CLIENTS_ON_A_PAGE = 100
_TRUE_OR_FALSE = {"true": True, "false": False}
_VENDOR_FACTS = {
    "name": NAME_LENGTH,
    "description": TEXT_LENGTH,
    "vendorSupportPageUrl": TEXT_LENGTH,
    "integrationPortalUrl": TEXT_LENGTH,
}


def get_vendor(call: Call) -> Response:
    """Call 1: the vendor with all its services."""
    with call.integration.inbox.reading() as connection:
        return answer(_wrapped(vendor(connection, call.integration.name), "ok"))


def update_vendor(call: Call) -> Response:
    """Call 2: its name, description and addresses."""
    body = an_object(call.body)
    changes = {
        name: a_text(body, name, "The vendor", most)
        for name, most in _VENDOR_FACTS.items()
        if body.get(name) is not None
    }
    if not changes:
        raise Refusal(422, f"Name at least one of: {', '.join(_VENDOR_FACTS)}.")
    with _writing(call) as batch:
        for name, value in changes.items():
            batch.add("facts", name=name, value=value)
        found = vendor(batch.connection, call.integration.name)
    return answer(_wrapped(found, "Vendor updated."))


def get_organization(call: Call) -> Response:
    """Call 3: the integration, without an envelope."""
    with call.integration.inbox.reading() as connection:
        known = facts(connection)
        _made, _changed, counted = times(connection)
        return answer(
            {
                "organizationId": known["organization_id"],
                "name": call.integration.name,
                "vendorId": known["vendor_id"],
                "vendorName": known.get("name", call.integration.name),
                "integrationId": known["integration_id"],
                "status": status(connection),
                "lastSyncedAt": counted,
            }
        )


def update_status(call: Call) -> Response:
    """Call 4: what the script says of itself."""
    said = one_of(call.path["status"], STATUSES, "The status")
    with _writing(call) as batch:
        batch.add("statuses", status=said)
    return answer(_wrapped({"status": said}, f"Status is {said}."))


def get_accounts(call: Call) -> Response:
    """Call 5: every account, a plain array."""
    with call.integration.inbox.reading() as connection:
        return answer([_account(row) for row in accounts(connection)])


def create_accounts(call: Call) -> Response:
    """Call 6: accounts by their ids, new or renamed; PowerShell sends a single one bare."""
    sent = call.body if isinstance(call.body, list) else [call.body]
    wanted: dict[str, dict[str, str | None]] = {}
    for number, record in enumerate(sent, start=1):
        what = f"Account {number}"
        fields = an_object(record, what)
        account_id = an_id(fields, "id", what)
        wanted[account_id] = {
            "account_id": account_id,
            "name": a_text(fields, "name", what),
            "description": a_note(fields, "description", what, None),
        }
    with _writing(call) as batch:
        known = {row["account_id"]: row for row in accounts(batch.connection)}
        for account_id, values in wanted.items():
            before = known.get(account_id, {})
            if any(before.get(name) != value for name, value in values.items()):
                batch.add("accounts", **values)
    return answer([_account(values) for values in wanted.values()], 201)


def update_account(call: Call) -> Response:
    """Call 7: another name for a known account; its id stays."""
    account_id, body = call.path["account_id"], an_object(call.body)
    if body.get("id") is not None and an_id(body, "id", "The account") != account_id:
        raise Refusal(422, "The id of an account can't be changed: create the other account.")
    with _writing(call) as batch:
        known = {row["account_id"]: row for row in accounts(batch.connection)}
        if account_id not in known:
            raise Refusal(404, f"No account found with id: {account_id}")
        values = {name: known[account_id][name] for name in ("account_id", "name", "description")}
        if body.get("name") is not None:
            values["name"] = a_text(body, "name", "The account")
        values["description"] = a_note(body, "description", "The account", values["description"])
        batch.add("accounts", **values)
    return answer(_account(values))


def get_clients(call: Call) -> Response:
    """Call 8: the PSA's companies, a page at a time after the id that came last."""
    search = call.query.get("search", "").casefold()
    after = call.query.get("previousId", "")
    found = [
        {"id": company_id, "name": name}
        for company_id, name in call.published.companies()
        if company_id > after and search in name.casefold()
    ]
    page = found[:CLIENTS_ON_A_PAGE]
    more = len(found) > len(page)
    meta = {"count": len(page), "previousId": page[-1]["id"] if more else None}
    return answer({"meta": meta, "clients": page})


def create_service(call: Call) -> Response:
    """Call 9: a service; one with the same name is changed, as scripts know them by name."""
    body = an_object(call.body)
    what = "The service"
    values: dict[str, Any] = {
        "name": a_text(body, "name", what),
        "description": a_note(body, "description", what, None),
        "category": one_of(body.get("category"), CATEGORIES, "category"),
        "subcategory": one_of(body.get("subcategory"), SUBCATEGORIES, "subcategory"),
        "support_article": a_note(body, "supportArticle", what, None),
        "support_contact": a_note(body, "supportContact", what, None),
        "unit": UNIT,
    }
    if values["description"] is None:
        raise Refusal(422, f"{what}: description must be a text.")
    with _writing(call) as batch:
        same = [row for row in services(batch.connection) if row["name"] == values["name"]]
        service_id = same[0]["service_id"] if same else new_id()
        batch.add("services", service_id=service_id, **values)
        return answer(vendor(batch.connection, call.integration.name), 201)


def get_service(call: Call) -> Response:
    """Call 10: one service."""
    with call.integration.inbox.reading() as connection:
        return answer(_wrapped(sku(_service(connection, call.path["service_id"])), "ok"))


def update_service(call: Call) -> Response:
    """Call 11: other texts for a service; the public scripts send none at all."""
    body = {} if call.body is None else an_object(call.body)
    with _writing(call) as batch:
        values = current_service(_service(batch.connection, call.path["service_id"]))
        what = "The service"
        if body.get("name") is not None:
            values["name"] = a_text(body, "name", what)
        if body.get("category") is not None:
            values["category"] = one_of(body["category"], CATEGORIES, "category")
        if body.get("subcategory") is not None:
            values["subcategory"] = one_of(body["subcategory"], SUBCATEGORIES, "subcategory")
        for name, field in (
            ("description", "description"),
            ("support_article", "supportArticle"),
            ("support_contact", "supportContact"),
        ):
            values[name] = a_note(body, field, what, values[name])
        batch.add("services", **values)
    return answer(_wrapped(sku(values), "Service updated."))


def create_count(call: Call) -> Response:
    """Call 12: one count; stored also while nobody has mapped its customer or its service."""
    service_id, body = call.path["service_id"], an_object(call.body)
    account_id = an_id(body, "accountId", "The count")
    if body.get("clientOId") is not None:
        raise Refusal(422, "clientOId is not used any more: leave it out or send null.")
    quantity = a_count(body.get("unitCount"), "unitCount")
    waits_for_more = _TRUE_OR_FALSE.get(call.query.get("no_build", "false").lower())
    if waits_for_more is None:
        raise Refusal(422, "no_build must be true or false.")
    with _writing(call) as batch:
        _service(batch.connection, service_id)
        if not rows(
            batch.connection, "select 1 from accounts where account_id = ? limit 1", account_id
        ):
            # Kept under its id: a count must not be lost because its name never came.
            batch.add("accounts", account_id=account_id, name=account_id, description=None)
        batch.add(
            "counts",
            account_id=account_id,
            service_id=service_id,
            quantity=f"{quantity:f}",
            as_of=call.at,
            period=call.period,
            is_built=0 if waits_for_more else 1,
        )
    return _counted(call, account_id, service_id)


def not_offered(_call: Call) -> Response:
    """Calls 13 and 14: alerts are another trade."""
    raise Refusal(501, "This server takes counts, not alerts.")


def _counted(call: Call, account_id: str, service_id: str) -> Response:
    mapped = call.mapped
    stored = answer({"status": 201, "message": "Unit count created."}, 201)
    if call.settings.push.unmapped_answer != 404:  # noqa: PLR2004 - the status itself
        return stored
    # Scripts ignore these, and were written to see them: the count is stored all the same.
    if account_id not in mapped.accounts:
        return answer(
            {"statusCode": 404, "message": f"No account map found with id: {account_id}"}, 404
        )
    if service_id not in mapped.services:
        return answer(
            {"statusCode": 404, "message": f"No service map found with id: {service_id}"}, 404
        )
    return stored


def _writing(call: Call) -> AbstractContextManager[Batch]:
    return call.integration.inbox.writing(API, call.now, call.key_id)


def _service(connection: Connection, service_id: str) -> dict[str, Any]:
    for row in services(connection):
        if row["service_id"] == service_id:
            return row
    raise Refusal(404, f"No service found with id: {service_id}")


def _account(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["account_id"],
        "name": row["name"],
        "description": row["description"] or "",
    }


def _wrapped(data: object, message: str) -> dict[str, object]:
    return {"data": data, "message": message, "status": 200}
