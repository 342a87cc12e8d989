"""Which engine fills the tables of `map` and `recon`: the one place that chooses.

DuckDB does it in the warehouse itself. Spark does it when `[compute] engine = "spark"` says so; its
packages are an extra and are loaded only then.
"""

from functools import cache
from pathlib import Path

from reconcile_pipeline.settings import Settings
from reconcile_pipeline.warehouse.build import Fill


def fill_of(settings: Settings) -> Fill | None:
    """What fills a table by its SQL file; None: DuckDB, in the warehouse itself.

    A session is opened once in a process and kept: it takes seconds.

    Raises:
        PipelineError: `settings`, when something Spark needs is not installed; `unreachable`, when
            its server does not answer.
    """
    compute = settings.compute
    if compute.engine == "duckdb":
        return None
    token = compute.token_from(settings.secrets)
    return _spark(compute.spark, token, compute.lake_in(settings.path.parent, settings.state_dir))


@cache
def _spark(spark: str, token: str | None, lake: str | Path) -> Fill:
    # Here and nowhere else: whoever stays with DuckDB needs none of these packages.
    from reconcile_pipeline.spark.session import check_installed, open_session  # noqa: PLC0415

    check_installed()
    from reconcile_pipeline.spark.engine import SparkEngine  # noqa: PLC0415
    from reconcile_pipeline.spark.lake import LocalLake, RemoteLake  # noqa: PLC0415

    here = LocalLake(lake) if isinstance(lake, Path) else None
    session = open_session(spark, token=token)
    return SparkEngine(session, here or RemoteLake(str(lake), session))
