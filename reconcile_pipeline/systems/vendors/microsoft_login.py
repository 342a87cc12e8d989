"""How both Microsoft kinds prove who they are: one refresh token, given by a partner user.

A person of the partner consents once, with a second factor; from then on the refresh token is
exchanged for short-lived access tokens, each for one tenant and one API (Microsoft Entra: refresh
token grant). The renewed refresh tokens that come along are not kept: nothing writes a secret.
"""

import re
from typing import Any

from reconcile_pipeline.http import ClientCredentials, TokenAuth
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account, Field
from reconcile_pipeline.systems.reading import advised, at, first_text, unfit

_TENANT = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{3,}")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CODE = re.compile(r"AADSTS(\d+)")

_CONSENT_ANEW = (
    "Sign in once more as the partner user, with the second factor, and put the new refresh token"
    " into the variable that refresh_token names"
)
_WHY = {
    "70008": "The refresh token has expired: it lasts 90 days. " + _CONSENT_ANEW + ".",
    "700082": "The refresh token has expired: it lasts 90 days. " + _CONSENT_ANEW + ".",
    "50173": "The partner user's password was changed or the sessions were revoked, which ends"
    " every refresh token. " + _CONSENT_ANEW + ".",
    "50076": "The partner user has to prove a second factor (MFA) anew. " + _CONSENT_ANEW + ".",
    "50079": "The partner user has to set up a second factor (MFA). Do so, then: "
    + _CONSENT_ANEW
    + ".",
    "50158": "A Conditional Access rule asks the partner user for more. " + _CONSENT_ANEW + ".",
    "65001": "Nobody has consented to what the app registration asks for. Consent as an Admin"
    " Agent of the partner tenant. " + _CONSENT_ANEW + ".",
    "7000215": "The client secret is wrong: copy its value, not its id.",
    "7000222": "The client secret has expired: make a new one in the app registration.",
    "700016": "The partner tenant does not know client_id: check both.",
    "90002": "There is no tenant partner_tenant: copy the directory id of the partner tenant.",
}
"""What a person does about the commonest refusals of a token call, by Entra's error number."""
_WHATEVER = _CONSENT_ANEW + "; check client_id, the client secret and partner_tenant as well."
"""For numbers that nobody listed: whatever the reason, a new consent is mostly the way out."""


def login_fields(product: str, prefix: str) -> tuple[Field, ...]:
    """Return the settings of the login, as both kinds have them."""
    return (
        Field(
            "partner_tenant",
            "Directory (tenant) id of your own partner tenant: Entra admin center > Overview.",
            example="8b1fe0b9-2f36-4e8a-9d0c-5c2f6f4d7a11",
        ),
        Field(
            "client_id",
            "Application (client) id of the multi-tenant app registration in the partner tenant.",
            example="3d2b9c50-6f0e-4a57-8d43-0f6e9a1b2c3d",
        ),
        Field(
            "client_secret",
            f"Client secret of the app registration that reads {product}; its value, not its id.",
            kind="secret",
            variable=f"{prefix}_CLIENT_SECRET",
        ),
        Field(
            "refresh_token",
            f"Refresh token for {product}, from the consent of a partner user with MFA; it lasts"
            " 90 days.",
            kind="secret",
            variable=f"{prefix}_REFRESH_TOKEN",
        ),
        Field(
            "login_url",
            "Where tokens are issued; the tenant id and /oauth2/v2.0/token follow it.",
            kind="url",
            default="https://login.microsoftonline.com",
            example="https://login.microsoftonline.com",
        ),
    )


def is_tenant(text: str) -> bool:
    """Tell whether a text can be a tenant's id (a GUID or a domain), fit to stand in an address."""
    return _TENANT.fullmatch(text) is not None


def partner_tenant(account: Account) -> str:
    """Return the partner's own tenant; `settings` error for what can't be one."""
    tenant = account.text("partner_tenant").strip().lower()
    if _GUID.fullmatch(tenant) is None:
        raise unfit(account, "partner_tenant", "Copy the directory (tenant) id: 8-4-4-4-12 digits.")
    return tenant


def token_for(account: Account, tenant: str, scope: str) -> TokenAuth:
    """Return the login to one tenant for one API; no call is made.

    Raises:
        PipelineError: `settings`, for a login_url that is no address.
    """
    return ClientCredentials(
        f"{account.text('login_url')}/{tenant}/oauth2/v2.0/token",
        {
            "client_id": account.text("client_id"),
            "client_secret": account.secret("client_secret"),
            "grant_type": "refresh_token",
            "refresh_token": account.secret("refresh_token"),
            "scope": scope,
        },
        "form",
    )


def login_says(data: Any) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Entra's own words for a refused token, which begin with its error number."""
    return first_text(at(data, "error_description"))


def explained(account: Account, error: Exception) -> Exception:
    """Say in plain words why the login was refused; other errors come back as they are."""
    if not isinstance(error, PipelineError) or error.category is not Category.CREDENTIALS:
        return error
    found = _CODE.search(error.message)
    return advised(error, account, _WHY.get(found.group(1) if found else "", _WHATEVER))
