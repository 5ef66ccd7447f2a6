"""Files that are broken or meant to harm: a coded finding, soon, and the parent lives."""

import io
import resource
import struct
import time
import zipfile
import zlib
from pathlib import Path

import openpyxl
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

from xborder import intake
from xborder.intake.parse import base_name

GOOD = xlsx_bytes([ORDERS_HEAD, ORDERS_ROW])
SHEET = "xl/worksheets/sheet1.xml"
NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def changed(part: str, content: bytes | None, data: bytes = GOOD, new: str | None = None) -> bytes:
    """A workbook with one part replaced, removed (None) or renamed; added if it is not there."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", 8) as made:
        for name in old.namelist():
            if name != part:
                made.writestr(name, old.read(name))
        if content is not None:
            made.writestr(new or part, content)
    return out.getvalue()


def part(name: str = SHEET, data: bytes = GOOD) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return book.read(name)


def with_sheet(rows: str) -> bytes:
    return changed(SHEET, f"<worksheet {NS}><sheetData>{rows}</sheetData></worksheet>".encode())


def text_cell(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


HEADER_ROW = "".join(text_cell(f"{'ABCDEFG'[i]}1", head) for i, head in enumerate(ORDERS_HEAD))
HEADER_ROW = f'<row r="1">{HEADER_ROW}</row>'


def data_row(number: int, **cells: str) -> str:
    texts = dict(zip("ABCDEFG", ORDERS_ROW, strict=True))
    inner = "".join(
        cells.get(letter, text_cell(f"{letter}{number}", text)) for letter, text in texts.items()
    )
    return f'<row r="{number}">{inner}{cells.get("after", "")}</row>'


def ole(stream: str) -> bytes:
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(1000) + stream.encode("utf-16-le") + bytes(99)


def declared_size(data: bytes, size: int) -> bytes:
    """A ZIP whose directory lies about the size of its first member."""
    at = data.index(b"PK\x01\x02")
    return data[: at + 24] + struct.pack("<L", size) + data[at + 28 :]


def one_bit(data: bytes) -> bytes:
    at = data.index(b"PK\x01\x02") + 16
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def bomb() -> bytes:
    rows = HEADER_ROW + data_row(2)
    sheet = f"<worksheet {NS}><sheetData>{rows}</sheetData>".encode()
    return changed(SHEET, sheet + b" " * (60 * 1024 * 1024) + b"</worksheet>")


REFUSED = {
    "empty": (b"", "FILE_EMPTY"),
    "only a mark": (b"\xef\xbb\xbf\r\n", "FILE_EMPTY"),
    "only NUL": (bytes(5000), "NUL_BYTES"),
    "NUL inside": (orders_csv(ORDERS_ROW).replace(b"CB-01", b"CB\x0001"), "NUL_BYTES"),
    "header only": (orders_csv(), "NO_DATA_ROWS"),
    "header and blanks": (orders_csv([""] * 7, [" "] * 7), "NO_DATA_ROWS"),
    "cp1252": (csv_bytes([["Größe", "Straße"]], "cp1252"), "UNKNOWN_LAYOUT"),
    "open quote": (orders_csv(ORDERS_ROW) + b'"open,\r\n1,2\r\n', "CSV_NOT_WELL_FORMED"),
    "stray quote": (orders_csv(ORDERS_ROW) + b'"a"b,1\r\n', "CSV_NOT_WELL_FORMED"),
    "endless field": (orders_csv(ORDERS_ROW) + b"x" * 200_000, "CSV_NOT_WELL_FORMED"),
    "pdf": (b"%PDF-1.7 ...", "FILE_TYPE_NOT_ACCEPTED"),
    "gzip": (b"\x1f\x8b\x08" + bytes(99), "FILE_TYPE_NOT_ACCEPTED"),
    "html as xls": (b"<html><table><tr><td>1</td></tr></table>", "FILE_TYPE_NOT_ACCEPTED"),
    "password": (ole("EncryptedPackage"), "FILE_PASSWORD_PROTECTED"),
    "word document": (ole("WordDocument"), "FILE_TYPE_NOT_ACCEPTED"),
    "hollow xls": (ole("Workbook"), "FILE_DAMAGED"),
    "cut off": (GOOD[: len(GOOD) // 2], "FILE_DAMAGED"),
    "cut off at the end": (GOOD[:-10], "FILE_DAMAGED"),
    "data behind": (GOOD + b"PK", "FILE_UNSAFE"),
    "two archives": (GOOD + GOOD, "FILE_UNSAFE"),
    "wrong checksum": (one_bit(GOOD), "FILE_DAMAGED"),
    "lying size": (declared_size(GOOD, 1), "FILE_UNSAFE"),
    "bomb": (bomb(), "FILE_EXPANDS_TOO_MUCH"),
    "macros": (changed("xl/vbaProject.bin", b"x"), "FILE_TYPE_NOT_ACCEPTED"),
    "embedded": (changed("xl/embeddings/a.bin", b"x"), "FILE_UNSAFE"),
    "twin names": (changed("XL/Worksheets/sheet1.xml", part()), "FILE_UNSAFE"),
    "path out": (changed("../../etc/passwd", b"x"), "FILE_UNSAFE"),
    "backslash": (changed("xl\\evil", b"x", new="xl/..\\evil"), "FILE_UNSAFE"),
    "doctype": (
        changed(SHEET, part().replace(b"<worksheet", b'<!DOCTYPE a [<!ENTITY b "c">]><worksheet')),
        "FILE_UNSAFE",
    ),
    "utf-16 part": (changed(SHEET, part().decode().encode("utf-16")), "FILE_UNSAFE"),
    "remote link": (
        changed(
            "xl/externalLinks/_rels/externalLink1.xml.rels",
            b'<Relationships><Relationship Id="r" Type="x/externalLinkPath" '
            b'Target="http://127.0.0.1:9/a.xlsx" TargetMode="External"/></Relationships>',
        ),
        "FILE_UNSAFE",
    ),
    "no workbook": (changed("xl/workbook.xml", None), "FILE_TYPE_NOT_ACCEPTED"),
    "no sheet": (changed(SHEET, None), "FILE_DAMAGED"),
    "not XML": (changed(SHEET, part()[:-30]), "FILE_DAMAGED"),
    "row twice": (with_sheet(HEADER_ROW + data_row(2) + data_row(2)), "SHEET_OUT_OF_ORDER"),
    "cell twice": (
        with_sheet(HEADER_ROW + data_row(2, after=text_cell("A2", "EVIL-1"))),
        "SHEET_OUT_OF_ORDER",
    ),
    "far corner": (
        with_sheet(HEADER_ROW + data_row(2, after=text_cell("XFD2", "x"))),
        "TOO_MANY_COLUMNS",
    ),
    "beyond the grid": (with_sheet(HEADER_ROW + '<row r="1048577"/>'), "CELL_OUTSIDE_SHEET"),
    "row number of 12 digits": (with_sheet('<row r="999999999999"/>'), "CELL_OUTSIDE_SHEET"),
    "cell of another row": (
        with_sheet(f'{HEADER_ROW}<row r="2">{text_cell("A9", "x")}</row>'),
        "CELL_OUTSIDE_SHEET",
    ),
    "string without table": (
        with_sheet(f'{HEADER_ROW}<row r="2"><c r="A2" t="s"><v>99999</v></c></row>'),
        "FILE_DAMAGED",
    ),
    "two columns of one header": (
        csv_bytes([[*ORDERS_HEAD, "数量"], [*ORDERS_ROW, "3"]]),
        "DUPLICATE_HEADER",
    ),
    "a zip": (changed("xl/workbook.xml", None, changed("[Content_Types].xml", None)), None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_one_code(name: str) -> None:
    data, code = REFUSED[name]
    started = time.monotonic()
    parsed = read_here(data)
    assert time.monotonic() - started < 10
    assert parsed.kind is None
    assert codes(parsed)[-1] == (code or "FILE_TYPE_NOT_ACCEPTED")
    assert parsed.records.is_empty()


@pytest.mark.parametrize("name", ["password", "bomb", "hollow xls", "open quote", "empty"])
def test_through_the_child_the_answer_is_the_same(name: str) -> None:
    data, code = REFUSED[name]
    reading = intake.read(io.BytesIO(data), f"{name}.xlsx")
    assert not reading.usable
    assert reading.kind is None
    assert reading.findings["code"].to_list() == [code]
    assert reading.findings["severity"].to_list() == ["fatal"]
    assert reading.size == len(data)
    assert len(reading.sha256) == 64


def test_a_million_rows_with_one_of_data_are_read_soon() -> None:
    blanks = "".join(f'<row r="{n}" s="1"><c r="A{n}" s="0"/></row>' for n in range(3, 1_000_001))
    data = with_sheet(HEADER_ROW + data_row(2) + blanks)
    started = time.monotonic()
    reading = intake.read(io.BytesIO(data), "million.xlsx")
    assert time.monotonic() - started < 30  # some two seconds on a quiet machine
    assert reading.usable
    assert reading.rows["excluded"].to_list() == ["HEADER", None]


def test_the_last_row_of_the_sheet_leaves_a_million_blank_rows_counted() -> None:
    parsed = read_here(with_sheet(HEADER_ROW + data_row(1_048_576)))
    assert parsed.rows.height == 1_048_576
    assert parsed.rows["excluded"].value_counts(sort=True).rows()[0] == ("BLANK", 1_048_574)
    assert parsed.records["row"].to_list() == [1_048_576]


@pytest.mark.parametrize("text", ["1" * 200, "NaN", "1e309", "inf", "-3", "0x10", "=1+1", "1_000"])
def test_strange_numbers_are_kept_as_written(text: str) -> None:
    for data in (
        orders_csv(order_row(qty=text)),
        with_sheet(HEADER_ROW + data_row(2, D=f'<c r="D2"><v>{text}</v></c>')),
    ):
        parsed = read_here(data)
        assert parsed.records["qty"].to_list() == [text]


def test_what_excel_did_to_cells_is_told_at_the_cell() -> None:
    row = data_row(
        2,
        A='<c r="A2"><v>1.2345678901234567E+19</v></c>',
        C='<c r="C2"><v>963373608436637</v></c>',
        D='<c r="D2"><v>3.0</v></c>',
        E='<c r="E2" t="e"><v>#N/A</v></c>',
        F='<c r="F2"><f>A1</f></c>',
        G='<c r="G2" t="str"><f>[1]Sheet1!A1</f><v>US</v></c>',
    )
    parsed = read_here(with_sheet(HEADER_ROW + row))
    found = {one.code: (one.cell, one.column, one.value) for one in parsed.findings}
    assert found["ID_DAMAGED_BY_EXCEL"] == ("A2", "订单编号", "12345678901234600000")
    assert found["ID_STORED_AS_NUMBER"] == ("C2", "货号", "963373608436637")
    assert found["CELL_ERROR_VALUE"] == ("E2", "单价", "#N/A")
    assert found["FORMULA_NOT_CALCULATED"] == ("F2", "币制", "")
    assert found["CELL_FROM_OTHER_FILE"] == ("G2", "运抵国", "US")
    assert all(one.order_no == "12345678901234600000" for one in parsed.findings)
    assert parsed.records["qty"].to_list() == ["3"]
    assert parsed.records["sku"].to_list() == ["963373608436637"]


def test_scientific_notation_and_hidden_characters() -> None:
    rows = [order_row(order_no="5.77E+17"), order_row(sku="CB\u202e01"), order_row(sku="A\u200bB")]
    parsed = read_here(orders_csv(*rows))
    assert [(one.code, one.cell) for one in parsed.findings] == [
        ("ID_SCIENTIFIC_NOTATION", "A2"),
        ("FORBIDDEN_CHARACTER", "C3"),
        ("FORBIDDEN_CHARACTER", "C4"),
    ]
    assert "\u202e" not in parsed.findings[1].value


def test_dates_numbers_and_zeros_of_a_workbook() -> None:
    def change(book: openpyxl.Workbook) -> None:
        sheet = book.active
        sheet["B2"] = 46113.4375
        sheet["B2"].number_format = "yyyy/m/d h:mm"
        sheet["C2"] = 42
        sheet["C2"].number_format = "000000"
        sheet["D2"] = 2
        sheet["D2"].number_format = "yyyy-mm-dd"
        sheet["E2"] = 89.9

    parsed = read_here(xlsx_bytes([ORDERS_HEAD, ORDERS_ROW], change))
    (line,) = parsed.records.iter_rows(named=True)
    assert line["ordered_at"] == "2026-04-01T10:30:00+08:00"
    assert (line["sku"], line["qty"], line["unit_price"]) == ("000042", "2", "89.9")
    assert parsed.findings == []


def test_no_sheet_is_ignored_silently() -> None:
    def change(book: openpyxl.Workbook) -> None:
        more = book.create_sheet("三月")
        hidden = book.create_sheet("secret")
        notes = book.create_sheet("notes")
        for row in (ORDERS_HEAD, order_row(order_no="DP-2")):
            more.append(row)
            hidden.append(row)
        hidden.sheet_state = "hidden"
        notes.append(["call me"])
        book.create_sheet("empty")

    parsed = read_here(xlsx_bytes([ORDERS_HEAD, ORDERS_ROW], change))
    assert parsed.records.select("sheet", "order_no").rows() == [
        ("Sheet", "DP-1"),
        ("三月", "DP-2"),
    ]
    assert [(one.code, one.sheet) for one in parsed.findings] == [
        ("SHEET_HIDDEN", "secret"),
        ("SHEET_NOT_READ", "notes"),
    ]
    assert parsed.rows["record"].drop_nulls().to_list() == [0, 1]
    assert parsed.rows.filter(sheet="secret")["excluded"].to_list() == ["SHEET_NOT_READ"] * 2


def test_ragged_rows_are_told_and_kept() -> None:
    data = orders_csv(
        ORDERS_ROW, order_row()[:5], [*order_row(), "surplus"], [*order_row(), "", ""]
    )
    parsed = read_here(data)
    assert [(one.code, one.row, one.value) for one in parsed.findings] == [
        ("RAGGED_ROW", 3, "5"),
        ("RAGGED_ROW", 4, "8"),
    ]
    assert parsed.findings[0].order_no == "DP-1"
    assert parsed.records.height == 4


def test_the_child_that_takes_too_much_is_ended() -> None:
    data = with_sheet(HEADER_ROW + data_row(2))
    slow = intake.Limits(wall_seconds=0.02)
    assert intake.read(io.BytesIO(data), "a", limits=slow).findings["code"][0] == "FILE_TOO_HEAVY"
    small = intake.Limits(memory_bytes=300 * 1024 * 1024)
    heavy = orders_csv(*[order_row(sku=f"S{n}" * 40) for n in range(60_000)])
    code = intake.read(io.BytesIO(heavy), "a", limits=small).findings["code"][0]
    assert code in ("FILE_TOO_HEAVY", "PARSER_DIED")
    few = intake.Limits(file_bytes=10)
    assert intake.read(io.BytesIO(data), "a", limits=few).findings["code"][0] == "FILE_TOO_LARGE"


def test_a_dying_child_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    start = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from xborder.intake import child; "
        "child._answer = {}; child.nurse(int(sys.argv[2]))"
    )
    abort = start.format("lambda *_: os.abort()")
    monkeypatch.setattr("xborder.intake.interpreter.START", abort)
    reading = intake.read(io.BytesIO(GOOD), "a.xlsx")
    assert reading.findings["code"].to_list() == ["PARSER_DIED"]
    raising = start.format("lambda *_: int('Jane Roe')")
    monkeypatch.setattr("xborder.intake.interpreter.START", raising)
    reading = intake.read(io.BytesIO(GOOD), "a.xlsx")
    assert reading.findings["code"].to_list() == ["PARSER_DIED"]
    assert "Jane" not in str(reading)


def test_a_reader_that_dies_leaves_the_nursery_working() -> None:
    small = intake.Limits(wall_seconds=0.001)
    with intake.Nursery() as nursery:
        for _ in range(2):
            dead = intake.read(io.BytesIO(GOOD), "a.xlsx", limits=small, nursery=nursery)
            assert dead.findings["code"].to_list() == ["FILE_TOO_HEAVY"]
            assert intake.read(io.BytesIO(GOOD), "a.xlsx", nursery=nursery).usable


def test_the_child_writes_no_file_and_leaves_no_process(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    path = tmp_path / "orders.xlsx"
    path.write_bytes(GOOD)
    reading = intake.read(path, "../../etc/orders.xlsx")
    assert reading.file_name == "orders.xlsx"
    assert set(reading.findings["file"]) <= {"orders.xlsx"}
    assert [one.name for one in tmp_path.iterdir()] == ["orders.xlsx"]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > before


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\orders\\a.xlsx", "a.xlsx"),
        ("a\nb\x00.csv", "a_b_.csv"),
        ("..", "file"),
        ("", "file"),
        (".hidden", "hidden"),
        ("订单.xlsx", "订单.xlsx"),
    ],
)
def test_names_lose_their_paths(given: str, kept: str) -> None:
    assert base_name(given) == kept


def test_a_crafted_deflate_stream_does_not_pass_its_room() -> None:
    packed = zlib.compress(b"\0" * 10_000_000, 9)
    assert len(packed) < 20_000
    parsed = read_here(changed("xl/media/a.xml", b"\0" * (50 * 1024 * 1024)))
    assert codes(parsed) == ["FILE_EXPANDS_TOO_MUCH"]


def test_a_file_that_is_all_faults_is_refused_as_such() -> None:
    faulty = order_row(order_no="A\u202e", sku="B\u202e", currency="\u202e")
    reading = intake.read(
        io.BytesIO(orders_csv(*[faulty] * 400)), "a.csv", limits=intake.Limits(findings=1000)
    )
    assert reading.findings["code"].to_list() == ["TOO_MANY_FAULTS"]
    assert not reading.usable
