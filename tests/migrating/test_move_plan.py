"""The plan of a move: what is carried over, what is named as lost, and the files around it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reconcile_pipeline.ledger.decided import Basis, Decided
from reconcile_pipeline.ledger.mappings import Mapping
from reconcile_pipeline.matching.exact import Named
from reconcile_pipeline.migrating.files import move_mapping_file, read_ids, write_ids
from reconcile_pipeline.migrating.plan import MovePlan, make_plan
from reconcile_pipeline.migrating.sides import Side
from reconcile_pipeline.model import Decision, PipelineError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OLD = Side(
    "connectwise",
    (Named("250", "Acme"), Named("251", "Börse")),
    (Named("410", "Seat"), Named("411", "Seat, yearly"), Named("412", "Server")),
)
NEW = Side(
    "halopsa",
    (Named("251", "Acme"), Named("12", "Other")),
    (Named("-7", "Seat"), Named("-8", "Seat, yearly"), Named("410", "Server")),
)
HEADER = "kind,system,id,name,target_id,leg,multiplier,state,reason\n"


def mapping(kind: str, item: str, target: str | None) -> Mapping:
    return Mapping(
        kind=kind,
        system="pax8",
        item_id=item,
        item_name=item,
        target_id=target,
        target_name=None,
        state="mapped" if target else "excluded",
        method="manual",
        decided_by="dana",
        decided_at=NOW,
    )


def said(company: str, group: str) -> Decided:
    basis = Basis(
        company_id=company,
        company_name=company,
        service_group_id=group,
        service_name=group,
        finding="over_billed",
        qty_psa=Decimal(5),
        qty_vendor=Decimal(3),
        unit_price=None,
        currency=None,
        mapping_version="m",
        evidence_as_of=NOW,
    )
    return Decided(
        period="2026-11",
        card_id=f"{company}{group}",
        card_version="v",
        decision=Decision.NO_CHANGE,
        qty_target=None,
        reviewer="dana",
        note="spare",
        decided_at=NOW,
        basis=basis,
    )


def plan(
    *mappings: Mapping, decisions: tuple[Decided, ...] = (), new: Side = NEW, **given: Any
) -> MovePlan:
    return make_plan(OLD, new, mappings, decisions, given, now=NOW)


def test_mappings_lead_to_the_same_company_and_product() -> None:
    """Targets are followed by name, never by an id that happens to be there as well."""
    made = plan(mapping("account", "a", "250"), mapping("service", "s", "412"))
    assert [(entry.item_id, entry.target_id) for entry in made.mappings] == [
        ("a", "251"),
        ("s", "410"),
    ]
    assert made.lost_mappings == ()


def test_what_has_no_counterpart_is_named() -> None:
    """A mapping or decision that can't be carried stands in the plan, not nowhere."""
    lost = mapping("account", "b", "251")
    about = (said("250", "product:410"), said("251", "product:410"), said("250", "product:9"))
    made = plan(lost, mapping("account", "ours", None), decisions=about)
    assert (made.mappings, made.lost_mappings) == ((), (lost,))
    assert (made.decisions, made.lost_decisions) == (about[:1], about[1:])


def test_groups_are_followed_by_their_members() -> None:
    """A group whose products are one group on both sides keeps its history, whoever is missing."""
    links = (mapping("service", "s", "410"), mapping("service", "s", "411"))
    groups = {item.from_id: item.to_id for item in plan(*links).groups}
    assert groups == {"product:410": "product:-7", "product:412": "product:410"}
    apart = plan(
        mapping("service", "s", "410"), mapping("service", "s", "411"), product={"411": ""}
    )
    assert {item.from_id: item.to_id for item in apart.groups}["product:410"] == "product:-7"


def test_a_wrong_id_is_told() -> None:
    """An id that the new PSA does not have is refused by its name."""
    with pytest.raises(PipelineError, match="halopsa has no company or product with the id 99"):
        plan(company={"250": "99"})


def test_corrected_ids_come_back_as_they_were(tmp_path: Path) -> None:
    """The file that is exported can be read back; ids that look like formulas survive it."""
    path = tmp_path / "ids.csv"
    write_ids(plan(), path)
    ids = read_ids(path)
    assert ids == {
        "company": {"250": "251", "251": ""},
        "product": {"410": "-7", "411": "-8", "412": "410"},
    }
    assert plan(**ids).moved == [
        replace(item, method="person" if item.kind != "group" else item.method)
        for item in plan().moved
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind,from_id\n", "line 1: the header lacks to_id"),
        ("kind,from_id,to_id\nvendor,1,2\n", "line 2: it names no company or product"),
        ("kind,from_id,to_id\ncompany,,2\n", "line 2: it names no company or product"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """What is no file of ids is told with its line."""
    path = tmp_path / "ids.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PipelineError, match=words):
        read_ids(path)


def test_the_mapping_file_is_moved_the_same_however_often(tmp_path: Path) -> None:
    """A move that is made again after a crash starts from the file as it was."""
    path = tmp_path / "mappings.csv"
    lines = [
        "account,pax8,a,Acme GmbH,250,,,mapped,by hand\n",
        "account,pax8,b,Börse,251,,,mapped,\n",
        "account,pax8,ours,Us,,,,excluded,ours\n",
        "service,pax8,s,Server,412,usage,1,mapped,\n",
    ]
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    settings: Any = SimpleNamespace(mappings_file=path)
    for _time in range(2):
        kept = move_mapping_file(settings, plan())
        assert kept == tmp_path / "mappings.csv.connectwise"
        assert kept.read_text(encoding="utf-8") == HEADER + "".join(lines)
        rows = [line.split(",")[2:5] for line in path.read_text(encoding="utf-8").splitlines()[1:]]
        assert rows == [["a", "Acme GmbH", "251"], ["ours", "Us", ""], ["s", "Server", "410"]]
