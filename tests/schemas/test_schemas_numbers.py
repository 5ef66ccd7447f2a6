"""One rule says what a number is, and how long it may be."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xborder.schemas import numbers


@pytest.mark.parametrize("text", ["0", "-1", "007", "1.50", "-0.00001", "9" * 40])
def test_numbers(text):
    parsed = numbers.parse(text)
    assert parsed == Decimal(text) and not isinstance(parsed, float | str)


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1\n", "+1", ".5", "5.", "1e3", "1,000", "1_000", "１", "٢", "NaN", "inf"],
)
def test_texts_that_are_no_numbers(text):
    assert numbers.parse(text) == text
    assert not numbers.overlong(text)


def test_a_text_of_two_hundred_digits_is_not_parsed():
    assert numbers.parse("9" * 200) == "9" * 200
    assert numbers.overlong("9" * 200) and not numbers.overlong("9" * 40)


@given(st.from_regex(r"-?[0-9]{1,18}(\.[0-9]{1,8})?", fullmatch=True))
def test_digits_are_counted_by_value(text):
    parsed = numbers.parse(text)
    assert not isinstance(parsed, str)
    by_value = re.fullmatch(r"-?0*[0-9]{0,14}(\.[0-9]{0,5}0*)?", text, re.ASCII) is not None
    assert numbers.fits(parsed, 14, 5) == by_value


def test_a_whole_number_has_no_point():
    assert numbers.fits(2, 9, 0)
    assert not numbers.fits(Decimal("2.0"), 9, 0)
    assert not numbers.fits(10**9, 9, 0)
