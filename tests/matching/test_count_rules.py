"""A count rule as people write it: read, refused with the next step, and kept in one form."""

from decimal import Decimal

import pytest

from reconcile_pipeline.matching.count_rules import CountRule, CountRuleError


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("", None),
        ("  ;; ", None),
        ("count=latest", None),
        ("count = monthly_maximum", "count=monthly_maximum"),
        ("minimum=3;free=5", "free=5; minimum=3"),
        ("free=5.50", "free=5.5"),
        ("exclude=name:lab-*| class:printer", "exclude=class:printer|name:lab-*"),
        ("rounding=up; blocks_of=100", "blocks_of=100; rounding=up"),
    ],
)
def test_a_rule_is_kept_in_one_form(written: str, kept: str | None) -> None:
    """However it was written; and what is kept reads as the same rule."""
    rule = CountRule.parse(written)
    assert rule.text == kept
    assert CountRule.parse(kept or "") == rule


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("free", "its rule has “free”"),
        ("price=5", "its rule has “price=5”"),
        ("free=1; free=2", "says free twice"),
        ("free=0", "free=0"),
        ("free=-1", "free=-1"),
        ("free=many", "free=many"),
        ("free=0,5", "free=0,5"),
        ("free=NaN", "free=NaN"),
        ("free=1.00001", "free=1.00001"),
        ("blocks_of=1e12", "blocks_of=1e12"),
        ("minimum=", "minimum="),
        ("rounding=sometimes", "rounding=sometimes"),
        ("count=average", "count=average"),
        ("exclude=lab-*", "exclude=lab-*"),
        ("exclude=name:*", "exclude=name:*"),
        ("exclude=os:linux", "exclude=os:linux"),
        ("count=monthly_maximum; exclude=name:a", "excludes devices from the month's maximum"),
    ],
)
def test_a_rule_that_can_not_be_used_says_what_to_write(written: str, what: str) -> None:
    """The part that is wrong is named, and the next step is never empty."""
    with pytest.raises(CountRuleError, match=what.replace("*", r"\*")) as info:
        CountRule.parse(written)
    assert info.value.next_step


def test_patterns_are_expressions_of_lower_case() -> None:
    """A star stands for anything, a question mark for one character, a dot for itself."""
    columns = CountRule.parse("exclude=name:Lab-?.x|name:a+*|class:Printer").columns
    assert columns["exclude_names"] == r"^(lab-.\.x|a\+.*)$" or columns["exclude_names"] == (
        r"^(a\+.*|lab-.\.x)$"
    )
    assert columns["exclude_classes"] == "^(printer)$"
    assert columns["free_units"] == Decimal(0)
