"""What is left of a name, and what its reader is told was left out."""

import pytest

from reconcile_pipeline.matching.names import readings


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("Acme, L.L.C.", "acme"),
        ("ACME Pty Ltd", "acme"),
        ("The Acme & Sons Co.", "acme sons"),
        ("Zoë\u2019s Floral", "zoes floral"),
        ("Łódź Street Deli", "lodz street deli"),
        ("\uff37\uff49\uff44\uff45 Foods", "wide foods"),
        ("Acme Intl Mfg", "acme international manufacturing"),
        ("Acme (HQ)", "acme"),
        ("Acme - Main Office", "acme"),
        ("Limited", "limited"),
        ("(Acme)", "acme"),
    ],
)
def test_a_name_has_a_core(name: str, core: str) -> None:
    """Case, accents, legal form, small words, short forms and site tags tell nothing."""
    assert readings(name)[0].core == core


def test_two_names_in_one_are_two_readings() -> None:
    """“Foo Inc dba Bar” may be known as either."""
    assert [reading.core for reading in readings("Foo Inc dba Bar Bakery")] == ["foo", "bar bakery"]


def test_a_place_is_remembered_and_a_building_is_not() -> None:
    """Two cities are two customers; the main office is none of its own."""
    assert readings("Acme (Denver)")[0].place == {"denver"}
    assert readings("Acme (Main Office)")[0].place == frozenset()


@pytest.mark.parametrize("name", ["", "   ", "!!!", "—"])
def test_a_name_of_nothing_has_no_reading(name: str) -> None:
    """Nothing is suggested for it."""
    assert readings(name) == ()
