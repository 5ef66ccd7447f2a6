"""A workbook as bytes: the same ones each time, made in memory, with nothing that points outside.

openpyxl by itself writes the time of day and puts every sheet into a temporary file; what is
written here is the user's own data, which has no business there.
"""

import io
from collections.abc import Collection
from datetime import datetime
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl.drawing.spreadsheet_drawing import SpreadsheetDrawing
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.writer.excel import ExcelWriter
from openpyxl.xml.functions import Element

WRITTEN = datetime(2000, 1, 1)  # noqa: DTZ001 - the format has no zone
"""Created and modified of every workbook."""


def workbook_bytes(book: Any, all_text: Collection[str] = ()) -> bytes:
    """The bytes of an openpyxl workbook, opened on its first sheet.

    ``all_text``: titles of sheets in which numbers kept as text are meant so. Raises
    ValueError if a link outside is left in it.
    """
    book.active = 0
    for view in book.views:
        view.firstSheet = 0
    # Two selected sheets are a group in Excel: what is typed into one goes into both.
    for sheet in book.worksheets:
        sheet.sheet_view.tabSelected = sheet is book.worksheets[0]
    for chart in book.chartsheets:
        for view in chart.sheetViews.sheetView:
            view.tabSelected = False
    book.properties.created = book.properties.modified = WRITTEN
    target = io.BytesIO()
    _Writer(book, _Archive(target, "w", ZIP_DEFLATED), all_text).save()
    return target.getvalue()


class _SheetWriter(WorksheetWriter):
    """Keeps Excel from marking every number that is text as an error."""

    xf: Any
    _rels: Any

    def __init__(self, sheet: Any, out: io.BytesIO, all_text: bool) -> None:
        self.all_text = all_text
        super().__init__(sheet, out)

    def write_breaks(self) -> None:
        """Page breaks, and what the format wants right after them."""
        super().write_breaks()
        if self.all_text:
            errors = Element("ignoredErrors")
            errors.append(Element("ignoredError", sqref="A1:XFD1048576", numberStoredAsText="1"))
            self.xf.send(errors)


class _Writer(ExcelWriter):
    """Writes sheets to memory instead of temporary files."""

    _archive: Any
    manifest: Any

    def __init__(self, book: Any, archive: ZipFile, all_text: Collection[str]) -> None:
        self.all_text = all_text
        super().__init__(book, archive)

    def write_worksheet(self, ws: Any) -> None:
        """One sheet, as openpyxl does it but for the file."""
        ws._drawing = SpreadsheetDrawing()
        ws._drawing.charts, ws._drawing.images = ws._charts, ws._images
        out = io.BytesIO()
        writer = _SheetWriter(ws, out, ws.title in self.all_text)
        writer.write()
        ws._rels = writer._rels
        self._archive.writestr(ws.path[1:], out.getvalue())
        self.manifest.append(ws)


class _Archive(ZipFile):
    """A ZIP without the time of day, and without a part that points outside."""

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_: Any, **__: Any) -> None:
        """Write one member, always deflated, dated as the format's first day."""
        content = data.encode() if isinstance(data, str) else bytes(data)
        if str(zinfo_or_arcname).endswith(".rels") and b'TargetMode="External"' in content:
            raise ValueError("a link outside is left")
        info = ZipInfo(str(zinfo_or_arcname), (1980, 1, 1, 0, 0, 0))
        info.compress_type = ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        super().writestr(info, content)
