"""What runs together: ``intake``, ``clearance``, ``stock_report``; each re-runnable at will."""

from typing import Any

from dagster import AssetSelection, define_asset_job

_QUIET = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
# A run prints some two dozen lines by default; its events are stored all the same.

STOCK = AssetSelection.assets("stock_ledger", "stock_report")
CONSOLIDATION = AssetSelection.assets("consolidation_preview", "consolidated_declarations")
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

consolidation = define_asset_job(
    "consolidation",
    CONSOLIDATION,
    description="A month's cleared lists: rehearsal, and what customs made of them.",
    config=_QUIET,
)

receipts = define_asset_job(
    "receipts",
    AssetSelection.assets("customs_receipts"),
    description="Inbox → customs' answers → states of lists and manifests.",
    config=_QUIET,
)

sending = define_asset_job(
    "sending",
    AssetSelection.assets("sent_messages"),
    description="Published manifests and single documents → messages sent to customs.",
    config=_QUIET,
)

LIVE_STEPS = {
    "intake": ("order_files", "check_orders", "clearance_lists"),
    "clearance": ("clearance_manifests",),
    "stock_report": (),
}
"""The jobs in their order, and the steps of each that act on their day only when asked to."""


def asked_to_act(job: str) -> dict[str, Any]:
    """Run configuration of a run that acts on its day, even if midnight comes before it."""
    return {"ops": {step: {"config": {"live": True}} for step in LIVE_STEPS[job]}}


ALL = [intake, clearance, stock_report, consolidation, receipts, sending]
