"""What a schema of ours may say (模式方言): the part of JSON Schema 2020-12 that every checker and
the compiler read alike, and our own keywords (``x-…``).

What a checker would skip in silence, or read in its own way, is refused with the place named: an
unknown keyword, a pattern that regex dialects read differently, a bound that no binary number
holds exactly, a finding code that the catalogue does not hold.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from xborder import findings
from xborder.schemas import patterns

Schema = dict[str, Any]

_URI = "https://json-schema.org/draft/2020-12/schema"
_OF_FILES = ("$schema", "$id")
_ANNOTATIONS = {*_OF_FILES, "title", "description", "default", "x-finding", "x-expected"}
_ASSERTIONS = {
    *("type", "enum", "const", "required", "dependentRequired", "minLength", "maxLength"),
    *("pattern", "minimum", "exclusiveMinimum", "minItems", "maxItems", "x-digits", "x-table"),
    "x-described",
}
CONDITION = ("if", "then", "else")
_ONE = (*CONDITION, "not", "items", "additionalProperties")
_MANY = ("allOf",)
_NAMED = ("properties", "$defs")
_KEYWORDS = _ANNOTATIONS | _ASSERTIONS | {*_ONE, *_MANY, *_NAMED, "$ref"}
_NUMBERS = ("minimum", "exclusiveMinimum", "minLength", "maxLength", "minItems", "maxItems")

_MOST = 2**53
"""Whole numbers up to it are the same to every checker."""

_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_REFERENCE = re.compile(r"(?:[a-z0-9_]+\.schema\.json)?(?:#(?:/[^#]*)?)?", re.ASCII)


class SchemaError(Exception):
    """A schema cannot be used; the text names file and place."""


def load(file: str, text: bytes) -> Schema:
    """A schema from its file's bytes, checked in itself: what its references lead to is not.

    Raises SchemaError.
    """
    try:
        schema = json.loads(text.decode("utf-8"), object_pairs_hook=_once)
        json.dumps(schema, ensure_ascii=False).encode()
    except ValueError as error:  # no JSON, no UTF-8, a name twice, half of a surrogate pair
        raise SchemaError(f"{file}: {error}") from error
    nodes = list(subschemas(schema, f"{file}#"))
    if schema.get("$schema", _URI) != _URI:
        raise SchemaError(f"{file}: $schema must be {_URI}")
    for place, node in nodes:
        _check_keywords(place, node)
    _check_against_meta_schema(file, schema)
    for place, node in nodes:
        _check_values(place, node)
    return schema


def _once(pairs: list[tuple[str, Any]]) -> Schema:
    held = dict(pairs)
    if len(held) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(one for one in names if names.count(one) > 1)!r} stands twice")
    return held


def inner(node: Schema, place: str) -> Iterator[tuple[str, Any]]:
    """The schemas that stand directly in a schema, each with its place (file#/pointer)."""
    for keyword in _ONE:
        # No further columns, or any: the one place where a bare yes or no says something.
        if keyword in node and not (
            keyword == "additionalProperties" and isinstance(node[keyword], bool)
        ):
            yield f"{place}/{keyword}", node[keyword]
    for keyword in _MANY:
        held = node.get(keyword, [])
        if not isinstance(held, list):
            raise SchemaError(f"{place}: {keyword} is no list")
        yield from ((f"{place}/{keyword}/{index}", one) for index, one in enumerate(held))
    for keyword in _NAMED:
        held = node.get(keyword, {})
        if not isinstance(held, dict):
            raise SchemaError(f"{place}: {keyword} is no object")
        yield from ((f"{place}/{keyword}/{name}", one) for name, one in held.items())


def of_the_same(node: Schema) -> Iterator[Schema]:
    """The schemas in a schema that speak of the same row or value as it does."""
    yield from (node[keyword] for keyword in (*CONDITION, "not") if keyword in node)
    yield from node.get("allOf", ())


def subschemas(node: Any, place: str) -> Iterator[tuple[str, Schema]]:
    """A schema and all schemas inside it, each with its place; SchemaError where one is none."""
    if not isinstance(node, dict):
        raise SchemaError(f"{place}: is no schema, which is an object")
    yield place, node
    for there, one in inner(node, place):
        yield from subschemas(one, there)


def _check_keywords(place: str, node: Schema) -> None:
    unknown = set(node) - _KEYWORDS
    if unknown:
        raise SchemaError(f"{place}: unknown keyword {', '.join(sorted(unknown))}")
    if not place.endswith("#") and (own := [one for one in _OF_FILES if one in node]):
        raise SchemaError(f"{place}: {own[0]} stands at the top of a file only")
    if "$ref" in node and not _is_reference(node["$ref"]):
        raise SchemaError(f"{place}: $ref {node['$ref']} leads nowhere: write file#/pointer")
    if node.get("additionalProperties") is False and not node.get("properties"):
        # Checkers name what is too much by what is allowed beside it.
        raise SchemaError(f"{place}: additionalProperties false wants properties beside it")
    for name in node.get("properties", ()):
        if not _COLUMN.fullmatch(name):
            raise SchemaError(f"{place}: {name!r} is no name of a column")


def _is_reference(written: Any) -> bool:
    return isinstance(written, str) and bool(written and _REFERENCE.fullmatch(written))


def _check_values(place: str, node: Schema) -> None:
    if "pattern" in node:
        try:
            patterns.check(node["pattern"])
            pl.select(pl.lit("").str.contains(node["pattern"]))
        except (ValueError, pl.exceptions.PolarsError) as error:
            why = str(error).partition("\n")[0]
            raise SchemaError(f"{place}: pattern {node['pattern']!r}: {why}") from error
    for keyword in (*_NUMBERS, "enum", "const"):
        if keyword in node and not all(map(_is_exact, _numbers_in(node[keyword]))):
            raise SchemaError(f"{place}: {keyword} wants whole numbers up to 2^53")
    if node.get("type") == "integer":
        raise SchemaError(f"{place}: write type number and x-digits [n, 0] for whole numbers")
    _check_own(place, node)


def _check_own(place: str, node: Schema) -> None:
    """The keywords that are ours, of which the meta-schema knows nothing."""
    digits = node.get("x-digits", [0, 0])
    are_whole = isinstance(digits, list) and [type(one) for one in digits] == [int, int]
    if not are_whole or min(digits) < 0:
        raise SchemaError(f"{place}: x-digits wants two whole numbers, found {digits!r}")
    if not isinstance(node.get("x-table", ""), str):
        raise SchemaError(f"{place}: x-table wants the name of a table")
    if "x-table" in node and "enum" in node:
        raise SchemaError(f"{place}: x-table and enum exclude each other")
    if node.get("x-described", True) is not True:
        raise SchemaError(f"{place}: x-described can only be true")
    for keyword in ("x-finding", "x-expected"):
        told = node.get(keyword, {})
        if not isinstance(told, dict) or not all(isinstance(one, str) for one in told.values()):
            raise SchemaError(f"{place}: {keyword} wants a text for each keyword")
    for code in node.get("x-finding", {}).values():
        if code not in findings.catalogue():
            raise SchemaError(f"{place}: finding {code} is not in the catalogue")


def _numbers_in(value: Any) -> Iterator[int | float]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield value
    for one in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from _numbers_in(one)


def _is_exact(number: int | float) -> bool:
    return isinstance(number, int) and abs(number) <= _MOST


def _check_against_meta_schema(file: str, schema: Schema) -> None:
    try:
        from jsonschema_rs import meta
    except ImportError:
        from jsonschema import Draft202012Validator
        from jsonschema import SchemaError as Wrong

        try:
            Draft202012Validator.check_schema(schema)
        except Wrong as error:
            raise SchemaError(f"{file}: {error.message}") from error
    else:
        if not meta.is_valid(schema):
            raise SchemaError(f"{file}: is no JSON Schema 2020-12")
