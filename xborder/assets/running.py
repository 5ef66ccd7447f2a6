"""The jobs executed in this process, on the home's own Dagster instance: ``xborder run``."""

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from dagster import DagsterEvent

from xborder import settings
from xborder.assets.instance import RUNNING, locked, opened
from xborder.assets.jobs import LIVE_STEPS, asked_to_act
from xborder.assets.partitions import DAYS
from xborder.assets.resources import HomeResource
from xborder.definitions import build_defs
from xborder.manifests import receiving, sending
from xborder.registry.home import open_home


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
    """Take in what has landed, cut off (unless told not to), write the stock report, and
    send what is due to customs.

    The runs appear in the Dagster UI like any other. Raises RunFailedError with the names of
    the job and its failed steps, and why.
    """
    if not DAYS.has_partition_key(day.isoformat()):
        first, last = DAYS.get_first_partition_key(), DAYS.get_last_partition_key()
        raise RunFailedError(f"{day} is no day of this home: {first} to {last}")
    defs = build_defs(home=HomeResource(path=str(home)))
    # Locked, so that a server that starts meanwhile does not take these runs for a crash's.
    with locked(home / "dagster", RUNNING, shared=True), opened(home / "dagster") as instance:
        # Customs' answers first: what they refuse is told with the rest, what they free goes on.
        answered = ["receipts"] if receiving.look(settings.load(home)) else []
        for name in [*answered, *LIVE_STEPS, "sending"]:
            if name in ("clearance", "sending") and not cutoff:
                continue
            if name == "sending" and not sending.due(open_home(home)):
                continue
            progress(name)
            quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
            config = quiet | (asked_to_act(name) if name in LIVE_STEPS else {})
            result = defs.resolve_job_def(name).execute_in_process(
                instance=instance, run_config=config, raise_on_error=False,
                partition_key=day.isoformat() if name in LIVE_STEPS else None,
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
