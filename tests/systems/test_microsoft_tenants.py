"""A token for each tenant: its own, renewed on its own, refused for it alone."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from reconcile_pipeline.http import ApiClient, ApiError, ClientCredentials, Reply, Request
from reconcile_pipeline.systems.vendors.microsoft_tenants import TENANT, TokenPerTenant

HOST = "http://127.0.0.1:9"
LET_IN = frozenset({400, 401, 403})


class Tenants:
    """A login and an API that know which token is whose; some are told to refuse."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.headers: list[httpx.Headers] = []
        self.issued: Counter[str] = Counter()
        self.ended: set[str] = set()
        self.refusals: dict[str, int] = {}
        self.is_broken = False

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        path = urlsplit(str(request.url)).path
        self.headers.append(request.headers)
        if self.is_broken:
            raise httpx.ConnectError("cut", request=request)
        if path.endswith("/token"):
            tenant = path.split("/")[1]
            self.asked.append((tenant, "token"))
            if tenant in self.refusals:
                return answer(self.refusals[tenant], {"error": "invalid_grant"})
            self.issued[tenant] += 1
            token = f"{tenant}-{self.issued[tenant]}"
            return answer(200, {"access_token": token, "expires_in": 3600})
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.asked.append((token, path))
        return answer(401 if token in self.ended else 200, [token])

    def run(self, work: Callable[[ApiClient], Any]) -> Any:
        def login(tenant: str) -> ClientCredentials:
            return ClientCredentials(f"{HOST}/{tenant}/token", {"refresh_token": "r"}, "form")

        async def inside() -> Any:
            client = ApiClient(
                system="graph",
                base_url=HOST,
                auth=TokenPerTenant(login, "partner"),
                sleep=lambda _seconds: asyncio.sleep(0),
                transport=httpx.MockTransport(self),
            )
            async with client:
                return await work(client)

        return asyncio.run(inside())


def answer(status: int, data: Any) -> httpx.Response:
    reply = httpx.Response(status, json=data)
    return httpx.Response(status, headers=reply.headers, content=streamed(reply.content))


async def streamed(body: bytes) -> Any:
    yield body


def of(tenant: str) -> Request:
    return Request("/skus", headers={TENANT: tenant}, tolerates=LET_IN)


def test_each_tenant_is_asked_with_its_own_token_and_gets_one(
    tenants: Tenants,
) -> None:
    """Without a tenant the partner's is meant; a token is asked for once and used again."""

    async def work(client: ApiClient) -> list[Any]:
        requests = [Request("/list"), of("acme"), of("globex"), of("acme"), Request("/list")]
        return [(await client.get(request)).data for request in requests]

    found = tenants.run(work)
    assert found == [["partner-1"], ["acme-1"], ["globex-1"], ["acme-1"], ["partner-1"]]
    assert tenants.issued == {"partner": 1, "acme": 1, "globex": 1}


def test_the_header_that_picks_the_token_is_never_sent(tenants: Tenants) -> None:
    """Microsoft has no business with our bookkeeping."""
    tenants.run(lambda client: client.get(of("acme")))
    assert len(tenants.headers) == 2
    assert not [headers for headers in tenants.headers if TENANT in headers]


def test_a_token_that_ended_is_renewed_for_its_tenant_alone(tenants: Tenants) -> None:
    """One refused call, one new token, one repetition; the other tenants keep theirs."""

    async def work(client: ApiClient) -> list[Any]:
        await asyncio.gather(client.get(of("acme")), client.get(of("globex")))
        tenants.ended.add("acme-1")
        tenants.asked.clear()
        return [(await client.get(request)).data for request in (of("acme"), of("globex"))]

    assert tenants.run(work) == [["acme-2"], ["globex-1"]]
    assert [what for what, _path in tenants.asked] == ["acme-1", "acme", "acme-2", "globex-1"]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_tenant_that_gives_no_token_is_an_answer_and_is_asked_once(
    tenants: Tenants, status: int
) -> None:
    """It has no data, the others go on, and its login is not hammered at."""
    tenants.refusals["acme"] = status

    async def work(client: ApiClient) -> list[Reply]:
        return [await client.get(request) for request in (of("acme"), of("globex"), of("acme"))]

    replies = tenants.run(work)
    assert [(reply.status, reply.data) for reply in replies] == [
        (status, None),
        (200, ["globex-1"]),
        (status, None),
    ]
    assert tenants.asked.count(("acme", "token")) == 1


def test_a_renewal_that_is_refused_is_an_answer_as_well(tenants: Tenants) -> None:
    """Consent that was withdrawn in mid-pull is that tenant's own."""

    async def work(client: ApiClient) -> Reply:
        await client.get(of("acme"))
        tenants.ended.add("acme-1")
        tenants.refusals["acme"] = 400
        return await client.get(of("acme"))

    assert tenants.run(work).status == 400


def test_the_partners_own_refusal_is_no_answer(tenants: Tenants) -> None:
    """Without the partner's token nothing is known of anybody."""
    tenants.refusals["partner"] = 400
    with pytest.raises(ApiError, match="gave no token"):
        tenants.run(lambda client: client.get(Request("/list")))


def test_a_login_that_breaks_off_is_not_locked_for_the_next_call(tenants: Tenants) -> None:
    """Whoever holds a login lets go of it as soon as its call is cut, not some time later."""
    auth = TokenPerTenant(
        lambda tenant: ClientCredentials(f"{HOST}/{tenant}", {"refresh_token": "r"}, "form"), "p"
    )

    async def cut_call() -> tuple[bool, bool]:
        flow = auth.async_auth_flow(httpx.Request("GET", HOST, headers={TENANT: "acme"}))
        assert (await anext(flow)).url.path == "/acme"
        lock = auth._logins["acme"]._lock
        held = lock.locked()
        await flow.aclose()
        return held, lock.locked()

    assert asyncio.run(cut_call()) == (True, False)
    tenants.is_broken = True
    with pytest.raises(ApiError, match="got no answer"):
        tenants.run(lambda client: client.get(of("acme")))


def test_every_tenants_secrets_are_known_and_none_is_shown(tenants: Tenants) -> None:
    """What has to be masked grows with each login; a repr names the class alone."""
    auth = TokenPerTenant(
        lambda tenant: ClientCredentials(f"{HOST}/{tenant}", {"refresh_token": tenant}, "form"), "p"
    )
    for tenant in ("acme", "globex"):
        request = httpx.Request("GET", HOST, headers={TENANT: tenant})
        asyncio.run(anext(auth.async_auth_flow(request)))  # type: ignore[arg-type]
    assert auth.secrets == {"acme", "globex"}
    assert repr(auth) == "<TokenPerTenant>"


@pytest.fixture
def tenants() -> Tenants:
    return Tenants()
