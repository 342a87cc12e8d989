"""A mapping as a form says it, and as a preview hands it on to its own saving.

Handing on carries no trust: what comes back is checked against the ledger like anything typed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from reconcile_pipeline.mapping.propose import Proposal
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.web.desk import Call


@dataclass(frozen=True)
class Target:
    """A company or product that can be chosen."""

    id: str
    name: str

    @property
    def label(self) -> str:
        """As it is written into the field: names may be double, ids are not."""
        return f"{self.name} ({self.id})"


def choice_of(call: Call, kind: str, targets: Sequence[Target]) -> Proposal:
    """One row's form: mapped to what was typed, excluded with a reason, or taken off.

    Raises:
        PipelineError: `input`, when what was typed names nothing, or several.
    """
    action = call.text("action") or "map"
    basis = call.text("basis")
    target_id = call.text("target_id") or None
    if action == "map":
        target_id = _chosen(call.text("target"), kind, targets)
    return Proposal(
        kind=kind,
        system=call.text("system"),
        item_id=call.text("item"),
        target_id=target_id if action != "exclude" else None,
        reason=call.text("reason") or None,
        leg=call.text("leg") or "usage",
        multiplier=_factor(call.text("multiplier")),
        basis=int(basis) if basis.isdigit() else None,
        is_removal=action == "remove",
        method="suggested" if call.text("suggested") else "manual",
    )


def packed(proposal: Proposal) -> str:
    """A proposal as the value of a hidden field."""
    values = {**vars(proposal), "multiplier": str(proposal.multiplier)}
    return json.dumps(values, sort_keys=True)


def unpacked(text: str) -> Proposal:
    """A proposal out of a hidden field; `input` error for one that was tampered with."""
    try:
        values = json.loads(text)
        return Proposal(**{**values, "multiplier": Decimal(values["multiplier"])})
    except (ValueError, TypeError, KeyError, InvalidOperation) as error:
        raise PipelineError(
            "The form does not hold what the preview put into it.",
            next_step="Go back to the mapping page and choose again.",
            category=Category.INPUT,
        ) from error


def _chosen(text: str, kind: str, targets: Sequence[Target]) -> str:
    """The id that a typed text means: its own label, an id, or a name that only one has."""
    what = "company" if kind == "account" else "product"
    if not text:
        raise PipelineError(
            f"No {what} is chosen.",
            next_step=f"Type a part of its name and take it from the list, or drag a {what} here.",
            category=Category.INPUT,
        )
    wanted = text.casefold()
    found = {target.id for target in targets if wanted in (target.label.casefold(), target.id)}
    if not found:
        found = {target.id for target in targets if wanted == target.name.casefold()}
    if len(found) == 1:
        return found.pop()
    raise PipelineError(
        f"“{text[:80]}” is {'the name of several' if found else 'no'} {what} in billing.",
        next_step="Take it from the list, where its id stands behind the name.",
        category=Category.INPUT,
    )


def _factor(text: str) -> Decimal:
    try:
        return Decimal(text or "1")
    except InvalidOperation as error:
        raise PipelineError(
            f"“{text[:40]}” is no number of units.",
            next_step="Enter how many PSA units one vendor unit is, such as 1 or 0.5.",
            category=Category.INPUT,
        ) from error
