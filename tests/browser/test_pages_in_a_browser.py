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
    "help": "/help",
}


@pytest.mark.parametrize("name", list(PAGES))
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_has_no_violation_that_axe_finds(
    office: Any, visit: Any, violations: Any, name: str, scheme: str
) -> None:
    """Readable by everybody: contrast, names of controls, landmarks, tables."""
    page = visit(office, color_scheme=scheme).open(PAGES[name])
    assert violations(page) == []


@pytest.mark.parametrize("name", list(PAGES))
def test_a_page_fits_a_phone(office: Any, visit: Any, violations: Any, name: str) -> None:
    """At 320 pixels nothing is cut off and nothing scrolls sideways."""
    page = visit(office, viewport={"width": 320, "height": 800}).open(PAGES[name])
    width = page.evaluate("document.documentElement.scrollWidth")
    wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 321"
        " && !e.closest('.scroll, .unseen')).slice(0, 5).map(e => e.outerHTML.slice(0, 120))"
    )
    assert width <= 320, wide
    assert violations(page) == []
