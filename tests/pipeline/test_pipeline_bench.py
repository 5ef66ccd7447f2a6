"""The benchmark of the whole job runs, what goes in comes out, and its table says so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import bench_pipeline, generate, table

ROOT = Path(__file__).parents[2]


def test_job_and_floor_agree(tmp_path: Path) -> None:
    """Counts are held against what was put in, and messages against the floor's, by the command
    itself; figures of so few lines say nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.bench_pipeline", "--lines", "4000", "--repeats", "1",
         "--scratch", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=250,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode in (0, 1)
    bars = re.findall(r"^\| ([^|]+) \| [0-9.,]+ (×|MB) \| ≤ [0-9.]+ \2 \| ", done.stdout, re.M)
    assert [unit for _, unit in bars] == ["×", "×", "MB"]
    stages = re.findall(r"^\| (job|floor) \| (\S+) \|", done.stdout, re.M)
    assert ("job", "claim") in stages and ("floor", "messages") in stages


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    one = generate.generate(tmp_path / "one", 3000)
    other = generate.generate(tmp_path / "other", 3000)
    assert one == other and one["lines"] == 3000
    for name in ("goods.csv", "orders.csv", "shipments.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert len((tmp_path / "one" / "orders.csv").read_text("utf-8").splitlines()) == 3001
    assert generate.generate(tmp_path / "other", 3000, seed=2)["bad_lines"] != 0
    before = (tmp_path / "one" / "orders.csv").stat().st_mtime_ns
    generate.generate(tmp_path / "one", 3000)
    assert (tmp_path / "one" / "orders.csv").stat().st_mtime_ns == before


def test_a_result_that_differs_ends_the_benchmark(tmp_path: Path) -> None:
    folder = tmp_path / "manifests" / "2026-11-20" / "XB1"
    folder.mkdir(parents=True)
    (folder / "CEB303_0001.xml").write_text("<ceb:OrderHead></ceb:OrderHead>" * 2)
    (folder / "CEB603_0001.xml").write_text("<ceb:InventoryHead></ceb:InventoryHead>" * 2)
    facts = {"orders": 3, "bad_orders": 1}
    told = {"accepted": 2, "held": 1, "claimed": 2, "lists": 2}
    bench_pipeline.verify(tmp_path, facts, told)
    with pytest.raises(bench_pipeline.WrongError, match="2 held, not 1"):
        bench_pipeline.verify(tmp_path, facts, told | {"held": 2})
    (folder / "CEB603_0001.xml").write_text("<ceb:InventoryHead></ceb:InventoryHead>")
    with pytest.raises(bench_pipeline.WrongError, match="messages hold"):
        bench_pipeline.verify(tmp_path, facts, told)


def test_the_docs_take_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(table.PAGE.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(table, "PAGE", page)
    bars = [table.at_most("a", 1.25, 2, "×"), table.at_least("b", 90, 120, "×")]
    for _ in range(2):  # the second time replaces the first
        table.write("bench", f"{table.machine()}\n\n{table.markdown(bars)}")
    written = page.read_text("utf-8")
    assert written.count("| a | 1.25 × | ≤ 2 × | yes |") == 1
    assert written.count("| b | 90 × | ≥ 120 × | **no** |") == 1
    assert "bench-10m" in written
    with pytest.raises(ValueError, match="no markers"):
        table.write("other", "")
