"""A process of the benchmarks seen from both sides: its stages, their CPU time and peak memory.

Inside, ``stage`` marks where a stage begins and ends, by a line of JSON on the standard output.
Outside, ``run`` starts the process, follows these lines, and samples the memory of the process
and all its children (proportional set size: shared pages count once).
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SAMPLES = 0.05
"""Seconds between two looks at the memory."""

ROOT = Path(__file__).parents[1]

SCRATCH = Path(tempfile.gettempdir()) / "xborder-bench"
"""What is generated stays here between runs; homes do not."""


def cpu_seconds() -> float:
    """User and system time of this process and of its children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def tell(**said: Any) -> None:
    """One line for the process outside."""
    print(json.dumps(said), flush=True)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """What is done within is the stage ``name``."""
    tell(begin=name)
    cpu, wall = cpu_seconds(), time.perf_counter()
    yield
    tell(end=name, cpu=cpu_seconds() - cpu, wall=time.perf_counter() - wall)


@dataclass
class Stage:
    """Seconds of CPU and of wall time, and the highest memory seen, in bytes."""

    cpu: float = 0.0
    wall: float = 0.0
    peak: int = 0


@dataclass
class Run:
    """A process that ended: its stages in order, all its CPU time, its peak, what it told."""

    stages: dict[str, Stage] = field(default_factory=dict)
    cpu: float = 0.0
    wall: float = 0.0
    peak: int = 0
    told: dict[str, Any] = field(default_factory=dict)


def run(*command: str, **variables: str) -> Run:
    """Run a Python program of this folder to its end. Raises RuntimeError when it fails."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    done, present = Run(), [""]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT, env=environment | variables, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        watch = threading.Thread(target=_watch, args=(process, done, present), daemon=True)
        watch.start()
        assert process.stdout is not None
        for line in process.stdout:
            _note(done, present, json.loads(line))
    watch.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    done.wall = time.perf_counter() - start
    done.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return done


def _note(done: Run, present: list[str], said: dict[str, Any]) -> None:
    if "begin" in said:
        present[0] = said["begin"]
        done.stages.setdefault(present[0], Stage())
    elif "end" in said:
        ended = done.stages[said["end"]]
        ended.cpu += said["cpu"]
        ended.wall += said["wall"]
        present[0] = ""
    else:
        done.told |= said


def _watch(process: "subprocess.Popen[str]", done: Run, present: list[str]) -> None:
    while process.poll() is None:
        used = sum(_memory(one) for one in _family(process.pid))
        done.peak = max(done.peak, used)
        if name := present[0]:
            done.stages[name].peak = max(done.stages[name].peak, used)
        time.sleep(SAMPLES)


def _family(process: int) -> Sequence[int]:
    """A process and all that it started, as far as they live."""
    found = [process]
    for one in found:
        for thread in Path(f"/proc/{one}/task").glob("*"):
            found += [int(child) for child in _text(thread / "children").split()]
    return found


def _memory(process: int) -> int:
    for line in _text(Path(f"/proc/{process}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
