"""Whose word counts when a version of a card was decided before.

One rule, for recording and for telling in advance what recording would do. Pure: what the ledger
knows is handed in.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol


class Turn(Enum):
    """What happens to a decision on a card's version."""

    NEW = auto()
    """It is the first, or the one before was withdrawn."""
    REPLACES = auto()
    """A person's word replaces a policy's of which nothing was sent."""
    SAME = auto()
    """It was said before; nothing happens."""
    CONFLICT = auto()
    """Something else was said before, and stands."""


class Said(Protocol):
    """A decision, as far as the rule looks at it."""

    @property
    def decision_id(self) -> str: ...  # noqa: D102 - the field's name says it
    @property
    def content(self) -> tuple[object, ...]: ...  # noqa: D102
    @property
    def is_by_policy(self) -> bool: ...  # noqa: D102


def turn_after(
    last: Said | None,
    said: Said,
    *,
    is_withdrawn: Callable[[str], bool],
    was_sent: Callable[[str], bool],
) -> Turn:
    """Judge a decision by the latest one on the same version of the same card.

    Args:
        last: that latest decision, withdrawn or not; None when there is none.
        said: the decision that comes in.
        is_withdrawn: whether a decision was taken back.
        was_sent: whether anything of a decision was ever about to be sent.
    """
    if last is None or is_withdrawn(last.decision_id):
        return Turn.NEW
    if last.content == said.content:
        return Turn.SAME
    if last.is_by_policy and not said.is_by_policy and not was_sent(last.decision_id):
        return Turn.REPLACES
    return Turn.CONFLICT
