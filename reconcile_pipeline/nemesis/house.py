"""One whole installation without sockets: real pulls, real landing, real SQL, a real ledger.

Only the network, the clock and death are the game's: calls go straight into the simulators, waits
jump, and a crash happens at the n-th call of a function that makes something durable.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import httpx

from reconcile_pipeline.applying import tenant_of
from reconcile_pipeline.building import Site
from reconcile_pipeline.http import ApiClient
from reconcile_pipeline.landing.guards import Limits
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.landing.pull import Pull, pull_all, pulling_alone
from reconcile_pipeline.ledger.accepted import accepted_pull_ids
from reconcile_pipeline.nemesis.clockwork import Crash, JumpingLoop, When, open_ledger
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.simulators.registry import PSAS, vendors_of
from reconcile_pipeline.simulators.serve import SimulatedServer, Simulation
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.state import State
from reconcile_pipeline.systems.registry import SYSTEMS

FIRST_PORT = 9000
"""Nobody listens there: the number only tells one system from another."""
PULL = "reconcile_pipeline.landing.pull"
BUILD = "reconcile_pipeline.warehouse.build"
PUBLISH = "reconcile_pipeline.warehouse.publish"
IN_A_PULL = {
    "reconcile_pipeline.landing.pages:PageWriter.add": 40,
    f"{PULL}:sync_folder": 8,
}
IN_A_BUILD = {
    f"{BUILD}:run_core": 4,
    f"{BUILD}:fill_table": 12,
    "reconcile_pipeline.refreshing:intake_step": 1,
    "reconcile_pipeline.refreshing:build_recon": 1,
    "reconcile_pipeline.refreshing:review_step": 1,
    f"{PUBLISH}:shutil.copyfile": 1,
    f"{PUBLISH}:_point": 1,
    f"{PUBLISH}:_forget_old_versions": 1,
}
"""Functions that commit something, and how often one is called at most in the small world."""

_WRITING = """
[policy]
four_eyes_above = 1000000
[write_back]
enabled = true
large_units = 1000
large_money = 1000000
"""


class Network(httpx.AsyncBaseTransport):
    """Takes each call to the simulator whose port it names."""

    def __init__(self, simulation: Simulation) -> None:
        self._apps: dict[int | None, httpx.ASGITransport] = {}
        for number, server in enumerate(simulation.systems.values()):
            self._apps[FIRST_PORT + number] = httpx.ASGITransport(app=server.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._apps[request.url.port].handle_async_request(request)
        body = await response.aread()
        if len(body) < int(response.headers.get("content-length", len(body))):
            raise httpx.RemoteProtocolError("the answer was cut off", request=request)
        return httpx.Response(
            response.status_code, headers=response.headers.raw, stream=httpx.ByteStream(body)
        )


def simulated(world: World, psa: str) -> Simulation:
    """The servers of a world, unserved: the network brings calls to them."""
    kinds = [PSAS[psa].server]
    kinds += [vendor.server for vendor in vendors_of(world).values() if vendor.server is not None]
    systems = {}
    for number, kind in enumerate(kinds):
        app = kind.served(world, 0.0, f"{world.seed:04d}")
        root = f"http://127.0.0.1:{FIRST_PORT + number}"
        app.placed(root)
        systems[app.name] = SimulatedServer(root + app.path_prefix, app.credentials, app)
    return Simulation(world, systems, psa)


@contextmanager
def connected(simulation: Simulation, loop: JumpingLoop, dice: Random) -> Iterator[None]:
    """Bring the calls of every client made meanwhile to the simulators, by the loop's clock."""
    defaults = ApiClient.__init__.__kwdefaults__ or {}
    before = dict(defaults)
    defaults.update(transport=Network(simulation), now=loop.now, random=dice.random)
    try:
        yield
    finally:
        defaults.update(before)


@dataclass
class House:
    """The installation, its simulated systems, and its clock."""

    folder: Path
    simulation: Simulation
    loop: JumpingLoop
    dice: Random
    config: Path = field(init=False)
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        self.config = self.folder / "reconcile.toml"
        self.configure()

    def configure(self, *, without: Collection[str] = ()) -> None:
        """Write the settings of all systems but these, and begin with them."""
        self.simulation.write_config(self.config)
        for system in without:
            _leave_out(self.config, system)
        with self.config.open("a", encoding="utf-8") as file:
            file.write(_WRITING)
        self.open()
        with self.config.open("a", encoding="utf-8") as file:
            file.write(f'tenant = "{tenant_of(self.site)}"\n')
        self.restart()

    def open(self) -> None:
        """Begin as a new process does: from the files alone."""
        settings = load_settings(self.config)
        state = State(settings.state_dir)
        state.ledger.parent.mkdir(parents=True, exist_ok=True)
        self.site = Site(settings, state, open_ledger(state.ledger))

    def restart(self) -> None:
        """The process died; another one opens the same files."""
        self.close()
        self.open()

    def close(self) -> None:
        self.site.ledger.engine.dispose()

    def quiet(self) -> None:
        """No fault from now on."""
        for server in self.simulation.systems.values():
            server.faults.clear()
            server.log.clear()
            server.targets.clear()

    def pull(self, names: Collection[str], period: str) -> list[Manifest]:
        """Pull some systems at once, as a run does."""
        site = self.site
        settings = site.settings
        accepted = accepted_pull_ids(site.ledger)
        pulls = [
            Pull(
                system=SYSTEMS[account.kind],
                account=account,
                landing=site.state.landing,
                period=period,
                is_grace=False,
                on=self.simulation.world.as_of,
                now=self.loop.now,
                limits=Limits(settings.max_row_drop, settings.max_account_drop),
                accepted=accepted,
            )
            for account in settings.systems
            if account.name in names
        ]

        async def work() -> list[Manifest]:
            return [manifest async for manifest in pull_all(pulls)]

        with pulling_alone(site.state.landing):
            return self.loop.play(work())

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Every client made meanwhile calls the simulators, and none waits for a real clock."""
        with connected(self.simulation, self.loop, self.dice):
            yield

    @contextmanager
    def dying(self, points: dict[str, int], note: Callable[[str], None]) -> Iterator[None]:
        """Die around some call of one of these functions, if it comes to that."""
        point = self.dice.choice([*points])
        number = 1 + self.dice.randrange(points[point])
        when: When = self.dice.choice(("before", "after"))
        note(f"to die {when} call {number} of {point.rpartition(':')[2]}")
        module, _colon, name = point.partition(":")
        owner: Any = import_module(module)
        *parents, last = name.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        right, calls = getattr(owner, last), 0

        def deadly(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > number or (calls == number and when == "before"):
                # Whoever is dead does nothing more.
                raise Crash
            result = right(*arguments, **named)
            if calls == number:
                raise Crash
            return result

        setattr(owner, last, deadly)
        try:
            yield
        finally:
            setattr(owner, last, right)

    def now(self) -> datetime:
        return self.loop.now()


def _leave_out(config: Path, system: str) -> None:
    """An installation that does not have this system yet: no table of it, and no mapping."""
    head, *tables = config.read_text(encoding="utf-8").split("\n[systems.")
    kept = [table for table in tables if not table.startswith(f"{system}]")]
    config.write_text("\n[systems.".join([head, *kept]), encoding="utf-8")
    mappings = config.parent / "mappings.csv"
    lines = mappings.read_text(encoding="utf-8").splitlines(keepends=True)
    mappings.write_text("".join(line for line in lines if f",{system}," not in line), "utf-8")
