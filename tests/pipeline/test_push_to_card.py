"""From a script's push to a card and back to zero: the real server, the real command, one month."""

import csv
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.slow
Row = dict[str, Any]
TABLES = """
[push]
port = {port}
[systems.my_edr]
kind = "push"
inbox = "inbox/my_edr.sqlite"
"""
CUSTOMERS = """
    select company_id, company_name, service_group_id, qty_psa
    from recon.cards
    where period = $period and finding = 'not_connected' and qty_psa >= 1
    qualify count(*) over (partition by service_group_id) >= 3
    order by service_group_id, company_id
"""


@dataclass
class Story:
    """An installation, its push server while it runs, and what each of two runs published."""

    msp: Any
    reconcile: Any
    port: int
    token: str = ""
    server: Any = None
    customers: list[Row] = field(default_factory=list)
    first: dict[str, Row] = field(default_factory=dict)
    second: dict[str, Row] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)
    looked_up: list[Row] = field(default_factory=list)
    sums: list[Row] = field(default_factory=list)
    listed: list[Row] = field(default_factory=list)
    shown: str = ""

    def serve(self) -> None:
        """Start `reconcile push serve` in a process of its own."""
        self.reconcile.start("push", "serve", "--config", self.msp.config)
        self.server = self.reconcile.running[-1]
        pause = threading.Event()
        for _ in range(2_000):
            assert self.server.is_alive()
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            pause.wait(0.01)
        raise AssertionError("the push API did not come up")

    def kill(self) -> None:
        """End the server as a power cut would."""
        if self.server is not None:
            self.server.kill()
            self.server.join()

    def call(self, verb: str, path: str, body: Any = None) -> httpx.Response:
        url = f"http://127.0.0.1:{self.port}{path}"
        headers = {"Gradient-Token": self.token}
        # A connection of its own: the server is killed between calls.
        return httpx.request(verb, url, json=body, headers=headers, trust_env=False, timeout=20)

    def push(self, service: str, counts: dict[str, Any]) -> None:
        """One run of a script of the compatible API."""
        for number, (account, quantity) in enumerate(counts.items(), start=1):
            waits = str(number < len(counts)).lower()
            path = f"/api/vendor-api/service/{service}/count?no_build={waits}"
            body = {"accountId": account, "unitCount": float(quantity)}
            self.answers.append(self.call("POST", path, body).status_code)

    def run(self) -> None:
        ended = self.reconcile("run", "--config", self.msp.config)
        assert ended.code == 0, ended.told


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def write_mappings(path: Path, service: str, customers: list[Row]) -> None:
    product = customers[0]["service_group_id"].removeprefix("product:")
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("service", "my_edr", service, "", product, "usage", "1", "mapped", ""))
        for row in customers:
            name, company = f"v{row['company_id']}", row["company_id"]
            writer.writerow(("account", "my_edr", name, "", company, "", "", "mapped", ""))


@pytest.fixture(scope="module")
def story(
    good_run: Any,
    shared_reconcile: Any,
    workshop: Path,
    rows_of: Callable[..., list[Row]],
    period: str,
) -> Story:
    msp = good_run.copy_to(workshop / "push")
    msp.quiet()
    found = Story(msp, shared_reconcile, free_port())
    with msp.config.open("a", encoding="utf-8") as file:
        file.write(TABLES.format(port=found.port))

    def published(query: str) -> list[Row]:
        return rows_of(msp.state.published, query, period=period)

    def cards() -> dict[str, Row]:
        group = found.customers[0]["service_group_id"]
        rows = published("select * from recon.cards where period = $period")
        ours = {row["company_id"] for row in found.customers}
        wanted = [row for row in rows if row["company_id"] in ours]
        product = group.removeprefix("product:")
        members = published("select * from map.service_groups where period = $period")
        groups = {row["service_group_id"] for row in members if row["member_id"] == product}
        return {row["company_id"]: row for row in wanted if row["service_group_id"] in groups}

    rows = published(CUSTOMERS)
    found.customers = [
        row for row in rows if row["service_group_id"] == rows[0]["service_group_id"]
    ][:5]
    made = shared_reconcile("push", "keys", "my_edr", "--config", msp.config)
    token = re.search(r"Gradient-Token: (\S+)", made.out)
    assert token, made.told
    found.token = token[1]
    try:
        found.serve()
        accounts = [
            {"id": f"v{row['company_id']}", "name": f"Vendor's {row['company_name']}"}
            for row in found.customers
        ]
        assert found.call("POST", "/api/vendor-api/organization/accounts", accounts).is_success
        body = {"name": "Agents", "description": "", "category": "other", "subcategory": "other"}
        vendor = found.call("POST", "/api/vendor-api/service", body).json()
        service = vendor["skus"][0]["id"]
        write_mappings(msp.folder / "mappings.csv", service, found.customers)
        counts = {f"v{row['company_id']}": row["qty_psa"] for row in found.customers}
        first = next(iter(counts))
        found.push(service, counts | {first: counts[first] + 1})
        found.kill()
        found.run()
        found.first = cards()
        found.serve()
        found.push(service, {name: qty for name, qty in counts.items() if name != first})
        found.looked_up = found.call("GET", "/api/v1/ingest/my_edr/counts").json()["counts"]
        found.run()
        found.shown = shared_reconcile("push", "show", "my_edr", "--config", msp.config).told
    finally:
        found.kill()
    found.second = cards()
    found.sums = published("select * from recon.conservation where period = $period")
    found.listed = published("select * from recon.exclusions where period = $period")
    return found


def test_a_pushed_count_is_on_its_card(story: Story) -> None:
    """What was acknowledged before a kill -9 is what the next run compares with the invoice."""
    assert len(story.first) == len(story.customers) >= 3
    for number, row in enumerate(story.customers):
        card = story.first[row["company_id"]]
        more = 1 if number == 0 else 0
        assert card["qty_vendor"] == row["qty_psa"] + more
        assert card["finding"] == ("under_billed" if more else "match")


def test_a_customer_dropped_to_zero_is_over_billed(story: Story) -> None:
    """A script that silently stops naming a customer makes its card say: invoiced, not used."""
    dropped, *others = story.customers
    card = story.second[dropped["company_id"]]
    assert (card["finding"], card["qty_vendor"]) == ("over_billed", Decimal(0))
    assert card["qty_psa"] == dropped["qty_psa"]
    assert {story.second[row["company_id"]]["finding"] for row in others} == {"match"}
    reasons = [
        (row["record_kind"], row["account_id"], row["reason"])
        for row in story.listed
        if row["system"] == "my_edr"
    ]
    assert reasons == [("absent_count", f"v{dropped['company_id']}", "absent_in_run")]


def test_scripts_learn_when_their_customers_are_mapped(story: Story) -> None:
    """404 while nobody has mapped customer and service, 201 from the first published run on."""
    unmapped = len(story.customers)
    assert story.answers == [404] * unmapped + [201] * (unmapped - 1)
    assert all(row["is_account_mapped"] and row["is_service_mapped"] for row in story.looked_up)
    assert all(row["is_on_card"] for row in story.looked_up)
    assert [row["basis"] for row in story.looked_up].count("absent_in_run") == 1


def test_pushed_units_are_conserved(story: Story) -> None:
    """Every pushed count ends on a card or a list; the sums differ by nothing."""
    ours = [row for row in story.sums if row["system"] == "my_edr"]
    assert {row["measure"] for row in ours} == {"read:count", "sorted:usage"}
    assert all(row["is_conserved"] for row in story.sums)


def test_the_command_shows_what_was_pushed(story: Story) -> None:
    """Runs, counts, why each is what it is, and that it is mapped; never a key."""
    assert "absent_in_run" in story.shown
    assert f"{len(story.customers)} counts" in story.shown
    assert "live, last used" in story.shown
    assert story.token not in story.shown
