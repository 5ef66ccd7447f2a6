"""The project's JSON Schemas (2020-12): read, checked, and resolved among themselves only.

Each is checked in itself (``dialect``); what its references lead to is checked here. Nothing is
ever fetched from a network.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from xborder import compiled, findings
from xborder.schemas import dialect, patterns
from xborder.schemas.dialect import Schema, SchemaError, inner, of_the_same, subschemas

PACKAGED = Path(__file__).parent
BASE = "https://schemas.xborder.invalid/"
"""Base of the schemas' ids; a reserved name, so that it can never be fetched."""

_SUFFIX = ".schema.json"


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

    @property
    def file(self) -> str:
        """The file of the schema."""
        return self.base.removeprefix(BASE)

    def lookup(self, reference: str) -> Found:
        """Raises LookupError for a reference that leads nowhere."""
        file, _, pointer = reference.partition("#")
        base = file if file.startswith(BASE) else BASE + file if file else self.base
        node: Any = self.schemas[base.removeprefix(BASE).removesuffix(_SUFFIX)]
        for step in pointer.split("/")[1:]:
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and not (step.isascii() and step.isdigit()):
                raise LookupError(reference)
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

    def declared(self, name: str) -> dict[str, Schema]:
        """The columns of a schema and of those that it extends, in order, each with what is said
        of it, resolved; the first before the later."""
        known: dict[str, Schema] = {}
        for column, held in _properties(self.schema(name), self.resolver(name)):
            known[column] = held | known.get(column, {})
        return known

    def properties(self, name: str) -> dict[str, Schema]:
        """The columns that a schema speaks of: those declared, and with their type those that
        only a condition names."""
        known = self.declared(name)
        for column, held, resolver in mentioned(self.schema(name), self.resolver(name)):
            own = known.setdefault(column, {})
            if "type" not in own and "type" in (told := _merged(held, resolver)):
                known[column] = own | {"type": told["type"]}
        return known


def _merged(node: Schema, resolver: Resolver) -> Schema:
    """A property with what its ``$ref`` says; its own keywords go first."""
    if "$ref" not in node:
        return node
    found = resolver.lookup(node["$ref"])
    return _merged(found.contents, found.resolver) | node


def _properties(node: Schema, resolver: Resolver) -> Iterator[tuple[str, Schema]]:
    for name, held in node.get("properties", {}).items():
        yield name, _merged(held, resolver)
    if "$ref" in node:
        found = resolver.lookup(node["$ref"])
        yield from _properties(found.contents, found.resolver)
    for part in node.get("allOf", ()):
        yield from _properties(part, resolver)


def mentioned(node: Schema, resolver: Resolver) -> Iterator[tuple[str, Schema, Resolver]]:
    """Each column on which the verdict of a schema about a row depends, as often as it stands
    there, with what is said of it and what resolves that."""
    for name, held in node.get("properties", {}).items():
        yield name, held, resolver
    demanded = node.get("dependentRequired", {})
    named = (*demanded, *(name for names in demanded.values() for name in names))
    yield from ((name, {}, resolver) for name in (*node.get("required", ()), *named))
    if "$ref" in node:
        found = resolver.lookup(node["$ref"])
        yield from mentioned(found.contents, found.resolver)
    for part in of_the_same(node):
        yield from mentioned(part, resolver)


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
        schema = dialect.load(file, text)
        if schema.get("$id") != BASE + file:
            raise SchemaError(f"{file}: $id must be {BASE + file}")
        schemas[file.removesuffix(_SUFFIX)] = schema
    _check_references(Library(schemas))
    return schemas


def _check_references(library: Library) -> None:
    """Each leads to a schema, and none back to where it stands."""
    places = {
        id(node): place
        for name, schema in library.schemas.items()
        for place, node in subschemas(schema, f"{name}{_SUFFIX}#")
    }
    above: set[int] = set()
    done: set[int] = set()

    def follow(node: Schema, resolver: Resolver) -> None:
        if id(node) in done:
            return
        place = places[id(node)]
        if id(node) in above:
            raise SchemaError(f"{place}: $ref leads in a circle")
        above.add(id(node))
        for _, one in inner(node, place):
            follow(one, resolver)
        if "$ref" in node:
            try:
                found = resolver.lookup(node["$ref"])
            except (LookupError, ValueError, TypeError) as error:
                raise SchemaError(f"{place}: $ref {node['$ref']} leads nowhere") from error
            if id(found.contents) not in places:
                raise SchemaError(f"{place}: $ref {node['$ref']} leads to no schema")
            follow(found.contents, found.resolver)
        above.remove(id(node))
        done.add(id(node))

    for name, schema in library.schemas.items():
        follow(schema, library.resolver(name))


@cache
def packaged() -> Library:
    """The schemas of this release, checked once."""
    texts = _texts(PACKAGED)
    checked_by = (__file__, dialect.__file__, patterns.__file__)
    checks = {one: Path(one).read_bytes() for one in checked_by}
    codes = {"codes": repr(sorted(findings.catalogue())).encode()}
    return Library(compiled.kept(PACKAGED, texts | checks | codes, lambda: _checked(texts)))


def schema(name: str) -> Schema:
    """A schema as it stands in its file."""
    return packaged().schema(name)


@cache
def _columns(name: str) -> tuple[str, ...]:
    held = packaged().declared(name).items()
    return tuple(column for column, node in held if node.get("type") != "array")


def columns(name: str) -> list[str]:
    """Columns of a schema's table, in the schema's order."""
    return list(_columns(name))


def titles(name: str) -> dict[str, tuple[str, str]]:
    """Column → its title in Chinese and in English."""
    held = packaged().declared(name)
    return {column: _both(held[column]["title"]) for column in columns(name)}


def descriptions(name: str) -> dict[str, str]:
    """Column → what it holds and which message field it feeds; empty where nothing is said."""
    held = packaged().declared(name)
    return {column: held[column].get("description", "") for column in columns(name)}


def _both(title: str) -> tuple[str, str]:
    zh, _, en = title.partition(" | ")
    return zh, en
