"""Names come from outside: whatever they hold, pages show it and nothing of it runs."""

from typing import Any

import duckdb
import pytest

HOSTILE = (
    "<script>window.pwned = 1</script>",
    "\"><img src=x onerror='window.pwned = 1'>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.pwned=1",
    "' or 1=1 --",
    "</title><svg onload=window.pwned=1>",
)
PAGES = ("/", "/review?status=all&size=250", "/review?view=cards&group=customer", "/history")


@pytest.fixture
def hostile_office(own_office: Any) -> Any:
    """Customers, services, agreements and accounts named by an attacker, published anew."""
    own_office.stop()
    published = own_office.config.parent / ".reconcile" / "published.duckdb"
    with duckdb.connect(str(published.resolve())) as connection:
        for table, column in (
            ("recon.cards", "company_name"),
            ("recon.cards", "service_name"),
            ("recon.card_lines", "name"),
            ("core.agreements", "name"),
            ("core.entities", "name"),
            ("core.accounts", "name"),
            ("map.accounts", "account_name"),
            ("core.companies", "name"),
            ("recon.exclusions", "name"),
        ):
            connection.execute(
                f"update {table} set {column} = concat(list_extract($names,"  # noqa: S608 - ours
                f" cast(hash({column}) % {len(HOSTILE)} as int) + 1), ' ', {column})",
                {"names": list(HOSTILE)},
            )
    own_office.serve()
    return own_office


@pytest.mark.fault(45, 105)
def test_hostile_names_are_shown_and_never_run(hostile_office: Any, visit: Any) -> None:
    """No script of theirs runs, no element of theirs exists, and their text can be read."""
    person = visit(hostile_office)
    page = person.open("/review?status=all&size=50")
    card = page.locator("tr.card .customer a").first.get_attribute("href")
    seen = ""
    for address in (*PAGES, card, "/mapping/accounts?state=unmapped", "/mapping/services"):
        page.goto(hostile_office.address + address)
        assert page.evaluate("window.pwned") is None, address
        assert page.locator("main script, main img, main svg[onload]").count() == 0, address
        seen += page.locator("body").inner_text()
    for text in ("<script>window.pwned = 1</script>", "{{ 7 * 7 }}", "onerror='window.pwned = 1'"):
        assert text in seen
    assert "49{%" not in seen
