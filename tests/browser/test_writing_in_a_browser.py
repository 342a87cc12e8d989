"""The write-back page refuses what nobody has seen, and takes decisions and months back."""

import re
from typing import Any

LONG_MS = 120_000


def reconcile_first(office: Any, page: Any) -> str:
    """Decide the dearest over-billed card that needs no confirmation; its customer's name."""
    page.goto(office.address + "/review?type=under_billed")
    card = page.locator("tr.card").first
    name: str = card.locator(".customer a").inner_text()
    card.get_by_role("button", name="Reconcile").click()
    page.locator("#told:has-text('Recorded')").wait_for()
    return name


def test_a_plan_that_moved_is_shown_again(own_office: Any, visit: Any) -> None:
    """Somebody decided meanwhile: the number typed is about another list; nothing is written."""
    here, there = (visit(own_office).open("/") for _ in range(2))
    reconcile_first(own_office, here)
    here.goto(own_office.address + "/writeback")
    reconcile_first(own_office, there)
    here.get_by_label("Type the number of changes").fill("1")
    here.get_by_role("button", name=re.compile("into the PSA")).click()
    assert "has changed since this page was shown" in here.get_by_role("alert").inner_text()
    assert "2" in here.locator("#ready").inner_text()
    log = own_office.simulation.systems["connectwise"].log
    assert {call.method for call in log} <= {"GET"}, "something was written"


def test_a_decision_is_taken_back_before_it_is_written(own_office: Any, visit: Any) -> None:
    """Undo on the write-back page opens the card again and leaves nothing to write."""
    page = visit(own_office).open("/")
    name = reconcile_first(own_office, page)
    page.goto(own_office.address + "/writeback")
    row = page.locator("tbody tr").filter(has_text=name).first
    row.locator("input[type=checkbox]").check()
    page.get_by_role("button", name="Undo what is ticked").click()
    page.goto(own_office.address + "/writeback")
    assert "Nothing waits to be written" in page.locator("main").inner_text()
    page.goto(own_office.address + "/review?type=under_billed")
    assert name in page.locator("tbody").inner_text()


def test_a_month_is_opened_again_with_a_reason_only(own_office: Any, visit: Any) -> None:
    """Closing freezes it: a decision is refused; opening it again needs words."""
    page = visit(own_office).open("/writeback")
    page.get_by_role("button", name=re.compile("^Close ")).click()
    page.get_by_text("Closed by").first.wait_for()
    page.goto(own_office.address + "/review?type=under_billed")
    card = page.locator("tr.card").first
    if card.get_by_role("button", name="Reconcile").count():
        card.get_by_role("button", name="Reconcile").click()
        page.get_by_text(re.compile("closed")).first.wait_for()
    page.goto(own_office.address + "/writeback")
    page.get_by_role("button", name="Open it again").click()
    assert "Nobody says why" in page.get_by_role("alert").inner_text()
