"""Read mappings.csv: the mappings a person keeps in a spreadsheet.

Pure: text in, rows out, every mistake named with its line. What is new goes to the ledger
elsewhere.
"""

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from reconcile_pipeline.matching.count_rules import CountRule, CountRuleError
from reconcile_pipeline.model import Category, PipelineError

COLUMNS = (
    "kind",
    "system",
    "id",
    "name",
    "target_id",
    "leg",
    "multiplier",
    "state",
    "reason",
    "rule",
)
NEEDED = ("kind", "system", "id", "target_id", "state")
LEGS = ("usage", "purchased", "invoiced")
MOST_DECIMALS = 4
TOO_LARGE = 10**9
_NUMBER = "Write a number above 0 with at most four decimals."


@dataclass(frozen=True)
class MappingRow:
    """One line of the file, checked."""

    line: int
    kind: str
    system: str
    item_id: str
    item_name: str
    target_id: str | None
    leg: str
    multiplier: Decimal
    state: str
    reason: str | None
    rule: str | None
    """The count rule as text; None where the file has no such column and so says nothing."""


def read_mapping_file(text: str, *, name: str, systems: Collection[str]) -> list[MappingRow]:
    """Parse and check the whole file; raises PipelineError naming the first wrong line."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        return _rows(reader, name, systems)
    except csv.Error as error:
        # The inner reader's number: the outer one's is still that of the last good line.
        line = reader.reader.line_num
        raise _wrong(name, line, str(error), "Save it again as CSV (UTF-8).") from error


def _rows(reader: "csv.DictReader[str]", name: str, systems: Collection[str]) -> list[MappingRow]:
    header = reader.fieldnames or []
    missing = [column for column in NEEDED if column not in header]
    if missing:
        raise _wrong(
            name, 1, f"the header lacks {', '.join(missing)}", f"Columns: {', '.join(COLUMNS)}."
        )
    rows: list[MappingRow] = []
    seen: dict[tuple[str, str, str], dict[str | None, int]] = {}
    rules: dict[tuple[str, str], MappingRow] = {}
    for values in reader:
        if not any(isinstance(value, str) and value.strip() for value in values.values()):
            continue
        row = _check(values, reader.line_num, name, systems)
        _refuse_contradiction(row, seen.setdefault((row.kind, row.system, row.item_id), {}), name)
        _refuse_other_rule(row, rules, name)
        rows.append(row)
    return rows


def _refuse_other_rule(
    row: MappingRow, rules: dict[tuple[str, str], MappingRow], name: str
) -> None:
    """A rule belongs to the service: the lines of its several products say the same."""
    if row.kind != "service" or row.state != "mapped":
        return
    other = rules.setdefault((row.system, row.item_id), row)
    if other.rule != row.rule:
        what = f"service {row.item_id} has another rule in line {other.line}"
        raise _wrong(name, row.line, what, "Write the same rule in all lines of a service.")


def _refuse_contradiction(row: MappingRow, others: dict[str | None, int], name: str) -> None:
    """An account has one line; a service has one per product, or a single one that excludes it."""
    stands_alone = row.kind == "account" or row.target_id is None or None in others
    line = next(iter(others.values()), None) if stands_alone else others.get(row.target_id)
    if line is not None:
        what = f"{row.kind} {row.item_id} stands in line {line} already"
        raise _wrong(name, row.line, what, "Keep one of the two lines.")
    others[row.target_id] = row.line


def _check(
    values: dict[str | None, str | list[str] | None], line: int, name: str, systems: Collection[str]
) -> MappingRow:
    if None in values or None in values.values():
        raise _wrong(name, line, "it has more or fewer fields than the header", "Mend that line.")
    cells = {str(key): str(value).strip() for key, value in values.items()}
    kind, state = cells["kind"], cells["state"]
    if kind not in ("account", "service"):
        raise _wrong(name, line, f"kind is “{kind}”", "Write account or service.")
    if cells["system"] not in systems:
        known = ", ".join(sorted(systems))
        raise _wrong(name, line, f"there is no system “{cells['system']}”", f"Systems: {known}.")
    if not cells["id"]:
        raise _wrong(
            name, line, "id is empty", "Copy the vendor's id from core.accounts or core.services."
        )
    if state not in ("mapped", "excluded"):
        raise _wrong(name, line, f"state is “{state}”", "Write mapped or excluded.")
    if (state == "mapped") != bool(cells["target_id"]):
        raise _wrong(
            name,
            line,
            "a mapped line needs a target_id and an excluded one must have none",
            "Fill in or clear target_id.",
        )
    leg = cells.get("leg") or "usage"
    if leg not in LEGS:
        raise _wrong(name, line, f"leg is “{leg}”", f"Write one of {', '.join(LEGS)}.")
    return MappingRow(
        line=line,
        kind=kind,
        system=cells["system"],
        item_id=cells["id"],
        item_name=cells.get("name", ""),
        target_id=cells["target_id"] or None,
        leg=leg,
        multiplier=_multiplier(cells.get("multiplier") or "1", name, line),
        state=state,
        reason=cells.get("reason") or None,
        rule=_rule(cells, name, line),
    )


def _rule(cells: dict[str, str], name: str, line: int) -> str | None:
    if "rule" not in cells:
        return None
    if cells["rule"] and (cells["kind"], cells["state"]) != ("service", "mapped"):
        raise _wrong(name, line, "only a mapped service has a rule", "Clear rule in that line.")
    try:
        return CountRule.parse(cells["rule"]).text or ""
    except CountRuleError as error:
        raise _wrong(name, line, error.what, error.next_step) from error


def _multiplier(cell: str, name: str, line: int) -> Decimal:
    try:
        value = Decimal(cell)
    except InvalidOperation as error:
        raise _wrong(name, line, f"multiplier is “{cell}”", _NUMBER) from error
    if not value.is_finite() or not 0 < value < TOO_LARGE or value != round(value, MOST_DECIMALS):
        raise _wrong(name, line, f"multiplier is “{cell}”", _NUMBER)
    return value


def _wrong(name: str, line: int, what: str, next_step: str) -> PipelineError:
    return PipelineError(
        f"{name}, line {line}: {what}.", next_step=next_step, category=Category.INPUT
    )
