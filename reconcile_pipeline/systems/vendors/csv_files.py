"""CSV and Excel files: counts that a vendor, or a person, exports instead of offering an API.

Turns the one file that is meant into documents to land; the settings are its import profile. Which
file that is, is in `csv_paths`; how it becomes lines in `csv_text` and `csv_workbooks`; what a row
must be, and what happens to others, in `csv_rows`.
"""

import hashlib
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from reconcile_pipeline import workbooks
from reconcile_pipeline.http import SinglePage
from reconcile_pipeline.model import Role
from reconcile_pipeline.systems.base import Account, Document, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import bare_list, choice, unfit
from reconcile_pipeline.systems.vendors.csv_header import ALIASES, Sheet
from reconcile_pipeline.systems.vendors.csv_paths import find_file, read_bytes
from reconcile_pipeline.systems.vendors.csv_rows import DAYS, Report, Rules, read_rows
from reconcile_pipeline.systems.vendors.csv_text import open_sheet
from reconcile_pipeline.systems.vendors.csv_workbooks import ZIP, open_workbook

FIELDS = (
    Field(
        "path",
        "The file to read, relative to this file; may hold * for a changing part and {period} for"
        " the month (2026-11). Exactly one file must match.",
        example="imports/backup.csv",
    ),
    Field(
        "decimal",
        "How decimals are written in the file: a point or a comma.",
        default=".",
        example=".",
    ),
    Field(
        "columns",
        "Column names this file uses for ours, where they differ: our name, =, its name. Ours: "
        + ", ".join(ALIASES)
        + ".",
        kind="list",
        default=(),
        example='["quantity = Billable GB"]',
    ),
    Field(
        "dates",
        "How days are written in the file: iso (2026-11-30), dmy (30.11.2026) or mdy (11/30/2026).",
        default="iso",
        example="iso",
    ),
    Field(
        "sheet",
        "Sheet of an Excel workbook; left out, it must have only one that is visible.",
        default="",
        example="Usage",
    ),
    Field(
        "counted_statuses",
        "Words in the column status whose rows count; left out, every row counts.",
        kind="list",
        default=(),
        example='["active"]',
    ),
    Field(
        "aggregate",
        "Add up rows of the same customer and service; false refuses such rows as duplicates.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "partial",
        "Use the good rows of a file that also has bad ones; false refuses the whole file.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "allow_negative",
        "Accept negative quantities, as credit lines.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "allow_empty",
        "Accept a file that has a header and no rows.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "max_megabytes",
        "Largest file that is read.",
        kind="number",
        default=5,
        example="5",
    ),
)


@runtime_checkable
class FileAccount(Account, Protocol):
    """An account that also knows the folder which relative paths start from."""

    folder: Path


def streams(account: Account, _on: date) -> list[Stream]:
    """Declare what a file is landed as: its rows, what was left out of it, and the file itself."""
    rows = Stream(
        name="rows",
        paginator=SinglePage,
        records=bare_list,
        key="row_no",
        required=("account_id", "service_key", "quantity"),
        account="account_id",
        may_be_empty=account.flag("allow_empty"),
        empty_hint="Set allow_empty = true if no customer has anything any more.",
    )
    others = [
        Stream(name=name, paginator=SinglePage, records=bare_list, key=key, is_guarded=False)
        for name, key in (("rejected", "row_no"), ("ignored", "row_no"), ("file", "file_name"))
    ]
    return [rows, *others]


def read(account: Account, on: date, _now: datetime | None = None) -> list[Document]:
    """Read the account's file for the month of `on`.

    Returns:
        `rows` and `file` always; `rejected` and `ignored` only if there are such rows.

    Raises:
        PipelineError: `input`, for a file that is missing, not the only one, of another month,
            or holds anything that can't be counted; `settings`, for settings that can't be.
    """
    if not isinstance(account, FileAccount):
        raise TypeError("a CSV file needs an account that knows its folder")
    _rules(account, on)  # What the settings say wrongly is said before any file is looked for.
    path = find_file(account.folder, account.text("path"), f"{on:%Y-%m}")
    content, sheet, report = read_file(account, path, on)
    documents = [Document("rows", path.name, report.rows)]
    if report.rejected:
        documents.append(Document("rejected", path.name, report.rejected))
    if report.ignored:
        documents.append(Document("ignored", path.name, report.ignored))
    summary = _summary(path, content, sheet, report)
    documents.append(Document("file", path.name, [summary]))
    return documents


def read_file(
    account: Account, path: Path, on: date, *, is_preview: bool = False
) -> tuple[bytes, Sheet, Report]:
    """Read any file by the account's profile, as a pull would; raises as `read` does.

    A preview lists the rows that can't be used beside the good ones, whatever the profile says.
    """
    rules = _rules(account, on)
    if is_preview:
        rules = replace(rules, is_partial=True)
    content = read_bytes(path, account.number("max_megabytes"))
    if content.startswith(ZIP):
        sheet = open_workbook(
            content,
            path.name,
            rules.columns,
            sheet=account.text("sheet"),
            decimal=rules.decimal,
        )
    else:
        workbooks.refuse_locked(content, path.name)
        sheet = open_sheet(content, path.name, rules.columns)
    return content, sheet, read_rows(sheet, rules)


def _rules(account: Account, on: date) -> Rules:
    columns: dict[str, str] = {}
    for item in account.items("columns"):
        ours, separator, theirs = (part.strip() for part in item.partition("="))
        if not separator or ours not in ALIASES or not theirs or ours in columns:
            raise unfit(
                account,
                "columns",
                'Write each once, like "quantity = Billable GB"; our names: '
                + ", ".join(ALIASES)
                + ".",
            )
        columns[ours] = theirs
    return Rules(
        on=on,
        decimal=choice(account, "decimal", (".", ",")),
        columns=columns,
        dates=choice(account, "dates", tuple(DAYS)),
        counted_statuses=frozenset(word.casefold() for word in account.items("counted_statuses")),
        is_aggregating=account.flag("aggregate"),
        is_partial=account.flag("partial"),
        allows_negative=account.flag("allow_negative"),
        allows_empty=account.flag("allow_empty"),
    )


def _summary(path: Path, content: bytes, sheet: Sheet, report: Report) -> Record:
    """Describe the file, so that landed rows can be traced to it."""
    return {
        "file_name": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "encoding": sheet.encoding,
        "delimiter": sheet.delimiter,
        "header_row": sheet.header_row,
        "rows_read": report.rows_read,
        "rows_accepted": report.rows_accepted,
        "rows_rejected": len(report.rejected),
        "rows_ignored": len(report.ignored),
    }


CSV_FILE = System(
    kind="csv",
    title="CSV or Excel file",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    read=read,
    capabilities={
        "counts": "Reads the quantities of one file as the counts of all its customers.",
        "freshness": "Can't tell how old the counts inside a file are, unless it has the columns"
        " period_start and period_end.",
    },
)
