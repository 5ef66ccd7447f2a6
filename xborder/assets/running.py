"""The jobs executed in this process, on the home's own Dagster instance: ``xborder run``."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from xborder.assets.instance import opened
from xborder.assets.resources import HomeResource
from xborder.definitions import build_defs

LIVE_STEPS = {"intake": "order_files", "clearance": "clearance_manifests", "stock_report": None}
"""The jobs in their order, and the step of each that acts on its day only when asked to."""


class RunFailedError(RuntimeError):
    """A job failed: a fault of ours, or a promise that would have been broken."""


def run_jobs(
    home: Path,
    day: date,
    *,
    cutoff: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Take in what has landed, cut off (unless told not to), and write the stock report.

    The runs appear in the Dagster UI like any other. Raises RunFailedError with the names of
    the job and its failed steps.
    """
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
                steps = [e.step_key for e in result.get_step_failure_events()]
                raise RunFailedError(f"{name}: {', '.join(filter(None, steps))} failed")
