"""Where the sample files beside the project lie."""

from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"


@pytest.fixture
def samples() -> Path:
    if not SAMPLES.is_dir():
        pytest.skip("the sample files beside the project (../shared/samples) are not here")
    return SAMPLES
