"""A schema as columns' predicates: a filter that may stop a good row and never passes a bad one.

Each part of a schema becomes one Boolean expression over the columns. Rows that it stops go to
the exact pass; all others have no violation in that part. A keyword with which the filter
cannot promise this is deferred: its part stops every row that has a value there, and
``Filter.deferred`` says which keyword that is, where, and why. Keywords outside the project's
dialect, and patterns that engines read differently, are refused before, when the schema is read.

A number's text is judged by the lexical rule of ``numbers`` and compared as Decimal; lengths
are in code points; null is an absent value, and "" is a value.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from xborder.schemas import numbers, patterns, truth
from xborder.schemas.dialect import Schema
from xborder.schemas.judges import Judges
from xborder.schemas.levels import Levels, marked_rows
from xborder.schemas.library import Library, Resolver
from xborder.schemas.parts import Part, split
from xborder.schemas.tables import Tables
from xborder.schemas.truth import ALWAYS, NEVER, UNKNOWN, Bounds, Truth, exact

_SILENT = {
    *("$schema", "$id", "$defs", "title", "description", "default", "x-finding", "x-expected"),
    *("then", "else"),
}
_OF_ROWS = {"properties", "required", "dependentRequired", "additionalProperties"}
_OF_LISTS = {"items", "minItems", "maxItems"}
_OF_TEXTS = {"minLength", "maxLength", "pattern"}
_OF_NUMBERS = {"minimum", "exclusiveMinimum", "x-digits"}
_OF_VALUES = {"enum", "const", "x-table", "x-described"}


@dataclass(frozen=True)
class Deferred:
    """A keyword that the filter leaves to the exact pass: place (file#/pointer) and reason."""

    place: str
    keyword: str
    reason: str


@dataclass(frozen=True, eq=False)
class Filter:
    """The predicates of a schema's parts for a table with certain columns."""

    parts: tuple[tuple[Part, Truth], ...]
    deferred: tuple[Deferred, ...]

    def stopped(
        self, table: Levels, judged: pl.Series | None = None
    ) -> Iterator[tuple[Part, pl.Series | None]]:
        """Parts with the numbers of the rows that they stop; None for all rows.

        With ``judged`` (Boolean, without nulls) only rows that it marks are stopped.
        """
        left = dict(self._of_several)
        for judges in self._of_columns:
            left |= judges.left(table)
        found = table.evaluate({str(at): one for at, one in left.items()})
        for at, (part, one) in enumerate(self.parts):
            if isinstance(one, bool):
                yield part, None if judged is None else marked_rows(judged)
            elif str(at) in found and found[str(at)].values.any():
                mask = found[str(at)].spread()
                if judged is not None:
                    mask &= judged
                if mask.any():
                    yield part, marked_rows(mask)

    @cached_property
    def _of_columns(self) -> list[Judges]:
        """The predicates that read one column only."""
        found: dict[str, dict[int, pl.Expr]] = {}
        for at, (_, one) in enumerate(self.parts):
            if isinstance(one, pl.Expr) and at not in self._of_several:
                found.setdefault(one.meta.root_names()[0], {})[at] = one
        return [Judges(column, parts) for column, parts in found.items()]

    @cached_property
    def _of_several(self) -> dict[int, pl.Expr]:
        """The predicates that read several columns, by the number of their part."""
        return {
            at: one
            for at, (_, one) in enumerate(self.parts)
            if isinstance(one, pl.Expr) and len(set(one.meta.root_names())) != 1
        }


@dataclass(frozen=True)
class _Table:
    """What the compiler knows of the table that will be filtered."""

    present: frozenset[str]
    numbers: frozenset[str]
    held: Tables
    deferred: dict[tuple[str, str], Deferred] = field(default_factory=dict)

    def defer(self, place: str, keyword: str, reason: str) -> Bounds:
        self.deferred[place, keyword] = Deferred(place, keyword, reason)
        return UNKNOWN


def compile_filter(library: Library, name: str, held: Tables, present: frozenset[str]) -> Filter:
    """The filter of a schema for tables that have the columns ``present``.

    A column that the schema knows and the table lacks is absent in every row. Parts that can
    stop no row are left out.
    """
    columns = library.properties(name)
    are_numbers = (one for one, node in columns.items() if node.get("type") == "number")
    table = _Table(present, frozenset(are_numbers), held)
    resolver = library.resolver(name)
    compiled = [
        (part, _row(part.root, f"{name}.schema.json#", resolver, table).fails)
        for part in split(library, name)
    ]
    kept = tuple((part, one) for part, one in compiled if one is not False)
    return Filter(kept, tuple(table.deferred.values()))


def _absent(column: str, table: _Table) -> Truth:
    return pl.col(column).is_null() if column in table.present else True


def _row(node: Schema, place: str, resolver: Resolver, table: _Table) -> Bounds:
    """A schema about whole rows."""
    known: list[Bounds] = list(_shared(node, place, resolver, table, None))
    for keyword, held in node.items():
        if keyword == "properties":
            for column, inner in held.items():
                here = f"{place}/properties/{column}"
                known.append(_property(column, inner, here, resolver, table))
        elif keyword == "required":
            known += [exact(_absent(one, table)) for one in held]
        elif keyword == "dependentRequired":
            for given, wanted in held.items():
                stands = truth.negated(_absent(given, table))
                lacks = [_absent(one, table) for one in wanted]
                known.append(exact(truth.all_of((stands, truth.any_of(lacks)))))
        elif keyword == "type":
            named = [held] if isinstance(held, str) else held
            known.append(ALWAYS if "object" in named else NEVER)
        elif keyword == "additionalProperties" or keyword in _OF_VALUES:
            known.append(table.defer(place, keyword, "judges whole rows"))
    return truth.every(known)


def _property(column: str, node: Schema, place: str, resolver: Resolver, table: _Table) -> Bounds:
    if column not in table.present:
        return ALWAYS
    of_value = _value(node, place, resolver, table, column)
    # A null cell makes its predicates null: "false and null" is false, "true or null" is true.
    stands, lacks = pl.col(column).is_not_null(), pl.col(column).is_null()
    return Bounds(truth.all_of((stands, of_value.fails)), truth.any_of((lacks, of_value.holds)))


def _shared(
    node: Schema, place: str, resolver: Resolver, table: _Table, column: str | None
) -> Iterator[Bounds]:
    """The keywords that combine schemas, about a row or (with ``column``) about a value."""

    def inner(one: Schema, where: str, base: Resolver = resolver) -> Bounds:
        if column is None:
            return _row(one, where, base, table)
        return _value(one, where, base, table, column)

    if "$ref" in node:
        found = resolver.lookup(node["$ref"])
        _, _, pointer = node["$ref"].partition("#")
        yield inner(found.contents, f"{found.resolver.file}#{pointer}", found.resolver)
    for index, branch in enumerate(node.get("allOf", ())):
        yield inner(branch, f"{place}/allOf/{index}")
    if "not" in node:
        yield truth.unless(inner(node["not"], f"{place}/not"))
    if "if" in node:
        given, then, otherwise = (
            inner(node.get(one, {}), f"{place}/{one}") for one in ("if", "then", "else")
        )
        yield truth.conditional(given, then, otherwise)


def _value(node: Schema, place: str, resolver: Resolver, table: _Table, column: str) -> Bounds:
    """A schema about the values of one column; a text is no object and no list."""
    is_number = column in table.numbers
    known = list(_shared(node, place, resolver, table, column))
    if is_number and node.keys() & ({"type"} | _OF_NUMBERS):
        known.append(_number(node, place, table, column))
    for keyword, held in node.items():
        if keyword == "type" and not is_number:
            known.append(_type_of_text(held, place, table))
        elif keyword in _OF_TEXTS | _OF_VALUES and is_number:
            known.append(table.defer(place, keyword, "stands on a number's column"))
        elif keyword in _OF_TEXTS | _OF_VALUES:
            known.append(_text(keyword, node, table, column))
    return truth.every(known)


def _type_of_text(held: Any, place: str, table: _Table) -> Bounds:
    if not isinstance(held, str):
        return table.defer(place, "type", "is a list of types")
    return ALWAYS if held == "string" else NEVER


def _text(keyword: str, node: Schema, table: _Table, column: str) -> Bounds:
    cell, wanted = pl.col(column), node[keyword]
    if keyword == "minLength":
        if wanted == 1 and "pattern" in node and not patterns.accepts_empty(node["pattern"]):
            return Bounds(False, True)  # the pattern stops "" already
        return exact(cell == "" if wanted == 1 else cell.str.len_chars() < wanted)
    if keyword == "maxLength":
        return exact(cell.str.len_chars() > wanted)
    if keyword == "pattern":
        return exact(~cell.str.contains(wanted))
    if keyword == "x-table":
        return exact(_outside(cell, table.held.members(wanted)))
    if keyword == "x-described":
        begun = [
            truth.negated(_outside(cell.str.head(size), codes))
            for size, codes in table.held.described.items()
        ]
        return exact(truth.negated(truth.any_of(begun)))
    return exact(_outside(cell, [wanted] if keyword == "const" else wanted))


def _outside(cell: pl.Expr, members: Any) -> Truth:
    texts = sorted(one for one in members if isinstance(one, str))
    if len(texts) == 1:
        return cell != texts[0]
    return ~cell.is_in(pl.Series(texts, dtype=pl.String).implode())


def _number(node: Schema, place: str, table: _Table, column: str) -> Bounds:
    cell = pl.col(column)
    wanted = node.get("type", "number")
    if wanted == "string":
        # Only a number's text fails this; what else stands here is text.
        return exact(cell.str.contains(numbers.certain(None, None)))
    if wanted != "number":
        return NEVER if isinstance(wanted, str) else table.defer(place, "type", "is a list")
    bounds = [
        (node[keyword], keyword == "exclusiveMinimum")
        for keyword in ("minimum", "exclusiveMinimum")
        if keyword in node
    ]
    fails = []
    for least, strict in bounds or [(None, False)]:
        only = numbers.certain(node.get("x-digits"), least, strict)
        fails.append(~cell.str.contains(only))
        if least not in (None, 0):
            number = cell.cast(pl.Decimal(38, 10), strict=False)
            # As text: a literal Decimal makes Polars import numpy, 70 ms of a short command.
            bound = pl.lit(str(least)).cast(pl.Decimal(38, 10))
            enough = number > bound if strict else number >= bound
            fails.append(~enough.fill_null(False))
    if node.keys() & _OF_NUMBERS:
        return Bounds(truth.any_of(fails), True)  # "certain" leaves out odd spellings
    return exact(truth.any_of(fails))
