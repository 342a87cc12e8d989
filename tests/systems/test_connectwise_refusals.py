"""ConnectWise refusals in plain words: unknown company, wrong keys, moved API, missing role."""

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import pytest

from reconcile_pipeline.http import ApiError, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.psa import connectwise_refusals as refusals
from reconcile_pipeline.systems.psa.connectwise import CONNECTWISE
from reconcile_pipeline.systems.registry import SYSTEMS


@dataclass
class Answer:
    data: Any


class Site:
    """Stands for the client that asks for the company info."""

    answer: Any = None
    asked: list[str]

    def __init__(self, **settings: Any) -> None:
        assert "auth" not in settings
        self.base_url = settings["base_url"]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        return None

    async def get(self, request: Request) -> Answer:
        Site.asked.append(f"{self.base_url}{request.path}")
        if isinstance(Site.answer, Exception):
            raise Site.answer
        return Answer(Site.answer)


@pytest.fixture(autouse=True)
def site(monkeypatch: pytest.MonkeyPatch) -> None:
    Site.asked = []
    Site.answer = None
    monkeypatch.setattr(refusals, "ApiClient", Site)


def refusal(status: int | None, path: str = "/company/companies") -> ApiError:
    return ApiError(
        f"cw: GET {path} answered {status}.",
        next_step="original",
        category=Category.SHAPE,
        system="cw",
        status=status,
    )


def diagnosed(make_account: Any, error: Exception, **settings: Any) -> Any:
    account = make_account("connectwise", company_id="ac me", **settings)
    return asyncio.run(refusals.diagnose(None, account, error))  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [401, 404])
def test_an_unknown_company_is_told_apart_from_wrong_keys(make_account: Any, status: int) -> None:
    """The site's `null` means that company_id is wrong, whatever the refusal was."""
    error = diagnosed(make_account, refusal(status))
    assert "does not know the company id 'ac me'" in error.message
    assert "company_id" in error.next_step
    assert error.category is Category.CREDENTIALS
    assert Site.asked == ["https://api-na.myconnectwise.net/login/companyinfo/ac%20me"]


def test_wrong_keys_are_named_when_the_company_is_known(make_account: Any) -> None:
    """Then the keys are to be renewed, not the company id."""
    Site.answer = {"Codebase": "v2025_1/"}
    error = diagnosed(make_account, refusal(401))
    assert "refuses the keys" in error.message
    assert "API Keys" in error.next_step
    assert error.category is Category.CREDENTIALS


def test_a_moved_api_says_what_to_set(make_account: Any) -> None:
    """After an upgrade the new codebase is told, ready to paste."""
    Site.answer = {"Codebase": "v2025_1/"}
    error = diagnosed(make_account, refusal(404))
    assert error.next_step == 'Set codebase = "v2025_1/" in [systems.our_connectwise].'
    assert error.category is Category.SETTINGS


@pytest.mark.parametrize(
    "answer",
    [
        {"Codebase": "/v4_6_release"},
        {"Codebase": 'x" y'},
        {"Codebase": None},
        {},
        [],
        PipelineError("no answer", next_step="", category=Category.UNREACHABLE),
    ],
)
def test_the_first_error_stands_when_the_site_tells_nothing_new(
    make_account: Any, answer: Any
) -> None:
    """The same codebase, nonsense or no answer never hides what went wrong first."""
    Site.answer = answer
    error = refusal(404)
    assert diagnosed(make_account, error) is error


@pytest.mark.parametrize("stream", sorted(refusals.PERMISSIONS))
def test_a_missing_permission_is_named_per_list(make_account: Any, stream: str) -> None:
    """A 403 leads to the one line of the security role that is missing, without a call."""
    path = next(path for path, name in refusals._STREAM_OF_PATH.items() if name == stream)
    error = diagnosed(make_account, refusal(403, path))
    assert refusals.PERMISSIONS[stream] in error.next_step
    assert stream.replace("_", " ") in error.message
    assert error.category is Category.PERMISSION
    assert not Site.asked


def test_every_fetched_list_has_its_permission(make_account: Any) -> None:
    """No list is added without saying which permission it needs."""
    streams = SYSTEMS["connectwise"].streams(make_account("connectwise"), date(2026, 11, 22))
    for stream in streams:
        if stream.request is not None:
            assert refusals._STREAM_OF_PATH[stream.request.path] == stream.name
        elif stream.children is not None:
            assert stream.name in refusals.PERMISSIONS


@pytest.mark.fault(19)
def test_an_agreement_deleted_meanwhile_asks_for_another_pull(make_account: Any) -> None:
    """A 404 below an agreement is not a moved API."""
    error = diagnosed(make_account, refusal(404, "/finance/agreements/{id}/additions"))
    assert "deleted" in error.message
    assert error.category is Category.INCOMPLETE
    assert not Site.asked


@pytest.mark.parametrize(
    "error",
    [
        refusal(500),
        refusal(None),
        PipelineError("x", next_step="", category=Category.SHAPE),
        KeyError("x"),
    ],
)
def test_other_errors_pass_unchanged(make_account: Any, error: Exception) -> None:
    """What the diagnosis does not understand it does not touch."""
    assert diagnosed(make_account, error) is error
    assert CONNECTWISE.diagnose is refusals.diagnose


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"code": "Unauthorized", "message": "Bad key"}, "Bad key"),
        (
            {"message": "addition object is invalid", "errors": [{"message": "field required"}]},
            "addition object is invalid field required",
        ),
        ({"message": "a b", "errors": [{"message": "a b"}]}, "a b"),
        ({"code": "ConnectWiseApi"}, "ConnectWiseApi"),
        ({"errors": []}, None),
        (None, None),
        ([1], None),
        ({"message": "x" * 900}, "x" * 200),
    ],
)
def test_the_vendors_own_words_are_found(body: Any, words: str | None) -> None:
    """A refusal's message and first detail are shown, short, in whatever form they come."""
    assert refusals.explain(400, body, "") == words
