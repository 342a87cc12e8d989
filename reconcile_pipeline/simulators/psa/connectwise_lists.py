"""The PSA's lists: which records a query selects, which page of them, and which fields.

Two ways of paging: numbered pages with a Link header, and forward-only pages after an id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from reconcile_pipeline.simulators.psa.connectwise_conditions import compile_conditions, resolve
from reconcile_pipeline.simulators.server import Query, Refusal, number


@dataclass(frozen=True, slots=True)
class Resource:
    """One list: its world objects, how one is written, and every path that may be asked for."""

    items: Callable[[str | None], list[Any]]
    write: Callable[[Any], dict[str, Any]]
    fields: frozenset[str]


def forward_page(query: Query, items: list[Any], size: int) -> tuple[list[Any], str | None]:
    """A page after `pageId`, by id; the Link header is there and empty at the end of the list."""
    after = number(query, "pageid", 0)
    ordered = sorted(items, key=record_id_of)
    start = _first_above(ordered, after)
    page = ordered[start : start + size]
    if start + size >= len(ordered):
        return page, ""
    return page, _link(
        query, "next", {"pageSize": str(size), "pageId": str(record_id_of(page[-1]))}
    )


def numbered_page(query: Query, items: list[Any], size: int) -> tuple[list[Any], str | None]:
    """A numbered page; `page` stands last in each link, where some clients look for it."""
    page = number(query, "page", 1, least=1)
    last = max(1, -(-len(items) // size))
    targets = {}
    if page < last:
        targets = {"next": page + 1, "last": last}
    if page > 1:
        targets |= {"first": 1, "prev": page - 1}
    links = [
        _link(query, relation, {"pageSize": str(size), "page": str(target)})
        for relation, target in targets.items()
    ]
    return items[(page - 1) * size : page * size], ", ".join(links) or None


def _link(query: Query, relation: str, changed: dict[str, str]) -> str:
    paging = {"page", "pagesize", "pageid"}
    kept = {key: value for key, value in query.params.items() if key not in paging}
    url = f"{query.base_url}{query.path}?{urlencode({**kept, **changed})}"
    return f'<{url}>; rel="{relation}"'


def _first_above(items: list[Any], after: int) -> int:
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if record_id_of(items[middle]) <= after:
            low = middle + 1
        else:
            high = middle
    return low


def filtered(
    resource: Resource, items: list[Any], conditions: str, children: str, order_by: str
) -> list[Any]:
    """The objects that both conditions select, in the order asked for; 400 for bad grammar."""
    tests = [compile_conditions(text, resource.fields) for text in (conditions, children) if text]
    found = [item for item in items if all(test(resource.write(item)) for test in tests)]
    for part in reversed([part.split() for part in order_by.split(",") if part.strip()]):
        if part[0] not in resource.fields:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"Cannot order by {part[0]}.", fields="orderBy")
        is_descending = part[-1].lower() == "desc"
        found.sort(key=_sort_key(resource, part[0]), reverse=is_descending)
    return found


def _sort_key(resource: Resource, path: str) -> Callable[[Any], tuple[bool, Any]]:
    def key(item: Any) -> tuple[bool, Any]:  # noqa: ANN401
        value = resolve(resource.write(item), path)[0]
        return (value is not None, value.lower() if isinstance(value, str) else value)

    return key


def project(record: dict[str, Any], fields: str) -> dict[str, Any]:
    """Only the fields asked for, `company/id` style; everything when none is named."""
    if not fields:
        return record
    kept: dict[str, Any] = {}
    for path in (part.strip() for part in fields.split(",")):
        head, _, tail = path.partition("/")
        if head not in record:
            continue
        value = record[head]
        if not tail or value is None:
            kept[head] = value
        elif isinstance(value, list):
            kept[head] = [project(member, tail) for member in value]
        else:
            kept[head] = {**kept.get(head, {}), **project(value, tail)}
    return kept


def table(rows: list[dict[str, Any]]) -> Resource:
    """A small list whose rows are JSON already."""
    return Resource(lambda _parent: rows, dict, slash_paths(*rows))


def resource_of(items: Callable[[], list[Any]], write: Callable[[Any], dict[str, Any]]) -> Resource:
    """A list of world objects; what may be asked for is read off the first fifty."""
    sample = [write(item) for item in items()[:50]]
    return Resource(lambda _parent: items(), write, slash_paths(*sample))


def slash_paths(*records: dict[str, Any]) -> frozenset[str]:
    """Every slash path of the records; a reference always has an id and a name."""
    paths: set[str] = set()
    for record in records:
        for key, value in record.items():
            paths.add(key)
            members = value if isinstance(value, list) else [value]
            for member in members:
                if isinstance(member, dict):
                    paths.update(f"{key}/{inner}" for inner in member)
                elif member is None:
                    paths.update((f"{key}/id", f"{key}/name"))
    return frozenset(paths)


def record_id_of(item: Any) -> int:  # noqa: ANN401 JSON rows too
    """The id of a world object or of a row of a table."""
    value: int = item["id"] if isinstance(item, dict) else item.id
    return value
