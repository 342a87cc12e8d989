"""The ledger's tables: what people and rules said, what we did, and the chain that seals it.

Append-only: a trigger of the database refuses every update and delete. What is true now is told
by views. Quantities, days and instants are text, so that SQLite and PostgreSQL keep them alike.
"""

from collections.abc import Collection

import sqlalchemy as sa

SCHEMA_VERSION = 5

metadata = sa.MetaData()
versions = sa.Table("schema_version", metadata, sa.Column("version", sa.Integer, nullable=False))

chain = sa.Table(
    "chain",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.Text, nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.Column("recorded_from", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    comment="One row per entry of any kind, each sealing the one before.",
)


def _entries(name: str, *columns: sa.Column[str] | sa.Column[int] | sa.Constraint) -> sa.Table:
    """Declare a kind of entry; its number is the number of its link in the chain."""
    seq: sa.Column[int] = sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False)
    return sa.Table(name, metadata, seq, *columns)


def _text(name: str, *, null: bool = False, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null, unique=unique)


def _number(name: str, *, null: bool = False, unique: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=null, unique=unique)


mappings = _entries(
    "mappings",
    *(_text(name) for name in ("kind", "system", "item_id", "item_name")),
    *(_text(name, null=True) for name in ("target_id", "target_name")),
    *(_text(name) for name in ("leg", "multiplier", "state", "method")),
    *(_text(name) for name in ("decided_by", "decided_at")),
    _text("reason", null=True),
)
count_rules = _entries(
    "count_rules",
    *(_text(name) for name in ("system", "service_id", "rule", "decided_by", "decided_at")),
    _text("reason", null=True),
)
decisions = _entries(
    "decisions",
    _text("decision_id", unique=True),
    _text("client_key", unique=True),
    _text("batch_id", null=True),
    *(_text(name) for name in ("period", "card_id", "card_version")),
    _number("turn"),
    _text("supersedes", null=True),
    _text("decision"),
    *(_text(name, null=True) for name in ("qty_target", "effective_on", "note")),
    *(_text(name, null=True) for name in ("expires_on", "bound")),
    *(_text(name) for name in ("reviewer", "decided_at")),
    # What the decision was made on.
    *(_text(name) for name in ("company_id", "company_name", "service_group_id", "service_name")),
    _text("finding"),
    *(_text(name, null=True) for name in ("qty_psa", "qty_vendor", "unit_price", "currency")),
    *(_text(name, null=True) for name in ("mapping_version", "evidence_as_of")),
    sa.UniqueConstraint("card_id", "card_version", "turn", name="first_decision_wins"),
)
withdrawals = _entries("withdrawals", _text("decision_id", unique=True), _text("reason"))
confirmations = _entries(
    "confirmations",
    *(_text(name) for name in ("decision_id", "kind")),
    sa.UniqueConstraint("decision_id", "kind", name="confirmed_once"),
)
line_changes = _entries(
    "line_changes",
    _text("change_id", unique=True),
    _text("decision_id"),
    _text("undoes", null=True),
    *(_text(name) for name in ("period", "system", "company_name", "service_name")),
    *(_text(name) for name in ("agreement_id", "line_id", "qty_from", "qty_to", "effective_on")),
    *(_text(name, null=True) for name in ("unit_price", "currency")),
    _text("decided_by"),
)
leases = _entries("leases", _number("epoch", unique=True), _text("owner"))
intents = _entries(
    "intents",
    _text("intent_id", unique=True),
    _text("change_id"),
    *(_number(name) for name in ("attempt", "epoch")),
    *(_text(name) for name in ("qty_before", "qty_to", "effective_on", "request_hash", "sent_at")),
    sa.UniqueConstraint("change_id", "attempt", name="one_intent_per_attempt"),
)
outcomes = _entries(
    "outcomes",
    _text("change_id"),
    _text("intent_id", null=True),
    _text("state"),
    *(_text(name, null=True) for name in ("qty_seen", "stamp", "says", "pull_id")),
    _number("http_status", null=True),
)
accepted_pulls = _entries(
    "accepted_pulls",
    _text("pull_id", unique=True),
    *(_text(name) for name in ("reason", "accepted_by", "accepted_at")),
)
psa_moves = _entries(
    "psa_moves",
    # Null in the first one, which only says which PSA all entries speak of.
    _text("from_system", null=True),
    _text("to_system"),
    *(_text(name) for name in ("reason", "decided_by", "decided_at")),
)
moved_ids = _entries(
    "moved_ids",
    *(_text(name) for name in ("from_system", "to_system", "kind")),
    *(_text(name) for name in ("from_id", "from_name", "to_id", "to_name", "method")),
    *(_text(name) for name in ("decided_by", "decided_at")),
)
closings = _entries(
    "closings",
    *(_text(name) for name in ("period", "action", "reason", "evidence", "cards_digest")),
    *(_text(name) for name in ("decided_by", "decided_at", "head_hash")),
)

INDEXES = (
    # Who lays new entries over older tables asks about a few cards among very many decisions.
    sa.Index("decisions_by_subject", decisions.c.company_id, decisions.c.service_group_id),
    sa.Index("decisions_by_superseded", decisions.c.supersedes),
    sa.Index("line_changes_by_decision", line_changes.c.decision_id),
    sa.Index("outcomes_by_change", outcomes.c.change_id),
)
"""Other ways than by a unique key in which entries are looked up."""

KINDS: dict[str, sa.Table] = {
    table.name: table
    for table in (
        mappings,
        decisions,
        withdrawals,
        confirmations,
        line_changes,
        leases,
        intents,
        outcomes,
        accepted_pulls,
        closings,
        psa_moves,
        moved_ids,
        count_rules,
    )
}
"""Every kind of entry by the name of its table; the chain stores that name."""

VIEWS = {
    "standing_decisions": """
        select decisions.*
        from decisions
        left join withdrawals on decisions.decision_id = withdrawals.decision_id
        where withdrawals.decision_id is null
            and not exists (
                select 1
                from decisions as later
                where later.card_id = decisions.card_id
                    and later.card_version = decisions.card_version
                    and later.turn > decisions.turn
            )
    """,
    "change_states": """
        select ranked.change_id, ranked.state, ranked.seq
        from (
            select
                steps.change_id,
                steps.state,
                steps.seq,
                row_number() over (partition by steps.change_id order by steps.seq desc) as age
            from (
                select change_id, 'queued' as state, seq from line_changes
                union all
                select change_id, 'intent' as state, seq from intents
                union all
                select change_id, state, seq from outcomes
            ) as steps
        ) as ranked
        where ranked.age = 1
    """,
    "current_lease": """
        select leases.epoch, leases.owner
        from leases
        where leases.epoch = (select max(epoch) from leases)
    """,
    "closed_periods": """
        select closings.*
        from closings
        where closings.action = 'close'
            and not exists (
                select 1
                from closings as later
                where later.period = closings.period and later.seq > closings.seq
            )
    """,
}
"""What is true now, as plain SQL that both databases understand."""


def append_only_triggers(dialect: str, names: Collection[str] = ("chain", *KINDS)) -> list[str]:
    """Statements that make the database itself refuse to change or delete an entry."""
    if dialect == "sqlite":
        refusal = "begin select raise(abort, 'the ledger is append-only'); end"
        return [
            *(
                f"create trigger {name}_no_{verb} before {verb} on {name} {refusal}"
                for name in names
                for verb in ("update", "delete")
            ),
            # `insert or replace` deletes what is in its way without firing a delete trigger.
            *(
                f"create trigger {name}_no_replace before insert on {name}"
                f" when {_is_in_the_way(metadata.tables[name])} {refusal}"
                for name in names
            ),
        ]
    function = (
        "create or replace function refuse_change() returns trigger language plpgsql as"
        " $$ begin raise exception 'the ledger is append-only'; end $$"
    )
    return [
        function,
        *(
            f"create trigger {name}_append_only before update or delete or truncate on {name}"
            " for each statement execute function refuse_change()"
            for name in names
        ),
    ]


def _is_in_the_way(table: sa.Table) -> str:
    """Whether the new row shares the number or another unique key with one that is there."""
    matches = sorted(
        " and ".join(f"{column.name} = new.{column.name}" for column in key.columns)
        for key in table.constraints
        if isinstance(key, (sa.PrimaryKeyConstraint, sa.UniqueConstraint))
    )
    return f"exists (select 1 from {table.name} where ({') or ('.join(matches)}))"  # noqa: S608 - our own names
