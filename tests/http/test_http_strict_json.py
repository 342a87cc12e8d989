"""What the strict parser accepts, and the long list of what it does not."""

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile_pipeline.http.strict_json import StrictJsonError, decode_text, parse

PAGES = [
    [{"id": 1, "name": "Acme", "additions": [{"qty": 2.5}, {"qty": None}]}],
    {"content": [{"id": "a"}, {"id": "b"}], "page": {"size": 200, "totalPages": 1}},
    {"results": [], "cursor": {"name": "x", "expires": 1763812800.0}},
    [{"name": 'quote " brace } bracket ] slash \\', "emoji": "😀"}],
    [[], {}, [[]], "", 0, -1, True, None],
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.fault(12)
def test_no_prefix_of_a_page_is_a_page(page: Any, ascii_only: Any) -> None:
    """Each page cut at each byte is refused, and recognised as cut."""
    raw = json.dumps(page, ensure_ascii=ascii_only, indent=1).encode()
    assert parse(decode_text(raw)) == page
    for cut in range(1, len(raw)):
        with pytest.raises(StrictJsonError) as info:
            parse(decode_text(raw[:cut]))
        assert info.value.is_cut, raw[:cut]


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "[Infinity]",
        "[-Infinity]",
        "[1e400]",
        "[-1E400]",
        "[1e99999999999999999999]",
        "[1e-99999999999999999999]",
        "[" + "9" * 5000 + "]",
        '{"a": 1, "a": 1}',
        '[{"b": {"a": 1, "c": 2, "a": 3}}]',
        "[01]",
        "[1.]",
        "[.5]",
        "[+1]",
        "[0x10]",
        "['a']",
        "[1,]",
        '{"a": 1,}',
        "[1] // note",
        "[1] [2]",
        '["tab\tinside"]',
        '["\\x41"]',
        '["\\ud800"]',
        '{"\\udc00x": 1}',
        "\ufeff[1]",
        "",
        "   ",
        "nul",
    ],
)
@pytest.mark.fault(15)
def test_lenient_json_is_refused(text: str) -> None:
    """What the standard does not allow, or no table could hold, is an error and not a value."""
    with pytest.raises(StrictJsonError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", Decimal("0.1")),
        ("1e3", Decimal("1e3")),
        ("-0.0", Decimal("-0.0")),
        ("12345678901234567890", 12345678901234567890),
        ("1.7976931348623157e308", Decimal("1.7976931348623157e308")),
        ("0.30000000000000000001", Decimal("0.30000000000000000001")),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\\\ud800"', "\\ud800"),
        ('"NaN"', "NaN"),
        (" [ ] \n", []),
    ],
)
@pytest.mark.fault(41)
def test_numbers_and_texts_are_kept_exactly(text: str, value: Any) -> None:
    """Whole numbers stay whole, fractions keep every digit, text that looks like a fault passes."""
    found = parse(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "is_allowed"),
    [
        ("[" * 64 + "]" * 64, True),
        ("[" * 65 + "]" * 65, False),
        ('{"a":' * 64 + "1" + "}" * 64, True),
        ('{"a":' * 65 + "1" + "}" * 65, False),
        ('["' + "[" * 500 + '"]', True),
        ("[" * 200_000 + "]" * 200_000, False),
        ('{"a":' * 200_000, False),
    ],
)
@pytest.mark.fault(15)
def test_the_depth_limit_is_exact(text: str, is_allowed: Any) -> None:
    """64 levels pass and 65 do not; brackets inside texts do not count."""
    if is_allowed:
        parse(text, max_depth=64)
    else:
        with pytest.raises(StrictJsonError, match="more than 64 levels"):
            parse(text, max_depth=64)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_valid_json_always_survives(data: Any) -> None:
    """Whatever can be written as JSON is read back the same."""
    assert parse(json.dumps(data)) == data


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_survives(number: float) -> None:
    """A number that a vendor's float can hold is never refused and never changed."""
    found = parse(json.dumps([number]))[0]
    assert float(found) == number
    assert math.isfinite(found)


@given(st.binary(max_size=60))
@pytest.mark.fault(15)
def test_no_bytes_cause_another_error(raw: bytes) -> None:
    """Any bytes at all give a value or a `StrictJsonError`."""
    try:
        parse(decode_text(raw))
    except StrictJsonError as error:
        assert error.reason  # noqa: PT017 - either outcome is right


def test_a_reason_quotes_nothing() -> None:
    """The reason never repeats the text it refuses, which may hold anything."""
    for text in ('{"hunter22": 1, "hunter22": 2}', '["hunter22', '["hunter22\\q"]'):
        with pytest.raises(StrictJsonError) as info:
            parse(text)
        assert "hunter22" not in str(info.value)
