"""Sending (报文发送): messages of published manifests and single documents leave for customs."""

import polars as pl
from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    DagsterRunStatus,
    DefaultSensorStatus,
    MaterializeResult,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    asset,
    asset_check,
    sensor,
)

from xborder import settings
from xborder.assets.guarantees import WARN
from xborder.assets.jobs import sending as sending_job
from xborder.assets.previews import markdown
from xborder.assets.resources import HomeResource
from xborder.manifests import sending
from xborder.registry import messages
from xborder.registry.database import reading
from xborder.registry.home import open_home

_UNDER_WAY = RunsFilter(
    job_name="sending",
    statuses=[
        DagsterRunStatus.QUEUED,
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
    ],
)


@asset(
    group_name="exchange", owners=["team:operators"], kinds={"xml"}, code_version="1",
    deps=["clearance_manifests"],
)  # fmt: skip
def sent_messages(context: AssetExecutionContext, home: HomeResource) -> MaterializeResult:
    """Messages to customs (报文): queued, sent, waiting, in doubt; each exporter's by itself."""
    opened = home.open()
    try:
        done = sending.send(opened)
    except sending.SendingBusyError:
        context.log.warning("another process is sending; this run did nothing")
        done = sending.Done()
    with reading(opened.engine) as connection:
        counts, left = messages.counts(connection), messages.unsent(connection)
    rows = [
        {
            "message": f"CEB{row.kind}",
            "guid": row.guid,
            "exporter": row.exporter,
            "state": row.state,
            "attempts": row.attempts,
            "code": row.code or "",
        }
        for row in left[:100]
    ]
    return MaterializeResult(
        metadata={
            "queued": done.queued,
            "sent": done.sent,
            "not_taken": done.not_taken,
            "in_doubt": sum(row.state == messages.SENDING for row in left),
            "failed": sum(row.state == messages.FAILED for row in left),
            "by_exporter": markdown(pl.DataFrame(counts)),
            "not_sent": markdown(pl.DataFrame(rows)),
        }
    )


@asset_check(asset="sent_messages")
def all_messages_sent(home: HomeResource) -> AssetCheckResult:
    """No message is in doubt or failed: the operator decides (``xborder send --again``)."""
    with reading(home.open().engine) as connection:
        wrong = [row for row in messages.unsent(connection) if row.state != messages.QUEUED]
    codes = sorted({row.code for row in wrong if row.code})
    return AssetCheckResult(
        passed=not wrong,
        severity=WARN,
        metadata={"messages": len(wrong), "codes": ", ".join(codes) or "—"},
    )


@sensor(
    job=sending_job,
    minimum_interval_seconds=15,
    default_status=DefaultSensorStatus.RUNNING,
    description="Starts a run when messages are to be sent: new ones, or those whose time is.",
)
def messages_due(context: SensorEvaluationContext) -> RunRequest | SkipReason:
    """A run for what is due; the registry, not a run key, keeps a message from going twice."""
    if not sending.due(open_home(settings.load().home)):
        return SkipReason("nothing is due")
    if context.instance.get_runs_count(_UNDER_WAY):
        return SkipReason("a run is under way")
    return RunRequest()


CHECKS = [all_messages_sent]
SENSORS = [messages_due]
