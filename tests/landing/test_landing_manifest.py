"""Manifests and landed pages on disk: as written, so read; damaged or newer, so refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from reconcile_pipeline.landing.manifest import (
    FILE_NAME,
    Manifest,
    StreamResult,
    periods_landed,
    pull_id_for,
    read_manifest,
    read_manifests,
)
from reconcile_pipeline.landing.pages import ROWS_PER_WRITE, PageWriter, sha256_of
from reconcile_pipeline.model import Category, PipelineError, PullState

MakeResult = Callable[..., StreamResult]
MakeManifest = Callable[..., Manifest]
NOW = datetime(2026, 11, 22, 2, 0, 0, 123456, tzinfo=UTC)


def write(landing: Path, manifest: Manifest, name: str | None = None) -> Path:
    folder = landing / manifest.period / manifest.system / (name or manifest.pull_id)
    folder.mkdir(parents=True)
    path = folder / FILE_NAME
    path.write_text(manifest.to_json(), encoding="utf-8")
    return path


def test_a_manifest_comes_back_as_it_was(
    tmp_path: Path, manifest: MakeManifest, result: MakeResult
) -> None:
    """Every field survives the way to disk and back, instants to the microsecond."""
    written = replace(
        manifest("acme", 0, PullState.QUARANTINED, [result("a", 5, 2), result("b", 0)]),
        started_at=NOW,
        reason="Less.",
        next_step="Look.",
        category="incomplete",
        calls=3,
        retries=1,
        throttled_seconds=1.5,
        is_grace=True,
    )
    read = read_manifest(write(tmp_path, written))
    assert read == written
    assert (read.records, read.pages, read.streams[0].duplicates) == (5, 2, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "fine"},
        {"role": "customer"},
        {"started_at": "yesterday"},
        {"started_at": 5},
        {"streams": 5},
        {"streams": [{"name": "a"}]},
        {"surprise": 1},
        {"schema": "x"},
    ],
)
def test_a_damaged_manifest_is_refused(
    tmp_path: Path, manifest: MakeManifest, change: dict[str, Any]
) -> None:
    """A manifest that says something impossible names its file and is not believed in part."""
    path = write(tmp_path, manifest("acme", 0))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(PipelineError, match="is damaged") as caught:
        read_manifest(path)
    assert str(path) in caught.value.message
    assert caught.value.category is Category.INPUT


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}"])
def test_a_torn_manifest_is_refused(tmp_path: Path, manifest: MakeManifest, content: bytes) -> None:
    """Half a file, another file, or bytes that are no text say what to do instead of crashing."""
    path = write(tmp_path, manifest("acme", 0))
    path.write_bytes(content)
    with pytest.raises(PipelineError, match="is damaged"):
        read_manifest(path)


def test_a_manifest_of_an_earlier_release_is_a_full_pull(
    tmp_path: Path, manifest: MakeManifest, result: MakeResult
) -> None:
    """Schema 1 knew no incremental pulls: it stays readable, and no pull goes on from it."""
    path = write(tmp_path, replace(manifest("acme", 0, streams=[result("things", 5)]), schema=1))
    values = json.loads(path.read_text(encoding="utf-8"))
    for name in ("mode", "base", "why_full"):
        del values[name]
    for name in ("changed", "watermark", "asked", "note"):
        del values["streams"][0][name]
    path.write_text(json.dumps(values), encoding="utf-8")
    read = read_manifest(path)
    assert (read.mode, read.base, read.schema) == ("full", None, 1)
    assert (read.streams[0].distinct_keys, read.streams[0].watermark) == (5, None)


def test_a_newer_manifest_is_refused(tmp_path: Path, manifest: MakeManifest) -> None:
    """An older release does not guess what a newer one wrote."""
    path = write(tmp_path, replace(manifest("acme", 0), schema=3))
    with pytest.raises(PipelineError, match=r"newer release \(manifest schema 3\)"):
        read_manifest(path)


def test_manifests_are_read_oldest_first_and_by_period(
    tmp_path: Path, manifest: MakeManifest
) -> None:
    """A period's pulls of all systems come in the order of their beginning."""
    later, earlier = manifest("alpha", 5), manifest("zeta", 1)
    other = replace(manifest("alpha", 9), period="2026-12")
    for each in (later, earlier, other):
        write(tmp_path, each)
    assert read_manifests(tmp_path, "2026-11") == [earlier, later]
    assert periods_landed(tmp_path) == ["2026-11", "2026-12"]


def test_a_killed_pull_is_nobodys_evidence(tmp_path: Path, manifest: MakeManifest) -> None:
    """A hidden folder is not read, even if its pull died after writing its manifest."""
    write(tmp_path, manifest("acme", 1), ".acme-1")
    assert read_manifests(tmp_path, "2026-11") == []
    assert periods_landed(tmp_path) == []


def test_pull_ids_sort_by_time() -> None:
    """Names of one system's pulls sort by their instants, whatever zone those were given in."""
    west = timezone(timedelta(hours=-5))
    instants = [NOW + timedelta(microseconds=1), NOW.astimezone(west), NOW - timedelta(days=40)]
    names = [pull_id_for("acme", instant) for instant in instants]
    assert sorted(names) == names[::-1]
    assert names[1] == "acme-20261122T020000123456Z"


def test_pages_come_back_as_received(tmp_path: Path) -> None:
    """Every page is kept byte for byte, numbered from 1, beyond one write's worth too."""
    bodies = [f'{{"n": {n},  "text": "Ünïcode \\u2028 😀"}}' for n in range(ROWS_PER_WRITE + 3)]
    path = tmp_path / "things.parquet"
    with PageWriter(path, system="acme", stream="things") as writer:
        for body in bodies:
            writer.add(body, fetched_at=NOW, status=200, template="/things", parent_id="7")
    rows = pq.read_table(path).to_pylist()
    assert [row["body"] for row in rows] == bodies
    assert [row["page"] for row in rows] == list(range(1, len(bodies) + 1))
    assert rows[0] | {"body": ""} == {
        "system": "acme",
        "stream": "things",
        "template": "/things",
        "parent_id": "7",
        "page": 1,
        "fetched_at": NOW,
        "status": 200,
        "body": "",
    }


def test_an_empty_stream_is_a_readable_file(tmp_path: Path) -> None:
    """No page at all still makes a file with all columns, so the SQL after it runs."""
    path = tmp_path / "things.parquet"
    with PageWriter(path, system="acme", stream="things"):
        pass
    table = pq.read_table(path)
    assert (table.num_rows, "body" in table.column_names) == (0, True)


def test_the_hash_follows_the_bytes(tmp_path: Path) -> None:
    """One changed byte is another hash."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = sha256_of(path)
    path.write_bytes(b"onf")
    assert len(first) == 64
    assert sha256_of(path) != first
