"""The month that is still open can be run: on its first day, in its middle, on its last evening."""

from datetime import UTC, datetime

import pytest

from reconcile_pipeline.assets.common import monthly


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        ("2026-11-01T00:00:01", "2026-11"),
        ("2026-11-15T12:00:00", "2026-11"),
        ("2026-11-30T23:59:59", "2026-11"),
        ("2028-02-29T23:00:00", "2028-02"),
        ("2026-12-31T23:59:59", "2026-12"),
    ],
)
@pytest.mark.fault(50, 56)
def test_the_open_month_is_offered(now: str, newest: str) -> None:
    """The newest partition is the month of that moment, and no later one is there."""
    months = monthly("2026-01", "UTC")
    keys = months.get_partition_keys(current_time=datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert keys[-1] == newest


@pytest.mark.parametrize(
    ("zone", "instant", "newest"),
    [
        ("Pacific/Kiritimati", "2026-10-31T10:30:00", "2026-11"),
        ("Asia/Kolkata", "2026-10-31T18:29:00", "2026-10"),
        ("Europe/Berlin", "2026-10-31T23:30:00", "2026-11"),
        ("America/New_York", "2026-11-01T03:59:00", "2026-10"),
        ("Pacific/Pago_Pago", "2026-11-01T10:59:00", "2026-10"),
        ("UTC", "2026-11-01T00:00:00", "2026-11"),
    ],
)
@pytest.mark.fault(49, 56)
def test_the_month_is_that_of_the_billing_zone(zone: str, instant: str, newest: str) -> None:
    """Around the world a month begins at its own midnight, not at that of UTC."""
    months = monthly("2026-01", zone)
    at = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert months.get_partition_keys(current_time=at)[-1] == newest
