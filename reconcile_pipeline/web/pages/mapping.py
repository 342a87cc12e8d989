"""`/mapping/accounts` and `/mapping/services`: vendor items on one side, the PSA's on the other.

A choice leads to a preview of what it would change, and only the preview saves. By dragging, by
typing a name, or many at once: all become the same proposals.
"""

from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from reconcile_pipeline.building import evidence_ends
from reconcile_pipeline.ledger.mappings import mapping_history
from reconcile_pipeline.mapping import desk
from reconcile_pipeline.mapping.bulk import ready_to_accept
from reconcile_pipeline.mapping.effect import effect
from reconcile_pipeline.mapping.history import history
from reconcile_pipeline.mapping.propose import Proposal, record, undo
from reconcile_pipeline.mapping.standing import ask
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.web.desk import ORIGIN, Call
from reconcile_pipeline.web.proposals import Target, choice_of, packed, unpacked
from reconcile_pipeline.web.render import moved_on, page
from reconcile_pipeline.web.suggesting import suggestions_for, suggestions_of
from reconcile_pipeline.web.words import many

KINDS = {"accounts": "account", "services": "service"}
SIZE, TARGETS_SHOWN = 50, 40
NOT_TAKEN = 422
CONFLICT = 409


def show(call: Call) -> Response:
    """Show one side beside the other."""
    return page(call, "mapping.html", **_desk(call), error=None, told=_what_was_saved(call))


def preview(call: Call) -> Response:
    """Show what the chosen proposals would change, before anything is saved."""
    kind = _kind(call)
    try:
        wanted = _proposals(call, kind)
    except PipelineError as error:
        return page(call, "mapping.html", status=NOT_TAKEN, **_desk(call), error=error, told="")
    return _preview(call, wanted, None, 200)


def save(call: Call) -> Response:
    """Append the previewed proposals; the tables follow by themselves."""
    kind = _kind(call)
    ledger = call.desk.site.ledger
    wanted = [unpacked(text) for text in call.texts("proposal")]
    before, _hash = ledger.head()
    try:
        done = record(
            ledger,
            call.books.file,
            wanted,
            period=call.period,
            by=call.user.name,
            now=call.desk.now(),
            origin=ORIGIN,
        )
    except PipelineError as error:
        status = CONFLICT if error.category is Category.CONFLICT else NOT_TAKEN
        return _preview(call, wanted, error, status)
    if done.entries:
        call.desk.follow_now()
    after = before if done.entries else ledger.head()[0]
    return moved_on(f"/mapping/{kind}?{_kept(call, since=str(after))}")


def show_history(call: Call) -> Response:
    """Everything ever said about one account or service."""
    kind = _kind(call)
    item = (KINDS[kind], call.query.get("system", ""), call.query.get("item", ""))
    steps = history(call.desk.site.ledger, item)
    if not steps:
        raise HTTPException(404)
    return page(call, "mapping_history.html", kind=kind, item=item, steps=steps)


def take_back(call: Call) -> Response:
    """Restore what stood for an item before its newest entry."""
    kind = _kind(call)
    item = (KINDS[kind], call.text("system"), call.text("item"))
    before, _hash = call.desk.site.ledger.head()
    undo(
        call.desk.site.ledger,
        item,
        by=call.user.name,
        now=call.desk.now(),
        origin=ORIGIN,
        basis=int(call.text("basis") or 0),
        reason=call.text("reason") or None,
    )
    call.desk.follow_now()
    return moved_on(f"/mapping/{kind}?{_kept(call, since=str(before))}")


def _desk(call: Call) -> dict[str, Any]:
    """Both sides of the page."""
    kind = _kind(call)
    file, ledger = call.books.file, call.desk.site.ledger
    until = evidence_ends(call.desk.site, call.period)
    number = call.query.get("page", "1")
    wanted = desk.Filter(
        vendor=call.query.get("vendor", ""),
        state=call.query.get("state", ""),
        q=call.query.get("q", ""),
        page=int(number) if number.isascii() and number.isdigit() else 1,
        size=SIZE,
    )
    own = desk.Filter(q=call.query.get("c", ""), size=TARGETS_SHOWN)
    if kind == "accounts":
        items: desk.Page[Any] = desk.accounts(file, ledger, call.period, wanted, until=until)
        side: desk.Page[Any] = desk.companies(file, ledger, call.period, own, until=until)
    else:
        items = desk.services(file, ledger, call.period, wanted, until=until)
        side = desk.products(file, ledger, call.period, own, until=until)
    ready = ready_to_accept(
        file,
        ledger,
        call.period,
        KINDS[kind],
        suggestions_of(call, KINDS[kind]),
        vendor=wanted.vendor,
        until=until,
    )
    return {
        "kind": kind,
        "wanted": wanted,
        "targets_wanted": own.q,
        "items": items,
        "side": side,
        "targets": _targets(call, kind),
        "suggestions": suggestions_for(call, KINDS[kind], items.rows),
        "ready": len(ready),
        "vendors": [row["system"] for row in call.books.ask_once("mapping_vendors")],
        "last_page": max(1, -(-items.items // SIZE)),
        "kept": _kept(call),
    }


def _preview(
    call: Call, wanted: list[Proposal], error: PipelineError | None, status: int
) -> Response:
    kind = _kind(call)
    found = effect(
        call.books.file,
        call.desk.site.ledger,
        call.period,
        wanted,
        now=call.desk.now(),
        until=evidence_ends(call.desk.site, call.period),
    )
    if error is None and any(verdict.error for verdict in found.verdicts):
        status = NOT_TAKEN
    return page(
        call,
        "mapping_preview.html",
        status=status,
        kind=kind,
        found=found,
        proposals=[packed(proposal) for proposal in wanted],
        error=error,
        kept=_kept(call),
    )


def _proposals(call: Call, kind: str) -> list[Proposal]:
    """What the form asks for: one row's choice, or everything that is certain."""
    if call.text("accept") == "certain":
        return ready_to_accept(
            call.books.file,
            call.desk.site.ledger,
            call.period,
            KINDS[kind],
            suggestions_of(call, KINDS[kind]),
            vendor=call.query.get("vendor", ""),
            until=evidence_ends(call.desk.site, call.period),
        )
    return [choice_of(call, KINDS[kind], _targets(call, kind))]


def _targets(call: Call, kind: str) -> list[Target]:
    rows = call.books.keep("live names", lambda: _live(call))
    return [Target(row["id"], row["name"]) for row in rows if row["kind"] == KINDS[kind]]


def _live(call: Call) -> list[dict[str, Any]]:
    return ask(call.books.file.cursor(), "names_live", {"period": call.period})


def _what_was_saved(call: Call) -> str:
    """What was appended after the entry that the address names."""
    since = call.query.get("since", "")
    if not since.isdigit():
        return ""
    rows = mapping_history(call.desk.site.ledger)
    new = [row for row in rows if row["seq"] > int(since) and row["decided_by"] == call.user.name]
    if not new:
        return "Nothing had to be saved: it stood like that already."
    first = new[0]
    target = first["target_name"] or first["state"]
    told = f"{first['item_name']} → {target}"
    more = f", and {many(len(new) - 1, 'more', 'more')}" if len(new) > 1 else ""
    return f"Saved: {told}{more}. The cards follow in a moment."


def _kind(call: Call) -> str:
    kind = call.values["kind"]
    if kind not in KINDS:
        raise HTTPException(404)
    return kind


def _kept(call: Call, **more: str) -> str:
    """The address's filter, to come back to the same view."""
    names = ("vendor", "state", "q", "c", "page")
    kept = {name: call.query[name] for name in names if call.query.get(name)}
    return urlencode({"period": call.period, **kept, **more})
