"""May this be decided? One check for every door: job, file, command line, later the web app.

Pure: a wanted decision and the card as it is now in, the quantity to record out. Recording is
`review.decide`'s work; what follows for the PSA lines is `action_items`'.
"""

from decimal import Decimal

from reconcile_pipeline.model import Category, Decision, Finding, PipelineError
from reconcile_pipeline.reconciling.cards import Card, Line, Seen, Wanted, counts, number
from reconcile_pipeline.reconciling.limits import MOST_UNITS

__all__ = ["MOST_UNITS", "UNPROVEN", "Card", "Line", "Seen", "Wanted", "check"]

_DECIMALS = Decimal("0.0001")

# These findings never carry a number that may be written: what is known is no proof.
UNPROVEN = {
    Finding.NO_VENDOR_FIGURE: (
        "no vendor count is known for it",
        "Map the company's account at the vendor and pull again",
    ),
    Finding.NOT_CONNECTED: (
        "no vendor feeds this product",
        "Map the product to a vendor service and pull again",
    ),
    Finding.STALE_EVIDENCE: (
        "its latest pull failed, so the count may be out of date",
        "Mend the failing pull and pull again",
    ),
    Finding.INCOMPLETE_EVIDENCE: (
        "a vendor behind it has no complete pull in this period",
        "Mend the failing pull and pull again",
    ),
}
_WITHOUT_PROOF = "no_change, dismiss and exclude can be decided now, with a note."


def check(wanted: Wanted, card: Card | None) -> Decimal | None:
    """Return the quantity to record with a decision; None where the decision has none.

    Args:
        wanted: the decision someone asks for.
        card: the card of that id as it is now; None if the period has none.

    Raises:
        PipelineError: `input`, in a sentence with the next step, if it can't be decided so.
    """
    if not wanted.reviewer.strip():
        raise _refused(wanted, "Nobody is named as the reviewer", "Say who decides.")
    if card is None:
        raise _refused(
            wanted,
            f"There is no card “{wanted.card_id[:40]}” in this period",
            "Take the card's id from a fresh export of this period.",
        )
    if wanted.card_version != card.card_version:
        raise _stale(wanted, card)
    _check_same_card(wanted, card)
    _check_extras(wanted, card)
    if wanted.decision is Decision.RECONCILE:
        return _target(wanted, card)
    if wanted.qty_target is not None:
        raise _refused(
            wanted,
            f"{card.title}: {wanted.decision} changes no quantity, but"
            f" {number(wanted.qty_target)} is entered",
            "Decide reconcile to change the quantity, or leave qty_target empty.",
        )
    if wanted.decision is Decision.APPROVE:
        _check_equal(wanted, card)
    elif not (wanted.note or "").strip():
        raise _refused(
            wanted,
            f"{card.title}: {wanted.decision} needs a reason",
            "Write it into the note.",
        )
    return None


def _check_extras(wanted: Wanted, card: Card) -> None:
    """Refuse what does not go with the decision, instead of quietly forgetting it."""
    is_exception = wanted.decision is Decision.NO_CHANGE
    if not is_exception and (wanted.expires_on is not None or wanted.bound is not None):
        raise _refused(
            wanted,
            f"{card.title}: only no_change takes an expiry or a bound",
            "Leave them out, or decide no_change.",
        )
    if wanted.bound is not None and not (wanted.bound.is_finite() and wanted.bound >= 0):
        raise _refused(
            wanted,
            f"{card.title}: {wanted.bound} is no number of units",
            "Write how many units the difference may grow to, 0 or more.",
        )
    if wanted.effective_on is not None and wanted.decision is not Decision.RECONCILE:
        raise _refused(
            wanted,
            f"{card.title}: only reconcile takes an effective date",
            "Leave it out, or decide reconcile.",
        )


def _target(wanted: Wanted, card: Card) -> Decimal:
    if card.finding in UNPROVEN:
        what, mend = UNPROVEN[card.finding]
        raise _refused(
            wanted, f"{card.title} can't be reconciled: {what}", f"{mend}. {_WITHOUT_PROOF}"
        )
    target = card.qty_vendor if wanted.qty_target is None else wanted.qty_target
    if target is None:
        raise _refused(
            wanted,
            f"{card.title} can't be reconciled: no vendor count is known",
            "Enter a qty_target.",
        )
    if not target.is_finite() or not 0 <= target <= MOST_UNITS:
        raise _refused(
            wanted,
            f"{card.title}: {target} is not a quantity between 0 and {MOST_UNITS:,}",
            "Enter the units to invoice as qty_target.",
        )
    if target != target.quantize(_DECIMALS):
        raise _refused(
            wanted,
            f"{card.title}: {target} has more than four decimals",
            "Round qty_target to four decimals.",
        )
    if target == 0 and card.qty_psa is None:
        raise _refused(
            wanted,
            f"{card.title} has no line that could be set to 0",
            "Decide dismiss or exclude, with a note.",
        )
    return Decimal(number(target))


def _check_equal(wanted: Wanted, card: Card) -> None:
    if card.finding in UNPROVEN:
        what, mend = UNPROVEN[card.finding]
        raise _refused(
            wanted,
            f"{card.title} can't be approved: {what}",
            f"{mend}. {_WITHOUT_PROOF}",
        )
    if card.finding is not Finding.MATCH:
        raise _refused(
            wanted,
            f"Approve confirms equal counts, but {card.title} is {counts(card)}",
            "Decide reconcile, or no_change with a note.",
        )


def _check_same_card(wanted: Wanted, card: Card) -> None:
    """Catch a spreadsheet whose columns were sorted apart: the ids are right, the rest is not."""
    seen = wanted.seen
    if seen is None or (
        (seen.qty_psa, seen.qty_vendor) == (card.qty_psa, card.qty_vendor)
        and _is_name(seen.company_name, card.company_name)
        and _is_name(seen.service_name, card.service_name)
    ):
        return
    title = f"{seen.company_name or card.company_name}, {seen.service_name or card.service_name}"
    raise _refused(
        wanted,
        f"The row shows {title}, invoiced {number(seen.qty_psa, 'on no line')}, used"
        f" {number(seen.qty_vendor)}, but its card_id is that of {card.title}, {counts(card)}",
        "Export again, and sort or move whole rows only.",
    )


def _is_name(seen: str | None, name: str) -> bool:
    """Compare as people read: spreadsheets touch spaces, letter case of TRUE, and apostrophes."""
    return seen is None or _plain(seen) == _plain(name)


def _plain(name: str) -> str:
    return " ".join(name.lstrip("'").split()).casefold()


def _stale(wanted: Wanted, card: Card) -> PipelineError:
    seen = wanted.seen
    if seen is None:
        what = (
            f"The decision was made on version {wanted.card_version[:40]} of {card.title}, which"
            f" has changed since: now {counts(card)} (version {card.card_version})"
        )
    elif (seen.qty_psa, seen.qty_vendor) == (card.qty_psa, card.qty_vendor):
        what = (
            f"{card.title} has changed since it was decided: still {counts(card)}, but a price,"
            " a line or the evidence behind the counts is another"
        )
    else:
        what = (
            f"{card.title} has changed since it was decided: invoiced"
            f" {_change(seen.qty_psa, card.qty_psa, 'on no line')}, used"
            f" {_change(seen.qty_vendor, card.qty_vendor, 'unknown')}"
        )
    return _refused(wanted, what, "Look at the numbers as they are now, and decide again.")


def _change(old: Decimal | None, new: Decimal | None, unknown: str) -> str:
    if old == new:
        return f"{number(new, unknown)} as before"
    return f"{number(old, unknown)} → {number(new, unknown)}"


def _refused(wanted: Wanted, what: str, next_step: str) -> PipelineError:
    where = f"{wanted.row}: " if wanted.row else ""
    return PipelineError(f"{where}{what}.", next_step=next_step, category=Category.INPUT)
