"""The simulated Kaseya BMS: its envelope, its paging, its invoices; asked without our client."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.truth.kaseya import KaseyaTruth
from reconcile_pipeline.simulators.world.build import build_world

AS_OF = date(2026, 11, 22)


class Site:
    """One served PSA and a token for it."""

    def __init__(self, server: SimulatedServer) -> None:
        self.server = server
        self.app: Any = server.app
        self.token = ""
        self.status = 0

    def login(self, **changed: str) -> Any:
        known = self.server.credentials
        form = {"grantType": "password", "userName": known["username"], **changed}
        form = {"password": known["password"], "tenant": known["tenant"], **form}
        return self._open("/v2/security/authenticate", urlencode(form).encode())

    def get(self, path: str, **params: str) -> Any:
        self.token = self.token or self.login()["result"]["accessToken"]
        return self._open(f"{path}?{urlencode(params)}", None)

    def _open(self, path: str, body: bytes | None) -> Any:
        head = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = httpx.request(
            "GET" if body is None else "POST",
            self.server.base_url + path,
            content=body,
            headers=head,
            trust_env=False,
        )
        self.status = answer.status_code
        return answer.json()


@pytest.fixture(scope="module", params=["kaseya_bms", "pulseway"])
def served(request: pytest.FixtureRequest) -> Iterator[SimulatedServer]:
    with running(build_world(7, "small", AS_OF), psa=request.param) as simulation:
        yield simulation.systems[request.param]


@pytest.fixture
def site(served: SimulatedServer) -> Site:
    served.app.state.changed()
    return Site(served)


def test_a_refusal_is_a_200(site: Site) -> None:
    """An invoice that is not there is answered 200, `success: false`, with the vendor's typo."""
    answer = site.get("/v2/finance/invoices/5")
    assert answer["success"] is False
    assert answer["error"]["code"] == 404
    assert "stackStrace" in answer["error"]


@pytest.mark.parametrize("wrong", ["password", "tenant"])
def test_wrong_company_and_wrong_password_look_alike(site: Site, wrong: str) -> None:
    """Both are refused with 401 and the same words."""
    refused = site.login(**{wrong: "nonsense"})
    assert site.status == 401
    assert refused["error"]["message"] == "Invalid login attempt."


def test_pages_go_on_until_an_empty_one(site: Site) -> None:
    """Page 0 is page 1 once more; beyond the end the list is empty; invoices have no total."""
    path = "/v2/finance/invoices/summary"
    zero, one = (site.get(path, PageSize="50", PageNumber=number) for number in ("0", "1"))
    assert zero == one
    assert len(one["result"]) == 50
    assert "totalRecords" not in one
    assert site.get(path, PageSize="50", PageNumber="999")["result"] == []
    assert site.get("/v2/crm/accounts/summary")["totalRecords"] > 25


def test_contracts_name_accounts_and_two_may_share_a_name(site: Site) -> None:
    """No contract of the list has an account's id; an account's look-up lists its own."""
    [contract, *_] = site.get("/v2/finance/contracts/summary")["result"]
    assert "accountId" not in contract
    names = [company.name for company in site.app.state.world.companies]
    assert len(set(names)) < len(names)
    agreement = site.app.state.world.agreements[0]
    found = site.get("/v2/finance/contracts/lookup", AccountId=str(agreement.company_id))
    assert agreement.id in [row["id"] for row in found["result"]]


def test_an_edited_line_shows_with_the_next_invoice(site: Site) -> None:
    """The last invoice stays what it was; the one of the next run has the new units."""
    truth = KaseyaTruth(site.app.state.world)
    made = next(each for each in truth.opened if each.id in truth.last.values())
    item = next(each for each in made.items if truth.last.get(each.contract_id) == made.id)
    line_id = str(item.id // 1000)
    site.app.edit_line(line_id, item.qty + 7, AS_OF)

    def shown(invoice: int) -> list[Any]:
        rows = site.get(f"/v2/finance/invoices/{invoice}")["result"]["lineItems"]
        return [row["qty"] for row in rows if str(row["id"] // 1000) == line_id]

    assert float(item.qty) in shown(made.id)
    site.app.run_invoices(date(2026, 12, 1))
    assert shown(made.account_id * 1000 + 900) == [float(item.qty + Decimal(7))]


def test_unpublished_calls_are_not_there(site: Site) -> None:
    """The call for a contract's lines is unknown, unless this tenant is said to have it."""
    agreement = site.app.state.world.agreements[0]
    path = f"/v2/finance/contracts/recurringservices/{agreement.id}/services"
    assert site.get(path)["error"]["code"] == 404
    site.app.state.has_line_calls = True
    assert site.get(path)["success"] is True
    site.app.state.has_line_calls = False


def test_an_endpoint_takes_so_many_calls_an_hour(site: Site) -> None:
    """Beyond the limit an endpoint answers 429, and others go on."""
    site.app.state.calls_per_hour = 2
    path = "/v2/admin/finance/services/lookup"
    told = []
    for _ in range(3):
        site.get(path)
        told.append(site.status)
    assert told[-1] == 429
    assert site.get("/v2/finance/contracts/lookup", AccountId="1")["success"] is True
    site.app.state.calls_per_hour = 1500
