"""Publishing: only what is proven, in one rename, without disturbing who is reading."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.connect import open_for_reading, open_for_writing
from reconcile_pipeline.warehouse.publish import publish

PERIOD = "2026-11"
PULL = (
    "insert into core.pulls select 'pull-' || $1, $2, 'psa', 'connectwise', $3, 'complete', 'full',"
    " $4, false, false, now(), now(), null, null, 1, 0, 0, 1, 1, 'x'"
)
SUM = "insert into recon.conservation values (?, 'pax8', 'sorted:usage', 5, 5, 0, 0, ?, ?, ?)"

Change = Callable[[duckdb.DuckDBPyConnection], object]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A warehouse whose period may be published: PSA evidence, and a sum that adds up."""
    path = tmp_path_factory.mktemp("template") / "warehouse.duckdb"
    with open_for_writing(path) as connection:
        create_tables(connection)
        connection.execute(PULL, ["1", PERIOD, "psa", True])
        connection.execute(SUM, [PERIOD, 0, 0, True])
    return path.read_bytes()


@pytest.fixture
def warehouse(tmp_path: Path, template: bytes) -> Path:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(template)
    return path


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return tmp_path / "published.duckdb"


def change(warehouse: Path, query: str, values: list[object] | None = None) -> None:
    with open_for_writing(warehouse) as connection:
        connection.execute(query, values or [])


def pulls(connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.execute("select count(*) from core.pulls").fetchall()[0][0])


def test_the_published_copy_is_a_finished_file(warehouse: Path, published: Path) -> None:
    """A link leads to a version of its own that holds everything, without a log beside it."""
    version = publish(warehouse, published, period=PERIOD)
    assert published.is_symlink()
    assert published.resolve() == version
    assert sorted(path.name for path in version.parent.iterdir()) == [version.name]
    with open_for_reading(published) as connection:
        assert pulls(connection) == 1


@pytest.mark.parametrize(
    ("query", "values", "told"),
    [
        ("delete from core.pulls", [], f"no complete pull of the PSA for {PERIOD}"),
        ("update core.pulls set is_evidence = false", [], "no complete pull of the PSA"),
        ("update core.pulls set role = 'vendor'", [], "no complete pull of the PSA"),
        ("update core.pulls set period = '2026-10'", [], "no complete pull of the PSA"),
        (SUM, [PERIOD, "0.0001", 0, False], "pax8: 0.0001 units and 0 records of sorted:usage"),
        (SUM, [PERIOD, 0, -1, False], "pax8: 0.0000 units and -1 records"),
    ],
)
def test_the_gate_keeps_unproven_numbers_in(
    warehouse: Path, published: Path, query: str, values: list[object], told: str
) -> None:
    """Without PSA evidence, or with a unit lost, nothing is published: the old copy stays."""
    version = publish(warehouse, published, period=PERIOD)
    before = version.read_bytes()
    change(warehouse, query, values)
    with pytest.raises(PipelineError, match=told) as caught:
        publish(warehouse, published, period=PERIOD)
    assert caught.value.category is Category.INCOMPLETE
    assert published.resolve() == version
    assert version.read_bytes() == before
    assert [path.name for path in version.parent.iterdir()] == [version.name]


def test_another_months_loss_is_that_months(warehouse: Path, published: Path) -> None:
    """The gate asks about the period that is published."""
    change(warehouse, SUM, ["2026-10", 5, 0, False])
    publish(warehouse, published, period=PERIOD)


def test_a_refused_first_publication_leaves_nothing(warehouse: Path, published: Path) -> None:
    """Where nothing good was ever published, there is no file to be misread."""
    change(warehouse, "delete from core.pulls")
    with pytest.raises(PipelineError):
        publish(warehouse, published, period=PERIOD)
    assert not published.is_symlink()
    assert not published.exists()


def test_three_versions_are_kept(warehouse: Path, published: Path) -> None:
    """The newest and the two before it stay; older ones go."""
    versions = []
    for number in range(5):
        change(warehouse, PULL, [f"more-{number}", PERIOD, "vendor", False])
        versions.append(publish(warehouse, published, period=PERIOD))
    assert len(set(versions)) == 5
    assert {path for path in versions if path.exists()} == set(versions[2:])
    assert published.resolve() == versions[-1]


def test_publishing_the_same_again_keeps_one_version(warehouse: Path, published: Path) -> None:
    """An unchanged warehouse has one version, however often it is published."""
    first = publish(warehouse, published, period=PERIOD)
    second = publish(warehouse, published, period=PERIOD)
    assert first == second
    assert len(list(first.parent.iterdir())) == 1


def test_an_old_version_that_is_published_again_is_the_newest(
    warehouse: Path, published: Path, template: bytes
) -> None:
    """Going back to earlier content keeps that content, and what was newer before it."""
    first = publish(warehouse, published, period=PERIOD)
    for number in range(2):
        change(warehouse, PULL, [f"more-{number}", PERIOD, "vendor", False])
        publish(warehouse, published, period=PERIOD)
    warehouse.write_bytes(template)
    assert publish(warehouse, published, period=PERIOD) == first
    change(warehouse, PULL, ["other", PERIOD, "vendor", False])
    publish(warehouse, published, period=PERIOD)
    assert first.exists()


def test_a_reader_keeps_what_it_opened(warehouse: Path, published: Path) -> None:
    """While new versions are swapped in and old ones swept, an open reader reads on."""
    publish(warehouse, published, period=PERIOD)
    with open_for_reading(published) as reader:
        for number in range(4):
            change(warehouse, PULL, [f"more-{number}", PERIOD, "vendor", False])
            publish(warehouse, published, period=PERIOD)
        assert pulls(reader) == 1
    with open_for_reading(published) as reader:
        assert pulls(reader) == 5


def test_a_half_written_copy_is_not_in_the_way(warehouse: Path, published: Path) -> None:
    """What a killed publication left behind is replaced."""
    folder = published.parent / "published"
    folder.mkdir()
    (folder / ".draft.duckdb").write_bytes(b"half")
    published.with_name(f".{published.name}.new").symlink_to("nowhere")
    version = publish(warehouse, published, period=PERIOD)
    assert published.resolve() == version
    assert [path.name for path in folder.iterdir()] == [version.name]
