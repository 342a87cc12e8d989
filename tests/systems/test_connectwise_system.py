"""ConnectWise's declaration: address, headers, lists, and one call per agreement in scope."""

from datetime import date
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ForwardOnlyLink, LinkHeader
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.psa.connectwise import CONNECTWISE, addition_lists, agreement_scope
from reconcile_pipeline.systems.psa.connectwise_account import api_base, make_client

ON = date(2026, 11, 22)


def test_the_address_is_site_codebase_and_version(make_account: Any) -> None:
    """Slashes around the codebase make no difference."""
    assert (
        api_base(make_account("connectwise"))
        == "https://api-na.myconnectwise.net/v4_6_release/apis/3.0"
    )
    moved = make_account("connectwise", codebase="/v2025_1")
    assert api_base(moved).endswith(".net/v2025_1/apis/3.0")


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "https://psa.example.com/v4_6_release/apis/3.0"},
        {"base_url": "https://na.myconnectwise.net"},
        {"codebase": "../x"},
        {"codebase": "v1?a=b"},
        {"api_version": "newest"},
    ],
)
def test_addresses_that_can_not_work_are_refused_before_a_call(
    make_account: Any, settings: dict[str, str]
) -> None:
    """Login sites, whole API paths and odd codebases are settings errors naming the key."""
    with pytest.raises(PipelineError, match=next(iter(settings))) as caught:
        make_client(make_account("connectwise", **settings))
    assert caught.value.category is Category.SETTINGS


def test_every_call_carries_key_pair_client_id_and_version(make_account: Any) -> None:
    """The headers that ConnectWise asks for are on each request."""
    client = make_client(make_account("connectwise", company_id="acme"))
    assert client._headers["clientId"] == "secret-client_id"
    assert client._headers["Accept"] == "application/vnd.connectwise.com+json; version=2022.1"
    expected = httpx.BasicAuth("acme+secret-public_key", "secret-private_key")
    assert isinstance(client._auth, httpx.BasicAuth)
    assert client._auth._auth_header == expected._auth_header
    assert "acme+secret-public_key:secret-private_key" in client._secrets


def test_lists_come_in_the_order_later_ones_need(make_account: Any) -> None:
    """Additions are asked for last, when scope is known; companies without a condition."""
    streams = CONNECTWISE.streams(make_account("connectwise"), ON)
    names = [stream.name for stream in streams]
    assert names.index("agreement_scope") < names.index("additions")
    for needed in ("billing_cycles", "agreement_types", "agreements", "agreement_scope"):
        stream = streams[names.index(needed)]
        assert stream.is_needed_later
        assert names.index(needed) < names.index("additions")
    for stream in streams:
        if stream.request is not None:
            assert "conditions" not in stream.request.params
            assert not stream.may_be_empty


def test_paging_is_forward_only_unless_set_otherwise(make_account: Any) -> None:
    """A deletion while pages are read can't make the default paging skip a record."""
    plain = CONNECTWISE.streams(make_account("connectwise"), ON)[0]
    assert isinstance(plain.paginator(), ForwardOnlyLink)
    other = CONNECTWISE.streams(make_account("connectwise", paging="navigable"), ON)[0]
    assert isinstance(other.paginator(), LinkHeader)
    with pytest.raises(PipelineError, match="paging"):
        CONNECTWISE.streams(make_account("connectwise", paging="backwards"), ON)


def earlier() -> dict[str, list[dict[str, Any]]]:
    running = {
        "type": {"id": 3},
        "cancelledFlag": False,
        "agreementStatus": "Active",
        "billingCycle": {"id": 2},
    }
    return {
        "billing_cycles": [{"id": 2, "billingOptions": "Monthly"}],
        "agreement_types": [{"id": 3, "name": "Managed Services"}],
        "agreements": [
            running | {"id": 55},
            running | {"id": 56, "cancelledFlag": True},
            running | {"id": 55},
        ],
    }


def test_every_agreement_gets_one_row_of_scope() -> None:
    """In scope or not, each agreement is listed once with its reason; ids are text."""
    assert agreement_scope(earlier(), (), ON) == [
        {"agreement_id": "55", "excluded_reason": None},
        {"agreement_id": "56", "excluded_reason": "cancelled"},
    ]


def test_additions_are_asked_for_agreements_in_scope_only() -> None:
    """One call per agreement in scope, named by a template that shows no id."""
    scope = agreement_scope(earlier(), (), ON)
    children = addition_lists({"agreement_scope": scope})
    assert [child.parent_id for child in children] == ["55"]
    assert children[0].request.path == "/finance/agreements/55/additions"
    assert children[0].request.template == "/finance/agreements/{id}/additions"


def test_an_id_can_not_change_the_path() -> None:
    """An agreement id is one part of the path, whatever signs it holds."""
    rows = [{"agreement_id": "../../x?y", "excluded_reason": None}]
    child = addition_lists({"agreement_scope": rows})[0]
    assert child.request.path == "/finance/agreements/..%2F..%2Fx%3Fy/additions"


def test_the_wanted_types_reach_the_scope(make_account: Any) -> None:
    """The setting decides through the plan that is landed."""
    streams = CONNECTWISE.streams(make_account("connectwise", agreement_types=["Other"]), ON)
    plan = next(stream.plan for stream in streams if stream.plan)
    with pytest.raises(PipelineError, match="'Other'"):
        plan(earlier())
