"""From a violation to the user's own cell.

A violation names the line at which it was seen and the source whose cell must change: the
order line itself, the goods catalogue, the shipment file or the exporter's profile. Where
the source is not the order file, the order's own cell is named as the second place.
"""

from functools import cache

import polars as pl

from xborder import findings
from xborder.schemas import titles
from xborder.schemas.exporters import Exporter
from xborder.schemas.levels import Levels

VIOLATIONS: dict[str, pl.DataType] = {
    "at": pl.UInt32(),
    "source": pl.String(),
    "field": pl.String(),
    "code": pl.String(),
    "value": pl.String(),
    "expected": pl.String(),
    "params": pl.String(),
}
"""``at`` indexes the joined lines; ``source`` is line, goods, shipment, price, partner (another
report of the same orders) or profile."""

PLACEMENTS: dict[str, pl.DataType] = {
    "upload_id": pl.Int64(),
    "sheet": pl.String(),
    "field": pl.String(),
    "letter": pl.String(),
    "header": pl.String(),
    "of_order": pl.Boolean(),
}
"""Where each canonical column stands in an upload's sheet; ``of_order``: the
channel states it on the order's first row only."""


def placements(
    columns: dict[str, dict[str, tuple[int, str]]],
    upload_id: int,
    order_fields: frozenset[str] = frozenset(),
) -> pl.DataFrame:
    """The columns that a reading found, as a table."""
    rows = [
        (upload_id, sheet, field, findings.column_letter(index), header, field in order_fields)
        for sheet, fields in columns.items()
        for field, (index, header) in fields.items()
    ]
    return pl.DataFrame(rows, schema=PLACEMENTS, orient="row")


@cache
def _titles() -> dict[str, str]:
    """What a column is called where the file has none of that meaning."""
    named: dict[str, str] = {}
    for schema in ("warehouse_movement", "price", "shipment", "goods", "order_line"):
        named |= {field: " ".join(title) for field, title in titles(schema).items()}
    return named


@cache
def _severities() -> pl.DataFrame:
    known = findings.catalogue()
    return pl.DataFrame(
        {"code": list(known), "severity": [entry.severity for entry in known.values()]}
    )


def with_right_shops(found: pl.DataFrame, exporter: Exporter) -> pl.DataFrame:
    """Findings with the shops to which a file of another channel belongs: ``also_at`` names them
    as exporter/shop."""
    wrong = pl.col("code") == "CHANNEL_DIFFERS"
    if found.filter(wrong).is_empty():
        return found
    fit: dict[str, list[str]] = {}
    for shop in exporter.shops:
        fit.setdefault(shop.channel, []).append(f"{exporter.id}/{shop.id}")
    shops = pl.col("value").replace_strict(
        {channel: ", ".join(names) for channel, names in fit.items()}, default=""
    )
    return found.with_columns(pl.when(wrong).then(shops).otherwise("also_at").alias("also_at"))


SOURCE: dict[str, pl.DataType] = {
    "upload_id": pl.Int64(),
    "file": pl.String(),
    "sheet": pl.String(),
    "row": pl.UInt32(),
}
"""Lineage of a record: the upload, its file name, the sheet and the Excel row."""


@cache
def blocking() -> pl.Expr:
    """Whether a violation holds its order or record, by its ``code``."""
    return pl.col("code").is_in(pl.Series(findings.blocking_codes()).implode())


_FROM_SCHEMA = [
    pl.col("row").alias("at"),
    pl.lit("line").alias("source"),
    # Without a unit price the line's total would do: the price is the cell to fill.
    pl.when(pl.col("code") == "AMOUNT_MISSING")
    .then(pl.lit("unit_price"))
    .otherwise("field")
    .alias("field"),
    pl.col("code"),
    pl.col("value").fill_null(""),
    pl.col("expected").fill_null(""),
    pl.lit("{}").alias("params"),
]


def from_schema(broken: pl.DataFrame) -> pl.DataFrame:
    """Violations of the schema of lines or records, as violations at their own cells."""
    return pl.DataFrame(schema=VIOLATIONS) if broken.is_empty() else broken.select(_FROM_SCHEMA)


def to_findings(violations: pl.DataFrame, lines: Levels, placed: pl.DataFrame) -> pl.DataFrame:
    """Violations as findings, with an ``upload_id`` of the order file they concern.

    ``lines`` holds the joined lines (a violation's ``at`` is the number of its row), ``placed``
    the placements of all uploads involved. Columns: those of ``findings.FINDINGS`` and
    ``upload_id`` (Int64).
    """
    if violations.is_empty():
        return findings.empty().with_columns(pl.lit(None, pl.Int64).alias("upload_id"))
    place = {"line": _placed_in_file, "goods": _placed_in_source, "shipment": _placed_in_source,
             "price": _placed_in_source, "partner": _placed_in_source,
             "profile": _placed_in_profile}  # fmt: skip
    parts = []
    sources = violations.get_column("source")
    there = set(sources.unique())
    for source, to_place in place.items():
        if source in there:
            told = violations.filter(sources == source) if len(there) > 1 else violations
            at = told.get_column("at")
            own = told.hstack(lines.gather(["order_no", "order_row", *SOURCE], at))
            if source == "line" and "line_no" in lines.columns:
                own = of_its_goods(own.hstack(lines.gather(["line_no"], at)), placed)
            parts.append(to_place(own.rename({"upload_id": "concerns"}), lines, placed, source))
    return (
        pl.concat(parts)
        .with_columns(pl.col("field").str.replace("#.*$", ""))
        .join(_severities(), on="code", how="left", maintain_order="left")
        .sort("concerns", "sheet_order", "row_order", "code", "field", maintain_order=True)
        .select(*findings.FINDINGS, pl.col("concerns").alias("upload_id"))
    )


def of_its_goods(own: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """``own`` without ``line_no``; where goods stand side by side in one row (宽表), with the
    fields by the names that ``placed`` has of the line's own goods: ``qty#2``."""
    marked = placed.filter(pl.col("field").str.contains("#", literal=True))
    if marked.is_empty():
        return own.drop("line_no")
    told = own.with_columns(goods=pl.concat_str("field", pl.lit("#"), "line_no"))
    there = marked.select("upload_id", "sheet", goods="field", mine="field").unique()
    return told.join(
        there, on=["upload_id", "sheet", "goods"], how="left", maintain_order="left"
    ).select(
        pl.coalesce("mine", "field").alias(name) if name == "field" else name
        for name in own.columns
        if name != "line_no"
    )


_OUT = [
    "code", "file", "sheet", "row", "cell", "column", "field", "order_no", "value", "expected",
    "also_at", "params", "concerns", "sheet_order", "row_order",
]  # fmt: skip


def _cell(frame: pl.DataFrame, placed: pl.DataFrame, upload: str) -> pl.DataFrame:
    found = frame.join(
        placed.rename({"upload_id": upload}), on=[upload, "sheet", "field"], how="left",
        maintain_order="left",
    )  # fmt: skip
    if upload == "concerns":
        found = found.with_columns(
            pl.when(pl.col("of_order").fill_null(value=False))
            .then(pl.coalesce("order_row", "row"))
            .otherwise("row")
            .alias("row")
        )
    return found.with_columns(
        pl.when(pl.col("letter").is_not_null() & pl.col("row").is_not_null())
        .then(pl.col("letter") + pl.col("row").cast(pl.String))
        .otherwise(pl.lit(""))
        .alias("cell"),
        pl.coalesce("header", pl.col("field").replace_strict(_titles(), default="")).alias(
            "column"
        ),
    )


def _placed_in_file(
    own: pl.DataFrame, _lines: Levels, placed: pl.DataFrame, _source: str
) -> pl.DataFrame:
    return _cell(own, placed, "concerns").select(
        pl.lit("").alias("also_at") if name == "also_at" else pl.col(source).alias(name)
        for name, source in (
            (n, {"sheet_order": "sheet", "row_order": "row"}.get(n, n)) for n in _OUT
        )
    )


def _line_place() -> pl.Expr:
    return pl.concat_str(
        pl.col("line_file"),
        pl.when(pl.col("line_sheet") != "").then(" " + pl.col("line_sheet")).otherwise(pl.lit("")),
        pl.lit(" R") + pl.col("line_row").cast(pl.String),
    )


def _placed_in_source(
    own: pl.DataFrame, lines: Levels, placed: pl.DataFrame, source: str
) -> pl.DataFrame:
    moved = own.rename({"file": "line_file", "sheet": "line_sheet", "row": "line_row"}).hstack(
        lines.gather((f"{source}.{name}" for name in SOURCE), own.get_column("at")).rename(
            {f"{source}.{name}": name for name in SOURCE} | {f"{source}.upload_id": "source_upload"}
        )
    )
    return _cell(moved, placed, "source_upload").select(
        "code", pl.col("file").fill_null(""), pl.col("sheet").fill_null(""), "row", "cell",
        "column", "field", "order_no", "value", "expected", _line_place().alias("also_at"),
        "params", "concerns", pl.col("line_sheet").alias("sheet_order"),
        pl.col("line_row").alias("row_order"),
    )  # fmt: skip


def _placed_in_profile(
    own: pl.DataFrame, lines: Levels, _placed: pl.DataFrame, _source: str
) -> pl.DataFrame:
    moved = own.rename({"file": "line_file", "sheet": "line_sheet", "row": "line_row"}).hstack(
        lines.gather(["profile.file"], own.get_column("at")).rename({"profile.file": "file"})
    )
    return moved.select(
        "code", "file", pl.lit("").alias("sheet"), pl.lit(None, pl.UInt32).alias("row"),
        pl.lit("").alias("cell"), pl.col("field").alias("column"), "field", "order_no", "value",
        "expected", _line_place().alias("also_at"), "params", "concerns",
        pl.col("line_sheet").alias("sheet_order"), pl.col("line_row").alias("row_order"),
    )  # fmt: skip
