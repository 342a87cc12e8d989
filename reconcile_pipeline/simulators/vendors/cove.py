"""Cove as a local server: JSON-RPC at one address, a visa that changes with every answer.

Refusals come with status 200 and bring no visa. Beside it the Maximum Value report, a workbook.
Reading only; `cove_records` writes the rows.
"""

import json
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar

from reconcile_pipeline.simulators.faults import Fault
from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State
from reconcile_pipeline.simulators.vendors.cove_records import (
    COLUMNS,
    FIELD_NAMES,
    device_row,
    is_legacy,
    matcher,
    partner_row,
    report_workbook,
)
from reconcile_pipeline.simulators.world.vendors.cove import (
    COVE,
    ROOT,
    ROOT_NAME,
    CoveDevice,
    CoveRecords,
)

PATH = "/jsonapi"
REPORT = "/statistics-reporting/high-watermark-usage-report"
VISA_SECONDS = 15 * 60
FORBIDDEN = "13501"
FORBIDDEN_WORDS = "Operation failed because of security reasons"
NO_METHOD = "-32601"
BAD_PARAMS = "-32602"
IN_THE_BODY = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Row = dict[str, Any]


@dataclass(slots=True)
class CoveState(State):
    """Cove's state: the visas given out, and columns that these credentials may not read."""

    expires_in: int = VISA_SECONDS
    forbidden_columns: set[str] = field(default_factory=set)


class Cove(Simulator):
    """The backup console's API over a world."""

    name = COVE
    state_kind = CoveState
    secrets: ClassVar = {"token": "COVE_API_TOKEN"}

    def __init__(self, state: CoveState, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self.columns_asked: set[str] = set()
        self._cove = state
        self.route("POST", f"{PATH} Login", self._login, is_open=True)
        self.route("POST", f"{PATH} EnumeratePartners", self._partners)
        self.route("POST", f"{PATH} EnumerateAccountStatistics", self._devices)
        self.route("POST", f"{PATH} EnumerateAccountHistoryStatistics", self._history)
        self.route("GET", REPORT, self._report)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """An API user of the MSP's own partner."""
        return {
            "partner": ROOT_NAME,
            "username": "reconcile",
            "token": f"simToken-{tag}-{tag[::-1]}",
        }

    @property
    def held(self) -> CoveRecords:
        """What Cove holds."""
        records: CoveRecords = self.state.world.at[COVE]
        return records

    def address(self, query: Query) -> str:
        """The path and the method asked for."""
        return f"{PATH} {_question(query).get('method', '')}" if query.path == PATH else query.path

    def authorize(self, query: Query) -> None:
        """A visa that is known and not over: in the body, or as bearer for the report."""
        visa = _question(query).get("visa")
        if query.path == REPORT:
            visa = query.headers.get("authorization", "").removeprefix("Bearer ")
        expires_at = self.state.tokens.get(str(visa))
        if expires_at is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, FORBIDDEN_WORDS, code=FORBIDDEN)
        if expires_at <= self.clock():
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Visa has expired.", code="13500")

    def error(self, query: Query, refusal: Refusal) -> Row:
        """A JSON-RPC error, without a visa."""
        codes = {HTTPStatus.FORBIDDEN: FORBIDDEN, HTTPStatus.UNAUTHORIZED: FORBIDDEN}
        codes[HTTPStatus.NOT_FOUND] = NO_METHOD
        code = refusal.code or codes.get(HTTPStatus(refusal.status), "-32603")
        is_forbidden = code == FORBIDDEN
        return {
            "id": _question(query).get("id"),
            "jsonrpc": "2.0",
            "error": {
                "code": int(code),
                "message": FORBIDDEN_WORDS if is_forbidden else refusal.message,
            },
        }

    def _answer(self, query: Query, faults: list[Fault]) -> Answer:
        """Refusals of the JSON-RPC address come with 200; what a gateway says does not."""
        answer = super()._answer(query, faults)
        if query.path.startswith(PATH) and answer.status in IN_THE_BODY:
            answer.status = HTTPStatus.OK
        return answer

    def _login(self, query: Query) -> Answer:
        params = _question(query).get("params") or {}
        sent = (params.get("partner"), params.get("username"), params.get("password"))
        known = self.credentials
        # The partner's name counts to the letter, capitals included.
        if sent != (known["partner"], known["username"], known["token"]):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Login or password is wrong.", code="13504")
        user = {
            "Id": 4711,
            "PartnerId": ROOT,
            "Name": known["username"],
            "EmailAddress": "api@northgate.example",
            "Flags": ["SecurityOfficer", "NonInteractive"],
        }
        return self._result(query, {"result": user})

    def _partners(self, query: Query) -> Answer:
        params = _params(query)
        parent = _number(params, "parentPartnerId")
        self._check_partner(parent)
        # The text "false" is taken for what it says.
        is_deep = str(params.get("fetchRecursively", False)).lower() == "true"
        names = [FIELD_NAMES[n] for n in params.get("fields") or [] if n in range(len(FIELD_NAMES))]
        below = self._below(parent)
        rows = [
            partner_row(partner, names)
            for partner in self.held.partners
            if (partner.id in below if is_deep else partner.parent_id == parent)
        ]
        return self._result(query, {"result": rows})

    def _devices(self, query: Query) -> Answer:
        return self._statistics(query, self.held.devices)

    def _history(self, query: Query) -> Answer:
        """The devices there were at an instant."""
        at = _number(_params(query), "timeslice")
        everything = [*self.held.devices, *self.held.deleted]
        there = [d for d in everything if d.created_at <= at < (d.deleted_at or at + 1)]
        return self._statistics(query, there)

    def _statistics(self, query: Query, devices: list[CoveDevice]) -> Answer:
        asked = _params(query).get("query") or {}
        partner = _number(asked, "PartnerId")
        self._check_partner(partner)
        start, size = _number(asked, "StartRecordNumber"), _number(asked, "RecordsCount")
        columns = asked.get("Columns") or []
        self.columns_asked.update(columns)
        self._check_columns(columns)
        wanted = _matcher(asked.get("Filter") or "")
        below = self._below(partner) | {partner}
        found = [d for d in devices if (partner == ROOT or d.partner_id in below) and wanted(d)]
        column, _, direction = str(asked.get("OrderBy") or "I0 ASC").partition(" ")
        read = COLUMNS.get(column)
        if read is None:
            raise Refusal(200, "Unknown column.", code=BAD_PARAMS)
        found.sort(key=lambda device: _order(read(device)), reverse=direction.upper() == "DESC")
        rows = [device_row(device, columns) for device in found]
        if asked.get("SelectionMode") == "PerInstallation":
            # A device that was installed again is there twice.
            rows = [row for row in rows for _ in range(1 + (row["AccountId"] % 9 == 0))]
        totals = [str(len(rows))] if "COUNT(1)" in (asked.get("Totals") or []) else None
        page = rows[start : start + size]
        return self._result(query, {"result": page, "totalStatistics": totals})

    def _check_columns(self, columns: Collection[str]) -> None:
        for code in columns:
            if is_legacy(code) or code in self._cove.forbidden_columns:
                raise Refusal(HTTPStatus.FORBIDDEN, FORBIDDEN_WORDS, code=FORBIDDEN)
            if code not in COLUMNS:
                raise Refusal(200, "Unknown column.", code=BAD_PARAMS)

    def _report(self, query: Query) -> Answer:
        self._check_partner(_number(query.params, "partnerid"))
        needed = {"datefrom", "dateto"} - query.params.keys()
        if needed or query.params.get("exportoutput") != "OneXlsxFile":
            raise Refusal(HTTPStatus.BAD_REQUEST, "Needed: dateFrom, dateTo, exportOutput.")
        book = report_workbook(self.held, query.params["datefrom"], query.params["dateto"])
        return Answer(book, headers={"content-type": XLSX})

    def _check_partner(self, number: int) -> None:
        if number != ROOT and all(partner.id != number for partner in self.held.partners):
            raise Refusal(HTTPStatus.FORBIDDEN, FORBIDDEN_WORDS, code=FORBIDDEN)

    def _below(self, number: int) -> set[int]:
        """Ids of all partners below one."""
        below = {number}
        while True:
            more = {p.id for p in self.held.partners if p.parent_id in below} - below
            if not more:
                return below - {number}
            below |= more

    def _result(self, query: Query, result: Row) -> Answer:
        visa = secrets.token_hex(24)
        self.state.tokens[visa] = self.clock() + self.state.expires_in
        number = _question(query).get("id")
        return Answer({"id": number, "jsonrpc": "2.0", "visa": visa, "result": result})


def _question(query: Query) -> Row:
    try:
        question = json.loads(query.body or b"{}")
    except ValueError:
        return {}
    return question if isinstance(question, dict) else {}


def _params(query: Query) -> Row:
    params = _question(query).get("params")
    return params if isinstance(params, dict) else {}


def _number(params: Row, name: str) -> int:
    text = str(params.get(name, ""))
    if not text.isascii() or not text.isdigit():
        raise Refusal(200, f"{name} must be a number.", code=BAD_PARAMS)
    return int(text)


def _matcher(text: str) -> Callable[[CoveDevice], bool]:
    try:
        return matcher(text)
    except ValueError as error:
        raise Refusal(200, "Filter is not valid.", code=BAD_PARAMS) from error


def _order(value: str | None) -> tuple[bool, int, str]:
    text = value or ""
    return (value is not None, int(text) if text.isdigit() else 0, text)
