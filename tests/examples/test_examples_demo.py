"""The demo over the examples: the counts of the README, and every planted fault comes to light."""

import csv
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from xborder.registry import answers, queries
from xborder.registry.database import reading
from xborder.registry.home import Home, open_home
from xborder.stock import book

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
DAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("examples") / "demo"
    environment = os.environ | {"XBORDER_NOW": f"{DAY}T10:00:00+08:00"}
    environment.pop("DAGSTER_HOME", None)
    done = subprocess.run(
        [sys.executable, "-m", "xborder", "demo", str(folder), "--lang", "en"],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return open_home(folder)


def _said(pattern: str) -> list[int]:
    found = re.search(pattern, (EXAMPLES / "README.md").read_text("utf-8"))
    assert found, pattern
    return [int(number) for number in found.groups()]


def test_lines_orders_and_manifests_are_as_the_readme_says(demo: Home) -> None:
    lines: Counter[str] = Counter()
    with reading(demo.engine) as connection:
        for upload in queries.uploads(connection, kind="orders"):
            lines.update(queries.receipt(connection, upload.id)["lines"])
        states: Counter[str] = Counter()
        for row in queries.orders_by_state(connection):
            states[row["state"]] += row["orders"]
        issued = queries.manifests(connection, DAY)
    kinds = Counter(row["kind"] for row in issued)
    counts = [sum(lines.values()), states["declared"], len(issued), kinds["lists"],
              kinds["declarations"], states["held"]]  # fmt: skip
    assert counts == _said(
        r"共 (\d+) 行订单.*：(\d+) 个进入 (\d+) 个批次（(\d+) 个清单批次、\n(\d+) 个报关草单批次），(\d+) 个暂存"
    )
    assert counts == _said(
        r"(\d+) order lines in all[^:]*: (\d+) end in (\d+) manifests \((\d+) of lists, (\d+) of draft"
        r" declarations\), (\d+) are held"
    )
    assert states["declared"] > 0.7 * (states["declared"] + states["held"])
    assert sum(row["lists"] for row in issued) == states["declared"]
    assert {(row["batch"]["key"]["tradeMode"]) for row in issued} == {"9610", "9710", "9810"}
    assert len({row["exporter"] for row in issued}) == 4
    assert len(issued) <= 18


def test_every_planted_code_comes_to_light_at_its_exporter(demo: Home) -> None:
    told: set[tuple[str, str]] = set()
    with reading(demo.engine) as connection:
        uploads = queries.uploads(connection)
        for one in uploads:
            receipt = queries.receipt(connection, one.id)
            told |= {(one.exporter, code) for code in receipt["excluded_by_code"]}
        arrivals = Counter(
            (row["exporter"], row["sha256"]) for row in queries.deliveries(connection)
        )
        told |= {(exporter, "ALREADY_RECEIVED") for (exporter, _), n in arrivals.items() if n > 1}
        report = book.build(connection, demo.store, DAY, {})
    told |= set(report.exceptions.select("exporter", "code").rows())
    for one in uploads:
        found = answers.findings_of(demo.engine, demo.store, one.id)
        told |= {(one.exporter, code) for code in found["code"]}
    with (EXAMPLES / "planted.csv").open(encoding="utf-8", newline="") as file:
        planted = {(row["exporter"], row["code"]) for row in csv.DictReader(file) if row["code"]}
    assert planted - told == set()


def test_no_two_orders_are_declared_under_one_number(demo: Home) -> None:
    """Two shops of one exporter, both without a platform code, number their orders alike."""
    filed: Counter[tuple[str, ...]] = Counter()
    for message in sorted((demo.settings.home / "manifests").rglob("CEB303_*.xml")):
        told = message.read_text("utf-8")
        filed.update(re.findall(r"<ceb:orderNo>(.*?)</.*?<ceb:ebpCode>(.*?)</", told, re.DOTALL))
    assert len(filed) > 100 and not [key for key, times in filed.items() if times > 1]
    assert ("EU-#1001", "无") in filed and ("#1001", "无") in filed
