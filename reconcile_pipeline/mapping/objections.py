"""A proposal, and what can be said against it without looking at who else has decided what.

Each objection is one sentence and one next step. Pure: gets rows, gives words.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from reconcile_pipeline.ledger.mappings import Item
from reconcile_pipeline.matching.mapping_file import LEGS, MOST_DECIMALS, TOO_LARGE
from reconcile_pipeline.model import Category, PipelineError

TARGETS = {"account": "company", "service": "product"}


@dataclass(frozen=True)
class Proposal:
    """One account or service, and what shall become of it."""

    kind: str
    """account or service."""
    system: str
    item_id: str
    target_id: str | None
    """The PSA company or product; None excludes the item."""
    reason: str | None = None
    leg: str = "usage"
    multiplier: Decimal = Decimal(1)
    basis: int | None = None
    """Number of the item's newest entry on the page (0: it had none); None: don't look."""
    is_removal: bool = False
    """Take back what stands: an account becomes unmapped, a service loses the link to target_id
    (without one: all its links, or its exclusion)."""
    method: str = "manual"
    """manual, or suggested for a suggestion that a person accepted."""

    @property
    def item(self) -> Item:
        """What it is about: kind, system, id."""
        return (self.kind, self.system, self.item_id)


def malformed(proposal: Proposal, name: str) -> PipelineError | None:
    """What is wrong with the proposal itself."""
    if proposal.kind not in TARGETS:
        return _wrong(f"“{proposal.kind}” can't be mapped.", "Choose an account or a service.")
    if not proposal.is_removal and not proposal.target_id and not (proposal.reason or "").strip():
        return _wrong(
            f"{name} is to be excluded, and nobody says why.",
            "Write a reason: it is asked for when the numbers are checked.",
        )
    if proposal.leg not in LEGS:
        return _wrong(f"{name} can't feed “{proposal.leg}”.", f"Choose one of {', '.join(LEGS)}.")
    factor = proposal.multiplier
    if (
        not factor.is_finite()
        or not 0 < factor < TOO_LARGE
        or factor != round(factor, MOST_DECIMALS)
    ):
        return _wrong(
            f"{name} can't count {factor} times.",
            "Write a number above 0 with at most four decimals.",
        )
    if proposal.kind == "account" and (proposal.leg != "usage" or factor != 1):
        return _wrong(
            f"{name} is an account: it has no leg and no multiplier.",
            "Set them on the service instead.",
        )
    return None


def unknown(
    proposal: Proposal, *, is_known: bool, target: dict[str, Any] | None
) -> PipelineError | None:
    """The vendor does not show the item, or the PSA not the target."""
    if not is_known:
        return _wrong(
            f"{proposal.system} shows no {proposal.kind} with the id {proposal.item_id}.",
            "Open the page again: the last pull may have dropped it.",
        )
    if proposal.target_id and target is None and not proposal.is_removal:
        what = TARGETS[proposal.kind]
        return _wrong(
            f"The PSA shows no {what} with the id {proposal.target_id}.",
            f"Choose a {what} from the list; a new one appears after the next pull.",
        )
    return None


def contradiction(proposal: Proposal, name: str) -> PipelineError:
    """Another proposal of the same batch says something else about it."""
    return _wrong(
        f"{name} is proposed twice, and the two can't both hold.",
        f"Keep one line for this {proposal.kind}.",
    )


def warnings_about(
    proposal: Proposal, item: dict[str, Any] | None, target: dict[str, Any] | None, name: str
) -> tuple[str, ...]:
    """What a person should know and may save all the same."""
    found = []
    if item is None:
        found.append(f"The vendor does not list {name} any more.")
    elif not item["is_countable"] and proposal.target_id:
        found.append(f"{name} is the version without a term, which has no count of its own.")
    if target is not None and target["excluded_reason"] and not proposal.is_removal:
        if proposal.kind == "account":
            found.append(
                f"{target['name']} is out of billing ({target['excluded_reason']}):"
                f" {name} stays unmapped until it is back."
            )
        else:
            found.append(f"{target['name']} is {target['excluded_reason']} in the PSA.")
    return tuple(found)


def _wrong(message: str, next_step: str) -> PipelineError:
    return PipelineError(message, next_step=next_step, category=Category.INPUT)
