"""``make bench``: every benchmark in turn, one table of bars.

    python -m bench [--write-docs]

Exits with 1 when a bar is not held. Ten million lines are apart: ``make bench-10m``.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench import (
    bench_check,
    bench_claim,
    bench_life_cycle,
    bench_pipeline,
    bench_reading,
    bench_schemas,
    process,
    table,
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Every benchmark in turn, one table of bars.")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--stored", default="10000000", help="keys that the claim is held against")
    parser.add_argument(
        "--lists", type=int, help="of the life cycle; by default a tenth of the lines"
    )
    parser.add_argument("--scratch", type=Path, default=process.SCRATCH)
    parser.add_argument("--write-docs", action="store_true", help="into docs/benchmarks.md")
    asked = parser.parse_args()
    parts: dict[str, Callable[[], tuple[list[table.Bar], str]]] = {
        "Schema verdicts": lambda: bench_schemas.bars(asked.lines, 5_000, asked.repeats),
        "A channel's file": lambda: bench_reading.bars(100_000, 2 * asked.repeats + 1),
        "The interactive check": lambda: bench_check.bars(2 * asked.repeats + 1),
        "The history claim": lambda: bench_claim.bars(
            bench_claim.asked(
                "--batches", "2", "--stored", asked.stored, "--scratch", str(asked.scratch)
            )
        ),
        "The whole job": lambda: bench_pipeline.measure(asked.lines, asked.repeats, asked.scratch),
        "The life cycle": lambda: bench_life_cycle.measure(
            asked.lists or asked.lines // 10, 2, asked.scratch
        ),
    }
    bars: list[table.Bar] = []
    details = []
    for name, run in parts.items():
        held, told = run()
        bars += held
        details.append(f"### {name}\n\n{told}")
        print(f"{name}\n\n{table.markdown(held)}\n", flush=True)
    text = "\n\n".join([table.machine(), table.markdown(bars), *details])
    if asked.write_docs:
        table.write("bench", text)
    print(text)
    return 0 if all(one.held for one in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
