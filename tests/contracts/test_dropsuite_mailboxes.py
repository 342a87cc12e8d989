"""Dropsuite's organizations come with keys: used for their mailboxes if asked, and never stored."""

from typing import Any

import pytest

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.simulators.world.vendors.dropsuite import DropsuiteRecords


@pytest.fixture
def records(bench: Any) -> DropsuiteRecords:
    found: DropsuiteRecords = bench.simulation.world.at["dropsuite"]
    return found


@pytest.fixture
def listing(bench: Any, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bench with mailboxes asked for."""
    monkeypatch.setitem(facts["dropsuite"].settings, "read_mailboxes", True)
    return bench


def in_force(records: DropsuiteRecords) -> list[Any]:
    users = records.users
    return [user for user in users if not user.is_deactivated and not user.is_suspended]


def test_no_token_of_an_organization_is_ever_landed(
    listing: Any, records: DropsuiteRecords
) -> None:
    """The landing folder holds organizations and mailboxes, and nobody's key."""
    manifest: Manifest = listing.pull("dropsuite")
    assert manifest.state == "complete", manifest.reason
    text = listing.landed_text()
    assert records.users[-1].organization_name in text
    keys = {user.token for user in records.users}
    keys |= set(listing.server("dropsuite").credentials.values())
    assert not [key for key in keys if key in text]
    assert '"authentication_token":null' in text


def test_mailboxes_are_read_with_each_organizations_own_token(
    listing: Any, records: DropsuiteRecords
) -> None:
    """One list per record in force; closed and suspended ones are not asked."""
    manifest = listing.pull("dropsuite")
    calls = [call for call in listing.server("dropsuite").log if call.path == "/api/accounts"]
    owners = {user.id for user in in_force(records)}
    assert len(calls) >= len(owners)
    landed = {row["id"] for row in listing.landed(manifest)["mailboxes"]}
    archivers = {user.id for user in records.users if user.plan_id == "5"}
    assert landed == {
        mailbox.id for mailbox in records.mailboxes if mailbox.user_id in owners - archivers
    }


def test_a_product_that_is_not_owned_is_an_answer(listing: Any, records: DropsuiteRecords) -> None:
    """403 and 404 mean that the organization has no such product: landed, and no failure."""
    manifest = listing.pull("dropsuite")
    refused = [status for status in listing.statuses(manifest, "mailboxes") if status != 200]
    archivers = [user for user in in_force(records) if user.plan_id == "5"]
    assert len(refused) == len(archivers) > 0
    assert set(refused) <= {403, 404}


def test_a_refused_organizations_token_says_whose_it_is(
    listing: Any, records: DropsuiteRecords
) -> None:
    """401 on mailboxes is about an organization's own token; the message shows none."""
    said = f"not authorized: {in_force(records)[0].token}"
    listing.server("dropsuite").faults.add(
        "/api/accounts$", kind="status", value=401, times=None, text=said
    )
    manifest = listing.pull("dropsuite")
    assert (manifest.state, manifest.category) == ("failed", "credentials")
    assert "read_mailboxes" in manifest.next_step
    assert in_force(records)[0].token not in listing.landed_text()
