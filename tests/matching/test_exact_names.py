"""Exact-name matching: the identical string with one owner, or nothing."""

import pytest

from reconcile_pipeline.matching.exact import Match, Named, exact_matches

ACME = Named("7", "Acme Inc.")


@pytest.mark.parametrize(
    "name",
    [
        "acme inc.",
        "ACME INC.",
        "Acme Inc",
        "Acme Inc. ",
        " Acme Inc.",
        "Acme  Inc.",
        "Acme Inc.\u200b",
    ],
)
def test_almost_identical_is_not_identical(name: str) -> None:
    """Case, spaces, dots and invisible characters all count: a wrong guess costs money."""
    assert exact_matches([Named("a", name)], [ACME]) == []


def test_an_identical_name_matches() -> None:
    """One live owner of the very same name is the match."""
    item = Named("a", "Acme Inc.", "pax8")
    assert exact_matches([item], [Named("8", "Other"), ACME]) == [Match(item, ACME)]


def test_two_owners_of_a_name_match_nobody() -> None:
    """Where two companies share a name, nobody can tell which one is meant."""
    assert exact_matches([Named("a", "Acme Inc.")], [ACME, Named("8", "Acme Inc.")]) == []


def test_many_sites_may_match_one_company() -> None:
    """Several accounts of one name belong to the one company, in the order given."""
    sites = [Named(site, "Acme Inc.", system) for site, system in (("b", "x"), ("a", "y"))]
    assert [match.item for match in exact_matches(sites, [ACME])] == sites


@pytest.mark.parametrize("name", ["", " ", "\t"])
def test_no_name_matches_no_name(name: str) -> None:
    """Two things without a name are not the same thing."""
    assert exact_matches([Named("a", name)], [Named("7", name)]) == []
