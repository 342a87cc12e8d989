"""Liongard: counts that it derives itself, metric by metric, read only.

An environment is a customer, a metric is a service, and its value on a system is a count. Every
call is first answered with a redirect on the same host (Liongard: v1 introduction). Which metrics
and systems are asked is said in `liongard_metrics`, what a value counts as in SQL. Dataprints are
never read: they can hold secrets.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from reconcile_pipeline.http import ApiClient, ApiError, HeaderAuth, Limits, Request, SinglePage
from reconcile_pipeline.model import Category, Role
from reconcile_pipeline.systems.base import Account, Child, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import (
    advised,
    at,
    bare_list,
    first_text,
    unfit,
    whole_number,
)
from reconcile_pipeline.systems.vendors.liongard_lists import (
    IfPaged,
    announced,
    rows,
    rows_or_one,
    values,
)
from reconcile_pipeline.systems.vendors.liongard_metrics import (
    Earlier,
    asked_systems,
    counted_metrics,
    lacks_parents,
    value_requests,
)

WITHHELD = ("Config", "SecureConfig", "Description")
"""Texts in which people and inspectors keep passwords; nothing is counted from them."""
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FEWEST_CALLS, MOST_CALLS = 10, 400
"""A minute. 400 are the documented 2,000 within five minutes."""

FIELDS = (
    Field(
        "base_url",
        "Address of your Liongard: the instance you log in to, then .app.liongard.com/api/v1.",
        kind="url",
        example="https://us1.app.liongard.com/api/v1",
    ),
    Field(
        "access_key_id",
        "Liongard access key id: Settings > Access Keys > Create Access Key, for a user with access"
        " to all environments.",
        kind="secret",
        variable="LIONGARD_ACCESS_KEY_ID",
    ),
    Field(
        "access_key_secret",
        "Liongard access key secret; copy it when the key is made.",
        kind="secret",
        variable="LIONGARD_ACCESS_KEY_SECRET",
    ),
    Field(
        "metric_prefix",
        "Metrics whose name begins like this, and that are displayed, are counted.",
        default="Gradient",
        example="Gradient",
    ),
    Field(
        "uuids",
        "UUIDs of metrics that count whatever they are called; if one is gone, the pull fails"
        " instead of counting zero.",
        kind="list",
        default=(),
        example="[]",
    ),
    Field(
        "requests_per_minute",
        "Calls a minute that are never exceeded, redirects included: 10 to 400.",
        kind="number",
        default=300,
        example="300",
    ),
)


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Liongard's own words for a refusal."""
    return first_text(at(data, "message"), at(data, "error"), at(data, "Message"))


def stands_for(data: object) -> int:
    """Tell the status that an answer stands for: some refusals come with 200."""
    return 400 if at(data, "Success") is False else 200


def make_client(account: Account) -> ApiClient:
    """Build the client; the key is looked up here, no call is made."""
    key_id, secret = account.secret("access_key_id"), account.secret("access_key_secret")
    key = base64.b64encode(f"{key_id}:{secret}".encode()).decode()
    per_minute = whole_number(account, "requests_per_minute", FEWEST_CALLS, MOST_CALLS)
    return ApiClient(
        system=account.name,
        base_url=account.text("base_url"),
        auth=HeaderAuth({"X-ROAR-API-KEY": key}),
        # Its own documents disagree on the limit, so not all of a minute's calls go at once.
        limits=Limits(per_window=per_minute, burst=per_minute // 10),
        secrets=(key_id, secret, key),
        explain=explain,
        stands_for=stands_for,
        follows_moves=True,
    )


def counting_rules(account: Account) -> Record:
    """Return the rules that choose metrics, as they are landed with each pull.

    Shape: `{id, metric_prefix: text, uuids: [text]}`.
    """
    uuids = sorted({uuid.lower() for uuid in account.items("uuids")})
    if not all(UUID.fullmatch(uuid) for uuid in uuids):
        raise unfit(account, "uuids", "Write UUIDs as Liongard shows them, like 0b7e2f10-5a44-….")
    prefix = account.text("metric_prefix")
    return {"id": "counting_rules", "metric_prefix": prefix, "uuids": uuids}


def fields_of(path: str, *names: str) -> Request:
    """Ask for some fields only; the parameter repeats its name, so it stands in the path."""
    query = "&".join(f"fields[]={name}" for name in names)
    return Request(f"{path}?{query}")


def streams(account: Account, _on: date) -> list[Stream]:
    """Declare the lists, the choices made from them, and the values; ten systems a call."""
    rules = counting_rules(account)

    def chosen_metrics(earlier: Earlier) -> list[Record]:
        return counted_metrics(earlier, rules["metric_prefix"], rules["uuids"])

    return [
        Stream(
            name="counting_rules",
            paginator=SinglePage,
            records=bare_list,
            plan=lambda _earlier: [rules],
        ),
        *_lists(),
        Stream(
            name="counted_metrics",
            paginator=SinglePage,
            records=bare_list,
            plan=chosen_metrics,
            is_needed_later=True,
            may_be_empty=False,
            empty_hint="Make metrics in Liongard whose names begin as metric_prefix says, with"
            " Metric Display switched on; or write the UUIDs of yours in uuids.",
        ),
        Stream(
            name="asked_systems",
            paginator=SinglePage,
            records=bare_list,
            plan=asked_systems,
            is_needed_later=True,
            # A choice from the list of systems, which is guarded.
            is_guarded=False,
        ),
        Stream(
            name="metric_values",
            paginator=SinglePage,
            records=values,
            children=value_requests,
            required=("Metric",),
            # A value that is missing is unknown, never zero; the systems are guarded.
            is_guarded=False,
        ),
    ]


def _lists() -> list[Stream]:
    return [
        _list(
            "environments",
            fields_of("/environments", "ID", "Name", "Status", "Visible", "Tier"),
            required=("Name", "Status"),
            empty_hint="Give the user of the access key global access to all environments.",
        ),
        # Without a condition: one that is hidden or has a new name must be told, not just missing.
        replace(
            _list(
                "metrics",
                Request("/metrics"),
                required=("Name", "UUIDS", "Inspector.ID", "MetricDisplay"),
                empty_hint="Let the user of the access key see metrics.",
            ),
            records=rows_or_one,
        ),
        _list(
            "systems",
            fields_of(
                "/systems",
                *("ID", "Name", "Environment", "Inspector", "Launchpoint", "Status", "Visible"),
            ),
            required=("Environment.ID",),
            account="Environment.ID",
            empty_hint="Give the user of the access key global access to all environments.",
        ),
        Stream(
            name="launchpoints",
            paginator=IfPaged,
            records=rows,
            key="ID",
            announced=announced,
            children=_launchpoints,
            is_needed_later=True,
            withheld=WITHHELD,
        ),
    ]


def _list(
    name: str,
    request: Request,
    required: tuple[str, ...],
    *,
    account: str | None = None,
    empty_hint: str,
) -> Stream:
    return Stream(
        name=name,
        request=request,
        paginator=IfPaged,
        records=rows,
        key="ID",
        required=required,
        announced=announced,
        account=account,
        withheld=WITHHELD,
        is_needed_later=True,
        may_be_empty=False,
        empty_hint=empty_hint,
    )


def _launchpoints(earlier: Mapping[str, Sequence[Record]]) -> list[Child]:
    """Ask for them only where the systems don't tell whose child each is."""
    if not lacks_parents(earlier):
        return []
    return [Child("all", fields_of("/launchpoints", "ID", "ParentID"))]


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a refusal usually is: another instance, or a key that sees too little."""
    if not isinstance(error, ApiError):
        return error
    advice = {
        Category.CREDENTIALS: "Check that base_url names the instance you log in to (us1, ca1, …),"
        " then the access key's id and secret.",
        Category.PERMISSION: "Give the user of the access key global access to all environments;"
        " it has to see environments, metrics, systems, launchpoints and metric values.",
    }
    if error.category not in advice:
        return error
    return advised(error, account, advice[error.category])


LIONGARD = System(
    kind="liongard",
    title="Liongard",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Reads the value of each chosen metric on each system and adds them up by"
        " environment; what is no number is unknown, never zero.",
        "entities": "Lists the system behind every value, and when it was last inspected.",
        "history": "Tells the values of the latest successful inspection only.",
        "unverified": "Whether systems tell the parents of their launchpoints (asked separately"
        " where they don't), and what statuses other than 1 mean.",
        "write_back": "Nothing is ever written to Liongard.",
    },
)
