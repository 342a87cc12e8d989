"""Every page in every state: no violation of WCAG, no script error, no sideways scrolling."""

from typing import Any

import pytest

PAGES = {
    "overview": "/",
    "review": "/review",
    "review as cards": "/review?view=cards",
    "review grouped": "/review?status=all&group=customer&size=50",
    "review narrowed": "/review?q=zz-nobody-zz",
    "wrong filter": "/review?status=nonsense",
    "no such page": "/nowhere",
    "card": "CARD",
    "unmapped accounts": "/mapping/accounts?state=unmapped",
    "services": "/mapping/services",
    "naming gaps": "/mapping/gaps",
    "syncs": "/syncs",
    "one sync": "/syncs/pax8",
    "write-back": "/writeback",
    "history": "/history",
    "import": "/import",
    "help": "/help",
}


def address_of(office: Any, visit: Any, name: str) -> str:
    """The page's address; a card's is found on the list."""
    if PAGES[name] != "CARD":
        return PAGES[name]
    link = visit(office).open("/review").locator("tr.card .customer a").first
    found: str = link.get_attribute("href")
    return found


@pytest.mark.parametrize("name", list(PAGES))
def test_a_page_has_no_violation_that_axe_finds(
    office: Any, visit: Any, violations: Any, name: str
) -> None:
    """Readable by everybody, light and dark: contrast, names of controls, landmarks, tables."""
    page = visit(office).open(address_of(office, visit, name))
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []


@pytest.mark.parametrize("name", list(PAGES))
def test_a_page_fits_a_phone(office: Any, visit: Any, violations: Any, name: str) -> None:
    """At 320 pixels nothing is cut off and nothing scrolls sideways."""
    page = visit(office, viewport={"width": 320, "height": 800}).open(
        address_of(office, visit, name)
    )
    width = page.evaluate("document.documentElement.scrollWidth")
    wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 321"
        " && !e.closest('.scroll, .unseen')).slice(0, 5).map(e => e.outerHTML.slice(0, 120))"
    )
    assert width <= 320, wide
    assert violations(page) == []
