"""How Cove writes its records: columns as texts, empty ones absent; the month's report as XLSX."""

import io
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

import xlsxwriter

from reconcile_pipeline.simulators.world.vendors.cove import (
    GB,
    SOURCES,
    CoveDevice,
    CovePartner,
    CoveRecords,
    sku_tells_physicality,
)

Row = dict[str, Any]
FIELD_NAMES = (
    *("Name", "Level", "State", "ParentId", "ServiceType", "ExternalCode", "LocationId", "Uid"),
    *("CreationTime", "TrialRegistrationTime", "TrialExpirationTime", "Company", "Flags"),
    *("ChildServiceTypes", "VatNumber", "Website", "Phone", "Mail", "Country", "City", "Address"),
    *("AdvancedPartnerProperties", "MailFrequency"),
)
REPORT_COLUMNS = (
    *("CustomerId", "CustomerName", "CustomerReference", "CustomerState", "ProductionDate"),
    *("ServiceType", "OsType", "CurrentMonthMvSKU", "DeviceId", "DeviceName", "ComputerName"),
    *("CreationDate", "DeviceDeletionDate", "UsedStorageGb", "UsedStorageMvDate"),
    *("SelectedSizeGb", "SelectedSizeMvDate", "O365Users", "O365UsersMvDate"),
    *("RecoveryTesting", "RecoveryTestingMvDate"),
)
COLUMNS: dict[str, Callable[[CoveDevice], str | None]] = {
    "I0": lambda d: str(d.id),
    "I1": lambda d: f"{d.name.lower()}_{d.id % 65_536:04x}",
    "I3": lambda d: f"pw-{d.id * 7919:x}",
    "I4": lambda d: str(d.created_at),
    "I6": lambda d: _text(d.last_seen_at),
    "I9": lambda d: "5010" if d.product == "Documents" else "5038",
    "I10": lambda d: d.product,
    "I14": lambda d: _text(d.used_bytes),
    "I18": lambda d: d.name if d.account_type == 1 else None,
    "I32": lambda d: str(d.os_type),
    "I59": lambda d: str(d.account_type),
    "I72": lambda d: "1" if d.is_demo else None,
    "I78": lambda d: SOURCES[d.account_type],
    "I80": lambda d: str(d.recovery) if d.account_type == 1 else None,
    "I81": lambda d: d.physicality,
    "TM": lambda d: _text(d.users),
    # Mailboxes are no seats: shared ones are free, and some users have none.
    "D19F20": lambda d: _text(d.users and max(1, d.users - 2)),
    "D19F21": lambda d: _text(d.users and d.users // 4),
    "D9F03": lambda d: _text(d.selected_bytes),
}
COLUMNS |= {"CD": COLUMNS["I4"], "AU": COLUMNS["I0"], "AT": COLUMNS["I59"], "OT": COLUMNS["I32"]}
COLUMNS |= {"MN": COLUMNS["I18"], "US": COLUMNS["I14"], "AP": COLUMNS["I78"], "TS": COLUMNS["I6"]}
_CLAUSE = re.compile(r"(?P<column>\w+)\s*==\s*(?P<value>\w+)")


def is_legacy(code: str) -> bool:
    """Columns of the old data sources; one of them spoils the whole call."""
    return re.fullmatch(r"D0[23]F\d\d", code) is not None


def matcher(text: str) -> Callable[[CoveDevice], bool]:
    """A test for a filter of comparisons joined by OR; ValueError for anything else."""
    tests = []
    for part in text.split(" OR ") if text else []:
        clause = _CLAUSE.fullmatch(part.strip())
        if clause is None or clause["column"] not in COLUMNS:
            raise ValueError(part)
        tests.append((COLUMNS[clause["column"]], clause["value"]))
    return lambda device: not tests or any(read(device) == value for read, value in tests)


def partner_row(partner: CovePartner, names: Collection[str]) -> Row:
    """One partner with the fields asked for; its id is always there."""
    has_state = partner.level in {"EndCustomer", "Site"}
    full: Row = {
        "Name": partner.name,
        "Level": partner.level,
        "State": partner.state,
        "ParentId": partner.parent_id,
        "ServiceType": "AllInclusive",
        "ExternalCode": partner.external_code,
        "LocationId": 31,
        "Uid": partner.uid,
        "CreationTime": partner.created_at,
        "TrialRegistrationTime": 0,
        "TrialExpirationTime": 0,
        "Company": {"LegalCompanyName": partner.name, "VatNumber": ""},
        "Flags": [],
        "ChildServiceTypes": ["AllInclusive"] if not has_state else [],
    }
    return {"Id": partner.id} | {name: full[name] for name in names if name in full}


def device_row(device: CoveDevice, columns: Collection[str]) -> Row:
    """One device: each column an object of its own, under the code it was asked by."""
    told = [(code, COLUMNS[code](device)) for code in columns]
    settings = [{code: value} for code, value in told if value is not None]
    return {
        "AccountId": device.id,
        "PartnerId": device.partner_id,
        "Flags": [],
        "Settings": settings,
    }


def report_workbook(held: CoveRecords, date_from: str, date_to: str) -> bytes:
    """The Maximum Value report of a span: a title, a header, a row for each device."""
    content = io.BytesIO()
    partners = {partner.id: partner for partner in held.partners}
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Usage")
        sheet.write(0, 0, f"Maximum Value report {date_from} - {date_to}")
        sheet.write_row(2, 0, REPORT_COLUMNS)
        ends = datetime.fromisoformat(date_to).timestamp()
        begins = datetime.fromisoformat(date_from).timestamp()
        number = 3
        for device in (*held.devices, *held.deleted):
            is_gone = device.deleted_at is not None and device.deleted_at < begins
            if device.created_at <= ends and not is_gone:
                row = report_row(device, partners.get(device.partner_id))
                sheet.write_row(number, 0, [row.get(name) for name in REPORT_COLUMNS])
                number += 1
    return content.getvalue()


def report_row(device: CoveDevice, partner: CovePartner | None) -> Row:
    """One device at its highest of the month."""
    is_tenant = device.account_type != 1
    row: Row = {
        "CustomerId": device.partner_id,
        "CustomerName": partner.name if partner else "",
        "CustomerReference": partner.external_code if partner else "",
        "CustomerState": partner.state if partner else "InProduction",
        "ServiceType": "AllInclusive",
        "OsType": ("Undefined", "Workstation", "Server")[device.os_type],
        "CurrentMonthMvSKU": sku(device),
        "DeviceId": device.id,
        "DeviceName": f"{device.name.lower()}_{device.id % 65_536:04x}",
        "ComputerName": None if is_tenant else device.name,
        "CreationDate": _day(device.created_at),
        "DeviceDeletionDate": _day(device.deleted_at),
        "O365Users": device.most_users if is_tenant else 0,
        # Some write the number, some the word.
        "RecoveryTesting": (
            ("", "RecoveryTesting", "StandbyImage")[device.recovery]
            if device.id % 2
            else device.recovery
        ),
    }
    if device.used_bytes is not None and device.selected_bytes is not None:
        row["UsedStorageGb"] = device.most_used_bytes / GB
        row["SelectedSizeGb"] = device.selected_bytes / GB
    return row


def sku(device: CoveDevice) -> str:
    """What the month is billed as; some servers don't tell what they run on."""
    if device.account_type != 1:
        return "Microsoft 365"
    if device.product == "Documents":
        return "Documents"
    kind = ("", "Workstation", "Server")[device.os_type]
    return f"{device.physicality} {kind}" if sku_tells_physicality(device) else kind


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _day(instant: int | None) -> str | None:
    return None if instant is None else f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%d}"
