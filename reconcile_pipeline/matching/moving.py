"""Which company or product of one PSA is which in another: by name, or as a person said.

Pure. A wrong guess would bill a stranger, so nothing that is ambiguous on either side is guessed.
"""

import difflib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reconcile_pipeline.matching.exact import Named

MOST_NEAR = 3
_NEAR = 0.75


@dataclass(frozen=True)
class Proposal:
    """One item of the PSA that is left, and what it is in the new one."""

    item: Named
    target: Named | None
    method: str
    """name, spelling (equal but for case, spaces and punctuation), person, or "" without one."""
    near: tuple[str, ...] = ()
    """Names that look alike, for a person to choose from; empty where there is a target."""


def propose(
    items: Sequence[Named], targets: Sequence[Named], given: Mapping[str, str]
) -> list[Proposal]:
    """Find each item's counterpart, in the order of the items.

    `given` are ids that a person wrote down, by the item's id; "" says that it has none.
    Raises KeyError for a given id that no target has.
    """
    by_id = {target.id: target for target in targets}
    by_name = _unique(items, targets, lambda name: name)
    by_spelling = _unique(items, targets, _spelling)
    names = [target.name for target in targets]
    found = []
    for item in items:
        if item.id in given:
            target = by_id[given[item.id]] if given[item.id] else None
            found.append(Proposal(item, target, "person" if target else ""))
        elif item.name in by_name:
            found.append(Proposal(item, by_name[item.name], "name"))
        elif _spelling(item.name) in by_spelling:
            found.append(Proposal(item, by_spelling[_spelling(item.name)], "spelling"))
        else:
            near = difflib.get_close_matches(item.name, names, n=MOST_NEAR, cutoff=_NEAR)
            found.append(Proposal(item, None, "", tuple(dict.fromkeys(near))))
    return found


def _unique(
    items: Sequence[Named], targets: Sequence[Named], key: Callable[[str], str]
) -> dict[str, Named]:
    """Targets by a key that one item and one target have, and no other of either."""
    of_items = Counter(key(item.name) for item in items)
    of_targets = Counter(key(target.name) for target in targets)
    return {
        key(target.name): target
        for target in targets
        if key(target.name)
        and of_targets[key(target.name)] == 1
        and of_items[key(target.name)] == 1
    }


def _spelling(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())
