"""What may be saved, what may not, and that nothing is lost when two people save at once."""

from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.ledger.mappings import mapping_history, mappings_in_force
from reconcile_pipeline.mapping.history import history
from reconcile_pipeline.mapping.propose import check, undo
from reconcile_pipeline.model import Category, PipelineError

PERIOD = "2026-11"
A = ("account", "pax8", "a")
S = ("service", "pax8", "s")


def judged(office: Any, *proposals: Any) -> list[Any]:
    return check(office.ledger, office.open(), proposals, period=PERIOD, by="dana", now=office.now)


def states(office: Any, item: Any) -> list[tuple[str, str | None]]:
    return [(e.state, e.target_id) for e in mappings_in_force(office.ledger) if e.item == item]


def taken_back(office: Any, item: Any, basis: int) -> int:
    office.now = office.now.replace(minute=(office.now.minute + 1) % 60)
    return undo(office.ledger, item, by="erin", now=office.now, origin="web", basis=basis).entries


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"item_id": "z"}, "pax8 shows no account with the id z"),
        ({"target_id": "9"}, "The PSA shows no company with the id 9"),
        ({"target_id": None}, "nobody says why"),
        ({"target_id": None, "reason": "  "}, "nobody says why"),
        ({"leg": "sold"}, "can't feed “sold”"),
        ({"leg": "purchased"}, "no leg and no multiplier"),
        ({"kind": "company"}, "can't be mapped"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    office: Any, propose: Any, changes: dict[str, Any], says: str
) -> None:
    """Each mistake has one sentence and one next step, and nothing is saved."""
    values = {
        "account_id": changes.pop("item_id", "a"),
        "company_id": changes.pop("target_id", "1"),
    }
    proposal = propose.account(**values)
    for name, value in changes.items():
        object.__setattr__(proposal, name, value)
    (verdict,) = judged(office, proposal)
    assert says in verdict.error.message
    assert verdict.error.next_step.endswith(".")
    with pytest.raises(PipelineError, match=says):
        office.save(propose.account("b", "2"), proposal)
    assert mapping_history(office.ledger) == []


def test_a_company_out_of_billing_is_a_warning(office: Any, propose: Any) -> None:
    """It may be mapped ahead of its return, knowing that it doesn't count until then."""
    (verdict,) = judged(office, propose.account("a", "4"))
    assert verdict.error is None
    assert "Delta is out of billing (deleted)" in verdict.warnings[0]


def test_saving_twice_records_once(office: Any, propose: Any) -> None:
    """A repeated click, with the old page's basis, is no conflict and no second entry."""
    assert office.save(propose.account("a", "1", basis=0)).entries == 1
    again = office.save(propose.account("a", "1", basis=0))
    assert (again.entries, again.verdicts[0].is_repeat) == (0, True)
    assert len(mapping_history(office.ledger)) == 1


def test_who_was_faster_is_named_and_nothing_is_saved(office: Any, propose: Any) -> None:
    """All or nothing: a conflict on one row leaves the other rows unsaved, too."""
    office.save(propose.account("a", "1", basis=0), by="erin")
    with pytest.raises(
        PipelineError, match="mapped to Acme by erin at 2026-11-22 12:01 UTC"
    ) as told:
        office.save(propose.account("b", "2", basis=0), propose.account("a", "2", basis=0))
    assert told.value.category is Category.CONFLICT
    assert states(office, ("account", "pax8", "b")) == []


def test_a_rival_between_check_and_saving_is_seen(
    office: Any, propose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The basis is compared again inside the transaction that appends."""
    module = "reconcile_pipeline.mapping.propose"
    checked = judged(office, propose.account("a", "2", basis=0))
    office.save(propose.account("a", "1", basis=0), by="erin")
    monkeypatch.setattr(f"{module}.check", lambda *_args, **_named: checked)
    with pytest.raises(PipelineError, match="by erin"):
        office.save(propose.account("a", "2", basis=0))
    assert states(office, A) == [("mapped", "1")]


def test_an_account_cannot_be_two_companies_at_once(office: Any, propose: Any) -> None:
    """Two lines about one account contradict each other; two products of a service don't."""
    first, second = judged(office, propose.account("a", "1"), propose.account("a", "2"))
    assert first.error is None
    assert "proposed twice" in second.error.message
    assert office.save(propose.service("s", "p"), propose.service("s", "q")).entries == 2
    assert states(office, S) == [("mapped", "p"), ("mapped", "q")]


def test_one_link_of_a_service_can_be_removed(office: Any, propose: Any) -> None:
    """The other links stay, with their multipliers."""
    office.save(propose.service("s", "p"), propose.service("s", "q"))
    office.save(propose.service("s", "p", is_removal=True))
    assert states(office, S) == [("mapped", "q")]
    office.save(propose.service("s", "q", is_removal=True))
    assert states(office, S) == [("unmapped", None)]
    assert office.save(propose.service("s", "q", is_removal=True)).entries == 0


def test_undoing_brings_back_what_stood_before(office: Any, propose: Any) -> None:
    """Unmapped, another company, an exclusion: by a new entry; undoing twice changes nothing."""
    office.save(propose.account("a", "1"))
    office.save(propose.account("a", None, reason="a test tenant"))
    newest = mapping_history(office.ledger)[-1]["seq"]
    assert taken_back(office, A, newest) == 1
    assert states(office, A) == [("mapped", "1")]
    assert taken_back(office, A, newest + 1) == 1
    assert states(office, A) == [("excluded", None)]
    assert len(mapping_history(office.ledger)) == 4


def test_undoing_the_first_mapping_leaves_it_unmapped(office: Any, propose: Any) -> None:
    """And an identical name does not map it again by itself."""
    office.save(propose.account("a", "1"))
    taken_back(office, A, 1)
    assert states(office, A) == [("unmapped", None)]
    office.publish()
    row = office.open().execute(
        "select state, company_id, drift from map.accounts where account_id = 'a'"
    )
    assert row.fetchall() == [("unmapped", None, None)]


def test_undoing_a_service_restores_its_links(office: Any, propose: Any) -> None:
    """All links that stood before come back together, and no other."""
    office.save(propose.service("s", "p"), propose.service("s", "q"))
    office.save(propose.service("s", None, reason="not sold"))
    taken_back(office, S, 3)
    assert states(office, S) == [("mapped", "p"), ("mapped", "q")]


def test_undoing_on_an_old_page_is_refused(office: Any, propose: Any) -> None:
    """Nobody undoes what they have not seen; and nothing said can't be undone."""
    office.save(propose.account("a", "1"))
    office.save(propose.account("a", "2"), by="erin")
    with pytest.raises(PipelineError, match="mapped to Borealis by erin"):
        taken_back(office, A, 1)
    with pytest.raises(PipelineError, match="Nothing was ever said"):
        taken_back(office, S, 0)


def test_the_history_tells_each_step(office: Any, propose: Any) -> None:
    """Who, when, through which door, from what to what, and why."""
    office.save(propose.account("a", "1"))
    office.save(propose.account("a", None, reason="A test tenant."), by="erin")
    taken_back(office, A, 2)
    first, second, third = history(office.ledger, A)
    assert (first.before, first.after, first.by, first.origin) == (
        "unmapped",
        "mapped to Acme",
        "dana",
        "web",
    )
    assert second.text == (
        "2026-11-22 12:02 UTC: erin (web): from mapped to Acme to excluded. Reason: A test tenant."
    )
    assert (third.before, third.after) == ("excluded", "mapped to Acme")


def test_the_history_of_a_service_tells_each_link(office: Any, propose: Any) -> None:
    """A second product replaces nothing; a new multiplier replaces the old one."""
    office.save(propose.service("s", "p"))
    office.save(propose.service("s", "q"))
    office.save(propose.service("s", "q", multiplier=Decimal(3)))
    steps = [(step.before, step.after) for step in history(office.ledger, S)]
    assert steps == [
        ("unmapped", "mapped to Product p"),
        ("not linked", "mapped to Product q"),
        ("mapped to Product q", "mapped to Product q × 3"),
    ]
