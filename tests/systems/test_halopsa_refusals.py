"""HaloPSA refusals in plain words: wrong application, scope, permission, address."""

import asyncio
from typing import Any

import pytest

from reconcile_pipeline.http import ApiError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.psa import halopsa_refusals as refusals


def refusal(status: int, path: str, category: Category, more: str = "") -> ApiError:
    return ApiError(
        f"halo: GET {path} answered {status}.{more}",
        next_step="original",
        category=category,
        status=status,
    )


def diagnosed(make_account: Any, error: Exception) -> Any:
    account = make_account("halopsa")
    return asyncio.run(refusals.diagnose(None, account, error))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("says", "words"),
    [("invalid_scope", "out of 'scope'"), ("invalid_client", "Client ID and Secret")],
)
def test_a_refused_token_tells_scope_from_secret(make_account: Any, says: str, words: str) -> None:
    """Asking for too much is cured in the settings, a wrong secret in the application."""
    error = diagnosed(make_account, refusal(400, "/auth/token", Category.CREDENTIALS, says))
    assert error.category is Category.CREDENTIALS
    assert words in error.next_step


@pytest.mark.parametrize("stream", sorted(refusals.PERMISSIONS))
@pytest.mark.parametrize("status", [401, 403])
def test_a_list_that_is_refused_is_a_missing_permission(
    make_account: Any, stream: str, status: int
) -> None:
    """401 too: by then a new token has been refused as well."""
    given = refusal(status, refusals.PATHS[stream], Category.CREDENTIALS)
    error = diagnosed(make_account, given)
    assert error.category is Category.PERMISSION
    assert refusals.PERMISSIONS[stream] in error.next_step


def test_an_address_without_an_api_is_a_setting(make_account: Any) -> None:
    """404 on a list means that resource_url is not the resource server."""
    error = diagnosed(make_account, refusal(404, "/Client", Category.SHAPE))
    assert error.category is Category.SETTINGS
    assert "resource_url" in error.next_step


@pytest.mark.parametrize(
    "error",
    [
        refusal(500, "/Client", Category.UNREACHABLE),
        PipelineError("x", next_step="", category=Category.SHAPE),
        KeyError("x"),
    ],
)
def test_other_errors_pass_unchanged(make_account: Any, error: Exception) -> None:
    """What the diagnosis does not understand it does not touch."""
    assert diagnosed(make_account, error) is error


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"ClassName": "System.Exception", "Message": "No."}, "No."),
        ({"resultCode": 429, "errorMessage": "Rate Limit Reached"}, "Rate Limit Reached"),
        ({"errors": ["a", "b"]}, "a b"),
        ({"error": "invalid_scope"}, "invalid_scope"),
        ([{"id": -1, "_warning": "Tax is missing"}], "Tax is missing"),
        ({"errors": []}, None),
        (None, None),
    ],
)
def test_halos_own_words_are_found(body: Any, words: str | None) -> None:
    """In each of the shapes that it refuses in."""
    assert refusals.explain(400, body, "") == words


@pytest.mark.parametrize(
    ("saved", "is_success"),
    [
        ({"id": -240, "_warning": ""}, True),
        ([{"id": -240}], True),
        (None, True),
        ({"id": -240, "_warning": "Only partly saved"}, False),
        ([{"id": -240}, {"id": -241, "_warning": "Only partly saved"}], False),
    ],
)
def test_a_warning_is_no_success(saved: Any, *, is_success: bool) -> None:
    """Saved with a warning counts as a server's failure: look before touching it again."""
    assert refusals.stands_for(saved) == (200 if is_success else refusals.PARTLY_APPLIED)
