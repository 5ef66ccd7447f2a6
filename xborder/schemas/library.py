"""The project's JSON Schemas (2020-12): read, checked, and resolved among themselves only.

What the checker would skip in silence is refused here, with the place named: an unknown
keyword, a reference that leads nowhere, a pattern that regex dialects read differently, a
finding code that the catalogue does not hold. Nothing is ever fetched from a network.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from xborder import compiled, findings
from xborder.schemas import patterns

PACKAGED = Path(__file__).parent
BASE = "https://schemas.xborder.invalid/"
"""Base of the schemas' ids; a reserved name, so that it can never be fetched."""

_SUFFIX = ".schema.json"
_ANNOTATIONS = {"$schema", "$id", "title", "description", "default", "x-finding", "x-expected"}
_ASSERTIONS = {
    *("type", "enum", "const", "required", "dependentRequired", "minLength", "maxLength"),
    *("pattern", "minimum", "exclusiveMinimum", "minItems", "maxItems", "x-digits", "x-table"),
    "x-described",
}
_ONE = ("if", "then", "else", "not", "items", "additionalProperties")
_MANY = ("allOf",)
_NAMED = ("properties", "$defs")
_KEYWORDS = _ANNOTATIONS | _ASSERTIONS | {*_ONE, *_MANY, *_NAMED, "$ref"}

Schema = dict[str, Any]


class SchemaError(Exception):
    """A schema cannot be used; the text names file and place."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a reference leads to, and the resolver of the references within."""

    contents: Schema
    resolver: "Resolver"


@dataclass(frozen=True, eq=False)
class Resolver:
    """Looks up references (``file#/pointer``, ``#/pointer``) from within one schema.

    A schema's ``$id`` is that of its file, and no keyword names a place but by its pointer, so
    this is all there is to look up.
    """

    schemas: Mapping[str, Schema]
    base: str = BASE

    def lookup(self, reference: str) -> Found:
        """Raises LookupError for a reference that leads nowhere."""
        file, _, pointer = reference.partition("#")
        base = file if file.startswith(BASE) else BASE + file if file else self.base
        node: Any = self.schemas[base.removeprefix(BASE).removesuffix(_SUFFIX)]
        for step in pointer.split("/")[1:]:
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            node = node[int(step)] if isinstance(node, list) else node[step]
        if not isinstance(node, dict):
            raise LookupError(reference)
        return Found(node, Resolver(self.schemas, base))


@dataclass(frozen=True, eq=False)
class Library:
    """Schemas by name, and their references."""

    schemas: Mapping[str, Schema]

    def schema(self, name: str) -> Schema:
        """A schema by name. Raises SchemaError for an unknown one."""
        try:
            return self.schemas[name]
        except KeyError:
            known = ", ".join(sorted(self.schemas))
            raise SchemaError(f"{name}: no such schema; known are {known}") from None

    def at(self, uri: str) -> Schema:
        """The subschema at an absolute URI with a JSON pointer."""
        return Resolver(self.schemas).lookup(uri).contents

    def resolver(self, name: str) -> Resolver:
        """What looks up the references of a schema."""
        return Resolver(self.schemas, self.schema(name)["$id"])

    def properties(self, name: str) -> dict[str, Schema]:
        """Properties of a schema and of those it extends by ``allOf``, in order, resolved."""
        return dict(_properties(self.schema(name), self.resolver(name)))


def _merged(node: Schema, resolver: Resolver) -> Schema:
    """A property with what its ``$ref`` says; its own keywords go first."""
    if "$ref" not in node:
        return node
    found = resolver.lookup(node["$ref"])
    return _merged(found.contents, found.resolver) | node


def _properties(node: Schema, resolver: Resolver) -> Iterator[tuple[str, Schema]]:
    for name, held in node.get("properties", {}).items():
        yield name, _merged(held, resolver)
    for part in node.get("allOf", ()):
        if "$ref" in part:
            found = resolver.lookup(part["$ref"])
            yield from _properties(found.contents, found.resolver)


def subschemas(node: Schema, place: str) -> Iterator[tuple[str, Schema]]:
    """A schema and all schemas inside it, each with its place (file#/pointer)."""
    yield place, node
    for keyword in _ONE:
        if isinstance(node.get(keyword), dict):
            yield from subschemas(node[keyword], f"{place}/{keyword}")
    for keyword in _MANY:
        for index, inner in enumerate(node.get(keyword, ())):
            yield from subschemas(inner, f"{place}/{keyword}/{index}")
    for keyword in _NAMED:
        for name, inner in node.get(keyword, {}).items():
            yield from subschemas(inner, f"{place}/{keyword}/{name}")


def _check_values(place: str, node: Schema) -> None:
    unknown = set(node) - _KEYWORDS
    if unknown:
        raise SchemaError(f"{place}: unknown keyword {', '.join(sorted(unknown))}")
    if "pattern" in node:
        try:
            patterns.check(node["pattern"])
        except ValueError as error:
            raise SchemaError(f"{place}: pattern {node['pattern']!r}: {error}") from error
    digits = node.get("x-digits", [0, 0])
    are_whole = isinstance(digits, list) and [type(one) for one in digits] == [int, int]
    if not are_whole or min(digits) < 0:
        raise SchemaError(f"{place}: x-digits wants two whole numbers, found {digits!r}")
    if "x-table" in node and "enum" in node:
        raise SchemaError(f"{place}: x-table and enum exclude each other")
    if node.get("x-described", True) is not True:
        raise SchemaError(f"{place}: x-described can only be true")
    if node.get("type") == "integer":
        raise SchemaError(f"{place}: write type number and x-digits [n, 0] for whole numbers")
    for code in node.get("x-finding", {}).values():
        if code not in findings.catalogue():
            raise SchemaError(f"{place}: finding {code} is not in the catalogue")


def _check_against_meta_schema(name: str, schema: Schema) -> None:
    try:
        from jsonschema_rs import meta
    except ImportError:
        from jsonschema import Draft202012Validator
        from jsonschema import SchemaError as Wrong

        try:
            Draft202012Validator.check_schema(schema)
        except Wrong as error:
            raise SchemaError(f"{name}: {error.message}") from error
    else:
        if not meta.is_valid(schema):
            raise SchemaError(f"{name}: is no JSON Schema 2020-12")


def read(folder: Path) -> Library:
    """All ``*.schema.json`` of a folder, checked.

    Raises SchemaError, which names file and place, for an unknown keyword, a reference that
    leads nowhere, an unsure pattern, an unknown finding code, or no schema at all.
    """
    return Library(_checked(_texts(folder)))


def _texts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob(f"*{_SUFFIX}"))}


def _checked(texts: Mapping[str, bytes]) -> dict[str, Schema]:
    schemas: dict[str, Schema] = {}
    for file, text in texts.items():
        try:
            schema = json.loads(text.decode("utf-8"))
        except ValueError as error:  # no JSON, or no UTF-8
            raise SchemaError(f"{file}: {error}") from error
        if schema.get("$id") != BASE + file:
            raise SchemaError(f"{file}: $id must be {BASE + file}")
        schemas[file.removesuffix(_SUFFIX)] = schema
    library = Library(schemas)
    for name, schema in schemas.items():
        file = name + _SUFFIX
        for place, node in subschemas(schema, f"{file}#"):
            _check_values(place, node)
            if "$ref" in node:
                try:
                    library.resolver(name).lookup(node["$ref"])
                except (LookupError, ValueError, TypeError) as error:
                    raise SchemaError(f"{place}: $ref {node['$ref']} leads nowhere") from error
        _check_against_meta_schema(file, schema)
    return schemas


@cache
def packaged() -> Library:
    """The schemas of this release, checked once."""
    texts = _texts(PACKAGED)
    checks = {one: Path(one).read_bytes() for one in (__file__, patterns.__file__)}
    codes = {"codes": repr(sorted(findings.catalogue())).encode()}
    return Library(compiled.kept(PACKAGED, texts | checks | codes, lambda: _checked(texts)))


def schema(name: str) -> Schema:
    """A schema as it stands in its file."""
    return packaged().schema(name)


@cache
def _columns(name: str) -> tuple[str, ...]:
    held = packaged().properties(name).items()
    return tuple(column for column, node in held if node.get("type") != "array")


def columns(name: str) -> list[str]:
    """Columns of a schema's table, in the schema's order."""
    return list(_columns(name))


def titles(name: str) -> dict[str, tuple[str, str]]:
    """Column → its title in Chinese and in English."""
    held = packaged().properties(name)
    return {column: _both(held[column]["title"]) for column in columns(name)}


def descriptions(name: str) -> dict[str, str]:
    """Column → what it holds and which message field it feeds; empty where nothing is said."""
    held = packaged().properties(name)
    return {column: held[column].get("description", "") for column in columns(name)}


def _both(title: str) -> tuple[str, str]:
    zh, _, en = title.partition(" | ")
    return zh, en
