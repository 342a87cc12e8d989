"""Vendors a world can have besides its first three: what each sells, and what it holds.

`SIDES` lists them; to add one, write its file beside this one and name it here. A vendor's dice
are its own, so that the rest of a world is the same with it and without it.
"""

from reconcile_pipeline.simulators.world.vendors import (
    cove,
    datto_rmm,
    dropsuite,
    huntress,
    liongard,
    microsoft_graph,
    microsoft_partner_center,
    nable_ncentral,
    nable_nsight,
    sentinelone,
    sophos,
    veeam_vspc,
)
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

_ALL: tuple[VendorSide, ...] = (
    nable_nsight.SIDE,
    nable_ncentral.SIDE,
    sentinelone.SIDE,
    huntress.SIDE,
    cove.SIDE,
    liongard.SIDE,
    sophos.SIDE,
    dropsuite.SIDE,
    veeam_vspc.SIDE,
    microsoft_graph.SIDE,
    microsoft_partner_center.SIDE,
    datto_rmm.SIDE,
)
SIDES = {side.system: side for side in _ALL}
