"""The card page: what it tells about a number."""

import html
import json
import re
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.web.access.users import Role
from reconcile_pipeline.web.pages import card, card_records

BENCH = runpy.run_path(str(Path(__file__).parent / "card_bench.py"))
BEFORE, PERIOD, CROWD, land = (BENCH[name] for name in ("BEFORE", "PERIOD", "CROWD", "land"))
template, office = BENCH["template"], BENCH["office"]


def words_of(text: str) -> str:
    """What a reader sees, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def test_a_card_tells_both_counts_the_money_and_why(office: Any) -> None:
    """Invoiced 5, used 8, 3 more at 10.00: the numbers, the sentence and the next step."""
    told = words_of(office.page("1"))
    assert "Invoiced psa 5 " in told
    assert "Used pax8 8 " in told
    assert "Used 8, invoiced 5." in told
    assert "Difference +3" in told
    assert "Per billing cycle +30.00 USD" in told
    assert "Reconcile to invoice what is used" in told


@pytest.mark.fault(45, 105)
def test_names_from_outside_never_become_markup(office: Any) -> None:
    """A customer, a line and a note that hold a script are shown as their letters."""
    assert office.decide("1", "no_change", note="<img src=x onerror=alert(1)>").status_code == 303
    text = office.page("1")
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Söhne" in text
    assert "&lt;img src=x" in text


def test_devices_that_joined_or_left_are_named(office: Any) -> None:
    """Since October SRV-8 and SRV-9 joined and SRV-1 left; who stayed is not listed."""
    told = words_of(office.page("1"))
    assert "Joined since 2026-10: 2" in told
    assert "Left since 2026-10: 1" in told
    joined, _, left = told.partition("Left since 2026-10")
    assert ("SRV-8" in joined, "SRV-9" in joined, "SRV-1 Server" in left) == (True, True, True)
    assert "SRV-5" not in told


def test_a_first_month_has_nothing_to_compare_with(office: Any) -> None:
    """In October nobody joined and nobody left: there is no September."""
    told = words_of(office.page("1", period=BEFORE))
    assert "there is no earlier month to compare with" in told
    assert "Joined since" not in told


def test_a_crowd_is_cut_and_counted(office: Any) -> None:
    """Of 203 new devices 200 are named, and the full count is told."""
    told = words_of(office.page("7"))
    assert f"Joined since {BEFORE}: {CROWD}" in told
    assert f"The first 200 of {CROWD}." in told
    assert ("PC-199" in told, "PC-200" in told) == (True, False)


def test_left_out_records_are_this_customers_own(office: Any) -> None:
    """A device that a rule leaves out is shown with the reason, at its customer only."""
    told = words_of(office.page("1"))
    assert "OLD-1 device of Account a1 pax8 1 not seen for 30 days" in told
    assert "OLD-3" not in told


def test_only_exact_data_links_what_is_unmapped(office: Any) -> None:
    """An unmapped account with the customer's very name is offered; one that sounds alike isn't."""
    told = words_of(office.page("3"))
    assert "Company 3 (account, pax8), 2 units: it has the customer's very name." in told
    assert "Company 3 Ltd" not in told


def test_the_mapping_says_who_made_it_and_leads_there(office: Any) -> None:
    """Account and service of the card stand with the person and a link to the mapping page."""
    text = office.page("1")
    assert "Account a1" in text
    assert f"/mapping/accounts?q=Account%20a1&amp;period={PERIOD}" in text
    assert f"/mapping/services?q=Service%20s1&amp;period={PERIOD}" in text
    assert "dana" in text


def test_months_stand_in_a_table_and_unknown_is_not_zero(office: Any) -> None:
    """Both months have their counts; a side that is unknown has no bar at all."""
    text = office.page("1")
    assert words_of(text).count("Under-billed Open") >= 2
    assert f'?period={BEFORE}">{BEFORE}</a>' in text
    assert (text.count('class="bar-psa"'), text.count('class="bar-vendor"')) == (2, 2)
    unknown = office.page("4")
    assert (unknown.count('class="bar-psa"'), unknown.count('class="bar-vendor"')) == (1, 0)


def test_an_unknown_card_leads_to_its_successor(office: Any) -> None:
    """October's card asked for in November: 404, a link to both, and nothing else is guessed."""
    old, new = office.card("1", BEFORE)["card_id"], office.card("1")["card_id"]
    answer = card.show(office.call(f"period={PERIOD}", card_id=old))
    text = bytes(answer.body).decode()
    assert answer.status_code == 404
    assert f'href="/cards/{new}?period={PERIOD}"' in text
    assert f'href="/cards/{old}?period={BEFORE}"' in text
    nobody = card.show(office.call(f"period={PERIOD}", card_id="ffff"))
    assert nobody.status_code == 404
    assert b'href="/cards/' not in nobody.body


def test_dagster_is_linked_only_where_it_is_known(office: Any) -> None:
    """The asset pages of the month are linked once somebody said where Dagster is."""
    assert "in Dagster" not in office.page("1")
    there = replace(office, desk=replace(office.desk, dagster_url="http://dagster.example/"))
    text = there.page("1")
    assert f'href="http://dagster.example/assets/recon/cards?partition={PERIOD}"' in text
    assert f'href="http://dagster.example/assets/raw/pax8?partition={PERIOD}"' in text


def test_lines_lead_into_the_psa_where_an_address_is_set(office: Any) -> None:
    """Each line's own ids stand in the address, as text that can't end it."""
    assert "https://psa.example/" not in office.page("1")
    site = office.desk.site
    review = replace(
        site.settings.review, psa_link="https://psa.example/a/{agreement_id}?l={line_id}"
    )
    site = replace(site, settings=replace(site.settings, review=review))
    text = replace(office, desk=replace(office.desk, site=site)).page("1")
    (agreement, line) = re.findall(r'href="https://psa.example/a/([^?"]+)\?l=([^"]+)"', text)[0]
    assert agreement
    assert f">{line}<" in text


def test_only_an_administrator_is_led_to_the_records(office: Any) -> None:
    """The link to what was received is for administrators."""
    assert "Records as received" not in office.page("1", role=Role.APPROVER)
    assert "Records as received" in office.page("1", role=Role.ADMIN)


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"data": {"items": rows}}])
def test_records_are_shown_as_received(office: Any, wrap: Any) -> None:
    """The record whose id is the line's is shown whole, with its file and page; no other is."""
    rows = [{"id": "l1", "quantity": 5, "note": "<b>"}, {"id": "l12", "quantity": 9}]
    land(office.folder / "landing" / PERIOD / "psa" / f"psa-{PERIOD}", json.dumps(wrap(rows)))
    call = office.call(f"period={PERIOD}", card_id=office.card("1")["card_id"], role=Role.ADMIN)
    text = bytes(card_records.show(call).body).decode()
    assert "lines.parquet" in text
    assert "&#34;quantity&#34;: 5" in text
    assert ("l12" in text, "<b>" in text) == (False, False)
    assert "The folder of this pull is gone" in text  # of the vendor's pull


def test_records_end_at_64_kilobytes(office: Any) -> None:
    """A record larger than that is not poured over the page; the page says where it lies."""
    rows = [{"id": "l1", "text": "x" * 70_000}]
    land(office.folder / "landing" / PERIOD / "psa" / f"psa-{PERIOD}", json.dumps(rows))
    call = office.call(f"period={PERIOD}", card_id=office.card("1")["card_id"], role=Role.ADMIN)
    text = bytes(card_records.show(call).body).decode()
    assert "There is more than 64 KB" in text
    assert len(text) < 20_000
