"""The report's files: schemas, bytes, hostile text, and no network."""

import io
import re
import zipfile
from datetime import date
from decimal import Decimal

import openpyxl
import polars as pl
import pyarrow.parquet as pq
import pytest
from lxml import etree, html
from stock_rows import declared, move, movements

from xborder.registry.store import Store
from xborder.stock import build, render, tables, write
from xborder.stock.report import StockReport

DAY = date(2026, 3, 31)
EVIL = "=cmd|' /C calc'!A0"
SCRIPT = "</style><script src=//evil.test/x.js>alert(1)</script>"


@pytest.fixture(scope="module")
def report() -> StockReport:
    moved = movements(
        move("2026-01-01", "opening", "12.5"),
        move("2026-01-08", "received", 40, inbound_id="IN-1"),
        move("2026-01-09", "sold", 7),
        move("2026-03-01", "opening", 44),
        move("2026-03-31", "sold", 1, reference="order of a buyer"),
        move("2026-02-01", "received", 3, sku=EVIL, warehouse=SCRIPT),
        move("2026-02-01", "received", 3, sku="@SUM(A1)", warehouse="+1", inbound_id=SCRIPT),
        move("2026-02-02", "sold", 9, sku="http://evil.test/", warehouse="{{ 7*7 }}"),
        move("2026-02-02", "received", "12345678901234.12345", sku="big"),
    )
    lines = declared({"qty": "50"}, {"qty": "9", "sku": EVIL, "inbound_id": SCRIPT})
    return build(moved, lines, DAY, {"dapu": "大埔 <b>&amp; Co"})


@pytest.fixture(scope="module")
def files(report) -> dict[str, bytes]:
    return render(report)


def test_each_table_is_stored_under_its_named_schema(report, files):
    for name, frame in report.frames().items():
        file = "stock.parquet" if name == "stock" else f"stock_{name}.parquet"
        stored = pq.read_table(io.BytesIO(files[file]))
        assert stored.schema.equals(tables.schema(name)), name
        assert stored.num_rows == frame.height
        assert pl.from_arrow(stored).equals(frame)
    assert report.stock.height and report.in_transit.height and report.settlement.height


def test_an_empty_report_has_the_same_files(files):
    empty = render(build(movements(), declared(), DAY))
    assert set(empty) == set(files)
    stored = pq.read_schema(io.BytesIO(empty["stock_exceptions.parquet"]))
    assert stored.equals(tables.schema("exceptions"))
    assert "没有异常" in empty["stock.html"].decode()


def test_the_same_input_gives_the_same_bytes(report, files, monkeypatch):
    # Another zone, another time: a library that reads them by itself would show here.
    monkeypatch.setenv("TZ", "America/Lima")
    assert render(report) == files
    dates = {info.date_time for info in zipfile.ZipFile(io.BytesIO(files["stock.xlsx"])).filelist}
    assert dates == {(1980, 1, 1, 0, 0, 0)}
    core = zipfile.ZipFile(io.BytesIO(files["stock.xlsx"])).read("docProps/core.xml")
    assert core.count(b"2026-03-31T00:00:00Z") == 2
    # pygal writes the day and a random id into a chart's comments and names.
    assert b"<!--" not in files["stock.html"]
    ids = re.findall(rb'id="chart-([^"]*)"', files["stock.html"])
    assert ids == [b"stock-closing", b"stock-ages", b"stock-flow"]


def test_hostile_text_stays_text_in_the_workbook(files):
    book = openpyxl.load_workbook(io.BytesIO(files["stock.xlsx"]))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    texts = {cell.value for cell in cells if cell.data_type == "s"}
    assert {EVIL, "@SUM(A1)", "+1", "http://evil.test/", SCRIPT} <= texts
    inside = zipfile.ZipFile(io.BytesIO(files["stock.xlsx"]))
    assert not any(b"<f>" in inside.read(name) for name in inside.namelist())


def test_the_workbook_has_numbers_as_numbers_and_two_headings(report, files):
    book = openpyxl.load_workbook(io.BytesIO(files["stock.xlsx"]))
    sheet = book["库存台账 Stock ledger"]
    heads = [cell.value for cell in sheet[1]]
    assert heads[0] == "企业\nExporter" and heads[-1] == "期末\nClosing"
    assert sheet.freeze_panes == "A2"
    closing = {row[2]: row[-1] for row in sheet.iter_rows(min_row=2, values_only=True)}
    assert closing["A"] == 43 and isinstance(closing["A"], int | float)
    # 19 digits are more than Excel keeps: the exact number is written as text.
    assert closing["big"] == "12345678901234.12345"
    assert sheet.max_row == report.stock.height + 1


def test_the_page_is_alone_and_escaped(files):
    page = html.document_fromstring(files["stock.html"].decode())
    assert not page.xpath("//script | //link | //img | //iframe | //object | //*[@src] | //base")
    assert not [name for name in page.xpath("//*/@*[starts-with(name(), 'on')]")]
    assert {link[0] for link in page.xpath("//a/@href")} == {"#"}
    style = "".join(page.xpath("//style//text()"))
    assert "url(" not in style and "@import" not in style
    text = page.text_content()
    for hostile in (EVIL, SCRIPT, "{{ 7*7 }}", "大埔 <b>&amp; Co"):
        assert hostile in text


def test_the_charts_are_well_formed_and_show_the_warehouses(files):
    text = files["stock.html"].decode()
    drawings = re.findall(r"<svg xmlns.*?</svg>", text, flags=re.S)
    assert len(drawings) == 3
    for drawing in drawings:
        root = etree.fromstring(drawing)
        assert not root.xpath("//*[local-name()='script' or local-name()='a']")
    assert "ONT8" in drawings[0]


def test_headings_stand_in_both_languages(report):
    for name, columns in tables.COLUMNS.items():
        assert all(tables.heading(name, column) for column in columns)
        assert all(tables.TITLES[name])
        assert getattr(report, name).columns == list(columns)


def test_a_table_that_is_too_long_for_the_page_says_so():
    many = movements(*(move("2026-01-01", "sold", 1, sku=f"S{at:04d}") for at in range(700)))
    page = render(build(many, declared(), DAY))["stock.html"].decode()
    assert "400 more rows in stock.xlsx" in page
    assert page.count("S0699") == 0 < page.count("S0001")


def test_files_are_written_whole_to_a_folder_and_to_a_store(report, files, tmp_path):
    paths = write(report, tmp_path / "plain")
    assert {name: path.read_bytes() for name, path in paths.items()} == files
    write(report, Store((tmp_path / "home").as_uri()), "reports", "stock", "2026-03-31")
    folder = tmp_path / "home" / "reports" / "stock" / "2026-03-31"
    assert sorted(path.name for path in folder.iterdir()) == sorted(files)


def test_counts_add_up_and_references_do_not_leave(report, files):
    counts = dict(report.counts)
    assert counts.pop("rows") == sum(counts.values()) == 9
    assert not [name for name, content in files.items() if b"order of a buyer" in content]
    assert report.stock["difference"].to_list().count(Decimal("-1.5")) == 1
