"""An application that is killed half-way is made again with the same bytes, and only once."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from consolidation_homes import EXPORTER, cleared, heads
from sqlalchemy import text

from xborder.crashpoints import CRASH_AT
from xborder.registry import audit
from xborder.registry.database import reading
from xborder.registry.home import open_home


def apply(home: Path, crash_at: str = "") -> int:
    """``xborder consolidate apply`` as a command; its exit code."""
    said = os.environ | {"XBORDER_NOW": "2026-12-10T10:00:00+08:00", CRASH_AT: crash_at}
    done = subprocess.run(
        [sys.executable, "-m", "xborder", "consolidate", "apply", "--home", str(home)],
        env=said, capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode


def stored(home: Path) -> dict[str, bytes]:
    """Every file of the consolidations, by path; remains of a killed write are none."""
    folder = home / "consolidations"
    return {
        str(one.relative_to(folder)): one.read_bytes()
        for one in sorted(folder.rglob("*"))
        if one.is_file() and not one.name.startswith(".writing-")
    }


def rows(home: Path) -> list[tuple[object, ...]]:
    opened = open_home(home)
    try:
        with reading(opened.engine) as c:
            assert audit.verify(c) is None
            return [
                tuple(row)
                for table in ("consolidations", "consolidation_lists")
                for row in c.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))
            ] + [tuple(row) for row in c.execute(text(
                "SELECT kind, key, app_time FROM filings WHERE kind = '701' ORDER BY id"))]  # fmt: skip
    finally:
        opened.engine.dispose()


@pytest.mark.slow
def test_a_killed_application_is_made_again_with_the_same_bytes(tmp_path: Path) -> None:
    whole = heads(6)
    for row in whole[:3]:
        row["loctNo"] = "604101"  # two applications
    cleared(tmp_path / "whole", whole, summary_lists=2).engine.dispose()
    (tmp_path / "whole" / "xborder.toml").write_text("summary_lists = 2\n", "utf-8")
    for point in ("one", "two"):
        shutil.copytree(tmp_path / "whole", tmp_path / point)
    assert apply(tmp_path / "whole") == 0
    made, said = stored(tmp_path / "whole"), rows(tmp_path / "whole")
    assert len([one for one in made if one.endswith(".xml")]) == 4
    for number, point in enumerate(("one", "two"), start=1):
        home = tmp_path / point
        assert apply(home, f"consolidation-reserved:{number}") == -signal.SIGKILL
        assert rows(home) == [], "nothing is named to customs by half"
        assert apply(home) == 0
        assert stored(home) == made
        assert rows(home) == said
        assert apply(home) == 0
        assert rows(home) == said
    assert EXPORTER in {one.partition("/")[0] for one in made}
