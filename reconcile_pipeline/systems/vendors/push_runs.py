"""Runs: which count posts of a script belong together, and which of them may be believed whole.

Scripts of the compatible API post one count per customer and service and never a zero, so only a
whole run can tell that somebody uses nothing any more. Pure functions over posts in their order.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

Pair = tuple[str, str]
"""(account id, service id)"""
LEAST_SHARE = 2
"""A run with fewer counts than one part in so many of the run before is not believed."""


@dataclass(frozen=True)
class Post:
    """One count post; or, without a pair, one that was refused and so is missing from its run."""

    order: int
    """The number of its batch: posts are taken in the order in which they were kept."""
    batch_id: str
    received_at: datetime
    pair: Pair | None
    quantity: Decimal = Decimal(0)
    period: str = ""
    is_built: bool = True
    """Sent without no_build=true: the last of its run, if others came before with it."""
    is_start: bool = False
    """No post at all: the server was started, and posts may have been lost before."""


@dataclass(eq=False)
class Run:
    """A series of posts; `ended_at` is None while more may come."""

    posts: list[Post] = field(default_factory=list)
    refused: int = 0
    ended_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def run_id(self) -> str:
        """The batch of its first post."""
        return self.posts[0].batch_id

    @property
    def period(self) -> str:
        """The month it began in: a run over midnight belongs to one month."""
        return self.posts[0].period

    @property
    def order(self) -> int:
        """The batch after which it was whole."""
        return self.posts[-1].order

    @property
    def pairs(self) -> set[Pair]:
        """Everything it counted."""
        return {post.pair for post in self.posts if post.pair}

    @property
    def services(self) -> set[str]:
        """Every service it counted somewhere."""
        return {service for _account, service in self.pairs}

    @property
    def in_use(self) -> int:
        """Pairs whose last count in this run is above zero."""
        last = {post.pair: post.quantity for post in self.posts}
        return sum(1 for quantity in last.values() if quantity > 0)


@dataclass(frozen=True)
class Verdict:
    """What an ended run may say of customers that it does not name."""

    services: frozenset[str]
    """The services it speaks for: its own, and those its script pushed before."""
    is_believed: bool
    """That they use nothing any more."""
    doubted_against: int | None = None
    """How many pairs were in use before, if this run has less than half of them."""


def split_runs(posts: Iterable[Post], gap: timedelta, now: datetime) -> list[Run]:
    """Part posts, given in their order, into runs.

    A run ends with the first post that is not no_build after posts that were, or when nothing
    came for `gap`. Runs of which every post was refused hold nothing and are left out.
    """
    runs: list[Run] = []
    run = Run()
    is_unbuilt = False
    for post in posts:
        if run.last_at and post.received_at - run.last_at > gap:
            _end(runs, run, run.last_at + gap)
            run, is_unbuilt = Run(), False
        if post.is_start and not run.posts:
            continue
        run.last_at = post.received_at
        if post.pair is None:
            run.refused += 1
            continue
        run.posts.append(post)
        if is_unbuilt and post.is_built:
            _end(runs, run, post.received_at)
            run, is_unbuilt = Run(), False
        elif not post.is_built:
            is_unbuilt = True
    if run.last_at:
        is_over = now - run.last_at > gap
        _end(runs, run, run.last_at + gap if is_over else None)
    return runs


def _end(runs: list[Run], run: Run, ended_at: datetime | None) -> None:
    if run.posts:
        run.ended_at = ended_at
        runs.append(run)


def judge(runs: Iterable[Run], accepted: Collection[str] = ()) -> dict[str, Verdict]:
    """Tell of every ended run, by its id, what it speaks for and whether that is believed.

    Two scripts that push different services into one integration never share a service: what one
    of them does not name says nothing about the other's customers. A run that lost posts, or that
    holds less than half of what was in use before, is not believed unless a person accepted it.
    """
    scripts: list[tuple[frozenset[str], int]] = []
    verdicts: dict[str, Verdict] = {}
    for run in runs:
        if run.ended_at is None:
            continue
        own = [script for script in scripts if script[0] & run.services]
        services = frozenset(run.services).union(*(script[0] for script in own))
        before = sum(script[1] for script in own)
        is_small = run.in_use * LEAST_SHARE < before and run.run_id not in accepted
        is_believed = not is_small and not run.refused
        doubted_against = before if is_small else None
        verdicts[run.run_id] = Verdict(services, is_believed, doubted_against)
        if is_believed:
            scripts = [script for script in scripts if script not in own]
            scripts.append((services, run.in_use))
    return verdicts
