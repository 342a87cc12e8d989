"""Count rules over several runs of a month, from the mapping file to the published cards."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Row = dict[str, Any]
SERVICE = ("ninjaone", "total_servers")
SERVERS = """
    select counts.company_id, counts.qty_latest, counts.qty_highest, counts.qty_counted,
        counts.equation
    from recon.counts as counts
    where counts.service_id = 'total_servers' and counts.leg = 'usage'
    order by counts.company_id
"""


def write_rule(path: Path, rule: str) -> None:
    """Give the service's lines of the mapping file a rule."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "rule"])
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {"rule": rule if (row["system"], row["id"]) == SERVICE else ""})


def with_fewer_servers(body: bytes) -> bytes:
    """A page of devices after every second server became a workstation."""
    rows = json.loads(body)
    for row in rows:
        if "SERVER" in row["nodeClass"] and row["id"] % 2:
            row["nodeClass"] = "WINDOWS_WORKSTATION"
    return json.dumps(rows).encode()


@pytest.mark.slow
def test_the_highest_of_the_month_outlives_a_later_pull_and_a_rebuild(
    installed: Any,
    reconcile: Any,
    rows_of: Callable[..., list[Row]],
    tables_of: Callable[[Path], dict[str, list[str]]],
) -> None:
    """A rule from the file counts from the run that takes it, and a rebuild finds the same."""
    before = {row["company_id"]: row for row in rows_of(installed.state.published, SERVERS)}
    write_rule(installed.folder / "mappings.csv", "count=monthly_maximum")
    devices = installed.server("ninjaone").faults
    devices.add("/v2/devices$", kind="replace_body", value=with_fewer_servers, times=None)
    ended = reconcile("run", "--config", installed.config)
    assert ended.code == 0, ended.told
    after = rows_of(installed.state.published, SERVERS)
    # A customer of whom no pull ever showed a server has no highest day: 0 is counted.
    highest = {row["company_id"]: row["qty_highest"] or 0 for row in after}
    fewer = [row for row in after if row["qty_latest"] < highest[row["company_id"]]]
    assert len(fewer) > 3
    for row in after:
        company = row["company_id"]
        assert row["qty_counted"] == highest[company] == before[company]["qty_latest"]
        assert "the highest of the month" in row["equation"]
    warehouse = tables_of(installed.state.warehouse)
    installed.state.warehouse.unlink()
    assert reconcile("rebuild", "--config", installed.config).code == 0
    assert tables_of(installed.state.warehouse) == warehouse
