"""Order files as JSON and JSON Lines: the same lines as from a sheet, or a coded refusal."""

import json
import time

import openpyxl
import polars as pl
import pytest
from intake_files import ORDERS_ROW, codes, orders_csv, read_here

from xborder import clock, intake
from xborder.checks import Context
from xborder.checks.annotated import annotated
from xborder.checks.dry_run import check_reading
from xborder.intake import json_orders
from xborder.schemas import tables

NAMES = ("order_no", "ordered_at", "sku", "qty", "unit_price", "currency", "country")
FLAT = dict(zip(NAMES, ORDERS_ROW, strict=True))
HEAD = {name: FLAT[name] for name in ("order_no", "ordered_at", "currency", "country")}
GOODS = {"sku": "CB-01", "qty": 2, "unit_price": 12.5}


def order(number: str = "DP-1", **more: object) -> dict[str, object]:
    return HEAD | {"order_no": number, "lines": [GOODS, GOODS | {"sku": "CB-02"}]} | more


def read(value: object) -> object:
    return read_here(json.dumps(value, ensure_ascii=False).encode())


def columns(parsed) -> list[tuple]:
    return parsed.records.select("order_no", "sku", "qty", "unit_price", "row").rows()


TWO = [("DP-1", "CB-01", "2", "12.5", 2), ("DP-1", "CB-02", "2", "12.5", 3)]


def test_an_object_a_line_of_an_order_says_what_a_row_of_csv_says():
    by_csv, by_json = read_here(orders_csv(ORDERS_ROW)), read([FLAT])
    same = ["order_no", "ordered_at", "sku", "qty", "unit_price", "currency", "country", "row"]
    assert by_json.records.select(same).equals(by_csv.records.select(same))
    assert (by_json.layout, by_json.kind, codes(by_json)) == ("template_orders", "orders", [])
    assert by_json.rows["excluded"].to_list() == ["HEADER", None]


@pytest.mark.parametrize(
    "wrapped",
    [
        [order()], order(), {"orders": [order()]}, {"page": 1, "data": [order()]},
        [HEAD | {"items": [GOODS, GOODS | {"sku": "CB-02"}]}],
        [HEAD | {"lines": [{"goods": GOODS}, {"goods": GOODS | {"sku": "CB-02"}}]}],
    ],
)  # fmt: skip
def test_every_way_to_wrap_orders_gives_their_lines(wrapped):
    assert columns(read(wrapped)) == TWO


def test_one_object_a_line():
    text = "\n".join([json.dumps(order("DP-1")), "", json.dumps(order("DP-2")), ""])
    parsed = read_here(text.encode())
    assert parsed.records["order_no"].to_list() == ["DP-1", "DP-1", "DP-2", "DP-2"]


def test_numbers_keep_their_digits():
    text = json.dumps([FLAT]).replace('"2"', "2").replace('"12.50"', "12.50")
    text = text.replace('"DP-1"', "12345678901234567890")
    parsed = read_here(text.encode())
    assert parsed.records.select("order_no", "qty", "unit_price").row(0) == (
        "12345678901234567890", "2", "12.5",
    )  # fmt: skip
    assert codes(parsed) == []


def test_an_order_without_lines_is_a_row_too():
    parsed = read([order(), HEAD | {"order_no": "DP-2", "lines": []}])
    assert parsed.rows.height == 4
    assert parsed.records["sku"].to_list() == ["CB-01", "CB-02", None]


def test_a_name_that_stands_in_the_order_and_its_lines_is_told_apart():
    parsed = read([order(status="open") | {"lines": [GOODS | {"status": "shipped"}]}])
    assert codes(parsed) == ["COLUMN_UNKNOWN"]
    assert parsed.findings[0].value == "lines[].status"
    assert parsed.records["status"].to_list() == ["open"]


def test_goods_and_shipments_come_as_json_too():
    parsed = read([{"sku": "CB-01", "hs_code": "6912001000", "name_zh": "碗"}])
    assert parsed.kind == "goods"


REFUSED = {
    b'{"a": [': "JSON_NOT_WELL_FORMED",
    b'[{"a": 1},]': "JSON_NOT_WELL_FORMED",
    b'[{"a": 1} {"b": 2}]': "JSON_NOT_WELL_FORMED",
    b'[{"a": 1}] x': "JSON_NOT_WELL_FORMED",
    b'{"a": 1} {"a": 2}': "JSON_NOT_WELL_FORMED",
    b'{"a": 1}\n{"a": ': "JSON_NOT_WELL_FORMED",
    b'[{"a": NaN}]': "JSON_NOT_WELL_FORMED",
    b'[{"a": Infinity}]': "JSON_NOT_WELL_FORMED",
    b"[{'a': 1}]": "JSON_NOT_WELL_FORMED",
    b'[{"a": "\n"}]': "JSON_NOT_WELL_FORMED",
    b'[{"a": 1, "a": 2}]': "JSON_KEY_TWICE",
    b'[{"a.b": 1, "a": {"b": 2}}]': "JSON_KEY_TWICE",
    b'[{"a": 1}, 2]': "JSON_NO_RECORDS",
    b'{"a": 1}\n[1]': "JSON_NO_RECORDS",
    b"[]": "NO_DATA_ROWS",
    b"[{}]": "NO_DATA_ROWS",
    b'[{"a": "\xff"}]': "ENCODING_UNKNOWN",
    b'[{"a": "\0"}]': "NUL_BYTES",
    b'[{"a": 1}]': "UNKNOWN_LAYOUT",
    b'{"a":' * 100_000: "JSON_NOT_WELL_FORMED",
    b'[{"a":' + b"[" * 100_000: "JSON_NOT_WELL_FORMED",
    b'[{"a":' + b'{"a":' * 20 + b"1" + b"}" * 22 + b"]": "JSON_NOT_WELL_FORMED",
    b"[{" + b",".join(b'"k%d":1' % at for at in range(600)) + b"}]": "TOO_MANY_COLUMNS",
    b'[{"a": "' + b"x" * 200_000 + b'"}]': "JSON_NOT_WELL_FORMED",
}


@pytest.mark.parametrize("data", REFUSED, ids=lambda data: data[:20].decode("latin-1"))
def test_what_no_table_can_hold_is_refused(data):
    parsed = read_here(data)
    assert (parsed.kind, codes(parsed)) == (None, [REFUSED[data]])


def test_the_line_of_a_fault_is_told():
    (found,) = read_here(b'{"a": 1}\n{"a": 2}\n{"a" 3}\n').findings
    assert (found.row, found.params["line"]) == (3, "3")
    (found,) = read_here(b'[{"a": 1},\n{"a": 2},\n{"a" 3}]').findings
    assert found.row == 3


def test_half_a_character_is_found_at_its_cell():
    text = json.dumps([FLAT]).replace('"CB-01"', '"CB\\ud800"')
    (found,) = read_here(text.encode()).findings
    assert (found.code, found.cell, found.column) == ("FORBIDDEN_CHARACTER", "C2", "sku")


def test_a_large_file_is_read_in_its_limits(tmp_path):
    file = tmp_path / "orders.jsonl"
    line = json.dumps(order(), ensure_ascii=False)
    file.write_text("\n".join(line.replace("DP-1", f"DP-{at}") for at in range(20_000)))
    begun = time.monotonic()
    reading = intake.read(file, file.name)
    assert reading.records.height == 40_000
    assert time.monotonic() - begun < 10


def test_the_annotated_copy_is_a_workbook_that_says_where_each_line_stands(tmp_path):
    file = tmp_path / "orders.json"
    file.write_text(json.dumps([order(), order("DP-2", currency="US$$")]), "utf-8")
    reading = intake.read(file, file.name)
    context = Context(tables=tables.load(None), on=clock.today())
    found = check_reading(reading, context, "").found
    cell, _ = found.filter(pl.col("code") == "CURRENCY_UNKNOWN")["cell"].to_list()
    copy = tmp_path / "copy.xlsx"
    copy.write_bytes(annotated(file.read_bytes(), reading, found))
    sheet = openpyxl.load_workbook(copy).worksheets[1]
    assert sheet[cell].value == "US$$"
    assert "CURRENCY_UNKNOWN" in sheet[cell].comment.text
    assert [row[-1].value for row in sheet.iter_rows(min_row=2)] == [
        "[0].lines[0]", "[0].lines[1]", "[1].lines[0]", "[1].lines[1]",
    ]  # fmt: skip
    again = intake.read(copy, copy.name)
    assert again.records.select("order_no", "sku", "row").equals(
        reading.records.select("order_no", "sku", "row")
    )


def test_more_rows_than_a_sheet_holds_are_too_many(monkeypatch):
    monkeypatch.setattr(json_orders, "MOST_ROWS", 3)
    assert codes(read([order(), order("DP-2")])) == ["FILE_TOO_HEAVY"]


def test_values_of_an_order_cannot_fill_the_memory_by_standing_in_each_line():
    parsed = read([order(note="x" * 100_000) | {"lines": [GOODS] * 2000}])
    assert codes(parsed) == ["FILE_EXPANDS_TOO_MUCH"]


def test_a_column_that_comes_late_is_a_column_of_all_rows():
    many = [FLAT | {"order_no": f"DP-{at}"} for at in range(1500)]
    parsed = read([*many, FLAT | {"order_no": "DP-1500", "order_discount": "1"}])
    assert parsed.records["order_discount"].to_list() == [*[None] * 1500, "1"]
