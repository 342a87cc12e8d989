"""Kills a child around every single thing it makes durable, and looks at what it left behind.

Executed in a process of its own, single-threaded, which forks: a child costs milliseconds. Reads
the name of a job of jobs.py and an empty folder as JSON from its input; writes as JSON, for each
kill, the places that were running (`module:function`), before or after, what a reader saw then, and
what the next try ended with; `before`, what a reader saw at first; and `golden`, what a try ends
with that nobody disturbs.
"""

import itertools
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs import JOBS, Job

from reconcile_pipeline.ledger import store
from reconcile_pipeline.systems.vendors import push_inbox

HERE = str(Path(push_inbox.__file__).parents[2]) + "/"
MOST_KILLS = 200


def struck_places() -> list[str]:
    """The functions of the package that are running, the innermost first."""
    found = []
    for frame, _line in traceback.walk_stack(sys._getframe(2)):
        if frame.f_code.co_filename.startswith(HERE):
            own = frame.f_code.co_filename.removeprefix(HERE).removesuffix(".py")
            found.append(f"{own.replace('/', '.')}:{frame.f_code.co_qualname}")
    return found


def arm(number: int, when: str, tell: int) -> None:
    """Kill this process around the n-th time that anything is made durable."""
    calls = itertools.count(1)

    def deadly(right: Callable[..., Any]) -> Callable[..., Any]:
        def acting(*arguments: Any, **named: Any) -> Any:
            is_last = next(calls) == number
            if is_last:
                os.write(tell, json.dumps(struck_places()).encode())
            if is_last and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return right(*arguments, **named)
            finally:
                # Also when it failed: to take away what is not there is no end of the job.
                if is_last:
                    os.kill(os.getpid(), signal.SIGKILL)

        return acting

    def opening(right: Callable[..., Any]) -> Callable[..., Any]:
        armed = deadly(right)

        def acting(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            is_writing = set(mode) & set("wax+")
            return (armed if is_writing else right)(path, mode, *arguments, **named)

        return acting

    # What `pathlib` and `shutil` do goes through these of `os`.
    for name in ("fsync", "replace", "rename", "unlink", "rmdir", "symlink"):
        setattr(os, name, deadly(getattr(os, name)))
    shutil.copyfile = deadly(shutil.copyfile)
    Path.open = opening(Path.open)  # type: ignore[method-assign]
    store.commit = deadly(store.commit)
    push_inbox.commit = deadly(push_inbox.commit)


def in_child(act: Callable[[], Any], deadly: tuple[int, str] | None = None) -> tuple[int, str]:
    """How a child ended that does this, and what it told."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.close(read)
            if deadly is not None:
                arm(*deadly, write)
                act()
            else:
                os.write(write, json.dumps(act()).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            # Not by raising: the parent's half of this script is not the child's.
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def must(act: Callable[[], Any]) -> Any:
    code, told = in_child(act)
    if code:
        raise SystemExit(f"a child that nobody killed ended with {code}")
    return json.loads(told)


def sweep(job: Job, home: Path) -> dict[str, Any]:
    """Kill it at its first durable act, its second, … until it gets to its end."""
    ready = home / "ready"
    ready.mkdir()
    must(lambda: job.prepare(ready))

    def again(folder: Path) -> Any:
        return must(lambda: (job.act(folder), job.look(folder))[1])

    before = must(lambda: job.look(ready))
    golden = again(Path(shutil.copytree(ready, home / "golden", symlinks=True)))
    kills = []
    for number, when in itertools.product(range(1, MOST_KILLS), ("before", "after")):
        folder = Path(shutil.copytree(ready, home / f"{number}-{when}", symlinks=True))
        code, told = in_child(lambda folder=folder: job.act(folder), (number, when))
        if code == 0:
            return {"before": before, "golden": golden, "kills": kills}
        assert code == -signal.SIGKILL, (number, when, code)
        seen = must(lambda folder=folder: job.look(folder))
        kills.append(
            {"places": json.loads(told), "when": when, "seen": seen, "then": again(folder)}
        )
        shutil.rmtree(folder)
    raise SystemExit("it does not end")


def main() -> None:
    order = json.load(sys.stdin)
    sys.stdout.write(json.dumps(sweep(JOBS[order["job"]], Path(order["folder"]))))


main()
