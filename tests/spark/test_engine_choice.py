"""Who fills the tables: DuckDB unless Spark is asked for; what is told when it can't be had."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from reconcile_pipeline import engines
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import Settings, load_settings
from reconcile_pipeline.settings_template import template
from reconcile_pipeline.spark import session

Load = Callable[[str], Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def settings(table: str) -> Settings:
        path = tmp_path / "reconcile.toml"
        text = template(["connectwise"])[0].replace("[compute]\n", f"[compute]\n{table}\n")
        path.write_text(text, encoding="utf-8")
        return load_settings(path, environ={})

    engines._spark.cache_clear()
    return settings


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """A Python in which these packages are not installed, and others are."""
    monkeypatch.setattr(session, "find_spec", lambda name: None if name in names else object())


def test_duckdb_fills_in_place(load: Load) -> None:
    """Without a word about engines nothing stands between DuckDB and its own SQL files."""
    assert engines.fill_of(load("")) is None


def test_a_missing_package_is_named_with_its_cure(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks for Spark without having it learns the command that installs it."""
    without(monkeypatch, "pyspark")
    with pytest.raises(PipelineError, match="needs pyspark, not installed here") as caught:
        engines.fill_of(load('engine = "spark"'))
    assert caught.value.category is Category.SETTINGS
    assert ".[spark]" in caught.value.next_step


def test_a_missing_java_is_named(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On this machine Spark needs Java: that is said before Spark fails in its own words."""
    without(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(PipelineError, match="needs Java, and there is none") as caught:
        engines.fill_of(load('engine = "spark"'))
    assert "Java 17" in caught.value.next_step


def test_a_cluster_that_does_not_answer_is_named(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is not there is told at once, with its address and the way without it."""
    without(monkeypatch)
    with socket.socket() as taken:
        # Bound and not listening: whoever calls is refused, and nobody else gets this port.
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(PipelineError, match=f"answers at 127.0.0.1:{port}") as caught:
            engines.fill_of(load(f'engine = "spark"\nspark = "sc://127.0.0.1:{port}"'))
    assert caught.value.category is Category.UNREACHABLE
    assert 'engine = "duckdb"' in caught.value.next_step


def test_a_token_without_a_value_is_named(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session is never opened without the token that the settings promise."""
    without(monkeypatch)
    line = 'engine = "spark"\ntoken = { env = "RECONCILE_SPARK_TOKEN" }'
    with pytest.raises(PipelineError, match="RECONCILE_SPARK_TOKEN"):
        engines.fill_of(load(line))
