"""What runs together: ``intake``, ``clearance``, ``stock_report``; each re-runnable at will."""

from dagster import AssetSelection, define_asset_job

_QUIET = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
# A run prints some two dozen lines by default; its events are stored all the same.

STOCK = AssetSelection.assets("stock_ledger", "stock_report")
CLEARANCE = AssetSelection.assets("clearance_manifests")

intake = define_asset_job(
    "intake",
    AssetSelection.groups("intake", "references"),
    description="Landing zone → lines → checks → clearance lists.",
    config=_QUIET,
)
clearance = define_asset_job(
    "clearance",
    CLEARANCE,
    description="Cut off: pending lists → numbered manifests.",
    config=_QUIET,
)
stock_report = define_asset_job(
    "stock_report",
    STOCK,
    description="Overseas warehouses: ledger and report of the day.",
    config=_QUIET,
)

ALL = [intake, clearance, stock_report]
