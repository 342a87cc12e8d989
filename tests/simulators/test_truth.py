"""The truth: it agrees with what was planted, flags nothing else, and loses no unit."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.simulators.registry import expected, vendor_usage
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.planted import ERRORS
from reconcile_pipeline.simulators.world.records import World

AS_OF = date(2026, 11, 22)
QUIET = {"match", "not_connected"}


def key_of(card: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    return card["company_id"], tuple(card["product_ids"])


@pytest.mark.parametrize(
    ("seed", "size"), [(1, "small"), (2, "small"), (3, "small"), (4, "small"), (5, "medium")]
)
def test_planted_and_nothing_else(seed: int, size: Any) -> None:
    """Every planted error has the card and exclusion intended; no other card asks for work."""
    truth = expected(build_world(seed, size, AS_OF))
    cards = {key_of(card): card for card in truth["cards"]}
    for note in truth["planted"]:
        card = cards[key_of(note)]
        for name in ("finding", "qty_psa", "qty_vendor", "service_ids"):
            assert card[name] == note[name], note
        assert "exclusion" not in note or note["exclusion"] in truth["exclusions"]
    flagged = {key for key, card in cards.items() if card["finding"] not in QUIET}
    assert flagged <= {key_of(note) for note in truth["planted"]}


def test_unmapped_are_the_planted_ones(world: World) -> None:
    """One account nobody mapped, and the two services that names and mappings miss."""
    truth = expected(world)
    assert len(truth["unmapped_accounts"]) == 1
    products = {product.key: product.id for product in world.pax8_products}
    wanted = {f"{products['skyvault']}|Monthly|none", f"{products['keeper']}|Monthly|none"}
    assert {row["service_id"] for row in truth["unmapped_services"]} == wanted


def test_every_vendor_unit_is_in_one_place(world: World) -> None:
    """Units on cards, units unmapped and units excluded add up to all that vendors count."""
    truth, usage = expected(world), vendor_usage(world)
    on_cards = sum(Decimal(card["qty_vendor"] or 0) for card in truth["cards"])
    lost_accounts = {(r["system"], r["account_id"]) for r in truth["unmapped_accounts"]}
    lost_services = {(r["system"], r["service_id"]) for r in truth["unmapped_services"]}
    for row in truth["exclusions"]:
        if row["record_kind"] == "account":
            lost_accounts.add((row["system"], row["record_id"]))
        elif row["record_kind"] == "service":
            lost_services.add((row["system"], row["record_id"]))
    elsewhere = sum(
        quantity
        for (system, account, service), quantity in usage.totals.items()
        if (system, account) in lost_accounts or (system, service) in lost_services
    )
    assert on_cards + elsewhere == sum(usage.totals.values())


def test_every_vendor_record_counts_or_is_excluded(world: World) -> None:
    """Each subscription is a unit or an exclusion, and so is each device, never both."""
    usage = vendor_usage(world)
    excluded = Counter((row["record_kind"], row["record_id"]) for row in usage.exclusions)
    assert set(excluded.values()) == {1}
    counted = sum(q for (system, _, _), q in usage.totals.items() if system == "pax8")
    left_out = sum(s.quantity for s in world.subscriptions if excluded[("subscription", s.id)])
    assert counted + left_out == sum(s.quantity for s in world.subscriptions)
    devices = sum(q for (_, _, service), q in usage.totals.items() if service == "total_devices")
    assert devices + sum(kind == "device" for kind, _ in excluded) == len(world.devices)


def test_every_line_is_in_one_place(world: World) -> None:
    """A line is on a card, excluded, or on an agreement that is excluded; exactly one of these."""
    truth = expected(world)
    excluded: dict[str, set[str]] = defaultdict(set)
    for row in truth["exclusions"]:
        excluded[row["record_kind"]].add(row["record_id"])
    on_cards = sum(Decimal(card["qty_psa"] or 0) for card in truth["cards"])
    elsewhere = Decimal(0)
    for line in world.lines:
        places = [
            str(line.id) in excluded["agreement_line"],
            str(line.agreement_id) in excluded["agreement"],
        ]
        assert sum(places) <= 1
        elsewhere += line.quantity if any(places) else 0
    assert on_cards + elsewhere == sum(line.quantity for line in world.lines)


def test_card_quantities_by_hand(own_world: World) -> None:
    """One PSA-only world change moves exactly one card: one unit more on one line."""
    before = {key_of(card): card for card in expected(own_world)["cards"]}
    note = next(n for n in own_world.planted if n["error"] == "missed_onboarding")
    agreements = {a.id for a in own_world.agreements if str(a.company_id) == note["company_id"]}
    excluded = {r["record_id"] for r in expected(own_world)["exclusions"]}
    line = next(
        line
        for line in own_world.lines
        if line.agreement_id in agreements
        and str(line.product_id) in note["product_ids"]
        and not {str(line.id), str(line.agreement_id)} & excluded
    )
    line.quantity += 1
    after = {key_of(card): card for card in expected(own_world)["cards"]}
    changed = [key for key in after if after[key] != before[key]]
    assert changed == [key_of(note)]
    assert Decimal(after[changed[0]]["qty_psa"]) == Decimal(before[changed[0]]["qty_psa"]) + 1


def test_dates_decide_on_the_day_itself(own_world: World) -> None:
    """A line effective that day counts, one cancelled that day does not."""
    excluded = {r["record_id"] for r in expected(own_world)["exclusions"]}
    line = next(
        line for line in own_world.lines if not {str(line.id), str(line.agreement_id)} & excluded
    )

    def reason() -> str | None:
        rows = expected(own_world)["exclusions"]
        wanted = ("agreement_line", str(line.id))
        found = [r["reason"] for r in rows if (r["record_kind"], r["record_id"]) == wanted]
        return found[0] if found else None

    line.effective_on, line.cancelled_on = AS_OF, AS_OF + timedelta(days=1)
    assert reason() is None
    line.cancelled_on = AS_OF
    assert reason() == "cancelled"
    line.effective_on = AS_OF + timedelta(days=1)
    assert reason() == "not_effective_yet"
    line.bill_customer = "NoCharge"
    assert reason() == "no_charge"


def test_all_reasons_occur() -> None:
    """A medium world shows every documented way of being left out."""
    truth = expected(build_world(9, "medium", AS_OF), agreement_types=["Managed Services"])
    found = {(row["record_kind"], row["reason"]) for row in truth["exclusions"]}
    wanted = {
        "company": "deleted inactive_status prospect_only no_type",
        "agreement": "cancelled not_active not_started ended no_billing_cycle not_recurring"
        " one_time type_not_in_scope",
        "agreement_line": "no_charge do_not_bill not_effective_yet cancelled company_excluded",
        "account": "inactive deleted excluded_by_mapping",
        "service": "excluded_by_mapping",
        "subscription": "not_billable_status trial not_recurring_term not_started ended"
        " account_inactive",
        "device": "not_approved",
    }
    assert found == {(kind, reason) for kind, text in wanted.items() for reason in text.split()}


def test_every_error_does_something() -> None:
    """There are sixteen ways of planting, and each is documented."""
    assert len(ERRORS) == len(set(ERRORS)) == 16
    assert all(error.__doc__ for error in ERRORS)


def test_an_ambiguous_name_maps_to_nobody(own_world: World) -> None:
    """When two live companies have one name, an account of that name is unmapped."""
    account = next(
        account
        for account in own_world.pax8_companies
        if account.status == "Active" and account.external_id is not None
    )
    rows = expected(own_world)["unmapped_accounts"]
    assert account.id not in {row["account_id"] for row in rows}
    other = next(
        company
        for company in own_world.companies
        if company.name != account.name and company.type_ids == (1,) and not company.is_deleted
    )
    other.name = account.name
    rows = expected(own_world)["unmapped_accounts"]
    assert account.id in {row["account_id"] for row in rows}


def test_calls_of_vendors(own_world: World) -> None:
    """Pax8 tells its total pages; NinjaOne's exactly full page costs one call more."""
    own_world.subscriptions = own_world.subscriptions[:200]
    own_world.devices = own_world.devices[:1000]
    calls = expected(own_world)["calls"]
    assert calls["pax8"] == 1 + 1 + 1
    assert calls["ninjaone"] == 1 + 1 + 2
    own_world.devices = own_world.devices[:999]
    assert expected(own_world)["calls"]["ninjaone"] == 1 + 1 + 1
