"""Text in cells: never a formula, never rewritten, always the same when it comes back."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_pipeline.review.cells import guard, unguard

LEADS = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001 - full-width forms are the point
lead = st.sampled_from(LEADS)


@pytest.mark.parametrize("first", LEADS)
@pytest.mark.parametrize("before", ["", " ", "\u00a0"])
@pytest.mark.fault(101)
def test_what_a_spreadsheet_would_run_is_guarded(first: str, before: str) -> None:
    """Every way to begin a formula gets an apostrophe in front, and loses it again."""
    text = f"{before}{first}cmd|' /C calc'!A0"
    assert guard(text) == f"'{text}"
    assert unguard(guard(text)) == text


@pytest.mark.parametrize("text", ["000012345678", "1234567890123456", "123e45678901", "1,234", "7"])
@pytest.mark.fault(101, 102)
def test_what_a_spreadsheet_would_rewrite_is_guarded(text: str) -> None:
    """Text that looks like a number keeps its zeros and digits."""
    assert guard(text) == f"'{text}"
    assert unguard(guard(text)) == text


@pytest.mark.parametrize("text", ["", "Acme", "2026-11", "a=b", "O'Neill", "under_billed"])
def test_ordinary_text_stays(text: str) -> None:
    """Nothing is put in front of text that is safe."""
    assert guard(text) == text


def test_a_persons_own_apostrophe_stays() -> None:
    """Only a guard is taken away."""
    assert unguard("'tis paid yearly") == "'tis paid yearly"


@settings(deadline=None)
@given(st.builds("{}{}".format, lead | st.just("'") | st.just(""), st.text()))
@pytest.mark.fault(101)
def test_every_text_comes_back_and_none_runs(text: str) -> None:
    """The round trip is exact for all text, and no guarded text begins with a formula."""
    guarded = guard(text)
    assert unguard(guarded) == text
    start = unicodedata.normalize("NFKC", guarded.lstrip(" ")[:1])
    assert not start.startswith(tuple(LEADS))
