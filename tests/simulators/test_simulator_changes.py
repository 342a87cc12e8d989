"""What the PSAs' servers answer about changes: filters as documented, stamps that really move."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from reconcile_pipeline.simulators.psa.halopsa import SCOPES
from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.world.build import build_world

AS_OF = date(2026, 11, 22)
EDITED = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def served() -> Iterator[Callable[[str], SimulatedServer]]:
    """Each PSA over a world of its own, served once; edits add up and harm nobody."""
    with ExitStack() as stack:
        known: dict[str, SimulatedServer] = {}

        def serve(kind: str) -> SimulatedServer:
            if kind not in known:
                world = build_world(7, "small", AS_OF)
                simulation = stack.enter_context(running(world, psa=kind, has_vendors=False))
                known[kind] = simulation.systems[kind]
                known[kind].state.vendor_clock = lambda: EDITED
            return known[kind]

        yield serve


def headers_of(server: SimulatedServer) -> dict[str, str]:
    known, kind = server.credentials, server.app.name
    if kind == "connectwise":
        user = f"{known['company_id']}+{known['public_key']}:{known['private_key']}"
        token = base64.b64encode(user.encode()).decode()
        return {"Authorization": f"Basic {token}", "clientId": known["client_id"]}
    if kind == "autotask":
        return {
            "ApiIntegrationCode": known["integration_code"],
            "UserName": known["user"],
            "Secret": known["secret"],
        }
    if kind == "halopsa":
        form = {name: known[name] for name in ("client_id", "client_secret")}
        form |= {"grant_type": "client_credentials", "scope": SCOPES, "tenant": "northgate"}
        url = f"{server.base_url.removesuffix('/api')}/auth/token"
        token = httpx.post(url, data=form, trust_env=False, verify=False).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}
    form = {"grantType": "password", "userName": known["username"]}
    form |= {"password": known["password"], "tenant": known["tenant"]}
    url = f"{server.base_url}/v2/security/authenticate"
    login = httpx.post(url, data=form, trust_env=False, verify=False).json()
    return {"Authorization": f"Bearer {login['result']['accessToken']}"}


def asking(server: SimulatedServer) -> Ask:
    headers = headers_of(server)

    def ask(path: str, **params: str) -> httpx.Response:
        url = f"{server.base_url}{path}"
        return httpx.get(url, params=params, headers=headers, trust_env=False, verify=False)

    return ask


def rename(server: SimulatedServer, number: int) -> Any:
    company = server.state.world.companies[number]
    company.name = f"{company.name} renamed"
    server.state.changed()
    return company


API = "/v4_6_release/apis/3.0"


def test_connectwise_selects_by_last_updated(served: Any) -> None:
    """Later than the moment in brackets, in both spellings; counts take the same condition."""
    server = served("connectwise")
    ask = asking(server)
    company = rename(server, 3)
    for field in ("lastUpdated", "_info/lastUpdated"):
        later = ask(f"{API}/company/companies", conditions=f"{field} > [2026-11-22T15:00:00Z]")
        assert company.id in [row["id"] for row in later.json()]
        equal = ask(f"{API}/company/companies", conditions=f"{field} > [2026-11-22T15:30:00Z]")
        assert equal.json() == []
    condition = {"conditions": "lastUpdated > [2026-11-22T15:00:00Z]"}
    assert ask(f"{API}/company/companies/count", **condition).json()["count"] == len(later.json())
    assert later.json()[0]["_info"]["lastUpdated"] == "2026-11-22T15:30:00Z"


def test_connectwise_refuses_fields_it_does_not_know(served: Any) -> None:
    """400, also for the stamp on a list whose records have none."""
    ask = asking(served("connectwise"))
    for path, field in (("companies", "modifiedOn"), ("companies/types", "lastUpdated")):
        reply = ask(f"{API}/company/{path}", conditions=f"{field} > [2026-11-22T15:00:00Z]")
        assert reply.status_code == 400


def test_connectwise_keeps_an_agreements_stamp_when_a_line_changes(served: Any) -> None:
    """So nobody may take it for the stamp of additions; a company's name moves it neither."""
    server = served("connectwise")
    ask = asking(server)
    line = server.state.world.lines[0]
    condition = {"conditions": "lastUpdated > [2026-11-22T00:00:00Z]"}
    before = ask(f"{API}/finance/agreements", **condition).json()
    line.quantity += 1
    rename(server, 0)
    assert ask(f"{API}/finance/agreements", **condition).json() == before
    agreement = server.state.world.agreements[0]
    agreement.name = "Edited"
    server.state.changed()
    assert agreement.id in [r["id"] for r in ask(f"{API}/finance/agreements", **condition).json()]


def test_autotask_selects_by_tracked_changes(served: Any) -> None:
    """At the moment or later, the provider's own company has a stamp too; counts say how many."""
    server = served("autotask")
    ask = asking(server)
    company = rename(server, 3)
    field = "lastTrackedModifiedDateTime"

    def search(value: str, name: str = field) -> dict[str, str]:
        return {"search": json.dumps({"filter": [{"op": "gte", "field": name, "value": value}]})}

    found = ask("/Companies/query", **search("2026-11-22T15:30:00.38Z")).json()["items"]
    assert company.id in [row["id"] for row in found]
    assert ask("/Companies/query", **search("2026-11-22T15:30:01Z")).json()["items"] == []
    count = ask("/Companies/query/count", **search("2026-11-22T15:30:00Z")).json()["queryCount"]
    assert count == len(found)
    everything = ask("/Companies/query", **search("0001-01-02T00:00:00Z")).json()["items"]
    assert 0 in [row["id"] for row in everything]
    assert ask("/Contracts/query", **search("2026-01-01T00:00:00Z", field)).status_code == 500


def test_autotask_stamps_services(served: Any) -> None:
    """A renamed service is selected by its last modified date."""
    server = served("autotask")
    product = next(item for item in server.state.world.products if item.is_recurring)
    product.description = "Renamed service"
    server.state.changed()
    condition = {"op": "gte", "field": "lastModifiedDate", "value": "2026-11-22T00:00:00Z"}
    reply = asking(server)("/Services/query", search=json.dumps({"filter": [condition]}))
    assert [row["name"] for row in reply.json()["items"]] == ["Renamed service"]


def test_halopsa_selects_clients_without_showing_a_stamp(served: Any) -> None:
    """Both ends count in; its envelope tells how many are selected; a bad moment is refused."""
    server = served("halopsa")
    ask = asking(server)
    company = rename(server, 3)
    paged = {"pageinate": "true", "page_size": "50", "page_no": "1", "includeinactive": "true"}
    found = ask("/Client", **paged, lastupdatefromdate="2026-11-22T15:30:00").json()
    assert (found["record_count"], [row["id"] for row in found["clients"]]) == (1, [company.id])
    assert not [name for name in found["clients"][0] if "date" in name or "modified" in name]
    until = ask("/Client", **paged, lastupdatetodate="2026-11-22T15:29:59").json()
    everyone = ask("/Client", **paged).json()
    assert until["record_count"] == everyone["record_count"] - 1
    assert ask("/Client", **paged, lastupdatefromdate="yesterday").status_code == 400


@pytest.mark.parametrize("kind", ["kaseya_bms", "pulseway"])
def test_kaseya_selects_accounts_by_their_change(served: Any, kind: str) -> None:
    """Both ends count in; the total is that of the selection; contracts know no such filter."""
    server = served(kind)
    ask = asking(server)
    company = rename(server, 3)
    path = "/v2/crm/accounts/summary"
    found = ask(path, **{"Filter.ModifiedOnFrom": "2026-11-22T15:30:00"}).json()
    rows = {row["id"]: row["modifiedOn"] for row in found["result"]}
    assert rows[company.id] == "2026-11-22T15:30:00"
    assert found["totalRecords"] == len(rows) < 5
    until = ask(path, **{"Filter.ModifiedOnTo": "2026-11-22T15:29:59"}).json()
    assert until["totalRecords"] + len(rows) == len(server.state.world.companies)
    assert ask(path, **{"Filter.ModifiedOnFrom": "yesterday"}).json()["success"] is False


def test_answers_carry_the_vendors_date(served: Any) -> None:
    """By the vendor's own clock, which need not be that of this machine."""
    reply = asking(served("halopsa"))("/Client", pageinate="true")
    assert parsedate_to_datetime(reply.headers["date"]) == EDITED
    assert len(reply.headers.get_list("date")) == 1


def test_a_record_that_came_again_has_a_new_stamp(served: Any) -> None:
    """Deleted and made anew it is another change, whatever its stamp was before."""
    server = served("kaseya_bms")
    world = server.state.world
    gone = world.companies[-1]
    world.companies.remove(gone)
    server.state.changed()
    world.companies.append(gone)
    server.state.changed()
    found = asking(server)(
        "/v2/crm/accounts/summary", **{"Filter.ModifiedOnFrom": "2026-11-22T15:30:00"}
    ).json()
    assert gone.id in [row["id"] for row in found["result"]]
