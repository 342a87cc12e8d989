"""When a call is repeated, how often, and after what pause. Against a real server."""

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from reconcile_pipeline.http import ApiError, Limits
from reconcile_pipeline.model import Category


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("failures", [1, 5])
@pytest.mark.fault(5)
def test_a_burst_of_failures_is_survived(wire: Any, rig: Any, status: int, failures: int) -> None:
    """Up to five failures in a row change nothing but the number of calls and the waits."""
    wire.queue(*[wire.json({}, status)] * failures, wire.json([1]))
    assert rig.get().data == [1]
    assert len(wire.seen) == rig.client.stats.calls == failures + 1
    assert rig.client.stats.retries == failures
    assert rig.waits == [0.5, 1.0, 2.0, 4.0, 8.0][:failures]


@pytest.mark.parametrize(
    ("status", "category"),
    [
        (408, Category.UNREACHABLE),
        (429, Category.RATE_LIMIT),
        (500, Category.UNREACHABLE),
        (502, Category.UNREACHABLE),
        (503, Category.UNREACHABLE),
        (504, Category.UNREACHABLE),
    ],
)
@pytest.mark.fault(3)
def test_a_failure_for_ever_is_bounded(
    wire: Any, rig: Any, status: int, category: Category
) -> None:
    """A host that never recovers gets exactly `attempts` calls, and the error says how many."""
    wire.queue(wire.json({}, status))
    with pytest.raises(ApiError, match=f"Acme: GET /things answered {status}.*try 4 of 4") as info:
        rig.get(limits=Limits(attempts=4))
    assert (info.value.category, info.value.status) == (category, status)
    assert info.value.is_transient
    assert (len(wire.seen), len(rig.waits)) == (4, 3)


def retry_after_cases(now: datetime) -> Any:
    later = now + timedelta(seconds=30)
    return {
        "7": [7.0],
        " 7 ": [7.0],
        "1.5": [1.5],
        "300": [300.0],
        format_datetime(later, usegmt=True): [30.0],
        "Saturday, 22-Nov-25 12:00:30 GMT": [30.0],
        "0": [0.5],
        "-5": [0.5],
        "soon": [0.5],
        "": [0.5],
        "٣": [0.5],
        "1e3": [0.5],
        "Sat, 99 Foo 2025": [0.5],
        format_datetime(now - timedelta(hours=1), usegmt=True): [0.5],
    }


@pytest.mark.fault(2)
def test_every_form_of_retry_after_is_understood(wire: Any, rig: Any, now: datetime) -> None:
    """Seconds and dates are kept to the second; the past and nonsense mean the usual backoff."""
    for value, expected in retry_after_cases(now).items():
        wire.seen.clear()
        rig.waits.clear()
        limited = wire.raw(
            f"HTTP/1.1 429 X\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode(), "keep"
        )
        wire.queue(limited, wire.json([1]))
        assert rig.get().data == [1]
        assert rig.waits == expected, value
        assert len(wire.seen) == 2
        assert rig.client.stats.throttled_seconds == expected[0]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "until"),
    [
        ("3600", "2025-11-22 13:00 UTC"),
        ("301", "2025-11-22 12:05 UTC"),
        ("Sat, 22 Nov 2025 13:00:00 GMT", "2025-11-22 13:00 UTC"),
        ("9" * 299, "2035-11-20 12:00 UTC"),
    ],
)
@pytest.mark.fault(2)
def test_a_long_retry_after_fails_and_says_until_when(
    wire: Any, rig: Any, status: int, value: Any, until: str
) -> None:
    """A pause above the limit is not waited: the error names the moment to pull again."""
    wire.queue(wire.json({}, status, {"Retry-After": value}))
    with pytest.raises(ApiError, match=until) as info:
        rig.get()
    assert info.value.category is Category.RATE_LIMIT
    assert info.value.wait_seconds > 300
    assert info.value.is_transient
    assert (len(wire.seen), rig.waits) == (1, [])


def test_a_429_without_a_pause_takes_the_one_that_was_set(wire: Any, rig: Any) -> None:
    """Vendors that lock out whoever goes on get their window; a pause they ask for goes first."""
    wire.queue(
        wire.json({}, 429),
        wire.json({}, 429, {"Retry-After": "7"}),
        wire.json({}, 503),
        wire.json([]),
    )
    rig.get(limits=Limits(silent_wait_seconds=60))
    assert rig.waits == [60, 7, 2]


@pytest.mark.fault(5)
def test_backoff_is_full_jitter_up_to_a_cap(wire: Any, rig: Any) -> None:
    """Waits grow from at most 1 s to at most 60 s, and never beyond the longest accepted pause."""
    wire.queue(wire.json({}, 500))
    rig.jitter = 1.0
    with pytest.raises(ApiError):
        rig.get(limits=Limits(attempts=9))
    assert rig.waits == [1, 2, 4, 8, 16, 32, 60, 60]
    rig.waits.clear()
    with pytest.raises(ApiError):
        rig.get(limits=Limits(attempts=5, max_wait_seconds=3))
    assert rig.waits == [1, 2, 3, 3]
