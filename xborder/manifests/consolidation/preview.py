"""``preview.xlsx``: the rehearsal of a month for the declarant (汇总预演工作簿).

Sheets: 汇总 Summary, 报关单 Declarations, 商品项 Lines, 清单商品 List items (what stands behind each
line), 不汇总 Not eligible, 汇总统计 Flag A. A sheet without rows is left out.
"""

from datetime import datetime, time
from decimal import Decimal
from typing import Any

import polars as pl

from xborder import findings
from xborder.clock import SHANGHAI
from xborder.manifests import content, workbook
from xborder.manifests.consolidation.eligible import REASONS
from xborder.manifests.consolidation.rehearsal import Rehearsal
from xborder.manifests.sheets import BODY, HEAD, LABEL, QUIET, TITLE, Book, columns, plain
from xborder.manifests.texts import Texts
from xborder.schemas.tables import Tables

SHEETS = {
    "报关单 Declarations": "declarations",
    "商品项 Lines": "declaration lines",
    "清单商品 List items": "list items",
    "不汇总 Not eligible": "not eligible",
    "汇总统计 Flag A": "flag a",
}

REHEARSAL = (
    "预演：由海关归并，以海关汇总结果（CEB792）为准  ·  a rehearsal: customs merges, and its result "
    "(CEB792) counts"
)


def write(one: Rehearsal, tables: Tables) -> bytes:
    """The workbook's bytes; the same rehearsal gives the same bytes."""
    frames = {name: _text(frame) for name, frame in _frames(one, tables).items()}
    used: dict[str, set[str]] = {}
    for name, frame in frames.items():
        for column in columns(SHEETS[name]):
            if column.codes and column.source in frame.columns:
                codes = frame[column.source].drop_nulls().unique()
                used.setdefault(column.source, set()).update(codes)
    names = content.names(tables, used, tuple(SHEETS.values()))
    title = f"汇总申报预演 {one.exporter} {one.month:%Y-%m}"
    # The day by which it is due: nothing of a rehearsal depends on when it is looked at.
    book = workbook.begun(title, datetime.combine(one.due.day, time(), SHANGHAI))
    _summary(book, one, names.get("currency.customs", {}))
    made = []
    for name, frame in frames.items():
        if frame.height:
            whole = slice(0, frame.height)
            made.append((workbook.rows(name, SHEETS[name], Texts(frame), [whole], names), whole))
    return workbook.closed(book, made)


def _frames(one: Rehearsal, tables: Tables) -> dict[str, pl.DataFrame]:
    """The rows of each sheet."""
    currencies = dict(tables.codes("currency").select("customs", "name").drop_nulls().iter_rows())
    merged, found = one.merged, one.found
    behind = merged.items.join(found.items.drop("gcode"), on=["list_id", "gnum"],
                               maintain_order="left").join(
        found.heads.select("list_id", "orderNo", "logisticsNo", "copNo"), on="list_id",
        maintain_order="left")  # fmt: skip
    values = (
        merged.lines.group_by("declaration", "currency")
        .agg(pl.col("totalPrice").sum())
        .sort("declaration", "currency")
        .group_by("declaration", maintain_order=True)
        .agg(pl.concat_str(pl.col("totalPrice").cast(pl.String).str.strip_chars_end("0")
             .str.strip_chars_end("."), pl.lit(" "),
             pl.col("currency").replace(currencies)).str.join("; ").alias("value"))
    )  # fmt: skip
    declared = merged.declarations.join(
        values, on="declaration", how="left", maintain_order="left"
    ).with_columns(held=pl.when("held").then(pl.lit("运保费 freight or insurance")))
    reasons = [
        pl.col("reason").replace_strict({code: told[at] for code, told in REASONS.items()},
                                        return_dtype=pl.String).alias(f"reason_{language}")
        for at, language in enumerate(("zh", "en"))
    ]  # fmt: skip
    return dict(
        zip(
            SHEETS,
            (
                declared,
                merged.lines,
                behind,
                found.excluded.with_columns(reasons),
                one.statistics,
            ),
            strict=True,
        )
    )


def _text(frame: pl.DataFrame) -> pl.DataFrame:
    """All columns as text, decimals without the zeros at their end."""
    short = [
        pl.col(name).cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
        for name, type_ in frame.schema.items()
        if isinstance(type_, pl.Decimal)
    ]
    return frame.with_columns(short).cast(pl.String)


def _summary(book: Book, one: Rehearsal, currencies: dict[str, str]) -> None:
    sheet = book.sheet("汇总 Summary")
    for index, width in enumerate((34, 44, 46)):
        sheet.set_column(index, index, width)
    sheet.set_row(0, 30)
    book.text(sheet, 0, 0, f"汇总申报预演 Rehearsal of the consolidation  {one.month:%Y-%m}", TITLE)
    book.text(sheet, 1, 0, REHEARSAL, QUIET | {"text_wrap": False})
    row = 3
    for zh, en, kind, value in _facts(one):
        book.text(sheet, row, 0, zh, LABEL)
        book.text(sheet, row, 1, en, LABEL, {"bold": False})
        book.value(sheet, row, 2, kind, value, BODY, {"align": "left", "indent": 1})
        row += 1
    row = _table(
        book, sheet, row + 1, ("币制\ncurrency", "", "总价\ntotal"), _by_currency(one, currencies)
    )
    row = _table(
        book, sheet, row + 1, ("不汇总的原因\nnot eligible", "", "清单数\nlists"), _by_reason(one)
    )
    for notice in one.notices:
        entry = findings.catalogue()[notice.code]
        texts = {"value": notice.value, "expected": notice.expected}
        told = f"{findings.render(entry.zh, texts)}；{findings.render(entry.fix_zh, texts)}"
        book.text(sheet, row + 1, 0, told, {"bold": True, "font_color": "#9C5700"})
        told = f"{findings.render(entry.en, texts)}; {findings.render(entry.fix_en, texts)}"
        book.text(sheet, row + 2, 0, told, QUIET | {"text_wrap": False})
        row += 2


def _facts(one: Rehearsal) -> list[tuple[str, str, str, Any]]:
    merged = one.merged
    return [
        ("出口商", "exporter", "text", one.exporter),
        ("结关月份", "cleared in", "text", f"{one.month:%Y-%m}"),
        ("申报期限", "due day", "text", one.due.day.isoformat()),
        ("顺延天数", "days moved, by rest days", "count", len(one.due.moved_by)),
        ("汇总方式", "merged by", "text",
         "2 收发货人+生产销售单位 consignor and producer" if one.summary_flag == "2"
         else "1 收发货人 consignor"),
        ("汇总申请份数", "applications", "count", merged.declarations["application"].n_unique()),
        ("报关单份数", "declarations", "count", merged.declarations.height),
        ("商品项数", "lines", "count", merged.lines.height),
        ("清单数", "lists", "count", one.found.heads.height),
        ("清单商品项", "list items", "count", merged.items.height),
        ("件数", "packages", "count", merged.declarations["packNo"].sum()),
        ("毛重（千克）", "gross weight, kg", "number", _sum(merged.declarations["grossWeight"])),
        ("净重（千克）", "net weight, kg", "number", _sum(merged.declarations["netWeight"])),
        ("不汇总的清单", "lists not eligible", "count", one.found.excluded.height),
    ]  # fmt: skip


def _sum(values: pl.Series) -> str:
    return plain(Decimal(str(values.sum())))


def _by_currency(one: Rehearsal, currencies: dict[str, str]) -> list[tuple[str, str, str, Any]]:
    summed = one.merged.lines.group_by("currency").agg(pl.col("totalPrice").sum()).sort("currency")
    return [
        (code, currencies.get(code, ""), "money", plain(total))
        for code, total in summed.iter_rows()
    ]


def _by_reason(one: Rehearsal) -> list[tuple[str, str, str, Any]]:
    counted = dict(one.found.excluded["reason"].value_counts().iter_rows())
    return [(*REASONS[code], "count", counted[code]) for code in REASONS if code in counted]


def _table(
    book: Book, sheet: Any, row: int, heads: tuple[str, ...], rows: list[tuple[str, str, str, Any]]
) -> int:
    """Rows of two texts and a number below their heads; the row after them."""
    if not rows:
        return row
    sheet.set_row(row, 30)
    for index, title in enumerate(heads):
        book.text(sheet, row, index, title, HEAD)
    for first, second, kind, value in rows:
        row += 1
        book.value(sheet, row, 0, "text", first, BODY)
        book.value(sheet, row, 1, "text", second, BODY)
        book.value(sheet, row, 2, kind, value, BODY, {"align": "left", "indent": 1})
    return row + 1
