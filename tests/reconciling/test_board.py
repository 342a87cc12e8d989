"""Where a card stands: whose turn it is, what was said, and why it is shown again."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.model import ChangeState, Decision, Finding
from reconcile_pipeline.reconciling.board import (
    ARRIVED,
    STUCK,
    Progress,
    Standing,
    Status,
    standing_of,
    what_moved,
)
from reconcile_pipeline.reconciling.cards import Card

NOVEMBER = date(2026, 11, 1)


@dataclass(frozen=True)
class Basis:
    qty_psa: Decimal | None = Decimal(20)
    qty_vendor: Decimal | None = Decimal(23)
    unit_price: Decimal | None = Decimal("12.50")
    mapping_version: str | None = "m1"


@dataclass(frozen=True)
class Said:
    decision: Decision = Decision.RECONCILE
    qty_target: Decimal | None = None
    decision_id: str = "d1"
    period: str = "2026-11"
    card_version: str = "v1"
    reviewer: str = "ann"
    note: str | None = "because"
    expires_on: date | None = None
    bound: Decimal | None = None
    basis: Basis = field(default_factory=Basis)


CARD = Card(
    period="2026-11",
    card_id="c",
    card_version="v1",
    company_id="1",
    company_name="Acme",
    service_name="Seat",
    finding=Finding.UNDER_BILLED,
    qty_psa=Decimal(20),
    qty_vendor=Decimal(23),
    unit_price=Decimal("12.50"),
    currency="USD",
    amount_delta=None,
    mapping_version="m1",
)
RECONCILED = Said(qty_target=Decimal(23))


def moved(psa: str | None = "20", vendor: str | None = "23", **changes: Any) -> Card:
    """The card after something moved."""
    quantities = {
        "qty_psa": None if psa is None else Decimal(psa),
        "qty_vendor": None if vendor is None else Decimal(vendor),
    }
    return replace(CARD, **({"card_version": "v2"} | quantities | changes))


def standing(
    card: Card, *said: Said, states: tuple[ChangeState, ...] = (), missing: str = ""
) -> Standing:
    progress = {said[-1].decision_id: Progress(states, frozenset(missing.split()))} if said else {}
    return standing_of(card, said, progress, NOVEMBER)


@pytest.mark.parametrize("finding", Finding)
def test_nobody_said_anything(finding: Finding) -> None:
    """Equal counts and unconnected products ask nobody; everything else is open."""
    asks_nobody = finding in (Finding.MATCH, Finding.NOT_CONNECTED)
    found = standing(replace(CARD, finding=finding))
    assert found == Standing(Status.NOTHING_TO_DO if asks_nobody else Status.OPEN)


@pytest.mark.parametrize("decision", [Decision.NO_CHANGE, Decision.DISMISS, Decision.EXCLUDE])
def test_quiet_on_these_numbers(decision: Decision) -> None:
    """A card that was set aside is quiet, with the reason that was given."""
    said = Said(decision)
    assert standing(CARD, said) == Standing(Status.QUIET, said, "because")


def test_the_words_of_the_tables() -> None:
    """Queries and saved filters rest on these words: `review.card_status` never renames them."""
    assert {str(status) for status in Status} == {
        "nothing_to_do",
        "open",
        "reopened",
        "quiet",
        "decided",
        "waiting",
        "needs_person",
        "applied",
    }


def test_quiet_without_a_reason() -> None:
    """Where no reason was written none is shown, on the decided numbers and on later ones."""
    said = Said(Decision.EXCLUDE, note=None)
    assert standing(CARD, said) == Standing(Status.QUIET, said, "")
    assert standing(moved(vendor="24"), said) == Standing(Status.QUIET, said, "")


def test_approved() -> None:
    """An approved card is decided: nothing is to be written for it."""
    said = Said(Decision.APPROVE)
    assert standing(CARD, said) == Standing(Status.DECIDED, said)


@pytest.mark.parametrize("state", ChangeState)
def test_every_state_of_its_change(state: ChangeState) -> None:
    """Stuck or given up needs a person, arrived is applied, all between is decided."""
    found = standing(CARD, RECONCILED, states=(state,))
    expected = Status.DECIDED
    if state in STUCK or state is ChangeState.DROPPED:
        expected = Status.NEEDS_PERSON
    elif state in ARRIVED:
        expected = Status.APPLIED
    assert found.status is expected
    assert found.said is RECONCILED


def test_of_two_changes_the_worse_one_counts() -> None:
    """One stuck line makes the card a person's; one on its way keeps it from being applied."""
    verified, queued, conflict = ChangeState.VERIFIED, ChangeState.QUEUED, ChangeState.CONFLICT
    assert standing(CARD, RECONCILED, states=(verified, conflict)).status is Status.NEEDS_PERSON
    assert standing(CARD, RECONCILED, states=(verified, queued)).status is Status.DECIDED
    assert standing(CARD, RECONCILED, states=(verified, verified)).status is Status.APPLIED


def test_waits_for_confirmations() -> None:
    """A decision that has to be confirmed says what is missing, in words."""
    found = standing(
        CARD, RECONCILED, states=(ChangeState.QUEUED,), missing="zero large second_person"
    )
    assert found.status is Status.WAITING
    assert found.why == "to be confirmed: a large change, four eyes, the line goes to 0"
    stuck = standing(CARD, RECONCILED, states=(ChangeState.REJECTED,), missing="zero")
    assert stuck.status is Status.NEEDS_PERSON


def test_without_a_line_to_write() -> None:
    """A decision that changes no line is decided, not applied: nothing has arrived anywhere."""
    assert standing(CARD, RECONCILED).status is Status.DECIDED


@pytest.mark.parametrize(
    ("card", "why"),
    [
        (moved(psa="21"), "invoiced 20 → 21"),
        (moved(vendor="25"), "used 23 → 25"),
        (moved(vendor=None), "used 23 → unknown"),
        (moved(unit_price=Decimal(13)), "price 12.5 → 13"),
        (moved(mapping_version="m2"), "the mapping of an account or a service"),
        (moved(psa="21", vendor="25"), "invoiced 20 → 21, used 23 → 25"),
        (moved(), "a line behind the counts"),
    ],
)
def test_reopened_with_what_moved(card: Card, why: str) -> None:
    """When numbers move after a decision the card is open again, and it says what moved."""
    found = standing(card, RECONCILED)
    assert found == Standing(Status.REOPENED, RECONCILED, f"changed since: {why}")
    assert what_moved(RECONCILED.basis, card) == ("" if why.startswith("a line") else why)


def test_moved_to_where_nobody_is_asked() -> None:
    """A decided card whose counts became equal asks nobody, and still shows what was said."""
    found = standing(moved(psa="23", finding=Finding.MATCH), RECONCILED)
    assert (found.status, found.said) == (Status.NOTHING_TO_DO, RECONCILED)
    assert found.why == "changed since: invoiced 20 → 23"


@pytest.mark.parametrize(
    ("card", "states", "status"),
    [
        (moved(psa="23"), (ChangeState.VERIFIED,), Status.APPLIED),
        (moved(psa="23"), (ChangeState.PROVED, ChangeState.DONE_BY_HAND), Status.APPLIED),
        (moved(psa="23"), (ChangeState.QUEUED,), Status.REOPENED),
        (moved(psa="23"), (), Status.REOPENED),
        (moved(psa="23", vendor="24"), (ChangeState.VERIFIED,), Status.REOPENED),
        (moved(psa="22"), (ChangeState.VERIFIED,), Status.REOPENED),
    ],
)
def test_after_our_own_write(card: Card, states: tuple[ChangeState, ...], status: Status) -> None:
    """What moved because we wrote it is applied; anything else on top opens the card again."""
    assert standing(card, RECONCILED, states=states).status is status


@pytest.mark.parametrize(
    ("bound", "card", "is_quiet"),
    [
        (None, moved(), True),
        (None, moved(unit_price=Decimal(99)), True),
        (None, moved(vendor="24"), False),
        (None, moved(psa="19", vendor="22"), False),
        ("5", moved(vendor="25"), True),
        ("5", moved(vendor="20"), True),
        ("5", moved(vendor="25.0001"), False),
        ("5", moved(vendor="19"), False),
        ("5", moved(vendor=None), False),
        ("5", moved(psa="18"), True),
        ("0", moved(vendor="20"), True),
        ("0", moved(vendor="21"), False),
    ],
)
def test_no_change_within_its_bound(
    bound: str | None,
    card: Card,
    is_quiet: bool,  # noqa: FBT001
) -> None:
    """Quiet while the difference is between none and the bound; beyond or across zero it wakes."""
    said = Said(Decision.NO_CHANGE, bound=None if bound is None else Decimal(bound))
    found = standing(card, said)
    assert found.status is (Status.QUIET if is_quiet else Status.REOPENED)
    assert found.why == "because" if is_quiet else found.why.startswith("changed since: ")


@pytest.mark.parametrize(
    ("vendor", "is_quiet"), [("17", True), ("15", True), ("14", False), ("20", True), ("21", False)]
)
def test_bound_below(vendor: str, is_quiet: bool) -> None:  # noqa: FBT001
    """An exception for more invoiced than used holds on that side only."""
    basis = Basis(qty_vendor=Decimal(17))
    said = Said(Decision.NO_CHANGE, bound=Decimal(5), basis=basis)
    found = standing(moved(vendor=vendor), said)
    assert found.status is (Status.QUIET if is_quiet else Status.REOPENED)


@pytest.mark.parametrize(
    ("psa", "vendor", "now", "is_quiet"),
    [
        (None, "0", moved(psa=None, vendor="3"), True),
        (None, "0", moved(psa=None, vendor="6"), False),
        ("20", "20", moved(vendor="23"), True),
        ("20", "20", moved(vendor="17"), False),
        ("20", "20.5", moved(vendor="23"), True),
        ("20", "20.5", moved(vendor="17"), False),
        ("20", "19.5", moved(vendor="17"), True),
        ("20", "19.5", moved(vendor="23"), False),
    ],
)
def test_bound_near_nothing(psa: str | None, vendor: str, now: Card, *, is_quiet: bool) -> None:
    """Less than a unit decides the side of an exception; without a difference it is more used."""
    basis = Basis(qty_psa=None if psa is None else Decimal(psa), qty_vendor=Decimal(vendor))
    said = Said(Decision.NO_CHANGE, bound=Decimal(5), basis=basis)
    assert standing(now, said).status is (Status.QUIET if is_quiet else Status.REOPENED)


def test_moved_on_the_last_day_of_an_exception() -> None:
    """An exception that holds to this very day did not end: it is the numbers that moved."""
    said = Said(Decision.NO_CHANGE, expires_on=NOVEMBER, period="2026-10")
    found = standing(moved(vendor="24"), said)
    assert found == Standing(Status.REOPENED, said, "changed since 2026-10: used 23 → 24")


def test_bound_on_an_unknown_count() -> None:
    """An exception made while the use was unknown covers no count that is known later."""
    said = Said(Decision.NO_CHANGE, bound=Decimal(5), basis=Basis(qty_vendor=None))
    assert standing(moved(vendor="21"), said).status is Status.REOPENED


@pytest.mark.parametrize(
    ("expires_on", "is_quiet"),
    [(date(2026, 11, 1), True), (date(2026, 12, 31), True), (date(2026, 10, 31), False)],
)
def test_no_change_expires(expires_on: date, is_quiet: bool) -> None:  # noqa: FBT001
    """An exception of an earlier month holds to its last day; then the card is open again."""
    said = Said(Decision.NO_CHANGE, expires_on=expires_on, period="2026-10")
    found = standing(CARD, said)
    assert found.status is (Status.QUIET if is_quiet else Status.REOPENED)
    if not is_quiet:
        assert found.why == "the exception ended on 2026-10-31"


def test_expired_in_its_own_month() -> None:
    """When the numbers move after an exception ended, it does not keep the card quiet."""
    said = Said(Decision.NO_CHANGE, expires_on=date(2026, 10, 1), bound=Decimal(9))
    assert standing(moved(vendor="24"), said).status is Status.REOPENED


@pytest.mark.parametrize(
    ("said", "card", "status", "why"),
    [
        (Said(Decision.NO_CHANGE), CARD, Status.QUIET, "since 2026-10: because"),
        (Said(Decision.NO_CHANGE, note=None), CARD, Status.QUIET, "since 2026-10:"),
        (
            Said(Decision.NO_CHANGE),
            moved(vendor="24"),
            Status.REOPENED,
            "changed since 2026-10: used 23 → 24",
        ),
        (Said(Decision.EXCLUDE), moved(vendor="99"), Status.QUIET, "since 2026-10: because"),
        (Said(Decision.DISMISS), CARD, Status.OPEN, ""),
        (Said(Decision.APPROVE), CARD, Status.OPEN, ""),
        (RECONCILED, CARD, Status.OPEN, ""),
        (
            Said(Decision.NO_CHANGE),
            moved(psa="23", finding=Finding.MATCH),
            Status.NOTHING_TO_DO,
            "",
        ),
    ],
)
def test_carried_into_the_next_month(said: Said, card: Card, status: Status, why: str) -> None:
    """Exceptions and exclusions go on next month; dismissals, approvals and writes do not."""
    found = standing(card, replace(said, period="2026-10"))
    assert (found.status, found.why) == (status, why)


def test_excluded_until_reversed() -> None:
    """An exclusion holds whatever moves, until it is no standing decision any more."""
    excluded = Said(Decision.EXCLUDE)
    assert standing(moved(psa="1", vendor="900"), excluded).status is Status.QUIET
    assert standing(moved(psa="1", vendor="900")).status is Status.OPEN


def test_the_latest_word_counts() -> None:
    """Of several decisions the one on these very numbers counts, else the latest of this month."""
    old = Said(Decision.EXCLUDE, period="2026-10", decision_id="old")
    first = Said(Decision.NO_CHANGE, decision_id="first")
    other = Said(Decision.DISMISS, decision_id="other", card_version="v0")
    assert standing_of(CARD, [old, first, other], {}, NOVEMBER).said is first
    assert standing_of(moved(vendor="24"), [old, first, other], {}, NOVEMBER).said is other
    assert standing_of(CARD, [old], {}, NOVEMBER).said is old
    later = replace(old, decision=Decision.NO_CHANGE, decision_id="later")
    assert standing_of(CARD, [old, later], {}, NOVEMBER).said is later
