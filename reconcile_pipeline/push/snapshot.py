"""One call that sends everything: a snapshot of accounts, services and counts, kept whole or not.

A full one says that what it does not name is zero; a partial one says nothing of it. Guards stop
the script that has lost its customers before it can say so of all of them.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from sqlite3 import Connection
from typing import Any

from starlette.responses import Response

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.periods import first_day
from reconcile_pipeline.push.answers import (
    Refusal,
    a_flag,
    a_list,
    a_note,
    a_quantity,
    a_text,
    an_id,
    an_object,
    answer,
    one_of,
    only,
    shown,
)
from reconcile_pipeline.push.call import Call
from reconcile_pipeline.push.vendor import current_service
from reconcile_pipeline.push.words import CATEGORIES, OTHER, SUBCATEGORIES
from reconcile_pipeline.systems.vendors.push_inbox import (
    SNAPSHOT,
    UNIT,
    Batch,
    accounts,
    rows,
    services,
)

FULL, PARTIAL = "full", "partial"
SCHEMA = 1
CLOCK_SKEW = timedelta(minutes=10)
FIELDS = (
    "schema",
    "as_of",
    "period",
    "mode",
    "idempotency_key",
    "accounts",
    "services",
    "counts",
    "aggregate",
    "allow_empty",
    "allow_drop",
)

_NEW_SERVICE: dict[str, Any] = {
    "description": "",
    "category": OTHER,
    "subcategory": OTHER,
    "support_article": None,
    "support_contact": None,
    "unit": UNIT,
}

Pair = tuple[str, str]


@dataclass(frozen=True)
class Snapshot:
    """A checked snapshot."""

    mode: str
    as_of: datetime
    period: str
    idempotency_key: str | None
    content_hash: str
    accounts: Mapping[str, dict[str, Any]]
    services: Mapping[str, dict[str, Any]]
    counts: Mapping[Pair, Decimal]
    units: Mapping[str, str]
    allow_drop: bool

    @property
    def accounts_in_use(self) -> int:
        """Customers with a count above zero."""
        return len({account_id for (account_id, _), qty in self.counts.items() if qty > 0})


def push_snapshot(call: Call) -> Response:
    """Keep one snapshot; the answer tells what was stored, and what became zero."""
    snapshot = read_snapshot(call)
    with call.integration.inbox.writing(SNAPSHOT, call.now, call.key_id) as batch:
        replay = _replay(batch.connection, snapshot)
        if replay is None:
            told = _store(batch, call, snapshot)
    # A replay leaves an empty batch: that somebody asked again is worth knowing, too.
    return answer(told, 201) if replay is None else answer(replay)


def read_snapshot(call: Call) -> Snapshot:
    """Check a body on its own, before anything stored is looked at."""
    body = an_object(call.body)
    only(body, FIELDS, "The snapshot")
    if body.get("schema") != SCHEMA or isinstance(body.get("schema"), bool):
        raise Refusal(422, f"schema must be {SCHEMA}.")
    mode = one_of(body.get("mode"), (FULL, PARTIAL), "mode")
    counts, units = _counts(body, adds_up=a_flag(body, "aggregate", "The snapshot"))
    if not counts and mode == FULL and not a_flag(body, "allow_empty", "The snapshot"):
        raise Refusal(
            422,
            "A full snapshot without counts would make everybody zero. If that is meant, send"
            ' "allow_empty": true.',
        )
    canonical = json.dumps(body, sort_keys=True, default=str, ensure_ascii=True)
    return Snapshot(
        mode=mode,
        as_of=_instant(body, call.now),
        period=_period(body, call),
        idempotency_key=a_note(body, "idempotency_key", "The snapshot", None) or None,
        content_hash=hashlib.sha256(canonical.encode()).hexdigest(),
        accounts=_accounts(body),
        services=_services(body),
        counts=counts,
        units=units,
        allow_drop=a_flag(body, "allow_drop", "The snapshot") or not counts,
    )


def _replay(connection: Connection, snapshot: Snapshot) -> dict[str, Any] | None:
    """The first answer to the same snapshot, if it came before; 409 if another one did."""
    if snapshot.idempotency_key is None:
        return None
    query = "select content_hash, answer from snapshots where idempotency_key = ?"
    found = rows(connection, query, snapshot.idempotency_key)
    if not found:
        return None
    if found[0]["content_hash"] != snapshot.content_hash:
        raise Refusal(409, "Another snapshot was stored under this idempotency_key.")
    stored: dict[str, Any] = json.loads(found[0]["answer"])
    return {**stored, "replayed": True}


def _store(batch: Batch, call: Call, snapshot: Snapshot) -> dict[str, Any]:
    connection = batch.connection
    _refuse_older(connection, snapshot)
    known_accounts = {row["account_id"]: row for row in accounts(connection)}
    known_services = {row["service_id"]: row for row in services(connection)}
    _refuse_strangers(snapshot, known_accounts.keys(), known_services.keys())
    in_use = _in_use(connection)
    _guard(snapshot, in_use)
    gone = len(in_use - snapshot.counts.keys()) if snapshot.mode == FULL else 0
    for account_id, values in snapshot.accounts.items():
        before = known_accounts.get(account_id, {})
        if any(before.get(name) != value for name, value in values.items()):
            batch.add("accounts", **values)
    for service_id in {*snapshot.services, *snapshot.units}:
        known = known_services.get(service_id)
        before = current_service(known) if known else _NEW_SERVICE
        values = before | snapshot.services.get(service_id, {})
        values["unit"] = snapshot.units.get(service_id, values["unit"])
        if values != before:
            batch.add("services", **values)
    as_of = snapshot.as_of.astimezone(UTC).isoformat(timespec="microseconds")
    told = _told(batch, call, snapshot, gone)
    batch.add(
        "snapshots",
        mode=snapshot.mode,
        as_of=as_of,
        period=snapshot.period,
        idempotency_key=snapshot.idempotency_key,
        content_hash=snapshot.content_hash,
        answer=json.dumps(told),
    )
    for (account_id, service_id), quantity in snapshot.counts.items():
        batch.add(
            "counts",
            account_id=account_id,
            service_id=service_id,
            quantity=f"{quantity:f}",
            as_of=as_of,
            period=snapshot.period,
            is_built=None,
        )
    return told


def _told(batch: Batch, call: Call, snapshot: Snapshot, gone: int) -> dict[str, Any]:
    mapped = call.mapped
    pairs = snapshot.counts
    return {
        "batch_id": batch.batch_id,
        "received_at": batch.received_at,
        "period": snapshot.period,
        "mode": snapshot.mode,
        "accounts": len({account_id for account_id, _service in pairs}),
        "services": len({service_id for _account, service_id in pairs}),
        "counts": len(pairs),
        "became_zero": gone,
        "unmapped_accounts": len({one for one, _ in pairs if one not in mapped.accounts}),
        "unmapped_services": len({one for _, one in pairs if one not in mapped.services}),
        "is_open_period": snapshot.period == call.period,
    }


def _refuse_older(connection: Connection, snapshot: Snapshot) -> None:
    query = "select max(as_of) as as_of from snapshots where period = ?"
    newest = rows(connection, query, snapshot.period)[0]["as_of"]
    if newest and datetime.fromisoformat(newest) > snapshot.as_of:
        raise Refusal(409, f"A newer snapshot of {snapshot.period} is stored: as of {newest}.")


def _refuse_strangers(
    snapshot: Snapshot, known: Collection[str], known_services: Collection[str]
) -> None:
    for account_id, service_id in snapshot.counts:
        if account_id not in snapshot.accounts and account_id not in known:
            raise Refusal(
                422, f"A count names account {shown(account_id)}, which is not in accounts."
            )
        if service_id not in snapshot.services and service_id not in known_services:
            raise Refusal(
                422, f"A count names service {shown(service_id)}, which is not in services."
            )


def _in_use(connection: Connection) -> set[Pair]:
    """Pairs that were above zero in the last full snapshot, or in what came since."""
    query = (
        "select account_id, service_id from counts join (select max(seq) as seq from counts"
        " where seq >= coalesce((select min(seq) from counts where batch_id ="
        " (select batch_id from snapshots where mode = ? order by seq desc limit 1)), 0)"
        " group by account_id, service_id) using (seq) where cast(quantity as real) > 0"
    )
    return {(row["account_id"], row["service_id"]) for row in rows(connection, query, FULL)}


def _guard(snapshot: Snapshot, in_use: Collection[Pair]) -> None:
    """Stop a full snapshot that lost more than half of the customers there were."""
    if snapshot.mode != FULL or snapshot.allow_drop:
        return
    before = len({account_id for account_id, _service in in_use})
    if snapshot.accounts_in_use * 2 < before:
        raise Refusal(
            409,
            f"This full snapshot has {snapshot.accounts_in_use} customers in use, and there were"
            f' {before}. If more than half are really gone, send "allow_drop": true.',
            accounts_before=before,
            accounts_now=snapshot.accounts_in_use,
        )


def _accounts(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, each in enumerate(a_list(body.get("accounts", []), "accounts"), start=1):
        what = f"Account {number}"
        record = an_object(each, what)
        only(record, ("id", "name", "description"), what)
        account_id = an_id(record, "id", what)
        if account_id in found:
            raise Refusal(422, f"{what} has the id of an earlier one: {shown(account_id)}.")
        found[account_id] = {
            "account_id": account_id,
            "name": a_text(record, "name", what),
            "description": a_note(record, "description", what, None),
        }
    return found


def _services(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, each in enumerate(a_list(body.get("services", []), "services"), start=1):
        what = f"Service {number}"
        record = an_object(each, what)
        only(record, ("key", "name", "description", "category", "subcategory"), what)
        key = an_id(record, "key", what)
        if key in found:
            raise Refusal(422, f"{what} has the key of an earlier one: {shown(key)}.")
        found[key] = {
            "service_id": key,
            "name": a_text(record, "name", what),
        }
        if record.get("description") is not None:
            found[key]["description"] = a_note(record, "description", what, None)
        for name, words in (("category", CATEGORIES), ("subcategory", SUBCATEGORIES)):
            if name in record:
                found[key][name] = one_of(record[name], words, f"{what}: {name}")
    return found


def _counts(
    body: Mapping[str, Any], *, adds_up: bool
) -> tuple[dict[Pair, Decimal], dict[str, str]]:
    counts: dict[Pair, Decimal] = {}
    units: dict[str, str] = {}
    for number, each in enumerate(a_list(body.get("counts"), "counts"), start=1):
        what = f"Count {number}"
        record = an_object(each, what)
        only(record, ("account_id", "service_key", "quantity", "unit"), what)
        pair = (an_id(record, "account_id", what), an_id(record, "service_key", what))
        quantity = a_quantity(record.get("quantity"), f"{what}: quantity")
        if pair in counts and not adds_up:
            raise Refusal(
                422,
                f"{what} has the account and service of an earlier one. Send one count for each,"
                ' or "aggregate": true to add them up.',
            )
        counts[pair] = counts.get(pair, Decimal(0)) + quantity
        unit = a_note(record, "unit", what, None)
        if unit and units.setdefault(pair[1], unit) != unit:
            raise Refusal(422, f"{what} has another unit than an earlier count of its service.")
    return counts, units


def _instant(body: Mapping[str, Any], now: datetime) -> datetime:
    text = body.get("as_of")
    if text is None:
        return now
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refusal(422, "as_of must be an instant with its zone, like 2026-11-22T00:00:00Z.")
    if found > now + CLOCK_SKEW:
        raise Refusal(422, f"as_of is in the future: it is {now:%Y-%m-%dT%H:%M:%SZ} here.")
    return found


def _period(body: Mapping[str, Any], call: Call) -> str:
    text = body.get("period")
    if text is None:
        return call.period
    try:
        first_day(text if isinstance(text, str) else "")
    except PipelineError:
        raise Refusal(422, "period must be a month, like 2026-11.") from None
    if not call.settings.first_period <= text <= call.period:
        raise Refusal(
            422,
            f"period must be from {call.settings.first_period} to the open month, {call.period}.",
        )
    return str(text)
