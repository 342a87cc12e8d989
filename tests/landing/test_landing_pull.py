"""Whole pulls: every attempt leaves a manifest, and no system's trouble is another's."""

import fcntl
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from reconcile_pipeline.landing.evidence import current_evidence
from reconcile_pipeline.landing.guards import Limits
from reconcile_pipeline.landing.manifest import read_manifests
from reconcile_pipeline.landing.pull import pulling_alone
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Document, Stream

PERIOD = "2026-11"
MakeStream = Callable[..., Stream]


def things(count: int, accounts: int = 1) -> list[dict[str, Any]]:
    return [{"id": number, "company": number % accounts} for number in range(count)]


def test_a_complete_pull_proves_what_it_landed(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """The manifest on disk is the one returned, with the cost and the proof of each list."""
    api.on("/things", things(4, 2) + things(1))
    manifest = bench.pull(system_of(api, stream_of(account="company")))
    assert read_manifests(bench.landing, PERIOD) == [manifest]
    stream = manifest.streams[0]
    assert (stream.records, stream.distinct_keys, stream.duplicates) == (5, 4, 1)
    assert (stream.accounts, stream.pages, manifest.calls) == (2, 1, 1)
    assert (bench.landing / manifest.relative_path / stream.file).is_file()
    assert manifest.started_at < manifest.finished_at


@pytest.mark.parametrize(
    ("trouble", "category", "told"),
    [
        (httpx.Response(401, json={}), "credentials", "401"),
        (httpx.Response(403, json={}), "permission", "403"),
        (httpx.ConnectError("refused"), "unreachable", ""),
        ([{"name": "no id"}], "shape", "without id"),
        (ZeroDivisionError("secret detail"), "shape", "unexpected ZeroDivisionError"),
    ],
)
def test_one_systems_trouble_is_its_own(
    bench: Any,
    api: Any,
    stream_of: MakeStream,
    system_of: Any,
    *,
    trouble: Any,
    category: str,
    told: str,
) -> None:
    """A refusal, a broken answer or a mistake in a connector fails one pull, told apart by kind."""
    good = system_of(api.on("/things", things(3)), stream_of())
    bad = system_of(api.__class__().on("/things", trouble), stream_of())
    manifests = bench.pull_all({"bad": bad, "good": good, "worse": bad})
    assert manifests["good"].state == "complete"
    for name in ("bad", "worse"):
        manifest = manifests[name]
        assert (manifest.state, manifest.category) == ("failed", category)
        assert told in manifest.reason
        assert manifest.next_step
        assert "secret detail" not in manifest.to_json()
    assert len(read_manifests(bench.landing, PERIOD)) == 3


@pytest.mark.parametrize(
    "broken",
    [{"client": None}, {"declared": lambda _account, _on: 1 // 0}, {"client": lambda _: 5}],
)
def test_a_connector_that_can_not_even_begin_leaves_a_manifest(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, broken: dict[str, Any]
) -> None:
    """Whatever goes wrong on the way, the attempt is on record and the others go on."""
    good = system_of(api.on("/things", things(3)), stream_of())
    bad = system_of(None, stream_of(), **broken)
    manifests = bench.pull_all({"bad": bad, "good": good})
    assert (manifests["bad"].state, manifests["good"].state) == ("failed", "complete")
    assert "unexpected" in manifests["bad"].reason


def test_a_failed_pull_leaves_the_last_complete_one_in_use(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Evidence only moves forward to a pull that is whole."""
    system = system_of(api.on("/things", things(3)), stream_of())
    good = bench.pull(system)
    api.on("/things", httpx.Response(500))
    failed = bench.pull(system)
    evidence = current_evidence(read_manifests(bench.landing, PERIOD))[0]
    assert (evidence.pull, evidence.latest) == (good, failed)
    assert (good.state, failed.state, failed.retries) == ("complete", "failed", 1)
    assert evidence.is_behind


def test_a_refusal_is_diagnosed_by_its_system(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """A system may turn a refusal into a plainer one, and that is what people read."""

    async def diagnose(_client: Any, account: Any, error: Exception) -> Exception:
        assert "401" in str(error)
        return PipelineError(
            f"{account.name}: the company id is wrong.",
            next_step="Correct it.",
            category=Category.SETTINGS,
        )

    api.on("/things", httpx.Response(401, json={}))
    manifest = bench.pull(system_of(api, stream_of(), diagnose=diagnose))
    assert (manifest.reason, manifest.category) == ("acme: the company id is wrong.", "settings")
    assert manifest.calls == 1


def test_a_shrunken_pull_waits_for_a_person(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Far less than last time is quarantined and named; accepted, it counts and is the measure."""
    system = system_of(api.on("/things", things(100)), stream_of())
    first = bench.pull(system)
    shrunk = bench.pull(system_of(api.on("/things", things(79)), stream_of()))
    assert (shrunk.state, shrunk.category) == ("quarantined", "incomplete")
    assert "things went from 100 to 79" in shrunk.reason
    assert f"reconcile accept {shrunk.pull_id}" in shrunk.next_step

    def evidence(*accepted: str) -> Any:
        return current_evidence(read_manifests(bench.landing, PERIOD), accepted=accepted)[0].pull

    assert evidence() == first
    assert evidence(shrunk.pull_id) == shrunk
    again = bench.pull(system)
    assert again.state == "quarantined"
    accepted = frozenset({shrunk.pull_id})
    assert bench.pull(system, accepted=accepted).state == "complete"
    api.on("/things", things(63))
    assert bench.pull(system, accepted=accepted).state == "quarantined"


def test_a_new_month_is_measured_by_the_old_one(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """The first pull of a period is compared with the last one before, never with a later one."""
    system = system_of(api.on("/things", things(100)), stream_of())
    bench.pull(system)
    bench.pull(system, period="2027-01")
    api.on("/things", things(10))
    assert bench.pull(system, period="2026-12").state == "quarantined"
    assert bench.pull(system, period="2026-10").state == "complete"


def test_another_systems_pulls_are_no_measure(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """A small system is not compared with a large one."""
    bench.pull(system_of(api.on("/things", things(100)), stream_of()), "large")
    small = bench.pull(system_of(api.on("/things", things(2)), stream_of()), "small")
    assert small.state == "complete"


def test_unguarded_lists_may_shrink(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """A list of mistakes may well get shorter: no guard watches it."""
    system = system_of(api.on("/things", things(9)), stream_of(is_guarded=False))
    bench.pull(system)
    api.on("/things", [])
    assert bench.pull(system).state == "complete"


def test_limits_are_those_of_the_pull(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Accounts and rows are guarded by the thresholds the installation sets."""
    system = system_of(api.on("/things", things(100, 10)), stream_of(account="company"))
    bench.pull(system)
    api.on("/things", things(100, 8))
    manifest = bench.pull(system)
    assert "accounts in things went from 10 to 8" in manifest.reason
    assert bench.pull(system, limits=Limits(max_account_drop=0.3)).state == "complete"


def document_system(system_of: Any, stream_of: MakeStream, *batches: list[Any]) -> Any:
    documents = [Document("rows", f"{number}.csv", rows) for number, rows in enumerate(batches)]
    return system_of(None, stream_of("rows"), read=lambda _account, _on, _now: documents)


def test_files_are_landed_like_lists(bench: Any, stream_of: MakeStream, system_of: Any) -> None:
    """A file's rows are one page of a list, proven and hashed the same way."""
    manifest = bench.pull(document_system(system_of, stream_of, things(3)))
    assert (manifest.state, manifest.calls, manifest.records) == ("complete", 0, 3)


def test_a_file_that_contradicts_itself_is_refused(
    bench: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """One row in two versions is a mistake in the file: reading it again would not help."""
    rows = [{"id": 1, "qty": 1}, {"id": 1, "qty": 2}]
    manifest = bench.pull(document_system(system_of, stream_of, rows))
    assert (manifest.state, manifest.category) == ("failed", "input")
    assert "contradicts itself" in manifest.reason


def test_a_second_pull_is_refused_while_one_runs(bench: Any) -> None:
    """Two pulls never write at once; the second says so at once and the lock is freed after."""
    with (bench.landing / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with (
            pytest.raises(PipelineError, match="Another pull") as caught,
            pulling_alone(bench.landing),
        ):
            pytest.fail("the lock was not kept")
        assert caught.value.category is Category.INPUT
    with pulling_alone(bench.landing), pytest.raises(PipelineError), pulling_alone(bench.landing):
        pytest.fail("the lock was not taken")
    with pulling_alone(bench.landing):
        pass


@pytest.mark.parametrize("jump", [-86_400, -3_600, 3_600, 86_400])
@pytest.mark.fault(52)
def test_the_newest_pull_is_the_newest_whatever_the_clock_says(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, jump: int
) -> None:
    """Somebody sets the clock an hour or a day back, or forward: later pulls stay later ones."""
    system = system_of(api.on("/things", things(3)), stream_of())
    first = bench.pull(system)
    bench.clock.instant += timedelta(seconds=jump)
    second = bench.pull(system)
    bench.clock.instant -= timedelta(seconds=jump)
    third = bench.pull(system)
    assert read_manifests(bench.landing, PERIOD) == [first, second, third]
    assert len({each.pull_id for each in (first, second, third)}) == 3


@pytest.mark.parametrize("jump", [-86_400, -3_600, 3_600, 86_400])
@pytest.mark.fault(52)
def test_a_clock_that_jumps_during_a_pull(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, jump: int
) -> None:
    """The pull is whole, ends no earlier than it began, and the next one is later all the same."""

    async def set_clock() -> Any:
        bench.clock.instant += timedelta(seconds=jump)
        return things(3)

    first = bench.pull(system_of(api.on("/things", set_clock), stream_of()))
    assert (first.state, first.records) == ("complete", 3)
    assert first.finished_at >= first.started_at
    second = bench.pull(system_of(api.on("/things", things(3)), stream_of()))
    assert read_manifests(bench.landing, PERIOD) == [first, second]


def test_a_killed_pull_is_swept_away(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """The next pull removes what a killed one left half done, and nothing else."""
    good = bench.pull(system_of(api.on("/things", things(3)), stream_of()))
    home = bench.landing / PERIOD / "acme"
    killed = home / ".acme-20261122T000000000000Z"
    killed.mkdir()
    (killed / "things.parquet").write_bytes(b"half")
    (home / ".DS_Store").write_bytes(b"a file manager's")
    assert read_manifests(bench.landing, PERIOD) == [good]
    with pulling_alone(bench.landing):
        assert not killed.exists()
        assert (home / ".DS_Store").exists()
        assert read_manifests(bench.landing, PERIOD) == [good]


def test_the_folder_gets_its_name_last(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """While a pull runs nobody sees its folder; afterwards no hidden one is left."""
    home = bench.landing / PERIOD / "acme"
    during: list[list[str]] = []

    async def look() -> Any:
        during.append([path.name[:1] for path in home.iterdir()])
        return things(3)

    manifest = bench.pull(system_of(api.on("/things", look), stream_of()))
    assert during == [["."]]
    assert [path.name for path in home.iterdir()] == [manifest.pull_id]
    on_disk = json.loads((home / manifest.pull_id / "manifest.json").read_text())
    assert on_disk["pull_id"] == manifest.pull_id
