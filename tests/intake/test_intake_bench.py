"""The benchmark of a channel's file runs, and every line of it becomes a canonical line."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmark_of_reading_runs():
    command = [sys.executable, "-m", "bench.bench_reading", "--lines", "500", "--repeats", "1"]
    done = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": "."}, capture_output=True, text=True
    )
    assert "500 lines of" in done.stdout, done.stderr
