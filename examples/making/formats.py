"""The project's own template, plain tables, and files that are broken on purpose.

Headers of the project's own template come from its layouts, so that both stay in step.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import xlsxwriter

from making.orders import Order
from xborder.intake.layouts import fields, template

MADE_AT = datetime(2026, 11, 1, 8, 0, 0)  # noqa: DTZ001 - a workbook's property has no zone
NUMBERS = "number"


def written(text: str, path: Path, encoding: str = "utf-8") -> None:
    """Write a text file; its folder is made when it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))


def separated(
    path: Path, header: Sequence[str], rows: Iterable[Mapping[str, str]], encoding: str = "utf-8"
) -> None:
    """A comma-separated file; rows are keyed by header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    written(out.getvalue(), path, encoding)


def grid(path: Path, sheet: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A workbook of texts, with a bold header row that stays on screen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False}) as book:
        book.set_properties({"title": path.stem, "created": MADE_AT})
        page = book.add_worksheet(sheet)
        bold = book.add_format({"bold": True, "bg_color": "#DDEBF7"})
        for column, text in enumerate(header):
            page.write_string(0, column, text, bold)
            page.set_column(column, column, min(28, max(10, len(text) + 2)))
        for at, row in enumerate(rows, start=1):
            for column, text in enumerate(row):
                if text:
                    page.write_string(at, column, text)
        page.freeze_panes(1, 0)


def workbook(path: Path, kind: str, records: Iterable[Mapping[str, str]]) -> None:
    """The project's own template filled: numbers as numbers, everything else as text."""
    layout, types = template(kind), fields(kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False}) as book:
        book.set_properties({"title": layout.title_en, "created": MADE_AT})
        page = book.add_worksheet(layout.sheet)
        bold = book.add_format({"bold": True, "bg_color": "#DDEBF7"})
        for at, column in enumerate(layout.columns):
            page.write_string(0, at, column.head, bold)
            page.set_column(at, at, column.width)
        for row, record in enumerate(records, start=1):
            for at, column in enumerate(layout.columns):
                text = record.get(column.field, "")
                if (
                    types[column.field] == NUMBERS
                    and text.lstrip("-").replace(".", "", 1).isdigit()
                ):
                    page.write_number(row, at, float(text))
                elif text:
                    page.write_string(row, at, text)
        page.freeze_panes(1, 0)


def template_csv(
    path: Path,
    kind: str,
    records: Iterable[Mapping[str, str]],
    encoding: str,
    english: bool = False,
) -> None:
    """The project's own template as CSV, with the Chinese or the English headers."""
    columns = template(kind).columns
    heads = {column.field: column.en if english else column.zh for column in columns}
    separated(
        path, list(heads.values()),
        ({heads[name]: text for name, text in record.items()} for record in records), encoding,
    )  # fmt: skip


def order_lines(orders: Iterable[Order]) -> Iterable[dict[str, str]]:
    """Canonical order lines as the template wants them; the head stands on every line."""
    for order in orders:
        for at, one in enumerate(order.lines, start=1):
            yield (
                {
                    "order_no": order.no,
                    "line_no": str(at),
                    "ordered_at": order.at.strftime("%Y-%m-%d %H:%M:%S"),
                    "currency": order.currency,
                    "country": order.country,
                }
                | order.head
                | one
            )


def locked(path: Path) -> None:
    """What a password-protected workbook looks like from outside: an OLE container with an
    encrypted package. It holds nothing."""
    names = b"".join(
        name.encode("utf-16-le").ljust(128, b"\0")
        for name in ("EncryptionInfo", "EncryptedPackage")
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504) + names + bytes(2048))


def cut_off(path: Path, whole: Path, share: float = 0.6) -> None:
    """The first part of a file: a download that broke off."""
    content = whole.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
