"""The table [compute]: DuckDB unless told otherwise, and one sentence for every mistake."""

from pathlib import Path

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import Settings, load_settings
from reconcile_pipeline.settings_compute import COMPUTE_FIELDS, ComputeSettings
from reconcile_pipeline.settings_template import template

ROOT = Path(__file__).parents[2]


def settings(folder: Path, table: str, **environ: str) -> Settings:
    path = folder / "reconcile.toml"
    text = template(["connectwise"])[0].replace("[compute]\n", f"[compute]\n{table}\n")
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ=environ)


def load(folder: Path, table: str) -> ComputeSettings:
    return settings(folder, table).compute


def test_duckdb_is_the_default(tmp_path: Path) -> None:
    """Nobody needs Spark who does not ask for it; its lake would be in the state folder."""
    found = settings(tmp_path, "")
    assert found.compute == ComputeSettings("duckdb", "local[*]", None, "")
    assert found.compute.lake_in(tmp_path, found.state_dir) == found.state_dir / "lake"


def test_spark_is_named_with_its_place_and_its_lake(tmp_path: Path) -> None:
    """A cluster or this machine; a folder is relative to the file, a URL is left as it is."""
    for place in ("local", "local[4]", "local[*]", "sc://spark", "sc://spark:15002/;use_ssl=true"):
        assert load(tmp_path, f'engine = "spark"\nspark = "{place}"').spark == place
    found = load(tmp_path, 'lake = "big/lake"')
    assert found.lake_in(tmp_path, tmp_path / "state") == tmp_path / "big/lake"
    for url in ("s3a://bucket/lake", "abfss://box@place.dfs.core.windows.net/lake", "gs://b/l"):
        assert load(tmp_path, f'lake = "{url}/"').lake_in(tmp_path, tmp_path) == url


def test_the_token_is_masked(tmp_path: Path) -> None:
    """A token that can be found is among the secrets that never reach a log."""
    line = 'token = { env = "RECONCILE_SPARK_TOKEN" }'
    found = settings(tmp_path, line, RECONCILE_SPARK_TOKEN="made-up-token")
    assert "made-up-token" in found.secret_values()
    assert "made-up-token" not in repr(found.compute)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('engine = "polars"', "'engine' is none of duckdb, spark: 'polars'"),
        ('spark = "yarn"', "'spark' names neither this machine nor sc://"),
        ('spark = "local[0]"', "'spark' names neither"),
        ('spark = "sc://"', "'spark' is no address"),
        ('spark = "sc://spark:port"', "'spark' is no address"),
        ('spark = "sc://spark/;token=abc"', "'spark' holds a secret"),
        ('spark = "sc://me:word@spark"', "'spark' holds a secret"),
        ('token = "abc"', "'token' holds a secret in plain text"),
        ('lake = "http://files.example/lake"', "'lake' begins with http://"),
        ('lake = "s3a://key:word@bucket/lake"', "'lake' holds a user name and a password"),
        ('lage = "lake"', "'lake'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, line: str, words: str) -> None:
    """The table and the key are in the message, a secret is not."""
    with pytest.raises(PipelineError, match=r"\[compute\]") as caught:
        load(tmp_path, line)
    assert caught.value.category is Category.SETTINGS
    assert words in str(caught.value)
    assert "abc" not in str(caught.value)
    assert "word@" not in str(caught.value)


def test_the_guide_names_every_setting() -> None:
    """Whoever moves to Spark finds each setting on its page."""
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert [field.name for field in COMPUTE_FIELDS if f"`{field.name}`" not in page] == []
