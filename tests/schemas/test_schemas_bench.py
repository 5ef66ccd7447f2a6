"""The benchmark runs, the competitors find the same cells, and the bars are held."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def ratios(*asked: str) -> dict[str, float]:
    """First column of the benchmark's table → the ratio that it prints."""
    command = [sys.executable, "-m", "bench.bench_schemas", *asked]
    done = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": "."}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return {
        row[1]: float(row[2])
        for row in re.finditer(r"^\| ([^|]+?) \|.*\| ([0-9.]+) × ", done.stdout, re.M)
    }


def test_the_benchmark_runs():
    found = ratios("--lines", "2000", "--sample", "200", "--repeats", "1")
    assert set(found) == {"jsonschema row by row", "jsonschema-rs row by row", "CSV to findings"}


@pytest.mark.slow
def test_the_bars_are_held():
    found = ratios("--lines", "200000", "--sample", "2000", "--repeats", "5")
    assert found["jsonschema row by row"] >= 120
    assert found["CSV to findings"] <= 2.7
