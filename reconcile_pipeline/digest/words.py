"""What a digest says: a subject and a few short parts, the same in Slack, Teams and mail.

Names and reasons come from outside and are made harmless here; how a channel escapes text is that
channel's. Without permission for names, only our own words, numbers and ids appear.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from reconcile_pipeline.digest.content import Content, FindingMoney, Numbers, Written
from reconcile_pipeline.digest.failures import QUARANTINED, UNFORESEEN, Failure
from reconcile_pipeline.model import Category, Finding
from reconcile_pipeline.settings_notify import Event

LONGEST_NAME = 60
LONGEST_LINE = 240
MOST_LINES = 10
"""Of one part; a digest is a nudge, not a report."""
_JOINER = "\N{WORD JOINER}"
_RISKY = re.compile(r"(?<=@)|(?<=/)(?=/)|(?<=www)(?=\.)")
FINDINGS = {
    Finding.UNDER_BILLED: "Under-billed",
    Finding.OVER_BILLED: "Over-billed",
    Finding.NEW_REVENUE: "New revenue",
    Finding.NO_VENDOR_FIGURE: "No vendor figure",
    Finding.STALE_EVIDENCE: "Stale evidence",
    Finding.INCOMPLETE_EVIDENCE: "Incomplete evidence",
    Finding.NOT_CONNECTED: "Not connected",
    Finding.MATCH: "Match",
}
_AGAIN = "run `reconcile pull --system {system}`"
FAILURES = {
    Category.CREDENTIALS: ("refuses our keys", f"Renew its keys in .env, then {_AGAIN}."),
    Category.PERMISSION: (
        "does not let our API user read everything",
        f"Ask its administrator for the missing right, then {_AGAIN}.",
    ),
    Category.RATE_LIMIT: ("takes no more requests", f"At a quieter hour, {_AGAIN}."),
    Category.SHAPE: (
        "answers with something unexpected",
        "Run `reconcile check`: it says what came and what to correct.",
    ),
    Category.INCOMPLETE: ("did not answer completely", f"Later today, {_AGAIN}."),
    Category.UNREACHABLE: ("can't be reached", f"Check its status page, then {_AGAIN}."),
    Category.SETTINGS: ("is not set up completely", "Run `reconcile check`: it names the setting."),
    Category.STORAGE: ("can't be stored on our computer", f"Make room there, then {_AGAIN}."),
    Category.INPUT: ("holds a file that can't be read", f"Correct the file, then {_AGAIN}."),
    Category.CANCELLED: ("was not read to its end: somebody cancelled it", f"To go on, {_AGAIN}."),
    Category.CONFLICT: ("was being changed meanwhile", f"Later today, {_AGAIN}."),
    QUARANTINED: (
        "shows far less than before, so its pull is held back",
        "Look at it; if it is right, run `reconcile accept {pull_id} --reason WHY`.",
    ),
    UNFORESEEN: ("failed in a way nobody foresaw", "Run `reconcile check`, and report it."),
}
"""What happened and what to do, in words that name no customer."""


@dataclass(frozen=True)
class Part:
    """One heading with its lines."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Letter:
    """A digest in words; plain text throughout, nothing in it is markup."""

    subject: str
    parts: tuple[Part, ...]
    link: str | None = None


def write_letter(content: Content, timezone: str) -> Letter:
    """Put the content into words; instants are told in the billing time zone."""
    numbers = content.numbers
    about_pulls = [Part("Systems", _capped(_failures(content, timezone)))]
    about_review = [] if numbers is None else list(_review(numbers))
    if content.event is Event.PULL_FAILED:
        parts = about_pulls
    elif content.event is Event.WRITE_BACK_DONE and numbers is not None:
        parts = [Part("Write-back", _capped(_written(numbers.written))), *about_review]
    else:
        parts = [*about_review, *about_pulls]
    return Letter(_subject(content), tuple(part for part in parts if part.lines), content.link)


def plain_text(letter: Letter) -> str:
    """The letter as text, for terminals, mails and notifications."""
    blocks = [
        "\n".join([part.title, *(f"- {line}" for line in part.lines)]) for part in letter.parts
    ]
    if letter.link:
        blocks.append(f"Review: {letter.link}")
    return "\n\n".join([letter.subject, *blocks])


def harmless(text: str, longest: int = LONGEST_NAME) -> str:
    """Make a text from outside fit for one line: no controls, no mention, no link, not too long."""
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    line = " ".join(shown.split())
    cut = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return _RISKY.sub(_JOINER, cut)


def _subject(content: Content) -> str:
    numbers = content.numbers or Numbers()
    if content.event is Event.PULL_FAILED:
        names = [failure.system for failure in content.failures]
        shown = ", ".join(names[:3]) + (" …" if len(names) > len(names[:3]) else "")
        return f"{_count(len(names), 'system')} can't be read: {shown}"
    if content.event is Event.WRITE_BACK_DONE:
        written = numbers.written
        return f"Write-back of {content.period}: {written.verified} verified, {written.stuck} stuck"
    waiting = f"{_count(numbers.cards_open, 'open card')} in {content.period}"
    if content.event is Event.TWO_DAYS_LEFT:
        left = content.days_left
        return f"{_count(left, 'day')} left: {waiting}" if left else f"Last day: {waiting}"
    return f"Review is ready: {waiting}"


def _review(numbers: Numbers) -> Iterator[Part]:
    told = f"{_count(numbers.cards_open, 'card')} open, {numbers.cards_decided:,} decided."
    lines = [told]
    if numbers.unmapped_accounts or numbers.unmapped_services:
        lines.append(
            f"Unmapped: {_count(numbers.unmapped_accounts, 'vendor account')} and"
            f" {_count(numbers.unmapped_services, 'vendor service')} reach no card."
        )
    yield Part("Review", tuple(lines))
    yield Part("Money per billing cycle", _capped([_finding(each) for each in numbers.findings]))
    named = [
        f"{harmless(card.company)}: {harmless(card.service)}, {_label(card.finding)},"
        f" {_money(card.amount, card.currency)}"
        for card in numbers.dearest
    ]
    yield Part("The dearest open cards", _capped(named))


def _finding(row: FindingMoney) -> str:
    sums = []
    if row.not_invoiced:
        sums.append(f"{_money(row.not_invoiced, row.currency)} used and not invoiced")
    if row.invoiced_too_much:
        sums.append(f"{_money(row.invoiced_too_much, row.currency)} invoiced and not used")
    if row.unpriced:
        sums.append(f"for {_count(row.unpriced, 'card')} unknown")
    cards = _count(row.cards, "card")
    return f"{_label(row.finding)}: {cards}, {'; '.join(sums) or _money(Decimal(0), row.currency)}"


def _failures(content: Content, timezone: str) -> list[str]:
    zone = ZoneInfo(timezone)
    lines = []
    for failure in content.failures:
        what, next_step = _told(failure)
        if content.has_names and failure.reason:
            what = f"– {harmless(failure.reason, LONGEST_LINE // 2)}"
            next_step = harmless(failure.next_step, LONGEST_LINE // 2)
        since = f"{failure.since.astimezone(zone):%Y-%m-%d %H:%M}"
        used = failure.used
        kept = f"in use: {used.astimezone(zone):%Y-%m-%d %H:%M}" if used else "counts unknown"
        lines.append(
            f"{failure.system} {what} ({failure.category}; since {since}; {kept}). {next_step}"
        )
    return lines


def _told(failure: Failure) -> tuple[str, str]:
    what, next_step = FAILURES.get(failure.category, FAILURES[UNFORESEEN])
    return what, next_step.format(system=failure.system, pull_id=failure.pull_id)


def _written(written: Written) -> list[str]:
    moved = f"{_count(written.verified, 'change')} verified, {written.stuck:,} stuck"
    lines = [f"{moved}, {written.done_by_hand:,} done by hand."]
    if written.stuck:
        lines.append("Look at what is stuck: `reconcile changes`.")
    if written.left_by_hand:
        lines.append(f"{_count(written.left_by_hand, 'item')} left for a person to do by hand.")
    if written.waiting:
        lines.append(f"{_count(written.waiting, 'change')} still to be written.")
    lines += [
        f"Per billing cycle, verified: {_money(row.recovered, row.currency)} more invoiced,"
        f" {_money(row.relieved, row.currency)} less."
        for row in written.money
    ]
    return lines


def _capped(lines: list[str]) -> tuple[str, ...]:
    shown = lines[:MOST_LINES]
    more = len(lines) - len(shown)
    return (*shown, f"… and {more} more.") if more else tuple(shown)


def _label(finding: str) -> str:
    return FINDINGS[Finding(finding)]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _money(value: Decimal | None, currency: str | None) -> str:
    if value is None:
        return "money unknown"
    return f"{value:,.2f} {currency or '(no currency)'}"
