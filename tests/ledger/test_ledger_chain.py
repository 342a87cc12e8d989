"""The chain: whoever edits, removes, reorders, forges or cuts entries is found out by name."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger import chain as chain_module
from reconcile_pipeline.ledger.accepted import accept_pull
from reconcile_pipeline.ledger.chain import GENESIS, Stamp, Verdict, head_hash, links, verify
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import KINDS, chain

Fill = Callable[[Ledger], None]
Tampering = Callable[[Ledger], contextlib.AbstractContextManager[sa.Connection]]
FAR = 1000


@contextlib.contextmanager
def for_a_moment(connection: sa.Connection) -> Iterator[None]:
    moment = connection.begin_nested()
    yield
    moment.rollback()


def verified(ledger: Ledger, **expected: str) -> Verdict:
    with ledger.reading() as connection:
        return verify(connection, **expected)


def kept(connection: sa.Connection) -> list[tuple[int, sa.Table]]:
    """Number and table of every entry."""
    rows = connection.execute(sa.select(chain.c.seq, chain.c.kind).order_by(chain.c.seq))
    return [(seq, KINDS[kind]) for seq, kind in rows]


def other(value: Any, column: sa.Column[Any]) -> Any:
    """A value near the one that is there."""
    if isinstance(column.type, sa.Integer):
        return (value or 0) + FAR
    return f"{value or ''}x"


def test_an_empty_ledger_holds(ledger: Ledger) -> None:
    """Without entries the head is the beginning, and nothing is wrong."""
    assert verified(ledger) == Verdict(0, GENESIS)
    assert verified(ledger, expected_head=GENESIS).trouble == ""


def test_the_chain_holds_after_every_kind_of_entry(
    ledger: Ledger, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each entry of whatever kind leaves a chain that holds, with a head of its own."""
    kinds, heads = [], []
    right = chain_module.append_all

    def append_and_verify(connection: sa.Connection, entries: Any) -> int:
        number = 0
        for entry in entries:
            number = right(connection, [entry])
            verdict = verify(connection)
            assert (verdict.trouble, verdict.entries) == ("", number)
            assert verdict.head == head_hash(connection)
            kinds.append(entry.table.name)
            heads.append(verdict.head)
        return number

    for module in ("chain", "changes", "decisions", "mappings", "moves"):
        monkeypatch.setattr(f"reconcile_pipeline.ledger.{module}.append_all", append_and_verify)
    fill(ledger)
    assert set(kinds) == set(KINDS)
    assert len(set(heads)) == len(kinds)
    assert all(verified(ledger, expected_head=head).trouble == "" for head in heads)


def test_a_link_says_who_when_and_from_where(ledger: Ledger, stamp: Callable[..., Stamp]) -> None:
    """Who made an entry, at what instant in UTC and through which door stands in the chain."""
    accept_pull(ledger, "a", reason="r", stamp=stamp("Zoë", 2, "command line"))
    with ledger.reading() as connection:
        (link,) = links(connection)
    assert link["seq"] == 1
    assert link["kind"] == "accepted_pulls"
    assert link["recorded_by"] == "Zoë"
    assert link["recorded_at"] == "2026-11-22T14:00:00+00:00"
    assert link["recorded_from"] == "command line"


@pytest.mark.fault(111)
def test_an_edited_entry_is_named(filled: Ledger, tampering: Tampering) -> None:
    """Whatever column of whatever kind of entry is changed or emptied, that entry is named."""
    unseen = []
    with tampering(filled) as connection:
        newest = {table.name: (seq, table) for seq, table in kept(connection)}
        for seq, table in newest.values():
            row = connection.execute(sa.select(table).where(table.c.seq == seq)).mappings().one()
            for column in table.columns:
                value = row[column.name]
                value = None if column.nullable and value is not None else other(value, column)
                edit = sa.update(table).where(table.c.seq == seq).values({column.name: value})
                with for_a_moment(connection):
                    connection.execute(edit)
                    verdict = verify(connection)
                if (verdict.entries, f"entry {seq} (" in verdict.trouble) != (seq - 1, True):
                    unseen.append((seq, column, value, verdict))
        assert unseen == []
        assert verify(connection).trouble == ""


@pytest.mark.fault(111)
def test_an_edited_link_is_named(filled: Ledger, tampering: Tampering) -> None:
    """Who, when, from where, kind, number and hashes of an entry can't be changed unnoticed."""
    unseen = []
    with tampering(filled) as connection:
        every = list(links(connection))
        for link in (every[0], every[len(every) // 2], every[-1]):
            for column in chain.columns:
                value = other(link[column.name], column)
                edit = sa.update(chain).where(chain.c.seq == link["seq"])
                with for_a_moment(connection):
                    connection.execute(edit.values({column.name: value}))
                    verdict = verify(connection)
                if not verdict.trouble.startswith(f"entry {link['seq']} "):
                    unseen.append((link, column, verdict))
    assert unseen == []


@pytest.mark.parametrize("what", ["row", "link", "both"])
@pytest.mark.fault(111)
def test_a_removed_entry_is_named(filled: Ledger, tampering: Tampering, what: str) -> None:
    """Without its row, without its link, or without both: the first missing entry is named."""
    with tampering(filled) as connection:
        entries = kept(connection)
        if what == "both":
            # Nothing comes after the last one that could tell; its head does, see below.
            entries.pop()
        for seq, table in entries:
            with for_a_moment(connection):
                if what != "link":
                    connection.execute(sa.delete(table).where(table.c.seq == seq))
                if what != "row":
                    connection.execute(sa.delete(chain).where(chain.c.seq == seq))
                verdict = verify(connection)
            assert verdict.trouble.startswith(f"entry {seq} "), (seq, verdict)
            assert verdict.entries == seq - 1


@pytest.mark.fault(111)
def test_a_cut_tail_is_found_by_its_head(
    filled: Ledger, tampering: Tampering, stamp: Callable[..., Stamp]
) -> None:
    """An end that was cut off shows against a report's head, also when the chain grew since."""
    with tampering(filled) as connection:
        head = head_hash(connection)
        for seq, table in reversed(kept(connection)[-3:]):
            connection.execute(sa.delete(table).where(table.c.seq == seq))
            connection.execute(sa.delete(chain).where(chain.c.seq == seq))
            assert verify(connection).trouble == ""
            assert verify(connection, expected_head=head).trouble == (
                f"the end was cut off: no entry has the hash {head}"
            )
    accept_pull(filled, "after", reason="r", stamp=stamp())
    assert "cut off" in verified(filled, expected_head=head).trouble


def test_an_unknown_head_is_trouble(filled: Ledger) -> None:
    """A head that was never any entry's hash is not taken for one; an old one still counts."""
    assert "cut off" in verified(filled, expected_head="f" * 64).trouble
    with filled.reading() as connection:
        first = next(links(connection))
    assert verified(filled, expected_head=first["hash"]).trouble == ""


@pytest.mark.fault(111)
def test_swapped_entries_are_found(filled: Ledger, tampering: Tampering) -> None:
    """Two entries that change places are found at the earlier one, rows alone or with links."""
    with tampering(filled) as connection:
        entries = dict(kept(connection))
        numbers = sorted(entries)
        for one, two in [*itertools.pairwise(numbers), (numbers[0], numbers[-1])]:
            with for_a_moment(connection):
                swap(connection, chain, chain, one, two)
                assert verify(connection).trouble.startswith(f"entry {one} ")
                swap(connection, entries[one], entries[two], one, two)
                assert verify(connection).trouble.startswith(f"entry {one} ")


def swap(connection: sa.Connection, first: sa.Table, second: sa.Table, one: int, two: int) -> None:
    moves = ((first, one, FAR), (second, two, one), (first, FAR, two))
    for table, old, new in moves:
        connection.execute(sa.update(table).where(table.c.seq == old).values(seq=new))


@pytest.mark.fault(111)
def test_a_forged_row_is_found(filled: Ledger, tampering: Tampering) -> None:
    """A row without a link is named, under a number of its own as under that of another entry."""
    with tampering(filled) as connection:
        entries = kept(connection)
        forged = {"pull_id": "f", "reason": "r", "accepted_by": "dana", "accepted_at": "t"}
        table = KINDS["accepted_pulls"]
        numbers = [seq for seq, owner in entries if owner is not table]
        for seq in (*numbers, 0, -1, len(entries) + 1, FAR):
            with for_a_moment(connection):
                connection.execute(table.insert().values(seq=seq, **forged))
                trouble = verify(connection).trouble
            expected = f"entry {seq} (accepted_pulls) stands in its table, not in the chain"
            assert trouble == expected


def test_a_forged_link_is_found(filled: Ledger, tampering: Tampering) -> None:
    """An entry with a link whose seal was not made over the entry before is named."""
    with tampering(filled) as connection:
        entries = kept(connection)
        *_, last = links(connection)
        seq = len(entries) + 1
        table = KINDS["leases"]
        row = {"seq": seq, "epoch": 99, "owner": "mallory"}
        connection.execute(table.insert().values(row))
        content = chain_module._hash_of(row)
        forged = {**last, "seq": seq, "kind": "leases", "content_hash": content, "hash": "e" * 64}
        connection.execute(chain.insert().values(forged))
        verdict = verify(connection)
    assert verdict.entries == seq - 1
    assert verdict.trouble.startswith(f"entry {seq} (leases, ")


def test_a_resealed_entry_is_found(filled: Ledger, tampering: Tampering) -> None:
    """Who edits an entry and seals it anew breaks the next one; who seals all anew, the report."""
    with tampering(filled) as connection:
        head = head_hash(connection)
        before = GENESIS
        for link in list(links(connection)):
            seq, table = link["seq"], KINDS[link["kind"]]
            if seq == 2:
                edit = sa.update(table).where(table.c.seq == seq)
                connection.execute(edit.values(item_name="forged"))
            row = connection.execute(sa.select(table).where(table.c.seq == seq)).mappings().one()
            forged = {**link, "content_hash": chain_module._hash_of(dict(row))}
            forged["hash"] = before = chain_module._seal(before, forged)
            connection.execute(sa.update(chain).where(chain.c.seq == seq).values(forged))
            if seq == 2:
                assert verify(connection).trouble.startswith("entry 3 ")
        assert verify(connection).trouble == ""
        assert "cut off" in verify(connection, expected_head=head).trouble
