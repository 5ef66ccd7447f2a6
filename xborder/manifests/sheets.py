"""How our workbooks look, and how a value becomes a cell.

``fields/columns.csv`` says for every sheet which columns stand in which order: source, kind
(``text``, ``name`` of a code, ``count``, ``number``, ``money``), the code table of a name, width,
whether it is printed, the heads. Codes and texts are always written as text, never as a
formula or link; what begins like a formula keeps its quote when somebody edits it.

Excel holds 15 digits of a number: a longer one is written as text, so that nothing is lost.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any

import xlsxwriter

from xborder.clock import SHANGHAI

ROWS = 1_048_576
"""Rows that an Excel sheet holds."""

DIGITS = 15
"""Digits that an Excel number holds."""

WRAPPED = 16
"""A column of text at least this wide breaks its lines."""

LEAST = {"money": 2}
"""Decimals that a kind of number shows at least."""

LINE = 15
"""Height of a line, in points."""

FONT = {"font_name": "Microsoft YaHei", "font_size": 10, "font_scheme": "none"}
HEAD = {
    "bold": True, "text_wrap": True, "valign": "vcenter", "align": "center", "border": 1,
    "border_color": "#8EA9C1", "bg_color": "#1F4E78", "font_color": "#FFFFFF", "font_size": 9,
}  # fmt: skip
TITLE = {"bold": True, "font_size": 16, "font_color": "#1F4E78", "valign": "vcenter"}
LABEL = {
    "bold": True, "bg_color": "#EAF1F7", "border": 1, "border_color": "#BFCDD9",
    "valign": "vcenter", "text_wrap": True, "font_size": 9,
}  # fmt: skip
BODY = {"border": 1, "border_color": "#D9E1E8", "valign": "vcenter"}
QUIET = {"font_color": "#666666", "font_size": 9, "text_wrap": True, "valign": "top"}

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Column:
    """A column of one of our sheets, as ``fields/columns.csv`` has it."""

    source: str
    kind: str
    codes: str
    width: float
    printed: bool
    zh: str
    en: str

    @property
    def title(self) -> str:
        """The head: Chinese above English, in one cell so that the filter finds one row."""
        return f"{self.zh}\n{self.en}"

    @property
    def wrapped(self) -> dict[str, bool]:
        """The look of a column whose texts are long: they wrap."""
        return {"text_wrap": True} if self.kind == "text" and self.width >= WRAPPED else {}


@cache
def columns(sheet: str) -> tuple[Column, ...]:
    """The columns of ``batch``, ``lists``, ``goods``, ``draft`` or ``draft goods``."""
    text = files(__package__).joinpath("fields").joinpath("columns.csv").read_text("utf-8")
    return tuple(
        Column(
            source=row["source"],
            kind=row["kind"],
            codes=row["codes"],
            width=float(row["width"] or 0),
            printed=row["printed"] == "Y",
            zh=row["zh"],
            en=row["en"],
        )
        for row in csv.DictReader(text.splitlines())
        if row["sheet"] == sheet
    )


def plain(number: Decimal) -> str:
    """A decimal as plain text without trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass
class Book:
    """A workbook being written, with the formats used so far. ``close`` gives its bytes.

    Rows of a long table do not go through it, see ``cells``.
    """

    title: str
    issued_at: datetime
    _bytes: BytesIO = field(default_factory=BytesIO)
    _formats: dict[tuple[tuple[str, Any], ...], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open it. The date of creation is the manifest's own: same rows, same bytes."""
        self.book = xlsxwriter.Workbook(
            self._bytes,
            {
                "in_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                # A copy: XlsxWriter writes into it, and the next workbook would differ.
                "default_format_properties": dict(FONT),
            },
        )
        created = self.issued_at.astimezone(SHANGHAI).replace(tzinfo=None)
        self.book.set_properties({"title": self.title, "author": "xborder", "created": created})

    def sheet(self, name: str) -> Any:
        """A new sheet for A4 landscape, one page wide, its name and page number below."""
        sheet = self.book.add_worksheet(name)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer(f"&L&8{self.title.replace('&', '&&')}&C&8&A&R&8&P / &N")
        return sheet

    def look(self, *looks: Mapping[str, Any]) -> Any:
        """A cell format of the given properties, made once."""
        merged: dict[str, Any] = dict(FONT)
        for look in looks:
            merged |= look
        key = tuple(sorted(merged.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format(merged)
        return self._formats[key]

    def style(self, *looks: Mapping[str, Any]) -> int:
        """The number by which a cell's XML names a look; numbers are given in order of asking."""
        return int(self.look(*looks)._get_xf_index())

    def text(self, sheet: Any, row: int, column: int, text: str, *looks: Mapping[str, Any]) -> None:
        """Write a text as text, whatever it looks like."""
        quoted = {"quote_prefix": True} if text.startswith(FORMULA_STARTS) else {}
        sheet.write_string(row, column, text, self.look(*looks, quoted))

    def value(
        self, sheet: Any, row: int, column: int, kind: str, value: Any, *looks: Mapping[str, Any]
    ) -> None:
        """Write a value by its kind; an absent one is an empty cell with the same look."""
        if value is None or value == "":
            sheet.write_blank(row, column, None, self.look(*looks))
        elif kind in ("text", "name"):
            self.text(sheet, row, column, str(value), {"indent": 1}, *looks)
        else:
            number = Decimal(str(value))
            if len(number.as_tuple().digits) > DIGITS:
                self.text(sheet, row, column, plain(number), {"align": "right"}, *looks)
            else:
                shown = {"num_format": number_format(_places(kind, number)), "align": "right"}
                sheet.write_number(row, column, number, self.look(shown, *looks))

    def close(self) -> bytes:
        """Finish the workbook; its bytes."""
        self.book.close()
        return self._bytes.getvalue()


def _places(kind: str, number: Decimal) -> int:
    """As many decimals as stand there; money at least two."""
    return max(len(plain(number).partition(".")[2]), LEAST.get(kind, 0))


def number_format(places: int) -> str:
    """The format of a number with so many decimals."""
    return "#,##0" + ("." + "0" * places if places else "")


def table(book: Book, name: str, heads: tuple[Column, ...], rows: int) -> None:
    """A sheet for a table: frozen, filtered heads above ``rows`` rows that are not written here."""
    sheet = book.sheet(name)
    for index, one in enumerate(heads):
        sheet.set_column(index, index, one.width)
    sheet.set_row(0, 36)
    for index, one in enumerate(heads):
        sheet.write_string(0, index, one.title, book.look(HEAD))
    sheet.freeze_panes(1, 2)
    sheet.repeat_rows(0)
    sheet.autofilter(0, 0, rows, len(heads) - 1)
    sheet.print_area(0, 0, rows, sum(1 for one in heads if one.printed) - 1)


def set_height(sheet: Any, row: int, heads: tuple[Column, ...], values: Mapping[str, Any]) -> None:
    """Make room for wrapped texts; not every program does that by itself. Before the cells."""
    lines = 1
    for one in heads:
        if one.wrapped:
            # A Chinese character is twice as wide as a digit, by which Excel counts widths.
            text = str(values.get(one.source) or "")
            wide = len(text) + sum(1 for letter in text if ord(letter) > 0x2E80)
            lines = max(lines, -(-wide // max(int(one.width) - 2, 1)))
    if lines > 1:
        sheet.set_row(row, LINE * min(lines, 12))
