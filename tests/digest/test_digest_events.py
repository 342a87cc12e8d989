"""Events: when there is something to tell, with which numbers; a failure is told once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.digest.content import FindingMoney, read_numbers
from reconcile_pipeline.digest.words import plain_text
from reconcile_pipeline.ledger.accepted import accept_pull
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.closings import close_period
from reconcile_pipeline.model import ChangeState, PullState
from reconcile_pipeline.settings_notify import Event

PERIOD = "2026-11"
NIGHT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def on(day: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, 9, 0, tzinfo=UTC)


def told(office: Any, event: Event, at: datetime) -> bool:
    office.now = at
    return bool(office.tell(event).outcomes)


def test_the_numbers_are_the_tables_numbers(desk: Any) -> None:
    """Open and decided cards, unmapped items, and money in its own currency, never added up."""
    numbers = read_numbers(desk.connection, PERIOD, has_names=False)
    assert (numbers.cards_open, numbers.cards_decided) == (2, 1)
    assert (numbers.unmapped_accounts, numbers.unmapped_services) == (1, 0)
    assert numbers.findings == (
        FindingMoney("under_billed", "EUR", 1, Decimal(400), Decimal(0), 0),
        FindingMoney("under_billed", "USD", 1, Decimal(30), Decimal(0), 0),
    )
    assert numbers.dearest == ()


def test_names_are_read_only_where_they_are_allowed(desk: Any) -> None:
    """The dearest cards come with names, dearest first, when [notify] says so."""
    numbers = read_numbers(desk.connection, PERIOD, has_names=True)
    assert [card.amount for card in numbers.dearest] == [400, 30]
    assert numbers.dearest[1].company.startswith("<!channel>")


def test_written_changes_are_told_with_their_money(desk: Any, office: Any) -> None:
    """Verified and stuck changes of today, and verified money per currency."""
    assert "Nothing was written back" in str(office.tell(Event.WRITE_BACK_DONE).silent_because)
    cards = desk.cards()
    desk.decide(desk.wanted(cards["up"]), desk.wanted(cards["euro"]))
    states = {"ldown": ChangeState.VERIFIED, "lup": ChangeState.VERIFIED}
    for change in desk.changes():
        desk.write(change, states.get(change.line_id, ChangeState.CONFLICT))
    desk.fill()
    office.publish(desk)
    office.now = on(22)
    text = plain_text(office.tell(Event.WRITE_BACK_DONE).letter)
    assert "Write-back of 2026-11: 2 verified, 1 stuck" in text
    assert "verified: 30.00 USD more invoiced, 5.00 USD less." in text
    assert "EUR" not in text
    office.now = on(23)
    assert "Nothing was written back" in str(office.tell(Event.WRITE_BACK_DONE).silent_because)


@pytest.mark.parametrize(("day", "is_due"), [(23, False), (24, True), (30, True)])
def test_review_is_ready_in_the_last_week_only(office: Any, day: int, *, is_due: bool) -> None:
    """The month's last seven days, its last day included."""
    assert told(office, Event.REVIEW_READY, on(day)) is is_due


def test_two_days_before_the_last_day_is_told_once_a_month(office: Any) -> None:
    """Not three days before; and not again on the days that make up for a missed one."""
    days = [told(office, Event.TWO_DAYS_LEFT, on(day)) for day in (27, 28, 28, 29, 30)]
    assert days == [False, True, False, False, False]


def test_a_missed_day_is_made_up_for(office: Any) -> None:
    """A machine that was off on the 28th tells it on the 29th, with the day that is left."""
    office.now = on(29)
    digest = office.tell(Event.TWO_DAYS_LEFT)
    assert digest.outcomes
    assert digest.letter.subject == "1 day left: 2 open cards in 2026-11"
    assert not told(office, Event.TWO_DAYS_LEFT, on(1, 12))


@pytest.mark.fault(49)
def test_days_are_those_of_the_billing_time_zone(office: Any) -> None:
    """23:30 UTC on the 27th is the 28th in Berlin, where this MSP bills."""
    assert not told(office, Event.TWO_DAYS_LEFT, datetime(2026, 11, 27, 22, 30, tzinfo=UTC))
    assert told(office, Event.TWO_DAYS_LEFT, datetime(2026, 11, 27, 23, 30, tzinfo=UTC))


def test_nothing_open_is_nothing_to_tell(desk: Any, office: Any) -> None:
    """With every card decided nobody is bothered."""
    cards = desk.cards()
    desk.decide(desk.wanted(cards["up"]), desk.wanted(cards["euro"]))
    desk.fill()
    office.publish(desk)
    for event in (Event.REVIEW_READY, Event.TWO_DAYS_LEFT):
        office.now = on(28)
        assert office.tell(event).silent_because == "No card waits for a decision."
    assert office.slack.seen == []


def test_a_closed_month_is_silent(office: Any) -> None:
    """Once a month is closed, none of its events is told."""
    office.pull("sophos", NIGHT, "unreachable")
    stamp = Stamp("ann", NIGHT - timedelta(days=1), "tests")
    close_period(
        office.site.ledger, PERIOD, evidence=(), cards_digest="made up", reason="", stamp=stamp
    )
    for event in Event:
        office.now = on(28)
        assert office.tell(event).silent_because == "2026-11 is closed."


def test_before_anything_is_published_failures_are_told_all_the_same(office: Any) -> None:
    """A first run that fails is just when somebody has to know."""
    office.site.state.published.unlink()
    assert office.tell(Event.REVIEW_READY).silent_because == "Nothing is published yet."
    assert "Every system's" in str(office.tell(Event.PULL_FAILED).silent_because)
    office.pull("sophos", NIGHT, "credentials")
    digest = office.tell(Event.PULL_FAILED)
    assert digest.letter.subject == "1 system can't be read: sophos"
    (line,) = digest.letter.parts[0].lines
    assert line == (
        "sophos refuses our keys (credentials; since 2026-11-24 03:00; counts unknown)."
        " Renew its keys in .env, then run `reconcile pull --system sophos`."
    )


def test_a_failure_is_told_once_and_says_since_when(office: Any) -> None:
    """The second night of the same failure is silent; another one beside it is news."""
    office.pull("sophos", NIGHT - timedelta(days=2))
    office.pull("sophos", NIGHT - timedelta(days=1), "unreachable")
    assert told(office, Event.PULL_FAILED, NIGHT)
    office.pull("sophos", NIGHT, "unreachable")
    assert not told(office, Event.PULL_FAILED, on(25))
    office.pull("huntress", NIGHT, "permission")
    office.now = on(25)
    text = plain_text(office.tell(Event.PULL_FAILED).letter)
    assert "2 systems can't be read: huntress, sophos" in text
    assert "since 2026-11-23 03:00; in use: 2026-11-22 03:00" in text
    assert "since 2026-11-24 03:00; counts unknown" in text


def test_a_failure_that_comes_back_is_a_new_one(office: Any) -> None:
    """Mended and broken again, or broken in another way: told again."""
    office.pull("sophos", NIGHT, "unreachable")
    assert told(office, Event.PULL_FAILED, NIGHT)
    office.pull("sophos", NIGHT + timedelta(days=1))
    assert not told(office, Event.PULL_FAILED, NIGHT + timedelta(days=1))
    office.pull("sophos", NIGHT + timedelta(days=2), "unreachable")
    assert told(office, Event.PULL_FAILED, NIGHT + timedelta(days=2))
    office.pull("sophos", NIGHT + timedelta(days=3), "credentials")
    assert told(office, Event.PULL_FAILED, NIGHT + timedelta(days=3))


def test_a_quarantined_pull_names_the_command_that_accepts_it(office: Any) -> None:
    """Somebody has to look, and can act from the message."""
    manifest = office.pull("sophos", NIGHT, "incomplete", state=PullState.QUARANTINED)
    text = plain_text(office.tell(Event.PULL_FAILED).letter)
    assert f"reconcile accept {manifest.pull_id} --reason WHY" in text
    assert "(quarantined; " in text


def test_the_month_of_a_digest_is_asked_for(office: Any) -> None:
    """Another month's cards and failures are its own."""
    office.now = datetime(2026, 12, 28, 9, 0, tzinfo=UTC)
    digest = office.tell(Event.REVIEW_READY, "2026-12")
    assert digest.silent_because == "No card waits for a decision."
    assert digest.content.today == date(2026, 12, 28)


def test_a_failure_begins_with_its_own_kind(office: Any) -> None:
    """Two nights unreachable, then refused keys: the refusal is told since its own first night."""
    for days, category in ((3, "unreachable"), (2, "unreachable"), (1, "credentials")):
        office.pull("sophos", NIGHT - timedelta(days=days), category)
    office.pull("sophos", NIGHT, "credentials")
    (failure,) = office.tell(Event.PULL_FAILED).content.failures
    assert failure.since == NIGHT - timedelta(days=1)


def test_a_failure_begins_after_the_pull_in_use(office: Any) -> None:
    """A shrunken pull that a person accepted is in use: the next one held back is a new failure."""
    accepted = office.pull(
        "sophos", NIGHT - timedelta(days=1), "incomplete", state=PullState.QUARANTINED
    )
    stamp = Stamp("ann", NIGHT - timedelta(hours=20), "tests")
    accept_pull(office.site.ledger, accepted.pull_id, reason="They left.", stamp=stamp)
    assert not told(office, Event.PULL_FAILED, NIGHT)
    office.pull("sophos", NIGHT, "incomplete", state=PullState.QUARANTINED)
    (failure,) = office.tell(Event.PULL_FAILED).content.failures
    assert (failure.since, failure.used) == (NIGHT, accepted.finished_at)
