"""The checks' small world as a fixture."""

from typing import Any

import checks_world
import pytest


@pytest.fixture
def world() -> Any:
    """The makers of exporters, catalogues, shipments and lines."""
    return checks_world
