"""What customs' answers cost: lists from their issue to the declarations that customs makes of them.

    python -m bench.bench_life_cycle [--lists 100000] [--lines 2] [--scratch FOLDER]

Two exporters' lists are issued, sent, answered, released, cleared and consolidated before the
customs to test against (``tests/customs``), whose answers come in files of 100, some twice and in
no order. Measured is the CPU time (user + system) of each step in this process, without the
simulator's own. Ends with 1 when a list is lost, doubled or stuck, or a bar is not held.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from bench import process, table

TESTS = Path(__file__).parents[1] / "tests"

STEPS = ("issue", "depart", "arrive", "leave", "preview", "apply")


class WrongError(AssertionError):
    """A list was lost, doubled or stuck."""


def measure(lists: int, lines: int, scratch: Path) -> tuple[list[table.Bar], str]:
    """Bars and the table of all steps. Raises WrongError."""
    for name in ("customs", "manifests"):
        sys.path.append(str(TESTS / name))
    from customs_answers import Mail
    from customs_life import WHOLE, Life, life_home, step
    from customs_office import Customs

    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=scratch))
    spent: dict[str, list[float]] = defaultdict(list)

    def act(place: Path, name: str, at: str) -> None:
        before = time.process_time()
        step(place, name, at)
        spent[name].append(time.process_time() - before)

    try:
        home = life_home(
            folder / "home", (lists - lists // 3, lists // 3), lines=lines,
            lists_per_manifest=1000, lists_per_message=100, bill_lists=1000, summary_lists=1000,
        )  # fmt: skip
        mail = Mail(seed=1, doubled=0.05, shuffled=True, held_back=0.1)
        life: Any = Life(home, customs=Customs(), mail=mail, act=act)  # type: ignore[arg-type]
        began = time.process_time()
        life.live(tuple(one for one in WHOLE if one[1] in STEPS))
        simulated = time.process_time() - began - sum(map(sum, spent.values()))
        receipts = verify(home, life.customs, lists, lines)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = ["| step | times | s CPU | µs CPU a list |", "|---|---:|---:|---:|"]
    rows += [
        f"| {name} | {len(costs)} | {sum(costs):.2f} | {sum(costs) / lists * 1e6:.0f} |"
        for name, costs in spent.items()
    ]
    rows.append(f"| (the simulator) | | {simulated:.2f} | {simulated / lists * 1e6:.0f} |")
    told = f"{lists:,} lists, {receipts:,} receipts\n\n" + "\n".join(rows)
    what = f"receipts applied, {lists:,} lists from issue to declaration"
    return [table.at_least(what, receipts / sum(spent["receive"]), 5000, "a CPU-second")], told


def verify(home: Path, customs: Any, lists: int, lines: int) -> int:
    """Hold the home against customs' books; how many receipts were entered."""
    from customs_life import asked

    filed = dict(asked(home, "SELECT key, status FROM filings WHERE kind = '603'"))
    _same("lists at customs", filed, {one.cop_no: one.status for one in customs.lists.values()})
    _same("states", Counter(filed.values()), {"899": lists})
    declared = Counter(
        (row["invtNo"], row["gnum"]) for _, rows in customs.declarations for row in rows
    )
    _same("goods lines", (len(declared), set(declared.values())), (lists * lines, {1}))
    stored = asked(home, "SELECT count(*), count(DISTINCT invt_no), count(list_id) FROM declaration_lines")  # fmt: skip
    _same("declaration lines", stored, [(lists * lines, lists, lists * lines)])
    for waiting in (
        "receipts WHERE code IS NOT NULL",
        "filings WHERE status IS NULL",
        "messages WHERE state <> 'sent'",
        "receipt_files WHERE code IS NOT NULL",
    ):
        _same(waiting, asked(home, f"SELECT count(*) FROM {waiting}"), [(0,)])
    _same("messages", len({guid for _, guid in customs.taken}), len(customs.taken))
    [(entered,)] = asked(home, "SELECT count(*) FROM receipts")
    return int(str(entered))


def _same(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise WrongError(f"{what}: {str(found)[:300]}, not {str(wanted)[:300]}")


def main() -> int:
    """Measure and print."""
    ask = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    ask.add_argument("--lists", type=int, default=100_000)
    ask.add_argument("--lines", type=int, default=2)
    ask.add_argument("--scratch", type=Path, default=process.SCRATCH)
    asked = ask.parse_args()
    held, told = measure(asked.lists, asked.lines, asked.scratch)
    print(f"{table.machine()}\n\n{table.markdown(held)}\n\n{told}")
    return 0 if all(one.held for one in held) else 1


if __name__ == "__main__":
    sys.exit(main())
