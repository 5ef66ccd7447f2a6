"""A process that works on blocks shares the cores between its workers, unless it is told otherwise."""

import os
import subprocess
import sys

import pytest

SAYS = "import os, xborder; xborder.prepare_for_blocks(); print(os.environ['POLARS_MAX_THREADS'])"


@pytest.mark.parametrize(("given", "cores", "told"), [("", 2, "1"), ("", 1, "1"), ("3", 2, "3")])
def test_polars_gets_its_share_of_the_cores(given: str, cores: int, told: str) -> None:
    if cores > len(os.sched_getaffinity(0)):
        pytest.skip(f"this machine has no {cores} cores")
    bound = f"import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cores}]); "
    others = {key: value for key, value in os.environ.items() if key != "POLARS_MAX_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", bound + SAYS],
        env=others | ({"POLARS_MAX_THREADS": given} if given else {}),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == told
