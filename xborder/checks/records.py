"""What is wrong with the rows of goods catalogues, shipment files and warehouse files.

A row with an error is held: it does not come into force, the others do.
"""

from dataclasses import dataclass

import polars as pl

from xborder import findings
from xborder.checks.amounts import decimal
from xborder.checks.places import VIOLATIONS, no_sources, placements, to_findings
from xborder.checks.rules import Rule, apply
from xborder.intake import Reading
from xborder.schemas import violations as schema_violations
from xborder.schemas.tables import Tables

SCHEMAS = {"goods": "goods", "shipments": "shipment", "stock": "warehouse_movement"}
"""The schema of each kind of file."""

_KEYS = {
    "goods": ("sku",),
    "shipments": ("logistics_no", "order_no"),
    "stock": ("movement_id", "warehouse"),
}
"""What tells one record of a file from another; the first is the cell to change."""


@dataclass(frozen=True)
class RecordCheck:
    """``valid``: the records in force, canonical columns and lineage; ``held``: indices of the
    records that are not (UInt32); ``found``: findings with ``upload_id``."""

    valid: pl.DataFrame
    held: pl.Series
    found: pl.DataFrame


def _c(name: str) -> pl.Expr:
    return pl.col(name)


def _rules(kind: str) -> list[Rule]:
    if kind == "goods":
        return [
            Rule("NET_ABOVE_GROSS", "line", "gross_weight",
                 decimal("net_weight") > decimal("gross_weight"), expected=_c("net_weight")),
        ]  # fmt: skip
    if kind == "shipments":
        return [
            Rule("NET_ABOVE_GROSS", "line", "gross_weight",
                 decimal("net_weight") > decimal("gross_weight"), expected=_c("net_weight")),
        ]  # fmt: skip
    return []


def check(reading: Reading, held_tables: Tables, upload_id: int = 0, shop: str = "") -> RecordCheck:
    """Check the records of a goods, shipments or stock file.

    The same key twice in one file with different content is refused at each place (which of
    the two is meant is not guessed); the same row twice counts once.
    """
    assert reading.kind is not None
    kind = reading.kind
    lines = reading.records.with_row_index("at").with_columns(
        pl.lit(upload_id, pl.Int64).alias("upload_id"),
        pl.lit(reading.file_name).alias("file"),
        (pl.col("order_no") if kind == "shipments" else pl.lit("")).alias("order_no"),
        pl.lit(shop).alias("shop"),
        pl.lit(0, pl.UInt32).alias("place_in_order"),
        *no_sources(),
    )
    schema = SCHEMAS[kind]
    broken = schema_violations(schema, reading.records, held_tables)
    from_schema = broken.select(
        pl.col("row").alias("at"), pl.lit("line").alias("source"), "field", "code",
        pl.col("value").fill_null(""), pl.col("expected").fill_null(""),
        pl.lit("{}").alias("params"),
    ).cast(VIOLATIONS)  # type: ignore[arg-type]  # fmt: skip
    every = pl.concat([from_schema, apply([*_rules(kind), _twice(kind, reading.records)], lines)])
    held = (
        every.filter(pl.col("code").is_in(findings.blocking_codes()))
        .get_column("at")
        .unique()
        .sort()
    )
    valid = lines.filter(~pl.col("at").is_in(held.implode()))
    canonical = [
        name for name in reading.records.columns if name not in ("sheet", "row", "order_row")
    ]
    return RecordCheck(
        valid=valid.select(*canonical, "upload_id", "file", "sheet", "row", "shop"),
        held=held,
        found=to_findings(every, lines, placements(reading.columns, upload_id)),
    )


def _twice(kind: str, records: pl.DataFrame) -> Rule:
    key = _KEYS[kind]
    content = [name for name in records.columns if name not in ("sheet", "row", "order_row")]
    return Rule(
        "KEY_TWICE_IN_FILE", "line", key[0],
        pl.all_horizontal(_c(name).is_not_null() for name in key)
        & (pl.struct(content).n_unique().over(key) > 1),
    )  # fmt: skip
