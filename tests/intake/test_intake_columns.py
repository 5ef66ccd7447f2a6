"""Columns give what cell by cell gives."""

import io
import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xborder.intake import cells, columns, dates

DATES = st.one_of(
    st.from_regex(
        r"20[12][0-9]-[0-3][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
        r"( ?[+-][01][0-9]:?[0-9]{2})?",
        fullmatch=True,
    ),
    st.datetimes().map(str),
    st.sampled_from([
        "2026-03-29 02:30:00", "2026-10-25 02:30:00", "2026-02-30 10:00:00", "2026-04-05",
        "05/04/2026", "2026-04-05T10:00:00Z", "20260405", "45000", "x", "2026-04-05 21:06:21 +0400",
        "2026-02-30 10:00:00 +0800", "2026-04-05  10:00:00", "2026-04-05 10:00:00  +0800",
    ]),
    st.none(),
)  # fmt: skip
NUMBERS = st.one_of(
    st.from_regex(r"-?[0-9]{0,4}([.,][0-9]{0,4})?", fullmatch=True),
    st.sampled_from(["0.00", "-0", "1,234.50", "$12.50", "007", "1e5", "", "½", "１２", "10", "100"]),
    st.none(),
)  # fmt: skip
IDS = st.one_of(
    st.from_regex(r"[A-Za-z0-9#'\" =.+-]{0,8}", fullmatch=True),
    st.sampled_from(['="007"', "'123", "5.77E+17", "1234567890123456", "0101.21.00.10", None]),
)
TEXTS = st.one_of(
    st.text(
        st.sampled_from("aé \u200b\n\u3000e\u0301瓷\u00ad\u00a0가\u11a8か\u3099\u212b"), max_size=6
    ),
    st.sampled_from(["", None]),
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(DATES, max_size=12),
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.sampled_from(["", "dmy", "mdy"]),
)
def test_dates(texts: list[str | None], zone: str, order: str) -> None:
    series = pl.Series("a", texts, dtype=pl.String)
    expected = [None if one is None else dates.canonical(one, order, zone) for one in texts]
    assert columns.as_date(series, order, zone).to_list() == expected


@settings(deadline=None, max_examples=150)
@given(st.lists(NUMBERS, max_size=12), st.sampled_from(["point", "comma", ""]))
def test_numbers(texts: list[str | None], convention: str) -> None:
    series = pl.Series("a", texts, dtype=pl.String)
    expected = cells.as_number(series, convention).to_list()
    assert columns.as_number(series, convention).to_list() == expected


@settings(deadline=None, max_examples=150)
@given(st.lists(IDS, max_size=8), st.sampled_from(cells.IDENTIFIERS))
def test_identifiers_that_are_settled_stay(texts: list[str | None], field_type: str) -> None:
    series = pl.Series("a", texts, dtype=pl.String)
    tidy = cells.cleaned(series)
    expected = cells.as_identifier(tidy, field_type)
    assert columns.as_identifier(tidy, field_type).to_list() == expected.to_list()
    if columns.settled(series, field_type):
        assert expected.to_list() == texts
        rows = pl.Series(range(2, 2 + len(texts)), dtype=pl.UInt32)
        place = cells.Place("", "sku", 0, "SKU")
        assert not list(cells.damage(place, field_type, series, None, rows))


@settings(deadline=None, max_examples=150)
@given(st.lists(TEXTS, max_size=8))
def test_texts(texts: list[str | None]) -> None:
    series = pl.Series("a", texts, dtype=pl.String)
    expected = cells.cleaned(series)
    tidy, forbidden = columns.cleaned(series)
    assert tidy.to_list() == expected.to_list()
    wrong = expected.drop_nulls().unique()
    assert set(forbidden) == set(wrong.filter(wrong.str.contains(cells.FORBIDDEN)))
    if columns.settled(series, "text"):
        assert (tidy.to_list(), len(forbidden)) == (texts, 0)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(TEXTS, TEXTS, IDS), max_size=5),
    st.sampled_from([*cells.IDENTIFIERS, "number", "text"]),
    st.text("sne", min_size=5, max_size=5),
)
def test_what_is_clean_at_one_look_need_not_be_cleaned(
    rows: list[tuple[str | None, ...]], field_type: str, letters: str
) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys("abc", pl.String), orient="row")
    clean = columns.clean(frame, frame.columns)
    at = pl.Series(range(2, 2 + frame.height), dtype=pl.UInt32)
    kinds = pl.Series(list(letters[: frame.height]), dtype=pl.String)
    place = cells.Place("", "sku", 0, "SKU")
    for name in sorted(clean):
        series = frame[name]
        tidy, forbidden = columns.cleaned(series)
        assert (tidy.to_list(), len(forbidden)) == (series.to_list(), 0)
        known, asked = (
            list(cells.damage(place, field_type, series, kinds, at, tidy=one))
            for one in (True, False)
        )
        assert known == asked


def test_of_a_large_table_each_column_is_looked_at() -> None:
    frame = pl.DataFrame({"a": ["x", None], "b": ["", " y"]})
    assert columns.clean(frame, ["a", "b"]) == {"a"}
    assert columns.clean(pl.concat([frame] * columns.FEW), ["a"]) == frozenset()


@settings(deadline=None, max_examples=100)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(1, 40))
def test_texts_that_stand_again_and_again(texts: list[str | None], times: int) -> None:
    series = pl.Series("a", [one and 9 * one for one in texts] * times, dtype=pl.String)
    tidy, _ = columns.cleaned(series)
    assert tidy.to_list() == cells.cleaned(series).to_list()


def test_a_long_text_that_stands_again_and_again_is_in_memory_once() -> None:
    series = pl.Series("a", ["瓷碗六寸" * 40, "瓷碗七寸" * 40, None] * 3000)
    held, written = io.BytesIO(), io.BytesIO()
    series.to_frame().write_ipc_stream(held)
    columns.cleaned(series)[0].to_frame().write_ipc_stream(written)
    assert len(written.getvalue()) < 200_000 < 2_000_000 < len(held.getvalue())


def test_what_is_not_untidy_is_nfc_without_blanks_at_its_ends_and_printed() -> None:
    every = pl.Series([chr(one) for one in range(0x20, 0x30000) if not 0xD800 <= one < 0xE000])
    plain = every.filter(~every.str.contains(cells.UNTIDY)).to_list()
    assert len(plain) > 33_000
    assert not pl.Series(plain).str.contains(cells.FORBIDDEN).any()
    # Two characters become one where the second is the end of what another is made of.
    made = (unicodedata.decomposition(one).split() for one in every)
    ends = {chr(int(one[1], 16)) for one in made if len(one) == 2 and one[0][0] != "<"}
    ends |= {chr(one) for one in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    for one in plain:
        assert unicodedata.is_normalized("NFC", one) and not unicodedata.combining(one)
        assert one.isprintable() and not one.isspace() and one not in ends, hex(ord(one))


ORDERS = st.lists(st.sampled_from(["A", "B", "C", None]), max_size=10)


@settings(deadline=None, max_examples=150)
@given(ORDERS, st.lists(st.sampled_from(["x", "y", None]), min_size=10, max_size=10), st.booleans())
def test_filling_down_is_the_same_for_orders_together(
    orders: list[str | None], values: list[str | None], together: bool
) -> None:
    if together:
        orders = sorted(orders, key=str)
    said = {"order_no": orders, "a": values[: len(orders)]}
    frame = pl.DataFrame(said, schema={"order_no": pl.String, "a": pl.String})
    frame = frame.with_columns(row=pl.int_range(2, 2 + pl.len(), dtype=pl.UInt32))
    filled = columns.filled_down(frame, ["a"])
    last: dict[str, str | None] = {}
    first: dict[str, int] = {}
    for row, order, before, after, order_row in zip(
        frame["row"], orders, frame["a"], filled["a"], filled["order_row"], strict=True
    ):
        if order is None:
            assert (after, order_row) == (before, row)
            continue
        last[order] = before or last.get(order)
        assert (after, order_row) == (last[order], first.setdefault(order, row))


@pytest.mark.parametrize("text", ["1.5E10", "12345678901234567", "1234567"])
def test_damage_is_never_settled(text: str) -> None:
    assert not columns.settled(pl.Series([text]), "hs_code")
    assert not columns.settled(pl.Series([text]), "order_no") or text == "1234567"
