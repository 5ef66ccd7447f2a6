"""Elements of a message written in parts (分段): each part once for the rows that differ in it."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import polars as pl

from xborder.manifests.elements import Field, wrong
from xborder.manifests.group import KEY
from xborder.manifests.layout import Part
from xborder.manifests.repeats import Alike, both, every, same
from xborder.manifests.texts import Piece, Texts, around, together

ENTITY = "entity"
"""The column that ties the lines of a document to its head: the head's place, from 0."""

FEW = 512
"""Rows that are written cell by cell: a pass over columns has its price however short they are."""

REMEMBERED = 10_000
"""Values of an element whose writing is remembered, about."""

Content = str | Field
"""What stands in an element: tags, or what one below it says."""


def in_parts(kind: str, contents: Iterable[Content], rows: Texts) -> list[Part]:
    """Contents in parts: neighbours of which the same rows are alike are written together.

    Raises ValueError for a value that may not be written.
    """
    written = list(contents)
    try:
        return list(_alike(kind, written, rows))
    except ValueError:
        # Row by row, which tells the first fault in the document's order.
        return [_part(kind, written, rows, every(len(rows.frame)))]


def _alike(kind: str, contents: list[Content], rows: Texts) -> Iterator[Part]:
    height = len(rows.frame)
    contained: list[Content] = []
    shared = same(height)
    for one in contents:
        own = shared if isinstance(one, str) else rows.alike(one.sources) or every(height)
        if isinstance(one, Field) and own.count == 1 and not own.each:
            contained += _cells(kind, one, rows, own)
            continue
        if isinstance(one, Field):
            if (joint := both(shared, own)) is None:
                yield _part(kind, contained, rows, shared)
                contained, joint = [], own
            shared = joint
        contained.append(one)
    if contained:
        yield _part(kind, contained, rows, shared)


def _part(kind: str, contents: list[Content], rows: Texts, shared: Alike) -> Part:
    """Contents written for the rows that differ, and named by all."""
    if shared.count <= FEW and not shared.each:
        cells = (_cells(kind, one, rows, shared) for one in contents)
        return Part(pl.Series(["".join(row) for row in zip(*cells, strict=True)]), shared.of)
    few = rows
    if not shared.each:
        sources = (name for one in contents if isinstance(one, Field) for name in one.sources)
        few = rows.some(sources, shared.different)
    pieces: list[Piece] = []
    for one in contents:
        pieces += [one] if isinstance(one, str) else _leaf(kind, one, few, rows, shared)
    return Part(together(pieces, shared.count), shared.of)


def _cells(kind: str, one: Content, rows: Texts, shared: Alike) -> list[str]:
    """A tag, or one element with its values, for the rows that differ, of which there are few.

    What was written of a value is remembered: the next group has the same.
    """
    if isinstance(one, str):
        return [one] * shared.count
    there = {name: rows.columns[name] for name in one.sources if name in rows.columns}
    known = _written(kind, one, tuple(there))
    values: list[tuple[Any, ...]] = [()]
    if there:
        values = list(
            zip(*(own[shared.different].to_list() for own in there.values()), strict=True)
        )
    found = [known[row] for row in values if row in known]
    if len(found) == len(values):
        return found
    few = rows.some(there, shared.different)
    told = together(_leaf(kind, one, few, rows, shared), shared.count).to_list()
    if len(known) > REMEMBERED:
        known.clear()
    known.update(zip(values, told, strict=True))
    return told


@cache
def _written(kind: str, one: Field, sources: tuple[str, ...]) -> dict[tuple[Any, ...], str]:
    """What was written of an element, by what its sources say."""
    return {}


def _leaf(kind: str, one: Field, few: Texts, rows: Texts, shared: Alike) -> Iterator[Piece]:
    """One element with its value; an optional one without a value is not there."""
    value = (few.number if one.type == "N" else few.value)(one.sources, one.default)
    if why := wrong(one, value):
        told, where = why
        places = value.values.to_frame("value").select(where.fill_null(value=False))
        at = places.to_series().gather(shared.of).arg_true()
        of = whose(rows.frame, at[0])
        raise ValueError(f"{kind} {one.parent}.{one.element}{of}: {told} ({len(at)} rows)")
    opened, closed = f"<ceb:{one.element}>", f"</ceb:{one.element}>"
    if not value.absent:
        yield from (opened, value.xml, closed)
    elif value.absent < len(value.values):
        assert not isinstance(value.xml, str)
        yield around(opened, value.xml, closed)


def whose(rows: pl.DataFrame, at: int) -> str:
    """Whose a row is, for a sentence: of which list, of which entity."""
    if KEY in rows.columns:
        return f" of list {rows[KEY][at]}"
    return f" of entity {rows[ENTITY][at] + 1}" if ENTITY in rows.columns else ""
