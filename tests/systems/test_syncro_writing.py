"""Syncro lines for write-back: what is read, when a line must be left alone, what is sent."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.http import ApiError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.psa.syncro_writing import WRITE_BACK, read
from reconcile_pipeline.systems.writing import LineRef, LineSeen

LINE = LineRef("610", "72")
ON = date(2026, 12, 1)
ROW = {
    "id": 72,
    "schedule_id": 610,
    "product_id": 77,
    "name": "Seat",
    "description": "Per user",
    "quantity": "25.5",
    "retail_cents": 2200,
    "cost_cents": 1870,
    "price_retail": 22.0,
    "taxable": False,
    "position": 3,
    "one_time_charge": False,
    "recurring_type_id": None,
    "device_ids": [],
}
SCHEDULE = {"id": 610, "paused": False, "next_run": "2026-12-01T00:00:00.000Z", "lines": [ROW]}


class Answers:
    """A client that shows one schedule and the list; a number is a refusal with that status."""

    system = "syncro"

    def __init__(self, single: Any, listed: Any) -> None:
        self.single, self.listed = single, listed

    async def get(self, request: Any) -> Any:
        answer = self.listed if request.path == "/schedules" else self.single
        if isinstance(answer, int):
            raise ApiError("refused", next_step="", category=Category.SHAPE, status=answer)
        return type("Reply", (), {"data": answer, "status": 200})()


def seen(single: Any, listed: Any = 404) -> LineSeen:
    client: Any = Answers(single, listed)
    return asyncio.run(read(client, LINE, ON))


def test_a_line_is_read_with_its_next_run() -> None:
    """The text quantity as a number, and the next run for the trail."""
    found = seen({"schedule": SCHEDULE})
    assert (found.qty, found.cannot_change) == (Decimal("25.5"), "")
    assert found.stamp == "next run 2026-12-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("schedule", "row", "words"),
    [
        ({"paused": True}, {}, "its schedule is paused"),
        ({}, {"one_time_charge": True}, "the line is charged once only"),
        ({}, {"recurring_type_id": 3}, "Syncro counts the line itself"),
        ({}, {"contact_field_answer_id": 8}, "Syncro counts the line itself"),
    ],
)
def test_lines_that_must_be_left_alone(
    schedule: dict[str, Any], row: dict[str, Any], words: str
) -> None:
    """Each obstacle is told in a sentence, with the quantity as it is."""
    found = seen({"schedule": SCHEDULE | schedule | {"lines": [ROW | row]}})
    assert (found.qty, found.cannot_change) == (Decimal("25.5"), words)


def test_what_is_gone_is_told_apart_from_a_moved_api() -> None:
    """A missing line or schedule is a fact only while the API is where it was."""
    assert seen({"schedule": SCHEDULE | {"lines": []}}).cannot_change == "the line is gone"
    assert seen(404, {"schedules": []}).cannot_change == "its schedule is gone"
    for elsewhere in (404, {"message": "hello"}):
        with pytest.raises((ApiError, PipelineError)):
            seen(404, elsewhere)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"schedule": None},
        {"schedule": SCHEDULE | {"id": 611}},
        {"schedule": SCHEDULE | {"lines": None}},
        {"schedule": SCHEDULE | {"paused": None}},
        {"schedule": SCHEDULE | {"lines": [ROW | {"quantity": "?"}]}},
        {"schedule": SCHEDULE | {"lines": [ROW | {"name": ""}]}},
    ],
)
def test_an_odd_answer_is_no_fact(odd: dict[str, Any]) -> None:
    """It must neither reject a change that is right nor verify one that is wrong."""
    with pytest.raises(ApiError) as caught:
        seen(odd)
    assert caught.value.category is Category.SHAPE


def test_everything_goes_back_but_the_quantity() -> None:
    """A PUT resets what it does not name: each field of the line is named, and nothing else."""
    change = WRITE_BACK.change(LINE, seen({"schedule": SCHEDULE}), Decimal(27), ON)
    assert (change.method, change.path) == ("PUT", "/schedules/610/line_items/72")
    assert change.body == {
        "product_id": 77,
        "name": "Seat",
        "description": "Per user",
        "position": 3,
        "retail_cents": 2200,
        "cost_cents": 1870,
        "taxable": False,
        "one_time_charge": False,
        "recurring_type_id": None,
        "quantity": Decimal(27),
    }
