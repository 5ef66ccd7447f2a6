"""Checking with jsonschema-rs, which decides."""

from collections.abc import Container, Iterator, Mapping
from copy import deepcopy
from decimal import Decimal
from functools import lru_cache
from typing import Any

import jsonschema_rs as rs

from xborder.schemas import numbers
from xborder.schemas.dialect import Schema, subschemas
from xborder.schemas.library import Library, Resolver
from xborder.schemas.tables import Tables
from xborder.schemas.validation import Failure

_NAMING = ("required", "dependentRequired", "additionalProperties")
"""Keywords whose errors name a property that the path does not."""


class _Digits:
    def __init__(self, parent: dict[str, Any], value: Any, path: list[str | int]) -> None:
        self.before, self.after = value

    def validate(self, instance: Any) -> None:
        is_number = isinstance(instance, int | Decimal) and not isinstance(instance, bool)
        if is_number and not numbers.fits(instance, self.before, self.after):
            raise ValueError("too many digits")


def _described(held: Tables) -> type:
    """The keyword ``x-described`` by the tables that hold."""

    class Described:
        def __init__(self, parent: dict[str, Any], value: Any, path: list[str | int]) -> None:
            pass

        def validate(self, instance: Any) -> None:
            if not isinstance(instance, str) or not held.is_described(instance):
                raise ValueError("declaration elements unknown")

    return Described


def _with_enums(schema: Schema, held: Tables, unasked: Container[int] = ()) -> Schema:
    """The schema with ``x-table`` as ``enum``: a set in Rust beats a call back into Python.

    ``unasked``: subschemas (by ``id``) to which nothing leads; their tables need not be read.
    """
    copied = deepcopy(schema)
    for (_, node), (_, own) in zip(subschemas(schema, ""), subschemas(copied, ""), strict=True):
        if "x-table" in own and id(node) not in unasked:
            own["enum"] = sorted(held.members(own.pop("x-table")))
    return copied


def _reach(node: Schema, resolver: Resolver, reached: set[int]) -> None:
    """Add a schema to those reached, all in it, and what its references lead to."""
    for _, inner in subschemas(node, ""):
        if id(inner) not in reached:
            reached.add(id(inner))
            if "$ref" in inner:
                found = resolver.lookup(inner["$ref"])
                _reach(found.contents, found.resolver, reached)


@lru_cache(maxsize=16)
def _registry(library: Library, name: str, held: Tables) -> tuple[dict[str, Schema], rs.Registry]:
    """A schema and those that its references lead into, by name and as a registry."""
    reached: set[int] = set()
    _reach(library.schema(name), library.resolver(name), reached)
    compiled = {}
    for one, schema in library.schemas.items():
        unasked = {id(inner) for _, inner in subschemas(schema, "")}
        if not unasked.isdisjoint(reached):
            compiled[one] = _with_enums(schema, held, unasked - reached)
    return compiled, rs.Registry([(schema["$id"], schema) for schema in compiled.values()])


class FastChecker:
    """A schema, or the part of it that ``root`` is, compiled by jsonschema-rs."""

    def __init__(
        self, library: Library, name: str, held: Tables, root: Schema | None = None
    ) -> None:
        self.library = library
        compiled, registry = _registry(library, name, held)
        self.validator = rs.Draft202012Validator(
            compiled[name] if root is None else _with_enums(root, held),
            registry=registry,
            keywords={"x-digits": _Digits, "x-described": _described(held)},
            pattern_options=rs.RegexOptions(),
            offline=True,
        )
        self.nodes: dict[str, tuple[str, Schema]] = {}

    def is_valid(self, instance: Mapping[str, Any]) -> bool:
        return self.validator.is_valid(instance)

    def failures(self, instance: Mapping[str, Any]) -> Iterator[Failure]:
        for error in self.validator.iter_errors(instance):
            # The location, not the kind: one dependentRequired name comes as a "required".
            place = str(error.absolute_keyword_location)
            known = self.nodes.get(place)
            if known is None:
                known = self.nodes[place] = self._node(place)
            keyword, node = known
            path = tuple(error.instance_path)
            told = error.kind.as_dict() if keyword in _NAMING else {}
            for name in told.get("unexpected", ()):
                yield Failure((*path, name), keyword, node)
            if "unexpected" not in told:
                missing = (told["property"],) if "property" in told else ()
                yield Failure(path + missing, keyword, node)

    def _node(self, place: str) -> tuple[str, Schema]:
        """Keyword and subschema at a location."""
        uri, _, keyword = place.rpartition("/")
        if keyword.isdigit():
            uri, _, keyword = uri.rpartition("/")
        node = self.library.at(uri)
        return ("x-table" if keyword == "enum" and "x-table" in node else keyword), node
