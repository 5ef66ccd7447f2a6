"""Small files made on the spot, and reading them in this process."""

import csv
import io
from collections.abc import Callable, Iterable

import openpyxl

from xborder.intake.layouts import template
from xborder.intake.parse import Parsed, parse

ORDERS_HEAD = ["订单编号", "下单时间", "货号", "数量", "单价", "币制", "运抵国"]
ORDERS_ROW = ["DP-1", "2026-04-01 10:30:00", "CB-01", "2", "12.50", "USD", "US"]


def csv_bytes(
    rows: Iterable[Iterable[object]], encoding: str = "utf-8", delimiter: str = ","
) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_bytes(
    rows: Iterable[Iterable[object]],
    change: Callable[[openpyxl.Workbook], None] = lambda book: None,
) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def codes(parsed: Parsed) -> list[str]:
    return [one.code for one in parsed.findings]


NAMES = ["order_no", "ordered_at", "sku", "qty", "unit_price", "currency", "country"]
TEMPLATE_HEAD = [template("orders").column(name).head for name in NAMES]
"""The same columns as the project's own template writes them."""


def order_row(**changes: str) -> list[str]:
    return list((dict(zip(NAMES, ORDERS_ROW, strict=True)) | changes).values())


def orders_csv(*rows: list[str], encoding: str = "utf-8") -> bytes:
    return csv_bytes([ORDERS_HEAD, *rows], encoding)


def read_here(data: bytes, **more: object) -> Parsed:
    """Parse in this process: quick, and a crash would be seen."""
    return parse(data, "file", **more)  # type: ignore[arg-type]
