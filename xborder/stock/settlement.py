"""Tax settlement (核算) of goods that were refunded on departure and are not sold (R38, R39)."""

import tomllib
from datetime import date
from functools import cache
from importlib.resources import files

import polars as pl

from xborder.stock.entries import QTY

LINE = (
    "exporter", "warehouse", "inbound_id", "manifest", "cop_no", "order_no", "sku", "unit",
    "export_date",
)  # fmt: skip


@cache
def _deadlines() -> tuple[dict[str, object], ...]:
    text = files(__package__).joinpath("data/settlement.toml").read_text("utf-8")
    return tuple(sorted(tomllib.loads(text)["deadline"], key=lambda rule: rule["valid_from"]))


def deadline(exported: date) -> date | None:
    """The day by which goods that left on ``exported`` must be settled; None before the rule.

    An inference: counted from the export, since the day of the pre-refund is not known.
    """
    ruled = [rule for rule in _deadlines() if rule["valid_from"] <= exported]  # type: ignore[operator]
    if not ruled:
        return None
    rule = ruled[-1]
    return date(
        exported.year + int(str(rule["years_after"])),
        int(str(rule["month"])),
        int(str(rule["day"])),
    )


def alert_days() -> tuple[int, ...]:
    """How many days before the deadline an alert is due, most first."""
    return tuple(sorted(_deadlines()[-1]["alert_days"], reverse=True))  # type: ignore[call-overload]


def unsettled(lines: pl.DataFrame, report_date: date) -> pl.DataFrame:
    """Every declared line with units not sold, with its deadline.

    ``lines`` are those of ``chain.lines``. Columns: exporter, warehouse, inbound_id, manifest,
    cop_no, order_no, sku, unit, export_date, declared, sold, unsold (declared − sold; Decimal),
    of which in_stock, in_transit and gone (lost, damaged, disposed, removed, moved elsewhere),
    deadline (Date), days_left (Int64), alert (OVERDUE | DUE_60 | DUE_30 | DUE_7 | null), basis
    (``inference``; null where no rule was in force on the export date).
    """
    days = lines["export_date"].unique().drop_nulls().to_list()
    known = pl.DataFrame(
        {"export_date": days, "deadline": [deadline(day) for day in days]},
        schema={"export_date": pl.Date(), "deadline": pl.Date()},
    )
    alert = pl.lit(None, pl.String())
    for limit in alert_days():
        alert = pl.when(pl.col("days_left") <= limit).then(pl.lit(f"DUE_{limit}")).otherwise(alert)
    alert = pl.when(pl.col("days_left") < 0).then(pl.lit("OVERDUE")).otherwise(alert)
    return (
        lines.with_columns(unsold=(pl.col("declared") - pl.col("sold")).cast(QTY))
        .filter(pl.col("unsold") > 0)
        .join(known, on="export_date", how="left", maintain_order="left")
        .with_columns(days_left=(pl.col("deadline") - pl.lit(report_date)).dt.total_days())
        .with_columns(
            alert=alert,
            basis=pl.when(pl.col("deadline").is_not_null()).then(pl.lit("inference")),
        )
        .select(
            *LINE, "declared", "sold", "unsold", "in_stock", "in_transit", "gone",
            "deadline", "days_left", "alert", "basis",
        )
        .sort("deadline", *LINE, nulls_last=True)
    )  # fmt: skip
