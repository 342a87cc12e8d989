"""The life of a script written for Gradient's vendor API, replayed over HTTP, answer by answer."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REQUESTS = json.loads(Path(__file__).with_name("life_cycle.json").read_text(encoding="utf-8"))
VENDOR = {
    "_id": str,
    "id": str,
    "name": str,
    "description": str,
    "integrationType": str,
    "imageUri": type(None),
    "skus": list,
    "isDistributor": bool,
    "integrationPortalUrl": (str, type(None)),
    "vendorSupportPageUrl": (str, type(None)),
    "externalIntegrationStatus": str,
    "mappingResponsibilities": list,
    "modules": list,
    "organizationId": str,
    "updatedAt": str,
    "createdAt": str,
}
SKU = {
    "_id": str,
    "id": str,
    "name": str,
    "description": str,
    "logo": type(None),
    "category": str,
    "subcategory": str,
    "supportArticle": (str, type(None)),
    "supportContact": (str, type(None)),
}
ACCOUNT = {"id": str, "name": str, "description": str}
INTEGRATION = {
    "organizationId": str,
    "name": str,
    "vendorId": str,
    "vendorName": str,
    "integrationId": str,
    "status": str,
    "lastSyncedAt": (str, type(None)),
}


def has(value: Any, fields: dict[str, Any]) -> None:
    assert set(value) == set(fields)
    for name, kind in fields.items():
        assert isinstance(value[name], kind), name


def is_vendor(value: Any) -> None:
    has(value, VENDOR)
    assert re.fullmatch("[0-9a-f]{24}", value["id"])
    assert value["_id"] == value["id"]
    for sku in value["skus"]:
        has(sku, SKU)
        assert sku["_id"] == sku["id"]
    assert value["modules"][0]["variation"] == "billing"


CHECKS: dict[str, Callable[[Any], None]] = {
    "vendor in data": lambda value: is_vendor(value["data"]),
    "vendor bare": is_vendor,
    "service in data": lambda value: has(value["data"], SKU),
    "message": lambda value: has(value["data"], dict.fromkeys(value["data"], object)),
    "account": lambda value: has(value, ACCOUNT),
    "integration": lambda value: has(value, INTEGRATION),
    "clients": lambda value: has(value, {"meta": dict, "clients": list}),
    "not mapped": lambda value: has(value, {"statusCode": int, "message": str}),
    "error": lambda value: has(value, {"statusCode": int, "message": str}),
}
"""Envelopes differ from call to call, and scripts rely on each."""
IN_DATA = {"vendor in data", "service in data", "message"}


def is_of_shape(value: Any, shape: str) -> None:
    if shape in IN_DATA:
        has(value, {"data": dict, "message": str, "status": int})
        assert value["status"] == 200
    if shape == "accounts":
        assert isinstance(value, list)
        for each in value:
            has(each, ACCOUNT)
    else:
        CHECKS[shape](value)


def test_a_script_of_the_public_sdk_lives_its_life(push: Any) -> None:
    """Each request is answered with the status and the envelope its script expects."""
    services: dict[str, str] = {}
    for step in REQUESTS:
        path = step["path"]
        for name, service_id in services.items():
            path = path.replace(f"{{{name}}}", service_id)
        reply = push.call(step["method"], path, step.get("body"))
        told = f"{step['action']}: {reply.text}"
        assert reply.status_code == step["status"], told
        assert reply.headers["content-type"] == "application/json", told
        value = reply.json()
        is_of_shape(value, step["shape"])
        if "vendor" in step["shape"]:
            skus = value["skus"] if "skus" in value else value["data"]["skus"]
            services = {sku["name"]: sku["id"] for sku in skus}
        if step["shape"] == "not mapped":
            account = step["body"]["accountId"]
            assert value["message"] == f"No account map found with id: {account}"
        if "integration_status" in step:
            assert value["status"] == step["integration_status"], told
    agents, vault = services["Total Agents"], services["Vault"]
    assert push.standing() == {
        ("1201", agents): ("7", "pushed"),
        ("1201", vault): ("12.5", "pushed"),
        ("1392053568582758390", agents): ("42", "pushed"),
    }
    assert [row["name"] for row in push.pulled()["accounts"]] == [
        "Acme Inc",
        "Globex Ltd",
        "Initech",
    ]


def test_both_ways_to_send_the_token_and_both_spellings_of_the_root(push: Any) -> None:
    """Header names have no case; the token may be a bearer's; the root may end in a slash."""
    token = push.keys.token
    for headers in (
        {"GRADIENT-TOKEN": token},
        {"Authorization": f"Bearer {token}"},
        {"authorization": f"bearer {token}"},
    ):
        for root in ("/api/vendor-api", "/api/vendor-api/"):
            reply = push.client.get(root, headers=headers)
            assert reply.status_code == 200


def test_a_service_is_known_by_its_name(push: Any) -> None:
    """Making a service that is there already makes no second one: its counts would fall apart."""
    first = push.service("Agents")
    assert push.service("Agents") == first
    assert push.service("agents") != first
    assert len(push.vendor("GET").json()["data"]["skus"]) == 2


@pytest.mark.fault(46)
def test_a_renamed_customer_keeps_its_counts(push: Any) -> None:
    """The id is what counts hang on; names may change by either call, and ids by neither."""
    service = push.service()
    push.account("1")
    push.run(service, {"1": 5})
    push.vendor("POST", "/organization/accounts", [{"id": "1", "name": "New name"}])
    listed = push.vendor("GET", "/organization/accounts").json()
    assert listed == [{"id": "1", "name": "New name", "description": ""}]
    assert push.standing() == {("1", service): ("5", "pushed")}
    path = "/organization/accounts/1"
    assert push.vendor("PATCH", path, {"id": "2", "name": "x"}).status_code == 422
    assert push.vendor("PATCH", "/organization/accounts/9", {"name": "x"}).status_code == 404
