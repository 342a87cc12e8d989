"""How an Autotask line is read for a change and changed, against the simulated PSA itself."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import Certainty, ChangeError, WritingClient
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.simulators.psa.autotask import Autotask, AutotaskState
from reconcile_pipeline.simulators.truth.autotask import AutotaskTruth
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import Line, World
from reconcile_pipeline.systems.psa.autotask import AUTOTASK
from reconcile_pipeline.systems.psa.autotask_account import make_writer
from reconcile_pipeline.systems.writing import LineRef, LineSeen

AS_OF = date(2026, 11, 22)
DAY = date(2026, 12, 1)
CREDENTIALS = {
    "user": "secret-user",
    "secret": "secret-secret",
    "integration_code": "secret-integration_code",
}
WRITE = AUTOTASK.write_back
assert WRITE is not None


class Psa:
    """One simulated PSA, called without a network, and the pipeline's own way to change it."""

    def __init__(self, world: World, account: Any) -> None:
        self.world = world
        self.state = AutotaskState(world)
        self.app = Autotask(self.state, CREDENTIALS)
        self.account = account
        self.truth = AutotaskTruth(world)

    def run(self, act: Callable[[WritingClient], Awaitable[Any]]) -> Any:
        async def opened() -> Any:
            async with make_writer(self.account) as client:
                client.stats.calls = 0
                return await act(client), client.stats.calls

        result, self.calls = asyncio.run(opened())
        return result

    def read(self, ref: LineRef, on: date = DAY) -> LineSeen:
        seen: LineSeen = self.run(lambda client: WRITE.read(client, ref, on))
        return seen

    def change(self, ref: LineRef, now: int, wanted: int, on: date = DAY) -> None:
        self.run(
            lambda client: client.send(
                WRITE.change(ref, LineSeen(Decimal(now)), Decimal(wanted), on)
            )
        )

    def line(self, *, is_bundle: bool = False, **attributes: Any) -> LineRef:
        """A line in scope with at least two units, and no contract that ends soon."""
        for line in self.truth.lines:
            contract = self.truth.in_scope.get(line.agreement_id)
            if (
                contract is not None
                and contract.ends_on is None
                and line.cancelled_on is None
                and line.effective_on < date(2026, 8, 1)
                and contract.starts_on < date(2026, 8, 1)
                and line.quantity >= (1 if is_bundle else 2)
                and self.truth.is_bundle(line) is is_bundle
            ):
                return self.ref(line)
        raise AssertionError("the world has no such line")

    def ref(self, line: Line) -> LineRef:
        prefix = "bundle:" if self.truth.is_bundle(line) else ""
        return LineRef(str(line.agreement_id), f"{prefix}{line.id}")

    def contract(self, ref: LineRef) -> Any:
        return next(a for a in self.world.agreements if str(a.id) == ref.agreement_id)


@pytest.fixture
def psa(
    make_account: Any, monkeypatch: pytest.MonkeyPatch, pauses: list[float], tmp_path: Path
) -> Iterator[Psa]:
    account = make_account("autotask", zone_url="http://127.0.0.1:1")
    psa = Psa(build_world(7, "small", AS_OF), account)
    defaults = WritingClient.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "transport", httpx.ASGITransport(psa.app))
    return psa


@pytest.mark.parametrize("is_bundle", [False, True])
def test_a_change_counts_from_its_day_on(psa: Psa, *, is_bundle: bool) -> None:
    """The difference is added on the day; the day before stays, and every later day shows it."""
    ref = psa.line(is_bundle=is_bundle)
    before, now = psa.read(ref, DAY - timedelta(days=1)).qty, psa.read(ref).qty
    assert now is not None
    psa.change(ref, int(now), int(now) + 3)
    assert psa.read(ref).qty == now + 3
    assert psa.read(ref, DAY - timedelta(days=1)).qty == before
    assert psa.read(ref, DAY + timedelta(days=300)).qty == now + 3
    [write] = psa.app.writes
    assert write == (ref.agreement_id, ref.line_id, now, now + 3, DAY)


def test_reading_costs_two_calls_at_most(psa: Psa) -> None:
    """One for the units of the line, one for its contract."""
    assert psa.read(psa.line()).cannot_change == ""
    assert psa.calls == 2


def test_of_two_rows_on_one_day_the_one_begun_last_counts(psa: Psa) -> None:
    """Rows are successive totals: a change ends the running row on its own first day."""
    overlapping = next(
        line for line in psa.truth.lines
        if line.id % 7 == 0 and line.agreement_id in psa.truth.in_scope
        and line.cancelled_on is None and line.effective_on <= AS_OF and line.quantity >= 1
    )  # fmt: skip
    assert psa.read(psa.ref(overlapping)).qty == overlapping.quantity.to_integral_value("ROUND_UP")


def test_the_same_change_twice_is_refused(psa: Psa) -> None:
    """That is why a repetition is harmless: the PSA takes one change a line and day."""
    ref = psa.line()
    now = psa.read(ref).qty
    assert now is not None
    psa.change(ref, int(now), int(now) + 1)
    with pytest.raises(ChangeError, match="duplicate") as caught:
        psa.change(ref, int(now), int(now) + 1)
    assert WRITE.is_refusal(caught.value.status or 0, caught.value.says)
    assert WRITE.repeat_is_harmless
    assert psa.read(ref).qty == now + 1


def test_an_undoing_a_day_later_is_taken(psa: Psa) -> None:
    """The day after, the line can be put back to what it held."""
    ref = psa.line()
    now = psa.read(ref).qty
    assert now is not None
    psa.change(ref, int(now), int(now) - 1)
    later = DAY + timedelta(days=WRITE.undo_days_later)
    psa.change(ref, int(now) - 1, int(now), later)
    assert psa.read(ref).qty == now - 1
    assert psa.read(ref, later).qty == now


def test_a_line_that_is_gone_has_no_quantity(psa: Psa) -> None:
    """Unknown is not zero."""
    ref = psa.line()
    psa.world.lines = [line for line in psa.world.lines if str(line.id) != ref.line_id]
    psa.state.changed()
    assert psa.read(ref).qty is None


@pytest.mark.parametrize("is_found", [True, False])
def test_a_contract_that_is_gone_is_said(psa: Psa, *, is_found: bool) -> None:
    """Whether the PSA answers null or 404."""
    ref = psa.line()
    psa.world.agreements.remove(psa.contract(ref))
    psa.state.is_missing_found = is_found
    psa.state.changed()
    assert psa.read(ref).cannot_change == "its contract is gone"


def test_contracts_that_take_no_change_say_why(psa: Psa) -> None:
    """Not active, or the day is outside its dates."""
    ref = psa.line()
    contract = psa.contract(ref)
    contract.ends_on = DAY
    psa.state.changed()
    assert psa.read(ref).cannot_change == ""
    assert "to 2026-12-01, which 2026-12-02" in psa.read(ref, date(2026, 12, 2)).cannot_change
    early = contract.starts_on - timedelta(days=1)
    assert "runs from" in psa.read(ref, early).cannot_change
    contract.status = "Inactive"
    psa.state.changed()
    assert psa.read(ref).cannot_change == "its contract is not active"


def test_an_invoiced_day_takes_no_change(psa: Psa) -> None:
    """Our look and the PSA itself agree on it."""
    ref = psa.line()
    invoiced = date(2026, 10, 15)
    seen = psa.read(ref, invoiced)
    assert "invoiced already" in seen.cannot_change
    with pytest.raises(ChangeError, match="posted"):
        psa.change(ref, 1, 2, invoiced)


@pytest.mark.parametrize(("wanted", "on"), [(-100_000, DAY), (3, date(2101, 1, 1))])
def test_business_rules_are_refusals(psa: Psa, wanted: int, on: date) -> None:
    """Below zero or outside the contract: answered as a server error, and still a clear no."""
    with pytest.raises(ChangeError) as caught:
        psa.change(psa.line(), 0, wanted, on)
    assert caught.value.certainty is Certainty.UNKNOWN
    assert WRITE.is_refusal(caught.value.status or 0, caught.value.says)
    assert psa.app.writes == []


def test_a_failure_after_the_change_is_no_refusal(psa: Psa) -> None:
    """A server error without a reason leaves open what happened: here the change was made."""
    psa.app.faults.add("Adjustments$", kind="status_after", value=500)
    ref = psa.line()
    with pytest.raises(ChangeError) as caught:
        psa.change(ref, 0, 1)
    assert caught.value.certainty is Certainty.UNKNOWN
    assert not WRITE.is_refusal(caught.value.status or 0, caught.value.says)
    assert len(psa.app.writes) == 1


def test_a_change_names_its_line_and_whole_units() -> None:
    """Numbers go out as numbers, the line by its own id, and nothing else is set."""
    change = WRITE.change(LineRef("101", "9001"), LineSeen(Decimal("4.0000")), Decimal(7), DAY)
    assert (change.method, change.path) == ("POST", "/ContractServiceAdjustments")
    assert change.body == {
        "contractID": 101,
        "contractServiceID": 9001,
        "unitChange": 3,
        "effectiveDate": "2026-12-01",
    }
    twin = WRITE.change(LineRef("101", "bundle:9001"), LineSeen(Decimal(7)), Decimal(4), DAY)
    assert twin.path == "/ContractServiceBundleAdjustments"
    assert twin.body["contractServiceBundleID"] == 9001
    assert twin.body["unitChange"] == -3
    assert WRITE.style == "delta"
    assert (WRITE.takes_effect, WRITE.is_whole_units) == ("on_date", True)


@pytest.mark.parametrize(
    ("line_id", "wanted"), [("9001", Decimal("1.5")), ("x", Decimal(1)), ("", Decimal(1))]
)
def test_what_autotask_can_not_take_is_not_sent(line_id: str, wanted: Decimal) -> None:
    """Parts of units and ids that are none never become a call."""
    with pytest.raises(PipelineError) as caught:
        WRITE.change(LineRef("101", line_id), LineSeen(Decimal(0)), wanted, DAY)
    assert caught.value.category is Category.INPUT


@pytest.mark.parametrize(
    "body",
    [
        b'{"items":[{"id":1,"units":"5","startDate":"2026-12-01"}]}',
        b'{"items":[{"id":1,"units":true,"startDate":"2026-12-01"}]}',
        b'{"items":[{"id":"1","units":5,"startDate":"2026-12-01"}]}',
        b'{"items":[{"id":1,"units":5,"startDate":"soon"}]}',
        b'{"items":[{"id":1,"units":5}]}',
        b'{"rows":[]}',
    ],
)
def test_units_that_can_not_be_read_are_refused(psa: Psa, body: bytes) -> None:
    """Nothing is written on a guess."""
    psa.app.faults.add("Units/query$", kind="replace_body", value=lambda _body: body)
    with pytest.raises(PipelineError) as caught:
        psa.read(psa.line())
    assert caught.value.category is Category.SHAPE
