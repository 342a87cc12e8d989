"""Huntress: organizations with all their counts, read only; on demand the agents behind them.

Every count stands on the organization itself: one list tells all, and there is never a call per
customer. What the counts are of is decided in SQL, where older names of a count are known, too.
"""

from datetime import date
from typing import Any

from reconcile_pipeline.http import CursorInBody, NextUrlInBody, Paginator, Reply, Request
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Record, Stream, System
from reconcile_pipeline.systems.reading import at, count_at, list_under, whole_number
from reconcile_pipeline.systems.vendors.huntress_account import (
    FIELDS,
    LARGEST_PAGE,
    diagnose,
    make_client,
)

COUNTS = (
    "agents_count",
    "billable_identity_count",
    "microsoft_365_users_count",
    "logs_sources_count",
    "sat_learner_count",
)
"""The counts of an organization that are read; the third is the second's older name."""
_BY_ID = {"sort_field": "id", "sort_direction": "asc"}
"""The default order puts new organizations first, in front of what was read already."""


class TokenOrPage:
    """Goes on by the page token, or as older answers do: by the next URL or the next number.

    Ends where a page names none of them. What a page says is taken by what it holds: nobody
    announces which of the ways an account is given.
    """

    is_by_place = True

    def __init__(self, size: int) -> None:
        """`size` is asked for on every page: without it, Huntress falls back to ten records."""
        self._ways: tuple[Paginator, ...] = (
            CursorInBody(
                lambda data: at(data, "pagination.next_page_token"),
                param="page_token",
                size=size,
                size_param="limit",
            ),
            CursorInBody(lambda data: at(data, "pagination.next_page"), param="page"),
            NextUrlInBody(lambda data: at(data, "pagination.next_page_url")),
        )

    def first(self, request: Request) -> Request:
        """Ask without a token."""
        return self._ways[0].first(request)

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:
        """Go on by the first way that the page names."""
        for way in self._ways:
            following = way.next(request, reply, count)
            if following is not None:
                return following
        return None

    def expected_pages(self, reply: Reply) -> int | None:  # noqa: ARG002
        """Say nothing: tokens announce no total."""
        return None


def announced(data: object) -> int | None:
    """Return how many records the list has, which only older answers tell."""
    return count_at(data, "pagination.total_count")


def organizations(data: object) -> list[Record]:
    """Return a page's organizations; `shape` if one has a count that is no whole number."""
    rows = _page(data, "organizations")
    for row in rows:
        for name in COUNTS:
            if row.get(name) is not None and count_at(row, name) is None:
                raise _no_count(row, name)
    return rows


def agents(data: object) -> list[Record]:
    """Return a page's agents; or `shape`."""
    return _page(data, "agents")


def _page(data: object, name: str) -> list[Record]:
    """Refuse a page that would pass as the last one because it does not say how to go on."""
    rows = list_under(name)(data)
    if not isinstance(at(data, "pagination"), dict):
        raise PipelineError(
            f"Huntress sent a page of {name} that does not say whether another one follows.",
            next_step="Nothing of this pull is used, as it can't be proven whole. Run it again; if"
            " it stays, Huntress's format has changed: report it to this project.",
            category=Category.SHAPE,
        )
    return rows


def _no_count(row: Record, name: str) -> PipelineError:
    return PipelineError(
        f"Huntress sent an organization (id {row.get('id')}) whose {name} is no whole number.",
        next_step="Nothing of this pull is used. Run it again; if it stays, Huntress's format has"
        " changed: report it to this project.",
        category=Category.SHAPE,
    )


def streams(account: Account, _on: date) -> list[Stream]:
    """Declare the organizations, and the agents where asked for: never a call per customer."""
    size = whole_number(account, "page_size", 1, LARGEST_PAGE)

    def listed(name: str, **more: Any) -> Stream:  # noqa: ANN401 - fields of a stream
        return Stream(
            name=name,
            request=Request(f"/v1/{name}", params=_BY_ID),
            paginator=lambda: TokenOrPage(size),
            announced=announced,
            **more,
        )

    declared = [
        listed(
            "organizations",
            records=organizations,
            required=("name",),
            numbers=("agents_count",),
            account="id",
            may_be_empty=False,
            empty_hint="Make the API keys in the Huntress account that holds your customers.",
        )
    ]
    if account.flag("read_agents"):
        declared.append(
            listed(
                "agents",
                records=agents,
                required=("organization_id",),
                account="organization_id",
            )
        )
    return declared


HUNTRESS = System(
    kind="huntress",
    title="Huntress",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Counts agents, billable identities, log sources and learners of each"
        " organization.",
        "entities": "Lists the agents behind the counts where read_agents is switched on.",
        "history": "Tells the counts of this moment only; past months can't be pulled.",
        "commitment": "Does not spread an account's minimum commitment over its organizations.",
        "unverified": "How long to wait after too many calls is not documented: a whole window is"
        " waited.",
        "write_back": "Nothing is ever written to Huntress.",
    },
)
