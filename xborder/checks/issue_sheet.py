"""The first sheet of an annotated file: ``问题清单 Issues``.

One head for two sections, so that it stays in sight and its filter serves both: a line for
each cause, then a line for each finding with a link to its cell. All that is written is text.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink

from xborder.checks.issue_list import Cause, Issue, IssueList
from xborder.intake.copies import ISSUES

TITLE = ISSUES
"""The name by which intake knows this sheet when the file comes back."""

COLOURS = {"fatal": "FFFF9C9C", "error": "FFFFC9C7", "warning": "FFFFE8A3", "notice": "FFD6E6F5"}
"""ARGB by severity; no other hand writes just these, so a second round can take them off."""

NAMES = {
    "fatal": "致命 fatal",
    "error": "错误 error",
    "warning": "警告 warning",
    "notice": "提示 notice",
}
COLUMNS = (
    ("级别\nSeverity", 13),
    ("数量\nCount", 8),
    ("位置\nPlace", 24),
    ("列\nColumn", 20),
    ("值\nFound", 18),
    ("应为\nExpected", 20),
    ("说明", 38),
    ("怎么办", 34),
    ("Meaning", 38),
    ("What to do", 34),
    ("订单\nOrder", 18),
    ("另见\nSee also", 24),
    ("代码\nCode", 27),
)
HEAD_ROW = 4
LINE_POINTS = 14.5
EXCEL_CHARACTERS = 32_000
FIRST_OF_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)", re.ASCII)
_FONT = "Microsoft YaHei"
_LINE = Side(style="thin", color="FFD9E1E7")
_STYLES: dict[str, Any] = {
    "title": {"font": Font(name=_FONT, size=16, bold=True, color="FF12324A")},
    "said": {"font": Font(name=_FONT, size=10, color="FF51636F")},
    "head": {
        "font": Font(name=_FONT, size=10, bold=True, color="FFFFFFFF"),
        "fill": PatternFill("solid", fgColor="FF12324A"),
        "alignment": Alignment(wrap_text=True, vertical="center"),
        "border": Border(left=_LINE, right=_LINE),
    },
    "band": {
        "font": Font(name=_FONT, size=10, bold=True, color="FF12324A"),
        "fill": PatternFill("solid", fgColor="FFE4EBF0"),
        "alignment": Alignment(vertical="center"),
    },
    "text": {
        "font": Font(name=_FONT, size=10),
        "alignment": Alignment(wrap_text=True, vertical="top"),
        "border": Border(bottom=_LINE),
    },
    "link": {
        "font": Font(name=_FONT, size=10, color="FF0563C1", underline="single"),
        "alignment": Alignment(wrap_text=True, vertical="top"),
        "border": Border(bottom=_LINE),
    },
    "count": {
        "font": Font(name=_FONT, size=10, bold=True),
        "alignment": Alignment(horizontal="center", vertical="top"),
        "border": Border(bottom=_LINE),
    },
    "code": {
        "font": Font(name=_FONT, size=9, color="FF51636F"),
        "alignment": Alignment(wrap_text=True, vertical="top"),
        "border": Border(bottom=_LINE),
    },
} | {
    severity: {
        "font": Font(name=_FONT, size=10, bold=True),
        "fill": PatternFill("solid", fgColor=colour),
        "alignment": Alignment(vertical="top"),
        "border": Border(bottom=_LINE),
    }
    for severity, colour in COLOURS.items()
}


def clean(text: str) -> str:
    """Text as a workbook can hold it: control characters visible, escapes literal, bounded."""
    if _NOT_XML.search(text):
        text = _NOT_XML.sub(lambda found: _visible(found[0]), text)
    return _LOOKS_ESCAPED.sub("_x005F_", text[:EXCEL_CHARACTERS])


def _visible(character: str) -> str:
    return chr(0x2400 + ord(character)) if ord(character) < 0x20 else "\ufffd"


def write_text(cell: Any, text: str) -> None:
    """Write text that stays text, whatever it begins with, also after an edit in Excel."""
    cell.value = clean(text)
    cell.data_type = "s"
    if text.startswith(FIRST_OF_FORMULA):
        cell.quotePrefix = True


def link_to(cell: Any, sheet: str, target: str) -> None:
    """Make a cell a link to a place in its own workbook."""
    quoted = sheet.replace("'", "''")
    cell.hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{quoted}'!{target}")


def paint(sheet: Any, issues: IssueList, titles: Mapping[str, str]) -> None:
    """Fill an empty sheet. ``titles``: sheet as findings name it → sheet of this workbook."""
    painter = _Painter(sheet)
    _head(painter, issues)
    band = HEAD_ROW + 1
    painter.band(band, f"按原因 By cause · {len(issues.causes)}")
    first_issue = band + len(issues.causes) + 2
    row = band
    for cause in issues.causes:
        row += 1
        painter.cause(row, cause, first_issue)
        first_issue += cause.listed + (cause.listed < cause.count)
    row += 1
    painter.band(row, f"逐条 Each finding · {sum(issues.totals.values())}")
    told = iter(issues.issues)
    for cause in issues.causes:
        for _ in range(cause.listed):
            row += 1
            painter.issue(row, next(told), titles)
        if cause.listed < cause.count:
            row += 1
            painter.left_off(row, cause)
    sheet.auto_filter.ref = f"A{HEAD_ROW}:{get_column_letter(len(COLUMNS))}{max(row, HEAD_ROW + 1)}"
    worst = next((one for one, count in issues.totals.items() if count), "")
    sheet.sheet_properties.tabColor = COLOURS.get(worst, "FFBFE3C5")


def _head(painter: "_Painter", issues: IssueList) -> None:
    sheet = painter.sheet
    painter.text(1, 1, TITLE, "title")
    totals = " · ".join(f"{NAMES[one]} {count}" for one, count in issues.totals.items() if count)
    painter.text(
        2, 1, f"{issues.file_name}　{totals or '没有发现问题 nothing found wrong'}", "said"
    )
    if any(issues.not_annotated):
        zh, en = issues.not_annotated
        said = (
            f"只返回清单：{zh}，请按“位置”列在原文件中改正。"
            f"List only: {en}; correct the places in your own file."
        )
    else:
        said = (
            "点“位置”跳到单元格；有色单元格带批注。红：订单暂缓申报；黄：请核对；蓝：仅提示。"
            "Click a place to go to its cell; coloured cells carry a note. "
            "Red: the order is held; yellow: please check; blue: for your information."
        )
    painter.text(3, 1, said, "said")
    if issues.origin:
        painter.text(2, len(COLUMNS), issues.origin, "said")
    sheet.row_dimensions[1].height = 28
    sheet.row_dimensions[HEAD_ROW].height = 34
    for index, (head, width) in enumerate(COLUMNS, 1):
        painter.text(HEAD_ROW, index, head, "head")
        sheet.column_dimensions[get_column_letter(index)].width = width
    sheet.freeze_panes = f"A{HEAD_ROW + 1}"
    sheet.sheet_view.showGridLines = False
    sheet.sheet_view.zoomScale = 100
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = f"{HEAD_ROW}:{HEAD_ROW}"


class _Painter:
    """A sheet, and each style registered with its workbook once."""

    def __init__(self, sheet: Any) -> None:
        self.sheet = sheet
        self.styles: dict[str, Any] = {}

    def cell(self, row: int, column: int, style: str) -> Any:
        cell: Any = self.sheet.cell(row, column)
        if style not in self.styles:
            for name, value in _STYLES[style].items():
                setattr(cell, name, value)
            self.styles[style] = cell._style
        cell._style = self.styles[style].__copy__()
        return cell

    def text(self, row: int, column: int, text: str, style: str) -> Any:
        cell = self.cell(row, column, style)
        write_text(cell, text)
        return cell

    def band(self, row: int, text: str) -> None:
        for column in range(1, len(COLUMNS) + 1):
            self.cell(row, column, "band")
        self.text(row, 1, text, "band")
        self.sheet.row_dimensions[row].height = 22

    def line(self, row: int, severity: str, texts: list[str]) -> None:
        """Severity, then the texts from the third column on; the height that they need."""
        self.text(row, 1, NAMES[severity], severity)
        self.cell(row, 2, "count")
        lines = 1
        for column, text in enumerate(texts, 3):
            style = "code" if column == len(COLUMNS) else "text"
            cell = self.cell(row, column, style)
            if text:
                write_text(cell, text)
                lines = max(lines, lines_of(text, COLUMNS[column - 1][1]))
        self.sheet.row_dimensions[row].height = min(lines, 12) * LINE_POINTS + 3

    def link(self, row: int, column: int, sheet: str, target: str) -> None:
        cell = self.sheet.cell(row, column)
        prefixed = cell.quotePrefix
        link_to(self.cell(row, column, "link"), sheet, target)
        cell.quotePrefix = prefixed

    def cause(self, row: int, cause: Cause, first: int) -> None:
        seen = [cause.column, cause.value, cause.expected]
        said = [cause.message_zh, cause.fix_zh, cause.message_en, cause.fix_en]
        self.line(row, cause.severity, ["↓ 逐条 details", *seen, *said, "", "", cause.code])
        self.sheet.cell(row, 2).value = cause.count
        self.link(row, 3, self.sheet.title, f"A{first}")

    def issue(self, row: int, one: Issue, titles: Mapping[str, str]) -> None:
        said = [one.message_zh, one.fix_zh, one.message_en, one.fix_en]
        self.line(
            row,
            one.severity,
            [one.place, one.column, one.value, one.expected, *said, one.order_no, one.also_at,
             one.code],
        )  # fmt: skip
        for column, target in ((3, one.link), (12, one.also_link)):
            if target and target[0] in titles:
                self.link(row, column, titles[target[0]], target[1])

    def left_off(self, row: int, cause: Cause) -> None:
        more = cause.count - cause.listed
        told = f"另有 {more} 处未逐条列出 {more} more not listed"
        self.line(row, cause.severity, [told, *[""] * 9, cause.code])


def lines_of(text: str, width: float) -> int:
    """Lines that a text takes in a column of ``width`` characters; a hanzi takes two."""
    taken = 0
    for line in text.split("\n"):
        cells = len(line)
        if not line.isascii():
            cells += sum(unicodedata.east_asian_width(one) in "WF" for one in line[:2000])
        taken += max(1, -(-cells // int(width)))
    return taken
