"""Every violation of a schema by the rows of a table or by one document.

jsonschema-rs decides (its patterns are linear in time and read as ECMA reads them). Where its
wheel is missing, jsonschema does the same work slower; the tests hold the two against each
other. A violation becomes a finding code by the keyword, unless the schema names another by
``x-finding``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, Protocol

import polars as pl

from xborder.schemas import library, numbers, tables
from xborder.schemas.compiler import Filter, compile_filter
from xborder.schemas.levels import Levels
from xborder.schemas.parts import Part

VIOLATIONS: dict[str, pl.DataType] = {
    "row": pl.UInt32(),
    "field": pl.String(),
    "keyword": pl.String(),
    "code": pl.String(),
    "value": pl.String(),
    "expected": pl.String(),
}
"""Columns of ``violations``: index of the row, column, keyword, finding code, value (null when
absent), and what was expected."""

_CODES = {
    "required": "VALUE_MISSING",
    "dependentRequired": "VALUE_MISSING",
    "minLength": "VALUE_MISSING",
    "enum": "CODE_UNKNOWN",
    "const": "CODE_UNKNOWN",
    "not": "CODE_UNKNOWN",
    "x-table": "CODE_UNKNOWN",
    "x-described": "HS_HEADING_UNKNOWN",
    "type": "FORMAT_WRONG",
    "pattern": "FORMAT_WRONG",
    "x-digits": "NUMBER_TOO_LONG",
    "minimum": "NUMBER_TOO_SMALL",
    "exclusiveMinimum": "NUMBER_NOT_POSITIVE",
    "maxLength": "TEXT_TOO_LONG",
    "minItems": "LINES_OUT_OF_RANGE",
    "maxItems": "LINES_OUT_OF_RANGE",
    "additionalProperties": "FIELD_UNKNOWN",
}

_EXPECTED: dict[str, Callable[[Any], str]] = {
    "required": lambda _: "非空 | a value",
    "dependentRequired": lambda _: "非空 | a value",
    "minLength": lambda _: "非空 | a value",
    "enum": lambda allowed: ", ".join(map(str, allowed)),
    "const": str,
    "x-table": lambda table: f"{table} 代码表 | table {table}",
    "x-described": lambda _: "申报要素已知的编码 | a code whose declaration elements are known",
    "type": lambda wanted: "1234.5" if wanted == "number" else str(wanted),
    "x-digits": lambda most: (
        f"整数 ≤ {most[0]} 位，小数 ≤ {most[1]} 位 | digits ≤ {most[0]}, decimals ≤ {most[1]}"
    ),
    "minimum": lambda least: f"≥ {least}",
    "exclusiveMinimum": lambda bound: f"> {bound}",
    "maxLength": lambda most: f"≤ {most}",
    "minItems": lambda least: f"≥ {least}",
    "maxItems": lambda most: f"≤ {most}",
}

_MISSING = ("required", "dependentRequired")

Path = tuple[str | int, ...]

Verdict = tuple[str, str, str, str]
"""Field, keyword, finding code, and what was expected."""


class Failure(NamedTuple):
    """A keyword that an instance fails: where in the instance, and the subschema that says so."""

    path: Path
    keyword: str
    node: Mapping[str, Any]


@dataclass(frozen=True)
class Violation:
    """A violation in a nested document; ``path`` reads like ``shops[0].mode``."""

    path: str
    keyword: str
    code: str
    value: str | None
    expected: str


class Checker(Protocol):
    """A compiled schema: the failures of an instance, and whether it has any."""

    def failures(self, instance: Mapping[str, Any]) -> Iterator[Failure]:
        """All failures; the same one may come more than once."""

    def is_valid(self, instance: Mapping[str, Any]) -> bool:
        """Whether there is none."""


def checker(name: str, held: tables.Tables, part: Part | None = None) -> Checker:
    """The checker of a schema, or of a part of it, with the code tables in force.

    Compiled once for each, and only when asked for.
    """
    key = (name, held.version, part.place if part else "")
    if key not in _COMPILED:
        _COMPILED[key] = _compile(name, held, part.root if part else None)
    return _COMPILED[key]


def _compile(name: str, held: tables.Tables, root: library.Schema | None) -> Checker:
    try:
        from xborder.schemas.fast_checker import FastChecker
    except ImportError:
        from xborder.schemas.slow_checker import SlowChecker

        return SlowChecker(library.packaged(), name, held, root)
    return FastChecker(library.packaged(), name, held, root)


_COMPILED: dict[tuple[str, str, str], Checker] = {}


def row_filter(name: str, held: tables.Tables, present: frozenset[str]) -> Filter:
    """The filter of a schema for tables with the columns ``present``, compiled once for each."""
    key = (name, held.version, present)
    if key not in _FILTERS:
        _FILTERS[key] = compile_filter(library.packaged(), name, held, present)
    return _FILTERS[key]


_FILTERS: dict[tuple[str, str, frozenset[str]], Filter] = {}


@cache
def _properties(name: str) -> Mapping[str, library.Schema]:
    return library.packaged().properties(name)


def _judge(failure: Failure, own: Mapping[str, Any], value: Any) -> tuple[str, str]:
    keyword, node = failure.keyword, failure.node
    for named in (node, own):
        if keyword in named.get("x-finding", {}):
            code = named["x-finding"][keyword]
            break
    else:
        code = _CODES[keyword]
        if keyword == "type" and node["type"] == "number":
            if isinstance(value, str) and numbers.overlong(value):
                return "NUMBER_TOO_LONG", _EXPECTED["x-digits"](own.get("x-digits", [14, 5]))
            code = "NOT_A_NUMBER"
    shown = node.get("x-expected", {}).get(keyword) or own.get("x-expected", {}).get(keyword)
    return code, shown or _EXPECTED.get(keyword, lambda _: "")(node.get(keyword))


def violations(
    name: str,
    table: pl.DataFrame | Levels,
    held: tables.Tables | None = None,
    judged: pl.Series | None = None,
) -> pl.DataFrame:
    """Every violation of a schema in a table: all rows, all fields, all keywords.

    ``table`` has String columns; null is absent, columns that the schema does not know are
    passed over. Text in a number's column becomes a number by ``numbers.NUMBER`` only. Rows
    that ``judged`` (Boolean, without nulls) does not mark are passed over too. Returns the
    columns of ``VIOLATIONS``, ordered by row, then by the schema's column order.

    The compiled filter names the rows and columns to look at; the checker judges those.
    """
    held = held or tables.packaged()
    levels = Levels(table) if isinstance(table, pl.DataFrame) else table
    if not levels.height:
        return pl.DataFrame(schema=VIOLATIONS)
    properties = _properties(name)
    present = [column for column in properties if column in levels.columns]
    texts = levels.texts(present)
    found = _Found()
    for part, rows in row_filter(name, held, frozenset(present)).stopped(texts, judged):
        _judge_rows(part, checker(name, held, part), texts, rows, properties, found)
    if not found.rows:
        return pl.DataFrame(schema=VIOLATIONS)
    # Verdicts are few: they are put in order once, and the many findings by their numbers.
    place = {column: at for at, column in enumerate(properties)}
    order = sorted(found.known, key=lambda one: (place.get(one[0], -1), *one[1:]))
    rank = {found.known[verdict]: at for at, verdict in enumerate(order)}
    ranks = [rank[one] for one in found.verdicts]
    once = dict(zip(zip(found.rows, ranks, strict=True), found.values, strict=True))
    told = sorted(once)
    verdicts = [order[at] for _, at in told]
    fields, keywords, codes, expected = zip(*verdicts, strict=True)
    return pl.DataFrame(
        {
            "row": [row for row, _ in told],
            "field": fields,
            "keyword": keywords,
            "code": codes,
            "value": [once[one] for one in told],
            "expected": expected,
        },
        schema=VIOLATIONS,
    )


@dataclass
class _Found:
    """What the checker finds: rows, the numbers of their verdicts (in ``known``), their values."""

    known: dict[Verdict, int] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    verdicts: list[int] = field(default_factory=list)
    values: list[str | None] = field(default_factory=list)


def _judge_rows(
    part: Part,
    check: Checker,
    texts: Levels,
    rows: pl.Series | None,
    properties: Mapping[str, library.Schema],
    found: _Found,
) -> None:
    """Add what the checker says of some rows (None: of all) in the columns of a part.

    Rows that are equal in these columns are judged once.
    """
    columns = [column for column in part.columns if column in texts.columns]
    own = {column: properties[column] for column in columns}
    parsed = {column for column in columns if own[column].get("type") == "number"}
    codes: dict[tuple[str, str, int, bool], int] = {}
    for row, alike in _alike(texts, columns, rows).items():
        written = dict(zip(columns, row, strict=True))
        instance: dict[str, Any] = {
            column: value for column, value in written.items() if value is not None
        }
        for column in parsed & instance.keys():
            instance[column] = numbers.parse(instance[column])
        for failure in check.failures(instance):
            keyword = failure.keyword
            name = str(failure.path[0]) if failure.path else ""
            value = None if keyword in _MISSING else written.get(name)
            long = keyword == "type" and name in parsed and numbers.overlong(written[name])
            key = (name, keyword, id(failure.node), long)
            if key not in codes:
                verdict = (name, keyword, *_judge(failure, properties.get(name, {}), value))
                codes[key] = found.known.setdefault(verdict, len(found.known))
            found.rows += alike
            found.verdicts += [codes[key]] * len(alike)
            found.values += [value] * len(alike)


def _alike(
    texts: Levels, columns: list[str], rows: pl.Series | None
) -> dict[tuple[Any, ...], list[int]]:
    """The distinct values of columns, each with the rows that have them."""
    if rows is None:
        rows = pl.int_range(texts.height, dtype=pl.UInt32, eager=True)
    if not columns:
        return {(): rows.to_list()}
    groups: dict[tuple[Any, ...], list[int]] = {}
    for at, row in zip(rows.to_list(), texts.gather(columns, rows).rows(), strict=True):
        groups.setdefault(row, []).append(at)
    return groups


def document_violations(
    name: str, document: Mapping[str, Any], held: tables.Tables | None = None
) -> list[Violation]:
    """Every violation of a schema in one nested document (a profile, an issued list)."""
    held = held or tables.packaged()
    found = set()
    for failure in checker(name, held).failures(document):
        value = _value_at(document, failure)
        code, expected = _judge(failure, {}, value)
        shown = None if value is None else str(value)
        found.add((_readable(failure.path), failure.keyword, code, shown, expected))
    return [Violation(*one) for one in sorted(found, key=lambda one: (one[0], one[1], one[2]))]


def _value_at(document: Any, failure: Failure) -> str | int | float | Decimal | None:
    if failure.keyword in _MISSING:
        return None
    for step in failure.path:
        document = document[step]
    return document if isinstance(document, str | int | float | Decimal) else None


def _readable(path: Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
