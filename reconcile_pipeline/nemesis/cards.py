"""The cards of the game: what a service's lines and its vendor's count look like on the board.

Much simpler than the real cards, and made without any of their code: no warehouse, no mapping.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from reconcile_pipeline.model import Finding
from reconcile_pipeline.nemesis.oracle import Shown
from reconcile_pipeline.nemesis.psas import Psa
from reconcile_pipeline.reconciling.cards import Card, Line
from reconcile_pipeline.review.reading import Behind

UNPROVEN = {Finding.NO_VENDOR_FIGURE, Finding.STALE_EVIDENCE}


@dataclass
class Service:
    """One company's service: its lines, and what its vendor counts just now."""

    name: str
    lines: tuple[str, ...]
    count: int | None = 4
    is_stale: bool = False


def behind_of(
    psa: Psa, service: Service, period: str, shown: dict[str, Decimal], began: datetime
) -> Behind:
    """The card of a service as a pull shows it, with its lines; equal numbers, equal version."""
    qty_psa = sum((shown[line] for line in service.lines), Decimal(0))
    vendor = None if service.count is None else Decimal(service.count)
    finding = _finding(qty_psa, vendor, is_stale=service.is_stale)
    price = psa.price_of[service.lines[0]]
    says = "|".join(f"{line}={shown[line]}" for line in service.lines)
    version = hashlib.sha256(f"{finding}|{says}|{vendor}|{price}".encode()).hexdigest()[:12]
    card = Card(
        period=period,
        card_id=f"{period}/{service.name}",
        card_version=version,
        company_id=service.name,
        company_name=f"Company {service.name}",
        service_name="Seats",
        finding=finding,
        qty_psa=qty_psa,
        qty_vendor=vendor,
        unit_price=price,
        currency="USD",
        amount_delta=None if vendor is None else (vendor - qty_psa) * price,
        service_group_id="seats",
        mapping_version="m1",
        evidence_as_of=began,
    )
    return Behind(card, [_line(psa, line, shown[line]) for line in service.lines])


def _line(psa: Psa, line: str, qty: Decimal) -> Line:
    return Line(
        line_id=line,
        agreement_id=psa.agreement_of[line],
        name="Seats",
        qty=qty,
        qty_included=None,
        unit_price=psa.price_of[line],
        effective_on=None,
        currency="USD",
        system="our_psa",
    )


def shown_of(behind: Behind) -> Shown:
    """The same for the oracle."""
    card = behind.card
    if card.evidence_as_of is None:
        raise RuntimeError("the game's cards have evidence")
    return Shown(
        card.period,
        card.card_id,
        card.card_version,
        card.qty_vendor is not None and card.finding not in UNPROVEN,
        card.evidence_as_of,
        {line.line_id: line.qty for line in behind.lines},
    )


def _finding(qty_psa: Decimal, vendor: Decimal | None, *, is_stale: bool) -> Finding:
    if vendor is None:
        return Finding.NO_VENDOR_FIGURE
    if is_stale:
        return Finding.STALE_EVIDENCE
    if vendor == qty_psa:
        return Finding.MATCH
    return Finding.UNDER_BILLED if vendor > qty_psa else Finding.OVER_BILLED
