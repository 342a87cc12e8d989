"""How long the review app's pages take on a month of 100,000 cards: server time, in process.

    python -m benchmarks.review_app --cards 100000

A small made-up month is pulled and compared once; its published tables are then multiplied, each
copy with customers, accounts and cards of its own. Times are those between a request's arrival and
the last byte of its answer, without a network; cold ones (a newly published version) apart.
"""

import argparse
import asyncio
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
from starlette.applications import Starlette

from benchmarks.grown import grow
from reconcile_pipeline.building import site_of
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.simulators.serve import running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors import SIDES
from reconcile_pipeline.web.serve import open_app

GOALS = {"list": 100.0, "card": 50.0, "bulk preview": 1000.0}
"""Milliseconds; the 95th part of a hundred must be below."""


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as name:
        config = Path(name) / "reconcile.toml"
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start")
        print(f"adding up 3,000,000 numbers in a loop takes {_reference():.0f} ms here")
        world = build_world(options.seed, "small", datetime.now(UTC).date(), SIDES)
        with running(world) as simulation:
            simulation.write_config(config)
            command = [sys.executable, "-m", "reconcile_pipeline", "run", "--config", str(config)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
        site = site_of(load_settings(config))
        cards = grow(site.state.published, options.cards)
        app = open_app(site, now=lambda: datetime.now(UTC))
        asyncio.run(_measure(app, site.state.published, cards, options))


def _reference() -> float:
    """Milliseconds of plain work, to judge the others by: machines differ, and share."""
    began = time.perf_counter()
    total = 0
    for number in range(3_000_000):
        total += number
    return (time.perf_counter() - began) * 1000


def _sample(published: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """The month, and card, company and its name of some cards."""
    with duckdb.connect(str(published.resolve()), read_only=True) as connection:
        period = connection.execute("select max(period) from recon.cards").fetchall()[0][0]
        query = (
            "select card_id, company_id, company_name from recon.cards where period = $period"
            " order by hash(card_id) limit 400"
        )
        return period, connection.execute(query, {"period": period}).fetchall()


async def _measure(
    app: Starlette, published: Path, cards: int, options: argparse.Namespace
) -> None:
    dice = random.Random(options.seed)  # noqa: S311 - not a secret
    period, rows = _sample(published)
    browser = Browser(app)
    cold, size = await browser.get(f"/review?period={period}")
    print(f"{cards:,} cards; first page after a new version {cold:,.0f} ms, {size / 1024:.0f} KB")
    print()
    print("| page | requests | median ms | p95 ms | slowest ms | goal ms |")
    print("|:---|---:|---:|---:|---:|---:|")
    await _row("list", browser, _lists(dice, period, rows, options.requests))
    some = [f"/cards/{row[0]}?period={period}" for row in dice.sample(rows, options.requests)]
    await _row("card", browser, some)
    await _row("overview", browser, [f"/?period={period}"] * 10)
    await _row("export CSV of the open cards", browser, [f"/export.csv?period={period}"] * 2)
    least, found = _least_of(published, period, 5_000)
    await _bulk(browser, f"period={period}&status=all&min_abs={least}", found)


async def _bulk(browser: "Browser", query: str, found: int) -> None:
    """Look at many cards together five times, then record the last look."""
    fields = {"decision": "no_change", "note": "measured", "all": "yes"}
    times = []
    for _ in range(5):
        took, address = await browser.post(f"/review/bulk/preview?{query}", fields)
        shown, _size = await browser.get(address)
        times.append(took + shown)
    _told(f"bulk preview of {found:,}", times, GOALS["bulk preview"])
    preview = address.partition("?")[0].rpartition("/")[2]
    fields = {"preview": preview, "looked": "yes"}
    took, address = await browser.post(f"/review/bulk/confirm?{query}", fields)
    shown, _size = await browser.get(address)
    _told(f"record these {found:,}", [took + shown])
    took, _size = await browser.get(f"/review?{query}")
    _told("the list after that", [took])


def _least_of(published: Path, period: str, wanted: int) -> tuple[str, int]:
    """The least money at stake that still leaves so many cards, and how many those are."""
    query = (
        "select abs(amount_delta), sum(count(*)) over (order by abs(amount_delta) desc) as found"
        " from recon.cards where period = $period and amount_delta is not null"
        " group by 1 qualify found >= $wanted order by found limit 1"
    )
    with duckdb.connect(str(published.resolve()), read_only=True) as connection:
        values = {"period": period, "wanted": wanted}
        least, found = connection.execute(query, values).fetchall()[0]
        return str(least), int(found)


def _lists(dice: random.Random, period: str, rows: Sequence[Any], requests: int) -> Iterator[str]:
    """Addresses as people open them: filters, searches, orders, later pages."""
    for _ in range(requests):
        _card, company_id, company_name = dice.choice(rows)
        query = {"period": period, **dice.choice(_FILTERS)}
        narrowed = dice.choice(["q", "q", "customer", "", "", ""])
        if narrowed:
            query[narrowed] = company_name.split()[0] if narrowed == "q" else company_id
        yield f"/review?{urlencode(query, doseq=True)}"


_FILTERS: list[dict[str, Any]] = [
    {},
    {"status": "all"},
    {"type": ["under_billed", "new_revenue"]},
    {"status": "all", "sort": "customer", "page": "200"},
    {"sort": "-difference"},
    {"vendor": "pax8"},
    {"group": "customer"},
    {"status": "all", "group": "service"},
    {"min_abs": "500"},
    {"view": "cards", "size": "50"},
]


async def _row(name: str, browser: "Browser", addresses: Iterable[str]) -> None:
    _told(name, [(await browser.get(address))[0] for address in addresses], GOALS.get(name))


def _told(name: str, times: list[float], goal: float | None = None) -> None:
    times.sort()
    p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
    told = "" if goal is None else f"{goal:,.0f}"
    median = statistics.median(times)
    print(f"| {name} | {len(times)} | {median:.0f} | {p95:.0f} | {times[-1]:.0f} | {told} |")


class Browser:
    """Asks the application as a browser would, without a network; knows the last page's token."""

    def __init__(self, app: Starlette) -> None:
        """Nothing was asked yet."""
        self._app = app
        self._token = ""

    async def get(self, address: str) -> tuple[float, int]:
        """Open a page; returns milliseconds and bytes."""
        took, _headers, body = await self._request("GET", address, {}, HTTPStatus.OK)
        if found := _TOKEN.search(body):
            self._token = found[1].decode()
        return took, len(body)

    async def post(self, address: str, fields: dict[str, str]) -> tuple[float, str]:
        """Send a form that leads to another page; returns milliseconds and that page's address."""
        fields = {"csrf": self._token, **fields}
        took, headers, _body = await self._request("POST", address, fields, HTTPStatus.SEE_OTHER)
        return took, headers[b"location"].decode()

    async def _request(
        self, method: str, address: str, fields: dict[str, str], status: int
    ) -> tuple[float, dict[bytes, bytes], bytes]:
        sent: list[dict[str, Any]] = []
        body = urlencode(fields).encode()
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            # Nobody hangs up before the answer is complete.
            return messages.pop() if messages else await asyncio.Future()

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        began = time.perf_counter()
        await self._app(_scope(method, address, len(body)), receive, send)
        took = (time.perf_counter() - began) * 1000
        if sent[0]["status"] != status:
            raise SystemExit(f"{method} {address}: {sent[0]['status']}")
        text = b"".join(message.get("body", b"") for message in sent[1:])
        return took, dict(sent[0]["headers"]), text


_TOKEN = re.compile(rb'name="csrf" value="([^"]+)"')


def _scope(method: str, address: str, length: int) -> dict[str, Any]:
    path, _, query = address.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (b"host", b"127.0.0.1:8231"),
            (b"origin", b"http://127.0.0.1:8231"),
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"content-length", str(length).encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8231),
        "state": {},
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--seed", type=int, default=2026)
    return parser.parse_args()


if __name__ == "__main__":
    main()
