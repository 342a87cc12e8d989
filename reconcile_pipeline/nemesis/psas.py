"""The PSAs of the game: a slim world behind each real simulator, and how to look at it and edit it.

All that differs between kinds stands here. The truth is read from the simulator's own memory,
never through the code under test.
"""

import json
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Protocol

import httpx

from reconcile_pipeline.http import WritingClient
from reconcile_pipeline.simulators.psa.autotask import Autotask, AutotaskState
from reconcile_pipeline.simulators.psa.connectwise import ConnectWise, ConnectWiseState
from reconcile_pipeline.simulators.psa.halopsa import HaloPsa
from reconcile_pipeline.simulators.psa.halopsa_records import HaloState
from reconcile_pipeline.simulators.psa.syncro import Syncro
from reconcile_pipeline.simulators.psa.syncro_records import SyncroState
from reconcile_pipeline.simulators.server import Simulator
from reconcile_pipeline.simulators.truth.halopsa import shown
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import Agreement, Line, World
from reconcile_pipeline.systems.base import REQUIRED, System
from reconcile_pipeline.systems.registry import SYSTEMS

AS_OF = date(2026, 11, 22)
PRICES = [Decimal(text) for text in ("2.50", "9", "38", "120")]
CREDENTIALS = {
    "connectwise": {
        "company_id": "northgate",
        "public_key": "pub",
        "private_key": "priv",
        "client_id": "cid",
    },
    "autotask": {"user": "api@northgate.test", "secret": "s", "integration_code": "code"},
    "syncro": {
        "api_token": "token",
        "subdomain": "northgate",
        "base_url": "http://127.0.0.1:1/api/v1",
        "requests_per_minute": "1000000",
    },
    "halopsa": {
        "client_id": "id",
        "client_secret": "secret",
        "resource_url": "http://127.0.0.1:1/api",
        "auth_url": "http://127.0.0.1:1/auth",
        "tenant": "northgate",
        "requests_per_5_minutes": "1000000",
    },
}


@dataclass(frozen=True)
class Asked:
    """One call as the wire sees it: which line, and what shall become of it."""

    line: str
    day: date | None
    amount: Decimal | None = None
    """A new quantity, or a difference; None for a call that only looks."""


class Psa(Protocol):
    """One simulated PSA under attack."""

    kind: str
    app: Simulator
    agreement_of: dict[str, str]
    price_of: dict[str, Decimal]
    changing: str
    """A pattern of the paths of calls that change something."""
    verb: str
    is_delta: bool
    renews_tokens: bool
    refusal: int
    """The status of a refusal in the PSA's own words."""

    def shows(self, line: str, day: date) -> Decimal:
        """The truth: what the line holds on a day."""

    def edit(self, line: str, quantity: int, day: date) -> None:
        """Somebody types another quantity."""

    def is_blocked(self, line: str) -> bool:
        """Whether the PSA itself would not invoice the line any more."""

    def block(self, line: str, *, is_active: bool) -> None:
        """Somebody puts the line's agreement to sleep, or wakes it."""

    def asked(self, request: httpx.Request) -> Asked | None:
        """Which line a call is about; None for all others."""


@dataclass
class _Account:
    """A configured system without files and variables."""

    kind: str
    values: dict[str, Any]
    name: str = "our_psa"

    def text(self, name: str) -> str:
        return str(self.values[name])

    def number(self, name: str) -> float:
        return float(self.values[name])

    def flag(self, name: str) -> bool:
        return bool(self.values[name])

    def items(self, name: str) -> tuple[str, ...]:
        return tuple(self.values[name])

    def secret(self, name: str) -> str:
        return str(self.values[name])


def writer_of(psa: Psa) -> WritingClient:
    """The system's real writing client; who makes it also replaces its transport."""
    system: System = SYSTEMS[psa.kind]
    values: dict[str, Any] = {"base_url": "http://127.0.0.1:1", "zone_url": "http://127.0.0.1:1"}
    values |= CREDENTIALS[psa.kind]
    for item in system.fields:
        default = item.example if item.default is REQUIRED else item.default
        values.setdefault(item.name, default)
    if system.writer is None:
        raise RuntimeError(f"{psa.kind} has no writer")
    client = system.writer(_Account(psa.kind, values))
    if client._locate is not None:
        # The zone is asked with a client of its own, which would leave the game.
        client._locate = None
        client._base = httpx.URL(f"http://127.0.0.1:1{psa.app.path_prefix}")
    return client


def _slim(lines: int, on_each: int = 2) -> World:
    """A world with so many lines of whole units on its agreements; made from a cached one."""
    full: World = pickle.loads(_whole_world())  # noqa: S301 - our own bytes
    usable = [a for a in full.agreements if a.status == "Active" and a.ends_on is None]
    agreements = [
        replace(
            a,
            parent_id=None,
            is_one_time=False,
            cycle_id=lookups.MONTHLY,
            starts_on=date(2026, 1, 1),
        )
        for a in usable[: -(-lines // on_each)]
    ]
    product = next(p for p in full.products if p.is_recurring and p.identifier != "FLAT")
    world = replace(full, agreements=agreements, lines=[])
    for number in range(lines):
        # Ids that Autotask's simulator gives no odd rows to.
        line_id = 7001 + number * 35
        world.lines.append(
            Line(
                id=line_id,
                agreement_id=agreements[number // on_each].id,
                product_id=product.id,
                quantity=Decimal(3 + number % 4),
                unit_price=PRICES[number % len(PRICES)],
                effective_on=date(2026, 1, 1),
                updated_at="2026-11-01T08:00:00Z",
            )
        )
    return world


@cache
def _whole_world() -> bytes:
    """Copied from its bytes in a tenth of the time that making it takes."""
    return pickle.dumps(build_world(7, "small", AS_OF))


class _Common:
    """What all have: lines of a world, and agreements that can be put to sleep."""

    renews_tokens = False

    def __init__(self, app: Simulator) -> None:
        self.app = app
        world = app.state.world
        self._lines = {str(line.id): line for line in world.lines}
        self.agreement_of = {str(line.id): str(line.agreement_id) for line in world.lines}
        self.price_of = {str(line.id): line.unit_price for line in world.lines}

    def agreement(self, line: str) -> Agreement:
        wanted = self._lines[line].agreement_id
        return next(each for each in self.app.state.world.agreements if each.id == wanted)

    def is_blocked(self, line: str) -> bool:
        return self.agreement(line).status != "Active"

    def block(self, line: str, *, is_active: bool) -> None:
        """Somebody puts the line's agreement to sleep, or wakes it."""
        self.agreement(line).status = "Active" if is_active else "Inactive"
        self.app.state.changed()


class ConnectWisePsa(_Common):
    """Absolute quantities that count at once."""

    kind = "connectwise"
    changing = r"/additions/\d+$"
    verb = "PATCH"
    is_delta = False
    refusal = 409
    _path = re.compile(r"/additions/(\d+)$")

    def __init__(self, lines: int) -> None:
        state = ConnectWiseState(_slim(lines))
        super().__init__(ConnectWise(state, dict(CREDENTIALS[self.kind])))

    def shows(self, line: str, day: date) -> Decimal:
        return self._lines[line].quantity

    def edit(self, line: str, quantity: int, day: date) -> None:
        self._lines[line].quantity = Decimal(quantity)
        self.app.state.changed()

    def asked(self, request: httpx.Request) -> Asked | None:
        found = self._path.search(request.url.path)
        if found is None:
            return None
        if request.method == "GET":
            return Asked(found[1], None)
        return Asked(found[1], None, Decimal(str(json.loads(request.content)[0]["value"])))


class AutotaskPsa(_Common):
    """Differences that count from a day on."""

    kind = "autotask"
    changing = r"(?i)Adjustments$"
    verb = "POST"
    is_delta = True
    refusal = 500

    def __init__(self, lines: int) -> None:
        state = AutotaskState(_slim(lines))
        self._app = Autotask(state, dict(CREDENTIALS[self.kind]))
        super().__init__(self._app)

    def shows(self, line: str, day: date) -> Decimal:
        units = self._app.units_on(line, day)
        return Decimal(-1 if units is None else units)

    def edit(self, line: str, quantity: int, day: date) -> None:
        self._app.edit_line(line, Decimal(quantity), day)

    def asked(self, request: httpx.Request) -> Asked | None:
        if request.method == "GET":
            if "/contractserviceunits/query" not in request.url.path.lower():
                return None
            items = json.loads(request.url.params["search"])["filter"][0]["items"]
            return Asked(str(items[0]["value"]), date.fromisoformat(items[1]["value"]))
        body = json.loads(request.content)
        day = date.fromisoformat(body["effectiveDate"])
        return Asked(str(body["contractServiceID"]), day, Decimal(body["unitChange"]))


class SyncroPsa(_Common):
    """Absolute quantities that count at once, each with all there is of its line."""

    kind = "syncro"
    changing = r"/line_items/\d+$"
    verb = "PUT"
    is_delta = False
    refusal = 422
    _path = re.compile(r"/schedules/(\d+)$")
    _line_path = re.compile(r"/line_items/(\d+)$")

    def __init__(self, lines: int) -> None:
        state = SyncroState(_slim(lines, on_each=1))
        super().__init__(Syncro(state, dict(CREDENTIALS[self.kind])))
        # None that Syncro counts itself: nobody can write those.
        state.counted.clear()
        self._line_on = {agreement: line for line, agreement in self.agreement_of.items()}

    def shows(self, line: str, day: date) -> Decimal:
        return self._lines[line].quantity

    def edit(self, line: str, quantity: int, day: date) -> None:
        self._lines[line].quantity = Decimal(quantity)
        self.app.state.changed()

    def asked(self, request: httpx.Request) -> Asked | None:
        if request.method == "GET":
            found = self._path.search(request.url.path)
            return None if found is None else Asked(self._line_on[found[1]], None)
        written = self._line_path.search(request.url.path)
        if written is None:
            return None
        return Asked(written[1], None, Decimal(str(json.loads(request.content)["quantity"])))


class HaloPsaPsa(_Common):
    """Absolute quantities that count at once, sent with all there is on a recurring invoice.

    One line on each: a posted invoice writes over what somebody typed a moment ago beside it, which
    Halo gives no means to prevent.
    """

    kind = "halopsa"
    renews_tokens = True
    changing = r"/RecurringInvoice$"
    verb = "POST"
    is_delta = False
    refusal = 400
    _path = re.compile(r"/RecurringInvoice/(-?\d+)$")

    def __init__(self, lines: int) -> None:
        state = HaloState(_slim(lines, on_each=1))
        super().__init__(HaloPsa(state, dict(CREDENTIALS[self.kind])))
        # None that Halo counts itself: nobody can write those.
        state.licences.clear()
        self.agreement_of = {
            line: str(shown(int(agreement))) for line, agreement in self.agreement_of.items()
        }
        self._line_on = {agreement: line for line, agreement in self.agreement_of.items()}

    def shows(self, line: str, day: date) -> Decimal:
        return self._lines[line].quantity

    def edit(self, line: str, quantity: int, day: date) -> None:
        self._lines[line].quantity = Decimal(quantity)
        self.app.state.changed()

    def asked(self, request: httpx.Request) -> Asked | None:
        if request.method == "GET":
            found = self._path.search(request.url.path)
            return None if found is None else Asked(self._line_on[found[1]], None)
        if not re.search(self.changing, request.url.path):
            return None
        [invoice] = json.loads(request.content)
        [row] = [row for row in invoice["lines"] if str(row["id"]) in self._lines]
        return Asked(str(row["id"]), None, Decimal(str(row["qty_order"])))


PSAS: dict[str, Callable[[int], Psa]] = {
    "connectwise": ConnectWisePsa,
    "autotask": AutotaskPsa,
    "syncro": SyncroPsa,
    "halopsa": HaloPsaPsa,
}
"""How to make each kind that can be written; a new kind needs its entry here."""
