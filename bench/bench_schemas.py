"""How fast the order lines of a file are judged by their schema, with every finding.

    python -m bench.bench_schemas --lines 1000000 --sample 5000 --repeats 5

Compared in one process, in turns, by process CPU time (medians): jsonschema and jsonschema-rs
row by row (rows are ready dictionaries, on a sample), the compiled schema, and reading the same
CSV file as text against reading it and finding everything. Prints a Markdown table; exits with
1 when a competitor and the compiled schema differ in what they find.
"""

import argparse
import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import polars as pl

from bench import table
from xborder import schemas
from xborder.schemas import library, numbers, tables

NAME = "order_line"
OURS, TEXT, FINDINGS = "compiled schema", "CSV read as text", "CSV to findings"
SLOW = "jsonschema row by row"
BAD = 0.02

FAULTS: list[tuple[str, list[str | None]]] = [
    ("order_no", [None, "订单 1001", "SO-1 ", "S" * 61]),
    ("ordered_at", [None, "05/04/2026", "2026-02-30T10:00:00Z", "2026-04-05T21:06:21"]),
    ("sku", [None, "SKU-000000000000000001", "SKU\u200b1", " SKU-1"]),
    ("goods_name", ["瓷碗\t6 寸", "碗" * 251, "碗 "]),
    ("qty", [None, "0", "-1", "two", "1e3", "１２", "1.000001", "9" * 15]),
    ("unit_price", ["9,99", "USD 9.99", "-0.01", "1.1234567"]),
    ("line_total", ["?", "-3"]),
    ("currency", [None, "RMB", "usd", "US$"]),
    ("country", [None, "USA", "CN", "uk"]),
    ("unit", ["pcs", "999"]),
    ("order_type", ["X"]),
    ("hs_code", ["6911.10", "691"]),
    ("note", ["a\nb"]),
]


def order_lines(lines: int, seed: int = 1) -> pl.DataFrame:
    """Order lines as a channel gives them; BAD of them with one to three faults."""
    draw = random.Random(seed)
    orders = [n // 2 for n in range(lines)]
    cents = [draw.randint(99, 19999) for _ in range(lines)]
    pieces = draw.choices([1, 1, 1, 2, 3, 6, 12], k=lines)
    goods = [f"瓷碗 {n} 寸 白瓷描金 | bowl {n} in" for n in range(3, 12)]
    goods += [f"Bluetooth speaker {n} W, black" for n in range(5, 60, 5)]

    def pick(*pool: str | None) -> list[str | None]:
        return draw.choices(pool, k=lines)

    stamps = [
        f"2026-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}T{draw.randint(0, 23):02d}:"
        f"{draw.randint(0, 59):02d}:{draw.randint(0, 59):02d}+08:00"
        for _ in range((lines + 1) // 2)
    ]
    columns: dict[str, list[str | None]] = {
        "order_no": [f"SO-2026-{n:08d}" for n in orders],
        "line_no": [str(1 + n % 2) for n in range(lines)],
        "order_type": pick("E"),
        "ordered_at": [stamps[n] for n in orders],
        "status": pick("paid", "fulfilled"),
        "sku": [f"SKU-{draw.randint(1, 5000):06d}" for _ in range(lines)],
        "goods_name": pick(*goods),
        "qty": [str(n) for n in pieces],
        "unit": pick("011", "007", "035"),
        "unit_price": [f"{n / 100:.2f}" for n in cents],
        "line_total": [f"{n * m / 100:.2f}" for n, m in zip(cents, pieces, strict=True)],
        "line_discount": pick(None, None, None, "1.50"),
        "order_discount": pick(None),
        "currency": pick("USD", "EUR", "GBP"),
        "country": pick("US", "DE", "FR", "GB", "JP", "AE"),
        "freight": pick("5.00", "0", "12.80"),
        "barcode": pick("无", "6901234567892"),
        "warehouse": pick(None),
        "inbound_id": pick(None),
        "hs_code": pick(None, "6911101900", "8518210000"),
        "note": pick(None, None, None, None, "gift, no invoice please"),
    }
    for row in draw.sample(range(lines), round(lines * BAD)):
        for column, values in draw.sample(FAULTS, draw.choice([1, 1, 1, 2, 3])):
            columns[column][row] = draw.choice(values)
    return pl.DataFrame(columns, schema=dict.fromkeys(schemas.columns(NAME), pl.String()))


def instances(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as a validator wants them: no nulls, numbers as numbers."""
    held = library.packaged().properties(NAME)
    are_numbers = {one for one, node in held.items() if node.get("type") == "number"}
    return [
        {
            column: numbers.parse(text) if column in are_numbers else text
            for column, text in row.items()
            if text is not None
        }
        for row in frame.iter_rows(named=True)
    ]


def plain(node: Any) -> Any:
    """The schema for validators that know no keywords of ours: tables as ``enum``."""
    if isinstance(node, list):
        return [plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    ours = ("$schema", "x-digits", "x-finding", "x-expected")
    made = {key: plain(one) for key, one in node.items() if key not in ours}
    if "x-table" in node:
        made["enum"] = sorted(tables.packaged().members(node["x-table"]))
    return made


def competitors() -> dict[str, Callable[[list[dict[str, Any]]], set[tuple[int, str]]]]:
    """Name → a run over rows that returns (row, field) of every violation it reports.

    They get every advantage: references are resolved beforehand (jsonschema would look them up
    for each row), and ``x-digits``, which needs code of ours, is left out.
    """
    schema = library.packaged().schema(NAME)
    rules = {keyword: schema[keyword] for keyword in ("type", "required", "allOf")}
    properties = {
        column: {keyword: held for keyword, held in node.items() if keyword != "$ref"}
        for column, node in library.packaged().properties(NAME).items()
    }
    flat = plain(rules | {"properties": properties})
    slow = jsonschema.Draft202012Validator(flat)
    fast = jsonschema_rs.Draft202012Validator(flat)

    def row_by_row(rows: list[dict[str, Any]]) -> set[tuple[int, str]]:
        return {
            (index, str(error.path[0]) if error.path else error.message.split("'")[1])
            for index, row in enumerate(rows)
            for error in slow.iter_errors(row)
        }

    def row_by_row_rs(rows: list[dict[str, Any]]) -> set[tuple[int, str]]:
        return {
            (index, str(error.instance_path[0]) if error.instance_path else error.kind.property)
            for index, row in enumerate(rows)
            for error in fast.iter_errors(row)
        }

    return {SLOW: row_by_row, "jsonschema-rs row by row": row_by_row_rs}


def agrees(frame: pl.DataFrame) -> bool:
    """Whether all name the same cells (``x-digits`` apart, which only the schema's own has)."""
    found = schemas.violations(NAME, frame).filter(pl.col("keyword") != "x-digits")
    ours = set(found.select("row", "field").iter_rows())
    rows = instances(frame)
    return all(run(rows) == ours for run in competitors().values())


def measure(frame: pl.DataFrame, sample: pl.DataFrame, repeats: int) -> dict[str, list[float]]:
    """µs CPU a line of each competitor and of the compiled schema, taking turns."""
    ready = instances(sample)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lines.csv"
        frame.write_csv(file)

        def read() -> pl.DataFrame:
            return pl.read_csv(file, infer_schema=False)

        work: dict[str, tuple[int, Callable[[], object]]] = {
            one: (sample.height, lambda run=run: run(ready)) for one, run in competitors().items()
        } | {
            OURS: (frame.height, lambda: schemas.violations(NAME, frame)),
            TEXT: (frame.height, read),
            FINDINGS: (frame.height, lambda: schemas.violations(NAME, read())),
        }
        spent: dict[str, list[float]] = {one: [] for one in work}
        for turn in range(repeats + 1):
            for one, (rows, run) in work.items():
                gc.collect()
                start = time.process_time()
                run()
                if turn:  # the first turn warms up
                    spent[one].append((time.process_time() - start) / rows * 1e6)
    return spent


def bars(lines: int, sample: int, repeats: int) -> tuple[list[table.Bar], str]:
    """The bars of the schema check, and what each way costs; ValueError when they differ."""
    frame = order_lines(lines)
    if not agrees(frame.head(sample)):
        raise ValueError("the competitors and the compiled schema differ in what they find")
    spent = measure(frame, frame.head(sample), repeats)
    median = {one: statistics.median(times) for one, times in spent.items()}
    found = schemas.violations(NAME, frame)
    bad = found.get_column("row").n_unique()
    rows = [
        f"{frame.height:,} order lines, {bad:,} bad, {found.height:,} findings\n",
        "| | µs CPU a line | lowest | ratio |\n|---|---:|---:|---|",
    ]
    for one, cost in median.items():
        ratio = ""
        if one.endswith("row by row"):
            ratio = f"{cost / median[OURS]:.0f} × the compiled schema"
        elif one == FINDINGS:
            ratio = f"{cost / median[TEXT]:.2f} × reading as text"
        rows.append(f"| {one} | {cost:.3f} | {min(spent[one]):.3f} | {ratio} |")
    held = [
        table.at_least("schema verdicts with every finding, against jsonschema row by row",
                       median[SLOW] / median[OURS], 120, "×"),
        table.at_most("CSV to complete findings, against reading the CSV as text",
                      median[FINDINGS] / median[TEXT], 2.7, "×"),
    ]  # fmt: skip
    return held, "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=2_000, help="lines for row by row")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    try:
        _, told = bars(asked.lines, asked.sample, asked.repeats)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
