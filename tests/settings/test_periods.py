"""Billing periods: which month is open, and into which one counts may be pulled."""

from datetime import UTC, date, datetime

import pytest

from reconcile_pipeline import periods
from reconcile_pipeline.model import Category, PipelineError

NEW_YORK = "America/New_York"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("now", "timezone", "period"),
    [
        (utc(2026, 12, 1, 4, 59), NEW_YORK, "2026-11"),
        (utc(2026, 12, 1, 5, 0), NEW_YORK, "2026-12"),
        (utc(2026, 11, 30, 10, 0), "Pacific/Kiritimati", "2026-12"),
        (utc(2026, 12, 1, 10, 59), "Pacific/Pago_Pago", "2026-11"),
        (utc(2026, 12, 31, 23, 30), "UTC", "2026-12"),
        (utc(2027, 1, 1, 0, 0), "UTC", "2027-01"),
    ],
)
@pytest.mark.fault(49)
def test_the_open_period_is_the_month_of_the_billing_time_zone(
    now: datetime, timezone: str, period: str
) -> None:
    """A month begins and ends at midnight of the billing time zone, not of UTC."""
    assert periods.open_period(now, timezone) == period


def test_an_instant_without_time_zone_is_refused() -> None:
    """Nobody's local time silently decides which month is open."""
    with pytest.raises(ValueError, match="time zone"):
        periods.open_period(datetime(2026, 11, 22), NEW_YORK)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("period", "last"),
    [
        ("2026-02", date(2026, 2, 28)),
        ("2028-02", date(2028, 2, 29)),
        ("2026-04", date(2026, 4, 30)),
        ("2026-12", date(2026, 12, 31)),
        ("9999-12", date(9999, 12, 31)),
    ],
)
@pytest.mark.fault(50)
def test_a_period_has_the_days_of_its_month(period: str, last: date) -> None:
    """First and last day follow the calendar, leap years and year ends included."""
    assert periods.first_day(period) == last.replace(day=1)
    assert periods.last_day(period) == last


@pytest.mark.fault(50)
def test_neighbours_cross_the_year() -> None:
    """December is followed by January of the next year, and the other way round."""
    assert periods.next_period("2026-12") == "2027-01"
    assert periods.previous_period("2027-01") == "2026-12"
    assert periods.next_period(periods.previous_period("2026-06")) == "2026-06"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-13",
        "2026-00",
        "2026-1",
        "26-01",
        "2026/01",
        "2026-01-01",
        " 2026-01",
        "\u0662\u0660\u0662\u0666-01",
        "0000-01",
    ],
)
def test_malformed_periods_are_refused_with_the_right_form(text: str) -> None:
    """What is not YYYY-MM is never read as some month."""
    with pytest.raises(PipelineError, match="YYYY-MM") as caught:
        periods.first_day(text)
    assert caught.value.category is Category.INPUT


@pytest.mark.parametrize(
    ("now", "is_grace"),
    [
        (utc(2026, 11, 1, 5), False),
        (utc(2026, 11, 30, 23), False),
        (utc(2026, 12, 1, 5), True),
        (utc(2026, 12, 4, 4, 59), True),
    ],
)
@pytest.mark.fault(49)
def test_counts_may_be_pulled_in_the_month_and_its_grace_days(
    now: datetime, *, is_grace: bool
) -> None:
    """The month itself is open, and the grace days after it are marked as such."""
    assert periods.check_pullable("2026-11", now, NEW_YORK, 3) is is_grace


@pytest.mark.parametrize("now", [utc(2026, 12, 4, 5), utc(2027, 11, 15)])
@pytest.mark.fault(55)
def test_a_closed_period_is_refused(now: datetime) -> None:
    """Today's counts are never stored as those of a month that ended."""
    with pytest.raises(PipelineError, match="2026-11 is closed") as caught:
        periods.check_pullable("2026-11", now, NEW_YORK, 3)
    assert caught.value.category is Category.INPUT
    assert periods.open_period(now, NEW_YORK) in caught.value.next_step


def test_without_grace_days_a_period_closes_at_midnight() -> None:
    """Zero grace days are kept too."""
    with pytest.raises(PipelineError, match="closed"):
        periods.check_pullable("2026-11", utc(2026, 12, 1, 5), NEW_YORK, 0)


def test_a_future_period_is_refused() -> None:
    """A month that has not begun in the billing time zone can't have counts."""
    with pytest.raises(PipelineError, match="not begun"):
        periods.check_pullable("2026-12", utc(2026, 12, 1, 4, 59), NEW_YORK, 3)
