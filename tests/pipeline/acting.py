"""Runs the `reconcile` command in a child process that a test may kill at a chosen moment.

Executed with `runpy` in a child of `multiprocessing`'s fork server, where everything heavy is
imported already. `order` is a dictionary with the keys:
    arguments: of the command; cwd; environment: variables to add; out, err: files for its output;
    is_impatient: do not wait between tries;
    crash: "module:function:n:before|after", or "": kill this process around the n-th call;
    now: an instant for the process's own clock, or "".
"""

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Callable
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
    calls = 0

    def deadly(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == int(number) and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = right(*arguments, **named)
        if calls == int(number) and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, last, deadly)


def act() -> None:
    for number, path in ((1, order["out"]), (2, order["err"])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    os.chdir(order["cwd"])
    os.environ.update(order["environment"])
    sys.argv = ["reconcile", *order["arguments"]]
    if order["is_impatient"]:
        from reconcile_pipeline.http import ApiClient  # noqa: PLC0415 - in the child only

        ApiClient.__init__.__kwdefaults__.update(sleep=no_pause)  # type: ignore[union-attr]
    if order["crash"]:
        arm(order["crash"])
    from reconcile_pipeline.cli import main  # noqa: PLC0415 - in the child only

    if order["now"]:
        import time_machine  # noqa: PLC0415 - in the child only

        with time_machine.travel(datetime.fromisoformat(order["now"]), tick=True):
            main()
    else:
        main()


act()
