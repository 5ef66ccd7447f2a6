"""The project's own templates: what is written is read back, as workbook and as CSV."""

import io
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from intake_files import (
    ORDERS_HEAD,
    ORDERS_ROW,
    codes,
    csv_bytes,
    order_row,
    orders_csv,
    read_here,
    xlsx_bytes,
)

from xborder import clock, intake
from xborder.intake.layouts import all_layouts, fields, template

SHEETS = {"orders": "订单 Orders", "goods": "商品 Goods", "shipments": "发货 Shipments"}
SHEETS |= {"prices": "价格 Prices", "stock": "海外仓 Stock"}


def filled(kind: str, folder: Path, lang: str = "zh") -> tuple[Path, list[list[object]]]:
    """A written template with the example of each column as its one row."""
    path = folder / f"{kind}.xlsx"
    intake.write_template(kind, path, lang)
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    examples = [column.example or None for column in template(kind).columns]
    for index, text in enumerate(examples, 1):
        sheet.cell(2, index, text)
    book.save(path)
    return path, [[column.head for column in template(kind).columns], examples]


@pytest.mark.parametrize("kind", intake.KINDS)
def test_a_filled_template_is_read_back_whole(kind: str, tmp_path: Path) -> None:
    path, rows = filled(kind, tmp_path)
    reading = intake.read(path, path.name)
    assert (reading.kind, reading.layout, reading.channel) == (kind, f"template_{kind}", "template")
    assert reading.findings.is_empty()
    assert reading.usable
    assert reading.rows.height == 2
    assert reading.records.columns[:-3] == list(fields(kind))
    written = {column.field: column.example for column in template(kind).columns if column.example}
    read = reading.records.row(0, named=True)
    assert {name for name, text in read.items() if text is not None} - {"sheet", "row", "order_row"}
    assert all(read[name] is not None for name in written)
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):
        again = intake.read(io.BytesIO(csv_bytes(rows, encoding)), f"{kind}.csv")
        assert again.findings.is_empty()
        assert again.records.drop("sheet").equals(reading.records.drop("sheet"))


def test_codes_are_understood_as_code_label_or_name(tmp_path: Path) -> None:
    _, rows = filled("goods", tmp_path)
    for written in ("035", "千克", "035 千克"):
        at = rows[0].index(template("goods").column("unit1").head)
        rows[1][at] = written
        reading = intake.read(io.BytesIO(csv_bytes(rows)), "goods.csv")
        assert reading.records["unit1"].to_list() == ["035"]
    for written, code in (("Y 是 Yes", "Y"), ("是", "Y"), ("n", "N"), ("maybe", "maybe")):
        at = rows[0].index(template("goods").column("rebate").head)
        rows[1][at] = written
        reading = intake.read(io.BytesIO(csv_bytes(rows)), "goods.csv")
        assert reading.records["rebate"].to_list() == [code]


def test_countries_and_currencies_in_words() -> None:
    words = [("美国", "US"), ("us", "US"), ("US 美国", "US"), ("Germany", "DE"), ("Atlantis", None)]
    rows = [order_row(country=word, currency="RMB") for word, _ in words]
    reading = intake.read(io.BytesIO(orders_csv(*rows)), "orders.csv")
    assert reading.records["country"].to_list() == [code or word for word, code in words]
    assert set(reading.records["currency"].to_list()) == {"CNY"}


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("kind", intake.KINDS)
def test_the_workbook_helps_who_fills_it_in(kind: str, lang: str, tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    intake.write_template(kind, path, lang)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == [SHEETS[kind], "说明 Instructions", "代码 Codes"]
    sheet = book.worksheets[0]
    layout = template(kind)
    assert sheet.freeze_panes == "B2"
    assert [cell.value for cell in sheet[1]] == [column.head for column in layout.columns]
    for cell, column in zip(sheet[1], layout.columns, strict=True):
        note = column.note_zh if lang == "zh" else column.note_en
        assert note
        assert cell.comment is not None
        assert cell.comment.text.startswith(note)
        assert cell.value.startswith("*") == column.required
        assert sheet.column_dimensions[cell.column_letter].width >= 8
    lists = {str(one.sqref).split(":")[0]: one for one in sheet.data_validations.dataValidation}
    coded = [i for i, c in enumerate(layout.columns) if c.table or c.choices]
    assert coded
    assert len(lists) == len(coded)
    code_sheet = book["代码 Codes"]
    for index in coded:
        letter = openpyxl.utils.get_column_letter(index + 1)
        rule = lists[f"{letter}2"]
        last = rule.formula1.rpartition("$")
        column, end = rule.formula1.split("$")[-2], int(last[2])
        assert code_sheet[f"{column}2"].value
        assert code_sheet[f"{column}{end}"].value
        assert code_sheet[f"{column}{end + 1}"].value is None


def test_the_same_day_writes_the_same_bytes(tmp_path: Path) -> None:
    with clock.fixed("2026-11-20T10:00:00+08:00"):
        intake.write_template("orders", tmp_path / "a.xlsx")
        intake.write_template("orders", tmp_path / "b.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_an_empty_template_says_that_it_is_empty(tmp_path: Path) -> None:
    intake.write_template("orders", tmp_path / "t.xlsx")
    reading = intake.read(tmp_path / "t.xlsx", "t.xlsx")
    assert (reading.usable, reading.kind) == (False, None)
    assert reading.findings["code"].to_list() == ["NO_DATA_ROWS"]
    assert reading.rows["excluded"].to_list() == ["HEADER"]


def test_cancelled_orders_are_excluded_and_keep_their_number() -> None:
    head = [*ORDERS_HEAD, "状态"]
    rows = [[*order_row(order_no="a-1"), ""], [*order_row(order_no="a-1"), "已取消"]]
    rows += [[*order_row(order_no="a-2"), "正常"], ["合计", "", "", "6", "", "", "", ""]]
    parsed = read_here(csv_bytes([head, *rows]))
    assert parsed.rows["excluded"].to_list() == ["HEADER", "CANCELLED", "CANCELLED", None, "FOOTER"]
    assert parsed.rows["order_no"].to_list() == [None, "A-1", "A-1", "A-2", None]
    assert parsed.records["status"].to_list() == ["open"]
    assert parsed.records["row"].to_list() == [4]


def test_order_fields_are_filled_down_from_the_first_line() -> None:
    second = order_row(ordered_at="", currency="", country="", sku="CB-02")
    parsed = read_here(orders_csv(ORDERS_ROW, second))
    assert parsed.records["country"].to_list() == ["US", "US"]
    assert parsed.records["order_row"].to_list() == [2, 2]
    assert parsed.records["row"].to_list() == [2, 3]


def test_a_missing_or_renamed_column_is_told_at_its_header() -> None:
    head = ["订单编号", "下单时间", "货号", "数量", "单价", "币制", "运抵国家名"]
    parsed = read_here(csv_bytes([head, ORDERS_ROW]))
    found = {one.code: one for one in parsed.findings}
    assert found["COLUMN_RENAMED"].cell == "G1"
    assert found["COLUMN_RENAMED"].field == "country"
    parsed = read_here(csv_bytes([head[:6], ORDERS_ROW[:6]]))
    assert "COLUMN_MISSING" in codes(parsed)


def test_header_rows_brackets_and_preamble() -> None:
    rows = [
        ["三月订单"],
        [],
        [f" {head}（必填）" for head in ORDERS_HEAD],
        ORDERS_ROW,
        [],
        ORDERS_HEAD,
    ]
    parsed = read_here(xlsx_bytes([*rows[:5], [f" {head}（必填）" for head in ORDERS_HEAD]]))
    states = parsed.rows["excluded"].to_list()
    assert states == ["NOT_DATA", "BLANK", "HEADER", None, "BLANK", "HEADER"]
    assert parsed.records["row"].to_list() == [4]
    sheet = next(iter(parsed.columns))
    assert intake.cell(parsed.columns, sheet, "qty", 4) == ("D4", " 数量（必填）")
    assert intake.cell(parsed.columns, sheet, "freight", 4) == ("", "")


def test_every_layout_names_its_columns_once() -> None:
    for layout in all_layouts():
        names = [column.field for column in layout.columns]
        assert len(names) == len(set(names)), layout.layout
        assert set(layout.recognise) <= set(names), layout.layout


def test_records_are_text_even_when_empty() -> None:
    parsed = read_here(orders_csv(order_row(unit_price="")))
    kinds = dict(parsed.records.schema)
    assert kinds["unit_price"] == pl.String
    assert parsed.records["unit_price"].to_list() == [None]


@pytest.mark.parametrize("head", ["国家", "Country", "收货国家"])
def test_a_sheet_may_call_the_destination_simply_a_country(head: str) -> None:
    heads = ["订单号", "下单时间", "SKU", "数量", "单价", "币种", head]
    parsed = read_here(csv_bytes([heads, ["D1", "2026-11-20", "A", "1", "1.2", "EUR", "DE"]]))
    assert parsed.layout == "template_orders"
    assert "COLUMN_MISSING" not in codes(parsed)
