"""Microsoft's login: one refresh token, a token for each tenant, and refusals in plain words."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors import microsoft_login as login

KIND = "microsoft_partner_center"


def test_the_token_call_is_the_refresh_token_grant_of_one_tenant(make_account: Any) -> None:
    """Form, grant, scope and tenant stand where Entra reads them, and nothing in the address."""
    auth = login.token_for(make_account(KIND), "acme.onmicrosoft.com", "https://x/.default")
    request = auth._token_request()
    host = "https://login.microsoftonline.com"
    assert str(request.url) == f"{host}/acme.onmicrosoft.com/oauth2/v2.0/token"
    form = {name: value for name, [value] in parse_qs(request.content.decode()).items()}
    assert form == {
        "client_id": "3d2b9c50-6f0e-4a57-8d43-0f6e9a1b2c3d",
        "client_secret": "secret-client_secret",
        "grant_type": "refresh_token",
        "refresh_token": "secret-refresh_token",
        "scope": "https://x/.default",
    }
    assert auth.secrets == {"secret-client_secret", "secret-refresh_token"}


@pytest.mark.parametrize("tenant", ["", "a/b", "acme?x", "..", "https://evil.example"])
def test_a_tenant_that_is_no_id_is_a_mistake_in_the_settings(
    make_account: Any, tenant: str
) -> None:
    """It becomes a part of the address where the secrets go."""
    with pytest.raises(PipelineError, match="partner_tenant") as caught:
        login.partner_tenant(make_account(KIND, partner_tenant=tenant))
    assert caught.value.category is Category.SETTINGS


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("AADSTS700082: The refresh token has expired due to inactivity.", "lasts 90 days"),
        ("AADSTS70008: expired", "lasts 90 days"),
        ("AADSTS50173: The provided grant has expired", "password was changed"),
        ("AADSTS50076: you must use multi-factor authentication", "second factor"),
        ("AADSTS65001: has not consented", "Consent"),
        ("AADSTS7000215: Invalid client secret provided.", "not its id"),
        ("AADSTS7000222: expired keys", "has expired: make a new one"),
        ("AADSTS700016: not found in the directory", "does not know client_id"),
        ("AADSTS90002: Tenant not found", "directory id"),
        ("AADSTS987654: something new", "Sign in once more"),
        ("no number at all", "Sign in once more"),
    ],
)
def test_a_refused_login_says_what_to_do(make_account: Any, says: str, words: str) -> None:
    """An expired token, a new password, MFA and a wrong secret have each their own way out."""
    refused = PipelineError(f"no token: {says}", next_step="x", category=Category.CREDENTIALS)
    error = login.explained(make_account(KIND), refused)
    assert isinstance(error, PipelineError)
    assert words in error.next_step
    assert error.next_step.endswith(".")
    assert error.message == refused.message
    assert error.category is Category.CREDENTIALS


def test_other_errors_stay_what_they_are(make_account: Any) -> None:
    """A slow vendor is no wrong password."""
    slow = PipelineError("slow", next_step="x", category=Category.RATE_LIMIT)
    assert login.explained(make_account(KIND), slow) is slow
