"""A list is whole only with proof: its fields, keys, contents and announced total."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.landing.completeness import ListChangedError, Tally
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Stream

MakeStream = Callable[..., Stream]
NESTED = ("name", "company.id")


def whole(**changes: Any) -> dict[str, Any]:
    return {"id": 7, "name": "Acme", "company": {"id": 1}, "quantity": 5} | changes


@pytest.mark.parametrize(
    ("record", "missing"),
    [
        ({"id": 7, "company": {"id": 1}}, "name"),
        (whole(name=None), "name"),
        (whole(company=None), "company.id"),
        (whole(company={}), "company.id"),
        (whole(company={"id": None}), "company.id"),
        (whole(company="Acme"), "company.id"),
        (whole(company=[{"id": 1}]), "company.id"),
    ],
)
def test_a_missing_field_names_itself_and_its_record(
    stream_of: MakeStream, record: dict[str, Any], missing: str
) -> None:
    """A record without a required field is refused as `shape`, named by field and id."""
    tally = Tally(stream_of(required=NESTED), "Made-up")
    with pytest.raises(PipelineError) as caught:
        tally.add([record], None)
    assert caught.value.category is Category.SHAPE
    assert f"(id 7) without {missing}." in caught.value.message
    assert "things" in caught.value.message


@pytest.mark.parametrize("record", [{"name": "Acme"}, whole(id=None), "Acme", None, 5])
def test_a_record_without_its_key_is_refused(stream_of: MakeStream, record: Any) -> None:
    """What can't be told apart can't be counted: no key, or no record at all, is `shape`."""
    with pytest.raises(PipelineError, match="without id") as caught:
        Tally(stream_of(), "Made-up").add([record], None)
    assert caught.value.category is Category.SHAPE


def test_present_but_empty_or_false_is_there(stream_of: MakeStream) -> None:
    """An empty text, a zero and a false are answers, not gaps."""
    tally = Tally(stream_of(required=("name", "flag", "count")), "Made-up")
    tally.add([{"id": 0, "name": "", "flag": False, "count": 0}], None)
    tally.finish()
    assert tally.records == 1


@pytest.mark.parametrize("number", [5, 0, -3, Decimal("5.25"), Decimal("5.1234"), Decimal("1E+3")])
def test_numbers_with_up_to_four_decimals_pass(stream_of: MakeStream, number: Any) -> None:
    """Whole numbers and exact decimals that fit the tables are taken as they are."""
    tally = Tally(stream_of(numbers=("quantity",)), "Made-up")
    tally.add([whole(quantity=number), whole(id=8, quantity=Decimal("0.50000"))], None)
    assert tally.distinct_keys == 2


@pytest.mark.parametrize(
    "value",
    ["5", True, False, [], {}, None, 5.25, Decimal("5.12345"), 10**9, Decimal("1E+30"), -(10**9)],
)
def test_anything_else_is_no_quantity(stream_of: MakeStream, value: Any) -> None:
    """A text, a flag, a float, too many decimals or an absurd size fails instead of being cast."""
    with pytest.raises(PipelineError) as caught:
        Tally(stream_of(numbers=("quantity",)), "Made-up").add([whole(quantity=value)], None)
    assert caught.value.category is Category.SHAPE
    assert "(id 7) whose quantity is not a number" in caught.value.message


def test_an_absent_quantity_is_no_zero(stream_of: MakeStream) -> None:
    """A record without its number is refused even where the number is not called required."""
    with pytest.raises(PipelineError, match="whose seats is not a number"):
        Tally(stream_of(numbers=("seats",)), "Made-up").add([whole()], None)


def test_an_identical_repeat_counts_once(stream_of: MakeStream) -> None:
    """A record that two pages repeat is one record, and the total is compared without it."""
    tally = Tally(stream_of(), "Made-up")
    tally.add([whole(), whole(id=8)], 2)
    tally.add([whole()], 2)
    tally.finish()
    assert (tally.records, tally.distinct_keys) == (3, 2)


def test_several_fields_may_identify_a_record(stream_of: MakeStream) -> None:
    """Where only all of them do, one that differs makes another record, not a changed one."""
    tally = Tally(stream_of(also_key=("quantity",)), "Made-up")
    tally.add([whole(quantity=5), whole(quantity=6), whole(quantity=6)], 2)
    tally.finish()
    assert (tally.records, tally.distinct_keys) == (3, 2)


@pytest.mark.parametrize("second", [whole(quantity=6), whole(extra=1), {"id": 7}])
def test_one_key_with_two_contents_is_a_changed_list(
    stream_of: MakeStream, second: dict[str, Any]
) -> None:
    """One record in two states proves that the list moved while it was read."""
    tally = Tally(stream_of(), "Made-up")
    with pytest.raises(ListChangedError, match="record 7 came twice"):
        tally.add([whole(), second], None)


@pytest.mark.parametrize(
    ("announced", "message"),
    [((3, 3), "announced 3 and gave 2"), ((1, 1), "announced 1 and gave 2"), ((2, 3), "2 to 3")],
)
def test_a_total_that_does_not_add_up_is_a_changed_list(
    stream_of: MakeStream, announced: tuple[int, int], message: str
) -> None:
    """A total that is too high, too low, or another one on the next page is not believed."""
    tally = Tally(stream_of(), "Made-up")

    def read() -> None:
        for number, total in enumerate(announced):
            tally.add([whole(id=number)], total)
        tally.finish()

    with pytest.raises(ListChangedError, match=message):
        read()


def test_an_empty_list_that_must_not_be_empty(stream_of: MakeStream) -> None:
    """An impossible emptiness is a permission problem, and the hint says whose."""
    tally = Tally(stream_of(may_be_empty=False, empty_hint="Ask the administrator."), "Made-up")
    tally.add([], None)
    with pytest.raises(PipelineError) as caught:
        tally.finish()
    assert caught.value.category is Category.PERMISSION
    assert caught.value.next_step == "Ask the administrator."


def test_an_empty_list_may_be_the_truth(stream_of: MakeStream) -> None:
    """An empty list is complete where nothing forbids it, with an announced zero too."""
    tally = Tally(stream_of(), "Made-up")
    tally.add([], 0)
    tally.finish()
    assert (tally.records, tally.announced, tally.accounts) == (0, 0, None)


def test_accounts_are_counted_once(stream_of: MakeStream) -> None:
    """The shrink guard gets the number of different accounts, whatever type their ids have."""
    tally = Tally(stream_of(account="company.id"), "Made-up")
    tally.add([whole(id=n, company={"id": owner}) for n, owner in enumerate([1, 1, "1", 2])], None)
    assert tally.accounts == 2
