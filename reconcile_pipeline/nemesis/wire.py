"""Between client and simulator: no sockets, but every call is seen, and may be disturbed.

Tells the oracle what was looked at, sent, answered and applied; plays what other people do while a
batch is under way. Judges nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random

import httpx

from reconcile_pipeline.nemesis.clockwork import JumpingLoop, Reaper
from reconcile_pipeline.nemesis.oracle import Oracle
from reconcile_pipeline.nemesis.psas import Asked, Psa
from reconcile_pipeline.nemesis.watch import Sent
from reconcile_pipeline.simulators.faults import Fault
from reconcile_pipeline.simulators.server import Write

Meanwhile = Callable[[], Awaitable[None]]
OK = range(200, 300)
NOT_EVEN_SENT = 429
"""For the oracle as good as turned away: nobody looked at it."""


class Wire(httpx.AsyncBaseTransport):
    """The transport of every client in the game."""

    def __init__(self, psa: Psa, oracle: Oracle, loop: JumpingLoop, dice: Random) -> None:
        self.psa, self.oracle, self.loop, self.dice = psa, oracle, loop, dice
        self.reaper = Reaper(lambda: None)
        self.meanwhile: dict[int, Meanwhile] = {}
        """What other people do just before the n-th call from now on."""
        self.delays: list[float] = []
        """So many seconds late the next changes are applied, whose answers are lost."""
        self.unreachable = 0
        """So many of the next changes don't even leave this machine."""
        self.calls = 0
        self._inner = httpx.ASGITransport(app=psa.app)
        self._struck: list[str] = []
        self.sending: Sent | None = None
        self._is_own = False
        self._running: set[asyncio.Task[None]] = set()
        self._watch()

    def quiet(self) -> None:
        """No fault and nobody else from now on; what is late stays late."""
        self.psa.app.faults.clear()
        self.meanwhile.clear()
        self.delays.clear()
        self.unreachable = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for _turn in range(self.dice.randrange(4)):
            await asyncio.sleep(0)
        await asyncio.sleep(self.dice.random() / 5)
        self.reaper.check()
        self.calls += 1
        act = self.meanwhile.pop(self.calls, None)
        if act is not None:
            await act()
        asked = self.psa.asked(request)
        if asked is None or asked.amount is None:
            return await self._look(request, asked)
        sent = self.oracle.sending(asked.line, asked.amount, asked.day)
        if self.unreachable:
            self.unreachable -= 1
            self.oracle.answered(sent, NOT_EVEN_SENT, ["unreachable"])
            raise httpx.ConnectError("nobody listens", request=request)
        if self.delays:
            delay = self.delays.pop(0)
            self.oracle.answered(sent, None, ["late"])
            self.loop.call_later(delay, lambda: self._deliver_late(request, sent))
            raise httpx.ReadTimeout("nobody answered", request=request)
        return await self._change(request, sent)

    async def _look(self, request: httpx.Request, asked: Asked | None) -> httpx.Response:
        response = await self._forward(request, None)
        if asked is not None and response.status_code in OK and not self._struck:
            blocked = self.psa.is_blocked(asked.line)
            self.oracle.looked(asked.line, asked.day, is_blocked=blocked)
        return response

    async def _change(self, request: httpx.Request, sent: Sent) -> httpx.Response:
        try:
            response = await self._forward(request, sent)
        except httpx.RemoteProtocolError:
            self.oracle.answered(sent, None, self._struck)
            raise
        self.oracle.answered(sent, response.status_code, self._struck)
        return response

    async def _forward(self, request: httpx.Request, sent: Sent | None) -> httpx.Response:
        self._struck, self.sending, self._is_own = [], sent, False
        # The simulator does not pause while it answers: nothing comes between these lines.
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        if len(body) < int(response.headers.get("content-length", len(body))):
            raise httpx.RemoteProtocolError("the answer was cut off", request=request)
        return httpx.Response(
            response.status_code, headers=response.headers.raw, stream=httpx.ByteStream(body)
        )

    def _deliver_late(self, request: httpx.Request, sent: Sent) -> None:
        """The PSA gets round to a request that nobody waits for any more; faults spare it."""

        async def deliver() -> None:
            plan = self.psa.app.faults
            planned, plan._faults = plan._faults, []
            try:
                self.sending, self._is_own = sent, False
                await self._inner.handle_async_request(request)
            finally:
                plan._faults = planned

        task = self.loop.create_task(deliver())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _watch(self) -> None:
        """Note which faults strike a call, and whose change it is that is applied."""
        app = self.psa.app
        strike, commit = app.faults.strike, app.commit

        def noting(path: str, method: str) -> list[Fault]:
            faults = strike(path, method)
            self._struck = [fault.kind for fault in faults if fault.kind != "hook"]
            # What the simulator applies before it looks for faults is an earlier call, late.
            self._is_own = True
            return faults

        def telling(write: Write, apply: Callable[[Decimal], None]) -> None:
            before = len(app.writes)
            commit(write, apply)
            for done in app.writes[before:]:
                amount = done.qty_after - (done.qty_before if self.psa.is_delta else 0)
                sent = self.sending if self._is_own else None
                self.oracle.wrote(done.line_id, amount, done.effective_on, sent)

        app.faults.strike = noting  # type: ignore[method-assign]
        app.commit = telling  # type: ignore[method-assign]
