"""XLSX to rows: a streaming reader over Expat that keeps each cell's type and source text.

No library at hand tells a number from a text that looks like one, the digits a number was
written with, an error from an empty cell, or a formula that was never calculated; a customs
declaration needs all four. Whole members are fed at once (an old Expat re-scans a long token
for every buffer), and only members that the preflight has checked.
"""

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

from xborder.intake import grid, plain_sheet
from xborder.intake.grid import Row, Sheet
from xborder.intake.limits import Limits, refuse
from xborder.intake.numbers import cell_number

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})", re.ASCII)
OTHER_WORKBOOK = re.compile(r"\[[0-9]+\]", re.ASCII)
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_", re.ASCII)
DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
"""Built-in number formats that show dates (ECMA-376 18.8.30), with the East Asian ones."""
LITERALS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h|m|s)[^\]]*\]', re.ASCII | re.IGNORECASE)


def read(members: dict[str, bytes], limits: Limits) -> list[Sheet]:
    """All sheets of a workbook, in its order.

    Raises Refused: FILE_DAMAGED (not XML, part missing), SHEET_OUT_OF_ORDER (a row or cell
    stands twice or before its turn), CELL_OUTSIDE_SHEET, TOO_MANY_COLUMNS.
    """
    by_name = {name.casefold(): content for name, content in members.items()}
    listed, base_1904 = _workbook(by_name)
    strings = _shared_strings(by_name.get("xl/sharedstrings.xml", b""))
    dates, widths = _styles(by_name.get("xl/styles.xml", b""))
    sheets = []
    for name, hidden, target in listed:
        content = by_name.get(target.casefold())
        if content is None:
            refuse("FILE_DAMAGED", reason=f"sheet part {target} missing")
        sheet = Sheet(name, hidden=hidden, base_1904=base_1904)
        values = Values(strings, dates, widths, limits.field_characters)
        rows = plain_sheet.rows(content, values.value, limits)
        if rows is None:
            _SheetReader(sheet, values, limits).read(content)
        else:
            sheet.rows = rows
        sheets.append(sheet)
    return sheets


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _parse(content: bytes, start: Callable[[str, dict[str, str]], None], **more: object) -> None:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    for handler, function in more.items():
        setattr(parser, handler, function)
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        refuse("FILE_DAMAGED", reason=f"XML: {error}")


def _workbook(members: dict[str, bytes]) -> tuple[list[tuple[str, bool, str]], bool]:
    """Sheets (name, hidden, part) and whether dates count from 1904."""
    targets: dict[str, str] = {}

    def relation(name: str, values: dict[str, str]) -> None:
        if _local(name) == "Relationship" and values.get("Type", "").endswith("/worksheet"):
            target = values.get("Target", "")
            part = target.lstrip("/") if target.startswith("/") else posixpath.join("xl", target)
            targets[values.get("Id", "")] = posixpath.normpath(part)

    listed: list[tuple[str, bool, str]] = []
    base_1904 = False

    def element(name: str, values: dict[str, str]) -> None:
        nonlocal base_1904
        local = _local(name)
        if local == "sheet":
            key = next((values[k] for k in values if _local(k) == "id" and ":" in k), "")
            if key in targets:
                hidden = values.get("state", "visible") != "visible"
                listed.append((values.get("name", ""), hidden, targets[key]))
        elif local == "workbookPr":
            base_1904 = values.get("date1904", "0") in ("1", "true")

    _parse(members.get("xl/_rels/workbook.xml.rels", b"<none/>"), relation)
    _parse(members["xl/workbook.xml"], element)
    if not listed:
        refuse("FILE_DAMAGED", reason="no sheets")
    return listed, base_1904


def _unescape(text: str) -> str:
    return ESCAPED.sub(lambda found: _character(found[1]), text) if "_x" in text else text


def _character(digits: str) -> str:
    """The character of an escape; half a character, which no text may hold, as U+FFFD."""
    number = int(digits, 16)
    return "\ufffd" if 0xD800 <= number < 0xE000 else chr(number)


def _shared_strings(content: bytes) -> list[str]:
    """The table of shared strings; phonetic hints (rPh) are not part of the text."""
    plain = plain_sheet.strings(content)
    if plain is not None:
        return [_unescape(one) for one in plain] if b"_x" in content else plain
    return _strings_by_expat(content)


def _strings_by_expat(content: bytes) -> list[str]:
    strings: list[str] = []
    pieces: list[str] = []
    inside = phonetic = False

    def start(name: str, _values: dict[str, str]) -> None:
        nonlocal inside, phonetic
        local = _local(name)
        if local == "si":
            pieces.clear()
        elif local == "rPh":
            phonetic = True
        elif local == "t":
            inside = not phonetic

    def end(name: str) -> None:
        nonlocal inside, phonetic
        local = _local(name)
        if local == "t":
            inside = False
        elif local == "rPh":
            phonetic = False
        elif local == "si":
            strings.append(_unescape("".join(pieces)))

    def text(data: str) -> None:
        if inside:
            pieces.append(data)

    if content:
        _parse(content, start, EndElementHandler=end, CharacterDataHandler=text)
    return strings


def _styles(content: bytes) -> tuple[set[str], dict[str, int]]:
    """Style numbers that show dates, and those that pad with zeros (format 000000 → 6)."""
    formats: dict[int, str] = {}
    used: list[int] = []
    inside = False

    def start(name: str, values: dict[str, str]) -> None:
        nonlocal inside
        local = _local(name)
        if local == "numFmt":
            formats[int(values.get("numFmtId", "0"))] = values.get("formatCode", "")
        elif local == "cellXfs":
            inside = True
        elif local == "xf" and inside:
            used.append(int(values.get("numFmtId", "0")))

    def end(name: str) -> None:
        nonlocal inside
        if _local(name) == "cellXfs":
            inside = False

    if content:
        try:
            _parse(content, start, EndElementHandler=end)
        except ValueError:
            refuse("FILE_DAMAGED", reason="styles")
    dates, widths = set(), {}
    for style, number in enumerate(used):
        code = formats.get(number, "")
        if number in DATE_FORMATS or (
            code and re.search("[ymdhs]", LITERALS.sub("", code.lower()))
        ):
            dates.add(str(style))
        elif len(code) > 1 and re.fullmatch("0+", code):
            widths[str(style)] = len(code)
    return dates, widths


@dataclass(frozen=True)
class Values:
    """What the cells of a workbook's sheets refer to: shared texts, and what styles show."""

    strings: list[str]
    dates: set[str]
    widths: dict[str, int]
    longest: int = Limits.field_characters

    def value(self, kind: str, style: str, source: str) -> tuple[str | None, bytes]:
        """Text and kind of a cell, from its type, style and source text, which is not empty.

        Raises Refused with FILE_DAMAGED, also for a text that no workbook can hold.
        """
        if len(source) > self.longest:
            self._too_long(source)
        if kind == "s":
            if not source.isascii() or not source.isdigit() or len(source) > 9:
                refuse("FILE_DAMAGED", reason=f"shared string {source[:20]}")
            index = int(source)
            if index >= len(self.strings):
                refuse("FILE_DAMAGED", reason=f"shared string {source}")
            if len(self.strings[index]) > self.longest:
                self._too_long(self.strings[index])
            return self.strings[index], grid.TEXT
        if kind == "n":
            text, is_number = cell_number(source)
            if not is_number:
                return text, grid.TEXT
            if style in self.dates:
                return text, grid.DATE
            width = self.widths.get(style)
            return (text.zfill(width) if width else text), grid.NUMBER
        if kind == "e":
            return source, grid.ERROR
        if kind == "b":
            return ("TRUE" if source in ("1", "true") else "FALSE"), grid.BOOLEAN
        return _unescape(source), grid.TEXT

    def _too_long(self, text: str) -> NoReturn:
        refuse("FILE_DAMAGED", reason=f"a cell of {len(text)} characters")


class _SheetReader:
    """State of one pass over a sheet's XML: the row and the cell that are open."""

    def __init__(
        self,
        sheet: Sheet,
        values: Values,
        limits: Limits,
    ) -> None:
        self.sheet, self.values, self.limits = sheet, values, limits
        self.columns: dict[str, int] = {}
        self.number = 0
        self.texts: list[str | None] = []
        self.kinds = bytearray()
        self.column = -1
        self.type = self.style = ""
        self.formula = self.in_formula = self.elsewhere = self.reading = False
        self.phonetic = False
        self.pieces: list[str] = []

    def read(self, content: bytes) -> None:
        _parse(content, self.start, EndElementHandler=self.end, CharacterDataHandler=self.text)

    def start(self, name: str, values: dict[str, str]) -> None:
        if name == "c" or name.endswith(":c"):
            self._place(values.get("r", ""))
            self.type = values.get("t", "n")
            self.style = values.get("s", "")
            self.formula = self.elsewhere = False
            self.pieces = []
            return
        local = name if ":" not in name else _local(name)
        if local == "v" or local == "t":
            self.reading = not self.phonetic
        elif local == "row":
            self._open_row(values.get("r", ""))
        elif local == "f":
            self.formula = self.in_formula = True
        elif local == "rPh":
            self.phonetic = True

    def text(self, data: str) -> None:
        if self.reading:
            self.pieces.append(data)
        elif self.in_formula and OTHER_WORKBOOK.search(data):
            self.elsewhere = True

    def end(self, name: str) -> None:
        local = name if ":" not in name else _local(name)
        if local == "v" or local == "t":
            self.reading = False
        elif local == "f":
            self.in_formula = False
        elif local == "c":
            self._close_cell()
        elif local == "row":
            if self.texts:
                kinds = bytes(self.kinds)
                self.sheet.rows.append(Row(self.number, tuple(self.texts), kinds))
            self.texts = []
        elif local == "rPh":
            self.phonetic = False

    def _open_row(self, written: str) -> None:
        number = self.number + 1
        if written:
            if not written.isascii() or not written.isdigit() or len(written) > 9:
                refuse("CELL_OUTSIDE_SHEET", sheet=self.sheet.name, value=written[:40])
            number = int(written)
        if not 1 <= number <= LAST_ROW:
            refuse("CELL_OUTSIDE_SHEET", sheet=self.sheet.name, value=written[:40])
        if number <= self.number:
            refuse("SHEET_OUT_OF_ORDER", sheet=self.sheet.name, row=number)
        self.number = number
        self.texts, self.kinds, self.column = [], bytearray(), -1

    def _place(self, reference: str) -> None:
        column = self.column + 1
        if reference:
            found = REFERENCE.fullmatch(reference)
            if not found or int(found[2]) != self.number:
                refuse("CELL_OUTSIDE_SHEET", sheet=self.sheet.name, value=reference[:40])
            column = self.columns.get(found[1], -1)
            if column < 0:
                column = 0
                for letter in found[1]:
                    column = column * 26 + ord(letter) - 64
                column -= 1
                self.columns[found[1]] = column
        if column >= LAST_COLUMN:
            refuse("CELL_OUTSIDE_SHEET", sheet=self.sheet.name, value=reference[:40])
        if column <= self.column:
            refuse("SHEET_OUT_OF_ORDER", sheet=self.sheet.name, row=self.number, value=reference)
        self.column = column

    def _close_cell(self) -> None:
        source = "".join(self.pieces) if self.pieces else ""
        if source:
            text, kind = self.values.value(self.type, self.style, source)
        else:
            text, kind = None, grid.UNCOMPUTED if self.formula else grid.TEXT
        if not text and kind != grid.UNCOMPUTED:
            return
        if self.column >= self.limits.columns:
            refuse(
                "TOO_MANY_COLUMNS",
                sheet=self.sheet.name,
                row=self.number,
                value=str(self.column + 1),
                expected=str(self.limits.columns),
            )
        missing = self.column - len(self.texts)
        if missing:
            self.texts.extend([None] * missing)
            self.kinds.extend(grid.TEXT * missing)
        self.texts.append(text)
        self.kinds += grid.ELSEWHERE if self.elsewhere else kind
