"""Do two counts move together, month by month? Evidence beside names, never enough alone.

A month that either side does not know is skipped; it is not zero.
"""

from collections.abc import Mapping
from itertools import pairwise

FEWEST = 3
"""Changes that have to coincide before anything is said."""
HIGHEST_MISSES = 1


def moved_together(one: Mapping[str, float], other: Mapping[str, float]) -> str:
    """A sentence such as “Counts moved together in 5 of 6 months”; "" when they did not.

    Counts that never moved say nothing: half of all customers stay as they are.
    """
    months = sorted(one.keys() & other.keys())
    pairs = list(pairwise(months))
    steps = [(one[after] - one[before], other[after] - other[before]) for before, after in pairs]
    moved = [(mine, yours) for mine, yours in steps if mine or yours]
    together = sum(mine == yours for mine, yours in moved)
    if together < FEWEST or len(moved) - together > HIGHEST_MISSES:
        return ""
    return f"Counts moved together in {together} of {len(moved)} months"
