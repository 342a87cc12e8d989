"""What a move to another PSA carries over, and what it can't. Pure: both sides in, a plan out."""

from collections.abc import Mapping as Lookup
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.mappings import Mapping
from reconcile_pipeline.ledger.moves import IdKind, MovedId
from reconcile_pipeline.matching.exact import Named
from reconcile_pipeline.matching.groups import group_members
from reconcile_pipeline.matching.moving import Proposal, propose
from reconcile_pipeline.migrating.sides import Side
from reconcile_pipeline.model import Category, PipelineError

Given = Lookup[str, Lookup[str, str]]
"""By kind (company, product): new ids that a person wrote down, by the old id."""


@dataclass(frozen=True)
class MovePlan:
    """What the move would carry over, and what it can't."""

    source: str
    target: str
    companies: tuple[Proposal, ...]
    """Those that a mapping or a decision speaks of, and every live one."""
    products: tuple[Proposal, ...]
    groups: tuple[MovedId, ...]
    mappings: tuple[Mapping, ...]
    """As they will stand after the move."""
    lost_mappings: tuple[Mapping, ...]
    decisions: tuple[Decided, ...]
    """Standing ones whose company and service are known in the new PSA."""
    lost_decisions: tuple[Decided, ...]

    @property
    def moved(self) -> list[MovedId]:
        """Every id that changes."""
        return [
            *_moved("company", self.companies),
            *_moved("product", self.products),
            *self.groups,
        ]


def make_plan(
    old: Side,
    new: Side,
    in_force: Sequence[Mapping],
    said: Sequence[Decided],
    given: Given,
    *,
    now: datetime,
) -> MovePlan:
    """Work out a move from the mappings in force and the standing decisions.

    Raises:
        PipelineError: `input`, for a given id that the new PSA does not have.
    """
    in_force = [entry for entry in in_force if entry.target_id is not None]
    companies = _proposals(
        _with_named(old.companies, in_force, "account"),
        new.companies,
        given.get("company", {}),
        new.system,
    )
    products = _proposals(
        _with_named(old.products, in_force, "service"),
        new.products,
        given.get("product", {}),
        new.system,
    )
    ids = {"account": _ids(companies), "service": _ids(products)}
    carried = [moved for entry in in_force if (moved := _carried(entry, ids, old.system, now))]
    groups = _moved_groups(old, new, in_force, carried, ids["service"])
    known = {item.from_id for item in groups}

    def is_known(item: Decided) -> bool:
        basis = item.basis
        return basis.company_id in ids["account"] and basis.service_group_id in known

    return MovePlan(
        source=old.system,
        target=new.system,
        companies=tuple(companies),
        products=tuple(products),
        groups=tuple(groups),
        mappings=tuple(carried),
        lost_mappings=tuple(entry for entry in in_force if entry.target_id not in ids[entry.kind]),
        decisions=tuple(item for item in said if is_known(item)),
        lost_decisions=tuple(item for item in said if not is_known(item)),
    )


def _with_named(listed: Sequence[Named], in_force: Sequence[Mapping], kind: str) -> list[Named]:
    """What the PSA lists, and what only a mapping still names."""
    known = {item.id for item in listed}
    gone = {
        entry.target_id: Named(entry.target_id, entry.target_name or "")
        for entry in in_force
        if entry.kind == kind and entry.target_id is not None and entry.target_id not in known
    }
    return [*listed, *gone.values()]


def _proposals(
    items: Sequence[Named], targets: Sequence[Named], given: Lookup[str, str], system: str
) -> list[Proposal]:
    try:
        return propose(items, targets, given)
    except KeyError as error:
        raise PipelineError(
            f"{system} has no company or product with the id {error.args[0]}.",
            next_step="Correct to_id in the file, or leave it empty.",
            category=Category.INPUT,
        ) from None


def _ids(proposals: Sequence[Proposal]) -> dict[str, Named]:
    return {each.item.id: each.target for each in proposals if each.target is not None}


def _carried(
    entry: Mapping, ids: Lookup[str, Lookup[str, Named]], source: str, now: datetime
) -> Mapping | None:
    target = ids[entry.kind].get(entry.target_id or "")
    if target is None:
        return None
    return replace(
        entry,
        target_id=target.id,
        target_name=target.name,
        decided_at=now,
        reason=f"moved from {source} {entry.target_id}; {entry.reason or 'mapped there'}",
    )


def _moved_groups(
    old: Side,
    new: Side,
    before: Sequence[Mapping],
    after: Sequence[Mapping],
    products: Lookup[str, Named],
) -> list[MovedId]:
    """Groups that are one group on both sides; one that falls apart is not carried."""
    names, members = _groups(old, before)
    new_names, new_members = _groups(new, after)
    group_of = {member: group for group, found in new_members.items() for member in found}
    moved = []
    for group, found in members.items():
        targets = {
            group_of[products[item].id]
            for item in found
            if item in products and products[item].id in group_of
        }
        if len(targets) == 1:
            target = targets.pop()
            moved.append(
                MovedId("group", group, names[group], target, new_names[target], "members")
            )
    return moved


def _groups(side: Side, links: Sequence[Mapping]) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Names of the service groups of one PSA, and the products in each."""
    names: dict[str, str] = {}
    members: dict[str, set[str]] = {}
    linked = [
        (entry.system, entry.item_id, entry.item_name, entry.target_id or "")
        for entry in links
        if entry.kind == "service"
    ]
    products = [(side.system, item.id, item.name) for item in side.products]
    for row in group_members(linked, products):
        if row["member_kind"] == "product":
            names[row["service_group_id"]] = row["service_name"]
            members.setdefault(row["service_group_id"], set()).add(row["member_id"])
    return names, members


def _moved(kind: IdKind, proposals: Sequence[Proposal]) -> list[MovedId]:
    return [
        MovedId(kind, each.item.id, each.item.name, each.target.id, each.target.name, each.method)
        for each in proposals
        if each.target is not None
    ]
