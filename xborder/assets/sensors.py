"""What starts runs without a hand: files that have landed; and what raises an alert."""

import hashlib
import json

from dagster import (
    AssetKey,
    DagsterRunStatus,
    DefaultSensorStatus,
    EventLogEntry,
    RunFailureSensorContext,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    asset_sensor,
    run_failure_sensor,
    sensor,
)

import xborder.registry.landing as landing_zone
from xborder import clock, settings
from xborder.assets.jobs import asked_to_act, intake, stock_report
from xborder.registry import fixes
from xborder.registry.database import reading
from xborder.registry.home import open_home

TICK_SECONDS = 5
MOST_FILES = 1000
"""Files that one run takes; the next run takes the rest."""

PATIENCE_TICKS = 12
"""Ticks for which files that stand still wait for one that keeps moving."""

MOST_ATTEMPTS = 5
"""A set of files whose run failed this often waits for an operator (or for another file)."""

_NO_FILE = "-"
"""A mark that no landed file has."""

_UNDER_WAY = RunsFilter(
    job_name="intake",
    statuses=[
        DagsterRunStatus.QUEUED,
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
    ],
)


@sensor(
    job=intake,
    minimum_interval_seconds=TICK_SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Starts one intake run for all files that stood still for two ticks.",
)
def landed_files(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    """One run for everything that has landed, one intake run at a time.

    The cursor holds what the last tick saw: a file is taken once its size and time are the
    same on two ticks, and nothing is taken while any file still moves (so that files handed
    in together run together), for ``PATIENCE_TICKS`` at most: a file that never stands still
    must not keep the others waiting. Dagster remembers run keys for ever, hence the attempt in
    the key; that nothing is taken in twice is the registry's promise, not the key's.
    """
    before = json.loads(context.cursor or "{}")
    home = settings.load()
    seen = {name: list(mark) for name, mark in landing_zone.waiting(home).items()}
    still = {name: told for name, told in seen.items() if before.get("seen", {}).get(name) == told}
    attempts = before.get("attempts", {})
    moving = 0 if seen == before.get("seen") else before.get("moving", 0) + 1
    cursor = {"seen": seen, "attempts": attempts, "moving": moving}
    if not seen:
        return SensorResult(skip_reason="nothing has landed", cursor=json.dumps({"seen": {}}))
    if moving and not (still and moving > PATIENCE_TICKS):
        return SensorResult(
            skip_reason=f"{len(seen)} files have landed; waiting until they stand still",
            cursor=json.dumps(cursor),
        )
    if context.instance.get_runs_count(_UNDER_WAY):
        return SensorResult(skip_reason="an intake run is under way", cursor=json.dumps(cursor))
    marks = [landing_zone.mark(name, *told) for name, told in sorted(still.items())][:MOST_FILES]
    # A mended profile is a reason to try again what failed before.
    profiles = {
        path.name: path.stat().st_mtime_ns for path in sorted(home.exporters.glob("*.toml"))
    }
    asked = json.dumps([still, profiles], sort_keys=True)
    key = hashlib.sha256(asked.encode()).hexdigest()[:24]
    config = asked_to_act("intake")
    config["ops"]["order_files"]["config"]["settled"] = marks
    attempt = attempts.get(key, 0) + 1
    if attempt > MOST_ATTEMPTS:
        return SkipReason(f"{MOST_ATTEMPTS} runs did not take these {len(still)} files")
    return SensorResult(
        run_requests=[
            RunRequest(
                run_key=f"{key}-{attempt}",
                partition_key=clock.today().isoformat(),
                tags={"xborder/files": str(len(still))},
                run_config=config,
            )
        ],
        cursor=json.dumps({"seen": seen, "attempts": {key: attempt}}),
    )


@sensor(
    job=intake,
    minimum_interval_seconds=TICK_SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Starts an intake run, which checks what is open, after an answer was given.",
)
def answers_given(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    """One run for the answers that were given or taken back since the last; it takes no file in.

    The cursor is the number of the newest answer that a run was asked for; a run waits until no
    further answer came between two ticks, and until no intake run is under way.
    """
    asked, seen = json.loads(context.cursor or "[0, 0]")
    home = open_home(settings.load().home)
    try:
        with reading(home.engine) as connection:
            newest = fixes.newest(connection)
    finally:
        home.engine.dispose()
    cursor = json.dumps([asked, newest])
    if newest == asked:
        return SkipReason("no answer was given")
    if newest != seen or context.instance.get_runs_count(_UNDER_WAY):
        return SensorResult(skip_reason="answers were given; a run follows", cursor=cursor)
    config = asked_to_act("intake")
    config["ops"]["order_files"]["config"]["settled"] = [_NO_FILE]
    return SensorResult(
        run_requests=[
            RunRequest(
                run_key=f"answers-{newest}",
                partition_key=clock.today().isoformat(),
                run_config=config,
            )
        ],
        cursor=json.dumps([newest, newest]),
    )


@asset_sensor(
    asset_key=AssetKey("warehouse_movements"),
    job=stock_report,
    minimum_interval_seconds=TICK_SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Writes the stock report anew after an intake that read warehouse files.",
)
def warehouse_files_read(
    context: SensorEvaluationContext, event: EventLogEntry
) -> RunRequest | SkipReason:
    """One report for each intake run that booked movements; other intakes change no stock."""
    made = event.asset_materialization
    read_now = made.metadata.get("read_now") if made else None
    if made is None or read_now is None or not read_now.value:
        return SkipReason("no warehouse file was read")
    return RunRequest(run_key=event.run_id, partition_key=made.partition)


@run_failure_sensor(
    minimum_interval_seconds=10,
    default_status=DefaultSensorStatus.RUNNING,
    description="Writes an alert file for every run that failed.",
)
def failed_runs(context: RunFailureSensorContext) -> None:
    """A failed run is a fault of ours: ``alerts/<time>-<run>.json`` in the home says which.

    The alert names job, partition and step, not the exception's text, which may quote data.
    """
    run = context.dagster_run
    folder = settings.load().home / "alerts"
    folder.mkdir(exist_ok=True)
    alert = {
        "at": clock.now().isoformat(),
        "job": run.job_name,
        "run": run.run_id,
        "partition": run.tags.get("dagster/partition", ""),
        "steps": [event.step_key for event in context.get_step_failure_events()],
    }
    name = f"{clock.app_time(clock.now())}-{run.run_id[:8]}.json"
    (folder / name).write_text(json.dumps(alert, indent=2), "utf-8")


ALL = [landed_files, answers_given, warehouse_files_read, failed_runs]
