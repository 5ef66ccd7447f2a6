"""What can be wrong: the catalogue of findings (问题), and the shape in which they travel.

A finding says where (file, sheet, the Excel cell to change, the column as the user wrote it),
what (code, value found, value expected) and, through the catalogue, how bad it is, what it
means in Chinese and English, which rule it comes from and what to do. The texts live in three
TOML files, one a layer (``file``, ``row``, ``customs``): adding a finding touches one file.
"""

import dataclasses
import json
import string
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

import polars as pl

from xborder import compiled

SEVERITIES = ("fatal", "error", "warning", "notice")
"""fatal: the file cannot be used; error: its order is held; warning, notice: nothing is held."""

BLOCKING = ("fatal", "error")


class Both(str):
    """A text in both languages, Chinese first; who shows it may take the one it speaks."""

    zh: str
    en: str

    def __new__(cls, zh: str, en: str) -> Self:
        """The two in one, which is what a log or another program gets."""
        both = super().__new__(cls, f"{zh} {en}")
        both.zh, both.en = zh, en
        return both


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong, at one place.

    ``row`` is the row number as Excel shows it, ``cell`` the Excel cell (``D17``), ``column``
    the header as the user wrote it, ``field`` the canonical column. ``params`` fill the
    catalogue's texts. ``also_at`` names the second place when the fault lies in the goods
    catalogue, the shipment file or the exporter's profile.
    """

    code: str
    file: str = ""
    sheet: str = ""
    row: int | None = None
    cell: str = ""
    column: str = ""
    field: str = ""
    order_no: str = ""
    value: str = ""
    expected: str = ""
    also_at: str = ""
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)


FINDINGS: dict[str, pl.DataType] = {
    "code": pl.String(),
    "severity": pl.String(),
    "file": pl.String(),
    "sheet": pl.String(),
    "row": pl.UInt32(),
    "cell": pl.String(),
    "column": pl.String(),
    "field": pl.String(),
    "order_no": pl.String(),
    "value": pl.String(),
    "expected": pl.String(),
    "also_at": pl.String(),
    "params": pl.String(),
}
"""Columns of a findings table; ``params`` is a JSON object of texts, ``row`` may be null."""


SUGGESTIONS = "suggestions"
"""The parameter that holds, as JSON, what the user probably meant: a list of objects with the
keys field, value, name_zh, name_en and because (near, words, earlier, tariff)."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A catalogue entry: severity, layer, texts with ``{named}`` parameters, and the rule."""

    code: str
    layer: str
    severity: str
    zh: str
    en: str
    fix_zh: str
    fix_en: str
    rule: str


_LAYERS = ("file", "row", "customs")


@cache
def _written() -> dict[str, dict[str, dict[str, Any]]]:
    """What stands in the TOML files of this room, by name."""
    names = (*_LAYERS, "names")
    said = compiled.toml(Path(__file__).parent, [f"{name}.toml" for name in names])
    return {name: said[f"{name}.toml"] for name in names}


def names() -> dict[str, dict[str, dict[str, str]]]:
    """What the data's own words are called: group → word → language → text."""
    return _written()["names"]


def named(group: str, word: object, lang: str) -> str:
    """What a word of the data is called; the word itself where nothing is said of it."""
    said = names()[group].get(str(word))
    return said[lang] if said else "" if word is None else str(word)


@cache
def catalogue() -> dict[str, Entry]:
    """All findings by code, read from the three layer files.

    Raises ValueError for a code that stands twice, a missing text, or an unknown severity.
    """
    entries: dict[str, Entry] = {}
    for layer in _LAYERS:
        for code, texts in _written()[layer].items():
            if code in entries:
                raise ValueError(f"finding {code} stands in two layers")
            entry = Entry(code=code, layer=layer, **texts)
            if entry.severity not in SEVERITIES:
                raise ValueError(f"finding {code} has the unknown severity {entry.severity!r}")
            entries[code] = entry
    return entries


@cache
def blocking_codes() -> tuple[str, ...]:
    """Codes whose findings hold an order or a row, or refuse a file."""
    return tuple(code for code, entry in catalogue().items() if entry.severity in BLOCKING)


class _Blanks(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


_FROM_FILES = ("ORDER_HEAD_DIFFERS", "CHANGED_AFTER_ISSUE")
"""What these expect stands in a file, and may have a bar of its own."""


def in_language(texts: Mapping[str, str], code: str, language: str) -> dict[str, str]:
    """Texts for a ``zh`` or ``en`` sentence: schemas say what they expect as ``zh | en``."""
    sides = texts.get("expected", "").split(" | ")
    if len(sides) != 2 or code in _FROM_FILES:
        return dict(texts)
    return dict(texts) | {"expected": sides[language == "en"]}


def render(template: str, texts: Mapping[str, str]) -> str:
    """Fill a catalogue text; a parameter that a finding does not carry stays empty."""
    return string.Formatter().vformat(template, (), _Blanks(texts))


def empty() -> pl.DataFrame:
    """A findings table without rows."""
    return pl.DataFrame(schema=FINDINGS)


def to_frame(found: Iterable[Finding]) -> pl.DataFrame:
    """Findings as a table with the columns of ``FINDINGS``.

    Raises KeyError for a code that the catalogue does not hold.
    """
    known = catalogue()
    rows = [
        dataclasses.asdict(one)
        | {
            "severity": known[one.code].severity,
            "params": json.dumps(dict(one.params), ensure_ascii=False, sort_keys=True),
        }
        for one in found
    ]
    return pl.DataFrame(rows, schema=FINDINGS, orient="row") if rows else empty()


def explain(row: Mapping[str, object]) -> dict[str, object]:
    """A row of a findings table as the documented JSON object (``xborder check --json``).

    Keys: code, severity, layer, file, sheet, row, cell, column, field, order_no, value,
    expected, also_at, suggestions, message_zh, message_en, fix, fix_zh, fix_en, rule. The fixes
    name the suggestions too.
    """
    entry = catalogue()[str(row["code"])]
    texts = {key: "" if value is None else str(value) for key, value in row.items()}
    texts |= json.loads(texts.pop("params") or "{}")
    meant = json.loads(texts.pop(SUGGESTIONS, "[]"))
    zh, en = (in_language(texts, entry.code, language) for language in ("zh", "en"))
    fix_zh, fix_en = render(entry.fix_zh, zh), render(entry.fix_en, en)
    if meant:
        fix_zh += "；可能是：" + perhaps(meant, texts["field"], "zh")
        fix_en += "; perhaps: " + perhaps(meant, texts["field"], "en")
    places = ("code", "severity", "file", "sheet", "row", "cell", "column", "field", "order_no")
    told = {key: row[key] for key in (*places, "value", "expected", "also_at")}
    return told | {
        "layer": entry.layer,
        "suggestions": meant,
        "message_zh": render(entry.zh, zh),
        "message_en": render(entry.en, en),
        "fix_zh": fix_zh,
        "fix_en": fix_en,
        "fix": f"{fix_zh} / {fix_en}",
        "rule": entry.rule,
    }


_OTHER_FIELDS = {"hs_code": {"zh": "商品编码 ", "en": "HS code "}}


def perhaps(meant: Iterable[Mapping[str, str]], field: str, language: str) -> str:
    """Suggestions as one text: each value with its name.

    One for another column than the finding's own names that column.
    """
    zh = language == "zh"
    told = []
    for one in meant:
        other = "" if one["field"] == field else _OTHER_FIELDS[one["field"]][language]
        names = (one["name_zh"], one["name_en"]) if zh else (one["name_en"], one["name_zh"])
        name = next((f" {name}" for name in names if name), "")
        used = ("（以前用过）" if zh else " (used before)") if one["because"] == "earlier" else ""
        told.append(f"{other}{one['value']}{name}{used}")
    return ("、" if zh else ", ").join(told)


def column_letter(index: int) -> str:
    """The Excel letters of a 0-based column: 0 → A, 26 → AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
