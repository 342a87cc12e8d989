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
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
from starlette.applications import Starlette

from reconcile_pipeline.building import site_of
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.simulators.serve import running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.web.serve import open_app

Ask = Callable[[str], Awaitable[tuple[float, int]]]
"""Address -> milliseconds and bytes."""
GOALS = {"list": 100.0, "card": 50.0, "bulk preview of 5,000": 1000.0}
"""Milliseconds; the 95th part of a hundred must be below."""
COPIED = {
    "recon.cards": ("card_id", "company_id", "company_name"),
    "recon.card_lines": ("card_id", "account_id", "record_id"),
    "recon.discrepancies": ("card_id", "company_id", "company_name"),
    "recon.history": ("card_id", "company_id", "company_name"),
    "recon.counts": ("company_id",),
    "recon.exclusions": ("company_id", "account_id", "record_id"),
    "review.card_status": ("card_id", "company_id", "company_name"),
    "core.entities": ("account_id", "entity_id", "name"),
    "core.usage": ("account_id",),
    "core.accounts": ("account_id", "name"),
    "core.companies": ("company_id", "name"),
    "map.accounts": ("account_id", "account_name", "company_id"),
}
"""Tables that grow with customers, and their columns that name something of one customer."""


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as name:
        config = Path(name) / "reconcile.toml"
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start")
        world = build_world(options.seed, "small", datetime.now(UTC).date(), [])
        with running(world) as simulation:
            simulation.write_config(config)
            command = [sys.executable, "-m", "reconcile_pipeline", "run", "--config", str(config)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
        site = site_of(load_settings(config))
        cards = _grow(site.state.published, options.cards)
        app = open_app(site, now=lambda: datetime.now(UTC))
        asyncio.run(_measure(app, site.state.published, cards, options))


def _grow(published: Path, wanted: int) -> int:
    """Multiply the published tables in place; returns how many cards there are then."""
    with duckdb.connect(str(published.resolve())) as connection:
        cards = connection.execute("select count(*) from recon.cards").fetchall()[0][0]
        copies = max(1, wanted // cards)
        for table, names in COPIED.items():
            changed = ", ".join(f"{name} || '-' || copy as {name}" for name in names)
            connection.execute(
                f"insert into {table} by name select * exclude copy replace ({changed})"
                f" from {table}, range(1, {copies}) as copies(copy)"
            )
        connection.execute("checkpoint")
        return int(cards * copies)


def _sample(published: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """The month, and card, company and its name of some cards."""
    with duckdb.connect(str(published.resolve()), read_only=True) as connection:
        period = connection.execute("select max(period) from recon.cards").fetchall()[0][0]
        query = "select card_id, company_id, company_name from recon.cards using sample 400 rows"
        return period, connection.execute(query).fetchall()


async def _measure(
    app: Starlette, published: Path, cards: int, options: argparse.Namespace
) -> None:
    dice = random.Random(options.seed)  # noqa: S311 - not a secret
    period, rows = _sample(published)
    ask = _asker(app)
    cold, size = await ask(f"/review?period={period}")
    print(f"{cards:,} cards; first page after a new version {cold:,.0f} ms, {size / 1024:.0f} KB")
    print()
    print("| page | requests | median ms | p95 ms | slowest ms | goal ms |")
    print("|:---|---:|---:|---:|---:|---:|")
    await _row("list", ask, _lists(dice, period, rows, options.requests))
    some = [f"/cards/{row[0]}?period={period}" for row in dice.sample(rows, options.requests)]
    await _row("card", ask, some)
    await _row("overview", ask, [f"/?period={period}"] * 10)
    await _row("export CSV of the open cards", ask, [f"/export.csv?period={period}"] * 2)
    await _row(
        "bulk preview of 5,000", _poster(app, period), ["/review/bulk/preview?status=all"] * 5
    )


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


async def _row(name: str, ask: Ask, addresses: Iterable[str]) -> None:
    times = [(await ask(address))[0] for address in addresses]
    times.sort()
    p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
    goal = GOALS.get(name)
    told = "" if goal is None else f"{goal:,.0f}"
    median = statistics.median(times)
    print(f"| {name} | {len(times)} | {median:.0f} | {p95:.0f} | {times[-1]:.0f} | {told} |")


def _asker(app: Starlette) -> Ask:
    """GET an address of the application; returns milliseconds and bytes."""

    async def ask(address: str) -> tuple[float, int]:
        return await _request(app, "GET", address, b"")

    return ask


def _poster(app: Starlette, period: str) -> Ask:
    """POST the bulk form for 5,000 cards, as the list sends it."""

    async def post(address: str) -> tuple[float, int]:
        fields = {"period": period, "decision": "reconcile", "all": "yes", "most": "5000"}
        return await _request(app, "POST", f"{address}&period={period}", urlencode(fields).encode())

    return post


async def _request(app: Starlette, method: str, address: str, body: bytes) -> tuple[float, int]:
    path, _, query = address.partition("?")
    headers = [(b"host", b"127.0.0.1:8231"), (b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", b"application/x-www-form-urlencoded"))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8231),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    began = time.perf_counter()
    await app(scope, receive, send)
    took = (time.perf_counter() - began) * 1000
    if sent[0]["status"] != HTTPStatus.OK:
        raise SystemExit(f"{method} {address}: {sent[0]['status']}")
    return took, sum(len(message.get("body", b"")) for message in sent[1:])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--seed", type=int, default=2026)
    return parser.parse_args()


if __name__ == "__main__":
    main()
