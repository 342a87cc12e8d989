"""What a mapping page shows, right after saving as after a run."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from reconcile_pipeline.mapping.bulk import Suggested, ready_to_accept
from reconcile_pipeline.mapping.desk import Filter, accounts, companies, products, services

PERIOD = "2026-11"
ALL = Filter()


def shown(office: Any, view: Any, wanted: Filter = ALL) -> Any:
    return view(office.open(), office.ledger, PERIOD, wanted)


def test_a_page_right_after_saving_shows_what_was_saved(office: Any, propose: Any) -> None:
    """The ledger is the truth; the published tables are as old as the last run."""
    office.save(propose.account("a", "1"), propose.account("b", None, reason="a test tenant"))
    page = shown(office, accounts)
    rows = {row.account_id: row for row in page.rows}
    assert (rows["a"].state, rows["a"].company_name, rows["a"].decided_by) == (
        "mapped",
        "Acme",
        "dana",
    )
    assert (rows["b"].state, rows["b"].reason) == ("excluded", "a test tenant")
    assert (rows["a"].basis, rows["c"].basis) == (1, 0)
    assert {state: total.items for state, total in page.totals.items()} == {
        "unmapped": 2,
        "mapped": 1,
        "excluded": 1,
    }
    office.publish()
    assert shown(office, accounts) == page


def test_accounts_without_a_company_come_first(office: Any, propose: Any) -> None:
    """And of those the ones with most units; each with its units per service and its parent."""
    office.save(propose.account("a", "1"))
    rows = shown(office, accounts).rows
    assert [row.account_id for row in rows] == ["b", "c", "d", "a"]
    assert [(part.name, part.qty) for part in rows[0].services] == [
        ("Service s", Decimal(3)),
        ("Service t", Decimal(1)),
    ]
    assert (rows[2].parent_account_name, rows[2].first_seen_period) == ("Cob", PERIOD)


def test_the_filter_narrows_rows_and_totals(office: Any, propose: Any) -> None:
    """Vendor, state, part of a name, and a page of some rows; totals are those of all states."""
    office.save(propose.account("c", "3"))
    page = shown(office, accounts, Filter(q="COB"))
    assert [row.account_id for row in page.rows] == ["d", "c"]
    one = shown(office, accounts, Filter(q="cob", state="mapped"))
    assert ([row.account_id for row in one.rows], one.items) == (["c"], 1)
    assert one.totals == page.totals
    second = shown(office, accounts, Filter(page=2, size=3))
    assert (len(second.rows), second.items) == (1, 4)
    assert shown(office, accounts, Filter(vendor="ninja")).items == 0
    assert shown(office, accounts, Filter(q="%")).items == 0


def test_a_company_lists_all_its_accounts(office: Any, propose: Any) -> None:
    """Many accounts of one company stand in its row, beside what its lines are worth."""
    office.save(propose.account("c", "3"), propose.account("d", "3"))
    rows = {row.name: row for row in shown(office, companies).rows}
    assert [part.item_id for part in rows["Cobalt"].accounts] == ["c", "d"]
    assert rows["Cobalt"].accounts_count == 2
    assert rows["Borealis"].amounts == {"USD": Decimal(38)}
    assert (rows["Delta"].is_active, rows["Delta"].excluded_reason) == (False, "deleted")
    assert shown(office, companies, Filter(state="mapped")).items == 1


def test_a_service_shows_its_products_and_a_product_its_services(office: Any, propose: Any) -> None:
    """Many to many, with leg, multiplier and price."""
    office.save(
        propose.account("b", "2"),
        propose.service("s", "p", multiplier=Decimal("0.5")),
        propose.service("s", "q", leg="purchased"),
    )
    page = shown(office, services)
    unmapped, row = page.rows
    assert (unmapped.service_id, unmapped.state) == ("t", "unmapped")
    assert [(link.name, link.leg, link.multiplier, link.unit_price) for link in row.links] == [
        ("Product p", "usage", Decimal("0.5"), Decimal(10)),
        ("Product q", "purchased", Decimal(1), Decimal(4)),
    ]
    assert (row.qty, row.accounts_count, row.companies_count, row.basis) == (12, 3, 1, 3)
    assert page.totals["mapped"].items == 1
    found = shown(office, products).rows
    assert [(p.name, [s.name for s in p.services]) for p in found] == [
        ("Product p", ["Service s"]),
        ("Product q", ["Service s"]),
    ]


def test_an_earlier_month_shows_its_own_mappings(office: Any, propose: Any) -> None:
    """A mapping made after a month's grace is not shown in it."""
    office.save(propose.account("a", "1"))
    until = office.now - timedelta(hours=1)
    page = accounts(office.open(), office.ledger, PERIOD, ALL, until=until)
    assert page.totals["mapped"].items == 0


def test_only_unmistakable_items_are_ready_for_bulk(office: Any, propose: Any) -> None:
    """Identical names and certain suggestions; never a decided item, a doubt or a dead company."""
    suggestions = [
        Suggested("b", "2", 0.9, ("Same start.",), is_certain=True),
        Suggested("c", "3", 0.8, ("Alike.",), is_certain=False),
        Suggested("d", "4", 1.0, ("Same.",), is_certain=True),
        Suggested("a", "3", 1.0, ("Wrong.",), is_certain=True),
    ]
    found = ready_to_accept(office.open(), office.ledger, PERIOD, "account", suggestions)
    assert [(p.item_id, p.target_id, p.reason) for p in found] == [
        ("a", "1", "The names are identical."),
        ("b", "2", "Same start."),
    ]
    assert office.save(*found).entries == 2
    assert ready_to_accept(office.open(), office.ledger, PERIOD, "account", suggestions) == []


def test_two_certain_suggestions_for_one_item_are_none(office: Any, propose: Any) -> None:
    """Where two targets are certain, a person has to look."""
    both = [Suggested("b", target, 1.0, ("x",), is_certain=True) for target in ("2", "3")]
    found = ready_to_accept(office.open(), office.ledger, PERIOD, "account", both)
    assert [proposal.item_id for proposal in found] == ["a"]
