"""How fast a channel's file becomes canonical lines, against Polars reading it as text.

    python -m bench.bench_reading --lines 100000 --repeats 5

An order export as Shopify writes it: 79 columns, of an order's second line and the next ones
only the number and what belongs to the line. The reader's work is done in this process (its
encoding proved, its layout found, orders whole, lines and findings made), in turns with Polars,
by process CPU time (medians). Exits with 1 when the bar is not held.
"""

import argparse
import csv
import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from bench import table
from xborder.intake.layouts import all_layouts
from xborder.intake.lines import SheetLines
from xborder.intake.parse import Asked, parse_blocks

LEAST = 40.0
"""Per cent of the speed of reading as text."""

SHARES = (0.45, 0.28, 0.15, 0.08, 0.04)
"""Share of the orders with one to five lines."""

GOODS = [
    "Porcelain bowl, 6 in",
    "Steel rack - 3 tiers",
    "Bluetooth speaker 20W",
    "Café mug, 350 ml",
]
PLACES = [("12 Rue de l'Église", "Lyon", "69002", "", "FR"), ("Lindenstr. 5", "Köln", "50674",
          "", "DE"), ("42 King Street, Apt 7", "Leeds", "LS1 2HL", "", "GB"),
          ("901 W 5th Ave", "Austin", "78703", "TX", "US")]  # fmt: skip


def heads() -> list[str]:
    """The header of the export."""
    layout = next(one for one in all_layouts() if one.layout == "shopify_orders")
    return [*layout.core_headers, *layout.known_headers]


def rows(lines: int, seed: int = 1) -> Iterator[dict[str, str]]:
    """Lines of orders, each under the header's texts; what stands nowhere is left out."""
    draw = random.Random(seed)
    written, number = 0, 1000
    while written < lines:
        number += 1
        size = min(draw.choices(range(1, 6), SHARES)[0], lines - written)
        street, city, postcode, province, country = draw.choice(PLACES)
        name = f"{draw.choice('ABCDEFG')}. Customer {draw.randint(1, 9999)}"
        moment = f"2026-11-{draw.randint(1, 19):02d} {draw.randint(0, 23):02d}:{number % 60:02d}"
        paid, total = f"{moment}:07 +0800", f"{draw.randint(900, 30_000) / 100:.2f}"
        head = {
            "Financial Status": "paid", "Paid at": paid, "Fulfillment Status": "unfulfilled",
            "Accepts Marketing": "no", "Currency": "EUR", "Subtotal": total, "Shipping": "5.80",
            "Taxes": "0.00", "Total": total, "Discount Amount": "0.00",
            "Shipping Method": "Standard", "Created at": paid, "Payment Method": "Shopify Payments",
            "Payment Reference": f"r{number}.1", "Refunded Amount": "0.00", "Id": f"{6 * 10**12 + number}",
            "Risk Level": "Low", "Source": "web", "Notes": draw.choice(["", "", "Please ring, twice"]),
            "Phone": "+33 1 00 00 00 00",
        }  # fmt: skip
        for whose in ("Billing", "Shipping"):
            head |= {
                f"{whose} Name": name, f"{whose} Street": street, f"{whose} Address1": street,
                f"{whose} City": city, f"{whose} Zip": postcode, f"{whose} Province": province,
                f"{whose} Country": country,
            }  # fmt: skip
        for at in range(size):
            own = {
                "Name": f"#{number}", "Email": f"c{number}@example.com",
                "Lineitem quantity": str(draw.randint(1, 4)),
                "Lineitem name": draw.choice(GOODS), "Lineitem sku": f"BN-{draw.randint(0, 999):04d}",
                "Lineitem price": f"{draw.randint(99, 19_999) / 100:.2f}",
                "Lineitem requires shipping": "true", "Lineitem taxable": "true",
                "Lineitem fulfillment status": "pending", "Lineitem discount": "0.00",
                "Vendor": "Sample Tools",
            }  # fmt: skip
            yield own if at else head | own
        written += size


def write(path: Path, lines: int) -> None:
    """The export as a file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, heads(), restval="")
        writer.writeheader()
        writer.writerows(rows(lines))


def canonical(path: Path) -> int:
    """Read the export block by block; how many canonical lines came of it."""
    counts: list[int] = []

    def count(_: object, block: SheetLines) -> None:
        counts.append(block.records.height)

    with path.open("rb", buffering=0) as file:
        parse_blocks(file, Asked(), count)
    return sum(counts)


def bars(lines: int, repeats: int) -> tuple[list[table.Bar], str]:
    """The bar, and what each way costs. Raises ValueError when lines are missing."""
    spent: dict[str, list[float]] = {"canonical lines": [], "CSV read as text": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders_export_1.csv"
        write(path, lines)
        size = path.stat().st_size
        if (found := canonical(path)) != lines:
            raise ValueError(f"{found} canonical lines of {lines}")
        work: dict[str, Callable[[], object]] = {
            "canonical lines": lambda: canonical(path),
            "CSV read as text": lambda: pl.read_csv(path, infer_schema=False),
        }
        for _ in range(repeats):
            for name, run in work.items():
                gc.collect()
                start = time.process_time()
                run()
                spent[name].append((time.process_time() - start) / lines * 1e6)
    ours, text = (statistics.median(one) for one in spent.values())
    told = [
        f"{lines:,} lines of {size / lines:.0f} bytes in {len(heads())} columns\n",
        "| | µs CPU a line | lowest |",
        "|---|---:|---:|",
        *(f"| {name} | {statistics.median(one):.3f} | {min(one):.3f} |"
          for name, one in spent.items()),
    ]  # fmt: skip
    what = f"{lines:,} lines of Shopify to canonical lines, against reading them as text"
    return [table.at_least(what, text / ours * 100, LEAST, "% of its speed")], "\n".join(told)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    held, told = bars(asked.lines, asked.repeats)
    print(f"{table.markdown(held)}\n\n{told}")
    return 0 if all(one.held for one in held) else 1


if __name__ == "__main__":
    sys.exit(main())
