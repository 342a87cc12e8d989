"""The PSA's query language: filters as JSON, fields to include, and pages by id.

Turns a query into a predicate over records as the API shows them, and refuses what the API would
refuse: no filter, unknown fields and operators, too many alternatives, pages that are too large.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from http import HTTPStatus
from typing import Any

from reconcile_pipeline.simulators.server import Refusal

Record = Mapping[str, Any]
Predicate = Callable[[Record], bool]
LARGEST_PAGE = 500
MOST_ALTERNATIVES = 500
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: bool(left == right),
    "noteq": lambda left, right: bool(left != right),
    "gt": lambda left, right: bool(left > right),
    "gte": lambda left, right: bool(left >= right),
    "lt": lambda left, right: bool(left < right),
    "lte": lambda left, right: bool(left <= right),
    "beginswith": lambda left, right: str(left).startswith(str(right)),
    "endswith": lambda left, right: str(left).endswith(str(right)),
    "contains": lambda left, right: str(right) in str(left),
}


@dataclass(frozen=True, slots=True)
class Search:
    """A query as it was understood."""

    matches: Predicate
    size: int
    fields: tuple[str, ...]
    """Names as the API writes them; empty for all."""
    filter_text: str
    """The filter once more, as text: two queries with the same one select the same rows."""


def refuse(message: str) -> Refusal:
    """Business and validation errors are answered as server errors."""
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, message)


def read_search(text: str | bytes, fields: Mapping[str, str]) -> Search:
    """Understand a query; `fields` are the entity's names and types. Raises Refusal."""
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise refuse("The query is not valid JSON.") from error
    if not isinstance(raw, dict):
        raise refuse("The query must be an object.")
    query = {str(key).lower(): value for key, value in raw.items()}
    if not isinstance(query.get("filter"), list) or not query["filter"]:
        raise refuse("A filter is required.")
    size = query.get("maxrecords", LARGEST_PAGE)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST_PAGE:
        raise refuse(f"MaxRecords must be between 1 and {LARGEST_PAGE}.")
    reader = _FilterReader(fields)
    matches = reader.group(query["filter"], all)
    if reader.alternatives > MOST_ALTERNATIVES:
        raise refuse("Queries are limited to 500 or fewer 'OR' conditions.")
    wanted = query.get("includefields") or []
    asked = tuple(reader.field(name) for name in wanted)
    return Search(matches, size, asked, json.dumps(query["filter"], sort_keys=True))


class _FilterReader:
    """Reads conditions and groups, and counts the alternatives among them."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._names = {name.lower(): name for name in fields}
        self._types = fields
        self.alternatives = 0

    def field(self, name: object) -> str:
        """The field as the API writes it; case does not matter."""
        found = self._names.get(str(name).lower())
        if found is None:
            raise refuse(f"Unable to find {name} in the entity.")
        return found

    def group(self, items: Sequence[Any], join: Callable[[list[bool]], bool]) -> Predicate:
        """Conditions that hold together, or of which one has to."""
        if join is any:
            self.alternatives += len(items)
        parts = [self._condition(item) for item in items]
        return lambda record: join([part(record) for part in parts])

    def _condition(self, item: Any) -> Predicate:  # noqa: ANN401 JSON
        if not isinstance(item, dict):
            raise refuse("A condition must be an object.")
        op = str(item.get("op", "")).lower()
        if op in {"and", "or"}:
            items = item.get("items")
            if not isinstance(items, list) or not items:
                raise refuse(f"A group '{op}' needs items.")
            return self.group(items, all if op == "and" else any)
        if item.get("udf") is True:
            return _user_defined(str(item.get("field")), item.get("value"))
        return self._test(op, self.field(item.get("field")), item.get("value"))

    def _test(self, op: str, name: str, value: Any) -> Predicate:  # noqa: ANN401 JSON
        if op in {"exist", "notexist"}:
            return lambda record: (record.get(name) is None) is (op == "notexist")
        kind = self._types[name]
        if op in {"in", "notin"}:
            if not isinstance(value, list):
                raise refuse(f"The operator {op} needs a list of values.")
            self.alternatives += len(value)
            wanted = {_value(kind, name, each) for each in value}
            return lambda record: (
                record.get(name) is not None
                and (_value(kind, name, record[name]) in wanted) is (op == "in")
            )
        if op not in _ORDERS:
            raise refuse(f"The operator {op!r} is not supported.")
        holds, right = _ORDERS[op], _value(kind, name, value)
        return lambda record: (
            record.get(name) is not None and holds(_value(kind, name, record[name]), right)
        )


def _user_defined(name: str, value: Any) -> Predicate:  # noqa: ANN401 JSON
    def holds(record: Record) -> bool:
        return any(
            field["name"] == name and field["value"] == value
            for field in record.get("userDefinedFields", [])
        )

    return holds


def _value(kind: str, name: str, value: Any) -> Any:  # noqa: ANN401 JSON
    """A value fit for comparison; refused when it is not of the field's type."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in {"integer", "decimal"} and is_number:
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "datetime" and isinstance(value, str):
        return _moment(value)
    if kind == "string" and isinstance(value, str):
        return value.lower()
    raise refuse(f"The value for {name} is not of type {kind}.")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise refuse(f"{text!r} is not a date.") from error
    return moment.replace(tzinfo=None)


def day_of(value: object) -> date:
    """The date part of a moment in a body; raises Refusal."""
    if not isinstance(value, str):
        raise refuse("effectiveDate is required and must be a date.")
    return _moment(value).date()


def envelope(rows: list[dict[str, Any]], size: int, following: str | None) -> dict[str, Any]:
    """A page of rows as the API wraps it."""
    details = {"count": len(rows), "requestCount": size}
    return {
        "items": rows,
        "pageDetails": {**details, "prevPageUrl": None, "nextPageUrl": following},
    }


def project(row: dict[str, Any], search: Search) -> dict[str, Any]:
    """Only the fields asked for; everything when none is named."""
    return {name: row.get(name) for name in search.fields} if search.fields else row
