"""The table [compute] of reconcile.toml: which engine maps and compares, and where it finds data.

DuckDB is the default and needs none of the rest. Whether Spark is installed and answers is asked
when it is used, not here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings_checks import SecretName, Table, Value
from reconcile_pipeline.settings_systems import SecretSource
from reconcile_pipeline.systems.base import Field

ENGINES = ("duckdb", "spark")
_HERE = re.compile(r"local(\[(\*|[1-9][0-9]{0,3})\])?")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
_LAKES = ("s3a", "s3", "gs", "abfss", "abfs", "wasbs", "hdfs", "dbfs", "oss", "cosn")
COMPUTE_FIELDS = (
    Field(
        "engine",
        "What maps and compares: duckdb, in this process, or spark, for what one machine can't"
        " hold. Both make the same tables; see docs/scale.md.",
        default="duckdb",
        example="duckdb",
    ),
    Field(
        "spark",
        "Where Spark runs: a Spark Connect server, sc://host:15002, or this machine, local[*].",
        default="local[*]",
        example="local[*]",
    ),
    Field(
        "token",
        "Token of the Spark Connect server, if it wants one; it is sent over TLS only.",
        kind="secret",
        default="",
        variable="RECONCILE_SPARK_TOKEN",
    ),
    Field(
        "lake",
        "Where Spark reads and writes Parquet: a folder that its workers see under the same path,"
        " or a URL that Spark knows; empty: lake in the state folder.",
        default="",
        example="s3a://bucket/reconcile",
    ),
)


@dataclass(frozen=True)
class ComputeSettings:
    """Which engine fills the tables of `map` and `recon`."""

    engine: str = "duckdb"
    spark: str = "local[*]"
    token: SecretName | None = None
    lake: str = ""

    def lake_in(self, folder: Path, state_dir: Path) -> str | Path:
        """Where the lake is: a URL for Spark, or a folder; `folder` is that of reconcile.toml."""
        if _SCHEME.match(self.lake):
            return self.lake
        return folder / self.lake if self.lake else state_dir / "lake"

    def token_from(self, secrets: SecretSource) -> str | None:
        """The token; raises the `settings` error of one that is named and not set."""
        if self.token is None:
            return None
        value = secrets.find(self.token.variable)
        if not value:
            raise PipelineError(
                f"The variable {self.token.variable}, which holds Spark's token, is not set.",
                next_step=f"Put {self.token.variable}=… into {secrets.folder / '.env'}, or leave"
                " token out of [compute].",
                category=Category.SETTINGS,
            )
        return value

    def secret_values(self, secrets: SecretSource) -> set[str]:
        """Return the token if it can be found now, for redaction."""
        try:
            value = secrets.find(self.token.variable) if self.token else None
        except PipelineError:
            # Nothing to mask then; whoever opens a session gets the same error, loudly.
            return set()
        return {value} if value else set()


def read_compute(table: Table, values: Mapping[str, Value]) -> ComputeSettings:
    """Check what the fields alone can't; raises the `settings` error of the first mistake."""
    engine, token = str(values["engine"]), values["token"]
    if engine not in ENGINES:
        raise table.refuse(
            f"key 'engine' is none of {', '.join(ENGINES)}: {engine!r}", 'Write engine = "duckdb".'
        )
    return ComputeSettings(
        engine=engine,
        spark=_spark(table, str(values["spark"])),
        token=token if isinstance(token, SecretName) else None,
        lake=_lake(table, str(values["lake"])),
    )


def _spark(table: Table, place: str) -> str:
    meant = 'Write spark = "sc://host:15002", or "local[*]" for this machine.'
    if _HERE.fullmatch(place):
        return place
    if not place.startswith("sc://"):
        raise table.refuse(f"key 'spark' names neither this machine nor sc://…: {place!r}", meant)
    if "token=" in place or "@" in place:
        raise table.refuse(
            "key 'spark' holds a secret in plain text",
            'Write token = { env = "RECONCILE_SPARK_TOKEN" } and put the value into .env beside'
            " this file. Consider this one exposed: renew it.",
        )
    try:
        parts = urlsplit(place)
        is_fit = bool(parts.hostname) and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        is_fit = False
    if not is_fit:
        raise table.refuse(f"key 'spark' is no address of a Connect server: {place!r}", meant)
    return place


def _lake(table: Table, place: str) -> str:
    if not _SCHEME.match(place):
        return place
    scheme, _sign, rest = place.partition("://")
    if scheme not in _LAKES:
        raise table.refuse(
            f"key 'lake' begins with {scheme}://, which is no file system of Spark's",
            f"Write a folder, or a URL with one of {', '.join(_LAKES)}.",
        )
    if ":" in rest.partition("@")[0] and "@" in rest:
        raise table.refuse(
            "key 'lake' holds a user name and a password",
            "Leave only the address; give Spark its credentials in its own configuration.",
        )
    return place.rstrip("/")
