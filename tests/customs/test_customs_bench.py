"""The benchmark of the life cycle runs, and ends when a list is lost, doubled or stuck."""

import re
from pathlib import Path

import pytest
from customs_life import asked
from customs_office import Customs

from bench import bench_life_cycle, table

pytestmark = pytest.mark.slow


def test_all_that_goes_in_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Path, Customs]] = []
    verify = bench_life_cycle.verify

    def noted(home: Path, customs: Customs, lists: int, lines: int) -> int:
        seen.append((home, customs))
        found = verify(home, customs, lists, lines)
        # Another number of lists, or of goods lines, is told.
        for wrong in ((lists + 1, lines), (lists, lines + 1)):
            with pytest.raises(bench_life_cycle.WrongError):
                verify(home, customs, *wrong)
        customs.taken.append(customs.taken[0])
        with pytest.raises(bench_life_cycle.WrongError, match="messages"):
            verify(home, customs, lists, lines)
        assert found == asked(home, "SELECT count(*) FROM receipts")[0][0]
        return found

    monkeypatch.setattr(bench_life_cycle, "verify", noted)
    held, told = bench_life_cycle.measure(60, 2, tmp_path)
    assert seen and not list(tmp_path.iterdir())
    assert "receipts applied" in table.markdown(held) and held[0].bar == "≥ 5000 a CPU-second"
    steps = re.findall(r"^\| (\w+) \| [0-9]+ \|", told, re.M)
    assert set(steps) == {*bench_life_cycle.STEPS, "send", "receive"}
