"""A whole month end in a browser: map, decide, confirm, write back, prove, close; three ways."""

import re
from typing import Any, ClassVar

import pytest

LONG_MS = 120_000
"""A pull or a write-back on a busy machine."""


def is_done(page: Any, title: str) -> None:
    """Wait for the command that was started; without JavaScript by looking again."""
    for _ in range(200):
        panel = page.locator("#task")
        panel.wait_for(timeout=LONG_MS)
        if panel.get_attribute("aria-busy") == "false":
            break
        again = panel.get_by_role("link", name="Look again")
        if again.is_visible():
            again.click()
        else:
            page.locator("#task[aria-busy=false]").wait_for(timeout=LONG_MS)
    text = page.locator("#task").inner_text()
    assert title in text
    assert "Done" in text, text


def count_in(text: str) -> int:
    found = re.search(r"[\d,]+", text)
    assert found is not None, text
    return int(found[0].replace(",", ""))


class Mouse:
    """Clicks."""

    options: ClassVar[dict[str, Any]] = {}

    def press(self, page: Any, control: Any) -> None:
        control.click()

    def choose(self, page: Any, box: Any) -> None:
        box.check()

    def write(self, page: Any, field: Any, text: str) -> None:
        field.fill(text)


class Keyboard(Mouse):
    """Moves the focus with Tab and presses keys; never touches a mouse."""

    def reach(self, page: Any, control: Any) -> None:
        control.wait_for()
        for _ in range(3000):
            if control.evaluate("element => element === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"Tab never reaches {control}")

    def press(self, page: Any, control: Any) -> None:
        self.reach(page, control)
        page.keyboard.press("Enter")

    def choose(self, page: Any, box: Any) -> None:
        self.reach(page, box)
        page.keyboard.press("Space")

    def write(self, page: Any, field: Any, text: str) -> None:
        self.reach(page, field)
        page.keyboard.press("Control+a")
        page.keyboard.type(text)


class NoScript(Mouse):
    """Clicks, with JavaScript switched off."""

    options: ClassVar[dict[str, Any]] = {"java_script_enabled": False}


@pytest.mark.parametrize("way", [Mouse(), Keyboard(), NoScript()], ids=["mouse", "keys", "no js"])
def test_a_whole_month_end(own_office: Any, visit: Any, way: Any) -> None:
    """From unmapped accounts to a closed month with its report, and the PSA shows the numbers."""
    page = visit(own_office, **way.options).open("/")
    assert "Month end" in page.locator("h1").inner_text()
    map_one(own_office, page, way)
    decide_all(own_office, page, way)
    ready = write_all(own_office, page, way)
    prove_and_close(own_office, page, way, ready)


def map_one(own_office: Any, page: Any, way: Any) -> None:
    """Take a suggestion, look at its effect, save."""
    page.goto(own_office.address + "/mapping/accounts?state=unmapped")
    row = page.locator(".item:has(.suggestion)").first
    name = row.locator("h3").inner_text()
    way.press(page, row.locator(".suggestion button").first)
    page.get_by_role("heading", name="What this would change").wait_for()
    assert page.locator(".summary").inner_text() != ""
    way.press(page, page.get_by_role("button", name="Save"))
    page.locator("#told:has-text('Saved')").wait_for()
    assert f"Saved: {name}" in page.locator("#told").inner_text()
    settle(page)


def decide_all(own_office: Any, page: Any, way: Any) -> None:
    """All that is used and not invoiced, one that is invoiced in excess; leave the rest."""
    page.goto(own_office.address + "/review?type=under_billed")
    if page.locator("#pick-all").is_visible() and not way.options:
        way.choose(page, page.locator("#pick-all"))
    else:
        for box in page.locator("tbody .pick input").all():
            way.choose(page, box)
    way.press(page, page.locator("#bulk").get_by_role("button", name="Reconcile…"))
    agree(page, way)
    page.goto(own_office.address + "/review?type=over_billed")
    card = page.locator("tr.card").first
    address = card.locator(".customer a").get_attribute("href")
    way.press(page, card.get_by_role("button", name="Reconcile"))
    page.locator("#told:has-text('Recorded')").wait_for()
    page.goto(own_office.address + address)
    confirming = page.locator("form[action*='/confirm']")
    if confirming.count():
        for box in confirming.locator("input[type=checkbox]").all():
            way.choose(page, box)
        way.press(page, confirming.get_by_role("button").first)
        page.locator("#told:has-text('Confirmed')").wait_for()
    page.goto(own_office.address + "/review?size=250")
    for box in page.locator("tbody .pick input").all():
        way.choose(page, box)
    way.write(page, page.get_by_label("Note for all"), "Looked at, right as it is.")
    way.press(page, page.locator("#bulk").get_by_role("button", name="No change…"))
    agree(page, way)
    page.goto(own_office.address + "/review")
    assert "Nothing is open" in page.locator("main").inner_text()


def write_all(own_office: Any, page: Any, way: Any) -> int:
    """Write exactly what the page shows; returns how many changes."""
    page.goto(own_office.address + "/writeback")
    ready = count_in(page.locator("#ready").inner_text())
    assert ready > 0
    way.press(page, page.get_by_role("button", name="Dry run"))
    page.locator("td .chip.complete").first.wait_for()
    assert page.locator("td .chip.complete").count() == ready
    way.write(page, page.get_by_label("Type the number of changes"), str(ready + 1))
    way.press(page, page.get_by_role("button", name=re.compile("into the PSA")))
    page.get_by_role("alert").wait_for()
    assert "nothing is written" in page.get_by_role("alert").inner_text()
    way.write(page, page.get_by_label("Type the number of changes"), str(ready))
    way.press(page, page.get_by_role("button", name=re.compile("into the PSA")))
    is_done(page, "Write back")
    assert "Nothing waits to be written" in page.locator("main").inner_text()

    return ready


def prove_and_close(own_office: Any, page: Any, way: Any, ready: int) -> None:
    """Prove by another pull, and close the month."""
    way.press(page, page.get_by_role("button", name="Pull again to prove"))
    is_done(page, "Pull and compare")
    page.goto(own_office.address + "/writeback")
    assert page.locator("tbody .badge.applied").count() == ready
    way.press(page, page.get_by_role("button", name=re.compile("^Close ")))
    page.get_by_text("Closed by").first.wait_for()
    page.goto(own_office.address + "/")
    steps = page.locator(".checklist li").all()
    last = steps[-1].get_attribute("class")
    assert last == "done"


def settle(page: Any) -> None:
    """Wait until the cards have followed the mapping: what is decided before may be asked again."""
    for _ in range(100):
        if not page.get_by_text("cards are being brought up to date").count():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError("the cards never followed")


def agree(page: Any, way: Any) -> None:
    """Confirm a preview: tick where it asks, and press its button."""
    form = page.locator("form[action*='/bulk/confirm']")
    form.wait_for()
    for box in form.locator("input[type=checkbox]").all():
        way.choose(page, box)
    way.press(page, form.get_by_role("button").first)
    page.get_by_role("heading", name=re.compile("recorded")).wait_for()
