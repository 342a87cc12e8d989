"""Every simulated kind of system: the server that shows it, and what is true about it.

To add one, write its server and its truth and name them here; serving, the settings of a made-up
MSP, the truth file and the contract tests walk this list.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from reconcile_pipeline.simulators.psa.autotask import Autotask
from reconcile_pipeline.simulators.psa.connectwise import ConnectWise
from reconcile_pipeline.simulators.psa.halopsa import HaloPsa
from reconcile_pipeline.simulators.psa.kaseya import Kaseya, Pulseway
from reconcile_pipeline.simulators.psa.syncro import Syncro
from reconcile_pipeline.simulators.server import Simulator
from reconcile_pipeline.simulators.truth import (
    backup_csv,
    cove,
    datto_rmm,
    dropsuite,
    huntress,
    liongard,
    microsoft_graph,
    microsoft_partner_center,
    nable_ncentral,
    nable_nsight,
    ninjaone,
    pax8,
    sentinelone,
    sophos,
    veeam_vspc,
)
from reconcile_pipeline.simulators.truth.autotask import AutotaskTruth
from reconcile_pipeline.simulators.truth.connectwise import ConnectWiseTruth
from reconcile_pipeline.simulators.truth.expected import VendorTruth, judged
from reconcile_pipeline.simulators.truth.halopsa import HaloPsaTruth
from reconcile_pipeline.simulators.truth.kaseya import KaseyaTruth, PulsewayTruth
from reconcile_pipeline.simulators.truth.psa import PsaTruth
from reconcile_pipeline.simulators.truth.syncro import SyncroTruth
from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.vendors.cove import Cove
from reconcile_pipeline.simulators.vendors.datto_rmm import DattoRmm
from reconcile_pipeline.simulators.vendors.dropsuite import Dropsuite
from reconcile_pipeline.simulators.vendors.huntress import Huntress
from reconcile_pipeline.simulators.vendors.liongard import Liongard
from reconcile_pipeline.simulators.vendors.microsoft_graph import Graph
from reconcile_pipeline.simulators.vendors.microsoft_partner_center import PartnerCenter
from reconcile_pipeline.simulators.vendors.nable_ncentral import NCentral
from reconcile_pipeline.simulators.vendors.nable_nsight import NSight
from reconcile_pipeline.simulators.vendors.ninjaone import NinjaOne
from reconcile_pipeline.simulators.vendors.pax8 import Pax8
from reconcile_pipeline.simulators.vendors.sentinelone import SentinelOne
from reconcile_pipeline.simulators.vendors.sophos import Sophos
from reconcile_pipeline.simulators.vendors.veeam_vspc import Veeam
from reconcile_pipeline.simulators.world.records import (
    AUTOTASK,
    BACKUP_CSV,
    CONNECTWISE,
    HALOPSA,
    KASEYA_BMS,
    NINJAONE,
    PAX8,
    PULSEWAY,
    SYNCRO,
    World,
)
from reconcile_pipeline.simulators.world.vendors import SIDES
from reconcile_pipeline.simulators.world.vendors.cove import COVE
from reconcile_pipeline.simulators.world.vendors.datto_rmm import DATTO_RMM
from reconcile_pipeline.simulators.world.vendors.dropsuite import DROPSUITE
from reconcile_pipeline.simulators.world.vendors.liongard import LIONGARD
from reconcile_pipeline.simulators.world.vendors.nable_ncentral import NABLE_NCENTRAL
from reconcile_pipeline.simulators.world.vendors.nable_nsight import NABLE_NSIGHT
from reconcile_pipeline.simulators.world.vendors.sophos import SOPHOS
from reconcile_pipeline.simulators.world.vendors.veeam_vspc import VEEAM_VSPC


@dataclass(frozen=True)
class SimulatedPsa:
    """A PSA: its server, and its side of the truth about a world."""

    server: type[Simulator]
    truth: Callable[[World], PsaTruth]


PSAS = {
    CONNECTWISE: SimulatedPsa(ConnectWise, ConnectWiseTruth),
    AUTOTASK: SimulatedPsa(Autotask, AutotaskTruth),
    HALOPSA: SimulatedPsa(HaloPsa, HaloPsaTruth),
    SYNCRO: SimulatedPsa(Syncro, SyncroTruth),
    KASEYA_BMS: SimulatedPsa(Kaseya, KaseyaTruth),
    PULSEWAY: SimulatedPsa(Pulseway, PulsewayTruth),
}


@dataclass(frozen=True)
class SimulatedVendor:
    """A vendor: its server (None: it comes as a file), and its file of the truth."""

    server: type[Simulator] | None
    truth: VendorTruth


VENDORS = {
    NABLE_NSIGHT: SimulatedVendor(NSight, nable_nsight),
    PAX8: SimulatedVendor(Pax8, pax8),
    NINJAONE: SimulatedVendor(NinjaOne, ninjaone),
    "sentinelone": SimulatedVendor(SentinelOne, sentinelone),
    "huntress": SimulatedVendor(Huntress, huntress),
    SOPHOS: SimulatedVendor(Sophos, sophos),
    DROPSUITE: SimulatedVendor(Dropsuite, dropsuite),
    VEEAM_VSPC: SimulatedVendor(Veeam, veeam_vspc),
    "microsoft_graph": SimulatedVendor(Graph, microsoft_graph),
    "microsoft_partner_center": SimulatedVendor(PartnerCenter, microsoft_partner_center),
    BACKUP_CSV: SimulatedVendor(None, backup_csv),
    NABLE_NCENTRAL: SimulatedVendor(NCentral, nable_ncentral),
    COVE: SimulatedVendor(Cove, cove),
    LIONGARD: SimulatedVendor(Liongard, liongard),
    DATTO_RMM: SimulatedVendor(DattoRmm, datto_rmm),
}


def vendors_of(world: World) -> dict[str, SimulatedVendor]:
    """The vendors a world has: all but those of `world.vendors.SIDES` that it was built without."""
    return {
        name: vendor for name, vendor in VENDORS.items() if name not in SIDES or name in world.at
    }


def expected(
    world: World, agreement_types: Collection[str] = (), *, psa: str = CONNECTWISE
) -> dict[str, Any]:
    """The truth about a world as plain JSON data; `psa` is the one that shows its PSA side.

    Empty `agreement_types`, which only ConnectWise knows, means that all are in scope.
    """
    side = ConnectWiseTruth(world, agreement_types) if agreement_types else PSAS[psa].truth(world)
    return judged(world, side, {n: vendor.truth for n, vendor in vendors_of(world).items()})


def vendor_usage(world: World) -> Usage:
    """Units per account and service of every vendor, by the vendors' own rules."""
    usage = Usage()
    for vendor in vendors_of(world).values():
        vendor.truth.count(world, usage)
    return usage
