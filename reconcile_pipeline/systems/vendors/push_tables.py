"""Tables of a push inbox: what scripts said, row by row, and the keys they may say it with.

Append-only: triggers refuse every update and delete, and what is true now is always the latest
row. Quantities, months and instants are text, as they are in the ledger.
"""

SCHEMA_VERSION = 1

_STAMP = (
    "batch_id text not null references batches (batch_id), row_no integer not null,"
    " received_at text not null, source text not null, unique (batch_id, row_no)"
)

COLUMNS: dict[str, str] = {
    "keys": "key_id text not null unique, token_hash text not null",
    "revocations": "key_id text not null unique",
    # Name, description and addresses of the vendor, and the ids this inbox gave itself.
    "facts": "name text not null, value text not null",
    "statuses": "status text not null",
    "accounts": "account_id text not null, name text not null, description text",
    "services": (
        "service_id text not null, name text not null, description text not null,"
        " category text not null, subcategory text not null, support_article text,"
        " support_contact text, unit text not null"
    ),
    # is_built: this post ends its run (1), or more are to come (0); null in snapshots.
    "counts": (
        "account_id text not null, service_id text not null, quantity text not null,"
        " as_of text not null, period text not null, is_built integer"
    ),
    "snapshots": (
        "mode text not null, as_of text not null, period text not null,"
        " idempotency_key text unique, content_hash text not null, answer text not null"
    ),
    # Count posts that came with a right key and were not stored: their run is not whole.
    "refusals": "http_status integer not null, reason text not null",
    # Runs that a person believes although they hold far fewer counts than the one before.
    "acceptances": "run_id text not null unique, reason text not null, accepted_by text not null",
}
"""Columns of every table of rows; each row also has its batch, number, instant and source."""

_BATCHES = (
    "create table batches (seq integer primary key autoincrement, batch_id text not null unique,"
    " source text not null, received_at text not null, key_id text)"
)
_UNIQUE = {
    "batches": ("batch_id",),
    "keys": ("key_id",),
    "revocations": ("key_id",),
    "snapshots": ("idempotency_key",),
    "acceptances": ("run_id",),
}


def statements() -> list[str]:
    """Everything that makes an empty inbox."""
    made = ["create table schema_version (version integer not null)", _BATCHES]
    made += [
        f"create table {name} (seq integer primary key autoincrement, {columns}, {_STAMP})"
        for name, columns in COLUMNS.items()
    ]
    made.append("create index counts_by_period on counts (period, seq)")
    for name in ("batches", *COLUMNS):
        made += _triggers(name)
    return made


def _triggers(name: str) -> list[str]:
    refusal = "begin select raise(abort, 'the inbox is append-only'); end"
    ways = [f"seq = new.seq or {column} = new.{column}" for column in _UNIQUE.get(name, ("seq",))]
    if name != "batches":
        ways.append("batch_id = new.batch_id and row_no = new.row_no")
    taken = f"exists (select 1 from {name} where {' or '.join(ways)})"  # noqa: S608 - our own names
    return [
        *(
            f"create trigger {name}_no_{verb} before {verb} on {name} {refusal}"
            for verb in ("update", "delete")
        ),
        # `insert or replace` deletes what is in its way without firing a delete trigger.
        f"create trigger {name}_no_replace before insert on {name} when {taken} {refusal}",
    ]
