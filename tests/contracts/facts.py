"""What the documentation and a world say about one kind of system, and its module does not.

One file per kind beside this one, `facts_<kind>.py`, holds its `FACTS`; a new kind needs such a
file and nothing else here.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from reconcile_pipeline.simulators.serve import SimulatedServer
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.systems.registry import SYSTEMS


@dataclass(frozen=True)
class Facts:
    """What the documentation and the world say about one kind, and its module does not."""

    page_size: int
    size_param: str | Callable[[Mapping[str, str]], str | None]
    """The parameter that holds the size asked for, or what reads it from the parameters."""
    holds: dict[str, Callable[[World], list[Any]]]
    """By list: the ids that a whole pull must land."""
    world_lists: dict[str, str]
    """By list: the world's own list of its records, for those that may shrink alone."""
    in_use: dict[str, Callable[[World], set[Any]]] = field(default_factory=dict)
    """By list: ids that other records of the system need, so that they can't vanish alone."""
    account_of: dict[str, str] = field(default_factory=dict)
    """By usage list: the attribute that holds the account of a record of the world."""
    child_paths: dict[str, str] = field(default_factory=dict)
    """By list without a first request, or on another list's path: a pattern of its paths."""
    empty: bytes = b"[]"
    token_path: str | None = None
    more_tokens: str = r"(?!)"
    """A pattern of the paths where tokens of single customers are issued."""
    tokens: Callable[[World], int] | None = None
    """How many tokens a pull needs, where it is not one for each `token_path`."""
    answers: frozenset[int] = frozenset({200})
    """Statuses that a good pull sees: a refusal can be what is true of one customer."""
    look_up: str = ""
    """A path that is asked once, by GET and without credentials, where the lists are."""
    refuses_keys_with: int = 401
    """The status that wrong keys get: 200 where refusals are told in the body alone."""
    reads_by_post: frozenset[str] = frozenset()
    """Paths whose POST is documented to do nothing but read."""
    moves: bool = False
    """Every call is first answered with where to ask it: it takes two, and faults strike one."""
    made_keys: frozenset[str] = frozenset()
    """Lists whose records get their key from where they stand: none can lack it."""
    calls_in_turn: int = 1
    """How many calls are made one after the other, before several are under way together."""
    names: frozenset[str] = frozenset()
    """Secrets that say who asks rather than prove it: of wrong keys they are the right part."""
    next_path: str = ""
    """A pattern of what the paths of following pages have besides."""
    world_id: Callable[[str], str] = str
    """From the id of a usage record to that of the world's record behind it."""
    smaller_pages: dict[str, int] = field(default_factory=dict)
    """By path: the documented page size of lists that come in smaller pages than the others."""
    single: frozenset[str] = frozenset()
    """Lists whose answers are one record each: none can be empty, or hold a record twice."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ from their defaults, so that our own limits cost no time."""
    prepare: Callable[[SimulatedServer], None] = lambda _server: None
    """Sets a server up so that every list is asked for."""
    announces_totals: bool | frozenset[str] = False
    """Whether lists announce how long they are, or the names of those that do."""
    unpaged: str = r"(?!)"
    """A pattern of paths that come in one piece and take no page size."""
    empty_of: Mapping[str, bytes] = field(default_factory=dict)
    """By list: its empty answer, where that is not `empty`."""
    guarded_by: Mapping[str, str] = field(default_factory=dict)
    """By list: the plan made from it that may not shrink, where that guards it."""
    decode: Callable[[bytes], Any] = json.loads
    """Reads an answer's body, where that is not JSON."""
    encode: Callable[[Any], bytes] = lambda data: json.dumps(data).encode()
    """Writes such a body."""
    is_twin: bool = False
    """The same code base as another kind: its slow twins of that kind's tests run only at night."""
    answered_by: Mapping[str, int] = field(default_factory=dict)
    """By list: the refusal that is an answer there, landed as such: one customer hides its own."""
    proven_by_others: frozenset[str] = frozenset()
    """Lists that may hold nothing, and that other lists contradict when they are emptied."""
    paged: str = ""
    """The list whose pages are moved, cut and emptied while they are read; of pages, if any is."""
    paged_rows: str = ""
    """The world's own list of its records, where `world_lists` does not say."""
    cursor: str = ""
    """Where an answer names its next page: a dotted path in its body, or the header Link."""
    sub_calls: str = ""
    """The list that is asked for one account, agreement or the like at a time."""
    state: tuple[str, str] = ("", "")
    """A list, and the dotted path of a status, class or cycle whose values may become more."""
    without: Mapping[int, str] = field(default_factory=dict)
    """By number of a fault: why it can't happen to this kind. No test of it is made then."""
    is_ordered_by_id: bool = False
    """A record that comes twice breaks the documented order: refused instead of counted once."""

    @property
    def calls_each(self) -> int:
        """Calls that one question takes."""
        return 2 if self.moves else 1

    def empty_answer(self, listed: str) -> bytes:
        """What a list answers that holds nothing."""
        return self.empty_of.get(listed, self.empty)

    def tokens_of(self, world: World) -> int:
        """How many tokens an undisturbed pull asks for."""
        return self.tokens(world) if self.tokens else int(self.token_path is not None)

    def announces(self, listed: str) -> bool:
        """Whether a list says how many records it has."""
        if isinstance(self.announces_totals, bool):
            return self.announces_totals
        return listed in self.announces_totals


def ids(rows: Iterable[Any]) -> list[Any]:
    """Ids of records, or of the rows of a set-up table."""
    return [row["id"] if isinstance(row, dict) else row.id for row in rows]


def load_facts() -> dict[str, Facts]:
    """Facts of every kind that speaks HTTP."""
    kinds = [kind for kind, system in SYSTEMS.items() if system.client is not None]
    return {kind: import_module(f"contracts_bench.facts_{kind}").FACTS for kind in kinds}
