"""Runs `reconcile`, or `dagster`, in a child process that a test may end at a chosen moment.

Executed with `runpy` in a child of `multiprocessing`'s fork server, where everything heavy is
imported already. `order` is a dictionary with the keys:
    arguments: of the command; cwd; environment: variables to add; out, err: files for its output;
    is_impatient: do not wait between tries, nor for a PSA to settle;
    crash: "module:function:n:before|after", or "": kill this process around the n-th call;
    program: "dagster" for Dagster's own command, "reconcile" if nothing is said;
    signal: what it is then sent, SIGKILL if nothing is said;
    now: an instant for the process's own clock, or "";
    by_hand: the kind of a PSA that takes no changes from us in this process, or "".
"""

import asyncio
import importlib
import inspect
import itertools
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

order: dict[str, Any] = globals()["order"]


async def no_pause(_seconds: float) -> None:
    await asyncio.sleep(0)


def arm(crash: str) -> None:
    """Replace one function by itself with a SIGKILL before or after its n-th call."""
    module_name, name, number, when = crash.split(":")
    owner: Any = importlib.import_module(module_name)
    *parents, last = name.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    right: Callable[..., Any] = getattr(owner, last)
    # One step for all threads: two of them never get the same number.
    calls = itertools.count(1)

    def strike(call: int, moment: str) -> None:
        if (call, moment) == (int(number), when):
            os.kill(os.getpid(), order.get("signal", signal.SIGKILL))

    def deadly(*arguments: Any, **named: Any) -> Any:
        call = next(calls)
        strike(call, "before")
        result = right(*arguments, **named)
        strike(call, "after")
        return result

    async def deadly_later(*arguments: Any, **named: Any) -> Any:
        call = next(calls)
        strike(call, "before")
        result = await right(*arguments, **named)
        strike(call, "after")
        return result

    setattr(owner, last, deadly_later if inspect.iscoroutinefunction(right) else deadly)


def hurry() -> None:
    """Wait for nothing: no second try, no settle wait."""
    from reconcile_pipeline.http import ApiClient  # noqa: PLC0415 - in the child only
    from reconcile_pipeline.writeback.batch import apply_batch  # noqa: PLC0415

    for function in (ApiClient.__init__, apply_batch):
        defaults = function.__kwdefaults__
        assert "sleep" in defaults, "this one does not wait any more"
        defaults.update(sleep=no_pause)


def take_writing_from(kind: str) -> None:
    """Make a PSA one whose lines only people can change."""
    from reconcile_pipeline.systems.registry import SYSTEMS  # noqa: PLC0415 - in the child only

    SYSTEMS[kind] = replace(SYSTEMS[kind], write_back=None, writer=None)


def main_of(program: str) -> Callable[[], None]:
    """The function behind a command."""
    if program == "dagster":
        from dagster._cli import main as dagster  # noqa: PLC0415 - in the child only

        return dagster
    from reconcile_pipeline.cli import main  # noqa: PLC0415 - in the child only

    return main


def act() -> None:
    for number, path in ((1, order["out"]), (2, order["err"])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    os.chdir(order["cwd"])
    os.environ.update(order["environment"])
    program = order.get("program", "reconcile")
    sys.argv = [program, *order["arguments"]]
    if order["is_impatient"]:
        hurry()
    if order.get("by_hand"):
        take_writing_from(order["by_hand"])
    if order["crash"]:
        arm(order["crash"])
    main = main_of(program)
    if order["now"]:
        import time_machine  # noqa: PLC0415 - in the child only

        with time_machine.travel(datetime.fromisoformat(order["now"]), tick=True):
            main()
    else:
        main()


act()
