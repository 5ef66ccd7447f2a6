"""Rows that are no lines of an export (不计的行): which, why, and what is said about them."""

from collections.abc import Iterator

import polars as pl

from xborder.findings import Finding
from xborder.intake import cells
from xborder.intake.headers import Mapping
from xborder.intake.layouts import HIDDEN, Layout, Rule


def exclude(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """The first matching rule's code in ``excluded``."""
    code = pl.lit(None, dtype=pl.String)
    for rule in reversed(layout.exclude):
        # Most rules hold for no row; an order is looked through only where one does.
        if rule.field in frame.columns and frame.select(_found(rule).any()).item():
            code = pl.when(_matches(rule)).then(pl.lit(rule.code)).otherwise(code)
    return frame.with_columns(excluded=code)


def told(frame: pl.DataFrame, layout: Layout, mapping: Mapping, sheet: str) -> Iterator[Finding]:
    """The layout's warnings, one an order; one notice for rows that left a warehouse abroad."""
    for rule in layout.warn:
        # As above: most warnings are of no row.
        if rule.field not in mapping.columns or not frame.select(_found(rule).any()).item():
            continue
        found = frame.filter(_matches(rule) & pl.col("excluded").is_null())
        place = cells.Place(sheet, rule.field, *mapping.columns[rule.field])
        for row in found.unique("order_row", keep="first", maintain_order=True).to_dicts():
            value = "" if rule.field.startswith(HIDDEN) else row[rule.field] or ""
            yield place.finding(rule.code, row["order_row"], value)
    gone = frame.filter(pl.col("excluded") == "OVERSEAS_STOCK")
    if gone.height:
        yield Finding(
            "OVERSEAS_ROWS",
            sheet=sheet,
            row=int(gone["row"][0]),
            value=str(gone.height),
            params={"advice_zh": layout.advice_zh, "advice_en": layout.advice_en},
        )


def footers(frame: pl.DataFrame, sheet: str) -> Iterator[Finding]:
    """One notice for rows of totals and of the channel's own remarks (``code`` FOOTER)."""
    gone = frame.filter(pl.col("code") == "FOOTER")
    if gone.height:
        value = str(gone.height)
        yield Finding("FOOTER_SKIPPED", sheet=sheet, row=int(gone["row"][0]), value=value)


def _found(rule: Rule) -> pl.Expr:
    """Whether a rule holds for a row."""
    text = pl.col(rule.field).str.to_lowercase().str.strip_chars()
    if rule.blank:
        found = pl.col(rule.field).is_null()
        if rule.others:
            found &= pl.col(rule.field).is_not_null().any().over("order_no")
    elif rule.unless:
        found = ~text.is_in(list(rule.unless))
    else:
        found = text.is_in(list(rule.values)) if rule.values else pl.col(rule.field).is_not_null()
    return found.fill_null(value=False)


def _matches(rule: Rule) -> pl.Expr:
    """Whether a rule holds for a row, or for any row of its order."""
    found = _found(rule)
    if rule.scope == "order":
        return (
            pl.when(pl.col("order_no").is_null())
            .then(found)
            .otherwise(found.any().over("order_no"))
        )
    return found
