"""CSV accounts: exactly one file, in its folder, of its month; landed with where it came from."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors.csv_files import CSV_FILE, read, streams

ON = date(2026, 11, 22)
TEXT = "account_name,service_name,quantity\nAcme,EDR,42\n"


def put(path: Path, text: str = TEXT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(make_account: Any, **settings: Any) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        read(make_account("csv", **settings), ON)
    return caught.value


def test_a_file_becomes_documents_of_declared_streams(make_account: Any, tmp_path: Path) -> None:
    """Rows, what was left out, and the file itself are landed; each key is in each record."""
    text = f"{TEXT}Globex,EDR,\n,,\nTotal,,42\n"
    path = put(tmp_path / "imports" / "backup.csv", text)
    account = make_account("csv", partial=True)
    documents = read(account, ON)
    assert [document.stream for document in documents] == ["rows", "rejected", "ignored", "file"]
    declared = {stream.name: stream for stream in streams(account, ON)}
    for document in documents:
        assert document.name == "backup.csv"
        for record in document.records:
            stream = declared[document.stream]
            assert all(record[name] is not None for name in (stream.key, *stream.required))
    assert documents[-1].records == [
        {
            "file_name": "backup.csv",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": len(text),
            "encoding": "utf-8",
            "delimiter": "comma",
            "header_row": 1,
            "rows_read": 4,
            "rows_accepted": 1,
            "rows_rejected": 1,
            "rows_ignored": 2,
        }
    ]


def test_a_clean_file_lands_rows_and_file_only(make_account: Any, tmp_path: Path) -> None:
    """Nothing rejected and nothing ignored needs no document."""
    put(tmp_path / "imports" / "backup.csv")
    assert [document.stream for document in read(make_account("csv"), ON)] == ["rows", "file"]


def test_the_settings_reach_the_rules(make_account: Any, tmp_path: Path) -> None:
    """Decimal sign, columns, adding up and credits do what their settings say."""
    put(
        tmp_path / "imports" / "backup.csv",
        "customer;product;GB;qty\nAcme;EDR;1.000,5;x\nAcme;EDR;-0,5;x\n",
    )
    account = make_account(
        "csv", decimal=",", columns=["quantity = GB"], aggregate=True, allow_negative=True
    )
    assert read(account, ON)[0].records[0]["quantity"] == "1000"


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"decimal": "x"}, "decimal"),
        ({"columns": ["quantity"]}, "columns"),
        ({"columns": ["qty = GB"]}, "columns"),
        ({"columns": ["quantity = "]}, "columns"),
        ({"columns": ["quantity = A", "quantity = B"]}, "columns"),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    make_account: Any, settings: dict[str, Any], key: str
) -> None:
    """The error names the key before any file is looked for."""
    error = refusal(make_account, **settings)
    assert repr(key) in error.message
    assert error.category is Category.SETTINGS


def test_the_period_in_the_path_chooses_the_file(make_account: Any, tmp_path: Path) -> None:
    """With {period} each month has its own file, and old ones may stay."""
    put(tmp_path / "imports" / "backup-2026-10.csv")
    put(tmp_path / "imports" / "backup-2026-11.csv")
    account = make_account("csv", path="imports/backup-{period}*.csv")
    assert read(account, ON)[0].name == "backup-2026-11.csv"


def test_a_pattern_must_match_one_file(make_account: Any, tmp_path: Path) -> None:
    """None and several are errors; the newest is never guessed. Lock files don't count."""
    error = refusal(make_account, path="imports/*.csv")
    assert "No file matches 'imports/*.csv'" in error.message
    put(tmp_path / "imports" / "a.csv")
    put(tmp_path / "imports" / "~$a.csv")
    put(tmp_path / "imports" / ".a.csv")
    assert read(make_account("csv", path="imports/*.csv"), ON)[0].name == "a.csv"
    put(tmp_path / "imports" / "b.csv")
    error = refusal(make_account, path="imports/*.csv")
    assert "2 files match" in error.message
    assert "a.csv, b.csv" in error.message
    assert error.category is Category.INPUT


def test_a_missing_file_is_named_with_its_folder(make_account: Any, tmp_path: Path) -> None:
    """The person is told where the file was looked for."""
    error = refusal(make_account)
    assert "imports/backup.csv" in error.message
    assert str(tmp_path) in error.message
    assert error.category is Category.INPUT


def test_an_absolute_path_is_read(make_account: Any, tmp_path: Path) -> None:
    """A file may be anywhere if the settings say so in full, with a pattern or without."""
    put(tmp_path / "elsewhere" / "a.csv")
    for name in ("a.csv", "*.csv"):
        account = make_account("csv", path=str(tmp_path / "elsewhere" / name))
        account.folder = tmp_path / "config"
        assert read(account, ON)[0].name == "a.csv"


@pytest.mark.parametrize("pattern", ["../secret.csv", "imports/../../secret.csv", "../*.csv"])
@pytest.mark.fault(98)
def test_a_relative_path_can_not_leave_the_folder(
    make_account: Any, tmp_path: Path, pattern: str
) -> None:
    """Only what lies below the settings file is reached by a relative path."""
    put(tmp_path / "secret.csv")
    account = make_account("csv", path=pattern)
    account.folder = tmp_path / "config"
    (account.folder / "imports").mkdir(parents=True)
    with pytest.raises(PipelineError, match="leads out"):
        read(account, ON)


@pytest.mark.parametrize("pattern", ["imports/backup.csv", "imports/*.csv", "{root}/imports/*.csv"])
@pytest.mark.parametrize("linked", ["file", "folder"])
@pytest.mark.fault(98)
def test_a_link_can_not_leave_the_folder(
    make_account: Any, tmp_path: Path, pattern: str, linked: str
) -> None:
    """A link out of the folder is refused, whether it is the file or a folder above it."""
    outside = put(tmp_path / "outside" / "backup.csv")
    root = tmp_path / "config"
    root.mkdir()
    if linked == "file":
        (root / "imports").mkdir()
        (root / "imports" / "backup.csv").symlink_to(outside)
    else:
        (root / "imports").symlink_to(outside.parent)
        pattern = pattern.replace("{root}/imports/*", "{root}/*/backup")
    account = make_account("csv", path=pattern.replace("{root}", str(root)))
    account.folder = root
    with pytest.raises(PipelineError, match="is a link"):
        read(account, ON)


def test_a_link_inside_the_folder_is_fine(make_account: Any, tmp_path: Path) -> None:
    """Links between files of the same folder are no way out."""
    real = put(tmp_path / "archive" / "2026-11.csv")
    (tmp_path / "imports").mkdir()
    (tmp_path / "imports" / "backup.csv").symlink_to(real)
    assert read(make_account("csv"), ON)[0].records


@pytest.mark.fault(98)
def test_a_folder_is_no_file(make_account: Any, tmp_path: Path) -> None:
    """A path that means a folder is refused in words."""
    (tmp_path / "imports" / "backup.csv").mkdir(parents=True)
    assert "not a file" in refusal(make_account).message


@pytest.mark.fault(98)
def test_a_file_larger_than_the_limit_is_refused(make_account: Any, tmp_path: Path) -> None:
    """The limit is on bytes, and its edge is inside."""
    path = put(tmp_path / "imports" / "backup.csv", TEXT)
    size = path.stat().st_size
    assert read(make_account("csv", max_megabytes=size / 1024 / 1024), ON)
    error = refusal(make_account, max_megabytes=(size - 1) / 1024 / 1024)
    assert "larger than" in error.message


def test_an_empty_list_is_accepted_only_where_the_settings_say_so(make_account: Any) -> None:
    """The landed list has the same rule as the file."""
    assert not streams(make_account("csv"), ON)[0].may_be_empty
    assert streams(make_account("csv", allow_empty=True), ON)[0].may_be_empty
    assert CSV_FILE.read is read
