"""``xborder check`` stays quick: what it imports, and what it costs as a whole process."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import typer

from bench import bench_check
from xborder import cli

ROOT = Path(__file__).parents[2]
HEAVY = [
    *("dagster", "pandas", "numpy", "pyarrow", "sqlalchemy", "pydantic_settings", "jsonschema"),
    *("rich.progress", "xborder.cli.running", "xborder.schemas.table_files"),
]

IMPORTED = """
import json, sys
from xborder.cli import app
try:
    app()
except SystemExit as ended:
    assert ended.code == 1, ended.code
import polars
assert polars.thread_pool_size() == 1
sys.stderr.write(json.dumps(sorted(sys.modules)))
"""


def test_a_check_imports_nothing_heavy(tmp_path):
    file = tmp_path / "orders.xlsx"
    bench_check.workbook(file, rows=200)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, "check", str(file)], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    imported = json.loads(done.stderr.splitlines()[-1])
    assert "polars" in imported
    assert [one for one in HEAVY if one in imported] == []


def test_a_check_ends_at_once_having_said_all(tmp_path):
    file = tmp_path / "orders.xlsx"
    bench_check.workbook(file, rows=200)
    ends = {
        name: subprocess.run(
            [sys.executable, *command, "check", str(file), "--json"], capture_output=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for name, command in {
            "at once": ("-m", "xborder"),
            "as Python does": ("-c", "from xborder.cli import app; app()"),
        }.items()
    }  # fmt: skip
    assert {one.returncode for one in ends.values()} == {1}
    assert {one.stdout for one in ends.values()} == {ends["at once"].stdout}
    assert json.loads(ends["at once"].stdout)["findings"]


def test_help_and_language_come_without_polars():
    script = (
        "import sys; from xborder.cli import language; language.either('', '')\n"
        "sys.exit('polars' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0


def test_a_check_of_a_thousand_rows_costs_little(tmp_path):
    """The bar is 0.7 s where importing Polars costs 0.17 s: it is held as a ratio, because the
    machine that runs the suite does much else."""
    file = tmp_path / "orders.xlsx"
    bench_check.workbook(file)
    least = {
        name: min(
            bench_check.spent(*command) for _ in range(5)
        )
        for name, command in {
            "check": ("-m", "xborder", "check", str(file)),
            "polars": ("-c", "import polars"),
        }.items()
    }  # fmt: skip
    assert least["check"] <= 3.6 * least["polars"], least


def test_each_command_is_known_by_the_module_that_adds_it():
    for module, names in cli.MODULES.items():
        adding = typer.Typer()
        importlib.import_module(f"xborder.cli.{module}").add_to(adding)
        assert tuple(typer.main.get_group(adding).commands) == names
