"""Datto RMM's control total: sites that need a second look, and pulls that show too little."""

from typing import Any

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.vendors.datto_rmm_sites import ask_sites, check_sites, find_missing

ACME = "8c6d3c2e-0f0a-4b64-8d0e-3d8f1f6a9b10"
BIRCH = "1f0b6a44-7c1d-4f7e-9a55-0a4c1f2b3d4e"


def site(uid: str, total: Any) -> Record:
    return {"uid": uid, "name": uid, "devicesStatus": {"numberOfDevices": total}}


def devices(uid: str, count: int, *, deleted: int = 0, first: int = 0) -> list[Record]:
    return [
        {"uid": f"{uid}-{number}", "siteUid": uid, "deleted": number < first + deleted}
        for number in range(first, first + count)
    ]


def earlier(account_total: int, sites: list[Record], listed: list[Record]) -> dict[str, Any]:
    account = {"uid": "a", "devicesStatus": {"numberOfDevices": account_total}}
    return {"account": [account], "sites": sites, "devices": listed}


def checked(total: Any, listed: list[Record]) -> bool:
    [row] = check_sites(earlier(0, [site(ACME, total)], listed), 1)
    return bool(row["is_read_again"])


def test_a_third_of_the_devices_is_missing_from_the_account_list() -> None:
    """A site that has more devices than the account-wide list shows is read by itself."""
    found = earlier(15, [site(ACME, 12), site(BIRCH, 3)], devices(ACME, 8) + devices(BIRCH, 3))
    rows = check_sites(found, 0.02)
    assert rows == [
        {"id": ACME, "total": 12, "listed": 8, "is_read_again": True},
        {"id": BIRCH, "total": 3, "listed": 3, "is_read_again": False},
    ]
    [child] = ask_sites({"site_checks": rows})
    assert (child.parent_id, child.request.path) == (ACME, f"/v2/site/{ACME}/devices")
    assert child.request.tolerates == {404}


@pytest.mark.parametrize("total", [None, "12", -1, 11])
def test_a_total_that_proves_nothing_leads_to_a_second_look(total: Any) -> None:
    """Missing, not a number or too small: the site's own list decides."""
    assert checked(total, devices(ACME, 12))


def test_deleted_devices_hide_no_missing_ones() -> None:
    """A total that deleted devices would make up for is looked into all the same."""
    assert checked(12, devices(ACME, 12, deleted=2))
    assert not checked(10, devices(ACME, 12, deleted=2))


def test_a_device_that_comes_twice_is_one() -> None:
    """A list that moved while it was read does not look longer than it is."""
    assert not checked(3, devices(ACME, 3) * 2)


def test_the_deleted_devices_site_is_never_asked() -> None:
    """The system site has a uid that is no GUID and a total that is nobody's."""
    system = site("DELETED", 9)
    assert check_sites(earlier(0, [system], devices("DELETED", 4)), 0.02) == []


def test_sites_hidden_from_the_api_user_are_noticed() -> None:
    """An account of 612 devices whose visible sites have 410 is refused, naming both."""
    found = earlier(612, [site(ACME, 410)], devices(ACME, 410))
    with pytest.raises(PipelineError, match="612 devices in your account, and 410") as caught:
        check_sites(found, 0.02)
    assert caught.value.category is Category.PERMISSION
    assert "missing_share" in caught.value.next_step
    assert check_sites(found, 1)


@pytest.mark.parametrize("account_total", [400, 405, 408, 700, 0])
def test_drift_and_deleted_devices_are_no_hidden_sites(account_total: int) -> None:
    """A few new devices, a total with the deleted ones, or one that is smaller, refuse nothing."""
    sites = [site(ACME, 400), site("DELETED", 300)]
    assert check_sites(earlier(account_total, sites, devices(ACME, 400)), 0.02)


def test_a_small_account_may_drift_by_a_few_devices() -> None:
    """Five devices are no hidden site, however large a part of the account they are."""
    found = earlier(13, [site(ACME, 8)], devices(ACME, 8))
    assert check_sites(found, 0.02)
    with pytest.raises(PipelineError):
        check_sites(earlier(14, [site(ACME, 8)], devices(ACME, 8)), 0.02)


def results(total: int, listed: list[Record], own: list[Record]) -> dict[str, Any]:
    row = {"id": ACME, "total": total, "listed": 0, "is_read_again": True}
    return {"site_checks": [row], "devices": listed, "site_devices": own}


def test_devices_that_no_list_shows_refuse_the_pull() -> None:
    """Counts that lack a third of the devices are never evidence."""
    found = results(30, devices(ACME, 20), devices(ACME, 20))
    with pytest.raises(PipelineError, match="30 devices, and its lists lack 10") as caught:
        find_missing(found, 0.02)
    assert caught.value.category is Category.INCOMPLETE
    assert find_missing(found, 1) == [{"id": ACME, "total": 30, "shown": 20}]


@pytest.mark.parametrize(
    ("listed", "own", "shown"),
    [(20, 30, None), (30, 0, None), (20, 26, 26), (26, 20, 26)],
)
def test_the_larger_list_counts_and_a_few_may_be_missing(
    listed: int, own: int, shown: int | None
) -> None:
    """What drifted within the pull is landed as missing, and refuses nothing."""
    found = find_missing(results(30, devices(ACME, listed), devices(ACME, own)), 0.02)
    assert found == ([] if shown is None else [{"id": ACME, "total": 30, "shown": shown}])
