"""Batches: many decisions recorded at once say and seal what the same ones say one by one."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Stamp, verify
from reconcile_pipeline.ledger.changes import (
    Intent,
    Outcome,
    PlannedChange,
    read_changes,
    record_intent,
    record_outcome,
    take_lease,
)
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.decisions import (
    confirm_decision,
    confirmed_kinds,
    read_decisions,
    record_decisions,
    standing_decisions,
    withdraw_decision,
)
from reconcile_pipeline.ledger.lookups import AT_ONCE
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import INDEXES, chain, versions
from reconcile_pipeline.model import ChangeState

Place = Any
Make = Callable[..., Decided]
MakePlanned = Callable[..., PlannedChange]
MakeDraft = Callable[..., Intent]
MakeStamp = Callable[..., Stamp]


@pytest.fixture
def mixed(decided: Make, planned: MakePlanned) -> list[Decided]:
    """New ones, a repeat, one that replaces a policy's of the same batch, a confirmed one."""
    policy = decided(card_id="p", reviewer="policy:small", changes=(planned(line_id="l9"),))
    return [
        decided(card_id="a", changes=(planned(), planned(line_id="l2")), client_key="k1"),
        policy,
        decided(card_id="a", client_key="k1"),
        replace(policy, reviewer="dana", confirmed=frozenset({"zero", "large"})),
        decided(card_id="b", card_version="v2"),
        decided(card_id="b"),
    ]


def links(ledger: Ledger) -> list[dict[str, Any]]:
    return ledger.rows(sa.select(chain).order_by(chain.c.seq))


def test_a_batch_leaves_the_very_entries_of_one_by_one(
    ledger: Ledger, new_place: Callable[[], Place], open_ledger: Any, mixed: list[Decided]
) -> None:
    """Same ids, same order, same hashes; and who repeats all of it changes nothing."""
    alone = open_ledger(new_place())
    single = [record_decisions(alone, [item], origin="tests") for item in mixed]
    together = record_decisions(ledger, mixed, origin="tests")
    assert together.new == tuple(each for answer in single for each in answer.new)
    assert together.repeated == tuple(each for answer in single for each in answer.repeated)
    assert (len(together.new), len(together.repeated)) == (5, 1)
    assert links(ledger) == links(alone)
    again = [item for item in mixed if item.reviewer == "dana"]
    assert record_decisions(ledger, again, origin="tests").new == ()
    with ledger.reading() as connection:
        assert verify(connection).trouble == ""


def test_a_larger_batch_asks_no_more_questions(
    ledger: Ledger, decided: Make, planned: MakePlanned
) -> None:
    """Forty decisions with their changes take the statements of four: people wait for them."""
    asked: list[str] = []
    sa.event.listen(
        ledger.engine, "before_cursor_execute", lambda *about: asked.append(str(about[2]))
    )
    counts = []
    for first, count in ((0, 4), (100, 40)):
        numbers = range(first, first + count)
        batch = [decided(card_id=f"c{number}", changes=(planned(),)) for number in numbers]
        asked.clear()
        assert len(record_decisions(ledger, batch, origin="tests").new) == count
        counts.append(len(asked))
    assert counts[0] == counts[1] > 0


def test_more_than_fit_into_one_question_are_all_looked_up(
    ledger: Ledger, decided: Make, planned: MakePlanned, stamp: MakeStamp
) -> None:
    """A repeat, a taken back one and a rival are recognised wherever in a large batch they are."""
    count = 2 * AT_ONCE + 1
    batch = [
        decided(card_id=f"c{number}", client_key=f"k{number}", changes=(planned(),))
        for number in range(count)
    ]
    ids = record_decisions(ledger, batch, origin="tests").new
    withdraw_decision(ledger, ids[-1], reason="r", stamp=stamp())
    confirm_decision(ledger, ids[-2], "large", stamp())
    changed = [replace(item, client_key="") for item in batch]
    changed[0] = replace(changed[0], qty_target=Decimal(7))
    answer = record_decisions(ledger, changed, origin="tests", is_all_or_nothing=False)
    assert [item.card_id for item, _why in answer.refused] == ["c0"]
    assert answer.repeated == ids[1:-1]
    assert len(answer.new) == 1
    every = [*ids, *answer.new]
    assert read_changes(ledger, of=every) == read_changes(ledger)
    assert confirmed_kinds(ledger, of=every) == {ids[-2]: frozenset({"large"})}


def test_a_few_are_read_as_out_of_all(
    filled: Ledger, decided: Make, planned: MakePlanned, stamp: MakeStamp, draft: MakeDraft
) -> None:
    """What is read by company or decision is what reading everything tells about those."""
    basis = replace(decided().basis, company_id="8")
    more = [
        decided(card_id="d", basis=basis, changes=(planned(line_id="l7"),)),
        decided(card_id="e", basis=basis, changes=(planned(),)),
        decided(card_id="f", reviewer="policy:small", changes=(planned(line_id="l8"),)),
        decided(card_id="f"),
    ]
    ids = record_decisions(filled, more, origin="tests").new
    withdraw_decision(filled, ids[1], reason="r", stamp=stamp())
    confirm_decision(filled, ids[0], "large", stamp("eve"))
    epoch = take_lease(filled, "host", stamp())
    (change,) = (item for item in read_changes(filled) if item.decision_id == ids[0])
    for attempt in (1, 2):
        record_outcome(filled, Outcome(change.change_id, ChangeState.NOT_APPLIED), stamp())
        intent = draft(change.change_id, epoch, attempt)
        record_intent(filled, change, intent, "PATCH", stamp())
    everything = standing_decisions(filled)
    for companies in ({"7"}, {"8"}, {"7", "8"}, set()):
        assert standing_decisions(filled, companies=companies) == [
            item for item in everything if item.basis.company_id in companies
        ]
    every = [item.decision_id for item in read_decisions(filled)]
    for wanted in (every, every[:1], ids[1:2], []):
        mine = [item for item in read_changes(filled) if item.decision_id in wanted]
        assert read_changes(filled, of=wanted) == mine
        kinds = {key: value for key, value in confirmed_kinds(filled).items() if key in wanted}
        assert confirmed_kinds(filled, of=wanted) == kinds


def test_a_ledger_of_schema_four_gets_its_indexes(place: Place, open_ledger: Any) -> None:
    """Opened by this release it has the indexes of a new one, and its entries still hold."""
    older = open_ledger(place)
    with older.engine.begin() as connection:
        for index in INDEXES:
            index.drop(connection)
        connection.execute(sa.update(versions).values(version=4))
    with open_ledger(place).engine.begin() as connection:
        found = sa.inspect(connection)
        named = {
            each["name"]
            for table in {index.table.name for index in INDEXES if index.table is not None}
            for each in found.get_indexes(table)
        }
        assert named >= {index.name for index in INDEXES}
        assert verify(connection).trouble == ""
