"""The card page's form: what it offers, what it would change, and that nothing typed is lost."""

import runpy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.closings import close_period
from reconcile_pipeline.ledger.decisions import read_decisions
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.web.access.users import Role
from reconcile_pipeline.web.pages import card, deciding

BENCH = runpy.run_path(str(Path(__file__).parent / "card_bench.py"))
PERIOD, NOON = BENCH["PERIOD"], BENCH["NOON"]
template, office = BENCH["template"], BENCH["office"]
TYPED = {"to": "6.5", "note": "see mail", "expires_on": "2027-01-31", "bound": "4"}


def test_the_form_shows_the_line_before_anything_is_recorded(office: Any) -> None:
    """Before a click, the suggested number's line change stands there: 5 to 8, 30.00 more."""
    text = office.page("1")
    assert "What 8 would change" in text
    assert '<td class="n">5</td><td class="n">8</td><td class="n">+30.00 USD</td>' in text
    assert office.ledger.head()[0] == 0


@pytest.mark.parametrize(("company", "kinds"), [("1", []), ("2", ["zero"]), ("6", ["large"])])
def test_ticks_are_asked_for_where_they_are_needed(
    office: Any, company: str, kinds: list[str]
) -> None:
    """A line that goes to 0 and a large change have their own box; a small one has none."""
    text = office.page(company)
    asked = [kind for kind in ("zero", "large") if f'name="confirmed" value="{kind}"' in text]
    assert asked == kinds


def test_another_number_is_tried_without_recording(office: Any) -> None:
    """The preview of a typed number shows its lines, keeps every field, and records nothing."""
    text = office.preview("1", **(TYPED | {"to": "6"}))
    assert "What 6 would change" in text
    assert '<td class="n">5</td><td class="n">6</td>' in text
    for value in ("see mail", "2027-01-31", 'value="6"', 'value="4"'):
        assert value in text
    assert read_decisions(office.ledger) == []


def test_a_refused_form_keeps_everything_that_was_typed(office: Any) -> None:
    """A target below zero comes back as 422 on the card's page, all fields as they were."""
    answer = office.decide("1", "reconcile", **(TYPED | {"to": "-1"}))
    text = bytes(answer.body).decode()
    assert answer.status_code == 422
    assert "is not a quantity between 0 and 1,000,000" in text
    for value in ('value="-1"', "see mail", "2027-01-31", 'value="4"'):
        assert value in text
    assert read_decisions(office.ledger) == []


@pytest.mark.fault(70, 71)
def test_numbers_that_moved_are_a_conflict(office: Any) -> None:
    """A form with another version is refused as 409 and shows the card as it is now."""
    answer = office.decide("1", "reconcile", card_version="000000000000", to="7", note="mine")
    text = bytes(answer.body).decode()
    assert answer.status_code == 409
    assert "has changed since" in text
    assert ('value="7"' in text, 'value="mine"' in text) == (True, True)
    assert office.card("1")["card_version"] in text


def test_a_decision_ends_on_the_card_with_its_story(office: Any) -> None:
    """What was said and what follows stands on the page; the form is gone until it is undone."""
    answer = office.decide("1", "reconcile", to="7", note="as agreed")
    assert answer.status_code == 303
    address = answer.headers["location"]
    assert address.startswith(f"/cards/{office.card('1')['card_id']}?period={PERIOD}&said=")
    text = office.page("1", address.partition("&")[2])
    assert "Recorded: reconcile → 7" in text
    assert "Line l1 in psa: 5 → 7" in text
    assert "as agreed" in text
    assert 'id="decision"' not in text
    assert "Undo the decision to decide otherwise" in text


def test_undoing_needs_no_more_than_a_reason_and_leads_back(office: Any) -> None:
    """The published decision can be undone from its card; the reason stands in the story."""
    office.decide("1", "reconcile", to="7")
    office.publish()
    found = office.card("1")
    assert 'name="reason"' in office.page("1")
    call = office.call(
        f"from=card&period={PERIOD}", [("reason", "wrong number")], decision_id=found["decision_id"]
    )
    answer = deciding.undo(call)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"/cards/{found['card_id']}?")
    text = office.page("1")
    assert "Taken back by ann" in text
    assert "wrong number" in text
    assert 'id="decision"' in text


def test_a_waiting_card_asks_for_what_is_missing(office: Any) -> None:
    """A decision that sets a line to 0 unconfirmed waits; the card asks for exactly that."""
    office.decide("2", "reconcile", to="0")
    office.publish()
    text = office.page("2")
    assert 'name="kind" value="zero"' in text
    assert 'name="kind" value="large"' not in text
    decision_id = office.card("2")["decision_id"]
    call = office.call(f"from=card&period={PERIOD}", [("kind", "zero")], decision_id=decision_id)
    assert deciding.confirm(call).status_code == 303
    assert "Confirmed by ann" in office.page("2")


@pytest.mark.fault(77)
def test_four_eyes_are_two_people(office: Any) -> None:
    """The second person's box is shown to another approver, never to who decided."""
    strict = office.with_limits(Limits(four_eyes_above=Decimal(1)))
    strict.decide("1", "reconcile", to="7")
    strict.publish()
    box = 'name="kind" value="second_person"'
    assert box not in strict.page("1", by="ann", role=Role.APPROVER)
    assert box not in strict.page("1", by="bob", role=Role.REVIEWER)
    assert box in strict.page("1", by="bob", role=Role.APPROVER)
    assert "an approver other than ann" in strict.page("1", by="ann", role=Role.APPROVER)


def test_a_viewer_sees_everything_and_no_button(office: Any) -> None:
    """A viewer reads the card; there is no form to send."""
    text = office.page("1", role=Role.VIEWER)
    assert "ask an administrator for the role reviewer" in text
    assert ("/decide" in text, "/undo" in text) == (False, False)


def test_an_unproven_count_says_why_nothing_can_be_reconciled(office: Any) -> None:
    """Without a vendor count there is no quantity field, but the reason and the other buttons."""
    text = office.page("4")
    assert "Reconcile is not offered:" in text
    assert "no vendor count is known for it" in text
    assert 'name="to"' not in text
    assert 'value="no_change"' in text


def test_new_revenue_says_that_a_person_adds_the_line(office: Any) -> None:
    """No line exists: the page says so before anything is decided."""
    assert "+6 can't be put on a line by this software" in office.page("5")


@pytest.mark.fault(55)
def test_a_closed_month_takes_no_decision(office: Any) -> None:
    """Once closed, the form is gone and the page says who closed the month."""
    stamp = Stamp("cleo", NOON, "tests")
    close_period(
        office.ledger, PERIOD, evidence=["x"], cards_digest="x", reason="done", stamp=stamp
    )
    text = office.page("1")
    assert f"{PERIOD} was closed by cleo" in text
    assert 'id="decision"' not in text


@pytest.mark.fault(96)
def test_the_effective_date_is_asked_where_the_psa_takes_one(office: Any) -> None:
    """A PSA that changes at once has no such field; one that takes a day suggests the next 1st."""
    assert 'name="effective_on"' not in office.page("1")
    call = office.call(f"period={PERIOD}", card_id=office.card("1")["card_id"])
    door = call.door
    call.__dict__["door"] = type(door)(
        **(vars(door) | {"write_back": SYSTEMS["autotask"].write_back})
    )
    text = bytes(card.show(call).body).decode()
    assert 'name="effective_on"' in text
    assert "2026-12-01" in text
