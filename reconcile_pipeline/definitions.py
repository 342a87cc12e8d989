"""What Dagster's own tools load: the definitions of RECONCILE_CONFIG or of this folder.

Without a reconcile.toml the graph of all known systems is shown, so that it can be read before
anything is set up.
"""

import os
from pathlib import Path

from reconcile_pipeline.assembly import build_definitions
from reconcile_pipeline.settings import FILE_NAME, Settings, load_settings


def settings_if_any() -> Settings | None:
    """The settings of RECONCILE_CONFIG or of this folder; None when there is no file at all."""
    path = Path(os.environ.get("RECONCILE_CONFIG") or FILE_NAME)
    return load_settings(path) if path.exists() else None


defs = build_definitions(settings_if_any())
