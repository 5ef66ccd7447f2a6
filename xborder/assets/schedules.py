"""When things happen by themselves: the cut-offs and the stock report, at the home's times."""

from collections.abc import Iterator, Sequence
from typing import Any

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from xborder import clock, settings
from xborder.assets.jobs import asked_to_act, clearance, consolidation, stock_report
from xborder.registry.consolidations import previous_month
from xborder.schemas import tables
from xborder.schemas.tables import Tables
from xborder.schemas.working_days import due_day

ZONE = "Asia/Shanghai"


def _settings() -> settings.Settings:
    """The home's settings; the defaults where the code is loaded without a home."""
    try:
        return settings.load()
    except (OSError, ValueError):
        return settings.Settings()


def _tables() -> Tables:
    """The home's tables, among them the holidays; those of the release where they are broken."""
    try:
        return tables.load(_settings().home / "tables")
    except (OSError, tables.TableError):
        return tables.packaged()


def _cron(time_of_day: str) -> str:
    hour, minute = time_of_day.split(":")
    return f"{int(minute)} {int(hour)} * * *"


def _daily(name: str, job: Any, times: Sequence[str], description: str) -> ScheduleDefinition:
    """Run a job for the day on which it falls due, at times of that day (HH:MM)."""

    @schedule(
        name=name,
        job=job,
        cron_schedule=[_cron(one) for one in times],
        execution_timezone=ZONE,
        default_status=DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def due(context: ScheduleEvaluationContext) -> Iterator[RunRequest]:
        at = context.scheduled_execution_time
        day = clock.business_date(at)
        yield RunRequest(
            run_key=at.isoformat(),
            partition_key=day.isoformat(),
            run_config=asked_to_act(job.name),
        )

    return due


def _consolidation(time_of_day: str) -> ScheduleDefinition:
    """The last month's rehearsal, daily from some days before its due day until that day."""

    @schedule(
        name="consolidation_due",
        job=consolidation,
        cron_schedule=_cron(time_of_day),
        execution_timezone=ZONE,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Rehearses last month's consolidation in the days before it is due.",
    )
    def due(context: ScheduleEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        day = clock.business_date(context.scheduled_execution_time)
        month = previous_month(day)
        said, last = _settings(), due_day(_tables(), month)
        if said.consolidation_days < (last.day - day).days or day > last.day:
            yield SkipReason(f"{month:%Y-%m} is due on {last.day}")
            return
        yield RunRequest(
            run_key=context.scheduled_execution_time.isoformat(),
            partition_key=month.isoformat(),
            tags={"xborder/due": last.day.isoformat()},
        )

    return due


_home = _settings()

ALL = [
    _daily(
        "cut_off",
        clearance,
        _home.cutoff_times,
        "Issues the manifests at the configured cut-off times.",
    ),
    _daily(
        "daily_stock_report",
        stock_report,
        [_home.stock_report_time],
        "Writes the stock report of the day.",
    ),
    _consolidation(_home.stock_report_time),
]
