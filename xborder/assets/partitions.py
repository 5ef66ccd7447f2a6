"""Days (Asia/Shanghai): intake by the day a file landed, manifests by the day of the cut-off,
stock by the day of the report. Months: consolidated declarations, by that of clearance. Uploads
and exporters are no partitions: the registry keeps that detail, and a day × exporter grid would
pass Dagster's comfort within a year."""

from dagster import DailyPartitionsDefinition, MonthlyPartitionsDefinition

DAYS = DailyPartitionsDefinition(start_date="2026-01-01", timezone="Asia/Shanghai", end_offset=1)
"""``end_offset=1``: today is a partition while it lasts."""

MONTHS = MonthlyPartitionsDefinition(
    start_date="2026-01-01", timezone="Asia/Shanghai", end_offset=1
)
"""The present month may be looked at while it lasts; it is applied for when it is over."""
