"""Headers: bringing them to one form, mapping them to fields, and recognising a layout."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache

from xborder.intake.grid import Row
from xborder.intake.layouts import Column, Layout

BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】", re.ASCII)
SPACES = re.compile(r"\s+")
DIGITS = re.compile(r"[0-9]+", re.ASCII)
LONGEST = 200
OTHER_UNIT = re.compile(r"[(\[【]\s*(?:g|克|grams?|lbs?|oz|磅|盎司|斤)\s*[)\]】]|克$", re.ASCII)
IN_KILOGRAMS = ("net_weight", "gross_weight")
LIKE, ALIKE = 0.7, 0.85
"""How like a missing header a new one must be to be taken for it: where records need it, and
where they may do without."""


@cache
def normal(header: str) -> str:
    """NFKC, casefold, one blank for white space and line ends, no marks of format or ``*``."""
    text = unicodedata.normalize("NFKC", header[:LONGEST]).casefold()
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return SPACES.sub(" ", text.strip().strip("*:").strip())


@cache
def bare(header: str) -> str:
    """The normal form without what stands in brackets (units, hints)."""
    text = normal(header)
    return SPACES.sub(" ", BRACKETS.sub(" ", text)).strip().strip("*:").strip() or text


def other_unit(header: str, field: str) -> bool:
    """Whether a header names another unit than the field is in: grams are no kilograms."""
    return field in IN_KILOGRAMS and OTHER_UNIT.search(normal(header)) is not None


@dataclass
class Mapping:
    """Which column means which field; no column twice, no field twice.

    ``columns``: field → (0-based column, header as written); ``doubled``: field → further
    columns with the same header; ``unmapped``: columns that mean nothing to the layout.
    ``exact``: the file's form says which sign parts the fraction, as that of JSON does.
    """

    layout: Layout
    columns: dict[str, tuple[int, str]] = field(default_factory=dict)
    doubled: dict[str, list[int]] = field(default_factory=dict)
    unmapped: list[tuple[int, str]] = field(default_factory=list)
    exact: bool = False

    @property
    def number(self) -> str:
        """Which sign parts the fraction of its numbers where they prove nothing.

        The template says a point; a sheet of one's own whose headers it happens to know does not.
        """
        layout = self.layout
        if self.exact:
            return "point"
        if layout.channel != "template":
            return layout.number
        own = {form for one in layout.columns for form in (normal(one.head), normal(one.field))}
        mine = sum(normal(head) in own for _, head in self.columns.values())
        return layout.number if 2 * mine >= len(self.columns) else "auto"

    @property
    def recognised(self) -> bool:
        """Whether the header is this layout's: the fields it is known by, and share enough."""
        layout = self.layout
        if not layout.recognise:
            return self.familiar >= layout.share
        if not all(name in self.columns for name in layout.recognise):
            return False
        if all(name in self.columns for name in layout.needed):
            return True
        return len(self.columns) >= layout.share * (len(self.columns) + len(self.unmapped))

    @property
    def score(self) -> float:
        """How near the header is to the layout: 0 to 1."""
        wanted = self.layout.recognise
        if not wanted:
            return self.familiar
        found = sum(name in self.columns for name in wanted) / len(wanted)
        heads = len(self.columns) + len(self.unmapped)
        return 0.7 * found + 0.3 * (len(self.columns) / heads if heads else 0)

    @property
    def familiar(self) -> float:
        """Which share of the headers is the layout's own and there: 0 to 1.

        Of the layout's headers or the file's, whichever are more: a sheet that has a few common
        headers among many others is another one.
        """
        others = {normal(head) for head in self.layout.known_headers}
        seen = {normal(head) for _, head in self.unmapped}
        own = len(self.layout.columns) + len(others)
        heads = len(self.columns) + len(self.unmapped)
        return (len(self.columns) + len(others & seen)) / max(own, heads, 1)


def match(texts: Sequence[str | None], layout: Layout) -> Mapping:
    """Map a row of headers to a layout's fields, exact forms first, then without brackets.

    Goods that stand side by side (``groups``) are mapped by their place: the first group under
    the fields' names, the second as ``sku#2`` and so on.
    """
    mapping = Mapping(layout)
    free = {index: text for index, text in enumerate(texts) if text and text.strip()}
    if layout.groups:
        _match_groups(mapping, free)
    for form in (normal, bare):
        places: dict[str, list[int]] = {}
        for index, text in free.items():
            places.setdefault(form(text), []).append(index)
        for column in layout.columns:
            if column.field in mapping.columns:
                continue
            for alias in column.headers:
                found = [
                    index
                    for index in places.get(form(alias), ())
                    if index in free and not other_unit(free[index] or "", column.field)
                ]
                if found:
                    mapping.columns[column.field] = (found[0], free[found[0]] or "")
                    if found[1:]:
                        mapping.doubled[column.field] = found[1:]
                    for index in found:
                        del free[index]
                    break
    mapping.unmapped = [(index, text or "") for index, text in free.items()]
    return mapping


def _match_groups(mapping: Mapping, free: dict[int, str]) -> None:
    """Take the columns of repeated goods out of ``free``: a group begins at its first header."""
    begins = re.compile(mapping.layout.groups["begins"])
    meant = {
        normal(alias): name
        for name, aliases in mapping.layout.groups["fields"].items()
        for alias in aliases
    }
    group = 0
    for index in sorted(free):
        head = normal(free[index])
        group += begins.fullmatch(head) is not None
        name = meant.get(DIGITS.sub("#", head)) or meant.get(DIGITS.sub("#", bare(free[index])))
        if not group or not name:
            continue
        key = name if group == 1 else f"{name}#{group}"
        if key not in mapping.columns:
            mapping.columns[key] = (index, free.pop(index))


@cache
def _keys(columns: tuple[Column, ...], wanted: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    """For each field that a layout is known by, the forms of its headers."""
    return tuple(
        frozenset(
            form(head)
            for column in columns
            if column.field == name
            for head in column.headers
            for form in (normal, bare)
        )
        for name in wanted
    )


@dataclass
class Recognition:
    """The layout found and in which row its header stands; or what the first rows resemble."""

    mapping: Mapping | None
    header: Row | None
    rows: Sequence[Row] = ()
    layouts: Sequence[Layout] = ()

    @property
    def weight(self) -> tuple[int, float]:
        """For choosing between readings of one file: more mapped columns win, then wider rows."""
        if self.mapping is None:
            return (0, float(max((len(row.texts) for row in self.rows), default=0)))
        return (len(self.mapping.columns), self.mapping.score)

    def resembling(self) -> tuple[list[tuple[float, str]], Row | None]:
        """The nearest layouts and the row most like a header, for a refusal to say so."""
        nearest: dict[str, float] = {}
        likely: tuple[float, Row] | None = None
        for row in self.rows:
            for layout in self.layouts:
                mapping = match(row.texts, layout)
                score = mapping.score if mapping.columns else 0.0
                nearest[layout.layout] = max(score, nearest.get(layout.layout, 0.0))
                if likely is None or score > likely[0]:
                    likely = (score, row)
        ranked = sorted(((score, name) for name, score in nearest.items()), reverse=True)
        return ranked, likely[1] if likely else None


def recognise(rows: Iterable[Row], layouts: Sequence[Layout]) -> Recognition:
    """Find the layout and the header row among the first rows of a sheet.

    The row that maps most columns of a layout with all its required fields wins; the first
    one on a tie. What an exporter said of its own sheet comes before what is known of others.
    """
    rows = list(rows)
    keyed = [(() if one.groups else _keys(one.columns, one.recognise), one) for one in layouts]
    best: tuple[tuple[bool, int, float], Mapping, Row] | None = None
    for row in rows:
        forms = {form(text) for text in row.texts if text for form in (normal, bare)}
        for keys, layout in keyed:
            if all(not forms.isdisjoint(key) for key in keys):
                mapping = match(row.texts, layout)
                weight = (not layout.recognise, len(mapping.columns), mapping.score)
                if mapping.recognised and (best is None or weight > best[0]):
                    best = (weight, mapping, row)
    if best:
        return Recognition(best[1], best[2])
    return Recognition(None, None, rows, layouts)


def renamed(
    missing: Iterable[str], mapping: Mapping, likeness: float = LIKE
) -> dict[str, tuple[int, str]]:
    """Unmapped headers that look like a missing field's header: field → (column, header).

    Headers that the channel is known to write mean something else; none is proposed twice.
    """
    layout = mapping.layout
    known = {normal(head) for head in (*layout.known_headers, *layout.core_headers)}
    fresh = [one for one in mapping.unmapped[:100] if normal(one[1]) not in known]
    proposals: dict[str, tuple[int, str]] = {}
    for name in missing:
        aliases = [normal(alias) for alias in mapping.layout.column(name).headers]
        ranked = [
            (SequenceMatcher(None, alias, normal(head)).ratio(), index, head)
            for index, head in fresh
            if not other_unit(head, name)
            for alias in aliases
        ]
        if ranked and max(ranked)[0] >= likeness:
            proposals[name] = max(ranked)[1:]
            fresh = [one for one in fresh if one[0] != max(ranked)[1]]
    return proposals


def drift(mapping: Mapping) -> dict[str, tuple[int, str]]:
    """Headers of a recognised file that seem to be a field's under another name.

    A field that records can do without must be all but the same, and only a channel's own files
    tell which headers are new: a column of a template is easily added.
    """
    layout = mapping.layout
    absent = [column.field for column in layout.columns if column.field not in mapping.columns]
    found = renamed([one for one in absent if one in layout.needed], mapping)
    others = [one for one in absent if one not in layout.needed]
    if layout.known_headers or layout.core_headers:
        near = renamed(others, mapping, ALIKE)
        taken = {at for at, _ in found.values()}
        found |= {field: place for field, place in near.items() if place[0] not in taken}
    return found
