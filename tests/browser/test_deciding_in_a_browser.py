"""Deciding cards as people do: by mouse, by keys, without JavaScript, and two at once."""

from typing import Any

import pytest

OVER = "/review?type=over_billed"


def first_card(page: Any) -> Any:
    return page.locator("tr.card").first


def card(page: Any, card_id: str) -> Any:
    return page.locator(f"#card-{card_id}")


def card_id(row: Any) -> str:
    found: str = row.get_attribute("data-card")
    return found


def test_a_click_decides_and_the_row_tells(office: Any, visit: Any) -> None:
    """Reconcile on a card: badge, who, undo; the page is not loaded anew, and the focus stays."""
    page = visit(office).open(OVER)
    row = card(page, card_id(first_card(page)))
    row.get_by_role("button", name="Reconcile").click()
    row.locator(".badge").wait_for()
    assert "Reconcile →" in row.inner_text()
    assert page.locator("#told").inner_text().startswith("Recorded: reconcile →")
    assert page.evaluate("document.activeElement.id") == row.get_attribute("id")
    row.get_by_role("button", name="Undo").click()
    row.get_by_role("button", name="Reconcile").wait_for()
    assert page.locator("#told").inner_text().startswith("Taken back")


def test_no_change_without_a_reason_is_refused_in_the_row(office: Any, visit: Any) -> None:
    """The reason why is told beside the card, and what was typed stays."""
    page = visit(office).open(OVER)
    row = card(page, card_id(first_card(page)))
    row.get_by_role("button", name="No change").click()
    row.locator(".error").wait_for()
    assert "needs a reason" in row.locator(".error").inner_text()
    row.get_by_role("textbox").fill("Contract says ten are free.")
    row.get_by_role("button", name="No change").click()
    row.locator(".badge").wait_for()
    assert "Contract says ten are free." in row.inner_text()
    row.get_by_role("button", name="Undo").click()
    row.get_by_role("button", name="Reconcile").wait_for()


def test_everything_works_without_javascript(office: Any, visit: Any) -> None:
    """Plain forms: decide, refuse, undo, filter, each a page of its own."""
    page = visit(office, java_script_enabled=False).open(OVER)
    before = page.locator("tr.card").count()
    first_card(page).get_by_role("button", name="Reconcile").click()
    assert page.locator("#told").inner_text().startswith("Recorded: reconcile →")
    assert page.locator("tr.card").count() == before - 1
    assert "type=over_billed" in page.url
    page.get_by_role("button", name="Undo").click()
    assert page.locator("#told").inner_text().startswith("Taken back")
    assert page.locator("tr.card").count() == before
    first_card(page).get_by_role("textbox").fill("x")
    first_card(page).get_by_role("textbox").fill("")
    first_card(page).get_by_role("button", name="No change").click()
    assert "needs a reason" in page.get_by_role("alert").inner_text()
    page.get_by_role("link", name="Back without deciding").click()
    page.get_by_label("Search").fill("zz-nobody-zz")
    page.get_by_role("button", name="Filter").click()
    assert "No card fits this filter" in page.locator("main").inner_text()


def test_two_browsers_on_one_card(office: Any, visit: Any) -> None:
    """The first decision stands; the second is told who was faster, with the note kept."""
    one, two = visit(office).open(OVER), visit(office).open(OVER)
    wanted = card_id(first_card(one))
    card(one, wanted).get_by_role("button", name="Reconcile").click()
    card(one, wanted).locator(".badge").wait_for()
    late = card(two, wanted)
    late.get_by_role("textbox").fill("They told me it is right.")
    late.get_by_role("button", name="No change").click()
    late.locator(".error").wait_for()
    assert "was decided already: reconcile" in late.inner_text()
    assert "Reconcile →" in late.inner_text()
    card(one, wanted).get_by_role("button", name="Undo").click()
    card(one, wanted).get_by_role("button", name="Reconcile").wait_for()


def test_a_double_click_is_one_decision(office: Any, visit: Any) -> None:
    """A form that is sent twice leaves one entry, and no error."""
    page = visit(office).open(OVER)
    row = card(page, card_id(first_card(page)))
    row.get_by_role("button", name="Reconcile").dblclick()
    row.locator(".badge").wait_for()
    assert row.locator(".error").count() == 0
    row.get_by_role("button", name="Undo").click()
    row.get_by_role("button", name="Reconcile").wait_for()


@pytest.mark.parametrize("key", ["r", "n"])
def test_the_keyboard_alone_decides(office: Any, visit: Any, key: str) -> None:
    """Keys are off until somebody switches them on in Help; then j, r, n, u work on the row."""
    page = visit(office).open(OVER)
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    page.goto(page.url.replace(OVER, "/help"))
    page.get_by_label("Use single keys in this browser").focus()
    page.keyboard.press("Space")
    page.goto(page.url.replace("/help", OVER))
    page.keyboard.press("j")
    page.keyboard.press("j")
    row = card(page, page.evaluate("document.activeElement.dataset.card"))
    page.keyboard.press(key)
    if key == "n":
        page.keyboard.type("The lab is free of charge.")
        page.keyboard.press("Enter")
    row.locator(".badge").wait_for()
    assert page.evaluate("document.activeElement.id") == row.get_attribute("id")
    page.keyboard.press("u")
    row.get_by_role("button", name="No change").wait_for()


def test_the_order_and_the_filter_live_in_the_address(office: Any, visit: Any) -> None:
    """Back and forward lead through what was looked at; a copied address shows the same."""
    page = visit(office).open("/review")
    page.get_by_role("link", name="Customer, agreement").click()
    assert "sort=customer" in page.url
    names = page.locator("tr.card .customer a").all_inner_texts()
    assert names == sorted(names)
    page.get_by_label("New revenue").check()
    page.get_by_role("button", name="Filter").click()
    assert "type=new_revenue" in page.url
    assert "sort=customer" in page.url
    assert {text.strip() for text in page.locator("tr.card .finding").all_inner_texts()} == {
        "New revenue"
    }
    page.go_back()
    assert "type=new_revenue" not in page.url
