"""What the room works on, out of the warehouse's rows: nothing invented, nothing lost."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.model import Decision, Finding
from reconcile_pipeline.reconciling.cards import Card, Line, Seen, Wanted, counts, number

CARD_ROW: dict[str, Any] = {
    "period": "2026-11",
    "card_id": "c",
    "card_version": "v",
    "company_id": 17,
    "company_name": "Acme",
    "service_name": "Seat",
    "finding": "new_revenue",
    "qty_psa": None,
    "qty_vendor": "3.5000",
    "unit_price": None,
    "currency": None,
    "amount_delta": None,
}
LINE_ROW: dict[str, Any] = {
    "record_id": 501,
    "agreement_id": 9,
    "name": "Backup per seat",
    "qty": "10.0000",
    "qty_included": "2",
    "unit_price": "3.3333",
    "effective_on": date(2026, 6, 1),
}
WANTED_ROW: dict[str, Any] = {
    "card_id": "c",
    "card_version": "v",
    "decision": "reconcile",
    "qty_target": None,
    "reviewer": "ann",
    "note": None,
}


def test_a_card_without_what_a_row_may_lack() -> None:
    """What a row does not say, a card does not make up: group, mapping, price, age."""
    card = Card.from_row(CARD_ROW)
    assert card == Card(
        period="2026-11",
        card_id="c",
        card_version="v",
        company_id="17",
        company_name="Acme",
        service_name="Seat",
        finding=Finding.NEW_REVENUE,
        qty_psa=None,
        qty_vendor=Decimal("3.5"),
        unit_price=None,
        currency=None,
        amount_delta=None,
    )
    assert (card.service_group_id, card.mapping_version, card.evidence_as_of) == ("", None, None)


def test_a_card_with_all_of_it() -> None:
    """Group, mapping, price and the age of the evidence come along."""
    more = {"service_group_id": 4, "mapping_version": "m1", "unit_price": "2", "currency": "USD"}
    as_of = datetime(2026, 11, 22, 2)  # noqa: DTZ001 - as the warehouse gives it
    card = Card.from_row(CARD_ROW | more | {"evidence_as_of": as_of, "amount_delta": "7"})
    assert (card.service_group_id, card.mapping_version) == ("4", "m1")
    assert (card.unit_price, card.currency, card.amount_delta) == (Decimal(2), "USD", Decimal(7))
    assert card.evidence_as_of == as_of.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("psa", "vendor", "delta"),
    [("20", "23.5", "3.5"), ("20", "0", "-20"), (None, "3", "3"), ("0", "0", "0")],
)
def test_the_difference_is_what_is_used_beyond_what_is_invoiced(
    psa: str | None, vendor: str, delta: str
) -> None:
    """Without a line nothing is invoiced; a use that nobody knows differs by nothing known."""
    card = Card.from_row(CARD_ROW | {"qty_psa": psa, "qty_vendor": vendor})
    assert card.qty_delta == Decimal(delta)
    assert replace(card, qty_vendor=None).qty_delta is None
    assert card.title == "Acme, Seat"


def test_a_line_as_the_psa_shows_it() -> None:
    """Ids become text, quantities exact decimals; a line counts itself only where it is said."""
    line = Line.from_row(LINE_ROW)
    assert line == Line(
        line_id="501",
        agreement_id="9",
        name="Backup per seat",
        qty=Decimal(10),
        qty_included=Decimal(2),
        unit_price=Decimal("3.3333"),
        effective_on=date(2026, 6, 1),
    )
    assert (line.currency, line.system, line.agreement_name) == (None, "", None)
    assert line.is_auto_counted is False
    more = {"currency": "USD", "system": "halopsa", "is_auto_counted": True}
    line = Line.from_row(LINE_ROW | more | {"agreement_name": "Managed"})
    assert (line.currency, line.system, line.agreement_name) == ("USD", "halopsa", "Managed")
    assert line.is_auto_counted is True
    empty = dict.fromkeys(["agreement_id", "name", "qty_included", "unit_price"])
    line = Line.from_row(LINE_ROW | empty)
    assert (line.agreement_id, line.name, line.qty_included, line.unit_price) == (None,) * 4


def test_a_wish_without_what_a_row_may_lack() -> None:
    """A wish says what its row says: no quantity, no note, no place it came from by itself."""
    wanted = Wanted.from_row(WANTED_ROW)
    assert wanted == Wanted("c", "v", Decision.RECONCILE, None, "ann", None)
    assert (wanted.row, wanted.seen, wanted.client_key, wanted.confirmed) == ("", None, "", {*()})
    seen = Seen(Decimal(1), None)
    more = {"row": "june.csv, line 5", "qty_target": "3", "note": "so", "seen": seen}
    wanted = Wanted.from_row(WANTED_ROW | more)
    assert (wanted.row, wanted.qty_target, wanted.note) == ("june.csv, line 5", Decimal(3), "so")
    assert wanted.seen == seen


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("20.0000", "20"),
        ("1E+3", "1000"),
        ("0.0000", "0"),
        ("-0.0", "0"),
        ("-2.50", "-2.5"),
        ("0.0001", "0.0001"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
    ],
)
def test_a_quantity_is_written_plainly(value: str, shown: str) -> None:
    """No exponent, no needless zero, no minus before nothing; what is no number says so."""
    assert number(Decimal(value)) == shown


def test_an_unknown_quantity_has_its_word() -> None:
    """Unknown is never shown as a number, and no line is another thing than an unknown use."""
    assert (number(None), number(None, "on no line")) == ("unknown", "on no line")
    card = replace(Card.from_row(CARD_ROW), qty_vendor=None)
    assert counts(card) == "invoiced on no line, used unknown"
