"""A file's cells without a layout: text as it stands, days as ISO, bombs and formulas told."""

import datetime
import io
import zipfile
from pathlib import Path

import openpyxl
import pytest

from xborder import intake


def codes(read: intake.Plain) -> list[str]:
    return read.found["code"].to_list()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_text_files(tmp_path: Path, encoding: str, delimiter: str) -> None:
    rows = [["税则", "", ""], ["编码", "名称", "单位"], ["0101210010", '"马, 改良种用"', "035"]]
    path = tmp_path / "t.csv"
    path.write_bytes("\n".join(delimiter.join(row) for row in rows).encode(encoding))
    read = intake.read_plain(path)
    assert codes(read) == []
    assert read.cells["cells"].to_list()[-1] == ["0101210010", "马, 改良种用", "035"]
    assert read.cells["row"].to_list() == [1, 2, 3] and len(read.sha256) == 64


def test_a_cell_may_hold_another_delimiter_more_often_than_there_are_columns(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.csv"
    elements = "0:品牌类型;1:出口享惠情况;2:用途;3:材质;4:品牌;5:型号;6:GTIN;7:CAS"
    path.write_text(f"2027 年税则\n商品编码,申报要素（全）,note\n6911101900,{elements},\n", "utf-8")
    read = intake.read_plain(path, heads=["申报要素", "商品编码"])
    assert read.cells["cells"].to_list()[-1] == ["6911101900", elements, None]
    assert read.cells["ragged"].to_list() == [1, 0, 0]


def test_a_row_of_another_width_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("code,name\n" + "1,a\n" * 30 + "2\n3,c,d\n", "utf-8")
    assert intake.read_plain(path).cells["ragged"].to_list()[-3:] == [0, 1, 3]


def test_workbooks(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["code", "from", "rate"])
    sheet.append(["035", datetime.date(2026, 12, 1), 7.0915])
    hidden = book.create_sheet("old")
    hidden.append(["x"])
    hidden.sheet_state = "hidden"
    book.save(tmp_path / "t.xlsx")
    read = intake.read_plain(tmp_path / "t.xlsx")
    assert read.cells["cells"].to_list() == [
        ["code", "from", "rate"],
        ["035", "2026-12-01", "7.0915"],
    ]
    assert codes(read) == [] and read.cells["sheet"].unique().to_list() == [sheet.title]


def test_a_formula_without_a_value_is_told_at_its_cell(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["code", "name"])
    book.active.append(["=1+1", "a"])
    book.save(tmp_path / "t.xlsx")
    read = intake.read_plain(tmp_path / "t.xlsx")
    assert (codes(read), read.found.item(0, "cell")) == (["CELL_NOT_USABLE"], "A2")


def test_a_bomb_and_other_files_are_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["code"])
    plain = io.BytesIO()
    book.save(plain)
    bomb = tmp_path / "t.xlsx"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(bomb, "w", 8) as target:
        for name in source.namelist():
            more = b" " * 80_000_000 if name.endswith("sheet1.xml") else b""
            target.writestr(name, source.read(name) + more)
    assert bomb.stat().st_size < 200_000
    assert codes(intake.read_plain(bomb)) == ["FILE_EXPANDS_TOO_MUCH"]
    for content, code in (
        (b"", "FILE_EMPTY"),
        (b"%PDF-1.7", "FILE_TYPE_NOT_ACCEPTED"),
        (b"code\n\xff\xfe\xff", "ENCODING_UNKNOWN"),
    ):
        (tmp_path / "t.csv").write_bytes(content)
        read = intake.read_plain(tmp_path / "t.csv")
        assert codes(read) == [code] and read.cells.is_empty()
