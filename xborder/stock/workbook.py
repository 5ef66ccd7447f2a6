"""The stock report as a workbook (``stock.xlsx``): a summary and one sheet a table.

Text is always written as text: a warehouse or SKU that begins with ``= + - @`` never becomes a
formula or a link. Numbers are numbers unless they have more digits than Excel keeps.
"""

import io
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import xlsxwriter

from xborder.stock import tables
from xborder.stock.exceptions import plain

if TYPE_CHECKING:
    from xborder.stock.report import StockReport

SHEET_ROWS = 1_000_000
"""Rows of a sheet below its head; a longer table goes on in a next sheet."""

EXCEL_DIGITS = 15
EXCEL_TEXT = 32_767
WIDTHS = {"units": 11, "date": 12, "count": 9, "text": 18}
WIDE = {"message_zh": 60, "message_en": 60, "fix_zh": 40, "fix_en": 40, "code": 28, "manifest": 22}


def render(report: "StockReport") -> bytes:
    """The workbook's bytes; the same report gives the same bytes."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(
        target,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    # The report's own day, not the clock: a re-run gives the same bytes.
    book.set_properties(
        {
            "title": "海外仓库存报告 Overseas stock report",
            "author": "xborder",
            "created": datetime.combine(report.report_date, datetime.min.time()),
        }
    )
    styles = {
        "head": book.add_format(
            {"bold": True, "bg_color": "#12324a", "font_color": "#ffffff", "text_wrap": True,
             "valign": "vcenter", "border": 1, "border_color": "#d9e1e7"}
        ),
        "title": book.add_format({"bold": True, "font_size": 16}),
        "text": book.add_format({"quote_prefix": True}),
        "units": book.add_format({"num_format": "#,##0.#####;[Red]-#,##0.#####;0"}),
        "count": book.add_format({"num_format": "0"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd", "align": "left"}),
    }  # fmt: skip
    _summary(book, styles, report)
    for name, frame in report.frames().items():
        for part, start in enumerate(range(0, max(frame.height, 1), SHEET_ROWS)):
            _sheet(book, styles, name, frame.slice(start, SHEET_ROWS), part)
    book.close()
    return target.getvalue()


def _summary(book: Any, styles: dict[str, Any], report: "StockReport") -> None:
    sheet = book.add_worksheet("总览 Summary")
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 1, 18)
    sheet.write_string(0, 0, "海外仓库存报告 Overseas stock report", styles["title"])
    since = report.since.isoformat() if report.since else "首笔变动 first movement"
    lines: list[tuple[str, object]] = [
        ("报告日期 Report date", report.report_date),
        ("期间自 Period since", since),
        ("变动记录 Movements", report.counts["rows"]),
        ("　计入 counted", report.counts["counted"]),
        ("　重复 replayed", report.counts["replayed"]),
        ("　未计入 refused", report.counts["refused"]),
        ("　晚于报告日 dated later", report.counts["later"]),
    ]
    lines += [
        (" ".join(tables.TITLES[name]) + "（行 rows）", frame.height)
        for name, frame in report.frames().items()
    ]
    for row, (label, value) in enumerate(lines, start=2):
        sheet.write_string(row, 0, label)
        _cell(sheet, styles, row, 1, value, "count" if isinstance(value, int) else "text")


def _sheet(book: Any, styles: dict[str, Any], name: str, frame: pl.DataFrame, part: int) -> None:
    title = " ".join(tables.TITLES[name])[:27] + (f" {part + 1}" if part else "")
    sheet = book.add_worksheet(title)
    sheet.set_row(0, 32)
    kinds = [tables.kind(column) for column in frame.columns]
    for index, column in enumerate(frame.columns):
        sheet.set_column(index, index, WIDE.get(column, WIDTHS[kinds[index]]))
        sheet.write_string(0, index, "\n".join(tables.heading(name, column)), styles["head"])
    for row, values in enumerate(frame.iter_rows(), start=1):
        for index, value in enumerate(values):
            if value is not None:
                _cell(sheet, styles, row, index, value, kinds[index])
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(frame.height, 1), len(kinds) - 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _cell(
    sheet: Any, styles: dict[str, Any], row: int, column: int, value: object, kind: str
) -> None:
    if isinstance(value, date):
        sheet.write_datetime(row, column, value, styles["date"])
    elif isinstance(value, Decimal) and len(value.normalize().as_tuple().digits) <= EXCEL_DIGITS:
        sheet.write_number(row, column, value, styles["units"])
    elif isinstance(value, Decimal):
        sheet.write_string(row, column, plain(value), styles["text"])
    elif isinstance(value, int):
        sheet.write_number(row, column, value, styles[kind])
    else:
        sheet.write_string(row, column, str(value)[:EXCEL_TEXT], styles["text"])
