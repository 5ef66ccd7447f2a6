"""Proposals upon a layout that is known (改列建议): its headers have changed, or have one more.

They have the form of ``proposals``, with the layout as ``base``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from xborder.intake import headers
from xborder.intake.grid import Row
from xborder.intake.headers import normal
from xborder.intake.layouts import Layout, fields
from xborder.intake.proposals import (
    LOOKED_AT,
    SURE,
    Proposal,
    asked_about,
    cells_below,
    column_of,
    heads_of,
    personal,
)


def drifted(sheet: str, header: Row, rows: Iterable[Row], mapping: headers.Mapping) -> Proposal:
    """What the changed headers of a known layout may mean: those it misses and what is new."""
    layout, heads = mapping.layout, heads_of(header)
    below = [row for row in rows if row.number > header.number][:LOOKED_AT]
    missing = [name for name in layout.needed if name not in mapping.columns]
    found = headers.drift(mapping)
    canonical = fields(layout.kind)
    columns = []
    for field, (at, head) in found.items():
        types = canonical if field in canonical else {field: "text"}
        told = column_of({at: head}, at, field, SURE, "like", cells_below(below, at), types)
        columns.append(told)
    taken = {at for at, _ in found.values()}
    known = {normal(one) for one in (*layout.known_headers, *layout.core_headers)}
    fresh = {at for at, head in mapping.unmapped if at not in taken and normal(head) not in known}
    fresh = {at for at in sorted(fresh)[:6] if not personal(heads[at])}
    questions = [
        asked_about(heads, fresh, [field])
        for field in missing
        if fresh and field not in found and field in layout.recognise
    ]
    asked = {one["field"] for one in questions}
    taken |= fresh if questions else set()
    rest = [head for at, head in mapping.unmapped if at not in taken and at in heads]
    return _of_layout(sheet, header, layout) | {
        "columns": columns,
        "questions": questions,
        "missing": [one for one in missing if one not in found and one not in asked],
        "gone": [layout.column(one).headers[0] for one in missing],
        "unmapped": [head for head in rest if not personal(head)],
        "personal": [head for head in rest if personal(head)],
    }


def upon(sheet: str, header: Row, mapping: headers.Mapping) -> Proposal:
    """A recognised sheet, for columns to be added to its layout: what it knows is ``known``."""
    layout, heads = mapping.layout, heads_of(header)
    types = fields(layout.kind)
    columns = [
        column_of(heads, at, field, 1.0, "known", [], types)
        for field, (at, _) in mapping.columns.items()
        if field in types and at in heads
    ]
    rest = [heads[at] for at, _ in mapping.unmapped if at in heads]
    return _of_layout(sheet, header, layout) | {
        "columns": columns,
        "unmapped": [head for head in rest if not personal(head)],
        "personal": [head for head in rest if personal(head)],
    }


def _of_layout(sheet: str, header: Row, layout: Layout) -> Proposal:
    """A proposal upon a layout, as yet without a word on any column."""
    return {
        "sheet": sheet,
        "row": header.number,
        "heads": list(heads_of(header).values()),
        "base": layout.layout,
        "name": layout.layout.partition("@")[0],
        "kind": layout.kind,
        "columns": [],
        "questions": [],
        "missing": [],
        "gone": [],
        "defaults": {},
        "unmapped": [],
        "personal": [],
        "filled_down": False,
    }


def near(
    sheet: str, header: Row, rows: Iterable[Row], layouts: Sequence[Layout]
) -> Proposal | None:
    """A proposal upon the layout that the header resembles so much that it must be it, renamed
    in what it is known by; None where there is none."""
    rows = list(rows)
    made = []
    for layout in layouts:
        mapping = headers.match(header.texts, layout)
        lost = [one for one in layout.recognise if one not in mapping.columns]
        if layout.refuse or layout.groups or not lost or len(lost) > 2:
            continue
        known = {normal(one) for one in (*layout.known_headers, *layout.core_headers)}
        fresh = [one for one in mapping.unmapped if normal(one[1]) not in known]
        others = len(mapping.columns) + len(mapping.unmapped) - len(fresh)
        heads = len(mapping.columns) + len(mapping.unmapped)
        if others < 5 or others < 0.7 * heads or 2 * len(mapping.columns) < len(layout.columns):
            continue
        if set(headers.renamed(lost, mapping)) == set(lost) or (fresh and others >= 0.9 * heads):
            missing = [one for one in layout.needed if one not in mapping.columns]
            mapping.layout = replace(layout, needed=tuple(dict.fromkeys([*lost, *missing])))
            made.append((others, drifted(sheet, header, rows, mapping)))
    return max(made, key=lambda one: one[0])[1] if made else None
