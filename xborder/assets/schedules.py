"""When things happen by themselves: the cut-offs and the stock report, at the home's times."""

from collections.abc import Iterator

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    schedule,
)
from pydantic import ValidationError

from xborder import clock, settings
from xborder.assets.jobs import clearance, stock_report

ZONE = "Asia/Shanghai"


def _cron(time_of_day: str) -> str:
    hour, minute = time_of_day.split(":")
    return f"{int(minute)} {int(hour)} * * *"


def _settings() -> settings.Settings:
    """The home's settings; the defaults where the code is loaded without a home."""
    try:
        return settings.load()
    except (OSError, ValueError, ValidationError):
        return settings.Settings()


def _cut_off() -> object:
    times = [_cron(one) for one in _settings().cutoff_times]

    @schedule(
        name="cut_off", job=clearance, cron_schedule=times, execution_timezone=ZONE,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Issues the manifests at the configured cut-off times.",
    )  # fmt: skip
    def cut_off(context: ScheduleEvaluationContext) -> Iterator[RunRequest]:
        day = clock.business_date(context.scheduled_execution_time)
        yield RunRequest(
            run_key=context.scheduled_execution_time.isoformat(), partition_key=day.isoformat()
        )

    return cut_off


def _stock() -> object:
    @schedule(
        name="daily_stock_report", job=stock_report,
        cron_schedule=_cron(_settings().stock_report_time), execution_timezone=ZONE,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Writes the stock report of the day.",
    )  # fmt: skip
    def daily_stock_report(context: ScheduleEvaluationContext) -> Iterator[RunRequest]:
        day = clock.business_date(context.scheduled_execution_time)
        yield RunRequest(
            run_key=context.scheduled_execution_time.isoformat(), partition_key=day.isoformat()
        )

    return daily_stock_report


ALL: list[ScheduleDefinition] = [_cut_off(), _stock()]  # type: ignore[list-item]
