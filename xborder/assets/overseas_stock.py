"""Overseas warehouses: the ledger of their movements, and the report of the day."""

from datetime import date

import polars as pl
from dagster import (
    AssetExecutionContext,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    asset,
    multi_asset,
)

from xborder.assets.partitions import DAYS
from xborder.assets.previews import markdown
from xborder.assets.resources import HomeResource
from xborder.registry.database import reading
from xborder.registry.home import Home
from xborder.stock import book, report

GROUP = "overseas_stock"
OWNERS = ["team:operators"]


def report_of(opened: Home, day: date) -> report.StockReport:
    """The stock report of a day, from all booked movements and declared lines."""
    with reading(opened.engine) as connection:
        return book.build(connection, opened.store, day, opened.exporter_names)


@asset(
    group_name=GROUP, owners=OWNERS, kinds={"polars"}, code_version="1", partitions_def=DAYS,
    deps=["warehouse_movements", "clearance_manifests"],
)  # fmt: skip
def stock_ledger(context: AssetExecutionContext, home: HomeResource) -> MaterializeResult:
    """Ledger (海外仓台账): opening ± movements = closing, per exporter, warehouse, SKU, disposition."""
    made = report_of(home.open(), date.fromisoformat(context.partition_key))
    shown = [
        "exporter",
        "warehouse",
        "sku",
        "disposition",
        "opening",
        "received",
        "sold",
        "closing",
    ]
    return MaterializeResult(
        metadata={
            "accounts": made.stock.height,
            **{f"movements_{name}": number for name, number in made.counts.items()},
            "balances": markdown(made.stock.select(shown)),
        }
    )


REPORT = AssetSpec(
    "stock_report",
    description="Stock report (海外仓库存报告): tables, workbook and one self-contained page.",
    deps=["stock_ledger"],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"excel", "html", "parquet"},
    code_version="1",
    partitions_def=DAYS,
)


# Named apart from its asset: a job is called stock_report, and Dagster keeps one name space
# for jobs and steps.
@multi_asset(specs=[REPORT], name="write_stock_report")
def stock_report(context: AssetExecutionContext, home: HomeResource) -> MaterializeResult:
    """Stock report (海外仓库存报告): tables, workbook and one self-contained page."""
    opened = home.open()
    day = date.fromisoformat(context.partition_key)
    made = report_of(opened, day)
    written = report.write(made, opened.store, "reports", day.isoformat())
    page = f"http://{opened.settings.host}:{opened.settings.page_port}/stock"
    causes = made.exceptions.group_by("severity", "code").agg(pl.len().alias("rows")).sort("code")
    return MaterializeResult(
        metadata={
            "files": len(written),
            "page": MetadataValue.url(page),
            "exceptions": made.exceptions.height,
            "exceptions_by_cause": markdown(causes),
            "in_transit_lines": made.in_transit.height,
            "unsettled_lines": made.settlement.height,
        }
    )
