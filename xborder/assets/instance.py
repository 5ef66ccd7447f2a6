"""Dagster's own folder in the home: its configuration, and what a crash left open in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

CONFIGURATION = """\
# Written by xborder; edit it freely, it is not overwritten.
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config: {max_concurrent_runs: 2, dequeue_interval_seconds: 1}
run_monitoring:
  enabled: true
  max_runtime_seconds: 7200
  poll_interval_seconds: 60
retention:
  schedule: {purge_after_days: 90}
  sensor: {purge_after_days: {skipped: 2, failure: 30, success: 90}}
"""

SERVING, RUNNING = "serving", "running"
"""Locks in Dagster's folder: one ``xborder up`` a home, and any number of ``xborder run``."""

UNFINISHED = [
    DagsterRunStatus.STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.CANCELING,
]


def prepare(folder: Path) -> None:
    """Make Dagster's folder with our configuration, and point Dagster at it."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "dagster.yaml"
    if not written.exists():
        written.write_text(CONFIGURATION, "utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"


@contextmanager
def opened(folder: Path) -> Iterator[DagsterInstance]:
    """Dagster's instance on a folder; two processes may open a fresh one at once.

    Dagster makes its tables when it first needs them, and not safely from two processes: they
    are made here, one after the other.
    """
    prepare(folder)
    with (folder / ".first-visit").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        instance = DagsterInstance.get()
        instance.get_runs_count()
        instance.all_asset_keys()
        instance.all_instigator_state()
        fcntl.flock(lock, fcntl.LOCK_UN)
    with instance:
        yield instance


@contextmanager
def locked(folder: Path, name: str, *, shared: bool = False) -> Iterator[bool]:
    """A lock in a folder that ends with its process, however that ends; yields whether it was
    free. ``shared`` locks hold beside each other."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{name}").open("w") as lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def close_open_runs(instance: DagsterInstance) -> int:
    """Mark runs that a crash left under way as failed; returns how many.

    A killed run stays ``STARTED`` for ever and holds its place in the queue; its work is
    resumed from the registry by the next run.
    """
    stale = instance.get_runs(RunsFilter(statuses=UNFINISHED))
    for run in stale:
        instance.report_run_failed(run, "closed at start: its process was gone")
    return len(stale)
