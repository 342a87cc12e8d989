"""New mappings for the ledger: from the person's file, and from exact names seen the first time.

Pure: gets what is known, gives what has to be appended. A mapping made by hand is never
overruled by the file, and nothing is overruled by an exact name.
"""

from collections.abc import Mapping as Lookup
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reconcile_pipeline.ledger.count_rules import RuleEntry
from reconcile_pipeline.ledger.mappings import Mapping
from reconcile_pipeline.matching.exact import Match, Named, exact_matches
from reconcile_pipeline.matching.mapping_file import MappingRow
from reconcile_pipeline.model import Category, PipelineError

EXACT_RULE = "rule:exact_name"
BY_HAND = ("manual", "suggested")
"""A suggestion is a person's mapping once a person has accepted it."""

Item = tuple[str, str, str]
"""(kind, system, id)"""


@dataclass(frozen=True)
class Seen:
    """What the period's evidence shows; companies and products are the live ones."""

    accounts: Sequence[Named]
    services: Sequence[Named]
    """Countable services only: a no-term twin must never be matched by name."""
    companies: Sequence[Named]
    products: Sequence[Named]


def from_file(
    rows: Sequence[MappingRow],
    seen: Seen,
    in_force: Sequence[Mapping],
    *,
    name: str,
    at: datetime,
) -> list[Mapping]:
    """Entries for the file's lines that say something new; an unknown target is refused.

    While the PSA shows nothing at all, its pull has failed and no target can be told unknown:
    the file waits.
    """
    if not seen.companies and not seen.products:
        return []
    known = {entry.place: entry for entry in in_force}
    by_hand: dict[Item, list[Mapping]] = {}
    for entry in in_force:
        if entry.method in BY_HAND:
            by_hand.setdefault(entry.place[:3], []).append(entry)
    names = {("account", item.system, item.id): item.name for item in seen.accounts}
    names |= {("service", item.system, item.id): item.name for item in seen.services}
    targets = {
        "account": {item.id: item.name for item in seen.companies},
        "service": {item.id: item.name for item in seen.products},
    }
    entries = []
    for row in rows:
        entry = _imported(row, names, targets[row.kind], name=name, at=at)
        if entry.says_the_same_as(known.get(entry.place)) or _is_overruled(entry, by_hand):
            continue
        if row.target_id and row.target_id not in targets[row.kind]:
            raise _unknown_target(row, name)
        entries.append(entry)
    return entries


def rules_from_file(
    rows: Sequence[MappingRow],
    in_force: Lookup[tuple[str, str], RuleEntry],
    *,
    name: str,
    at: datetime,
) -> list[RuleEntry]:
    """Entries for the rules in the file that are new; a file without the column says nothing."""
    said = {
        (row.system, row.item_id): row.rule
        for row in rows
        if row.kind == "service" and row.state == "mapped" and row.rule is not None
    }
    return [
        RuleEntry(system, service_id, rule, name, at)
        for (system, service_id), rule in said.items()
        if rule != (known.rule if (known := in_force.get((system, service_id))) else "")
    ]


def from_exact_names(seen: Seen, in_force: Sequence[Mapping], *, at: datetime) -> list[Mapping]:
    """Entries for accounts and services nobody decided about whose name is a live target's."""
    decided = {(entry.kind, entry.system, entry.item_id) for entry in in_force}
    pairs: Lookup[str, list[Match]] = {
        "account": exact_matches(
            [item for item in seen.accounts if ("account", item.system, item.id) not in decided],
            seen.companies,
        ),
        "service": exact_matches(
            [item for item in seen.services if ("service", item.system, item.id) not in decided],
            seen.products,
        ),
    }
    return [
        Mapping(
            kind=kind,
            system=match.item.system,
            item_id=match.item.id,
            item_name=match.item.name,
            target_id=match.target.id,
            target_name=match.target.name,
            state="mapped",
            method="exact",
            decided_by=EXACT_RULE,
            decided_at=at,
            reason="The names are identical.",
        )
        for kind, matches in pairs.items()
        for match in matches
    ]


def _imported(
    row: MappingRow, names: Lookup[Item, str], targets: Lookup[str, str], *, name: str, at: datetime
) -> Mapping:
    return Mapping(
        kind=row.kind,
        system=row.system,
        item_id=row.item_id,
        item_name=row.item_name or names.get((row.kind, row.system, row.item_id), row.item_id),
        target_id=row.target_id,
        target_name=targets.get(row.target_id or ""),
        state=row.state,
        method="imported",
        decided_by=name,
        decided_at=at,
        reason=row.reason,
        leg=row.leg,
        multiplier=row.multiplier,
    )


def _is_overruled(entry: Mapping, by_hand: Lookup[Item, list[Mapping]]) -> bool:
    """Somebody decided otherwise about the same account or link, or about all of the service."""
    return any(
        hand.place == entry.place or None in (hand.place[3], entry.place[3])
        for hand in by_hand.get(entry.place[:3], ())
    )


def _unknown_target(row: MappingRow, name: str) -> PipelineError:
    what = "company" if row.kind == "account" else "product"
    return PipelineError(
        f"{name}, line {row.line}: the PSA has no live {what} with the id {row.target_id}.",
        next_step=f"Correct target_id; core.{'companies' if what == 'company' else 'products'}"
        " lists the ids. Until then nothing new is published.",
        category=Category.INPUT,
    )
