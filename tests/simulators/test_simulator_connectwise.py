"""The PSA's server: its two ways of paging, its filters, its refusals, and changing a line."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

import re
from typing import Any

import httpx
import pytest

from reconcile_pipeline.simulators.registry import expected
from reconcile_pipeline.simulators.serve import Simulation
from reconcile_pipeline.simulators.world.records import Line, World

FORWARD = {"pagination-type": "forward-only"}


def test_forward_only_ends_with_an_empty_link(connectwise: httpx.Client, world: World) -> None:
    """Following the first URL of Link gives every record once; the last page's Link is empty."""
    reply = connectwise.get("/finance/agreements", params={"pageSize": "40"}, headers=FORWARD)
    ids = [row["id"] for row in reply.json()]
    for _ in range(len(world.agreements) // 40):
        assert reply.headers["link"]
        url = reply.headers["link"].split(">")[0].lstrip("<")
        reply = connectwise.get(url, headers=FORWARD)
        ids += [row["id"] for row in reply.json()]
    assert reply.headers["link"] == ""
    assert ids == [agreement.id for agreement in world.agreements]


def test_numbered_pages_keep_the_conditions(connectwise: httpx.Client, world: World) -> None:
    """Links repeat the conditions, carry the page last, and the last page has no next."""
    params = {"conditions": "deletedFlag=false", "pageSize": "15", "page": "1"}
    reply = connectwise.get("/company/companies", params=params)
    names: list[str] = []
    for _ in range(len(world.companies)):
        names += [row["name"] for row in reply.json()]
        found = re.findall(r'<([^>]+)>; rel="(\w+)"', reply.headers.get("link", ""))
        links = {relation: url for url, relation in found}
        following = links.get("next")
        if following is None:
            break
        assert re.search(r"conditions=.*[?&]page=\d+$", following)
        reply = connectwise.get(following)
    assert names == [company.name for company in world.companies if not company.is_deleted]


def test_page_sizes(connectwise: httpx.Client) -> None:
    """Twenty-five rows unless asked, a thousand at most."""
    assert len(connectwise.get("/finance/agreements").json()) == 25
    assert connectwise.get("/finance/agreements", params={"pageSize": 1001}).status_code == 400


def test_count_takes_the_same_conditions(connectwise: httpx.Client, world: World) -> None:
    """`/count` tells how many rows the list would give."""
    params = {"conditions": "cancelledFlag=true"}
    reply = connectwise.get("/finance/agreements/count", params=params)
    assert reply.json() == {"count": sum(a.is_cancelled for a in world.agreements)}


@pytest.mark.parametrize(
    ("conditions", "test"),
    [
        ("billingCycle/id = null", lambda a: a.cycle_id is None),
        ("billingCycle/id != 0", lambda a: a.cycle_id is not None),
        ("id > 110 and id <= 120", lambda a: 110 < a.id <= 120),
        ("id in (101,103)", lambda a: a.id in {101, 103}),
        ('agreementStatus = "expired" or cancelledFlag = true', None),
        ("not_a_field = 1", 400),
        ("id = ", 400),
        ("id = 1 and", 400),
        ("(id = 1", 400),
        ("id ~ 1", 400),
    ],
)
def test_conditions(connectwise: httpx.Client, world: World, conditions: str, test: object) -> None:
    """The filter language selects as documented, and refuses what it does not know."""
    params = {"CONDITIONS": conditions, "pagesize": "1000"}
    reply = connectwise.get("/finance/agreements", params=params)
    if isinstance(test, int):
        assert reply.status_code == test
        assert set(reply.json()) == {"code", "message", "errors"}
        return
    if test is None:
        wanted = {a.id for a in world.agreements if a.status in {"Expired", "Cancelled"}}
    else:
        wanted = {a.id for a in world.agreements if test(a)}  # type: ignore[operator]
    assert wanted
    assert {row["id"] for row in reply.json()} == wanted


def test_conditions_on_texts_and_children(connectwise: httpx.Client, world: World) -> None:
    """Quotes are doubled inside texts, and members of arrays can be asked for."""
    name = next(c.name for c in world.companies if "'" in c.name)
    doubled = name.replace("'", "''")
    reply = connectwise.get("/company/companies", params={"conditions": f"name = '{doubled}'"})
    assert [row["name"] for row in reply.json()] == [name]
    params = {"childConditions": "types/id in (2)", "conditions": "not_there like 'x'"}
    assert connectwise.get("/company/companies", params=params).status_code == 400
    del params["conditions"]
    rows = connectwise.get("/company/companies", params=params).json()
    assert rows
    assert all(2 in [t["id"] for t in row["types"]] for row in rows)


def test_fields_and_order(connectwise: httpx.Client) -> None:
    """Only the fields asked for come back, nested ones too, in the order asked for."""
    params = {"fields": "id,company/id,type/name", "orderBy": "id desc", "pageSize": "3"}
    rows = connectwise.get("/finance/agreements", params=params).json()
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert all(set(row) == {"id", "company", "type"} for row in rows)
    assert all(set(row["company"]) == {"id"} for row in rows)


@pytest.mark.parametrize("headers", [{"clientId": ""}, {"Authorization": "Basic bm86bm8="}])
def test_bad_credentials(connectwise: httpx.Client, headers: dict[str, str]) -> None:
    """A wrong key or a missing clientId is 401 in the vendor's error shape."""
    reply = connectwise.get("/system/info", headers=headers, auth=httpx.Auth())
    assert reply.status_code == 401
    assert reply.json()["code"] == "Unauthorized"


def test_discovery(connectwise: httpx.Client, simulation: Simulation) -> None:
    """The codebase is told without credentials; an unknown company is 200 with null."""
    root = simulation.systems["connectwise"].base_url
    with httpx.Client(trust_env=False, verify=False) as client:
        known = client.get(f"{root}/login/companyinfo/northgate").json()
        assert known["Codebase"] == "v4_6_release/"
        unknown = client.get(f"{root}/login/companyinfo/nobody")
        assert (unknown.status_code, unknown.text) == (200, "null")
    simulation.systems["connectwise"].state.codebase = "v2026_1"  # type: ignore[attr-defined]
    assert connectwise.get("/system/info").status_code == 404


def test_additions_have_unset_dates_in_every_shape(connectwise: httpx.Client, world: World) -> None:
    """An unset cancelledDate is null, empty or absent, and the product has no name."""
    shapes = set()
    for agreement in world.agreements[:40]:
        for row in connectwise.get(f"/finance/agreements/{agreement.id}/additions").json():
            assert "name" not in row["product"]
            shapes.add(row.get("cancelledDate", "absent") or repr(row.get("cancelledDate")))
    assert {"None", "''", "absent"} <= shapes
    assert connectwise.get("/finance/agreements/99999/additions").status_code == 404


def test_hidden_type_is_silently_absent(connectwise: httpx.Client, simulation: Simulation) -> None:
    """Agreements of a type the role hides are not there, without an error."""
    simulation.systems["connectwise"].state.hidden_agreement_types = frozenset({5})  # type: ignore[attr-defined]
    rows = connectwise.get("/finance/agreements", params={"pageSize": 1000}).json()
    assert rows
    assert 5 not in {row["type"]["id"] for row in rows}


def test_forbidden_path(connectwise: httpx.Client, simulation: Simulation) -> None:
    """A list the role may not read is 403."""
    forbidden = simulation.systems["connectwise"].state.forbidden
    forbidden.add("/v4_6_release/apis/3.0/procurement")
    assert connectwise.get("/procurement/catalog").status_code == 403
    assert connectwise.get("/company/companies").status_code == 200


def lines_of_card(simulation: Simulation, card: dict[str, Any]) -> list[Line]:
    """The lines in force behind a card."""
    kept_out = {row["record_id"] for row in simulation.truth()["exclusions"]}
    agreements = {
        agreement.id
        for agreement in simulation.world.agreements
        if str(agreement.company_id) == card["company_id"]
    }
    return [
        line
        for line in simulation.world.lines
        if line.agreement_id in agreements
        and str(line.product_id) in card["product_ids"]
        and not {str(line.id), str(line.agreement_id)} & kept_out
    ]


@pytest.mark.usefixtures("restored_lines")
def test_patch_changes_what_is_read_next(connectwise: httpx.Client, simulation: Simulation) -> None:
    """A changed quantity is returned whole, read back, and moves the truth."""
    note = next(n for n in simulation.world.planted if n["error"] == "missed_offboarding")
    line = lines_of_card(simulation, note)[0]
    before_cards = simulation.truth()["cards"]
    path = f"/finance/agreements/{line.agreement_id}/additions/{line.id}"
    before = connectwise.get(path).json()
    step = {"op": "replace", "path": "quantity", "value": before["quantity"] + 1.5}
    reply = connectwise.patch(path, json=[step])
    assert reply.status_code == 200
    assert reply.json()["quantity"] == before["quantity"] + 1.5
    after = connectwise.get(path).json()
    assert after == reply.json()
    assert after["_info"]["lastUpdated"] != before["_info"]["lastUpdated"]
    changed = [card for card in simulation.truth()["cards"] if card not in before_cards]
    assert [card["company_id"] for card in changed] == [note["company_id"]]


@pytest.mark.parametrize(
    "body",
    [
        {"op": "replace"},
        [{"op": "replace", "path": "quantity", "value": "9"}],
        [{"op": "replace", "path": "extPrice", "value": 1}],
        [{"op": "remove", "path": "quantity"}],
        [{"op": "replace", "path": "billCustomer", "value": "Sometimes"}],
    ],
)
def test_bad_patch_changes_nothing(
    connectwise: httpx.Client, simulation: Simulation, body: object
) -> None:
    """What an addition does not allow is 400 and leaves the record alone."""
    line = simulation.world.lines[0]
    path = f"/finance/agreements/{line.agreement_id}/additions/{line.id}"
    before = connectwise.get(path).json()
    assert connectwise.patch(path, json=body).status_code == 400
    assert connectwise.get(path).json() == before


def test_call_count_of_a_full_sync(connectwise: httpx.Client, simulation: Simulation) -> None:
    """The truth's count is what the cheapest sync by the documentation really takes."""
    truth = expected(simulation.world)
    kept_out = {
        row["record_id"] for row in truth["exclusions"] if row["record_kind"] == "agreement"
    }
    log = simulation.systems["connectwise"].log
    start = len(log)
    big = {"pageSize": "1000"}
    for path in (
        "/company/companies",
        "/company/companies/statuses",
        "/company/companies/types",
        "/finance/billingCycles",
        "/finance/agreements/types",
        "/procurement/catalog",
    ):
        assert connectwise.get(path, params=big, headers=FORWARD).headers["link"] == ""
    for row in connectwise.get("/finance/agreements", params=big, headers=FORWARD).json():
        if str(row["id"]) not in kept_out:
            connectwise.get(f"/finance/agreements/{row['id']}/additions", params=big)
    assert len(log) - start == truth["calls"]["connectwise"]
