"""The suite's own ground: modules beside the tests can be imported, no telemetry, one clock."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for folder in sorted(Path(__file__).parent.iterdir()):
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))

os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")


@pytest.fixture(scope="module", autouse=True)
def _homes_let_go() -> Iterator[None]:
    """Hundreds of homes are opened by one process here: their files are closed with their module."""
    yield
    gc.collect()
