"""Rows of a workbook written cell by cell with XlsxWriter: what the rows made by column must equal."""

import xlsxwriter

from xborder.manifests.sheets import BODY, FONT, LINE, Book, columns


def height(one, values):
    """Lines that a wrapped text takes: a Chinese character is as wide as two digits."""
    text = str(values.get(one.source) or "")
    wide = len(text) + sum(1 for letter in text if ord(letter) > 0x2E80)
    return -(-wide // max(int(one.width) - 2, 1))


def written(manifest, what, rows):
    """A workbook with one table; ``rows`` are dicts by source."""
    book = Book(manifest.number, manifest.issued_at)
    # Streamed, its texts stand in the cells, as in ours: openpyxl reads shared ones otherwise.
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    options |= {"default_format_properties": dict(FONT)}
    book.book = xlsxwriter.Workbook(book._bytes, options)
    sheet = book.sheet("rows")
    for at, values in enumerate(rows, start=1):
        lines = max([1, *(height(one, values) for one in columns(what) if one.wrapped)])
        if lines > 1:
            sheet.set_row(at, LINE * min(lines, 12))
        for index, one in enumerate(columns(what)):
            value = values.get(one.source)
            if one.kind == "name":
                value = manifest.names.get(one.codes, {}).get(value or "", "")
            book.value(sheet, at, index, one.kind, value, BODY, one.wrapped)
    return book.close()
