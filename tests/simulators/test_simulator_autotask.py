"""The other PSA's server: zone, queries, pages by id, refusals, and adjustments of units."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

import asyncio
import json
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile_pipeline.simulators.psa.autotask import Autotask, AutotaskState
from reconcile_pipeline.simulators.psa.connectwise import ConnectWise
from reconcile_pipeline.simulators.registry import expected
from reconcile_pipeline.simulators.serve import Simulation, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import World

AS_OF = date(2026, 11, 22)
DAY = date(2026, 12, 1)
ALL = {"op": "gte", "field": "id", "value": 0}
QUIET = {"match", "not_connected"}


@pytest.fixture(scope="module")
def msp() -> Iterator[Simulation]:
    """One world for all tests of this file: what a test changes is undone or its own line's."""
    with running(build_world(7, "small", AS_OF), psa="autotask") as simulation:
        yield simulation


@pytest.fixture
def app(msp: Simulation) -> Iterator[Autotask]:
    server = msp.systems["autotask"].app
    assert isinstance(server, Autotask)
    server.faults.clear()
    server.log.clear()
    server.writes.clear()
    yield server
    server.psa.thread_limit = 0
    server.state.latency_seconds = 0
    server.psa.is_missing_found = True
    server.psa.unknown_user_status = 404


@pytest.fixture
def api(msp: Simulation, app: Autotask) -> Iterator[httpx.Client]:
    headers = {
        "ApiIntegrationCode": app.credentials["integration_code"],
        "UserName": app.credentials["user"],
        "Secret": app.credentials["secret"],
    }
    url = msp.systems["autotask"].base_url
    with httpx.Client(base_url=url, headers=headers, trust_env=False, verify=False) as client:
        yield client


def query(**parts: Any) -> dict[str, Any]:
    return {"filter": [ALL]} | parts


def items(reply: httpx.Response) -> list[dict[str, Any]]:
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["items"]
    return found


def refused(reply: httpx.Response, words: str, status: int = 500) -> bool:
    return reply.status_code == status and words in " ".join(reply.json()["errors"])


def any_line(app: Autotask, number: int, *, bundles: bool = False) -> dict[str, Any]:
    """One of the lines whose contract has no end, each test its own; with units on the day."""
    endless = {
        a.id
        for a in app.state.world.agreements
        if a.ends_on is None and a.starts_on < date(2026, 8, 1)
    }
    kind = "contractservicebundles" if bundles else "contractservices"
    found = [
        row
        for row in app.view.entities[kind].rows()
        if row["contractID"] in endless and (app.units_on(str(row["id"]), DAY) or 0) > 1 - bundles
    ]
    return found[number]


def adjustment(line: dict[str, Any], change: Any = 3, day: date = DAY) -> dict[str, Any]:
    return {
        "contractID": line["contractID"],
        "contractServiceID": line["id"],
        "unitChange": change,
        "effectiveDate": day.isoformat(),
    }


def test_zone_needs_no_credentials(app: Autotask, api: httpx.Client) -> None:
    """The look-up tells the server's own address to anybody who names the user."""
    root = app.credentials["zone_url"]
    for path in ("/ATServicesRest/v1.0/zoneInformation", "/atservicesrest/V1.0/ZoneInformation"):
        reply = httpx.get(
            root + path, params={"user": app.credentials["user"]}, trust_env=False, verify=False
        )
        assert reply.json()["url"] == f"{root}/ATServicesRest/"
    stranger = {"user": "nobody@example.com"}
    assert refused(api.get("/zoneInformation", params=stranger), "user", 404)
    app.psa.unknown_user_status = 200
    assert api.get("/zoneInformation", params=stranger).json()["url"] is None


@pytest.mark.parametrize("header", ["ApiIntegrationCode", "UserName", "Secret"])
def test_all_three_headers_are_needed(api: httpx.Client, header: str) -> None:
    """One wrong header is a 401 with a list of errors."""
    reply = api.post("/Companies/query", json=query(), headers={header: "wrong"})
    assert refused(reply, "Invalid", 401)


def test_get_and_post_ask_the_same(api: httpx.Client, msp: Simulation) -> None:
    """The body of one is the search of the other, and paths ignore case."""
    body = query(MaxRecords=500)
    posted = api.post("/Companies/query", json=body)
    assert items(api.get("/companies/QUERY", params={"search": json.dumps(body)})) == items(posted)
    assert [row["id"] for row in items(posted)] == [0, *(c.id for c in msp.world.companies)]
    assert posted.json()["pageDetails"] == {
        "count": len(items(posted)),
        "requestCount": 500,
        "prevPageUrl": None,
        "nextPageUrl": None,
    }
    count = api.post("/Companies/query/count", json=body).json()
    assert count == {"queryCount": len(items(posted))}


@pytest.mark.parametrize("way", ["get", "post", "post_without_body"])
def test_following_pages_gives_every_row_once(api: httpx.Client, msp: Simulation, way: str) -> None:
    """Rows come in the order of their ids, whether or not the query is repeated."""
    condition = {"op": "gt", "field": "ID", "value": 0}
    body = {"Filter": [condition], "maxRecords": 10}
    if way == "get":
        reply = api.get("/Companies/query", params={"search": json.dumps(body)})
    else:
        reply = api.post("/Companies/query", json=body)
    found = [row["id"] for row in items(reply)]
    while reply.json()["pageDetails"]["nextPageUrl"] is not None:
        url = reply.json()["pageDetails"]["nextPageUrl"]
        assert "/Companies/query/next?paging=" in url
        assert len(url) < 2048
        if way == "get":
            reply = api.get(url)
        else:
            reply = api.post(url, json=body if way == "post" else None)
        found += [row["id"] for row in items(reply)]
    assert found == [company.id for company in msp.world.companies]


def test_an_exactly_full_page_is_the_last(api: httpx.Client, msp: Simulation) -> None:
    """No link leads to an empty page."""
    size = len(msp.world.companies) + 1
    reply = api.post("/Companies/query", json=query(MaxRecords=size))
    assert len(items(reply)) == size
    assert reply.json()["pageDetails"]["nextPageUrl"] is None


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"op": "eq", "field": "companyType", "value": 1}, lambda r: r["companyType"] == 1),
        ({"op": "noteq", "field": "COMPANYTYPE", "value": 1}, lambda r: r["companyType"] != 1),
        ({"op": "eq", "field": "isActive", "value": False}, lambda r: not r["isActive"]),
        ({"op": "in", "field": "id", "value": [0, 3]}, lambda r: r["id"] in (0, 3)),
        ({"op": "notIn", "field": "id", "value": [0, 3]}, lambda r: r["id"] not in (0, 3)),
        ({"op": "exist", "field": "parentCompanyID"}, lambda r: r["parentCompanyID"] is not None),
        ({"op": "notExist", "field": "parentCompanyID"}, lambda r: r["parentCompanyID"] is None),
        (
            {"op": "contains", "field": "companyName", "value": "A"},
            lambda r: "a" in r["companyName"].lower(),
        ),
        (
            {"op": "beginsWith", "field": "companyName", "value": "north"},
            lambda r: r["companyName"].lower().startswith("north"),
        ),
        (
            {"op": "gte", "field": "lastActivityDate", "value": "2026-01-01"},
            lambda r: r.get("lastActivityDate", "") >= "2026-01-01",
        ),
        (
            {
                "op": "or",
                "items": [
                    {"op": "lt", "field": "id", "value": 1},
                    {
                        "op": "and",
                        "items": [
                            {"op": "gt", "field": "companyType", "value": 1},
                            {"op": "eq", "field": "isActive", "value": True},
                        ],
                    },
                ],
            },
            lambda r: r["id"] < 1 or (r["companyType"] > 1 and r["isActive"]),
        ),
    ],
)
def test_filters_select_what_they_say(api: httpx.Client, condition: Any, holds: Any) -> None:
    """Operators and groups, field names in any case."""
    everything = items(api.post("/Companies/query", json=query()))
    wanted = [row for row in everything if holds(row)]
    assert 0 < len(wanted) < len(everything)
    assert items(api.post("/Companies/query", json={"filter": [condition]})) == wanted


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "filter is required"),
        ({"filter": []}, "filter is required"),
        (query(MaxRecords=501), "MaxRecords"),
        (query(MaxRecords=0), "MaxRecords"),
        (query(IncludeFields=["color"]), "color"),
        ({"filter": [{"op": "eq", "field": "color", "value": 1}]}, "color"),
        ({"filter": [{"op": "like", "field": "id", "value": 1}]}, "like"),
        ({"filter": [{"op": "eq", "field": "isActive", "value": "true"}]}, "boolean"),
        ({"filter": [{"op": "eq", "field": "id", "value": "1"}]}, "integer"),
        ({"filter": [{"op": "gt", "field": "lastActivityDate", "value": "soon"}]}, "date"),
        ({"filter": [{"op": "and", "items": []}]}, "items"),
        ({"filter": [{"op": "in", "field": "id", "value": list(range(501))}]}, "'OR'"),
        ({"filter": [{"op": "or", "items": [ALL] * 501}]}, "'OR'"),
        ([], "object"),
    ],
)
def test_bad_queries_are_server_errors(api: httpx.Client, body: Any, words: str) -> None:
    """Validation is answered with 500 and a list of texts, as the real one does."""
    assert refused(api.post("/Companies/query", json=body), words)


def test_fields_are_chosen_by_name(api: httpx.Client) -> None:
    """Beyond one page the id must be among them."""
    body = query(IncludeFields=["companyname", "id"], MaxRecords=5)
    assert set(items(api.post("/Companies/query", json=body))[0]) == {"companyName", "id"}
    body["IncludeFields"] = ["companyName"]
    assert refused(api.post("/Companies/query", json=body), "must contain id")
    body["MaxRecords"] = 500
    assert set(items(api.post("/Companies/query", json=body))[0]) == {"companyName"}


def test_paths_and_verbs_that_are_not_there(app: Autotask, api: httpx.Client) -> None:
    """Unknown entities are 404, wrong verbs 405 in the framework's words, long addresses fail."""
    assert api.post("/Nonsense/query", json=query()).status_code == 404
    assert api.post("/ContractServiceAdjustments/query", json=query()).status_code == 404
    reply = api.get("/ContractServiceAdjustments")
    assert reply.status_code == 405
    assert "does not support http method 'GET'" in reply.json()["Message"]
    long = json.dumps(query(IncludeFields=["id"] * 400))
    assert api.get("/Companies/query", params={"search": long}).status_code == 404
    assert refused(api.get("/Companies/query/next", params={"paging": "{}"}), "paging")
    assert api.get("/Companies/0").json()["item"]["companyName"]
    assert api.get("/Companies/1").json() == {"item": None}
    app.psa.is_missing_found = False
    assert api.get("/Companies/1").status_code == 404


def test_lists_below_a_contract(app: Autotask, api: httpx.Client) -> None:
    """A contract's services and their units stand below it as well."""
    line = any_line(app, 0)
    services = items(api.get(f"/Contracts/{line['contractID']}/Services"))
    assert line in services
    units = items(api.get(f"/Contracts/{line['contractID']}/ServiceUnits"))
    assert {row["contractServiceID"] for row in units} <= {row["id"] for row in services}


def test_picklists_and_threshold(api: httpx.Client) -> None:
    """What numbers mean is a list of its own; so is how many calls are left."""
    fields = api.get("/Contracts/entityInformation/fields").json()["fields"]
    labels = {row["name"]: row["picklistValues"] for row in fields}
    wanted = [row["label"] for row in labels["contractType"] if row["value"] == "7"]
    assert wanted == ["Recurring Service"]
    adjusted = api.get("/ContractServiceAdjustments/entityInformation/fields").json()["fields"]
    assert "unitChange" in {row["name"] for row in adjusted}
    assert api.get("/ThresholdInformation").json()["externalRequestThreshold"] == 10_000


def test_units_are_totals_by_month(app: Autotask, api: httpx.Client) -> None:
    """A line has a row a month, whole units, and at times two that hold one day."""
    rows = items(api.post("/ContractServiceUnits/query", json=query()))
    assert all(isinstance(row["units"], int) for row in rows)
    assert any(row["approveAndPostDate"] for row in rows)
    condition = {
        "op": "and",
        "items": [
            {"op": "lte", "field": "startDate", "value": "2026-12-01"},
            {"op": "gte", "field": "endDate", "value": "2026-12-01T00:00:00Z"},
        ],
    }
    held: dict[int, list[dict[str, Any]]] = {}
    reply = api.post("/ContractServiceUnits/query", json={"filter": [condition]})
    for row in items(reply):
        held.setdefault(row["contractServiceID"], []).append(row)
    # Lines that other tests of this file change are theirs.
    changed = {any_line(app, number)["id"] for number in range(10)}
    twice = [rows for line, rows in held.items() if len(rows) == 2 and line not in changed]
    assert twice
    assert all(rows[0]["endDate"] == rows[1]["startDate"] for rows in twice)
    assert all(rows[0]["units"] != rows[1]["units"] for rows in twice)


def test_a_day_without_an_end_has_two_forms(api: httpx.Client) -> None:
    """Null, or the year 1."""
    ends = {row["endDate"] for row in items(api.post("/Contracts/query", json=query()))}
    assert {None, "0001-01-01T00:00:00Z"} < ends


def test_an_adjustment_adds_from_its_day_on(app: Autotask, api: httpx.Client) -> None:
    """The running row ends on that day, a new one holds the total, later rows move along."""
    line = any_line(app, 1)
    number = str(line["id"])
    before = [app.units_on(number, day) for day in (date(2026, 11, 30), DAY, date(2027, 6, 1))]
    reply = api.post("/ContractServiceAdjustments", json=adjustment(line, day=date(2026, 12, 10)))
    assert (reply.status_code, reply.json()) == (200, {"itemId": None})
    assert [app.units_on(number, day) for day in (date(2026, 11, 30), DAY)] == before[:2]
    assert app.units_on(number, date(2026, 12, 10)) == (before[1] or 0) + 3
    assert app.units_on(number, date(2027, 6, 1)) == (before[2] or 0) + 3
    condition = {"op": "eq", "field": "contractServiceID", "value": line["id"]}
    rows = items(api.post("/ContractServiceUnits/query", json={"filter": [condition]}))
    assert "2026-12-10T00:00:00Z" in {row["endDate"] for row in rows}
    [write] = app.writes
    assert write.line_id == number
    assert (write.qty_after - write.qty_before, write.effective_on) == (3, date(2026, 12, 10))


def test_one_change_a_line_and_day(app: Autotask, api: httpx.Client) -> None:
    """The second one is refused in the real one's words, in either form; the next day's is not."""
    line = any_line(app, 2)
    body = adjustment(line, -1)
    assert api.post("/ContractServiceAdjustments", json=body).status_code == 200
    for path in (
        "/ContractServiceAdjustments",
        f"/Contracts/{line['contractID']}/ServiceAdjustments",
    ):
        assert refused(api.post(path, json=body), "duplicate data into contract_service_period")
    later = adjustment(line, 1, DAY + timedelta(days=1))
    assert api.post("/contractserviceadjustments", json=later).status_code == 200
    assert len(app.writes) == 2


def test_bundles_are_adjusted_at_their_twin(app: Autotask, api: httpx.Client) -> None:
    """Its own entity and names; the log tells it from the service of the same number."""
    line = any_line(app, 0, bundles=True)
    body = adjustment(line)
    body["contractServiceBundleID"] = body.pop("contractServiceID")
    path = f"/Contracts/{line['contractID']}/ServiceBundleAdjustments"
    assert api.post(path, json=body).json() == {"itemId": None}
    assert app.writes[0].line_id == f"bundle:{line['id']}"
    assert refused(api.post("/ContractServiceAdjustments", json=adjustment(line)), "not exist")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unitChange": 1.5}, "whole number"),
        ({"unitChange": "3"}, "whole number"),
        ({"unitChange": None}, "whole number"),
        ({"unitChange": True}, "whole number"),
        ({"unitChange": -1_000_000}, "less than 0"),
        ({"effectiveDate": None}, "effectiveDate"),
        ({"effectiveDate": "soon"}, "not a date"),
        ({"effectiveDate": "1999-01-01"}, "dates of the contract"),
        ({"effectiveDate": "2026-10-15"}, "posted"),
        ({"contractServiceID": 1}, "does not exist"),
        ({"contractID": 1}, "does not exist"),
        ({"contractServiceID": None}, "must be given"),
        ({"quantityAdjustment": 3}, "quantityAdjustment"),
    ],
)
def test_refused_adjustments_change_nothing(
    app: Autotask, api: httpx.Client, changes: dict[str, Any], words: str
) -> None:
    """Each rule is answered with 500 and its words."""
    line = any_line(app, 3)
    reply = api.post("/ContractServiceAdjustments", json=adjustment(line) | changes)
    assert refused(reply, words), reply.text
    assert app.writes == []


def test_a_line_can_be_named_by_contract_and_service(app: Autotask, api: httpx.Client) -> None:
    """Where there is none yet the PSA makes one: that is why clients should name the line."""
    line = any_line(app, 4)
    contract, service = line["contractID"], line["serviceID"]
    body = adjustment(line, 1) | {"serviceID": service}
    del body["contractServiceID"]
    lines = len(app.view.entities["contractservices"].rows())
    assert api.post("/ContractServiceAdjustments", json=body).status_code == 200
    assert len(app.view.entities["contractservices"].rows()) == lines
    body |= {"allowRepeatService": True, "unitChange": 2}
    assert api.post(f"/Contracts/{contract}/ServiceAdjustments", json=body).status_code == 200
    new = app.view.entities["contractservices"].rows()[-1]
    assert (new["contractID"], new["serviceID"]) == (contract, service)
    assert app.units_on(str(new["id"]), DAY) == 2
    assert len(app.view.entities["contractservices"].rows()) == lines + 1
    app.state.world.lines.pop()
    app.state.changed()


def test_threads_are_counted_by_entity(app: Autotask, api: httpx.Client) -> None:
    """A fourth call at once to one entity is refused with 500; another entity's is not."""
    app.psa.thread_limit = 3
    app.state.latency_seconds = 0.01
    paths = ["/Companies/query"] * 5 + ["/Services/query"] * 3

    async def ask_all() -> list[httpx.Response]:
        # In one event loop, so that all have begun before the first one is answered.
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=api.base_url, headers=api.headers
        ) as client:
            return await asyncio.gather(*(client.post(path, json=query()) for path in paths))

    replies = asyncio.run(ask_all())
    assert [reply.status_code for reply in replies] == [200] * 3 + [500] * 2 + [200] * 3
    assert all(refused(reply, "Itgenatr005") for reply in replies[3:5])
    app.psa.thread_limit = 5
    assert [reply.status_code for reply in asyncio.run(ask_all())] == [200] * 8


def test_faults_of_changes_strike(app: Autotask, api: httpx.Client) -> None:
    """A lost answer, a late, a forgotten and a different change are as planned."""
    line = any_line(app, 5)
    number, start = str(line["id"]), app.units_on(str(any_line(app, 5)["id"]), DAY) or 0
    path = "/ContractServiceAdjustments"
    app.faults.add(path, kind="ack_lost")
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(path, json=adjustment(line, 1))
    assert app.units_on(number, DAY) == start + 1
    app.faults.add(path, kind="late_apply", value=0)
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(path, json=adjustment(line, 1, date(2026, 12, 2)))
    assert app.units_on(number, date(2026, 12, 2)) == start + 1
    api.get("/ThresholdInformation")
    assert app.units_on(number, date(2026, 12, 2)) == start + 2
    app.faults.add(path, kind="not_applied")
    assert api.post(path, json=adjustment(line, 1, date(2026, 12, 3))).status_code == 200
    assert app.units_on(number, date(2026, 12, 3)) == start + 2
    app.faults.add(path, kind="apply_differently", value=lambda units: units + 5)
    api.post(path, json=adjustment(line, 1, date(2026, 12, 3)))
    assert app.units_on(number, date(2026, 12, 3)) == start + 8
    assert [write.qty_after - write.qty_before for write in app.writes] == [1, 1, 6]


def test_somebody_edits_a_line(app: Autotask) -> None:
    """An edit in the PSA itself shows at once, and is in no log of ours."""
    line = any_line(app, 6)
    before = app.units_on(str(line["id"]), date(2026, 11, 30))
    app.edit_line(str(line["id"]), Decimal("7.5"), DAY)
    assert app.units_on(str(line["id"]), DAY) == 8
    assert app.units_on(str(line["id"]), date(2026, 11, 30)) == before
    assert app.writes == []
    with pytest.raises(KeyError):
        app.edit_line("1", Decimal(1), DAY)


def test_somebody_edits_an_addition(own_world: World) -> None:
    """The other PSA's lines can be edited the same way; there no day is asked for."""
    with running(own_world) as simulation:
        server = simulation.systems["connectwise"].app
        assert isinstance(server, ConnectWise)
        line = own_world.lines[3]
        stamp = line.updated_at
        server.edit_line(str(line.id), Decimal("7.5"), DAY)
        assert (line.quantity, server.writes) == (Decimal("7.5"), [])
        assert line.updated_at != stamp
        with pytest.raises(KeyError):
            server.edit_line("1", Decimal(1), DAY)


def test_files_beside_the_settings(msp: Simulation, tmp_path: Path) -> None:
    """The settings name Autotask instead of ConnectWise; its secrets stand in .env alone."""
    path = tmp_path / "reconcile.toml"
    msp.write_config(path)
    systems = tomllib.loads(path.read_text())["systems"]
    assert list(systems) == [*msp.systems, "backup_csv"]
    assert systems["autotask"] == {
        "zone_url": msp.systems["autotask"].credentials["zone_url"],
        "user": {"env": "AUTOTASK_USER"},
        "secret": {"env": "AUTOTASK_SECRET"},
        "integration_code": {"env": "AUTOTASK_INTEGRATION_CODE"},
        "currency": "USD",
        "database": "northgate",
    }
    environment = path.with_name(".env").read_text()
    assert "CONNECTWISE" not in environment
    for name in ("user", "secret", "integration_code"):
        assert msp.systems["autotask"].credentials[name] in environment
        assert msp.systems["autotask"].credentials[name] not in path.read_text()
    assert isinstance(msp.systems["autotask"].state, AutotaskState)


@pytest.mark.parametrize("seed", range(1, 5))
def test_planted_errors_show_in_this_psa_too(seed: int) -> None:
    """Every planted error has its card and exclusion; parts of units flag the rest."""
    world = build_world(seed, "small", AS_OF)
    truth = expected(world, psa="autotask")
    cards = {(c["company_id"], tuple(c["product_ids"])): c for c in truth["cards"]}
    assert len({note["error"] for note in truth["planted"]}) >= 12
    for note in truth["planted"]:
        card = cards[note["company_id"], tuple(note["product_ids"])]
        for name in ("finding", "qty_psa", "qty_vendor", "service_ids"):
            assert card[name] == note[name], note
        assert "exclusion" not in note or note["exclusion"] in truth["exclusions"]
    planted = {(note["company_id"], tuple(note["product_ids"])) for note in truth["planted"]}
    terabytes = next(str(p.id) for p in world.products if p.identifier == "CLOUD-TB")
    others = [key for key, card in cards.items() if card["finding"] not in QUIET]
    assert {products for key in others if key not in planted for products in key[1]} <= {terabytes}
    assert any("bundle:" in product for _company, products in cards for product in products)


def test_every_reason_occurs() -> None:
    """A medium world shows every way of being left out that Autotask has."""
    truth = expected(build_world(9, "medium", AS_OF), psa="autotask")
    ours = {
        (row["record_kind"], row["reason"])
        for row in truth["exclusions"]
        if row["system"] == "autotask"
    }
    wanted = {
        "company": "not_a_customer inactive",
        "agreement": "not_recurring_service not_active not_started ended",
        "agreement_line": "agreement_excluded company_excluded no_units_on_day zero_units",
    }
    assert ours == {(kind, reason) for kind, text in wanted.items() for reason in text.split()}
