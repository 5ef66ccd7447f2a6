"""Random schemas of the whole dialect on odd cells: the compiled path finds what jsonschema finds."""

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from schemas_mutations import NASTY

from xborder.schemas import library, numbers, tables
from xborder.schemas.compiler import compile_filter
from xborder.schemas.fast_checker import FastChecker
from xborder.schemas.levels import Levels
from xborder.schemas.slow_checker import SlowChecker

HELD = tables.packaged()
TEXTS, NUMBERS = ["a", "b", "c"], ["n", "m"]
COLUMNS = TEXTS + NUMBERS
WORDS = ["", "E", "W", "US", "us", "a", "ab", "b\n", "035", "１", "汉", "𠀀", "é", " a", "691110"]
FIGURES = ["0", "-1", "3", "-3", "2.5", "0.10", "00", "-0", "100.0", "9" * 27, "1e3", "x", "٣",
           "2.99999999999", "4.99999999999999999999", "-3.00000000000000000001"]  # fmt: skip
PATTERNS = [
    "^[A-Z]{2}$",
    "^a",
    "b$",
    "[0-9]",
    "^(?:E|W|)$",
    "^[^a-z]*$",
    "\\n",
    "[一-鿿]",
    "^(?:)$",
]
DEPTH = 3


def of_value(draw: random.Random, depth: int, number: bool) -> dict[str, Any]:
    """A schema of a cell."""
    deeper = depth > 0 and draw.random() < 0.4
    kinds: dict[str, Any] = {
        "type": lambda: draw.choice(
            ["number" if number else "string", "string", ["string", "null"]]
        ),
        "enum": lambda: draw.sample([*WORDS, 1, -3, None, True, [], {}], draw.randint(1, 5)),
        "const": lambda: draw.choice([*WORDS, 1, -3, True]),
        "minLength": lambda: draw.randint(0, 3),
        "maxLength": lambda: draw.randint(0, 3),
        "pattern": lambda: draw.choice(PATTERNS),
        "minimum": lambda: draw.choice([0, 3, -3, 100]),
        "exclusiveMinimum": lambda: draw.choice([0, 3, -3, 100]),
        "x-digits": lambda: draw.choice([[14, 5], [9, 0], [0, 2], [3, 1], [60, 0]]),
        "x-table": lambda: draw.choice(["unit", "country", "order_type"]),
        "x-described": lambda: True,
        "required": lambda: ["a"],
        "items": lambda: {"maxLength": 0},
    }
    made = {name: kinds[name]() for name in draw.sample(sorted(kinds), draw.randint(1, 2))}
    if "enum" in made:
        made.pop("x-table", None)
    if deeper:
        name = draw.choice(["not", "if", "allOf", "$ref"])
        inner = of_value(draw, depth - 1, number)
        made |= {
            "not": {"not": inner},
            "if": {"if": inner, "then": of_value(draw, depth - 1, number)},
            "allOf": {"allOf": [inner, of_value(draw, depth - 1, number)]},
            "$ref": {"$ref": "#/$defs/number" if number else "#/$defs/text"},
        }[name]
    return made


def of_row(draw: random.Random, depth: int) -> dict[str, Any]:
    """A schema of a row."""
    some = draw.sample(COLUMNS, draw.randint(1, 3))
    kinds: dict[str, Any] = {
        "properties": lambda: {one: of_value(draw, depth, one in NUMBERS) for one in some},
        "required": lambda: some,
        "dependentRequired": lambda: {some[0]: draw.sample(COLUMNS, 2)},
        "enum": lambda: [{}, {"a": "E"}, {"n": 3}],
        "const": lambda: {"a": draw.choice(WORDS)},
        "type": lambda: draw.choice(["object", ["object", "null"]]),
    }
    made = {name: kinds[name]() for name in draw.sample(sorted(kinds), draw.randint(1, 2))}
    if "properties" in made and draw.random() < 0.2:
        made["additionalProperties"] = draw.choice([False, {"maxLength": 2}, {"type": "string"}])
    if depth > 0 and draw.random() < 0.7:
        made |= {
            "not": lambda: {"not": of_row(draw, depth - 1)},
            "if": lambda: {
                "if": of_row(draw, depth - 1),
                "then": of_row(draw, depth - 1),
                "else": of_row(draw, depth - 1),
            },
            "allOf": lambda: {"allOf": [of_row(draw, depth - 1) for _ in range(2)]},
            "$ref": lambda: {"$ref": "#/$defs/row"},
        }[draw.choice(["not", "if", "allOf", "$ref"])]()
    return made


def schema(draw: random.Random) -> dict[str, Any]:
    """A file of the dialect: columns with their types, rules of a row, what they refer to."""
    types = {one: {"type": "number" if one in NUMBERS else "string"} for one in COLUMNS}
    return {
        "$id": library.BASE + "own.schema.json",
        "properties": types,
        "allOf": [of_row(draw, DEPTH) for _ in range(3)],
        "$defs": {
            "text": of_value(draw, 0, False),
            "number": of_value(draw, 0, True),
            "row": of_row(draw, 0),
        },
    }


def failures(checker: Any, row: dict[str, Any]) -> set[tuple[Any, str]]:
    return {(one.path, one.keyword) for one in checker.failures(row)}


@pytest.mark.parametrize("seed", range(24))
def test_random_schemas(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    bad = 0
    for _ in range(10):
        (tmp_path / "own.schema.json").write_text(json.dumps(schema(draw)), "utf-8")
        lib = library.read(tmp_path)
        cells = {
            one: draw.choices([None, *NASTY, *(FIGURES if one in NUMBERS else WORDS)], k=60)
            for one in COLUMNS
        }
        table = pl.DataFrame(cells, schema=dict.fromkeys(COLUMNS, pl.String()))
        rows = [
            {
                name: numbers.parse(text) if name in NUMBERS else text
                for name, text in row.items()
                if text is not None
            }
            for row in table.iter_rows(named=True)
        ]
        found: list[set[tuple[Any, str]]] = [set() for _ in rows]
        for part, stopped in compile_filter(lib, "own", HELD, frozenset(COLUMNS)).stopped(
            Levels(table)
        ):
            exact = FastChecker(lib, "own", HELD, part.root)
            for at in range(len(rows)) if stopped is None else stopped:
                own = {name: rows[at][name] for name in part.columns if name in rows[at]}
                found[at] |= failures(exact, own)
        oracle = SlowChecker(lib, "own", HELD)
        for row, told in zip(rows, found, strict=True):
            assert told == failures(oracle, row), (seed, row)
            bad += bool(told)
    assert bad > 100
