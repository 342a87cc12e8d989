"""What a digest is about: counts and money of one month, as plain values.

Made from questions to the published tables (`sql/asks/digest_*.sql`); no words, no channel, no
clock. Money stays with its currency: nothing here adds two of them up.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb

from reconcile_pipeline.digest.failures import Failure
from reconcile_pipeline.periods import last_day
from reconcile_pipeline.reality import ask
from reconcile_pipeline.settings_notify import Event


@dataclass(frozen=True)
class FindingMoney:
    """The open cards of one finding in one currency; money per billing cycle, never below 0."""

    finding: str
    currency: str | None
    cards: int
    not_invoiced: Decimal
    invoiced_too_much: Decimal
    unpriced: int
    """Cards whose money is unknown."""


@dataclass(frozen=True)
class NamedCard:
    """One of the dearest open cards; names come from outside, and may hold anything."""

    company: str
    service: str
    finding: str
    amount: Decimal | None
    currency: str | None


@dataclass(frozen=True)
class WrittenMoney:
    """What verified changes bring in and give back per billing cycle, in one currency."""

    currency: str | None
    recovered: Decimal
    relieved: Decimal


@dataclass(frozen=True)
class Written:
    """How far the month's line changes got."""

    verified: int = 0
    stuck: int = 0
    done_by_hand: int = 0
    left_by_hand: int = 0
    waiting: int = 0
    moved_at: datetime | None = None
    """When the last of them moved."""
    money: tuple[WrittenMoney, ...] = ()


@dataclass(frozen=True)
class Numbers:
    """What the published tables say of one month."""

    cards_open: int = 0
    cards_decided: int = 0
    findings: tuple[FindingMoney, ...] = ()
    unmapped_accounts: int = 0
    unmapped_services: int = 0
    written: Written = Written()
    dearest: tuple[NamedCard, ...] = ()
    """Empty unless names are allowed."""


@dataclass(frozen=True)
class Content:
    """Everything one digest may say."""

    event: Event
    period: str
    today: date
    """In the billing time zone."""
    numbers: Numbers | None
    """None before anything was published."""
    failures: tuple[Failure, ...] = ()
    is_closed: bool = False
    has_names: bool = False
    link: str | None = None
    """Where the cards can be decided."""

    @property
    def days_left(self) -> int:
        """Days until the month's last day; below 0 once it has ended."""
        return (last_day(self.period) - self.today).days


def read_numbers(connection: duckdb.DuckDBPyConnection, period: str, *, has_names: bool) -> Numbers:
    """Ask the published tables; names are only read where they are allowed."""
    is_open, decided, accounts, services = ask(connection, "digest_numbers", period)[0]
    dearest = ask(connection, "digest_top", period) if has_names else []
    return Numbers(
        cards_open=is_open,
        cards_decided=decided,
        findings=tuple(FindingMoney(*row) for row in ask(connection, "digest_findings", period)),
        unmapped_accounts=accounts,
        unmapped_services=services,
        written=_written(connection, period),
        dearest=tuple(NamedCard(*row) for row in dearest),
    )


def _written(connection: duckdb.DuckDBPyConnection, period: str) -> Written:
    *counts, moved_at = ask(connection, "digest_written", period)[0]
    money = ask(connection, "money_recovered", period)
    verified, stuck, done_by_hand, left_by_hand, waiting = counts
    return Written(
        verified,
        stuck,
        done_by_hand,
        left_by_hand,
        waiting,
        # The tables hold UTC without saying so.
        moved_at=moved_at.replace(tzinfo=UTC) if moved_at else None,
        money=tuple(WrittenMoney(*row[:3]) for row in money),
    )
