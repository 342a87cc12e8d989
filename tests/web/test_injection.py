"""What somebody types into an address or a form is a value, never a part of SQL."""

import asyncio
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import httpx
import pytest

from reconcile_pipeline.web.access.guard import identities_of
from reconcile_pipeline.web.app import review_app

BENCH = runpy.run_path(str(Path(__file__).parent / "card_bench.py"))
template, office = BENCH["template"], BENCH["office"]
TEXTS = (
    "'",
    "' or '1'='1",
    "'; drop table recon.cards; --",
    '" or ""="',
    ") union select * from duckdb_secrets() --",
    "1; attach '/tmp/x.duckdb' as x; --",
    "$period",
    "\\'; copy recon.cards to '/tmp/stolen.csv'; --",
    "%' and 1=(select count(*) from recon.cards) --",
    "(select version())",
)
BY_DAY = set(TEXTS[1:3])
CORPUS = [
    text if text in BY_DAY else pytest.param(text, marks=pytest.mark.slow)
    for text in (before + text for before in ("", "1", "-money", "pax8") for text in TEXTS)
]
OF_THE_LIST = (
    *("q", "customer", "service", "vendor", "type", "status", "decision", "min_abs"),
    *("sort", "group", "view", "size", "page"),
)
HERE = "http://127.0.0.1:8230"
PAGES = (
    "/",
    "/review",
    "/cards/{}",
    "/mapping/accounts",
    "/mapping/services",
    "/mapping/{}",
    "/mapping/accounts/history",
    "/mapping/gaps",
    "/syncs",
    "/syncs/{}",
    "/writeback",
    "/writeback/report",
    "/history",
    "/history.csv",
    "/export.csv",
)


def content_of(published: Path) -> list[Any]:
    with duckdb.connect(str(published.resolve()), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name, sql, estimated_size from duckdb_tables() order by all"
        ).fetchall()
        cards = connection.execute("select count(*), bit_xor(hash(c)) from recon.cards c")
        return [*tables, *cards.fetchall()]


def addresses(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every page with the text in its path, as its month, and as each thing it is narrowed by."""
    for page in PAGES:
        path = page.format(quote(text, safe=""))
        yield path, {}
        yield path, {"period": text}
        names = OF_THE_LIST if page == "/review" else ("q", "state", "page")
        yield from ((path, {name: text}) for name in names)


@pytest.mark.parametrize("text", CORPUS)
@pytest.mark.fault(104)
def test_no_parameter_reaches_the_sql(office: Any, text: str) -> None:
    """Every page answers decently whatever is in its address, and the tables stay as they are."""
    published = office.folder / "published.duckdb"
    before = content_of(published)
    app = review_app(office.desk, identities_of(office.desk.site.settings))

    async def ask() -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
            for path, query in addresses(text):
                answer = await client.get(path, params=query)
                assert answer.status_code < 500, (path, query, answer.text[:300])
                assert "Parser Error" not in answer.text, (path, query)
                assert "Binder Error" not in answer.text, (path, query)

    asyncio.run(ask())
    assert content_of(published) == before
    assert not Path("/tmp/stolen.csv").exists()  # noqa: S108 - where the text above would write
