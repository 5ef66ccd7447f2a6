"""Headers in odd places, numbers and dates in odd forms, damage, and columns that drift."""

import openpyxl
import pytest
from intake_files import (
    ORDERS_HEAD,
    TEMPLATE_HEAD,
    codes,
    csv_bytes,
    order_row,
    orders_csv,
    read_here,
    xlsx_bytes,
)

from xborder.intake import codes as code_words
from xborder.intake.layouts import all_layouts, fields
from xborder.intake.lines import Circumstances
from xborder.intake.parse import Parsed
from xborder.schemas import tables


def told(parsed: Parsed) -> dict[str, tuple[str, str, str]]:
    return {one.code: (one.cell, one.value, one.expected) for one in parsed.findings}


@pytest.mark.parametrize("above", [0, 1, 2, 4, 12])
@pytest.mark.parametrize("xlsx", [False, True])
def test_the_header_may_stand_below_a_preamble(above: int, xlsx: bool) -> None:
    preamble = [["Orders report", "2026-04-02"], ["梅州样例公司"], [], ["Period: April"]] * 3
    rows = [*preamble[:above], ORDERS_HEAD, order_row()]
    parsed = read_here(xlsx_bytes(rows) if xlsx else csv_bytes(rows))
    assert parsed.layout == "template_orders"
    assert parsed.records["order_no"].to_list() == ["DP-1"]
    assert parsed.records["row"].to_list() == [above + 2]


def test_merged_titles_and_totals_are_no_lines() -> None:
    def merge(book: openpyxl.Workbook) -> None:
        book.active.merge_cells("A1:G1")

    total = ["合计：", "", "", "2", "", "", ""]
    parsed = read_here(xlsx_bytes([["四月订单"], ORDERS_HEAD, order_row(), total], merge))
    assert parsed.rows["excluded"].to_list() == ["NOT_DATA", "HEADER", None, "FOOTER"]
    assert told(parsed)["FOOTER_SKIPPED"][1] == "1"


def test_excels_own_separator_line() -> None:
    data = b"sep=;\r\n" + csv_bytes([ORDERS_HEAD, order_row()], delimiter=";")
    assert read_here(data).records["sku"].to_list() == ["CB-01"]


def test_cells_as_clerks_and_channels_write_them() -> None:
    row = order_row(
        order_no="'DP-1\t", qty="２", unit_price="￥1,200.50", currency="人民币", country="德国"
    )
    parsed = read_here(orders_csv(row))
    read = code_words.apply(parsed.records, "orders", "template_orders", tables.load(None))
    assert read.select("order_no", "qty", "unit_price", "currency", "country").row(0) == (
        "DP-1", "2", "1200.5", "CNY", "DE",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("US", "US"), ("USA", "US"), ("United States", "US"), ("美国", "US"), ("美国站", "US"),
        ("502", "US"), ("Deutschland", "DE"), ("Vereinigte Staaten", "US"), ("Россия", "RU"),
        ("ประเทศไทย", "TH"), ("대한민국", "KR"), ("Ruritania", "Ruritania"),
    ],
)  # fmt: skip
def test_countries_in_the_channels_languages(written: str, code: str) -> None:
    parsed = read_here(orders_csv(order_row(country=written)))
    read = code_words.apply(parsed.records, "orders", "template_orders", tables.load(None))
    assert read["country"].to_list() == [code]


def test_a_decimal_comma_is_proved_by_the_column() -> None:
    rows = [order_row(unit_price="1.344,00 €"), order_row(order_no="DP-2", unit_price="1.200")]
    parsed = read_here(orders_csv(*rows))
    assert parsed.records["unit_price"].to_list() == ["1344", "1200"]


def test_a_doubtful_number_is_read_as_usual_and_shown() -> None:
    parsed = read_here(csv_bytes([TEMPLATE_HEAD, order_row(unit_price="1,234")]))
    assert parsed.records["unit_price"].to_list() == ["1234"]
    assert told(parsed)["NUMBER_SIGN_ASSUMED"] == ("E2", "1,234", "1234")


def test_a_channel_that_writes_both_signs_is_asked() -> None:
    head = ["Sales Record Number", "Order Number", "Item Number", "Quantity", "Sold For"]
    rows = [["1", "24-1", "9", "1", "$1,234"], ["2", "24-2", "9", "1", "1.234"]]
    parsed = read_here(csv_bytes([head, *rows]))
    doubts = [one for one in parsed.findings if one.code == "NUMBER_AMBIGUOUS"]
    assert [(one.cell, one.order_no, one.expected) for one in doubts] == [
        ("E2", "24-1", "1234 / 1.234"),
        ("E3", "24-2", "1.234 / 1234"),
    ]
    assert parsed.records["unit_price"].to_list() == ["$1,234", "1.234"]


def test_a_column_that_contradicts_itself_is_not_guessed() -> None:
    rows = [order_row(unit_price="1.344,00"), order_row(order_no="DP-2", unit_price="1,344.00")]
    parsed = read_here(orders_csv(*rows, order_row(order_no="DP-3", unit_price="1.344")))
    assert codes(parsed) == 3 * ["NUMBER_SIGN_MIXED"]
    assert parsed.records["unit_price"].to_list() == ["1.344,00", "1,344.00", "1.344"]


def test_a_workbooks_own_numbers_have_a_point() -> None:
    head = ORDERS_HEAD
    rows = [order_row(unit_price="9,90"), order_row(order_no="DP-2")]
    rows[1][4] = 1.234  # type: ignore[call-overload]
    parsed = read_here(xlsx_bytes([head, *rows]))
    assert parsed.records["unit_price"].to_list() == ["9.9", "1.234"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Jan-15-20", "2020-01-15"),
        ("21-Jul-25", "2025-07-21"),
        ("10-Dez-25", "2025-12-10"),
        ("03-Mär-26", "2026-03-03"),
        ("05 Jan 2026 10:11", "2026-01-05T10:11:00+08:00"),
        ("15. Januar 2026", "2026-01-15"),
        ("12 ม.ค. 2026", "2026-01-12"),
        ("2 de mayo de 2026", "2 de mayo de 2026"),
    ],
)
def test_months_in_words(written: str, read: str) -> None:
    parsed = read_here(orders_csv(order_row(ordered_at=written)))
    assert parsed.records["ordered_at"].to_list() == [read]
    assert "DATE_AMBIGUOUS" not in codes(parsed)


@pytest.mark.parametrize(
    ("written", "readings"),
    [
        ("05/06/2026", "2026-06-05 / 2026-05-06"),
        ("20/12/31", "2031-12-20 / 2020-12-31"),
    ],
)
def test_an_ambiguous_date_tells_its_readings(written: str, readings: str) -> None:
    parsed = read_here(orders_csv(order_row(ordered_at=written)))
    assert told(parsed)["DATE_AMBIGUOUS"] == ("B2", written, readings)
    assert parsed.records["ordered_at"].to_list() == [written]


def test_damage_by_excel_is_told_at_its_cell() -> None:
    cut = [f"57712345678901{digit}000" for digit in "123"]
    rows = [order_row(order_no=number) for number in cut]
    rows += [order_row(order_no="5.77E+17"), order_row(order_no="5,77E+17")]
    parsed = read_here(orders_csv(*rows))
    assert codes(parsed).count("ID_DAMAGED_BY_EXCEL") == 3
    assert codes(parsed).count("ID_SCIENTIFIC_NOTATION") == 2
    assert read_here(orders_csv(order_row(order_no="5771234567890123"))).findings == []


def test_lost_zeros_are_told_with_the_likely_number() -> None:
    rows = [order_row(sku="00123"), order_row(order_no="DP-2", sku="00456")]
    rows[1][2] = 456  # type: ignore[call-overload]
    parsed = read_here(xlsx_bytes([ORDERS_HEAD, *rows]))
    assert told(parsed)["ID_ZEROS_LOST"] == ("C3", "456", "00456")
    goods = [
        ["货号", "商品编码", "中文品名", "原产国", "计量单位"],
        ["A", "106209000", "碗", "CN", "个"],
    ]
    goods.append(["B", "9705000090.0", "杯", "CN", "个"])
    parsed = read_here(csv_bytes(goods), kind="goods")
    found = told(parsed)
    assert found["HS_CODE_ZERO_LOST"] == ("B2", "106209000", "0106209000")
    assert found["HS_CODE_AS_NUMBER"] == ("B3", "9705000090.0", "9705000090")


def test_values_under_their_neighbours_heads() -> None:
    shifted = ["DP-2", "CB-01", "2026-04-01", "2 pcs", "USD", "US", "12.50"]
    parsed = read_here(orders_csv(order_row(), shifted, order_row(order_no="DP-3")))
    (found,) = [one for one in parsed.findings if one.code == "COLUMNS_SHIFTED"]
    assert (found.row, found.order_no) == (3, "DP-2")
    assert "COLUMNS_SHIFTED" not in codes(read_here(orders_csv(order_row(qty="two"))))


WALMART = ["PO#", "Order#", "Order Date", "SKU", "Qty", "Item Price", "Status"]


def test_a_new_column_is_a_notice() -> None:
    row = ["1", "2", "2026-04-01", "CB", "1", "9.90", "Created"]
    parsed = read_here(csv_bytes([[*WALMART, "Gift note"], [*row, "x"]]))
    assert parsed.kind == "orders"
    assert told(parsed)["COLUMN_UNKNOWN"][1] == "Gift note"


def test_a_renamed_column_stops_with_a_proposal() -> None:
    row = ["1", "2", "2026-04-01", "CB", "1", "9.90", "Created"]
    heads = [head.replace("Order Date", "Order Dates") for head in WALMART]
    parsed = read_here(csv_bytes([heads, row]))
    assert parsed.kind is None
    assert told(parsed)["COLUMN_RENAMED"] == ("C1", "Order Dates", "Order Date")
    assert "COLUMN_UNKNOWN" not in told(parsed), "what may be the missing column is not unused"
    assert told(parsed)["HEADER_CHANGED"][1] == "Order Dates → Order Date"


def test_no_column_is_mapped_twice() -> None:
    for layout in all_layouts():
        heads = [alias for column in layout.columns for alias in column.headers]
        parsed = read_here(csv_bytes([heads, ["1"] * len(heads)]))
        for columns in parsed.columns.values():
            places = [place for place, _ in columns.values()]
            assert len(places) == len(set(places))


def test_layouts_fill_only_fields_of_their_kind() -> None:
    for layout in all_layouts():
        named = {*layout.items, *layout.groups.get("fields", {})} - {"field", "mark", "cut"}
        assert named <= {*fields(layout.kind), "goods_name"}, layout.layout


def test_the_channels_encodings_are_known_by_its_header() -> None:
    head = ["order-id", "order-item-id", "purchase-date", "sku", "product-name"]
    head += ["quantity-purchased", "currency", "item-price", "ship-country"]
    row = ["1-1-1", "1", "2026-04-01T00:00:00+09:00", "A", "ｶﾊﾞﾝ", "1", "JPY", "900", "JP"]
    data = "\r\n".join("\t".join(one) for one in (head, row)).encode("cp932")
    parsed = read_here(data, around=Circumstances())
    assert (parsed.kind, parsed.encoding) in (("orders", "cp932"), (None, None))
    row[4] = "Küche"
    data = "\r\n".join("\t".join(one) for one in (head, row)).encode("cp1252")
    assert read_here(data).records["goods_name"].to_list() == ["Küche"]
