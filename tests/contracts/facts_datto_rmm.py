"""What the documentation says about Datto RMM's lists, and how a world looks in them."""

from contracts_bench.facts import Facts

from reconcile_pipeline.simulators.truth.datto_rmm import read_again
from reconcile_pipeline.simulators.vendors.datto_rmm import account_uid
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.datto_rmm import (
    DATTO_RMM,
    DattoDevice,
    is_in_account_list,
)


def in_account_list(world: World) -> list[DattoDevice]:
    """The devices that the account-wide list shows."""
    sites = {site.uid: site for site in world.at[DATTO_RMM].sites}
    devices = world.at[DATTO_RMM].devices
    return [device for device in devices if is_in_account_list(device, sites.get(device.site_uid))]


def at_sites_read_again(world: World) -> list[str]:
    """Uids of all devices at sites whose total differs from that list."""
    return [device.uid for _, devices in read_again(world.at[DATTO_RMM]) for device in devices]


FACTS = Facts(
    page_size=250,
    size_param="max",
    holds={
        "account": lambda world: [account_uid(world)],
        "sites": lambda world: [site.uid for site in world.at[DATTO_RMM].sites],
        "devices": lambda world: [device.uid for device in in_account_list(world)],
        "site_devices": at_sites_read_again,
    },
    world_lists={"sites": "datto_rmm.sites", "devices": "datto_rmm.devices"},
    account_of={"devices": "site_uid"},
    child_paths={"site_devices": r"/v2/site/[^/]+/devices$"},
    empty=b'{"pageDetails":{"count":0,"totalCount":0,"prevPageUrl":null,"nextPageUrl":null},'
    b'"sites":[],"devices":[]}',
    token_path="/auth/oauth/token",
    announces_totals=frozenset({"sites"}),
    proven_by_others=frozenset({"site_devices"}),
    single=frozenset({"account"}),
    unpaged=r"/api/v2/account",
    paged="devices",
    sub_calls="site_devices",
    state=("devices", "deviceClass"),
    without={
        27: "no answer names the next page: it is reckoned here",
    },
)
