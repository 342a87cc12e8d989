"""Autotask refusals in plain words: keys, permissions, threads; a no told apart from a failure."""

import asyncio
from datetime import date
from typing import Any

import pytest

from reconcile_pipeline.http import ApiError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.psa import autotask_refusals as refusals
from reconcile_pipeline.systems.psa.autotask import AUTOTASK

THREADS = "Itgenatr005: the thread threshold of 3 was exceeded"


def refusal(status: int | None, path: str = "/Companies/query", says: str = "") -> ApiError:
    return ApiError(
        f"at: GET {path} answered {status}. {says}",
        next_step="original",
        category=Category.UNREACHABLE,
        system="at",
        status=status,
    )


def diagnosed(make_account: Any, error: Exception) -> Any:
    account = make_account("autotask")
    return asyncio.run(refusals.diagnose(None, account, error))  # type: ignore[arg-type]


def test_wrong_keys_say_where_to_get_new_ones(make_account: Any) -> None:
    """A 401 is about the keys: the zone has just been told for this very user."""
    error = diagnosed(make_account, refusal(401))
    assert error.category is Category.CREDENTIALS
    assert "our_autotask" in error.message
    assert "tracking identifier" in error.next_step


@pytest.mark.parametrize("stream", sorted(refusals.PERMISSIONS))
def test_a_missing_permission_is_named_per_list(make_account: Any, stream: str) -> None:
    """A 403 leads to the one line of the security level that is missing."""
    error = diagnosed(make_account, refusal(403, refusals.PATHS[stream]))
    assert refusals.PERMISSIONS[stream] in error.next_step
    assert f"read {stream.replace('_', ' ')}." in error.message
    assert error.category is Category.PERMISSION


def test_every_fetched_list_has_its_path_and_permission(make_account: Any) -> None:
    """No list is added without saying which permission it needs."""
    streams = AUTOTASK.streams(make_account("autotask"), date(2026, 11, 22))
    fetched = {stream.name for stream in streams if stream.request is not None}
    assert set(refusals.PERMISSIONS) == set(refusals.PATHS) == fetched


def test_too_many_threads_are_a_rate_limit(make_account: Any) -> None:
    """Autotask says so with a server error, so the words decide."""
    error = diagnosed(make_account, refusal(500, says=THREADS))
    assert error.category is Category.RATE_LIMIT
    assert "tracking identifier of its own" in error.next_step


@pytest.mark.parametrize(
    "error",
    [
        refusal(500, says="Something else"),
        refusal(None),
        refusal(404),
        PipelineError("x", next_step="", category=Category.SHAPE),
        KeyError("x"),
    ],
)
def test_other_errors_pass_unchanged(make_account: Any, error: Exception) -> None:
    """What the diagnosis does not understand it does not touch."""
    assert diagnosed(make_account, error) is error
    assert AUTOTASK.diagnose is refusals.diagnose


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, {"errors": ["First.", "Second."]}, "First. Second."),
        (500, {"errors": []}, None),
        (500, {"errors": [{"a": 1}]}, None),
        (500, {"Message": "An error has occurred."}, None),
        (405, {"Message": "No 'PUT' here."}, "No 'PUT' here."),
        (500, None, None),
        (500, [1], None),
        (401, {"errors": ["x" * 900]}, "x" * 200),
    ],
)
def test_the_vendors_own_words_are_found(status: int, body: Any, words: str | None) -> None:
    """The texts in `errors` are shown; a server error's framework message is not its words."""
    assert refusals.explain(status, body, "") == words


@pytest.mark.parametrize(
    ("status", "says", "expected"),
    [
        (500, "Attempt to insert duplicate data into contract_service_period", True),
        (500, "effectiveDate must be within the contract", True),
        (500, "", False),
        (500, THREADS, False),
        (500, "Thread Threshold exceeded", False),
        (500, "Execution Timeout Expired.", False),
        (500, "Transaction was deadlocked", False),
        (500, "Internal Server Error", False),
        (502, "effectiveDate must be within the contract", False),
        (503, "no", False),
    ],
)
def test_only_a_business_rule_is_a_refusal(status: int, says: str, *, expected: bool) -> None:
    """A failure may have applied the change: only a clear no proves that it did not."""
    assert refusals.is_refusal(status, says) is expected
