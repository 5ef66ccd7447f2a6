"""Exchange with customs (报文往来): its answers, and how far the lists are that they speak of."""

import hashlib
import json
from datetime import timedelta

import polars as pl
from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    Config,
    DagsterRunStatus,
    DefaultSensorStatus,
    MaterializeResult,
    MetadataValue,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    asset,
    asset_check,
    sensor,
)

from xborder import clock, settings
from xborder.assets.guarantees import WARN
from xborder.assets.jobs import receipts as receipts_job
from xborder.assets.previews import markdown
from xborder.assets.resources import HomeResource
from xborder.manifests import receiving
from xborder.registry import landing, manifest_states, queries, receipt_problems, standings
from xborder.registry.customs_states import Rules
from xborder.registry.database import reading
from xborder.registry.home import open_home

GROUP = "exchange"
OWNERS = ["team:operators"]

MOST_MANIFESTS = 50
"""Newest manifests whose states the asset shows."""

MOST_FILES = 5_000
"""Receipt files that one run takes; the next run takes the rest."""

NEWEST = 5_000
"""Documents whose states each run works out again; ``xborder verify`` does so for all."""

MOST_ATTEMPTS = 5
"""A set of files whose run failed this often waits for an operator, or for another file."""

_UNDER_WAY = RunsFilter(
    job_name="receipts",
    statuses=[
        DagsterRunStatus.QUEUED,
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
    ],
)

DUE_MINUTES = 10
"""So often it is looked whether an answer waits whose document or time has come."""


class Inbox(Config):
    """Which receipt files a run takes: marks of those that stood still for two ticks, or all."""

    settled: list[str] | None = None


@asset(
    group_name=GROUP, owners=OWNERS, kinds={"xml"}, code_version="1", deps=["clearance_manifests"],
)  # fmt: skip
def customs_receipts(
    context: AssetExecutionContext, config: Inbox, home: HomeResource
) -> MaterializeResult:
    """Customs' answers (海关回执) from the inbox: kept, applied once, and the states they make."""
    opened = home.open()
    files = (
        receiving.look(opened.settings)
        if config.settled is None
        else receiving.settled(opened.settings, config.settled)
    )
    done = receiving.receive(opened, files)
    rules = Rules(opened.tables)
    with reading(opened.engine) as connection:
        rows = queries.manifests(connection)[-MOST_MANIFESTS:]
        counts = manifest_states.counts(connection, rules, [row["id"] for row in rows])
        problems = receipt_problems.listed(connection)
        open_now = receipt_problems.count(connection)
    if done.moved.refused:
        context.log.warning(
            f"customs refused {len(done.moved.refused)} lists: their orders are held"
        )
    moved = [
        {"message": f"CEB{kind}", "state": " ".join(rules.words[state]), "documents": number}
        for (kind, state), number in sorted(done.moved.counts.items())
    ]
    shown = [
        {"number": row["number"], "exporter": row["exporter"], "lists": row["lists"]}
        | {"at_customs": ", ".join(f"{rules.words[s][0]} {s} {n}" for s, n in of.items())}
        for row in reversed(rows)
        for of in [counts[row["id"]]]
    ]
    told = ["file_name", "exporter", "code", "value", "message_zh", "message_en"]
    return MaterializeResult(
        metadata={
            **done.counts(),
            "moved": markdown(pl.DataFrame(moved)),
            "manifests": markdown(pl.DataFrame(shown)),
            "open_problems": sum(open_now.values()),
            "problems": markdown(
                pl.DataFrame([{n: one[n] for n in told} for one in problems[:100]])
            ),
        }
    )


@asset_check(asset="customs_receipts")
def receipts_read_and_applied(home: HomeResource) -> AssetCheckResult:
    """No receipt file is in quarantine, and no answer waits or is held."""
    with reading(home.open().engine) as connection:
        counted = receipt_problems.count(connection)
    lines = [f"* {code}: {number}" for code, number in counted.items()]
    return AssetCheckResult(
        passed=not counted,
        severity=WARN,
        metadata={
            "problems": sum(counted.values()),
            "by_code": MetadataValue.md("\n".join(lines) or "—"),
        },
    )


@asset_check(asset="customs_receipts")
def nothing_stuck(home: HomeResource) -> AssetCheckResult:
    """No document waits longer for customs than the home sets (``stuck_hours``)."""
    opened = home.open()
    before = clock.now() - timedelta(hours=opened.settings.stuck_hours)
    with reading(opened.engine) as connection:
        stuck = receipt_problems.stuck(connection, Rules(opened.tables), before)
    lines = [f"* CEB{which}: {number}" for which, number in stuck.items()]
    return AssetCheckResult(
        passed=not stuck,
        severity=WARN,
        metadata={
            "documents": sum(stuck.values()),
            "by_state": MetadataValue.md("\n".join(lines) or "—"),
        },
    )


@asset_check(asset="customs_receipts", blocking=True)
def states_follow_the_answers(home: HomeResource) -> AssetCheckResult:
    """Every document stands where all its answers together put it; looks at the newest ones."""
    opened = home.open()
    with reading(opened.engine) as connection:
        wrong = standings.inconsistent(connection, Rules(opened.tables), newest=NEWEST)
    return AssetCheckResult(passed=not wrong, metadata={"documents": len(wrong)})


@sensor(
    job=receipts_job,
    minimum_interval_seconds=5,
    default_status=DefaultSensorStatus.RUNNING,
    description="Starts a run for the receipt files that stood still for two ticks.",
)
def inbox_files(context: SensorEvaluationContext) -> SensorResult:
    """One run for all receipt files that stand still; files that still move wait by themselves.

    Answers are independent of each other, so no file waits for another. Where nothing came, a
    run is started now and then while answers wait for their document or their time.
    """
    before = json.loads(context.cursor or "{}")
    home = settings.load()
    seen = {name: list(mark) for name, mark in receiving.waiting(home).items()}
    still = {name: told for name, told in seen.items() if before.get("seen", {}).get(name) == told}
    now = clock.now()
    slot = now.replace(minute=now.minute - now.minute % DUE_MINUTES, second=0).isoformat()
    due = slot != before.get("slot") and not still and _waits(home)
    cursor = {"seen": seen, "slot": slot, "attempts": before.get("attempts", {})}

    def skipped(why: str) -> SensorResult:
        return SensorResult(skip_reason=why, cursor=json.dumps(cursor))

    if not still and not due:
        return skipped(f"{len(seen)} files have come; none stands still" if seen else "none came")
    if context.instance.get_runs_count(_UNDER_WAY):
        return skipped("a run is under way")
    marks = [landing.mark(name, *told) for name, told in sorted(still.items())][:MOST_FILES]
    asked = json.dumps([still, slot if due else ""], sort_keys=True)
    key = hashlib.sha256(asked.encode()).hexdigest()[:24]
    attempt = before.get("attempts", {}).get(key, 0) + 1
    if attempt > MOST_ATTEMPTS:
        return skipped(f"{MOST_ATTEMPTS} runs did not take these {len(still)} files")
    cursor["attempts"] = {key: attempt}
    return SensorResult(
        run_requests=[
            RunRequest(
                # Dagster remembers run keys for ever; files of these very bytes may come again.
                run_key=f"{key}-{attempt}-{slot}",
                tags={"xborder/files": str(len(marks))},
                run_config={"ops": {"customs_receipts": {"config": {"settled": marks}}}},
            )
        ],
        cursor=json.dumps(cursor),
    )


def _waits(home: settings.Settings) -> bool:
    """Whether answers wait for their document or their time."""
    with reading(open_home(home.home).engine) as connection:
        counted = receipt_problems.count(connection)
    return any(code in counted for code in ("RECEIPT_UNKNOWN_DOCUMENT", "RECEIPT_FROM_FUTURE"))


CHECKS = [receipts_read_and_applied, nothing_stuck, states_follow_the_answers]
SENSORS = [inbox_files]
