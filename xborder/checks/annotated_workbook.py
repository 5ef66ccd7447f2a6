"""Painting findings into a workbook with openpyxl: the user's own, or one made of texts.

The user's own is opened in a process with limits (``main``): openpyxl builds the whole file
in memory, and a small hostile one can make it take minutes. What runs or reaches outside
(macros, links, formulas that call out) is not written back; a copy with a link outside that
escaped this would be refused, not handed on.
"""

import gc
import io
import json
import os
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from openpyxl import Workbook
from openpyxl.cell import MergedCell
from openpyxl.comments import Comment
from openpyxl.packaging.custom import StringProperty
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import coordinate_to_tuple, get_column_letter
from openpyxl.worksheet.formula import ArrayFormula

from xborder.checks import issue_sheet
from xborder.checks.issue_list import Cause, Issue, IssueList
from xborder.checks.workbook_bytes import workbook_bytes
from xborder.intake import preflight
from xborder.intake.child import limit
from xborder.intake.copies import PROPERTY
from xborder.intake.limits import Limits

MARK = "━━ xborder ━━"
"""First line of our part of a note; what stands before it is the user's own."""

UNPACKED_BYTES = 24 * 1024 * 1024
"""Above this a workbook would not be annotated within the process's limits."""

CALLS_OUT = re.compile(
    r"\|.*!|\][\w .-]*'?!|\b(?:WEBSERVICE|HYPERLINK|IMAGE|RTD|DDE|CALL|EXEC|REGISTER(?:\.ID)?"
    r"|FILTERXML|STOCKHISTORY|IMPORT\w*)\s*\(",
    re.IGNORECASE | re.DOTALL,
)
"""A formula that reaches outside its workbook: DDE, another workbook, a fetching function."""

RICH_TEXT = re.compile(rb"<(?:\w+:)?r>")
FORMULA_CHARACTERS = 8_192
NOT_ANNOTATED = 4


@dataclass(frozen=True)
class Marks:
    """What to paint: sheet → cell → (severity, note; an empty note colours only)."""

    cells: Mapping[str, Mapping[str, tuple[str, str]]]
    issues: IssueList

    def to_json(self) -> bytes:
        """For the pipe to the limited process."""
        return json.dumps({"cells": self.cells, "issues": asdict(self.issues)}).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Marks":
        """The opposite of ``to_json``."""
        told = json.loads(text)
        issues = told["issues"]
        issues["causes"] = [Cause(**one) for one in issues["causes"]]
        issues["issues"] = [Issue(**one) for one in issues["issues"]]
        return cls(told["cells"], IssueList(**issues))


@dataclass
class TextSheet:
    """A delimited file as a sheet: (row number, texts), and the rows that are heads."""

    title: str
    rows: Sequence[tuple[int, Sequence[str | None]]]
    heads: frozenset[int] = field(default_factory=frozenset)


def own_workbook(data: bytes, marks: Marks) -> bytes:
    """The user's XLSX with notes, colours and the list as its first sheet.

    Raises Refused when the preflight does, or above ``UNPACKED_BYTES``; anything may be
    raised for what openpyxl cannot read.
    """
    limits = Limits(unpacked_bytes=UNPACKED_BYTES, member_bytes=UNPACKED_BYTES)
    # Formatting inside a cell's text costs openpyxl a third more time, and is rare.
    rich = any(RICH_TEXT.search(member) for member in preflight.unpack(data, limits).values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader = _AsWritten(io.BytesIO(data), keep_vba=False, keep_links=False, rich_text=rich)
        reader.read()
    book: Any = reader.wb
    _take_off_former_marks(book)
    _keep_inside(book)
    for sheet in book.worksheets:
        _mark(sheet, marks.cells.get(sheet.title, {}))
    titles = {sheet.title: sheet.title for sheet in book.worksheets}
    issue_sheet.paint(book.create_sheet(issue_sheet.TITLE, 0), marks.issues, titles)
    _say_whose(book, marks.issues.origin)
    return workbook_bytes(book)


def text_workbook(source: TextSheet | None, marks: Marks) -> bytes:
    """A workbook of the list and, if given, the delimited file as text cells."""
    book = Workbook()
    first: Any = book.worksheets[0]
    first.title = issue_sheet.TITLE
    titles = {}
    if source is not None:
        titles[""] = source.title
        sheet = book.create_sheet(source.title)
        _fill(sheet, source)
        _mark(sheet, marks.cells.get("", {}))
    issue_sheet.paint(first, marks.issues, titles)
    _say_whose(book, marks.issues.origin)
    return workbook_bytes(book, [sheet.title for sheet in book.worksheets])


def _say_whose(book: Any, origin: str) -> None:
    """The mark by which the copy is known when it comes back; the user's own properties stay."""
    own = book.custom_doc_props
    if PROPERTY in own.names:
        del own[PROPERTY]
    if origin:
        own.append(StringProperty(name=PROPERTY, value=origin))


class _AsWritten(ExcelReader):
    """Leaves dates as the numbers they are written as: no rounding, no number out of range."""

    wb: Any

    def read_worksheets(self) -> None:
        self.wb._date_formats = set()
        self.wb._timedelta_formats = set()
        super().read_worksheets()


def _take_off_former_marks(book: Any) -> None:
    """A copy handed back comes in again: only this round's list, notes and colours stay."""
    former = [
        sheet for sheet in book.worksheets
        if sheet.title == issue_sheet.TITLE and sheet["A1"].value == issue_sheet.TITLE
    ]  # fmt: skip
    if not former:
        return
    if len(book.worksheets) > 1:
        book.remove(former[0])
    ours = {
        index for index, fill in enumerate(book._fills)
        if fill.fgColor is not None and fill.fgColor.rgb in issue_sheet.COLOURS.values()
    }  # fmt: skip
    for sheet in book.worksheets:
        for cell in sheet._cells.values():
            if isinstance(cell, MergedCell):
                continue
            if cell._style.fillId in ours:
                cell.fill = PatternFill()
            if cell.comment is not None and MARK in cell.comment.text:
                own = cell.comment.text.partition(MARK)[0].strip()
                cell.comment = Comment(own, cell.comment.author) if own else None


def _keep_inside(book: Any) -> None:
    """Nothing that runs, fetches or points outside; text that looks like a formula stays text."""
    for name in [name for name, one in book.defined_names.items() if _reaches_out(one.attr_text)]:
        del book.defined_names[name]
    for sheet in book.worksheets:
        sheet._pivots.clear()
        for name in [n for n, one in sheet.defined_names.items() if _reaches_out(one.attr_text)]:
            del sheet.defined_names[name]
        for cell in sheet._cells.values():
            if cell.data_type == "f":
                value = cell.value.text if isinstance(cell.value, ArrayFormula) else cell.value
                if isinstance(value, str) and _reaches_out(value):
                    issue_sheet.write_text(cell, value)
            elif cell.data_type == "s" and str(cell.value or "").startswith(
                issue_sheet.FIRST_OF_FORMULA
            ):
                cell.quotePrefix = True
            if cell.hyperlink is not None and (
                cell.hyperlink.target or not cell.hyperlink.location
            ):
                cell.hyperlink = None


def _reaches_out(formula: str | None) -> bool:
    return bool(formula) and (
        len(formula or "") > FORMULA_CHARACTERS or CALLS_OUT.search(formula or "") is not None
    )


def _mark(sheet: Any, cells: Mapping[str, tuple[str, str]]) -> None:
    fills = {
        one: PatternFill("solid", fgColor=colour) for one, colour in issue_sheet.COLOURS.items()
    }
    rank = list(issue_sheet.COLOURS).index
    for place, told in _shown_at(sheet, cells).items():
        cell = sheet.cell(*place)
        cell.fill = fills[min((severity for severity, _ in told), key=rank)]
        note = "\n\n".join(text for _, text in told if text)
        if note:
            _note(cell, note)


def _shown_at(
    sheet: Any, cells: Mapping[str, tuple[str, str]]
) -> dict[tuple[int, int], list[tuple[str, str]]]:
    """Marks by (row, column); a merged cell shows, and holds, only what its first one does."""
    marks: dict[tuple[int, int], list[tuple[str, str]]] = {
        coordinate_to_tuple(cell): [mark] for cell, mark in cells.items()
    }
    for merged in sheet.merged_cells.ranges:
        first = (merged.min_row, merged.min_col)
        for row, column in [place for place in marks if place != first]:
            if (
                merged.min_row <= row <= merged.max_row
                and merged.min_col <= column <= merged.max_col
            ):
                marks.setdefault(first, []).extend(marks.pop((row, column)))
    return marks


def _note(cell: Any, note: str) -> None:
    """Our part of a note below the user's own, if there is one."""
    author, own = "xborder", ""
    if cell.comment is not None:
        author, own = cell.comment.author or author, cell.comment.text.rstrip() + "\n\n"
    text = issue_sheet.clean(f"{own}{MARK}\n{note}")
    height = min(issue_sheet.lines_of(text, 52), 24) * 18 + 12
    cell.comment = Comment(text, author, height=height, width=380)


def _fill(sheet: Any, source: TextSheet) -> None:
    """Every cell as text (format ``@``: a number typed later keeps its zeros, too)."""
    widths: dict[int, int] = {}
    styles: dict[bool, Any] = {}
    for number, texts in source.rows:
        head = number in source.heads
        for column, text in enumerate(texts, 1):
            if not text:
                continue
            cell = sheet.cell(number, column)
            if head not in styles:
                cell.number_format = "@"
                if head:
                    cell.font = Font(bold=True)
                    cell.alignment = Alignment(vertical="center", wrap_text=True)
                styles[head] = cell._style
            cell._style = copy(styles[head])
            issue_sheet.write_text(cell, text.replace("\r\n", "\n"))
            if number <= 200:
                first_line = text[:60].partition("\n")[0]
                wide = sum(2 if ord(one) > 0x2E7F else 1 for one in first_line)
                widths[column] = max(widths.get(column, 0), wide)
    for column, wide in widths.items():
        sheet.column_dimensions[get_column_letter(column)].width = min(max(wide + 2, 8), 40)
    if source.heads and max(source.heads) <= 10:
        sheet.freeze_panes = f"A{max(source.heads) + 1}"


def serve(memory_bytes: int, cpu_seconds: int) -> None:
    """In the warm interpreter (see ``annotator``): a limited process for each workbook.

    From stdin come marks and a workbook, each after its length (8 bytes); to stdout goes the
    annotated one after its length, which is 0 for a workbook that cannot be opened or marked.
    """
    source, answer = sys.stdin.buffer, sys.stdout.buffer
    # What stands by now is shared with all that are forked, and none of it is garbage.
    gc.freeze()
    while told := source.read(8):
        marks = source.read(int.from_bytes(told, "big"))
        original = source.read(int.from_bytes(source.read(8), "big"))
        annotated = _forked(original, marks, memory_bytes, cpu_seconds)
        answer.write(len(annotated).to_bytes(8, "big"))
        answer.write(annotated)
        answer.flush()


def _forked(original: bytes, marks: bytes, memory_bytes: int, cpu_seconds: int) -> bytes:
    """What the process of one workbook says; nothing if it dies or says that it cannot."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _annotate(original, marks, writing, memory_bytes, cpu_seconds)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        annotated = pipe.read()
    _, status = os.waitpid(child, 0)
    return annotated if status == 0 else b""


def _annotate(
    original: bytes, marks: bytes, writing: int, memory_bytes: int, cpu_seconds: int
) -> NoReturn:
    # Nothing that openpyxl builds is released before this process ends.
    gc.disable()
    try:
        # The lines to our parent are not for what a workbook may do here.
        null = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(null, standard)
        limit(memory_bytes, cpu_seconds)
        annotated = own_workbook(original, Marks.from_json(marks))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(annotated)
    except BaseException:
        # Refused, or openpyxl raises whatever its parts do; a traceback could quote cells.
        os._exit(NOT_ANNOTATED)
    os._exit(0)
