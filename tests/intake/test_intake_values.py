"""Numbers, dates, identifiers and headers: what is understood, and what is left as written."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_files import (
    ORDERS_HEAD,
    TEMPLATE_HEAD,
    codes,
    csv_bytes,
    order_row,
    orders_csv,
    read_here,
)

from xborder.intake import cells, dates, encoding, headers, numbers
from xborder.intake.limits import Refused
from xborder.intake.parse import Parsed


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1234.50", "1234.5"),
        ("007", "7"),
        ("+5", "5"),
        ("-0", "0"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1,234,567.10", "1234567.1"),
        ("$1,200.50", "1200.5"),
        ("USD 29.90", "29.9"),
        ("US $ 25.98", "25.98"),
        ("￥１２", "12"),
        ("(12.00)", "-12"),
        ("-$3.20", "-3.2"),
        ("12元", "12"),
    ],
)
def test_written_numbers_become_canonical(written: str, read: str) -> None:
    assert numbers.canonical(written) == read


@pytest.mark.parametrize(
    "written",
    [
        *("NaN", "inf", "1e309", "1_000", "٢", "12,5", "1.2.3", "--5", "1 2", "", "0x10", "5²"),
        *("1" * 200, "1,23,456", "=1+1", "5 pcs", "."),
    ],
)
def test_what_is_no_number_stays_as_written(written: str) -> None:
    assert numbers.canonical(written) == written


def test_comma_convention() -> None:
    assert numbers.canonical("1.344,00 €", "comma") == "1344"
    assert numbers.canonical("35,91", "comma") == "35.91"
    assert numbers.canonical("1.234", "comma") == "1234"


@given(st.decimals(min_value=-(10**14), max_value=10**14, places=5))
def test_canonical_keeps_the_value_and_is_stable(value: object) -> None:
    from decimal import Decimal

    once = numbers.canonical(f"{value:f}")
    assert Decimal(once) == value
    assert numbers.canonical(once) == once
    assert numbers.CANONICAL.fullmatch(once)


@pytest.mark.parametrize(
    ("source", "shown", "is_number"),
    [
        ("3.0", "3", True),
        ("89.900000000000006", "89.9", True),
        ("2.9789999999999996", "2.979", True),
        ("5.77E+17", "577000000000000000", True),
        ("1e-7", "0.0000001", True),
        ("1.5E-5", "0.000015", True),
        ("1e309", "1e309", False),
        ("nan", "nan", False),
        ("0x10", "0x10", False),
    ],
)
def test_numbers_in_cells_show_as_excel_shows_them(
    source: str, shown: str, is_number: bool
) -> None:
    assert numbers.cell_number(source) == (shown, is_number)


@pytest.mark.parametrize(
    ("written", "order", "read"),
    [
        ("2026-04-05", "", "2026-04-05"),
        ("2026/4/5 9:05", "", "2026-04-05T09:05:00+08:00"),
        ("2026年4月5日", "", "2026-04-05"),
        ("20260405", "", "2026-04-05"),
        ("2026-04-05 21:06:21 +0400", "", "2026-04-05T21:06:21+04:00"),
        ("2009-01-01T10:50:49-08:00", "", "2009-01-01T10:50:49-08:00"),
        ("2026-04-05T21:06:21Z", "", "2026-04-05T21:06:21+00:00"),
        ("31/12/2023 22:36", "dmy", "2023-12-31T22:36:00+08:00"),
        ("05/13/2026 09:00:00", "mdy", "2026-05-13T09:00:00+08:00"),
        ("05/13/2026 9:00:00 PM", "mdy", "2026-05-13T21:00:00+08:00"),
    ],
)
def test_dates_become_iso(written: str, order: str, read: str) -> None:
    assert dates.canonical(written, order, "Asia/Shanghai") == read


@pytest.mark.parametrize(
    "written",
    ["2026-02-30", "05/06/2026", "2026-13-01", "yesterday", "2026-04-05 25:00", "٢٠٢٦-٠٤-٠٥"],
)
def test_what_is_no_certain_date_stays_as_written(written: str) -> None:
    assert dates.canonical(written, "", "Asia/Shanghai") == written


def test_the_order_of_day_and_month_is_proved_by_the_file() -> None:
    assert dates.order(["31/12/2023", "01/02/2024"]).proved == "dmy"
    assert dates.order(["12/31/2023", "01/02/2024"]).proved == "mdy"
    assert dates.order(["31/12/2023", "12/31/2023"]).proved == "mixed"
    assert dates.order(["01/02/2024"]) == dates.DateOrder("", True)
    assert not dates.order(["2024-01-02"]).seen


@pytest.mark.parametrize(
    ("serial", "base_1904", "formatted", "read"),
    [
        ("46113", False, True, "2026-04-01"),
        ("46113.4375", False, True, "2026-04-01T10:30:00+08:00"),
        ("44651", True, True, "2026-04-01"),
        ("46113", False, False, "2026-04-01"),
        ("2", False, False, "2"),
        ("99999999", False, True, "99999999"),
    ],
)
def test_serial_dates(serial: str, base_1904: bool, formatted: bool, read: str) -> None:
    assert dates.serial(serial, base_1904, "Asia/Shanghai", formatted) == read


def test_identifiers_lose_only_excels_protection() -> None:
    written = pl.Series(["'00123", '="00123"', " #1001 ", "po-211-a", "ＡB-1", None])
    read = cells.as_identifier(written, "order_no").to_list()
    assert read == ["00123", "00123", "#1001", "PO-211-A", "ＡB-1", None]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("6911.10.19.00", "6911101900"),
        ("9705000090.0", "9705000090"),
        ("0106209000", "0106209000"),
        ("6911 1019", "69111019"),
        ("ceramic", "ceramic"),
    ],
)
def test_hs_codes(written: str, read: str) -> None:
    assert cells.as_identifier(pl.Series([written]), "hs_code").to_list() == [read]


def test_headers_have_one_form() -> None:
    assert headers.normal(" *订单编号\n Order no.： ") == "订单编号 order no."
    assert headers.normal("\ufefforder_no") == "order_no"
    assert headers.bare("净重（KG）") == "净重"
    assert headers.bare("（必填）") == "(必填)"


def test_encodings_are_proved() -> None:
    chinese = "订单编号,商品名称\nA1,青花瓷碗"
    assert encoding.decode(chinese.encode()) == (chinese, "utf-8")
    assert encoding.decode(chinese.encode("gb18030")) == (chinese, "gb18030")
    assert encoding.decode(chinese.encode("utf-16")) == (chinese, "utf-16-le")
    assert encoding.decode(chinese.encode("utf-8-sig")) == (chinese, "utf-8")


@pytest.mark.parametrize(
    ("data", "code", "offset"),
    [
        ("订单".encode() + b"\xff\xfe,x", "ENCODING_UNKNOWN", "6"),
        (b"a,b\0c", "NUL_BYTES", "3"),
    ],
)
def test_what_proves_nothing_is_refused_with_its_offset(
    data: bytes, code: str, offset: str
) -> None:
    with pytest.raises(Refused) as refused:
        encoding.decode(data)
    assert refused.value.finding.code == code
    assert refused.value.finding.params["offset"] == offset


def _told(parsed: Parsed, *codes_: str) -> dict[str, str]:
    return {one.cell: one.expected for one in parsed.findings if one.code in codes_}


def test_each_date_that_nothing_decides_is_told_with_its_own_readings() -> None:
    days = ["03/04/2026", "2026-05-01", "05/06/2026", "99/99/2026"]
    parsed = read_here(orders_csv(*[order_row(ordered_at=one) for one in days]))
    assert _told(parsed, "DATE_AMBIGUOUS") == {
        "B2": "2026-04-03 / 2026-03-04", "B4": "2026-06-05 / 2026-05-06",
    }  # fmt: skip
    assert parsed.records["ordered_at"].to_list()[1] == "2026-05-01"
    # What is no day either way round proves nothing, and one day above twelve decides all.
    parsed = read_here(orders_csv(*[order_row(ordered_at=one) for one in (*days, "13/04/2026")]))
    assert _told(parsed, "DATE_AMBIGUOUS", "DATE_ORDER_MIXED") == {}
    assert parsed.records["ordered_at"].to_list()[0] == "2026-04-03"
    parsed = read_here(
        orders_csv(*[order_row(ordered_at=one) for one in ("13/04/2026", "04/13/2026")])
    )
    assert set(_told(parsed, "DATE_ORDER_MIXED")) == {"B2", "B3"}


def test_a_sheet_of_ones_own_is_asked_what_a_template_says() -> None:
    """1.234 is twelve hundred to one and a bit to another; the template says a decimal point."""
    own = read_here(orders_csv(order_row(unit_price="1.234"), order_row(unit_price="1,234")))
    assert _told(own, "NUMBER_AMBIGUOUS") == {"E2": "1.234 / 1234", "E3": "1234 / 1.234"}
    proved = read_here(orders_csv(order_row(unit_price="1.234"), order_row(unit_price="2,5")))
    assert _told(proved, "NUMBER_AMBIGUOUS") == {}
    assert proved.records["unit_price"].to_list() == ["1234", "2.5"]
    said = read_here(csv_bytes([TEMPLATE_HEAD, order_row(unit_price="1.234")]))
    assert codes(said) == [] and said.records["unit_price"].to_list() == ["1.234"]
    # JSON has no other sign than the point.
    record = dict(zip(ORDERS_HEAD, order_row(), strict=True)) | {"单价": 1.234}
    exact = read_here(json.dumps([record]).encode())
    assert codes(exact) == [] and exact.records["unit_price"].to_list() == ["1.234"]


def test_a_column_with_both_signs_is_told_at_each_cell_that_is_not_plain() -> None:
    prices = ["1.234,5", "1,234.5", "3.456", "12.5", "7"]
    parsed = read_here(orders_csv(*[order_row(unit_price=one) for one in prices]))
    assert set(_told(parsed, "NUMBER_SIGN_MIXED")) == {"E2", "E3", "E4"}
    assert _told(parsed, "NUMBER_AMBIGUOUS") == {}
    assert parsed.records["unit_price"].to_list()[3:] == ["12.5", "7"]
