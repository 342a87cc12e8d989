"""What saving would change is what the next run changes."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_pipeline.ledger.count_rules import RuleEntry, record_rules
from reconcile_pipeline.mapping.effect import Side, effect

PERIOD = "2026-11"
TOLD = ("finding", "qty_psa", "qty_vendor", "amount_delta", "currency")
ACCOUNTS = st.tuples(
    st.just("account"), st.sampled_from("abcd"), st.sampled_from(["1", "2", "3", "4", None])
)
SERVICES = st.tuples(st.just("service"), st.sampled_from("st"), st.sampled_from(["p", "q", None]))
ONE = st.tuples(
    ACCOUNTS | SERVICES,
    st.sampled_from(["usage", "usage", "purchased"]),
    st.sampled_from([Decimal(1), Decimal("0.5"), Decimal(3)]),
    st.booleans(),
)
BATCH = st.lists(ONE, min_size=1, max_size=4, unique_by=lambda one: one[0][:2])


def written(propose: Any, batch: list[Any]) -> list[Any]:
    found = []
    for (kind, item, target), leg, multiplier, is_removal in batch:
        if kind == "account":
            found.append(propose.account(item, target, reason="x", is_removal=is_removal))
        else:
            more = {"leg": leg, "multiplier": multiplier, "is_removal": is_removal}
            found.append(propose.service(item, target, reason="x", **more))
    return found


def expected(before: Any, after: Any) -> dict[Any, tuple[Side | None, Side | None]]:
    """By company and group: the numbers before and after, where they differ."""
    sides = [
        {key: Side(*(row[name] for name in TOLD)) for key, row in cards.items()}
        for cards in (before, after)
    ]
    keys = {*before, *after}
    pairs = {key: (sides[0].get(key), sides[1].get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def test_the_effect_is_the_difference_the_next_run_makes(
    tmp_path_factory: Any, make_office: Callable[[Path], Any], propose: Any
) -> None:
    """Whatever is proposed, on whatever stands and is published, cards change exactly as told."""

    @settings(max_examples=6, deadline=None)
    @given(st.lists(BATCH, min_size=1, max_size=3), st.booleans())
    def holds(batches: list[Any], is_published: bool) -> None:  # noqa: FBT001 - drawn
        office = make_office(tmp_path_factory.mktemp("office"))
        *earlier, last = batches
        for batch in earlier:
            office.save(*written(propose, batch))
        if is_published:
            office.publish()
        told = effect(office.open(), office.ledger, PERIOD, written(propose, last), now=office.now)
        office.publish()
        before = office.cards()
        office.save(*written(propose, last))
        office.publish()
        after = office.cards()
        found = {(c.company_id, c.service_group_id): (c.before, c.after) for c in told.cards}
        assert found == expected(before, after)
        other = {
            key
            for key in before.keys() & after.keys()
            if before[key]["card_version"] != after[key]["card_version"]
        }
        assert told.asked_again == len(other - found.keys())
        office.close()

    holds()


def test_the_summary_tells_units_cards_and_money(office: Any, propose: Any) -> None:
    """A person reads in one line what saving does."""
    office.save(propose.service("s", "p"))
    office.publish()
    proposals = [propose.account("a", "1"), propose.account("d", "3")]
    told = effect(office.open(), office.ledger, PERIOD, proposals, now=office.now)
    assert told.summary == "Adds 9 units on 2 cards (1 new), +40.00 USD/month."
    assert told.units == 9
    assert told.amounts == {"USD": Decimal("40.0000")}
    kinds = {card.company_name: card.kind for card in told.cards}
    assert kinds == {"Acme": "changes", "Cobalt": "appears"}


def test_nothing_of_a_trial_stays(office: Any, propose: Any) -> None:
    """Looking at an effect records nothing and leaves the published file as it was."""
    before = office.file.read_bytes()
    told = effect(office.open(), office.ledger, PERIOD, [propose.service("s", "p")], now=office.now)
    assert told.cards
    assert office.save(propose.service("s", "p")).entries == 1
    office.close()
    assert office.file.read_bytes() == before


def test_a_month_whose_grace_is_over_keeps_its_cards(office: Any, propose: Any) -> None:
    """A mapping made later counts for later months only, and the effect says so."""
    until = office.now - timedelta(days=1)
    told = effect(
        office.open(),
        office.ledger,
        PERIOD,
        [propose.service("s", "p")],
        now=office.now,
        until=until,
    )
    assert told.cards == ()
    assert told.summary == "No card of 2026-11 changes: its grace days are over."


def test_what_cannot_be_saved_has_no_effect(office: Any, propose: Any) -> None:
    """A refused proposal comes back with its verdict and changes no number."""
    told = effect(office.open(), office.ledger, PERIOD, [propose.service("s", "z")], now=office.now)
    assert told.summary == "No card changes."
    assert told.verdicts[0].error is not None


def test_a_newer_count_rule_counts_on_both_sides(office: Any, propose: Any) -> None:
    """A rule written since the last run is no effect of the mapping."""
    office.save(propose.service("s", "p"), propose.account("a", "1"))
    office.publish()
    rule = RuleEntry("pax8", "s", "free=2", "dana", office.now)
    record_rules(office.ledger, [rule])
    told = effect(office.open(), office.ledger, PERIOD, [propose.account("c", "3")], now=office.now)
    assert [card for card in told.cards if card.company_id == "1"] == []
