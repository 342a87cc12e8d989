"""Liongard as a local server: its first version's lists and the evaluation of metrics.

Every call is first answered 301, on the same host, with a slash at the end of the path. Lists are
bare arrays with everything in them. Reading only.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State
from reconcile_pipeline.simulators.vendors.liongard_records import (
    environment_row,
    evaluation,
    launchpoint_row,
    metric_row,
    system_row,
)
from reconcile_pipeline.simulators.world.vendors.liongard import (
    LIONGARD,
    LiongardMetric,
    LiongardRecords,
)

API = "/api/v1"
MOVED = " moved"
MOST_SYSTEMS = 10
Row = dict[str, Any]


@dataclass(slots=True)
class LiongardState(State):
    """Liongard's state, and whether systems tell whose child their launchpoint is."""

    hides_parents: bool = False


class Liongard(Simulator):
    """The inspection platform's API over a world."""

    name = LIONGARD
    path_prefix = API
    state_kind = LiongardState
    secrets: ClassVar = {
        "access_key_id": "LIONGARD_ACCESS_KEY_ID",
        "access_key_secret": "LIONGARD_ACCESS_KEY_SECRET",
    }

    def __init__(self, state: LiongardState, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self._liongard = state
        self.route("GET", f"{API}/.*{MOVED}", self._move, is_open=True)
        self.route("GET", f"{API}/environments", self._environments)
        self.route("GET", f"{API}/environments/count", self._count)
        self.route("GET", f"{API}/systems", self._systems)
        self.route("GET", f"{API}/launchpoints", self._launchpoints)
        self.route("GET", f"{API}/metrics", self._metrics)
        self.route("GET", f"{API}/metrics/bulk", self._bulk)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """An access key."""
        return {"access_key_id": f"simkey{tag}", "access_key_secret": f"simSecret-liongard-{tag}"}

    @property
    def held(self) -> LiongardRecords:
        """What Liongard holds."""
        records: LiongardRecords = self.state.world.at[LIONGARD]
        return records

    def address(self, query: Query) -> str:
        """The path, marked while it is only asked where to ask."""
        is_there = query.target.partition("?")[0].endswith("/")
        return query.path if is_there else f"{query.path}{MOVED}"

    def authorize(self, query: Query) -> None:
        """The key's id and secret, together in base64."""
        known = f"{self.credentials['access_key_id']}:{self.credentials['access_key_secret']}"
        if query.headers.get("x-roar-api-key") != base64.b64encode(known.encode()).decode():
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Invalid access key.")

    def error(self, query: Query, refusal: Refusal) -> Row:  # noqa: ARG002
        """A message, or an error for what was asked wrong."""
        name = "error" if refusal.status == HTTPStatus.BAD_REQUEST else "message"
        return {name: refusal.message}

    def _move(self, query: Query) -> Answer:
        path, mark, asked = query.target.partition("?")
        return Answer(status=301, headers={"location": f"{path}/{mark}{asked}"}, is_empty=True)

    def _environments(self, query: Query) -> Answer:
        rows = [environment_row(environment) for environment in self.held.environments]
        return self._list(query, rows)

    def _count(self, query: Query) -> Answer:  # noqa: ARG002
        return Answer(len(self.held.environments))

    def _systems(self, query: Query) -> Answer:
        is_hidden = self._liongard.hides_parents
        names = {environment.id: environment for environment in self.held.environments}
        rows = [
            system_row(system, names.get(system.environment_id), hides_parents=is_hidden)
            for system in self.held.systems
        ]
        return self._list(query, rows)

    def _launchpoints(self, query: Query) -> Answer:
        return self._list(query, [launchpoint_row(system) for system in self.held.systems])

    def _metrics(self, query: Query) -> Answer:
        return self._list(query, [metric_row(metric) for metric in self.held.metrics])

    def _list(self, query: Query, rows: list[Row]) -> Answer:
        """Everything that meets the conditions, with the fields asked for."""
        tests = [_condition(text) for text in _repeated(query, "conditions[]")]
        fields = _repeated(query, "fields[]")
        found = [row for row in rows if all(test(row) for test in tests)]
        if fields:
            found = [{name: row[name] for name in fields if name in row} for row in found]
        return Answer(found)

    def _bulk(self, query: Query) -> Answer:
        asked = [part for part in query.params.get("systems", "").split(",") if part]
        uuids = {part.lower() for part in query.params.get("uuids", "").split(",") if part}
        if not asked or not uuids or not all(part.isdigit() for part in asked):
            raise Refusal(HTTPStatus.BAD_REQUEST, "systems and uuids are required.")
        if len(asked) > MOST_SYSTEMS:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"At most {MOST_SYSTEMS} systems per request.")
        is_everything = query.params.get("includenonvisible") == "true"
        metrics = [m for m in self.held.metrics if m.uuid in uuids]
        metrics = [m for m in metrics if m.is_displayed or is_everything]
        answers = {part: self._values(int(part), metrics) for part in asked}
        # The text says an object, the example shows an array: some get the one, some the other.
        if int(asked[0]) % 2:
            return Answer([{number: values} for number, values in answers.items()])
        return Answer(answers)

    def _values(self, number: int, metrics: list[LiongardMetric]) -> Row:
        system = next((system for system in self.held.systems if system.id == number), None)
        if system is None or not system.is_inspected:
            return {}
        return {str(metric.id): evaluation(system, metric) for metric in metrics}


def _repeated(query: Query, name: str) -> list[str]:
    pairs = parse_qsl(query.target.partition("?")[2])
    return [value for key, value in pairs if key == name]


def _condition(text: str) -> Callable[[Row], bool]:
    try:
        condition = json.loads(text)
        path, op, value = condition["path"], condition["op"], condition["value"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Condition is not valid.") from error

    def test(row: Row) -> bool:
        held: Any = row
        for name in str(path).split("/"):
            held = held.get(name) if isinstance(held, dict) else None
        if op == "like":
            return fnmatchcase(str(held), str(value).replace("%", "*"))
        if op in {"=", "equals", "is"}:
            return bool(held == value)
        raise Refusal(HTTPStatus.BAD_REQUEST, f"Operator {op} is not known.")

    return test
