"""CSV files as text: encodings, delimiters, headers, and the line of every fault."""

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors.csv_header import ALIASES, Sheet
from reconcile_pipeline.systems.vendors.csv_text import open_sheet

PLAIN = "account_name,service_name,quantity\nAcme Inc,EDR,42\n"


def sheet(content: str | bytes, columns: dict[str, str] | None = None) -> Sheet:
    data = content if isinstance(content, bytes) else content.encode()
    return open_sheet(data, "counts.csv", columns or {})


def refusal(content: str | bytes, columns: dict[str, str] | None = None) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        sheet(content, columns)
    assert caught.value.category is Category.INPUT
    assert "counts.csv" in caught.value.message
    assert caught.value.next_step
    return caught.value


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_delimiter_line_ending_and_mark_are_found(delimiter: str, ending: str, mark: bytes) -> None:
    """The same table is read whatever program saved it."""
    text = PLAIN.replace(",", delimiter).replace("\n", ending)
    found = sheet(mark + text.encode())
    assert found.header_row == 1
    assert [(line.row_no, line.cells) for line in found.lines] == [(2, ("Acme Inc", "EDR", "42"))]
    assert found.columns == {"account_name": 0, "service_name": 1, "quantity": 2}


def test_windows_text_is_read_and_said_so() -> None:
    """Files that are not UTF-8 are read as Windows-1252, and the encoding is recorded."""
    found = sheet(PLAIN.replace("Acme", "Café").encode("cp1252"))
    assert found.lines[0].cells[0] == "Café Inc"
    assert found.encoding == "windows-1252"
    assert sheet(PLAIN).encoding == "utf-8"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (PLAIN.encode("utf-16"), "UTF-16"),
        (PLAIN.encode().replace(b"EDR", b"E\0R"), "line 2"),
        (PLAIN.replace("Acme", "Café").encode() + "é".encode()[:1], "damaged UTF-8"),
        (b"\xef\xbb\xbf" + PLAIN.encode() + b"\xe9,", "damaged UTF-8"),
        (PLAIN.encode() + b"\x81\n", "neither"),
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"Acme Inc,EDR,42\n", "no header row"),
        (b"account_name,quantity\nAcme,4\n", "no header row"),
        (PLAIN.encode() + b'"Globex, EDR, 4\n', "line 3"),
        (PLAIN.encode() + b'"Glo"bex,EDR,4\n', "line 3"),
    ],
)
def test_what_is_no_clean_table_is_refused(content: bytes, words: str) -> None:
    """Damaged, cut or foreign files are refused with what is wrong, never half read."""
    assert words in refusal(content).message


def test_a_title_above_the_header_is_skipped() -> None:
    """The header is the first row that has all it needs, and rows keep the file's numbers."""
    found = sheet(f"Monthly export\n\nAs of,2026-11-22\n{PLAIN}")
    assert found.header_row == 4
    assert [line.row_no for line in found.lines] == [5]


def test_a_cell_may_span_lines() -> None:
    """A row is named by the line it starts on."""
    found = sheet(PLAIN + '"Glo\nbex",EDR,4\nInitech,EDR,5\n')
    assert [line.row_no for line in found.lines] == [2, 3, 5]


def test_quotes_protect_delimiters_also_after_a_space() -> None:
    """Quoted cells may hold the delimiter; a space before the quote does not matter."""
    assert sheet(PLAIN + 'a, "Globex, Ltd",4\n').lines[1].cells == ("a", "Globex, Ltd", "4")


@pytest.mark.parametrize(
    ("ours", "alias"), [(ours, alias) for ours, names in ALIASES.items() for alias in names]
)
def test_every_alias_is_understood(ours: str, alias: str) -> None:
    """Other usual names need no setting, in any case and spacing."""
    header = {
        "account_name": "account_name",
        "service_name": "service_name",
        "quantity": "quantity",
    }
    header[ours] = f" {alias.title()} "
    found = sheet(",".join(header.values()) + "\n")
    assert found.columns[ours] == list(header).index(ours)


def test_our_own_name_wins_over_an_alias() -> None:
    """A column that bears our name exactly is taken, another that might also mean it is not."""
    found = sheet("account_name,description,service_name,quantity\nAcme,x,EDR,4\n")
    assert found.cell(found.lines[0], "service_name") == "EDR"


def test_two_columns_for_one_meaning_are_refused() -> None:
    """Which one is meant is a person's to say; the error shows how."""
    error = refusal("customer,product,description,qty\n")
    assert "'product', 'description'" in error.message
    assert 'columns = ["service_name = its name"]' in error.next_step
    assert "quantity" in refusal("customer,product,quantity,quantity\n").message


def test_configured_columns_replace_the_aliases() -> None:
    """A name given in the settings is the only one that counts for that column."""
    text = "customer,product,description,Billable GB,qty\nAcme,EDR,x,4,9\n"
    found = sheet(text, {"service_name": "product", "quantity": "billable gb"})
    line = found.lines[0]
    assert found.cell(line, "service_name") == "EDR"
    assert found.cell(line, "quantity") == "4"


def test_a_configured_column_that_is_missing_is_named() -> None:
    """A renamed column in next month's file is noticed."""
    error = refusal(PLAIN, {"unit_cost": "Cost"})
    assert "'Cost'" in error.message
    assert "unit_cost" in error.message


def test_nameless_columns_at_the_end_need_no_cells() -> None:
    """Separators that a spreadsheet leaves behind the header widen nothing."""
    assert sheet(PLAIN.replace("quantity", "quantity,,")).width == 3
