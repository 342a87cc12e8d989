"""Which company is which in another PSA: names decide only where nothing is ambiguous."""

import pytest

from reconcile_pipeline.matching.exact import Named
from reconcile_pipeline.matching.moving import propose


def named(*names: str, first: int = 1) -> list[Named]:
    return [Named(str(number), name) for number, name in enumerate(names, first)]


def found(items: list[Named], targets: list[Named], **given: str) -> list[tuple[str, str]]:
    """(new id or "", method) of each item."""
    asked = {name.removeprefix("_"): value for name, value in given.items()}
    return [(p.target.id if p.target else "", p.method) for p in propose(items, targets, asked)]


def test_equal_names_are_the_same_company() -> None:
    """An identical name on both sides decides, whatever the ids are."""
    assert found(named("Acme", "Börse"), named("Börse", "Acme", first=7)) == [
        ("8", "name"),
        ("7", "name"),
    ]


@pytest.mark.parametrize("spelled", ["ACME, Inc", "acme inc", "Acme  Inc."])
def test_spelling_is_forgiven(spelled: str) -> None:
    """Case, spaces and punctuation make no other company."""
    assert found(named("Acme Inc."), named(spelled, first=7))[0][0] == "7"


@pytest.mark.parametrize(
    ("items", "targets"),
    [
        (named("Acme"), named("Acme", "Acme", first=7)),
        (named("Acme", "Acme"), named("Acme", first=7)),
        (named("ACME", "acme"), named("A.C.M.E.", first=7)),
        (named(""), named("", first=7)),
        (named("!"), named("?", first=7)),
    ],
)
def test_nothing_is_guessed(items: list[Named], targets: list[Named]) -> None:
    """Two candidates on either side, or no name at all, are a person's to decide."""
    assert set(found(items, targets)) == {("", "")}


def test_a_person_goes_before_any_name() -> None:
    """What somebody wrote down holds, also when it says that there is no counterpart."""
    items, targets = named("Acme", "Börse"), named("Acme", "Other", first=7)
    assert found(items, targets, _1="8", _2="") == [("8", "person"), ("", "")]


def test_an_id_that_is_not_there_is_an_error() -> None:
    """A slip of the pen must not leave a company behind unnoticed."""
    with pytest.raises(KeyError, match="99"):
        propose(named("Acme"), named("Acme", first=7), {"1": "99"})


def test_likely_names_are_offered() -> None:
    """Without a counterpart, names that look alike are shown, the nearest first."""
    [proposal] = propose(named("Acme Industries"), named("Zebra", "Acme Industry", first=7), {})
    assert (proposal.target, proposal.near) == (None, ("Acme Industry",))
