"""The compiler on schemas that are not ours: what is filtered, what is deferred, what is refused."""

import json
import random
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemas_mutations import NASTY

from xborder.schemas import library, numbers, tables
from xborder.schemas.compiler import compile_filter
from xborder.schemas.fast_checker import FastChecker
from xborder.schemas.levels import Levels
from xborder.schemas.parts import split
from xborder.schemas.slow_checker import SlowChecker

COLUMNS = ["a", "b", "c", "n", "m"]
PLAIN = {
    "a": {"type": "string"},
    "b": {"type": "string"},
    "c": {"type": "string"},
    "n": {"type": "number"},
    "m": {"type": "number"},
}
BOUNDS = [
    {"minimum": 3},
    {"minimum": -3},
    {"exclusiveMinimum": -3},
    {"exclusiveMinimum": 100, "minimum": 0},
    {"exclusiveMinimum": 0},
    {"minimum": 0, "x-digits": [0, 2]},
    {"exclusiveMinimum": 0, "x-digits": [0, 2]},
    {"exclusiveMinimum": 0, "x-digits": [3, 0]},
    {"exclusiveMinimum": 2**53, "x-digits": [40, 40]},
    {"x-digits": [60, 60]},
]
FILTERED = {
    **{f"bounds {one}": {"properties": {"n": one}} for one in BOUNDS},
    "not": {"not": {"properties": {"a": {"enum": ["E", "W"]}}, "required": ["a"]}},
    "not of a number": {"properties": {"n": {"not": {"type": "number", "minimum": 1}}}},
    "a number's column of text": {"properties": {"n": {"not": {"type": "number"}}}},
    "neither text nor number": {"properties": {"n": {"type": "string"}, "a": {"type": "number"}}},
    "wrong types": {"properties": {"n": {"type": "null"}, "a": {"type": "object"}}},
    "of rows": {"type": "array", "minItems": 3, "maxLength": 1},
    "if of a number": {
        "if": {"properties": {"n": {"minimum": 5}}, "required": ["n"]},
        "then": {"required": ["a"]},
        "else": {"dependentRequired": {"b": ["c", "m"]}},
    },
    "if without then": {"if": {"required": ["a"]}, "else": {"required": ["b"]}},
    "then without if": {"then": {"required": ["a"]}},
    "if of a value": {
        "properties": {
            "a": {
                "if": {"pattern": "^[0-9]"},
                "then": {"maxLength": 2},
                "else": {"allOf": [{"minLength": 2}, {"not": {"const": "US"}}]},
            }
        }
    },
    "nested": {
        "allOf": [
            {"allOf": [{"required": ["a", "b"]}, {"properties": {"c": {"const": 5}}}]},
            {"$ref": "#/$defs/one"},
        ],
        "$defs": {"one": {"properties": {"b": {"x-table": "unit"}}, "required": ["m"]}},
    },
    "described": {"properties": {"a": {"x-described": True}, "b": {"not": {"x-described": True}}}},
    "if described": {
        "if": {"properties": {"a": {"x-described": True}}, "required": ["a"]},
        "then": {"required": ["b"]},
        "else": {"properties": {"b": {"pattern": "[A-Z]"}}, "required": ["c"]},
    },
    "all or nothing": {"properties": {"a": {"enum": []}, "b": {"enum": ["E", 5, None]}}},
    "lists in text": {"properties": {"a": {"items": {"type": "string"}, "minItems": 2}}},
}
DEFERRED = {
    "enum of numbers": ({"properties": {"n": {"enum": [1, -3]}}}, ["#/properties/n enum"]),
    "lengths of numbers": ({"properties": {"n": {"maxLength": 1}}}, ["#/properties/n maxLength"]),
    "list of types": (
        {"properties": {"a": {"type": ["string", "null"]}}},
        ["#/properties/a type"],
    ),
    "further columns": ({"additionalProperties": False}, ["# additionalProperties"]),
    "further columns in a branch": (
        {"allOf": [{"properties": {"a": {}, "b": {}}, "additionalProperties": False}]},
        ["#/allOf/0 additionalProperties"],
    ),
    "further columns by reference": (
        {
            "allOf": [{"$ref": "#/$defs/only"}],
            "$defs": {"only": {"properties": {"a": {}}, "additionalProperties": False}},
        },
        ["#/$defs/only additionalProperties"],
    ),
    "no further columns": (
        {"not": {"properties": {"a": {}, "n": {}}, "additionalProperties": False}},
        ["#/not additionalProperties"],
    ),
    "if no further columns": (
        {
            "if": {"properties": {"a": {}, "c": {}, "m": {}}, "additionalProperties": False},
            "then": {"required": ["c"]},
        },
        ["#/if additionalProperties"],
    ),
    "whole rows": ({"enum": [{}, {"a": "E"}, {"n": 3}]}, ["# enum"]),
    "not a whole row": ({"not": {"const": {"a": "US", "c": "E"}}}, ["#/not const"]),
    "deep": (
        {"allOf": [{"if": {"properties": {"n": {"const": 1}}}, "then": {"required": ["a"]}}]},
        ["#/allOf/0/if/properties/n const"],
    ),
}


def made(tmp_path, rules):
    """A library with the one schema ``own``: plain columns, then ``rules`` in an allOf branch
    or (properties, additionalProperties) beside them."""
    rules = dict(rules)
    properties = {one: PLAIN[one] | rules.get("properties", {}).get(one, {}) for one in COLUMNS}
    schema = rules | {"$id": library.BASE + "own.schema.json", "properties": properties}
    (tmp_path / "own.schema.json").write_text(json.dumps(schema), "utf-8")
    return library.read(tmp_path)


def rows():
    draw = random.Random(7)
    pool = [None, None, *NASTY, "2.5", "3", "3.0", "-3", "-2.9", "100", "100.01", "0.50", "0.05"]
    pool += [
        "6911",
        "691",
        "6911101900",
        "69111019001",
        "８５１８２１",
        "851821",
        "8518300000",
        "x6911",
    ]
    data = {one: draw.choices(pool, k=1500) for one in COLUMNS}
    return pl.DataFrame(data, schema=dict.fromkeys(COLUMNS, pl.String()))


def oracle(check, lib):
    are_numbers = {
        one for one, node in lib.properties("own").items() if node.get("type") == "number"
    }
    for index, row in enumerate(rows().iter_rows(named=True)):
        given = {
            column: numbers.parse(text) if column in are_numbers else text
            for column, text in row.items()
            if text is not None
        }
        yield index, given, {(one.path, one.keyword) for one in check.failures(given)}


@pytest.mark.parametrize("case", [*FILTERED, *DEFERRED])
def test_a_superset_is_stopped_and_parts_add_up(case, tmp_path):
    rules, _ = DEFERRED.get(case, (FILTERED.get(case), None))
    lib, held = made(tmp_path, rules), tables.packaged()
    found = compile_filter(lib, "own", held, frozenset(COLUMNS))
    stopped = {}
    for part, numbered in found.stopped(Levels(rows())):
        stopped[part.place] = set(range(1500)) if numbered is None else set(numbered.to_list())
    parts = {
        part: (FastChecker(lib, "own", held, part.root), SlowChecker(lib, "own", held, part.root))
        for part in split(lib, "own")
    }
    bad = 0
    for index, row, failures in oracle(FastChecker(lib, "own", held), lib):
        in_parts = set()
        for part, (fast, slow) in parts.items():
            own = {column: row[column] for column in part.columns if column in row}
            here = {(one.path, one.keyword) for one in fast.failures(own)}
            assert here == {(one.path, one.keyword) for one in slow.failures(own)}, (part, own)
            assert not here or index in stopped.get(part.place, ()), (part.place, own)
            in_parts |= here
        assert in_parts == failures
        bad += bool(failures)
    assert bad > 10
    assert found.deferred == () or case in DEFERRED


@pytest.mark.parametrize("case", DEFERRED)
def test_what_is_deferred_is_named(case, tmp_path):
    rules, places = DEFERRED[case]
    found = compile_filter(made(tmp_path, rules), "own", tables.packaged(), frozenset(COLUMNS))
    assert [f"{one.place} {one.keyword}" for one in found.deferred] == [
        f"own.schema.json{place}" for place in places
    ]
    assert all(one.reason for one in found.deferred)


@given(
    st.tuples(st.integers(0, 16), st.integers(0, 8)).filter(any) | st.none(),
    st.sampled_from([None, -7, 0, 3]),
    st.booleans(),
    st.from_regex(r"-?0{0,3}[0-9]{1,18}(\.[0-9]{1,9})?0{0,2}", fullmatch=True)
    | st.sampled_from(NASTY),
)
def test_what_the_pattern_of_numbers_matches_is_certain(digits, least, strict, text):
    only = pl.Series([text]).str.contains(numbers.certain(digits, least, strict))[0]
    if only:
        number = numbers.parse(text)
        assert not isinstance(number, str)
        assert digits is None or numbers.fits(number, *digits)
        if least == 0:
            assert number > 0 if strict else number >= 0
        if least is not None:
            assert Decimal(text) == pl.Series([text]).cast(pl.Decimal(38, 10))[0] or least == 0


def test_usual_numbers_need_no_exact_pass():
    only = numbers.certain([14, 5], 0, True)
    usual = ["1", "12", "9.99", "0.5", "0.50", "0.00001", "10.00", "99999999999999.99999"]
    assert pl.Series(usual).str.contains(only).all()
    assert not pl.Series(["0", "0.0", "0.00000", "-1", "1.", ".5"]).str.contains(only).any()
