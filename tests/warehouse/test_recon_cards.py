"""recon.cards: what each pair of a company and a service group is found to be, and why."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

Pair = Callable[..., Any]
NIGHT = datetime(2026, 11, 22, 2, 0)  # noqa: DTZ001 - the warehouse holds naive UTC
EARLIER = NIGHT - timedelta(hours=5)


COUNTS: list[tuple[Any, Any, str, Any, Any, str]] = [
    (5, 5, "match", 0, 0, "Both sides count 5."),
    (0, None, "match", 0, 0, "Both sides count 0."),
    (5, 8, "under_billed", 3, 30, "Used 8, invoiced 5."),
    (0, 8, "under_billed", 8, 80, "Used 8, invoiced 0."),
    (100, "0.5", "over_billed", "-99.5", -995, "Invoiced 100, used 0.5."),
    (5, None, "over_billed", -5, -50, "Invoiced 5, used 0."),
    (None, "3.25", "new_revenue", None, "22.75", "Used 3.25, and no line invoices it."),
    ("0.0001", "0.0002", "under_billed", "0.0001", "0.001", "Used 0.0002, invoiced 0.0001."),
]


def test_counts_on_both_sides_are_compared(pair: Pair) -> None:
    """Equal, more or less: the finding, the difference to the last decimal, and its money."""
    books = pair(None, None)
    for number, (invoiced, used, *_expected) in enumerate(COUNTS):
        name = f"c{number}"
        books.company(name)
        books.account(name)
        books.map("account", name, name)
        if invoiced is not None:
            books.line(name, "p", invoiced, line_id=name)
        if used is not None:
            books.usage(name, "s", used)
    cards = books.cards()
    assert len(cards) == len(COUNTS)
    for number, (_invoiced, _used, finding, delta, money, reason) in enumerate(COUNTS):
        card = cards[f"c{number}", "p"]
        assert (card["finding"], card["reason"]) == (finding, reason)
        assert card["qty_delta"] == (None if delta is None else Decimal(delta)), reason
        assert card["amount_delta"] == Decimal(money), reason
        assert card["next_step"]


@pytest.mark.parametrize("used", [None, 0])
def test_nothing_on_either_side_is_no_card(pair: Pair, used: Any) -> None:
    """A service nobody is invoiced for and nobody uses is not worth a look."""
    assert pair(None, used).cards() == {}


def test_zero_needs_positive_evidence(pair: Pair) -> None:
    """Only a complete pull that lists the mapped account makes an absent count a zero."""
    books = pair(5, None)
    assert books.card()["qty_vendor"] == 0
    books.connection.execute("delete from core.accounts")
    assert books.card()["qty_vendor"] is None


@pytest.mark.parametrize(
    ("changes", "reason", "next_step"),
    [
        ("no mapping", "the company has no mapped account at the vendor", "Map the company's"),
        ("gone", "the vendor does not list the mapped account", "Reactivate the account"),
        ("inactive", "the vendor does not list the mapped account", "Reactivate the account"),
        ("twin", "mapped only to the version without a term", "with its billing term"),
    ],
)
def test_no_vendor_figure_says_which_of_three_reasons(
    pair: Pair, changes: str, reason: str, next_step: str
) -> None:
    """An unknown count is never a number, and each kind of it has its own way out."""
    books = pair(5, None)
    if changes == "no mapping":
        books.mappings = [each for each in books.mappings if each["kind"] == "service"]
    if changes == "gone":
        books.connection.execute("delete from core.accounts")
    if changes == "inactive":
        books.connection.execute("update core.accounts set excluded_reason = 'inactive'")
    if changes == "twin":
        books.connection.execute("update core.services set is_countable = false")
    card = books.card()
    assert card["finding"] == "no_vendor_figure"
    assert (card["qty_psa"], card["qty_vendor"], card["amount_delta"]) == (5, None, None)
    assert reason in card["reason"]
    assert next_step in card["next_step"]


@pytest.mark.parametrize("units", [None, 3])
def test_a_count_that_the_vendor_does_not_tell_is_not_zero(pair: Pair, units: Any) -> None:
    """Usage left out without its units makes the figure unknown, however much else is known."""
    books = pair(5, 8)
    of = books._of("pax8", "2026-11", None) | {"account_id": "a", "service_id": "s"}
    kind = {"record_kind": "licence", "record_id": "r", "reason": "a_rule"}
    books.insert("core.left_out", **of, **kind, qty=units)
    card = books.card()
    if units is not None:
        assert (card["finding"], card["qty_vendor"]) == ("under_billed", 8)
        return
    assert (card["finding"], card["qty_vendor"]) == ("no_vendor_figure", None)
    assert "does not tell the count of an account" in card["reason"]
    assert "in the exclusions" in card["next_step"]


def test_a_count_from_the_last_invoice_says_so(pair: Pair) -> None:
    """Units that only an invoice shows are marked with its day: the oldest one of the card."""
    books = pair(5, 8)
    books.line("1", "p", 2, line_id="l2", invoiced_on=date(2026, 10, 1))
    books.line("1", "p", 1, line_id="l3", invoiced_on=date(2026, 11, 1))
    card = books.card()
    assert (card["qty_psa"], card["psa_invoiced_on"]) == (8, date(2026, 10, 1))
    assert card["psa_units_from"] == "last_invoice"
    assert card["reason"].endswith("Invoiced units are those of the last invoice, 2026-10-01.")


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_product_no_vendor_feeds_is_not_connected(pair: Pair, *, is_listed: bool) -> None:
    """A line whose product is linked to nothing, in the catalogue or not, is shown as such."""
    books = pair(5, 5)
    books.mappings = [each for each in books.mappings if each["kind"] == "account"]
    if not is_listed:
        books.connection.execute("delete from core.products")
    card = books.card()
    assert (card["finding"], card["qty_vendor"]) == ("not_connected", None)
    assert card["service_name"] == ("Product p" if is_listed else "Line l1")


@pytest.mark.parametrize(
    ("system", "invoiced", "used"),
    [("psa", 5, 5), ("pax8", 5, 5), ("pax8", 5, 8), ("psa", None, 8), ("pax8", 5, None)],
)
def test_old_counts_are_no_basis_for_a_decision(
    pair: Pair, system: str, invoiced: Any, used: Any
) -> None:
    """A pull that failed too long ago, on either side, is stale whatever the counts say."""
    books = pair(invoiced, used)
    books.connection.execute("update core.pulls set is_stale = true where system = ?", [system])
    card = books.card()
    assert (card["finding"], card["qty_vendor"]) == ("stale_evidence", used or 0)
    assert "Mend the failing pull" in card["next_step"]


def test_staleness_of_a_vendor_that_does_not_count_here_is_no_matter(pair: Pair) -> None:
    """Another vendor's old evidence leaves this card alone."""
    books = pair(5, 5)
    books.pull("ninja", is_stale=True)
    assert books.card()["finding"] == "match"


@pytest.mark.parametrize("mapped", [True, False])
def test_a_vendor_without_a_complete_pull_is_incomplete(pair: Pair, *, mapped: bool) -> None:
    """No complete pull this month: not zero, not missing, but not known yet."""
    books = pair(5, None)
    books.mappings = [each for each in books.mappings if mapped and each["kind"] == "account"]
    # Pax8's name of a service that counts, as no list says so this month.
    books.map("service", "s|Monthly|none", "p")
    books.connection.execute("delete from core.accounts")
    books.connection.execute("delete from core.services")
    books.connection.execute("update core.pulls set is_evidence = false where system = 'pax8'")
    card = books.card()
    assert (card["finding"], card["qty_vendor"]) == ("incomplete_evidence", None)


def second_feed(books: Any, *, evidence: bool) -> None:
    """Another vendor that also counts product p."""
    books.map("service", "t", "p", system="ninja")
    if evidence:
        books.pull("ninja")
        books.service("t", system="ninja")


@pytest.mark.parametrize("mapped", [True, False])
def test_one_of_two_vendors_missing_makes_the_sum_unknown(pair: Pair, *, mapped: bool) -> None:
    """Half of a sum is no sum: who was never read may list an account nobody has mapped yet."""
    books = pair(5, 5)
    second_feed(books, evidence=False)
    if mapped:
        books.map("account", "b", "1", system="ninja")
    card = books.card()
    assert (card["finding"], card["qty_vendor"]) == ("incomplete_evidence", None)


def test_a_vendor_that_was_read_and_lists_no_account_adds_nothing(pair: Pair) -> None:
    """A second vendor with a complete pull leaves the count of the first as it is."""
    books = pair(5, 5)
    second_feed(books, evidence=True)
    assert books.card()["finding"] == "match"


def test_vendors_accounts_and_records_are_summed(pair: Pair) -> None:
    """Sites of one company, records of one account, and two vendors make one count."""
    books = pair(20, 5)
    books.usage("a", "s", 2, usage_id="u2")
    books.account("b")
    books.map("account", "b", "1")
    books.usage("b", "s", 3)
    second_feed(books, evidence=True)
    books.account("c", system="ninja")
    books.map("account", "c", "1", system="ninja")
    books.usage("c", "t", 4, system="ninja")
    card = books.card()
    assert card["qty_vendor"] == 5 + 2 + 3 + 4
    assert books.lost() == []
    assert len(books.rows("recon.card_lines")) == 1 + 4


def test_several_products_of_one_service_are_counted_once(pair: Pair) -> None:
    """A service linked to two products makes one group: their lines together, its use once."""
    books = pair(2, 5)
    books.product("q", price=3)
    books.line("1", "q", 3, line_id="l2")
    books.map("service", "s", "q")
    card = books.card()
    assert (card["qty_psa"], card["qty_vendor"], card["finding"]) == (5, 5, "match")
    assert card["service_name"] == "Product p (+1)"
    assert books.lost() == []


def test_a_multiplier_turns_vendor_units_into_invoiced_ones(pair: Pair) -> None:
    """Ten seats at a quarter are two and a half units, per record, and the record says so."""
    books = pair("2.5", 10)
    books.mappings[-1]["multiplier"] = Decimal("0.25")
    assert books.card()["finding"] == "match"
    assert books.lost() == []
    (line,) = [row for row in books.rows("recon.card_lines") if row["side"] == "vendor"]
    assert (line["qty"], line["multiplier"]) == (10, Decimal("0.25"))
    assert line["qty_counted"] == Decimal("2.5")


def test_two_multipliers_in_one_group_are_not_added(pair: Pair) -> None:
    """A service linked twice with different numbers is counted once, by the larger, everywhere."""
    books = pair(None, 10)
    books.product("q")
    books.map("service", "s", "q", multiplier=Decimal(3))
    assert books.lost() == []
    (card,), (line,) = books.rows("recon.cards"), books.rows("recon.card_lines")
    assert card["qty_vendor"] == line["qty_counted"] == 30


@pytest.mark.parametrize("leg", ["purchased", "invoiced"])
def test_only_the_usage_leg_is_counted(pair: Pair, leg: str) -> None:
    """What was bought or invoiced by the vendor is no use: it is left out with its reason."""
    books = pair(5, 9)
    books.mappings[-1]["leg"] = leg
    card = books.card()
    assert (card["finding"], card["qty_vendor"]) == ("no_vendor_figure", None)
    assert books.lost() == []
    (left_out,) = books.rows("recon.exclusions")
    assert (left_out["reason"], left_out["qty"]) == (f"leg_{leg}", 9)


JANUARY, JUNE = date(2026, 1, 1), date(2026, 6, 1)
PRICES: list[tuple[date | None, date | None, int]] = [
    (JANUARY, JUNE, 20),
    (JUNE, JANUARY, 10),
    (JANUARY, JANUARY, 20),
    (JANUARY, None, 10),
    (None, None, 20),
]


@pytest.mark.fault(44)
def test_the_price_is_that_of_the_line_that_would_change(pair: Pair) -> None:
    """Of several lines the latest one's price counts; equal dates go by id."""
    books = pair(None, None)
    for number, (first, second, _price) in enumerate(PRICES):
        name = f"c{number}"
        books.company(name)
        books.account(name)
        books.map("account", name, name)
        books.usage(name, "s", 5)
        books.line(name, "p", 2, line_id=f"{name}-1", price=10, effective_on=first, included=1)
        books.line(name, "p", 2, line_id=f"{name}-2", price=20, effective_on=second)
    cards = books.cards()
    for number, (first, second, price) in enumerate(PRICES):
        card = cards[f"c{number}", "p"]
        assert (card["qty_psa"], card["qty_included"]) == (4, 1)
        assert (card["unit_price"], card["amount_delta"]) == (price, price), (first, second)


@pytest.mark.fault(44)
def test_each_line_keeps_its_currency(pair: Pair) -> None:
    """Money is never added across currencies, and new revenue guesses none among two."""
    books = pair(5, 8, currency="EUR")
    books.company("2")
    books.line("2", "other", 1, line_id="l2", currency="USD")
    books.company("3")
    books.account("c")
    books.map("account", "c", "3")
    books.usage("c", "s", 1)
    cards = books.cards()
    assert cards["1", "p"]["currency"] == "EUR"
    assert cards["2", "other"]["currency"] == "USD"
    assert cards["3", "p"]["currency"] is None


@pytest.mark.fault(44)
def test_new_revenue_takes_the_only_currency_there_is(pair: Pair) -> None:
    """Where all lines have one currency, list prices are in it."""
    books = pair(None, 8)
    books.company("2")
    books.line("2", "other", 1, currency="EUR")
    assert books.cards()["1", "p"]["currency"] == "EUR"


@pytest.mark.fault(44)
def test_new_revenue_of_a_group_of_two_products_has_no_price(pair: Pair) -> None:
    """Nobody knows which product would be sold, so there is no amount rather than a wrong one."""
    books = pair(None, 8)
    assert books.card()["unit_price"] == 7
    books.product("q", price=3)
    books.map("service", "s", "q")
    card = books.card()
    assert (card["finding"], card["unit_price"], card["amount_delta"]) == (
        "new_revenue",
        None,
        None,
    )


@pytest.mark.fault(44)
def test_a_line_without_a_price_has_no_amount(pair: Pair) -> None:
    """An unknown price makes unknown money, not the list price's."""
    card = pair(5, 8, price=None).card()
    assert (card["finding"], card["qty_delta"], card["amount_delta"]) == ("under_billed", 3, None)


def test_left_out_lines_are_no_lines(pair: Pair) -> None:
    """A cancelled or free line invoices nothing."""
    books = pair(5, 8)
    books.line("1", "p", 3, line_id="l2", excluded="cancelled")
    assert books.card()["qty_psa"] == 5


@pytest.mark.parametrize("grace", ["psa", "pax8", None])
def test_grace_and_age_of_the_evidence_stand_on_the_card(pair: Pair, grace: str | None) -> None:
    """The oldest pull behind the numbers dates the card, and grace days are marked."""
    books = pair(5, 5)
    books.connection.execute("update core.pulls set is_grace = true where system = ?", [grace])
    books.connection.execute(
        "update core.pulls set finished_at = ? where role = 'vendor'", [EARLIER]
    )
    card = books.card()
    assert card["is_grace_evidence"] is (grace is not None)
    assert card["evidence_as_of"] == EARLIER


def test_no_psa_means_no_cards(pair: Pair) -> None:
    """Without the PSA's side there is nothing to compare, and no unit is lost all the same."""
    books = pair(5, 8)
    books.connection.execute("update core.pulls set is_evidence = false where role = 'psa'")
    assert books.lost() == []
    assert books.rows("recon.cards") == []
    assert [row["qty"] for row in books.rows("recon.unmapped_accounts")] == [8]


def test_discrepancies_are_the_cards_that_need_a_person(pair: Pair) -> None:
    """Dearest first whatever the sign, unknown money last, matches and unconnected left out."""
    books = pair(5, 8)
    for company, used in (("2", 1), ("3", 5), ("4", 6)):
        books.company(company)
        books.line(company, "p", 5, line_id=f"l{company}", price=None if company == "4" else 10)
        books.account(company)
        books.map("account", company, company)
        books.usage(company, "s", used)
    books.line("1", "other", 50, line_id="l9")
    books.build()
    rows = sorted(books.rows("recon.discrepancies"), key=lambda row: row["rank"])
    assert [(row["rank"], row["company_id"]) for row in rows] == [(1, "2"), (2, "1"), (3, "4")]
    assert [row["amount_delta"] for row in rows] == [-40, 30, None]


@pytest.mark.fault(33)
def test_one_account_that_could_not_be_asked_leaves_the_company_unknown(pair: Pair) -> None:
    """What a company's other accounts use is not the whole count, and nothing is not zero."""
    books = pair(5, 5)
    assert books.card()["finding"] == "match"
    books.account("b", excluded="not_ready")
    books.map("account", "b", "1")
    card = books.card()
    assert (card["finding"], card["qty_vendor"]) == ("no_vendor_figure", None)
    assert "does not tell the count of an account" in card["reason"]
    assert "in the exclusions" in card["next_step"]
    books.connection.execute(
        "update core.accounts set excluded_reason = 'closed' where account_id = 'b'"
    )
    assert books.card()["qty_vendor"] == 5
