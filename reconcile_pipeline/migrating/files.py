"""The files of a move: the ids a person may correct, and the mapping file with its new ids."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from reconcile_pipeline.matching.moving import Proposal
from reconcile_pipeline.migrating.plan import MovePlan
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.review.cells import guard, unguard
from reconcile_pipeline.settings import Settings

COLUMNS = ("kind", "from_id", "from_name", "to_id", "to_name", "method", "looks_like")
_KINDS = ("company", "product")


def write_ids(plan: MovePlan, path: Path) -> None:
    """Write every company and product with its counterpart, for a person to correct."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for kind, proposals in (("company", plan.companies), ("product", plan.products)):
        writer.writerows(_row(kind, each) for each in proposals)
    _write(path, text.getvalue())


def read_ids(path: Path) -> dict[str, dict[str, str]]:
    """Read such a file back: by kind, the new id of each old one; "" for none.

    Raises:
        PipelineError: `input`, when it is no such file, naming the line.
    """
    found: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS}
    reader = csv.DictReader(io.StringIO(_read(path)))
    missing = {"kind", "from_id", "to_id"} - set(reader.fieldnames or ())
    if missing:
        raise _wrong(path, 1, f"the header lacks {', '.join(sorted(missing))}")
    for row in reader:
        kind, old = (row["kind"] or "").strip(), unguard((row["from_id"] or "").strip())
        if kind not in found or not old:
            raise _wrong(path, reader.line_num, "it names no company or product")
        found[kind][old] = unguard((row["to_id"] or "").strip())
    return found


def move_mapping_file(settings: Settings, plan: MovePlan) -> Path | None:
    """Replace the ids in the mapping file; the old file is kept beside it.

    Always made from the kept one, so that a move made twice comes out the same. Lines whose
    target has no counterpart are left out: the plan lists them.
    """
    path = settings.mappings_file
    if path is None or not path.is_file():
        return None
    kept = path.with_name(f"{path.name}.{plan.source}")
    if not kept.exists():
        _write(kept, _read(path))
    ids = {
        "account": {e.item.id: e.target.id for e in plan.companies if e.target is not None},
        "service": {e.item.id: e.target.id for e in plan.products if e.target is not None},
    }
    reader = csv.DictReader(io.StringIO(_read(kept)))
    text = io.StringIO()
    writer = csv.DictWriter(text, reader.fieldnames or [])
    writer.writeheader()
    for row in reader:
        old = (row.get("target_id") or "").strip()
        new = ids.get((row.get("kind") or "").strip(), {}).get(old)
        if not old or new is not None:
            writer.writerow(row | {"target_id": new or ""})
    _write(path, text.getvalue())
    return kept


def _row(kind: str, each: Proposal) -> Sequence[str]:
    target = each.target
    cells = (
        kind,
        each.item.id,
        each.item.name,
        target.id if target else "",
        target.name if target else "",
        each.method,
        "; ".join(each.near),
    )
    return [guard(cell) for cell in cells]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(
            f"{path} can't be read ({type(error).__name__}).",
            next_step="Name a CSV file saved as UTF-8.",
            category=Category.INPUT,
        ) from error


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="")
        partial.replace(path)
    except OSError as error:
        raise PipelineError(
            f"{path} can't be written: {error.strerror}.",
            next_step="Close it where it is open, or name a folder you may write to.",
            category=Category.INPUT,
        ) from error


def _wrong(path: Path, line: int, what: str) -> PipelineError:
    return PipelineError(
        f"{path.name}, line {line}: {what}.",
        next_step="Use the file that --export writes, and change only its to_id column.",
        category=Category.INPUT,
    )
