"""A token of its own for every customer tenant, picked by a header that never leaves.

Microsoft Graph shows one tenant per token: the same refresh token is exchanged at each customer's
own login address. Tokens are kept until they end, and a refusal is remembered, tenant by tenant.
"""

from collections.abc import AsyncGenerator, Callable

import httpx

from reconcile_pipeline.http import TokenAuth

TENANT = "X-Reconcile-Tenant"
"""Request header that names the customer's tenant; without it the partner's own is meant."""


class TokenPerTenant(httpx.Auth):
    """Sends each request with the token of its tenant; belongs to one event loop."""

    def __init__(self, make: Callable[[str], TokenAuth], own: str) -> None:
        """`make` builds the login to one tenant; `own` is the partner's."""
        self._make = make
        self._own = own
        self._logins: dict[str, TokenAuth] = {}

    def __repr__(self) -> str:
        """Name the class and nothing else."""
        return f"<{type(self).__name__}>"

    @property
    def secrets(self) -> frozenset[str]:
        """What any of the logins has to hide."""
        return frozenset().union(*(login.secrets for login in self._logins.values()))

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request as the tenant's own login would."""
        tenant = request.headers.pop(TENANT, self._own)
        if tenant not in self._logins:
            self._logins[tenant] = self._make(tenant)
        flow = self._logins[tenant].async_auth_flow(request)
        try:
            upcoming = await anext(flow, None)
            while upcoming is not None:
                response = yield upcoming
                upcoming = await _after(flow, response)
        finally:
            # Also when the call was broken off: the login's lock must not stay taken.
            await flow.aclose()


async def _after(
    flow: AsyncGenerator[httpx.Request, httpx.Response], response: httpx.Response
) -> httpx.Request | None:
    try:
        return await flow.asend(response)
    except StopAsyncIteration:
        return None
