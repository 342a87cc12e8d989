"""Mapping in a browser: by dragging, with a reason, many at once; all of it can be taken back."""

import re
from typing import Any

UNMAPPED = "/mapping/accounts?state=unmapped"


def row_of(page: Any, name: str) -> Any:
    return page.locator(".item").filter(has=page.get_by_role("heading", name=name, exact=True))


def saved(page: Any) -> str:
    """Press Save on the preview; what the page then says."""
    page.get_by_role("heading", name="What this would change").wait_for()
    page.get_by_role("button", name="Save").click()
    page.locator("#told:has-text('Saved')").wait_for()
    text: str = page.locator("#told").inner_text()
    return text


def test_a_company_is_dragged_onto_an_account(own_office: Any, visit: Any) -> None:
    """Nothing is saved by the drop: it leads to what would change; taking it back unmaps again."""
    page = visit(own_office).open(UNMAPPED)
    before = page.locator(".item").count()
    account = page.locator(".item h3").first.inner_text()
    company = page.locator("[data-target]").first
    label = company.get_attribute("data-target")
    company.drag_to(page.locator(".item").first)
    page.get_by_role("heading", name="What this would change").wait_for()
    assert label.rpartition(" (")[0] in page.locator("main").inner_text()
    page.goto(own_office.address + UNMAPPED)
    assert page.locator(".item").count() == before, "looking already saved something"
    page.locator("[data-target]").first.drag_to(page.locator(".item").first)
    assert f"Saved: {account} → {label.rpartition(' (')[0]}" in saved(page)
    page.goto(own_office.address + "/mapping/accounts?q=" + account)
    assert row_of(page, account).locator(".badge").inner_text() == "mapped"
    row_of(page, account).get_by_role("link", name="History").click()
    assert page.locator("tbody tr").count() >= 1
    page.get_by_role("button", name="Undo the newest entry").click()
    page.goto(own_office.address + "/mapping/accounts?q=" + account)
    assert row_of(page, account).locator(".badge").inner_text() == "unmapped"


def test_an_exclusion_needs_its_reason(own_office: Any, visit: Any) -> None:
    """Without one it is refused in words, nothing is saved; with one it shows who and why."""
    page = visit(own_office).open(UNMAPPED)
    account = page.locator(".item h3").first.inner_text()
    row = row_of(page, account)
    row.locator("summary").click()
    row.get_by_role("button", name="Exclude…").click()
    assert "reason" in page.get_by_role("alert").first.inner_text().lower()
    page.goto(own_office.address + UNMAPPED)
    row.locator("summary").click()
    row.get_by_label("Reason").fill("Our own test account")
    row.get_by_role("button", name="Exclude…").click()
    assert account in saved(page)
    page.goto(own_office.address + "/mapping/accounts?state=excluded&q=" + account)
    assert "Our own test account" in row_of(page, account).inner_text()


def test_what_is_certain_is_mapped_together(unmapped_office: Any, visit: Any) -> None:
    """All of it is shown first; what was uncertain stays."""
    page = visit(unmapped_office).open(UNMAPPED)
    told = page.locator("form.bulk span").inner_text()
    ready = int(re.findall(r"\d+", told)[0])
    before = page.locator(".item").count()
    page.locator("form.bulk button").click()
    assert re.search(r"Saved: ", saved(page))
    page.goto(unmapped_office.address + UNMAPPED)
    assert page.locator(".item").count() == before - ready
    assert not page.locator("form.bulk").count()


def test_a_name_that_several_have_is_asked_again(own_office: Any, visit: Any) -> None:
    """A typed name that fits none is refused beside the list, never guessed."""
    page = visit(own_office).open(UNMAPPED)
    row = page.locator(".item").first
    row.locator("form.choose input[name=target]").fill("No such company at all")
    row.get_by_role("button", name="Map…").click()
    assert "is no company in billing" in page.get_by_role("alert").first.inner_text()
