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
from reconcile_pipeline.systems.vendors.cove import COVE
from reconcile_pipeline.systems.vendors.csv_files import CSV_FILE
from reconcile_pipeline.systems.vendors.datto_rmm import DATTO_RMM
from reconcile_pipeline.systems.vendors.dropsuite import DROPSUITE
from reconcile_pipeline.systems.vendors.huntress import HUNTRESS
from reconcile_pipeline.systems.vendors.liongard import LIONGARD
from reconcile_pipeline.systems.vendors.microsoft_graph import GRAPH
from reconcile_pipeline.systems.vendors.microsoft_partner_center import PARTNER_CENTER
from reconcile_pipeline.systems.vendors.nable_ncentral import NABLE_NCENTRAL
from reconcile_pipeline.systems.vendors.nable_nsight import NABLE_NSIGHT
from reconcile_pipeline.systems.vendors.ninjaone import NINJAONE
from reconcile_pipeline.systems.vendors.pax8 import PAX8
from reconcile_pipeline.systems.vendors.push import PUSH
from reconcile_pipeline.systems.vendors.sentinelone import SENTINELONE
from reconcile_pipeline.systems.vendors.sophos import SOPHOS
from reconcile_pipeline.systems.vendors.veeam_vspc import VEEAM_VSPC

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
        NABLE_NCENTRAL,
        SENTINELONE,
        HUNTRESS,
        COVE,
        LIONGARD,
        NABLE_NSIGHT,
        SOPHOS,
        DROPSUITE,
        VEEAM_VSPC,
        PARTNER_CENTER,
        GRAPH,
        DATTO_RMM,
        CSV_FILE,
        PUSH,
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
