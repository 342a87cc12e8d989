"""A pull that was held back: what it would change is shown before somebody may accept it."""

from typing import Any

LONG_MS = 120_000
SHOWN = "/review?status=all&vendor=ninjaone&size=250"


def lose_devices(office: Any) -> None:
    """The vendor shows a third of its devices less from now on."""
    office.simulation.world.devices = [
        device for number, device in enumerate(office.simulation.world.devices) if number % 3
    ]
    office.simulation.systems["ninjaone"].state.changed()


def differences(page: Any, office: Any) -> list[str]:
    """Each card's difference as the list shows it; not how long ago it was counted."""
    page.goto(office.address + SHOWN)
    return page.locator("tr.card td.delta").all_inner_texts()


def test_a_pull_that_shrank_is_accepted_with_a_reason(
    own_office: Any, visit: Any, violations: Any
) -> None:
    """The overview tells what would change; nothing changes until somebody says why it is right."""
    page = visit(own_office).open(SHOWN)
    before = differences(page, own_office)
    lose_devices(own_office)
    page.goto(own_office.address + "/syncs/ninjaone")
    page.get_by_role("button", name="Pull this one").click()
    page.locator("#task[aria-busy=false]").wait_for(timeout=LONG_MS)

    page.goto(own_office.address + "/")
    told = page.locator(".difference:has-text('would change')")
    # Until it is loaded, a link of nearly the same words stands in its place.
    told.get_by_text("→").first.wait_for()
    assert violations(page) == []
    assert differences(page, own_office) == before

    page.goto(own_office.address + "/syncs/ninjaone")
    page.get_by_role("heading", name="Held back: what would change if it is accepted").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Accept this pull").click()
    assert "Nobody says why" in page.get_by_role("alert").inner_text()
    page.get_by_label("Why are the smaller numbers right?").fill("The customer closed a branch")
    page.get_by_role("button", name="Accept this pull").click()
    page.get_by_text("accepted by a person").wait_for()
    for _ in range(100):
        if differences(page, own_office) != before:
            break
        page.wait_for_timeout(300)
    assert differences(page, own_office) != before
