"""What rules may decide without a person, and that it is never anything that gets written."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_pipeline.model import Decision, Finding
from reconcile_pipeline.reconciling.cards import Card
from reconcile_pipeline.reconciling.policies import Policy, Tolerance, judge


def make_card(
    qty_psa: str | None, qty_vendor: str | None, price: str | None = "2", **changes: object
) -> Card:
    psa = None if qty_psa is None else Decimal(qty_psa)
    vendor = None if qty_vendor is None else Decimal(qty_vendor)
    delta = None if vendor is None else vendor - (psa or 0)
    amount = None if price is None or delta is None else delta * Decimal(price)
    finding = Finding.MATCH
    if psa is None:
        finding = Finding.NEW_REVENUE
    elif delta:
        finding = Finding.UNDER_BILLED if delta > 0 else Finding.OVER_BILLED
    card = Card(
        period="2026-11",
        card_id="c",
        card_version="v",
        company_id="1",
        company_name="Acme",
        service_name="Seat",
        finding=finding,
        qty_psa=psa,
        qty_vendor=vendor,
        unit_price=None if price is None else Decimal(price),
        currency="USD",
        amount_delta=amount,
    )
    return replace(card, **changes)  # type: ignore[arg-type]


def tolerance(units: str = "0", percent: str = "0", money: str = "0") -> Tolerance:
    return Tolerance(Decimal(units), Decimal(percent), Decimal(money))


@pytest.mark.parametrize(
    ("allowed", "card", "is_covered"),
    [
        (tolerance(), make_card("100", "101"), False),
        (tolerance(units="2"), make_card("100", "102"), True),
        (tolerance(units="2"), make_card("100", "98"), True),
        (tolerance(units="2"), make_card("100", "102.0001"), False),
        (tolerance(percent="5"), make_card("100", "105"), True),
        (tolerance(percent="5"), make_card("100", "105.0001"), False),
        (tolerance(percent="5"), make_card("0", "1"), False),
        (tolerance(percent="5"), make_card(None, "1"), False),
        (tolerance(money="10"), make_card("100", "105"), True),
        (tolerance(money="10"), make_card("100", "105.01"), False),
        (tolerance(money="10"), make_card("100", "94"), False),
        (tolerance(money="10"), make_card("100", "101", None), False),
        (tolerance(units="9", money="10"), make_card("100", "106"), False),
        (tolerance(units="3", money="10"), make_card("100", "104"), False),
        (tolerance(units="9", percent="3"), make_card("100", "104"), False),
        (tolerance(units="9", percent="9", money="10"), make_card("100", "105"), True),
        (tolerance(units="2"), make_card("100", "101", None), True),
        (tolerance(units="2", money="10"), make_card("100", "101", None), False),
        (tolerance(units="2", percent="5"), make_card("0", "1"), False),
        (tolerance(units="2"), make_card("0", "1"), True),
        (tolerance(units="2"), make_card("100", None), False),
    ],
)
def test_every_measure_that_is_set_must_hold(
    allowed: Tolerance,
    card: Card,
    is_covered: bool,  # noqa: FBT001
) -> None:
    """A difference is small only by all measures; one that can't be taken does not hold."""
    assert allowed.covers(card) is is_covered


def test_up_and_down_are_apart() -> None:
    """What is tolerated above says nothing about what is tolerated below."""
    more, less = make_card("100", "101"), make_card("100", "99")
    up, down = Policy(up=tolerance(units="1")), Policy(down=tolerance(units="1"))
    assert (judge(more, up) is None, judge(less, up) is None) == (False, True)
    assert (judge(more, down) is None, judge(less, down) is None) == (True, False)


def test_says_who_and_why() -> None:
    """The decider is the rule with its version; the note says the numbers."""
    policy = Policy(approves_equal=True, up=tolerance(units="1"), down=tolerance(units="1"))
    equal, small = judge(make_card("5.0", "5"), policy), judge(make_card("5", "4"), policy)
    assert equal is not None
    assert (equal.decision, equal.note) == (Decision.APPROVE, "Both sides count 5.")
    assert equal.reviewer == f"policy:equal_counts@{policy.version}"
    assert small is not None
    assert small.decision is Decision.NO_CHANGE
    assert small.reviewer == f"policy:tolerance@{policy.version}"
    assert "-1 is within" in small.note


def test_off_unless_switched_on() -> None:
    """Without rules no card is decided, not even an equal one."""
    assert judge(make_card("5", "5"), Policy()) is None
    assert judge(make_card("5", "6"), Policy(approves_equal=True)) is None
    tiny = make_card("1000", "1001", "0.01")
    assert judge(tiny, Policy(down=tolerance(units="9"))) is None


@pytest.mark.parametrize(
    "other",
    [
        Policy(approves_equal=True, up=tolerance(units="1")),
        Policy(up=tolerance(units="2")),
        Policy(up=tolerance(percent="1")),
        Policy(up=tolerance(money="1")),
        Policy(down=tolerance(units="1")),
    ],
)
def test_version_changes_with_the_rules(other: Policy) -> None:
    """Each changed rule gives another version, eight letters; the same rules the same one."""
    policy = Policy(up=tolerance(units="1"))
    assert policy.version == Policy(up=tolerance(units="1")).version
    assert policy.version != other.version
    assert len(policy.version) == len(other.version) == 8


measures = st.decimals(0, 10_000, places=2)
tolerances = st.builds(Tolerance, units=measures, percent=measures, money=measures)


@settings(deadline=None)
@given(
    card=st.builds(
        make_card,
        st.none() | st.integers(0, 1000).map(str),
        st.none() | st.integers(0, 1000).map(str),
        st.none() | st.integers(0, 1000).map(str),
        finding=st.sampled_from(Finding),
    ),
    policy=st.builds(Policy, approves_equal=st.booleans(), up=tolerances, down=tolerances),
)
def test_never_decides_what_would_be_written(card: Card, policy: Policy) -> None:
    """Whatever the rules: approve for equal counts, no_change for known ones, and nothing else."""
    judgement = judge(card, policy)
    if judgement is None:
        return
    assert judgement.decision in (Decision.APPROVE, Decision.NO_CHANGE)
    if judgement.decision is Decision.APPROVE:
        assert card.finding is Finding.MATCH
    else:
        assert card.finding in (Finding.UNDER_BILLED, Finding.OVER_BILLED)
        assert card.qty_vendor is not None
    assert judgement.reviewer.startswith("policy:")
