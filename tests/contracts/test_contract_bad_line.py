"""Whole pulls over a bad line: the same records, whatever way a system logs in and pages."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from reconcile_pipeline.http import ApiClient
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.simulators.wire import Wire, wired

pytestmark = pytest.mark.long


@pytest.fixture
def line(bench: Any, kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The only way to the system's server."""
    server = bench.server(kind)
    there = urlsplit(server.base_url)
    with wired("127.0.0.1", there.port) as line:
        # Some kinds are told the address under another name than base_url.
        told = {
            name: value.replace(there.netloc, urlsplit(line.url).netloc)
            for name, value in server.credentials.items()
        }
        here = replace(server, base_url=f"{line.url}{there.path}", credentials=told)
        monkeypatch.setitem(bench.simulation.systems, kind, here)
        yield line


def sizes(manifest: Manifest) -> list[tuple[str, int]]:
    return [(stream.name, stream.distinct_keys) for stream in manifest.streams]


@pytest.mark.fault(9)
def test_reset_before_the_first_answer(
    bench: Any, kind: str, line: Wire, clean_pull: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that is reset before anything came costs a try: the records are the same."""
    bad = line.add("reset_peer", amount=0)
    defaults = ApiClient.__init__.__kwdefaults__
    assert defaults is not None

    async def mend(_seconds: float) -> None:
        if bad in line.toxics:
            line.remove(bad)

    monkeypatch.setitem(defaults, "sleep", mend)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.reason) == ("complete", None)
    assert sizes(manifest) == sizes(clean_pull)
    assert bad not in line.toxics


def test_pulled_in_slices(bench: Any, kind: str, line: Wire, clean_pull: Manifest) -> None:
    """Answers in pieces of 500 bytes, cut anywhere, are the same records and no second try."""
    line.add("slicer", amount=500)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.reason) == ("complete", None)
    assert sizes(manifest) == sizes(clean_pull)
    assert manifest.retries == 0
    assert line.connections > 0
