"""Sophos Central's report that is not there: never zero usage, and the old evidence stays."""

from typing import Any

from reconcile_pipeline.landing.evidence import current_evidence
from reconcile_pipeline.landing.manifest import read_manifests

PERIOD = "2026-11"


def test_a_month_without_a_report_keeps_the_last_complete_pull(
    bench: Any, pulled_before: Any
) -> None:
    """404 for the month fails the pull as incomplete, in words that name the month."""
    stream = bench.stream("sophos", "usage")
    bench.fault("sophos", stream, what="status", value=404, times=None)
    manifest = bench.pull("sophos")
    assert (manifest.state, manifest.category) == ("failed", "incomplete")
    assert "no usage report for 2026-10 yet" in manifest.reason
    mine = [each for each in read_manifests(bench.landing, PERIOD) if each.kind == "sophos"]
    [evidence] = current_evidence(mine)
    assert evidence.pull == pulled_before["sophos"]


def test_credentials_of_one_customer_are_refused(bench: Any) -> None:
    """Whoever is no partner is told so, and nothing further is asked."""
    bench.edit_rows("sophos", bench.stream("sophos", "whoami"), be_a_tenant)
    manifest = bench.pull("sophos")
    assert (manifest.state, manifest.category) == ("failed", "credentials")
    assert "belong to one customer" in manifest.reason
    assert [call.path for call in bench.server("sophos").log][-1] == "/whoami/v1"


def be_a_tenant(rows: list[dict[str, Any]]) -> None:
    rows[0]["idType"] = "tenant"
