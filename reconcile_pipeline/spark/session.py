"""Open a Spark session: on this machine, or on a cluster through Spark Connect.

Whatever is missing is told before Spark is asked, which would wait for minutes or answer with a
page of Java. Nothing here knows what is computed.
"""

import os
import re
import shutil
import socket
from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import urlsplit

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.spark.frames import Session

CONNECT_PORT = 15002
PATIENCE_SECONDS = 10.0
NEEDED = ("pyspark", "sqlglot")
FIXED = {
    # Dates of instants are those of UTC, as in the warehouse.
    "spark.sql.session.timeZone": "UTC",
    # A number that doesn't fit is an error, never a null; a decimal never turns to 1E+3.
    "spark.sql.ansi.enabled": "true",
    # An instant is UTC's as it stands, without a zone, in the lake as in the warehouse.
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    # All four decimals are kept through sums and products; too large is an error then.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.parquet.compression.codec": "zstd",
    # 0001-01-01 in a file is that day, whatever calendar once held there.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
}
"""What results rest on: set in every session, on whatever cluster."""
_ON_THIS_MACHINE = {
    # One machine's cores, not a cluster's 200 tasks for every join.
    "spark.sql.shuffle.partitions": "8",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}
_LARGEST_MESSAGE = 300


def check_installed() -> None:
    """Raise the `settings` error of a missing package."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise PipelineError(
            f'[compute] engine = "spark" needs {" and ".join(missing)}, not installed here.',
            next_step="Install the extra: pip install 'reconcile-pipeline[spark]', in a checkout"
            ' pip install ".[spark]"; or set engine = "duckdb" in reconcile.toml.',
            category=Category.SETTINGS,
        )


def open_session(
    spark: str, *, token: str | None = None, more: Mapping[str, str] | None = None
) -> Session:
    """Return a session of its own: `spark` is `local[…]` or an `sc://` URL.

    Args:
        spark: [compute] spark of the settings.
        token: sent to a Connect server, if there is one.
        more: settings of a local session besides ours.

    Raises:
        PipelineError: `settings` when something is not installed here, `unreachable` when no
            server answers.
    """
    check_installed()
    session = _connected(spark, token) if spark.startswith("sc://") else _local(spark, more or {})
    for name, value in FIXED.items():
        session.conf.set(name, value)
    return session


def _local(master: str, more: Mapping[str, str]) -> Session:
    _check_java()
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    builder = SparkSession.builder.master(master).appName("reconcile")
    for name, value in {**_ON_THIS_MACHINE, **more}.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except PySparkException as error:
        raise PipelineError(
            f"Spark does not start on this machine: {first_line(error)}",
            next_step="See what Java says above; Spark 4 needs Java 17 or newer.",
            category=Category.SETTINGS,
        ) from error
    session.sparkContext.setLogLevel("ERROR")
    # Tables and settings of its own, should this process use Spark for something else.
    own: Session = session.newSession()
    return own


def _check_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and shutil.which(f"{home}/bin/java")):
        raise PipelineError(
            "Spark on this machine needs Java, and there is none.",
            next_step="Install Java 17 or newer (Debian: openjdk-17-jre-headless) or set JAVA_HOME;"
            " or name a cluster in [compute] spark: sc://host:15002.",
            category=Category.SETTINGS,
        )


def _connected(url: str, token: str | None) -> Session:
    place = urlsplit(url)
    host, port = str(place.hostname), place.port or CONNECT_PORT
    unreachable = PipelineError(
        f"No Spark Connect server answers at {host}:{port}.",
        next_step="Start the cluster, or correct [compute] spark in reconcile.toml; a month is also"
        ' built without it: engine = "duckdb".',
        category=Category.UNREACHABLE,
        is_transient=True,
    )
    try:
        # Spark's own client would try again for minutes before it says so.
        socket.create_connection((host, port), timeout=PATIENCE_SECONDS).close()
    except OSError as error:
        raise unreachable from error
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    whole = f"{url.rstrip('/')}{'' if place.path.strip('/') else '/'}"
    if token:
        whole = f"{whole};use_ssl=true;token={token}"
    try:
        session: Session = SparkSession.builder.remote(whole).create()
    except PySparkException as error:
        raise PipelineError(
            f"The Spark Connect server at {host}:{port} opens no session: {first_line(error)}",
            next_step="Look whether it is Spark 4.1 or newer, and whether the token is right.",
            category=Category.UNREACHABLE,
        ) from error
    return session


def first_line(error: Exception) -> str:
    """What Spark says, without the pages below it."""
    line = re.split(r"[\r\n]", str(error).strip(), maxsplit=1)[0]
    return line[:_LARGEST_MESSAGE]
