"""Every kind of external system there is: the one list that settings, pulls and tests walk.

To add a system, write its module and name it here; nothing else in this file changes.
"""

import difflib

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import System
from reconcile_pipeline.systems.psa.autotask import AUTOTASK
from reconcile_pipeline.systems.psa.connectwise import CONNECTWISE
from reconcile_pipeline.systems.psa.halopsa import HALOPSA
from reconcile_pipeline.systems.psa.kaseya import KASEYA_BMS, PULSEWAY
from reconcile_pipeline.systems.psa.syncro import SYNCRO
from reconcile_pipeline.systems.vendors.csv_files import CSV_FILE
from reconcile_pipeline.systems.vendors.datto_rmm import DATTO_RMM
from reconcile_pipeline.systems.vendors.ninjaone import NINJAONE
from reconcile_pipeline.systems.vendors.pax8 import PAX8

SYSTEMS: dict[str, System] = {
    system.kind: system
    for system in (
        CONNECTWISE,
        AUTOTASK,
        HALOPSA,
        KASEYA_BMS,
        PULSEWAY,
        SYNCRO,
        PAX8,
        NINJAONE,
        DATTO_RMM,
        CSV_FILE,
    )
}


def system(kind: str) -> System:
    """Return a system by its kind.

    Raises:
        PipelineError: `settings`, if there is no such kind.
    """
    if kind in SYSTEMS:
        return SYSTEMS[kind]
    close = difflib.get_close_matches(kind.lower(), SYSTEMS, n=1)
    raise PipelineError(
        f"There is no system kind {kind!r}.",
        next_step=f"Did you mean {close[0]!r}?" if close else f"Kinds: {', '.join(SYSTEMS)}.",
        category=Category.SETTINGS,
    )
