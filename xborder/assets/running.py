"""The jobs executed in this process, on the home's own Dagster instance: ``xborder run``."""

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from dagster import DagsterEvent

from xborder.assets.instance import opened
from xborder.assets.partitions import DAYS
from xborder.assets.resources import HomeResource
from xborder.definitions import build_defs

LIVE_STEPS = {"intake": "order_files", "clearance": "clearance_manifests", "stock_report": None}
"""The jobs in their order, and the step of each that acts on its day only when asked to."""


class RunFailedError(RuntimeError):
    """A job failed: a fault of ours, or a promise that would have been broken."""


_TOLD = ("TableError", "KeyFileError", "OSError", "OperationalError")
"""Causes whose text is the operator's to read and quotes no file; of others only the name."""


def run_jobs(
    home: Path,
    day: date,
    *,
    cutoff: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Take in what has landed, cut off (unless told not to), and write the stock report.

    The runs appear in the Dagster UI like any other. Raises RunFailedError with the names of
    the job and its failed steps, and why.
    """
    if not DAYS.has_partition_key(day.isoformat()):
        first, last = DAYS.get_first_partition_key(), DAYS.get_last_partition_key()
        raise RunFailedError(f"{day} is no day of this home: {first} to {last}")
    defs = build_defs(home=HomeResource(path=str(home)))
    with opened(home / "dagster") as instance:
        for name, step in LIVE_STEPS.items():
            if name == "clearance" and not cutoff:
                continue
            progress(name)
            config: dict[str, object] = {
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}
            }
            if step:
                config["ops"] = {step: {"config": {"live": True}}}
            result = defs.resolve_job_def(name).execute_in_process(
                instance=instance, partition_key=day.isoformat(), run_config=config,
                raise_on_error=False,
            )  # fmt: skip
            if not result.success:
                failed = result.get_step_failure_events()
                steps = ", ".join(event.step_key for event in failed if event.step_key)
                raise RunFailedError(f"{name}: {steps} failed{_why(failed)}")


def _why(failed: Iterable[DagsterEvent]) -> str:
    found = []
    for event in failed:
        told = event.step_failure_data.error
        while told is not None and told.cause is not None:
            told = told.cause
        if told is not None and told.cls_name:
            text = told.message.partition(": ")[2].strip() if told.cls_name in _TOLD else ""
            found.append(f"{told.cls_name} {text}".strip())
    return "".join(f"; {one}" for one in dict.fromkeys(found))
