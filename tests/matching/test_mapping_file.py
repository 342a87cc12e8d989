"""mappings.csv: every wrong line is named, and nothing half-read gets into the ledger."""

from decimal import Decimal

import pytest

from reconcile_pipeline.matching.mapping_file import MappingRow, read_mapping_file
from reconcile_pipeline.model import Category, PipelineError

HEADER = "kind,system,id,name,target_id,leg,multiplier,state,reason\n"
GOOD = "account,pax8,a-1,Acme,17,,,mapped,\n"


def read(text: str) -> list[MappingRow]:
    return read_mapping_file(text, name="mappings.csv", systems={"pax8", "ninjaone"})


def test_lines_become_rows() -> None:
    """Accounts, links with leg and multiplier, and exclusions come out typed, with their line."""
    rows = read(
        HEADER
        + GOOD
        + '"service","pax8","p|Monthly|none","M365, E3","4","purchased","0.5","mapped","half"\n'
        + " service , ninjaone , total , , , , , excluded , ours \n"
    )
    assert rows[0] == MappingRow(
        line=2,
        kind="account",
        system="pax8",
        item_id="a-1",
        item_name="Acme",
        target_id="17",
        leg="usage",
        multiplier=Decimal(1),
        state="mapped",
        reason=None,
        rule=None,
    )
    assert (rows[1].item_name, rows[1].leg, rows[1].multiplier) == (
        "M365, E3",
        "purchased",
        Decimal("0.5"),
    )
    assert (rows[2].item_id, rows[2].target_id, rows[2].reason) == ("total", None, "ours")


def test_what_spreadsheets_leave_behind_is_no_mistake() -> None:
    """A byte order mark, empty lines, lines of commas, and missing optional columns are fine."""
    assert len(read("\ufeff" + HEADER + "\n,,,,,,,,\n" + GOOD + "\r\n")) == 1
    assert len(read("kind,system,id,target_id,state\naccount,pax8,a,1,mapped\n")) == 1
    assert read(HEADER) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("accounts,pax8,a,,1,,,mapped,", "kind is “accounts”"),
        (",pax8,a,,1,,,mapped,", "kind is “”"),
        ("account,pax9,a,,1,,,mapped,", "there is no system “pax9”"),
        ("account,,a,,1,,,mapped,", "there is no system “”"),
        ("account,pax8, ,,1,,,mapped,", "id is empty"),
        ("account,pax8,a,,1,,,Mapped,", "state is “Mapped”"),
        ("account,pax8,a,,1,,,unmapped,", "state is “unmapped”"),
        ("account,pax8,a,,,,,mapped,", "a mapped line needs a target_id"),
        ("account,pax8,a,,1,,,excluded,", "an excluded one must have none"),
        ("service,pax8,a,,1,use,,mapped,", "leg is “use”"),
        ("service,pax8,a,,1,,two,mapped,", "multiplier is “two”"),
        ('service,pax8,a,,1,,"0,5",mapped,', "multiplier is “0,5”"),
        ("service,pax8,a,,1,,0,mapped,", "multiplier is “0”"),
        ("service,pax8,a,,1,,-1,mapped,", "multiplier is “-1”"),
        ("service,pax8,a,,1,,NaN,mapped,", "multiplier is “NaN”"),
        ("service,pax8,a,,1,,Infinity,mapped,", "multiplier is “Infinity”"),
        ("service,pax8,a,,1,,0.33333,mapped,", "multiplier is “0.33333”"),
        ("service,pax8,a,,1,,1e20,mapped,", "multiplier is “1e20”"),
        ("account,pax8,a,,1,,,mapped", "more or fewer fields"),
        ("account,pax8,a,,1,,,mapped,,", "more or fewer fields"),
        ('account,pax8,"a"b,,1,,,mapped,', "expected after"),
    ],
)
def test_a_wrong_line_is_named(line: str, told: str) -> None:
    """Each mistake is one sentence with the file, the line, the value and what to write."""
    with pytest.raises(PipelineError) as caught:
        read(HEADER + GOOD + line + "\n")
    assert caught.value.message.startswith("mappings.csv, line 3: ")
    assert told in caught.value.message
    assert caught.value.category is Category.INPUT
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("kind,system,id,state\n", "lacks target_id"),
        ("Kind;system;id;target_id;state\n", "lacks kind, system, id, target_id, state"),
        ("", "lacks kind"),
        ('"kind"x,system,id,target_id,state\n', "expected after"),
    ],
)
def test_a_wrong_header_is_named(header: str, told: str) -> None:
    """A header that is not ours lists what is missing instead of mapping nothing silently."""
    with pytest.raises(PipelineError) as caught:
        read(header + "account,pax8,a,1,mapped\n")
    assert "line 1: " in caught.value.message
    assert told in caught.value.message


LINK = "service,pax8,s,,{target},,,mapped,\n"
OUT = "service,pax8,s,,,,,excluded,\n"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (GOOD, GOOD),
        (GOOD, "account,pax8,a-1,,18,,,mapped,\n"),
        (GOOD, "account,pax8,a-1,,,,,excluded,\n"),
        (LINK.format(target=4), LINK.format(target=4)),
        (LINK.format(target=4), OUT),
        (OUT, LINK.format(target=4)),
        (OUT, OUT),
    ],
)
def test_two_lines_that_contradict_each_other_are_refused(first: str, second: str) -> None:
    """One account, one link or one exclusion stands in the file once; both lines are named."""
    with pytest.raises(PipelineError, match=r"line 3: .* stands in line 2 already"):
        read(HEADER + first + second)


def test_a_service_may_feed_many_products() -> None:
    """Links of one service to several products, and same ids in two systems, stand together."""
    text = HEADER + LINK.format(target=4) + LINK.format(target=5)
    text += LINK.format(target=4).replace("pax8", "ninjaone") + LINK.format(target=4).replace(
        "service", "account"
    )
    assert [row.target_id for row in read(text)] == ["4", "5", "4", "4"]


RULED = "kind,system,id,target_id,state,rule\n"


def test_a_rule_is_read_with_its_service() -> None:
    """In its one form; an empty cell takes it back, a file without the column says nothing."""
    rows = read(RULED + "service,pax8,s,1,mapped,minimum=3; free=5\nservice,pax8,t,1,mapped,\n")
    assert [row.rule for row in rows] == ["free=5; minimum=3", ""]
    assert read("kind,system,id,target_id,state\nservice,pax8,s,1,mapped\n")[0].rule is None


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("service,pax8,s,1,mapped,free=lots", "line 2: its rule has free=lots"),
        ("account,pax8,a,1,mapped,free=5", "only a mapped service has a rule"),
        ("service,pax8,s,,excluded,free=5", "only a mapped service has a rule"),
        (
            "service,pax8,s,1,mapped,free=5\nservice,pax8,s,2,mapped,free=6",
            "line 3: service s has another rule in line 2",
        ),
    ],
)
def test_a_rule_in_the_wrong_place_is_refused(lines: str, told: str) -> None:
    """With the line, and before anything of the file is taken."""
    with pytest.raises(PipelineError, match=told):
        read(RULED + lines + "\n")
