"""Products that look like one product are grouped; editions, terms and brands keep them apart."""

import pytest

from reconcile_pipeline.matching.gaps import Product, naming_gaps


def groups(*names: str) -> list[set[str]]:
    found = naming_gaps([Product(str(n), name, len(names) - n) for n, name in enumerate(names)])
    return [{product.name for product in gap.products} for gap in found]


def test_three_names_of_one_product_are_one_gap() -> None:
    """The name with most lines is proposed."""
    names = ("Business Premium", "M365 Business Premium", "Microsoft 365 Premium")
    (gap,) = naming_gaps(
        [Product(name, name, lines) for name, lines in zip(names, (9, 5, 2), strict=True)]
    )
    assert {product.name for product in gap.products} == set(names)
    assert gap.proposed.name == "Business Premium"
    assert "the brand is left out in some" in gap.reasons


@pytest.mark.parametrize(
    "names",
    [
        ("M365 Business Basic", "M365 Business Premium"),
        ("Microsoft 365 E3", "Microsoft 365 E5"),
        ("Office 365 E3", "Microsoft 365 E3"),
        ("Entra ID P1", "Entra ID P2"),
        ("Duo Premium Annual", "Duo Premium Monthly"),
        ("Duo Premium", "Zoom Premium"),
        ("Cloud Backup 500 GB", "Cloud Backup 1 TB"),
        ("Managed Server", "Managed Workstation"),
        ("M365 Apps for Business", "M365 Apps for Enterprise"),
        ("Premium Support", "Business Premium"),
    ],
)
def test_what_is_paid_for_differently_is_never_one_gap(names: tuple[str, ...]) -> None:
    """Editions, terms, sizes, brands and audiences."""
    assert groups(*names) == []


def test_spelling_alone_makes_a_gap() -> None:
    """Case, short forms and dressing words are no difference."""
    assert groups("Managed Workstation", "MANAGED WORKSTATIONS", "Workstation, managed") == [
        {"Managed Workstation", "MANAGED WORKSTATIONS", "Workstation, managed"}
    ]
