"""A schema cut into parts that can be judged apart from each other.

The keywords of a schema hold together by "and": a row fails the schema where it fails any part,
and its failures are the failures of the parts, no more and no fewer. Each part reads few
columns, so a row that one part stops is checked again in those columns only, and equal values
are checked once. A part keeps the schema's ``$id`` and every keyword's place in it: what fails
in a part has the same address as in the whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from xborder.schemas.dialect import CONDITION, Schema, of_the_same
from xborder.schemas.library import Library, Resolver, mentioned

_KEPT = ("$schema", "$id", "$defs")
_TELLING = ("x-finding", "x-expected")
_SILENT = {*_KEPT, *_TELLING, "title", "description", "default"}
_OF_WHOLE_ROWS = {"additionalProperties", "enum", "const"}


@dataclass(frozen=True, eq=False)
class Part:
    """One part: its place in the schema, the schema cut down to it, the columns it reads."""

    place: str
    root: Schema
    columns: tuple[str, ...]


def split(library: Library, name: str) -> list[Part]:
    """The parts of a schema; together they say what the schema says."""
    schema = library.schema(name)
    kept = {keyword: schema[keyword] for keyword in _KEPT if keyword in schema}
    every = tuple(library.properties(name))
    resolver = library.resolver(name)
    parts = []
    for place, cut in _cuts(schema, "#"):
        read = {column for column, *_ in mentioned(cut, resolver)}
        columns = (
            every if _judges_rows(cut, resolver) else tuple(one for one in every if one in read)
        )
        parts.append(Part(f"{name}.schema.json{place}", kept | cut, columns))
    return parts


def _cuts(node: Schema, place: str) -> Iterator[tuple[str, Schema]]:
    """A node's places and, for each, the node with nothing but that."""
    told = {keyword: node[keyword] for keyword in _TELLING if keyword in node}
    for place_of_one, cut in _bare_cuts(node, place):
        yield place_of_one, told | cut


def _bare_cuts(node: Schema, place: str) -> Iterator[tuple[str, Schema]]:
    for keyword, held in node.items():
        here = f"{place}/{keyword}"
        if keyword == "properties":
            yield from ((f"{here}/{one}", {keyword: {one: held[one]}}) for one in held)
        elif keyword == "required":
            yield from ((f"{here}/{one}", {keyword: [one]}) for one in held)
        elif keyword == "dependentRequired":
            for given, wanted in held.items():
                yield from ((f"{here}/{given}/{one}", {keyword: {given: [one]}}) for one in wanted)
        elif keyword == "allOf":
            for index, branch in enumerate(held):
                for inner, cut in _cuts(branch, f"{here}/{index}"):
                    # Empty branches before it keep the branch's number.
                    yield inner, {keyword: [{}] * index + [cut]}
        elif keyword == "if":
            yield here, {one: node[one] for one in CONDITION if one in node}
        elif keyword == "additionalProperties":
            named: Schema = {one: {} for one in node.get("properties", ())}
            yield here, {keyword: held, "properties": named}
        elif keyword not in _SILENT and keyword not in CONDITION:
            yield here, {keyword: held}


def _judges_rows(node: Schema, resolver: Resolver) -> bool:
    """Whether a schema's verdict depends on the row as a whole."""
    if not _OF_WHOLE_ROWS.isdisjoint(node):
        return True
    if "$ref" in node:
        found = resolver.lookup(node["$ref"])
        if _judges_rows(found.contents, found.resolver):
            return True
    return any(_judges_rows(one, resolver) for one in of_the_same(node))
