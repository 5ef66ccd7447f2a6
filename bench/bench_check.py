"""What ``xborder check`` costs as a whole process: a workbook of 1,000 rows, from the shell's side.

python -m bench.bench_check --repeats 7
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import polars as pl
import xlsxwriter

from bench import generate, table

ROWS = 1000
MOST = 0.7
"""Seconds of CPU, children included."""


def workbook(path: Path, rows: int = ROWS) -> None:
    """Order lines of the generator as an XLSX file of the project's own template."""
    with tempfile.TemporaryDirectory() as folder:
        generate.generate(Path(folder) / "data", rows)
        lines = pl.read_csv(Path(folder) / "data" / "orders.csv", infer_schema=False)
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("订单 Orders")
        sheet.write_row(0, 0, lines.columns)
        for at, row in enumerate(lines.iter_rows(), start=1):
            sheet.write_row(at, 0, row)


def spent(*command: str) -> float:
    """CPU seconds of a Python command and of all that it starts; it must find something.

    Python may keep the modules that it compiles, as an installation has them.
    """
    kept = {name: said for name, said in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = getrusage(RUSAGE_CHILDREN)
    ended = subprocess.run(
        [sys.executable, *command], stdout=subprocess.DEVNULL, check=False, env=kept
    )
    after = getrusage(RUSAGE_CHILDREN)
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"{command} ended with {ended.returncode}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bars(repeats: int) -> tuple[list[table.Bar], str]:
    """The bar of the interactive check; beside it, what importing Polars alone costs."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.xlsx"
        workbook(file)
        commands = {
            "xborder check": ("-m", "xborder", "check", str(file)),
            "xborder check --json": ("-m", "xborder", "check", str(file), "--json"),
            "python -c 'import polars'": ("-c", "import polars"),
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():
            spent(*command)  # compiles what has changed
        for _ in range(repeats):
            for name, command in commands.items():
                times[name].append(spent(*command))
    rows = ["| | s CPU | lowest |", "|---|---:|---:|"]
    rows += [
        f"| {name} | {statistics.median(one):.3f} | {min(one):.3f} |" for name, one in times.items()
    ]
    middle = statistics.median(times["xborder check"])
    what = f"xborder check of a workbook of {ROWS:,} rows, the whole process"
    return [table.at_most(what, middle, MOST, "s CPU")], "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    held, told = bars(parser.parse_args().repeats)
    print(f"{table.markdown(held)}\n\n{told}")
    return 0 if all(one.held for one in held) else 1


if __name__ == "__main__":
    sys.exit(main())
