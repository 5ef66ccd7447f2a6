"""An upload's receipt for the page (回执): the bar of row states, and findings by cause."""

import json
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from xborder import findings
from xborder.registry.answers import Answer
from xborder.registry.uploads import ROW_STATES

OPEN_PLACES = 8
"""Places of a cause that show at once; the rest unfolds."""

MOST_PLACES = 200
"""Places of a cause on the page; the annotated workbook holds all."""

_WIDTH = 1000
_LEAST = 6
"""Units of the bar's width, and how many a state that counts any row gets at least."""


@dataclass(frozen=True)
class Segment:
    """A stretch of the bar: its state, where it begins and how wide it is (of 1000)."""

    state: str
    rows: int
    start: int
    width: int


def bar(receipt: Mapping[str, Any]) -> list[Segment]:
    """The states that hold rows, as stretches that together fill the bar."""
    counted = [(state, int(receipt[state])) for state in ROW_STATES if receipt[state]]
    total = sum(rows for _, rows in counted)
    widths = [max(_LEAST, _WIDTH * rows // total) for _, rows in counted]
    if widths:
        widest = widths.index(max(widths))
        widths[widest] += _WIDTH - sum(widths)
    segments, start = [], 0
    for (state, rows), width in zip(counted, widths, strict=True):
        segments.append(Segment(state, rows, start, width))
        start += width
    return segments


@dataclass(frozen=True)
class Cause:
    """All findings of one code: what they share, and each place.

    ``message`` and ``fix`` are the catalogue's texts with what all places share filled in and
    … for what differs. ``columns`` names what at least one place says (column, order_no,
    value, expected, also_at, perhaps), so that empty columns are not shown. ``alike``: no place's own
    message says more than its columns do.
    """

    code: str
    severity: str
    count: int
    message: str
    fix: str
    rule: str
    columns: tuple[str, ...]
    alike: bool
    first: list[dict[str, Any]]
    rest: list[dict[str, Any]]

    @property
    def hidden(self) -> int:
        """Places that the page does not show."""
        return self.count - len(self.first) - len(self.rest)


_SHOWN = ("column", "order_no", "value", "expected", "also_at")
_IN_COLUMNS = ("cell", "row", *_SHOWN)
_RANK = {severity: place for place, severity in enumerate(findings.SEVERITIES)}


def causes(found: Answer, language: str, file_name: str) -> list[Cause]:
    """Findings grouped by code: the worst first, then the most frequent.

    A place in another file than ``file_name`` (catalogue, shipments, profile) names that file.
    """
    counts = dict(found.totals.select("code", "cells").iter_rows())
    grouped = [
        _cause(str(code), part, counts[code], language, file_name)
        for (code,), part in found.found.group_by("code", maintain_order=True)
    ]
    return sorted(grouped, key=lambda one: (_RANK[one.severity], -one.count, one.code))


def _cause(code: str, part: pl.DataFrame, count: int, language: str, file_name: str) -> Cause:
    entry = findings.catalogue()[code]
    # What is not at hand may say something else.
    shared = _shared(part) if part.height == count else {}
    shared = findings.in_language(shared, code, language)
    message = entry.zh if language == "zh" else entry.en
    fix = entry.fix_zh if language == "zh" else entry.fix_en
    places = [
        _place(row, language, file_name) for row in part.head(MOST_PLACES).iter_rows(named=True)
    ]
    alike = all(name in shared or name in _IN_COLUMNS for name in _named(message))
    return Cause(
        code=code,
        severity=entry.severity,
        count=count,
        message=filled(message, shared),
        fix=filled(fix, shared),
        rule=entry.rule,
        columns=tuple(
            name for name in (*_SHOWN, "perhaps") if any(place[name] for place in places)
        ),
        alike=alike,
        first=places[:OPEN_PLACES],
        rest=places[OPEN_PLACES:],
    )


def filled(template: str, shared: Mapping[str, str]) -> str:
    """A catalogue's text with what is known filled in, and … for the rest."""
    return findings.render(template, {name: shared.get(name, "…") for name in _named(template)})


def _named(template: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(template) if name]


def _shared(part: pl.DataFrame) -> dict[str, str]:
    """What all findings of a cause say alike, by the name that texts use."""
    told: dict[str, str] = {}
    for name in part.columns:
        if name not in ("params", "upload_id") and part.get_column(name).n_unique() == 1:
            value = part.item(0, name)
            told[name] = "" if value is None else str(value)
    params = [json.loads(text or "{}") for text in part.get_column("params").unique().to_list()]
    for name in {name for one in params for name in one}:
        values = {one.get(name, "") for one in params}
        if len(values) == 1:
            told[name] = str(values.pop())
    return told


def _place(row: Mapping[str, Any], language: str, file_name: str) -> dict[str, Any]:
    told = findings.explain(row)
    place = {name: str(told[name] or "") for name in (*_SHOWN, "sheet", "cell", "file", "field")}
    place["row"] = str(told["row"] or "")
    meant: Any = told["suggestions"]
    place["perhaps"] = findings.perhaps(meant, place["field"], language)
    place["expected"] = _one_language(place["expected"], language)
    place["file"] = "" if place["file"] == file_name else place["file"]
    return place | {"message": str(told[f"message_{language}"])}


_CHINESE = re.compile("[\u4e00-\u9fff]")


def _one_language(text: str, language: str) -> str:
    """The half of a text ``中文 | English`` that the reader asked for; any other text whole."""
    zh, bar, en = text.partition(" | ")
    if not bar or " | " in en or not _CHINESE.search(zh) or _CHINESE.search(en):
        return text
    return zh if language == "zh" else en


def several_sheets(found: Iterable[Cause]) -> bool:
    """Whether places lie on more than one sheet, so that each must name its own."""
    return len({place["sheet"] for one in found for place in (*one.first, *one.rest)}) > 1
