"""Datto RMM's control: does each site show as many devices as it says it has?

Pure functions on the records read so far. What the second look means for counts is SQL's.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from reconcile_pipeline.http import Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Child, Record
from reconcile_pipeline.systems.reading import count_at

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DRIFT = 5
"""Devices that may come between two calls: totals and lists are no snapshot."""
_TOTAL = "devicesStatus.numberOfDevices"


def is_customer_site(site: Record) -> bool:
    """Tell customers' sites from the system's own, whose uid is no GUID ("Deleted Devices")."""
    return GUID.fullmatch(str(site["uid"])) is not None


def check_sites(earlier: Mapping[str, Sequence[Record]], missing_share: float) -> list[Record]:
    """Compare each site's total with the account-wide list.

    Shape of a row: `{id: site uid, total: int | null, listed: int, is_read_again: bool}`; `listed`
    are devices that are not deleted. Any difference is looked into, also one that deleted devices
    could explain: they would hide as many missing ones.
    Raises `PipelineError` (permission) when sites seem to be hidden from the API user.
    """
    sites = {str(site["uid"]): site for site in earlier["sites"]}
    _refuse_hidden_sites(earlier["account"], list(sites.values()), missing_share)
    live = {
        str(device["uid"]): str(device["siteUid"])
        for device in earlier["devices"]
        if device.get("deleted") is not True
    }
    listed = Counter(live.values())
    return [
        {
            "id": uid,
            "total": count_at(site, _TOTAL),
            "listed": listed[uid],
            "is_read_again": count_at(site, _TOTAL) != listed[uid],
        }
        for uid, site in sites.items()
        if is_customer_site(site)
    ]


def ask_sites(earlier: Mapping[str, Sequence[Record]]) -> list[Child]:
    """One list per site whose total differs; a site deleted meanwhile answers 404: it has none."""
    return [
        Child(
            str(row["id"]),
            Request(
                f"/v2/site/{row['id']}/devices",
                template="/v2/site/{siteUid}/devices",
                tolerates=frozenset({404}),
            ),
        )
        for row in earlier["site_checks"]
        if row["is_read_again"]
    ]


def find_missing(earlier: Mapping[str, Sequence[Record]], missing_share: float) -> list[Record]:
    """List the sites of which neither list shows all devices. Shape: `{id, total, shown}`.

    Raises `PipelineError` (incomplete) when more devices are missing than the share allows: counts
    without them would be too low, and look whole.
    """
    shown: Counter[str] = Counter()
    for name in ("devices", "site_devices"):
        # Deleted ones included: whether a site's total has them is not documented.
        found = {str(device["uid"]): str(device["siteUid"]) for device in earlier[name]}
        shown |= Counter(found.values())
    missing = [
        {"id": row["id"], "total": row["total"], "shown": shown[row["id"]]}
        for row in earlier["site_checks"]
        if (row["total"] or 0) > shown[row["id"]]
    ]
    total = sum(row["total"] or 0 for row in earlier["site_checks"])
    lost = sum(row["total"] - row["shown"] for row in missing)
    if lost > max(DRIFT, total * missing_share):
        raise PipelineError(
            f"Datto RMM's sites have {total:,} devices, and its lists lack {lost:,} of them.",
            next_step="Run the pull again; the last complete one stays in use. If it stays, compare"
            " the sites' device numbers in Datto RMM and ask its support; missing_share in"
            " reconcile.toml says how many may be missing.",
            category=Category.INCOMPLETE,
        )
    return missing


def _refuse_hidden_sites(
    accounts: Sequence[Record], sites: Sequence[Record], missing_share: float
) -> None:
    """A user who may see some sites only gets those, without any error."""
    account_total = sum(count_at(account, _TOTAL) or 0 for account in accounts)
    of_customers = sum(count_at(site, _TOTAL) or 0 for site in sites if is_customer_site(site))
    of_all = sum(count_at(site, _TOTAL) or 0 for site in sites)
    # Whether the account's total has the deleted devices, too, is not documented.
    missing = min(max(account_total - of_customers, 0), abs(account_total - of_all))
    if missing > max(DRIFT, account_total * missing_share):
        raise PipelineError(
            f"Datto RMM counts {account_total:,} devices in your account, and {of_customers:,} at"
            " the sites it shows to the API user.",
            next_step="Give the user of the API key a security level that sees all sites, then pull"
            " again; if some sites are hidden on purpose, raise missing_share in reconcile.toml.",
            category=Category.PERMISSION,
        )
