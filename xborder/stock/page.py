"""The stock report as one self-contained page (``stock.html``): no script, nothing fetched."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import jinja2
import polars as pl

from xborder.stock import charts, tables
from xborder.stock.entries import COMPONENTS
from xborder.stock.exceptions import plain

if TYPE_CHECKING:
    from xborder.stock.report import StockReport

SHOWN = 300
"""Rows of a table that the page shows; the workbook and the Parquet files hold all."""

FIRST = 5
"""Exceptions of one cause that are shown before the reader unfolds the rest."""

_ALWAYS = ("opening", "received", "sold")
_BADGES = ("severity", "state", "alert")


@dataclass(frozen=True)
class Cell:
    """One cell: its text and CSS class."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Group:
    """Rows that belong together, under a line of their own."""

    label: str
    rows: list[list[Cell]]


@dataclass(frozen=True)
class Table:
    """A table of the page; ``hidden`` counts the rows that only the workbook shows."""

    name: str
    title: tuple[str, str]
    note: tuple[str, str]
    heads: list[tuple[str, str, str]]
    groups: list[Group]
    rows: int
    hidden: int


@dataclass(frozen=True)
class Cause:
    """The exceptions of one code: the first ones, those to unfold, and how many are hidden."""

    code: str
    severity: str
    rows: int
    first: list[dict[str, object]]
    more: list[dict[str, object]]
    hidden: int


_NOTES: dict[str, tuple[str, str]] = {
    "stock": (
        "期初 + 入库 + 退货 + 盘盈 + 调入 − 销售 − 丢失 − 损坏 − 销毁 − 调出 − 移除 ± 其他 ± 差异"
        " = 期末；全为零的列不显示",
        "opening + in − out ± other ± difference = closing; columns of zeros are left out",
    ),
    "day": ("报告日当天有变动的货号", "what moved on the day of the report"),
    "statements": (
        "海外仓申报的结存与按变动计算的结存；差异单列，此后以申报结存为准",
        "the balance that a warehouse states against the computed one, and the new base",
    ),
    "exceptions": ("对不上的地方及处理办法", "what does not add up, where it stands, what to do"),
    "in_transit": (
        "已申报出口、海外仓尚未收货（或短少）的数量，按清关批次",
        "declared and not yet received (or short), by manifest",
    ),
    "ageing": ("按先进先出，自上架日起计天数", "first in, first out; days since put-away"),
    "chain": (
        "每件货物只计一次：申报 → 收货 → 销售",
        "each unit once: declared → received → sold",
    ),
    "settlement": (
        "离境即退税：未售货物的核算截止日为推定（出口次年 4 月 30 日），请以预退税办结日为准",
        "refund on departure: the deadline of unsold goods is inferred from the export date "
        "(April 30 of the next year); check it against the day of the pre-refund",
    ),
}  # fmt: skip

_SHOWN_COLUMNS: dict[str, tuple[str, ...]] = {
    "stock": ("sku", "disposition", *COMPONENTS, "closing"),
    "day": ("sku", "disposition", *COMPONENTS, "closing"),
    "statements": ("sku", "disposition", "day", "computed", "stated", "difference", "row"),
    "in_transit": (
        "warehouse", "inbound_id", "order_no", "sku", "export_date", "declared", "received",
        "in_transit", "state", "days_out",
    ),
    "chain": (
        "sku", "declared", "arrived", "in_transit", "received", "undeclared", "sold", "returned",
        "closing", "unsold",
    ),
    "settlement": (
        "inbound_id", "order_no", "sku", "export_date", "declared", "sold", "unsold", "in_stock",
        "in_transit", "gone", "deadline", "days_left", "alert",
    ),
}  # fmt: skip


def render(report: "StockReport") -> bytes:
    """The page's bytes (UTF-8); the same report gives the same bytes."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xborder.stock"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = report.exceptions
    shown = [
        _table(report, name)
        for name in ("stock", "day", "statements", "ageing", "chain", "in_transit", "settlement")
    ]
    text = environment.get_template("report.html").render(
        report=report,
        since=report.since.isoformat() if report.since else None,
        figures=list(_figures(report)),
        charts=[
            charts.closing(report.stock, report.exporters),
            charts.ages(report.ageing),
            charts.flow(report.chain),
        ],
        causes=_causes(found),
        exception_title=tables.TITLES["exceptions"],
        exception_note=_NOTES["exceptions"],
        tables=[table for table in shown if table.rows or table.name not in ("day", "statements")],
        words=tables.WORDS,
        who=lambda exporter: report.exporters.get(exporter, exporter) if exporter else "",
    )  # fmt: skip
    return text.encode("utf-8")


def _figures(report: "StockReport") -> Iterator[tuple[str, str, str, str]]:
    """The figures at the top: zh, en, number, CSS class."""
    severities = report.exceptions["severity"]
    errors, warnings = (int((severities == level).sum()) for level in ("error", "warning"))
    due = report.settlement["deadline"].drop_nulls()
    late = due.filter(due >= report.report_date)
    upcoming = late.min()
    stock = report.stock
    yield "期末库存", "units in stock", number(_total(stock, "closing")), ""
    yield "在途", "units in transit", number(_total(report.in_transit, "in_transit")), ""
    yield "海外仓", "warehouses", number(stock["warehouse"].n_unique()), ""
    yield "货号", "SKUs", number(stock.select("exporter", "sku").n_unique()), ""
    yield "错误", "errors", number(errors), "bad" if errors else "good"
    yield "警告", "warnings", number(warnings), "warn" if warnings else "good"
    yield "未核算", "units to settle", number(_total(report.settlement, "unsold")), ""
    yield "最近核算截止", "next deadline", str(upcoming) if upcoming else "—", "date"


def _total(frame: pl.DataFrame, column: str) -> Decimal:
    return Decimal(frame[column].sum() or 0)


def number(value: Decimal | int) -> str:
    """A number with thin spaces between thousands, a true minus sign, no zeros at the end."""
    text = plain(Decimal(value))
    sign, digits = ("−", text[1:]) if text.startswith("-") else ("", text)
    whole, point, rest = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{rest}".replace(",", "\u202f")


def _causes(found: pl.DataFrame) -> list[Cause]:
    """The exceptions by cause, the worst first, as they stand in the table."""
    return [
        Cause(
            str(code),
            str(rows["severity"][0]),
            rows.height,
            rows.head(FIRST).to_dicts(),
            rows.slice(FIRST, SHOWN - FIRST).to_dicts(),
            max(rows.height - SHOWN, 0),
        )
        for (code,), rows in found.group_by("code", maintain_order=True)
    ]


def _table(report: "StockReport", name: str) -> Table:
    frame = report.frames()[name]
    columns = [
        column
        for column in _SHOWN_COLUMNS.get(name) or frame.columns[2:]
        if column not in COMPONENTS
        or column in _ALWAYS
        or name not in ("stock", "day")
        or (frame[column] != 0).any()
    ]
    kept = frame.head(SHOWN)
    by = "manifest" if name == "in_transit" else "warehouse"
    kept = kept.sort("exporter", by, maintain_order=True, nulls_last=True)
    groups = [
        Group(_label(report, key), [_row(row, columns) for row in part.iter_rows(named=True)])
        for key, part in kept.group_by("exporter", by, maintain_order=True)
    ]
    heads = [
        (*tables.heading(name, column), "num" if tables.kind(column) in ("units", "count") else "")
        for column in columns
    ]
    return Table(
        name, tables.TITLES[name], _NOTES[name], heads, groups, frame.height,
        frame.height - kept.height,
    )  # fmt: skip


def _label(report: "StockReport", key: Sequence[object]) -> str:
    exporter, place = (str(part) if part is not None else "—" for part in key)
    return f"{report.exporters.get(exporter, exporter)} · {place}"


def _row(row: dict[str, object], columns: Sequence[str]) -> list[Cell]:
    return [_cell(column, row[column]) for column in columns]


def _cell(column: str, value: object) -> Cell:
    if value is None:
        return Cell("—", "num zero" if tables.kind(column) in ("units", "count") else "zero")
    if column in _BADGES:
        return Cell(" ".join(tables.WORDS.get(str(value), (str(value),))), f"badge {value}")
    if isinstance(value, Decimal):
        style = "num" + (" zero" if value == 0 else " below" if value < 0 else "")
        return Cell(number(value), style + (" strong" if column == "closing" else ""))
    if isinstance(value, int):
        return Cell(number(value), "num below" if value < 0 else "num")
    if isinstance(value, date):
        return Cell(value.isoformat(), "when")
    return Cell(str(value), "code" if column in ("sku", "inbound_id", "order_no") else "")
