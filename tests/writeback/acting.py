"""One batch in a process of its own, as a job would run it; tests kill it or hold it up.

Takes one argument, a JSON file with the keys:
    config: reconcile.toml of the served PSA; ledger: the ledger's file; now: the instant;
    crash: "", or "n:before" or "n:after": kill this process around the n-th entry in the ledger;
    is_parent: start another process like this one, and wait for it.
Prints its process id first; ends with 3 when another batch is running, and says so.
"""
# ruff: noqa: E402 - this folder has to be made importable first

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

order: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
if order["is_parent"]:
    other = Path(sys.argv[1]).with_suffix(".child.json")
    other.write_text(json.dumps(order | {"is_parent": False}), encoding="utf-8")
    with subprocess.Popen([sys.executable, __file__, str(other)]) as process:  # noqa: S603
        sys.exit(process.wait())

package = ModuleType("writeback_bench")
package.__path__ = [str(Path(__file__).parent)]
sys.modules["writeback_bench"] = package

import sqlalchemy as sa
from writeback_bench.bench import Clock, cards_of, make_batch

from reconcile_pipeline.http import ApiClient
from reconcile_pipeline.ledger import store
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.writeback.batch import apply_batch


def arm(crash: str) -> None:
    number, when = crash.split(":")
    right, entries = store.commit, itertools.count(1)

    def deadly(transaction: sa.RootTransaction) -> None:
        is_last = next(entries) == int(number)
        if is_last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        right(transaction)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    store.commit = deadly


def act() -> None:
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    account = load_settings(Path(order["config"])).psa
    system = SYSTEMS[account.kind]
    assert system.write_back is not None
    assert system.writer is not None
    clock = Clock()
    clock.instant = datetime.fromisoformat(order["now"])
    ApiClient.__init__.__kwdefaults__.update(sleep=clock.sleep)  # type: ignore[union-attr]
    ledger = store.Ledger(Path(order["ledger"]))
    batch = make_batch(ledger, clock, system.write_back, lambda: cards_of(ledger))
    if order["crash"]:
        arm(order["crash"])
    work = apply_batch(batch, system.writer(account), system.write_back, sleep=clock.sleep)
    try:
        asyncio.run(work)
    except PipelineError as error:
        sys.stdout.write(error.message)
        sys.exit(3)


act()
