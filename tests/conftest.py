"""The suite's own ground: modules beside the tests can be imported, no telemetry, one clock."""

import os
import sys
from pathlib import Path

for folder in sorted(Path(__file__).parent.iterdir()):
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))

os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
