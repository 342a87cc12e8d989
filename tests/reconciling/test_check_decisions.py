"""Which decisions may be taken on a card, and how the others are refused."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.model import Category, Decision, Finding, PipelineError
from reconcile_pipeline.reconciling.decide import Card, Seen, Wanted, check

CARD = Card(
    period="2026-11",
    card_id="00112233445566aa",
    card_version="0123456789ab",
    company_id="17",
    company_name="Acme",
    service_name="Backup",
    finding=Finding.UNDER_BILLED,
    qty_psa=Decimal(10),
    qty_vendor=Decimal("12.5000"),
    unit_price=Decimal(3),
    currency="USD",
    amount_delta=Decimal("7.5"),
)
MATCH = replace(CARD, finding=Finding.MATCH, qty_vendor=Decimal(10))
NEW = replace(CARD, finding=Finding.NEW_REVENUE, qty_psa=None)
UNPROVEN = (
    Finding.NO_VENDOR_FIGURE,
    Finding.NOT_CONNECTED,
    Finding.STALE_EVIDENCE,
    Finding.INCOMPLETE_EVIDENCE,
)
SEEN = Seen(Decimal(10), Decimal("12.5"), "Acme", "Backup")


def wanted(decision: Decision = Decision.RECONCILE, **fields: Any) -> Wanted:
    usual: dict[str, Any] = {
        "card_id": CARD.card_id,
        "card_version": CARD.card_version,
        "decision": decision,
        "qty_target": None,
        "reviewer": "Ann",
        "note": None,
        "row": "june.csv, line 5",
    }
    return Wanted(**(usual | fields))


def refusal(item: Wanted, card: Card | None = CARD) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        check(item, card)
    error = caught.value
    assert error.category is Category.INPUT
    assert error.message.startswith("june.csv, line 5: ")
    assert error.message.endswith(".")
    assert error.next_step.endswith(".")
    return error


@pytest.mark.parametrize(
    ("item", "card", "target"),
    [
        (wanted(), CARD, "12.5"),
        (wanted(qty_target=Decimal(11)), CARD, "11"),
        (wanted(qty_target=Decimal("11.1234")), CARD, "11.1234"),
        (wanted(qty_target=Decimal("0.0000")), CARD, "0"),
        (wanted(qty_target=Decimal("-0.0")), CARD, "0"),
        (wanted(qty_target=Decimal("1E+6")), CARD, "1000000"),
        (wanted(), NEW, "12.5"),
        (wanted(), MATCH, "10"),
        (wanted(seen=SEEN), CARD, "12.5"),
        (wanted(seen=replace(SEEN, company_name="' acme ", service_name=None)), CARD, "12.5"),
    ],
)
def test_reconcile_takes_the_vendors_count_or_the_entered_one(
    item: Wanted, card: Card, target: str
) -> None:
    """Reconcile records the entered quantity, else the vendor's, written plainly."""
    assert str(check(item, card)) == target


@pytest.mark.parametrize("finding", list(Finding))
@pytest.mark.parametrize("decision", [Decision.NO_CHANGE, Decision.DISMISS, Decision.EXCLUDE])
def test_leaving_the_psa_alone_is_always_allowed_with_a_note(
    decision: Decision, finding: Finding
) -> None:
    """Whatever was found, a card can be left as it is for a reason; no quantity is recorded."""
    assert check(wanted(decision, note="paid yearly"), replace(CARD, finding=finding)) is None


def test_an_exception_may_have_an_end_and_a_bound() -> None:
    """no_change takes a last day and a number of units, 0 included; reconcile takes a day."""
    ends = date(2027, 1, 31)
    exception = wanted(Decision.NO_CHANGE, note="x", expires_on=ends, bound=Decimal(0))
    assert check(exception, CARD) is None
    assert check(wanted(effective_on=ends), CARD) == Decimal("12.5")


def test_approve_confirms_equal_counts() -> None:
    """Approve on a match needs no note and records no quantity."""
    assert check(wanted(Decision.APPROVE), MATCH) is None


@pytest.mark.parametrize("finding", [each for each in Finding if each is not Finding.MATCH])
def test_approve_is_refused_unless_counts_are_equal(finding: Finding) -> None:
    """Approve never stands for a difference or for a count that isn't known."""
    refusal(wanted(Decision.APPROVE, note="fine"), replace(CARD, finding=finding))


@pytest.mark.parametrize("finding", UNPROVEN)
def test_nothing_is_approved_without_proof(finding: Finding) -> None:
    """Who approves a card without proven counts hears what is missing and how to mend it."""
    error = refusal(wanted(Decision.APPROVE), replace(CARD, finding=finding))
    assert "Acme, Backup can't be approved: " in error.message
    assert "pull again. no_change, dismiss and exclude can be decided now" in error.next_step


@pytest.mark.parametrize("finding", UNPROVEN)
@pytest.mark.parametrize("target", [None, Decimal(12)])
def test_no_quantity_without_proof(finding: Finding, target: Decimal | None) -> None:
    """A finding without proven counts takes no quantity, entered or not: mend it first."""
    error = refusal(wanted(qty_target=target), replace(CARD, finding=finding))
    assert "can't be reconciled" in error.message
    assert "pull again" in error.next_step


@pytest.mark.parametrize(
    ("item", "card", "said"),
    [
        (wanted(reviewer=" "), CARD, "Nobody is named"),
        (wanted(card_id="feedfeedfeedfeed"), None, "no card “feedfeedfeedfeed”"),
        (wanted(), replace(CARD, qty_vendor=None), "no vendor count"),
        (wanted(qty_target=Decimal("-0.0001")), CARD, "not a quantity between 0 and 1,000,000"),
        (wanted(qty_target=Decimal("1000000.0001")), CARD, "not a quantity between"),
        (wanted(qty_target=Decimal("NaN")), CARD, "NaN is not a quantity"),
        (wanted(qty_target=Decimal("sNaN")), CARD, "sNaN is not a quantity"),
        (wanted(qty_target=Decimal("Infinity")), CARD, "Infinity is not a quantity"),
        (wanted(qty_target=Decimal("1.00001")), CARD, "more than four decimals"),
        (wanted(), replace(CARD, qty_vendor=Decimal(-1)), "-1 is not a quantity"),
        (wanted(qty_target=Decimal(0)), NEW, "no line that could be set to 0"),
        (wanted(Decision.NO_CHANGE), CARD, "no_change needs a reason"),
        (wanted(Decision.DISMISS, note=" \n"), CARD, "dismiss needs a reason"),
        (wanted(Decision.EXCLUDE, note=""), CARD, "exclude needs a reason"),
        (wanted(Decision.APPROVE, qty_target=Decimal(10)), MATCH, "10 is entered"),
        (wanted(Decision.NO_CHANGE, note="x", qty_target=Decimal(9)), CARD, "9 is entered"),
        (wanted(Decision.APPROVE), CARD, "invoiced 10, used 12.5"),
        (wanted(Decision.APPROVE), NEW, "invoiced on no line, used 12.5"),
        (wanted(Decision.DISMISS, note="x", bound=Decimal(2)), CARD, "only no_change takes"),
        (wanted(expires_on=date(2027, 1, 1)), CARD, "only no_change takes an expiry or a bound"),
        (wanted(Decision.NO_CHANGE, note="x", bound=Decimal(-1)), CARD, "-1 is no number of units"),
        (wanted(Decision.NO_CHANGE, note="x", bound=Decimal("NaN")), CARD, "NaN is no number"),
        (
            wanted(Decision.NO_CHANGE, note="x", effective_on=date(2027, 1, 1)),
            CARD,
            "only reconcile takes an effective date",
        ),
        (wanted(Decision.APPROVE, effective_on=date(2027, 1, 1)), MATCH, "only reconcile takes"),
    ],
)
def test_impossible_decisions_say_why(item: Wanted, card: Card | None, said: str) -> None:
    """Each refusal names where it stands, what is wrong in a sentence, and the next step."""
    assert said in refusal(item, card).message


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (None, "on version ffff of Acme, Backup, which has changed since: now invoiced 10, used"),
        (Seen(Decimal(8), Decimal("12.5")), "invoiced 8 → 10, used 12.5 as before"),
        (Seen(None, None), "invoiced on no line → 10, used unknown → 12.5"),
        (SEEN, "still invoiced 10, used 12.5, but a price"),
    ],
)
def test_a_stale_version_is_refused_with_old_and_new_numbers(seen: Seen | None, said: str) -> None:
    """A decision on other numbers than today's shows what it was, as far as known, and is."""
    error = refusal(wanted(card_version="ffff", seen=seen))
    assert said in error.message
    assert "decide again" in error.next_step


@pytest.mark.parametrize(
    "seen",
    [
        replace(SEEN, qty_psa=Decimal(11)),
        replace(SEEN, qty_vendor=None),
        replace(SEEN, company_name="Globex"),
        replace(SEEN, company_name="?Acme"),
        replace(SEEN, service_name="Mail"),
    ],
)
def test_a_row_whose_columns_were_sorted_apart_is_refused(seen: Seen) -> None:
    """When the row shows another card than its id names, nobody knows which one was meant."""
    error = refusal(wanted(Decision.DISMISS, note="gone", seen=seen))
    assert "its card_id is that of Acme, Backup" in error.message


def test_a_refusal_without_a_row_begins_with_the_card() -> None:
    """What comes from no file names no line of one."""
    with pytest.raises(PipelineError) as caught:
        check(wanted(Decision.DISMISS, row=""), CARD)
    assert caught.value.message == "Acme, Backup: dismiss needs a reason."


def test_rows_become_cards_lines_and_wishes() -> None:
    """Warehouse rows keep their exact decimals, and unknown stays unknown."""
    row = {name: getattr(CARD, name) for name in CARD.__dataclass_fields__}
    assert Card.from_row({**row, "finding": "under_billed", "reason": "ignored"}) == CARD
    assert Card.from_row({**row, "qty_vendor": None}).qty_vendor is None
    naive = datetime(2026, 11, 22, 2)  # noqa: DTZ001 - as the warehouse gives it
    as_of = Card.from_row({**row, "evidence_as_of": naive}).evidence_as_of
    assert as_of == datetime(2026, 11, 22, 2, tzinfo=UTC)
    plain = {**wanted().__dict__, "decision": "reconcile"}
    assert Wanted.from_row(plain) == wanted()
