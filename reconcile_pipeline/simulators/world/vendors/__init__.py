"""Vendors a world can have besides its first three: what each sells, and what it holds.

`SIDES` lists them; to add one, write its file beside this one and name it here. A vendor's dice
are its own, so that the rest of a world is the same with it and without it.
"""

from reconcile_pipeline.simulators.world.vendors import microsoft_graph, microsoft_partner_center
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

_ALL: tuple[VendorSide, ...] = (
    # In this order: what is bought at Partner Center depends on what is assigned in the tenants.
    microsoft_graph.SIDE,
    microsoft_partner_center.SIDE,
)
SIDES = {side.system: side for side in _ALL}
