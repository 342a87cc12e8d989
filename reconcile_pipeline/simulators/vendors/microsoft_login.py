"""What both Microsoft servers share: Entra's token call, for the partner's tenant and customers'.

One refresh token of a partner user opens every tenant that lets the partner in. Each answer brings
a new refresh token, and the old one goes on to work. Refusals carry Entra's error numbers.
"""

from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State
from reconcile_pipeline.simulators.tokens import check_token, issue_token
from reconcile_pipeline.simulators.world.vendors.microsoft_partner_center import (
    APPLICATION,
    PARTNER_TENANT,
)

TOKEN_PATH = "/(?P<tenant>[^/]+)/oauth2/v2.0/token"  # noqa: S105 a path
WORDS = {
    "700016": "Application with this identifier was not found in the directory.",
    "7000215": "Invalid client secret provided.",
    "70008": "The refresh token has expired or is not known.",
    "50173": "The provided grant has expired due to it being revoked.",
    "50076": "You must use multi-factor authentication to access this resource.",
    "65001": "The user or administrator has not consented to use the application.",
    "90002": "Tenant was not found.",
    "70003": "The grant type is not supported.",
    "70011": "The scope is not valid.",
}


class MicrosoftServer(Simulator):
    """An API of Microsoft's behind Entra's login."""

    scopes: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self._refresh_tokens = {credentials["refresh_token"]}
        self.tenant_of: dict[str, str] = {}
        """The tenant that each access token was given out for."""
        self.route("POST", TOKEN_PATH, self._token, is_open=True)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """The partner's app registration and the consent of its user."""
        return {
            "partner_tenant": PARTNER_TENANT,
            "client_id": APPLICATION,
            "client_secret": f"simSecret-{cls.name}-{tag}~Q",
            "refresh_token": f"0.AX-simRefresh-{cls.name}-{tag}",
        }

    def placed(self, root: str) -> None:
        """Tokens are handed out here, too."""
        self.credentials["login_url"] = root

    def revoke(self) -> None:
        """What a new password of the partner user does: no refresh token works any more."""
        self._refresh_tokens.clear()

    def authorize(self, query: Query) -> None:
        """A bearer token that this server gave out and that is not over."""
        check_token(self, query)

    def tenant(self, query: Query) -> str:
        """The tenant whose token the call carries."""
        return self.tenant_of[query.headers["authorization"].partition(" ")[2]]

    def admit(self, tenant: str) -> None:
        """Raise Refusal for a tenant that gives the partner no token."""
        if tenant != PARTNER_TENANT:
            raise entra(HTTPStatus.BAD_REQUEST, "invalid_request", "90002")

    def error(self, query: Query, refusal: Refusal) -> dict[str, Any]:
        """Entra's shape for the token call, the API's own elsewhere."""
        if not query.path.endswith("/token"):
            return self.api_error(query, refusal)
        number = refusal.fields or "90000"
        return {
            "error": refusal.code or "temporarily_unavailable",
            "error_description": f"AADSTS{number}: {refusal.message} Trace ID: 0000-0001",
            "error_codes": [int(number)],
            "correlation_id": "4f6f1d2e-0000-4000-8000-000000000001",
        }

    def api_error(self, query: Query, refusal: Refusal) -> dict[str, Any]:
        """The error body of this API."""
        raise NotImplementedError

    def _token(self, query: Query, tenant: str) -> Answer:
        form = dict(parse_qsl(query.body.decode("utf-8", "replace")))
        if form.get("client_id") != self.credentials["client_id"]:
            raise entra(HTTPStatus.BAD_REQUEST, "unauthorized_client", "700016")
        if form.get("client_secret") != self.credentials["client_secret"]:
            raise entra(HTTPStatus.UNAUTHORIZED, "invalid_client", "7000215")
        if form.get("grant_type") != "refresh_token":
            raise entra(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", "70003")
        if not self._refresh_tokens:
            raise entra(HTTPStatus.BAD_REQUEST, "invalid_grant", "50173")
        if form.get("refresh_token") not in self._refresh_tokens:
            raise entra(HTTPStatus.BAD_REQUEST, "invalid_grant", "70008")
        if form.get("scope") not in self.scopes:
            raise entra(HTTPStatus.BAD_REQUEST, "invalid_scope", "70011")
        self.admit(tenant)
        token = issue_token(self)
        self.tenant_of[token] = tenant
        renewed = f"0.AX-{token}-refresh"
        self._refresh_tokens.add(renewed)
        return Answer(
            {
                "token_type": "Bearer",
                "scope": form["scope"],
                "expires_in": self.state.expires_in,
                "ext_expires_in": self.state.expires_in,
                "access_token": token,
                "refresh_token": renewed,
            }
        )


def entra(status: int, error: str, number: str) -> Refusal:
    """A refused token, with Entra's error number."""
    return Refusal(status, WORDS[number], code=error, fields=number)
