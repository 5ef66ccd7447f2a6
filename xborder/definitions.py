"""The one ``Definitions`` object that ``workspace.yaml`` names."""

from typing import Any

from dagster import Definitions, in_process_executor

from xborder.assets import (
    clearance,
    consolidation,
    exchange,
    guarantees,
    intake,
    jobs,
    overseas_stock,
    references,
    schedules,
    sending,
    sensors,
)
from xborder.assets.resources import HomeResource


def build_defs(**overrides: Any) -> Definitions:
    """All assets, checks, jobs, schedules and sensors; ``overrides`` swap resources in tests."""
    return Definitions(
        assets=[
            references.exporters,
            references.tariff,
            references.code_tables,
            intake.order_files,
            intake.read_files,
            intake.check_orders,
            intake.clearance_lists,
            intake.annotated_files,
            clearance.clearance_manifests,
            sending.sent_messages,
            exchange.customs_receipts,
            consolidation.consolidation_preview,
            consolidation.consolidated_declarations,
            overseas_stock.stock_ledger,
            overseas_stock.stock_report,
        ],
        asset_checks=[*guarantees.ALL, *consolidation.CHECKS, *exchange.CHECKS, *sending.CHECKS],
        jobs=jobs.ALL,
        schedules=schedules.ALL,
        sensors=[*sensors.ALL, *exchange.SENSORS, *sending.SENSORS],
        resources={"home": HomeResource()} | overrides,
        executor=in_process_executor,
    )


defs = build_defs()
