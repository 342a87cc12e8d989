"""Vendors a world can have besides its first three: what each sells, and what it holds.

`SIDES` lists them; to add one, write its file beside this one and name it here. A vendor's dice
are its own, so that the rest of a world is the same with it and without it.
"""

from reconcile_pipeline.simulators.world.vendors import datto_rmm
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

_ALL: tuple[VendorSide, ...] = (datto_rmm.SIDE,)
SIDES = {side.system: side for side in _ALL}
