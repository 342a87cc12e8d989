"""The review app killed amid requests: what was answered is in the ledger, and nothing half."""

import contextlib
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

BENCH = runpy.run_path(str(Path(__file__).parent / "card_bench.py"))
PERIOD, template = BENCH["PERIOD"], BENCH["template"]
SCRIPT = Path(__file__).with_name("killing_app.py")
CARDS, PEOPLE = 400, 3
LONGEST_SECONDS = 600
MORE_LINES = """
insert into recon.card_lines by name
select * exclude (n) replace (card_id || '-' || n as card_id, record_id || '-' || n as record_id)
from (from recon.card_lines, range($cards) as more (n))
where card_id in (select card_id from recon.cards where company_id = '1' and period = $period)
"""
MORE_CARDS = """
insert into recon.cards by name
select * exclude (n) replace (card_id || '-' || n as card_id, company_id || '-' || n as company_id)
from (from recon.cards, range($cards) as more (n))
where company_id = '1' and period = $period
"""
PLENTY = (MORE_LINES, MORE_CARDS)
"""As many cards as people can decide: customer 1's, each with a line of its own."""


@pytest.fixture
def crowded(template: Path, tmp_path: Path) -> Any:
    """(folder, cards): an installation in which very many cards wait for a decision."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        state = Path(name) / ".reconcile"
        state.mkdir()
        shutil.copy(template / "reconcile.toml", name)
        shutil.copy(template / "ledger.db", state / "ledger.db")
        shutil.copy(template / "version.duckdb", state / "version.duckdb")
        (state / "published.duckdb").symlink_to(state / "version.duckdb")
        with duckdb.connect(str(state / "version.duckdb")) as connection:
            for statement in PLENTY:
                connection.execute(statement, {"cards": CARDS, "period": PERIOD})
            cards = connection.execute(
                "select card_id, card_version, qty_vendor from recon.cards where"
                " company_id like '1-%' and period = $period order by card_id",
                {"period": PERIOD},
            ).fetchall()
        yield (
            Path(name),
            [
                {"card_id": card, "card_version": version, "to": str(qty)}
                for card, version, qty in cards
            ],
        )


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param(range(5), marks=pytest.mark.fault(78, cases=5)),
        pytest.param(range(5, 50), marks=[pytest.mark.slow, pytest.mark.fault(78, cases=45)]),
    ],
    ids=["by day", "the others"],
)
def test_what_was_answered_is_in_the_ledger(
    crowded: Any, request: pytest.FixtureRequest, moments: range
) -> None:
    """Killed again and again amid decisions of three people: none is lost, none is half there."""
    folder, cards = crowded
    order = {"folder": str(folder), "period": PERIOD, "cards": cards, "moments": list(moments)}
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as script:
        try:
            told, _nothing = script.communicate(json.dumps(order), LONGEST_SECONDS)
        finally:
            # With the app that it may have left behind.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(script.pid, signal.SIGKILL)
    assert script.returncode == 0
    kills = json.loads(told)
    [mark] = request.node.iter_markers("fault")
    assert len(kills) == len(moments) == mark.kwargs["cases"]
    answered: set[str] = set()
    for number, kill in enumerate(kills, 1):
        assert kill["refused"] == []
        assert kill["answered"], "killed before anybody was answered"
        answered |= set(kill["answered"])
        assert answered <= set(kill["found"]), "a decision that was answered is gone"
        # One of each person was under way: committed or not, but nobody was told.
        assert len(set(kill["found"]) - answered) <= PEOPLE * number
        assert (kill["half"], kill["doubled"], kill["trouble"]) == ([], 0, "")
