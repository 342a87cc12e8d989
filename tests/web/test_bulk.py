"""Many decisions at once: what the preview promises, and that confirming does that and no more."""

import csv
import io
import runpy
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_pipeline.ledger.closings import close_period
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.review.foresight import Outcome
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.web.pages import bulk
from reconcile_pipeline.web.previews import OLDEST, Preview, Previews

BENCH = runpy.run_path(str(Path(__file__).parent / "files_bench.py"))
COUNTS, NOON, PERIOD = BENCH["COUNTS"], BENCH["NOON"], BENCH["PERIOD"]
template, office = BENCH["template"], BENCH["office"]
SOME = st.sets(st.integers(0, len(COUNTS)))


@settings(max_examples=8, deadline=None)
@given(
    said=st.tuples(
        st.sampled_from(["reconcile", "approve", "no_change"]), st.sampled_from(["", "Agreed."])
    ),
    story=st.tuples(SOME.filter(bool), SOME, SOME, SOME),
)
@pytest.mark.fault(72, 73)
def test_confirming_does_what_the_preview_promised(template: Path, said: Any, story: Any) -> None:
    """What did not move is recorded exactly as promised; what moved is refused, one by one."""
    decision, note = said
    chosen, before, between, moved = story
    with tempfile.TemporaryDirectory() as folder:
        office = BENCH["office_in"](Path(folder), template)
        cards = office.cards()
        for number in before:
            office.decide_alone(cards[number])
        preview_id = office.preview(decision, [cards[each] for each in chosen], note=note)
        promised = {row.wanted.card_id for row in office.kept(preview_id).promised}
        assert promised.isdisjoint(cards[each]["card_id"] for each in before)
        for number in between - before:
            office.decide_alone(cards[number])
        if moved:
            office.move([cards[each] for each in moved])
        if promised:
            assert office.confirm(preview_id).status_code == 303
        gone = {cards[each]["card_id"] for each in between | moved}
        by_ann = {card for card, (_said, who) in office.recorded().items() if who == "ann"}
        assert by_ann == promised - gone
        if promised:
            assert set(office.kept(preview_id).result.refused) == promised & gone
        office.ledger.engine.dispose()


@pytest.mark.fault(69)
def test_a_second_click_changes_nothing(office: Any) -> None:
    """Confirming again makes no entry and leads to the same result."""
    preview_id = office.preview("reconcile", office.cards())
    first = office.confirm(preview_id)
    said, result = office.recorded(), office.kept(preview_id).result
    second = office.confirm(preview_id)
    assert first.headers["location"] == second.headers["location"]
    assert office.recorded() == said
    assert office.kept(preview_id).result is result
    assert office.followed == [True]


@pytest.mark.fault(69)
def test_clicks_at_once_record_once(office: Any) -> None:
    """Eight confirmations at the same moment make one set of entries and one result."""
    preview_id = office.preview("reconcile", office.cards())
    office.shown(preview_id)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _click: office.confirm(preview_id), range(8)))
    assert {answer.status_code for answer in answers} == {303}
    promised = {row.wanted.card_id for row in office.kept(preview_id).promised}
    assert set(office.recorded()) == promised
    assert office.kept(preview_id).result.recorded == len(promised)


@pytest.mark.parametrize(
    ("psa", "decision", "day", "recorded"),
    [
        ("autotask", "reconcile", "2027-01-01", date(2027, 1, 1)),
        ("autotask", "reconcile", "2026-12-01", None),
        ("autotask", "approve", "2027-01-01", None),
        ("connectwise", "reconcile", "2027-01-01", None),
    ],
)
def test_a_day_counts_where_the_psa_knows_one(
    office: Any, psa: str, decision: str, day: str, recorded: date | None
) -> None:
    """The effective date goes with reconcile before a PSA that takes one, and nowhere else."""
    cards = [("card", f"{card['card_id']}:{card['card_version']}") for card in office.cards()[:3]]
    call = office.call(form=[("decision", decision), ("effective_on", day), *cards])
    call.__dict__["door"] = replace(call.door, write_back=SYSTEMS[psa].write_back)
    answer = bulk.prepare(call)
    preview = office.kept(answer.headers["location"].partition("?")[0].rpartition("/")[2])
    assert {row.wanted.effective_on for row in preview.rows} == {recorded}


@pytest.mark.fault(69)
def test_a_lost_answer_is_found_again(office: Any) -> None:
    """When the result was lost after it was recorded, the repeat finds the same decisions."""
    preview_id = office.preview("reconcile", office.cards())
    office.confirm(preview_id)
    said, preview = office.recorded(), office.kept(preview_id)
    preview.result = None
    office.confirm(preview_id)
    assert office.recorded() == said
    assert preview.result.recorded == 0
    assert preview.result.again == set(said)


@pytest.mark.parametrize("user", ["bob", "ann"])
def test_nobody_confirms_what_is_not_theirs(office: Any, user: str) -> None:
    """Another user's preview, and an invented one, are no longer kept: 409, the filter stays."""
    own = office.preview("reconcile", office.cards())
    preview_id = own if user == "bob" else "invented"
    answer = office.confirm(preview_id, user=user)
    assert answer.status_code == 409
    assert "Make the preview again" in bytes(answer.body).decode()
    assert "409" not in office.shown(preview_id, user=user)
    assert "Jensen" not in office.shown(preview_id, user=user)
    with pytest.raises(PipelineError):
        bulk.download(office.call(user=user, preview_id=preview_id))
    assert office.recorded() == {}


def test_the_filter_survives_a_forgotten_preview(office: Any) -> None:
    """After two hours the page says so and leads back to the same list."""
    preview_id = office.preview("reconcile", office.cards(), query="q=acme&status=all")
    office.later(hours=3)
    answer = bulk.show(office.call("q=acme&status=all", preview_id=preview_id))
    assert answer.status_code == 409
    assert "q=acme&amp;status=all" in bytes(answer.body).decode()


def test_many_or_large_want_a_look(office: Any) -> None:
    """Beyond a limit nothing is recorded before somebody says that they looked."""
    preview_id = office.preview("reconcile", office.cards())
    assert office.kept(preview_id).needs == {"zero": 2, "large": 2}
    answer = office.confirm(preview_id, looked="")
    assert answer.status_code == 422
    assert office.recorded() == {}
    small = office.preview("reconcile", office.cards()[:1])
    assert office.confirm(small, looked="").status_code == 303
    assert len(office.recorded()) == 1


def test_all_of_a_filter_means_all_its_pages(office: Any) -> None:
    """`all` takes every card that the filter finds, and no other."""
    query = "type=under_billed&type=over_billed&size=50"
    preview_id = office.preview("reconcile", [], query=query, all="yes")
    ids = {row.wanted.card_id for row in office.kept(preview_id).rows}
    wanted = {"under_billed", "over_billed"}
    assert ids == {row["card_id"] for row in office.cards() if row["finding"] in wanted}
    assert len(ids) == 12


def test_each_card_meets_its_outcome(office: Any) -> None:
    """Equal counts, by hand, to be confirmed, written, unproven: each card is told apart."""
    preview_id = office.preview("reconcile", office.cards())
    *told, last = (row.outcome for row in office.kept(preview_id).rows)
    first = dict(zip(COUNTS, told, strict=True))
    assert first[5, 8] is first[9, 4] is Outcome.WRITTEN
    assert first[3, 3] is Outcome.NOTED
    assert first[None, 6] is Outcome.BY_HAND
    assert first[4, 0] is first[2, 90] is Outcome.CONFIRMED_FIRST
    assert last is Outcome.UNPROVEN


def test_money_is_shown_before_and_after(office: Any) -> None:
    """Units and money of what is recorded, per currency: 5 → 8 and 9 → 4 at 10 each."""
    preview_id = office.preview("reconcile", office.cards()[:2])
    (sums,) = office.kept(preview_id).sums
    assert (sums.qty_before, sums.qty_after) == (14, 12)
    assert (sums.money_before, sums.money_after) == (140, 120)
    assert "140.00 → 120.00" in office.shown(preview_id)


def test_no_change_without_a_reason_keeps_the_cards(office: Any) -> None:
    """A missing note refuses every card, and the note alone has to be written."""
    preview_id = office.preview("no_change", office.cards()[:3])
    assert office.kept(preview_id).promised == ()
    again = office.preview("no_change", [], again=preview_id, note="As agreed.")
    assert len(office.kept(again).promised) == 3


def test_nothing_selected_is_said_and_keeps_the_note(office: Any) -> None:
    """Without a card, the page says so and still holds what was typed."""
    form = [("decision", "approve"), ("note", "Looked <twice>")]
    answer = bulk.prepare(office.call(form=form))
    text = bytes(answer.body).decode()
    assert answer.status_code == 422
    assert "No card is selected" in text
    assert "Looked &lt;twice&gt;" in text


def test_a_closed_month_promises_nothing(office: Any) -> None:
    """Cards of a closed month can't be taken, and the preview says who closed it."""
    stamp = BENCH["REVIEW"]["Stamp"]("eve", NOON, "tests")
    close_period(office.ledger, PERIOD, reason="Done.", evidence=(), cards_digest="", stamp=stamp)
    preview_id = office.preview("reconcile", office.cards()[:2])
    assert office.kept(preview_id).promised == ()
    assert "was closed by eve" in office.shown(preview_id)


def test_the_result_is_a_file_too(office: Any) -> None:
    """The CSV names every card once with what became of it, and runs no formula."""
    cards = office.cards()
    preview_id = office.preview("reconcile", cards, note="=1+1")
    office.decide_alone(cards[0])
    office.confirm(preview_id)
    answer = bulk.download(office.call(preview_id=preview_id))
    text = bytes(answer.body).decode("utf-8-sig")
    rows = {row["card_id"].lstrip("'"): row for row in csv.DictReader(io.StringIO(text))}
    assert len(rows) == len(cards)
    assert rows[cards[0]["card_id"]]["result"].startswith("Not taken")
    assert "was decided already" in rows[cards[0]["card_id"]]["reason"]


def test_previews_are_bounded() -> None:
    """A user keeps five previews; old ones go; one user's never push out another's at once."""
    kept = Previews()
    made = [kept.keep(Preview(f"user{n % 2}", PERIOD, NOON, ())) for n in range(14)]
    alive = []
    for item in made:
        try:
            kept.of(item.preview_id, owner=item.owner, period=PERIOD, now=NOON)
        except PipelineError:
            continue
        alive.append(item)
    assert alive == made[4:]
    with pytest.raises(PipelineError):
        kept.of(made[-1].preview_id, owner=made[-1].owner, period=PERIOD, now=NOON + 2 * OLDEST)
