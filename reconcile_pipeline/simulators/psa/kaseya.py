"""Kaseya BMS and Pulseway PSA as a local server: its login, its lists, its invoices.

Refusals come with status 200 and `success: false`, but for a login or token that is none. How a
record looks is in `kaseya_records`, which invoices there are in `kaseya_invoices`.
"""

import re
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl

from reconcile_pipeline.simulators.faults import Fault
from reconcile_pipeline.simulators.psa import kaseya_records as records
from reconcile_pipeline.simulators.psa.kaseya_invoices import Invoice, InvoiceBook, is_on_contract
from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State, number
from reconcile_pipeline.simulators.stamps import EARLIEST, LATEST, Stamps, moment
from reconcile_pipeline.simulators.tokens import check_token, issue_token
from reconcile_pipeline.simulators.world.records import KASEYA_BMS, PULSEWAY, Agreement, Company

LOGIN = "/v2/security/authenticate"
LARGEST_PAGE = 100
HOUR_SECONDS = 3600.0
Made = TypeVar("Made")
TOLD_IN_BODY = frozenset({400, 403, 404, 405})
"""Refusals that come with status 200: the description of the API knows no other status."""


@dataclass(slots=True)
class KaseyaState(State):
    """The PSA's state and its knobs."""

    has_line_calls: bool = False
    """This tenant knows the unpublished call for the lines of a contract."""
    has_capitals: bool = False
    """Names of fields are written as the API's description writes them."""
    refuses_logins_with_200: bool = False
    calls_per_hour: int = 1500
    """Per endpoint; beyond it 429."""
    wall_clock: Callable[[], float] = time.time


class Kaseya(Simulator):
    """The API of Kaseya BMS over a world."""

    name = KASEYA_BMS
    secrets: ClassVar = {"username": "KASEYA_BMS_USERNAME", "password": "KASEYA_BMS_PASSWORD"}
    state_kind = KaseyaState
    settings: ClassVar = {"account_types": '["Customer"]', "currency": '"USD"'}
    one_account = r"/v2/crm/accounts/summary/(?P<record_id>\d+)"
    has_envelope_for_one = False

    def __init__(self, state: KaseyaState, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self.psa = state
        self.book = InvoiceBook(state.world)
        self.stamps = Stamps(state, accounts=lambda: state.world.companies)
        self._at_endpoint: dict[str, deque[float]] = defaultdict(deque)
        contracts = "/v2/finance/contracts"
        self.route("POST", LOGIN, self._login, is_open=True)
        self.route("GET", "/v2/crm/accounts/summary", self._accounts)
        self.route("GET", self.one_account, self._account)
        self.route("GET", f"{contracts}/summary", self._contracts)
        self.route("GET", f"{contracts}/lookup", self._lookup)
        self.route("GET", "/v2/admin/finance/services/lookup", self._services)
        self.route("GET", "/v2/finance/invoices/summary", self._invoices)
        self.route("GET", r"/v2/finance/invoices/(?P<record_id>\d+)", self._invoice)
        self.route(
            "GET", f"{contracts}/recurringservices/(?P<record_id>\\d+)/services", self._lines
        )

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """The API employee's login, and the company it belongs to."""
        return {
            "username": f"sim.{cls.name}{tag}",
            "password": f"simPassword-{cls.name}-{tag}",
            "tenant": "Northgate",
        }

    def authorize(self, query: Query) -> None:
        """A token that is known and not over, and no more calls than an endpoint takes."""
        check_token(self, query)
        calls = self._at_endpoint[re.sub(r"\d+", "{id}", query.path.lower())]
        while calls and calls[0] <= self.clock() - HOUR_SECONDS:
            calls.popleft()
        if len(calls) >= self.psa.calls_per_hour:
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "API calls quota exceeded.")
        calls.append(self.clock())

    def error(self, query: Query, refusal: Refusal) -> dict[str, Any]:
        """The envelope; the misspelt name is the vendor's."""
        return {
            "success": False,
            "error": {
                "code": int(refusal.status),
                "message": refusal.message,
                "details": refusal.fields or None,
                "stackStrace": f"at Bms.Api{query.path}",
                "subErrors": [],
            },
            "result": None,
        }

    def lie_about_total(self, data: Any, off_by: int) -> Any:  # noqa: ANN401 JSON
        """The page with another `totalRecords`, where it has one."""
        if not isinstance(data, dict) or "totalRecords" not in data:
            return data
        return {**data, "totalRecords": data["totalRecords"] + off_by}

    def edit_line(self, line_id: str, quantity: Decimal, effective_on: date) -> None:  # noqa: ARG002
        """Somebody changes a line on the screen: the next invoice shows it, the last one does not.

        Raises KeyError for a line that is not there.
        """
        line = next((line for line in self.state.world.lines if str(line.id) == line_id), None)
        if line is None:
            raise KeyError(line_id)
        self.book.billed.setdefault(line.id, line.quantity)
        line.quantity = quantity
        self.state.cache.clear()

    def run_invoices(self, day: date) -> None:
        """Make the invoices of a day, of everything that is on contracts."""
        self.book.run(day)
        self.state.cache.clear()

    def _answer(self, query: Query, faults: list[Fault]) -> Answer:
        answer = super()._answer(query, faults)
        if answer.status in TOLD_IN_BODY:
            answer.status = HTTPStatus.OK
        if self.psa.has_capitals:
            answer.data = _with_capitals(answer.data)
        return answer

    def _login(self, query: Query) -> Answer:
        form = {key.lower(): value for key, value in parse_qsl(query.body.decode())}
        known = self.credentials
        wanted = {
            "granttype": "password",
            "username": known["username"],
            "password": known["password"],
            "tenant": known["tenant"],
        }
        if any(form.get(name) != value for name, value in wanted.items()):
            # One and the same refusal for a wrong company and a wrong password.
            status = 400 if self.psa.refuses_logins_with_200 else HTTPStatus.UNAUTHORIZED
            raise Refusal(status, "Invalid login attempt.")
        ends_at = datetime.fromtimestamp(self.psa.wall_clock() + self.state.expires_in, UTC)
        tokens = {
            "accessToken": issue_token(self),
            "refreshToken": "unused",
            "accessTokenExpireOn": ends_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "refreshTokenExpireOn": ends_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return _one(tokens)

    def _accounts(self, query: Query) -> Answer:
        only = query.params.get("filter.isactive", "").lower()
        first = _moment_of(query, "filter.modifiedonfrom", EARLIEST)
        last = _moment_of(query, "filter.modifiedonto", LATEST)
        self.stamps.look()
        companies = [
            company
            for company in self.state.world.companies
            if not only or records.is_active(company) is (only == "true")
            if first <= moment(self.stamps.of("accounts", company)) <= last
        ]
        return _page(query, companies, self._shown)

    def _shown(self, company: Company) -> dict[str, Any]:
        stamp = self.stamps.of("accounts", company)
        return records.account(company, self.credentials["tenant"], stamp)

    def _account(self, _query: Query, record_id: str) -> Answer:
        for company in self.state.world.companies:
            if str(company.id) == record_id:
                found = self._shown(company)
                return _one(found) if self.has_envelope_for_one else Answer(found)
        raise _missing("account")

    def _contracts(self, query: Query) -> Answer:
        names = self._names()
        filters = {
            "filter.contracttype": "contractType",
            "filter.status": "status",
            "filter.billingcycle": "billingCycle",
            "filter.accountname": "accountName",
        }

        def write(agreement: Agreement) -> dict[str, Any]:
            return records.contract(agreement, names[agreement.company_id])

        found = self.state.world.agreements
        for asked, name in filters.items():
            if value := query.params.get(asked, ""):
                found = [each for each in found if _is_word(write(each)[name], value)]
        return _page(query, found, write)

    def _lookup(self, query: Query) -> Answer:
        account_id = number(query, "accountid", 0)
        drops_expired = query.params.get("excludeexpiredcontracts", "").lower() == "true"
        as_of = self.state.world.as_of
        found = [
            records.contract_of_account(agreement)
            for agreement in self.state.world.agreements
            if account_id in (0, agreement.company_id)
            and not (drops_expired and agreement.ends_on and agreement.ends_on < as_of)
        ]
        return Answer({"success": True, "error": None, "result": found})

    def _services(self, query: Query) -> Answer:
        sold = [product for product in self.state.world.products if product.is_recurring]
        return _page(query, sold, records.service)

    def _made(self) -> dict[int, Invoice]:
        return self._once(
            "invoices", lambda: {invoice.id: invoice for invoice in self.book.invoices()}
        )

    def _invoices(self, query: Query) -> Answer:
        since = query.params.get("filter.createdfrom", "")[:10]
        until = query.params.get("filter.createdto", "9999")[:10]
        account_id = number(query, "filter.accountid", 0)
        names = self._names()
        found = self._once(
            ("invoices", since, until, account_id),
            lambda: [
                invoice
                for invoice in self._made().values()
                if since <= invoice.made_on.isoformat() <= until
                and account_id in (0, invoice.account_id)
            ],
        )
        write = lambda invoice: records.invoice(invoice, names[invoice.account_id])  # noqa: E731
        return _page(query, found, write, is_counted=False)

    def _invoice(self, _query: Query, record_id: str) -> Answer:
        made = self._made().get(int(record_id))
        if made is None:
            raise _missing("invoice")
        contracts = self._agreements()
        items = []
        for item in made.items:
            contract = contracts.get(item.contract_id)
            items.append(records.invoice_item(item, made, contract.name if contract else None))
        head = records.invoice(made, self._names()[made.account_id])
        return _one(head | {"lineItems": items, "discountItems": []})

    def _lines(self, query: Query, record_id: str) -> Answer:
        if not self.psa.has_line_calls:
            raise Refusal(HTTPStatus.NOT_FOUND, "Not found.")
        contract = self._agreements().get(int(record_id))
        if contract is None:
            raise _missing("contract")
        products = {product.id: product for product in self.state.world.products}
        lines = [
            line
            for line in self.state.world.lines
            if line.agreement_id == contract.id and is_on_contract(line, date.max)
        ]
        return _page(
            query, lines, lambda line: records.line(line, products[line.product_id], contract.name)
        )

    def _names(self) -> dict[int, str]:
        return self._once(
            "names", lambda: {company.id: company.name for company in self.state.world.companies}
        )

    def _agreements(self) -> dict[int, Agreement]:
        return self._once(
            "agreements", lambda: {each.id: each for each in self.state.world.agreements}
        )

    def _once(self, key: Any, make: Callable[[], Made]) -> Made:  # noqa: ANN401
        """What was made before, until the world changes."""
        if key not in self.state.cache:
            self.state.cache[key] = make()
        made: Made = self.state.cache[key]
        return made


class Pulseway(Kaseya):
    """The same code base under its other name, with one path that only it has been seen to have."""

    name = PULSEWAY
    secrets: ClassVar = {"username": "PULSEWAY_USERNAME", "password": "PULSEWAY_PASSWORD"}
    one_account = r"/v2/crm/accounts/(?P<record_id>\d+)/summaryinfo"
    has_envelope_for_one = True


def _page(
    query: Query,
    items: Iterable[Any],
    write: Callable[[Any], dict[str, Any]],
    *,
    is_counted: bool = True,
) -> Answer:
    """One page; page 0 is page 1 once more, and beyond the end there is nothing."""
    held = list(items)
    size = min(number(query, "pagesize", 25, least=1), LARGEST_PAGE)
    start = max(number(query, "pagenumber", 1) - 1, 0) * size
    data: dict[str, Any] = {"success": True, "error": None}
    if is_counted:
        data["totalRecords"] = len(held)
    return Answer(data | {"result": [write(item) for item in held[start : start + size]]})


def _moment_of(query: Query, name: str, default: datetime) -> datetime:
    """The instant of a filter, both ends included; anything else than an instant is refused."""
    text = query.params.get(name, "")
    try:
        return moment(text) if text else default
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"The value of {name} is not a date.") from error


def _one(result: dict[str, Any]) -> Answer:
    return Answer({"success": True, "error": None, "result": result})


def _is_word(value: str | None, wanted: str) -> bool:
    return (value or "").lower() == wanted.lower()


def _missing(what: str) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, f"The {what} was not found.")


def _with_capitals(value: Any) -> Any:  # noqa: ANN401 JSON
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: _with_capitals(held) for name, held in value.items()}
    return [_with_capitals(held) for held in value] if isinstance(value, list) else value
