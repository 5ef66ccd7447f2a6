"""What does not add up in an overseas warehouse, as rows with the catalogue's texts."""

from collections.abc import Mapping
from decimal import Decimal

import polars as pl

from xborder import findings
from xborder.stock import ledger
from xborder.stock.chain import Chain
from xborder.stock.entries import QTY, Entries

EXCEPTIONS: dict[str, pl.DataType] = {
    "code": pl.String(),
    "severity": pl.String(),
    "exporter": pl.String(),
    "warehouse": pl.String(),
    "sku": pl.String(),
    "disposition": pl.String(),
    "inbound_id": pl.String(),
    "movement_id": pl.String(),
    "day": pl.Date(),
    "expected": QTY,
    "found": QTY,
    "difference": QTY,
    "upload_id": pl.Int64(),
    "sheet": pl.String(),
    "row": pl.Int64(),
    "message_zh": pl.String(),
    "message_en": pl.String(),
    "fix_zh": pl.String(),
    "fix_en": pl.String(),
}
"""Columns of the exceptions; expected, found, difference in units, the place as uploaded."""


def collect(entries: Entries, chain: Chain, unsettled: pl.DataFrame) -> pl.DataFrame:
    """All exceptions of a report, in a fixed order (severity, code, exporter, warehouse, SKU)."""
    parts = [*_of_ledger(entries), *_of_chain(chain), *_of_settlement(unsettled)]
    rows = [_explained(code, row) for code, part in parts for row in part.iter_rows(named=True)]
    ranks = {name: rank for rank, name in enumerate(findings.SEVERITIES)}
    frame = pl.DataFrame(rows, schema=EXCEPTIONS, orient="row")
    return frame.sort(
        pl.col("severity").replace_strict(ranks, default=9, return_dtype=pl.Int64()),
        "code", "exporter", "warehouse", "sku", "disposition", "inbound_id", "day", "upload_id",
        "sheet", "row", "movement_id",
        nulls_last=True,
    )  # fmt: skip


def plain(number: Decimal) -> str:
    """A number as people write it: no exponent, no zeros at the end."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _explained(code: str, row: Mapping[str, object]) -> dict[str, object]:
    entry = findings.catalogue()[code]
    texts = {
        name: "—" if value is None else plain(value) if isinstance(value, Decimal) else str(value)
        for name, value in row.items()
    }
    return {name: row.get(name) for name in EXCEPTIONS} | {
        "code": code,
        "severity": entry.severity,
        "message_zh": _filled(entry.zh, texts),
        "message_en": _filled(entry.en, texts),
        "fix_zh": _filled(entry.fix_zh, texts),
        "fix_en": _filled(entry.fix_en, texts),
    }


def _filled(template: str, texts: Mapping[str, str]) -> str:
    # Most advice names nothing; filling it in would cost as much as the message.
    return findings.render(template, texts) if "{" in template else template


def _of_ledger(entries: Entries) -> list[tuple[str, pl.DataFrame]]:
    refused = entries.refused
    stated = ledger.statements(entries.entries).filter(pl.col("difference") != 0)
    sales = ledger.sales_before_receipt(entries.entries)
    below = ledger.negative(entries.entries)
    return [
        (code, refused.filter(pl.col("code") == code).drop("code"))
        for code in ("MOVEMENT_UNREADABLE", "MOVEMENT_ID_REUSED")
    ] + [
        ("STOCK_DIFFERENCE", stated.rename({"computed": "expected", "stated": "found"})),
        ("SALE_BEFORE_RECEIPT", sales.rename({"short": "difference"})),
        ("STOCK_NEGATIVE", below.rename({"first": "day", "lowest": "found"})),
    ]


def _of_chain(chain: Chain) -> list[tuple[str, pl.DataFrame]]:
    bookings = chain.bookings.rename(
        {"inbound_key": "inbound_id", "declared": "expected", "received": "found"}
    ).rename({"warehouse": "declared_for", "last": "day"})
    bookings = bookings.with_columns(
        warehouse=pl.coalesce("received_at", "declared_for"), expected_text=pl.col("declared_for")
    )
    over = bookings.filter(pl.col("found") > pl.col("expected"))
    short = bookings.filter(pl.col("found") < pl.col("expected"))
    elsewhere = bookings.filter(
        pl.col("declared_for").is_not_null()
        & pl.col("received_at").is_not_null()
        & (pl.col("declared_for") != pl.col("received_at"))
    )
    unknown = chain.unknown.group_by(
        "exporter", "warehouse", "inbound_key", "sku", maintain_order=True
    ).agg(
        pl.col("qty").sum().alias("found"),
        pl.col("day", "movement_id", "upload_id", "sheet", "row").first(),
    )
    unusable = chain.unusable.select(
        "exporter", "warehouse", "inbound_id", "order_no", "sku",
        pl.col("qty").alias("qty_text"),
    )  # fmt: skip
    return [
        ("OVER_RECEIPT", over.with_columns(difference=pl.col("found") - pl.col("expected"))),
        ("SHORT_RECEIPT", short.with_columns(difference=pl.col("expected") - pl.col("found"))),
        ("INBOUND_WAREHOUSE_DIFFERS", elsewhere),
        ("UNKNOWN_INBOUND_ID", unknown.rename({"inbound_key": "inbound_id"})),
        ("DECLARED_LINE_UNREADABLE", unusable),
    ]


def _of_settlement(unsettled: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    rows = unsettled.select(
        "exporter", "warehouse", "inbound_id", "sku", "export_date", "deadline", "days_left",
        "alert", pl.col("unsold").alias("found"), pl.col("deadline").alias("day"),
    )  # fmt: skip
    return [
        ("SETTLEMENT_OVERDUE", rows.filter(pl.col("alert") == "OVERDUE")),
        ("SETTLEMENT_DUE", rows.filter(pl.col("alert").str.starts_with("DUE_"))),
    ]
