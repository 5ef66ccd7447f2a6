"""An operator's file → the rows of a table (导入表格): columns by their names, values checked.

What a column may be called and what its cells may hold is data: ``table_columns.toml``. A cell
is brought to the table's own form where that is certain (a unit's name to its code, ``6911.1019.00``
to ten digits); everything else is told at its cell and the file is refused as a whole.
"""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from xborder.findings import Finding, column_letter
from xborder.schemas.table_versions import key_of
from xborder.schemas.tables import Tables

BLANK = frozenset({"", "-", "--", "/", "—", "无", "N/A"})
"""What stands for nothing in a column of codes, dates or numbers."""

HEADER_ROWS = 20
_DATE = re.compile(r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?(?: 00:00:00)?", re.ASCII)
_DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")
_SPACES = re.compile(r"[\s_]+")
_WRITTEN = {"date": "YYYY-MM-DD", "decimal": "1234.5", "flag": "true, false"}
_FLAGS = {
    **dict.fromkeys(("true", "是", "y", "yes", "1", "✓"), "true"),
    **dict.fromkeys(("false", "否", "n", "no", "0"), "false"),
}


@dataclass(frozen=True)
class Column:
    """A column of a kind of table, as ``table_columns.toml`` says."""

    name: str
    aliases: tuple[str, ...] = ()
    needed: bool = False
    wanted: bool = False
    carry: bool = False
    verified: bool = False
    positive: bool = False
    form: str = "text"
    refers: str = ""
    pattern: str = ""
    expected: str = ""

    @property
    def wanted_form(self) -> str:
        """What a finding says that a cell should hold."""
        return self.refers or self.expected or _WRITTEN.get(self.form, "")

    @property
    def free(self) -> bool:
        """Whether any text will do, so that a dash is a dash."""
        return self.form == "text" and not self.refers and not self.pattern


@dataclass(frozen=True)
class Draft:
    """The rows of a table as a file says them; unusable when ``found`` holds anything.

    ``unread`` are headers of the file that mean no column of the table.
    """

    kind: str
    rows: pl.DataFrame
    found: list[Finding]
    unread: tuple[str, ...] = ()


@cache
def _said() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("table_columns.toml").read_text("utf-8"))


@cache
def columns_of(kind: str) -> tuple[Column, ...]:
    """The columns of a kind of table; a kind that is not listed has a code and a name."""
    listed = _said().get(kind, _said()["other"])["column"]
    return tuple(Column(**{**one, "aliases": tuple(one.get("aliases", ()))}) for one in listed)


def heads() -> set[str]:
    """All names that the columns of tables may bear in a file."""
    every = (one for kind in _said() for one in columns_of(kind))
    return {name for one in every for name in (one.name, *one.aliases)}


def kind_of(name: str, held: Tables) -> str | None:
    """The kind of a table by its name; None for a name that no table bears."""
    known = {one.name: one.kind for one in held.entries}
    return "tariff" if re.fullmatch(r"tariff(_[a-z0-9_]{1,40})?", name) else known.get(name)


def looks_like_a_tariff(cells: pl.DataFrame) -> bool:
    """Whether one of the first rows has the headers of a tariff."""
    return any(
        {"hs_code", "unit1"} <= set(_mapped(row, "tariff"))
        for row in cells.head(HEADER_ROWS).get_column("cells")
    )


def draft(
    cells: pl.DataFrame,
    kind: str,
    held: Tables,
    present: pl.DataFrame,
    *,
    verified: bool = False,
    confidence: str = "medium",
) -> Draft:
    """The rows that a file's cells (sheet, row, cells, ragged) mean, or what is wrong with them.

    ``present`` are the rows now in force: columns of ours that no official file has are taken
    over from them, by code. ``verified`` marks a tariff's units and supervision conditions
    as seen at their source where the file itself says nothing.
    """
    found: list[Finding] = []
    sheet, header, places = _header(cells, kind, found)
    if found:
        return Draft(kind, pl.DataFrame(), found)
    body = cells.filter((pl.col("sheet") == sheet) & (pl.col("row") > header))
    if body.is_empty():
        return Draft(kind, pl.DataFrame(), [Finding("NO_DATA_ROWS", sheet=sheet)])
    columns = [one for one in columns_of(kind) if one.name in places]
    read = {one.name: _reader(one, held) for one in columns}
    rows = []
    for number, texts, ragged in body.select("row", "cells", "ragged").iter_rows():
        if ragged:
            found.append(Finding("RAGGED_ROW", sheet=sheet, row=number, value=str(ragged),
                                 expected=str(len(texts))))  # fmt: skip
            continue
        values: dict[str, str | None] = {}
        for column in columns:
            index, head = places[column.name]
            text = (texts[index] if index < len(texts) else None) or ""
            value, wrong = read[column.name](text)
            if wrong:
                cell = f"{column_letter(index)}{number}"
                found.append(Finding(wrong, "", sheet, number, cell, head, column.name,
                                     value=text.strip()[:60],
                                     expected=column.wanted_form))  # fmt: skip
            values[column.name] = value
        rows.append(values)
    made = pl.DataFrame(rows, schema={one.name: pl.String() for one in columns})
    if not found:
        found += _twice(made, kind, body, sheet, places)
    if found:
        return Draft(kind, made, found)
    read_at = {index for index, _ in places.values()}
    heads = cells.filter((pl.col("sheet") == sheet) & (pl.col("row") == header)).item(0, "cells")
    unread = tuple(text for at, text in enumerate(heads) if text and at not in read_at)
    return Draft(kind, _whole(made, kind, present, verified, confidence), [], unread)


def _normal(header: str) -> str:
    return _SPACES.sub("", unicodedata.normalize("NFKC", header).casefold()).strip("*:：")


def _bare(header: str) -> str:
    """The normal form without what stands in brackets: 退税率(%) is 退税率."""
    return _BRACKETS.sub("", _normal(header))


@cache
def _names(kind: str) -> dict[str, str]:
    return {
        _normal(alias): one.name
        for one in reversed(columns_of(kind))
        for alias in (*one.aliases, one.name)
    }


def _mapped(texts: Iterable[str | None], kind: str) -> dict[str, list[tuple[int, str]]]:
    places: dict[str, list[tuple[int, str]]] = {}
    for index, text in enumerate(texts):
        known = _names(kind)
        name = known.get(_normal(text)) or known.get(_bare(text)) if text else None
        if name:
            places.setdefault(name, []).append((index, str(text).strip()))
    return places


def _header(
    cells: pl.DataFrame, kind: str, found: list[Finding]
) -> tuple[str, int, dict[str, tuple[int, str]]]:
    """Sheet, row number and columns of the header; what is amiss goes to ``found``."""
    needed = {one.name for one in columns_of(kind) if one.needed or one.wanted}
    best: dict[str, tuple[int, int, dict[str, list[tuple[int, str]]], str]] = {}
    for (sheet,), rows in cells.group_by("sheet", maintain_order=True):
        for number, texts in rows.head(HEADER_ROWS).select("row", "cells").iter_rows():
            places = _mapped(texts, kind)
            score = len(needed & set(places))
            if str(sheet) not in best or score > best[str(sheet)][0]:
                heads = " | ".join(text.strip()[:40] for text in texts if text)[:600]
                best[str(sheet)] = (score, number, places, heads)
    whole = [sheet for sheet, one in best.items() if one[0] == len(needed)]
    if len(whole) > 1:
        found.append(Finding("TABLE_SHEETS", value=", ".join(whole), params={"table": kind}))
        return "", 0, {}
    if not best:
        found.append(Finding("FILE_EMPTY"))
        return "", 0, {}
    sheet = whole[0] if whole else max(best, key=lambda one: best[one][0])
    _, number, places, heads = best[sheet]
    if not whole:
        lacking = [one for one in columns_of(kind) if one.name in needed - set(places)]
        expected = "; ".join(" / ".join((one.name, *one.aliases[:2])) for one in lacking)
        found.append(Finding("TABLE_COLUMNS_MISSING", sheet=sheet, row=number, value=heads,
                             expected=expected, params={"table": kind}))  # fmt: skip
    for name, those in places.items():
        if len(those) > 1:
            value = ", ".join(f"{column_letter(at)}{number} {head}" for at, head in those)
            found.append(Finding("TABLE_COLUMN_TWICE", sheet=sheet, row=number,
                                 cell=f"{column_letter(those[1][0])}{number}", field=name,
                                 value=value))  # fmt: skip
    return sheet, number, {name: those[0] for name, those in places.items()}


Read = Callable[[str], tuple[str | None, str]]


def _reader(column: Column, held: Tables) -> Read:
    """A function from a cell's text to its value and the code of what is wrong with it."""
    form = _FORMS[column.form]
    known: Callable[[str], str | None] | None = None
    if column.refers:
        by_name = {"unit": held.unit, "country": held.country, "currency": held.currency}
        members = held.members(column.refers)
        known = by_name.get(column.refers, lambda text: text if text in members else None)
    pattern = re.compile(column.pattern or "(?s:.*)", re.ASCII)

    def read(text: str) -> tuple[str | None, str]:
        written = text.strip()
        if written in BLANK and (not column.free or not written):
            return None, "TABLE_VALUE_MISSING" if column.needed else ""
        if known is not None:
            value = known(unicodedata.normalize("NFKC", written)) or known(written)
            return value, "" if value else "TABLE_VALUE_UNKNOWN"
        value = form(written)
        bad = value is None or not pattern.fullmatch(value)
        if bad or (column.positive and value is not None and not value.strip("0.")):
            return None, "TABLE_VALUE_MALFORMED"
        return value, ""

    return read


def _text(written: str) -> str | None:
    return " ".join(written.split()) if written.isprintable() else " ".join(
        "".join(c if c.isprintable() else " " for c in written).split()
    )  # fmt: skip


def _hs(written: str) -> str | None:
    return re.sub(r"[.\s]", "", unicodedata.normalize("NFKC", written))


def _date(written: str) -> str | None:
    found = _DATE.fullmatch(written)
    try:
        return date(*(int(part) for part in found.groups())).isoformat() if found else None
    except ValueError:
        return None


def _decimal(written: str) -> str | None:
    number = written.removesuffix("%").strip()
    return number if _DECIMAL.fullmatch(number) else None


_FORMS: dict[str, Callable[[str], str | None]] = {
    "text": _text,
    "hs": _hs,
    "date": _date,
    "decimal": _decimal,
    "flag": lambda written: _FLAGS.get(written.casefold()),
}


def _twice(
    made: pl.DataFrame,
    kind: str,
    body: pl.DataFrame,
    sheet: str,
    places: Mapping[str, tuple[int, str]],
) -> list[Finding]:
    """The rows whose key stands in an earlier row."""
    key = key_of(kind)
    index, head = places[key[0]]
    letter = column_letter(index)
    first: dict[Any, int] = {}
    found = []
    for number, values in zip(body["row"], made.select(key).iter_rows(), strict=True):
        if first.setdefault(values, number) != number:
            found.append(Finding("TABLE_KEY_TWICE", "", sheet, number, f"{letter}{number}", head,
                                 key[0], value=" ".join(values),
                                 also_at=f"{letter}{first[values]}"))  # fmt: skip
    return found


def _whole(
    made: pl.DataFrame, kind: str, present: pl.DataFrame, verified: bool, confidence: str
) -> pl.DataFrame:
    """The rows with every column of their kind: taken over from the present ones, or empty."""
    key = key_of(kind)
    absent = [one for one in columns_of(kind) if one.name not in made.columns]
    carried = [one.name for one in absent if one.carry and one.name in present.columns]
    known = present.select(*key, *carried).unique(key, keep="first")
    made = made.join(known, on=key, how="left", maintain_order="left")
    flag = pl.lit("true" if verified else "false")
    made = made.with_columns(
        pl.lit(None, pl.String).alias(one.name) for one in absent if one.name not in carried
    )
    # Carried columns hold what the present table says; only the others are filled in.
    own = [one for one in columns_of(kind) if not one.carry]
    made = made.with_columns(
        *(
            pl.col(one.name).fill_null(flag if one.verified else pl.lit("false"))
            for one in own
            if one.form == "flag"
        ),
        *(pl.col(one.name).fill_null(confidence) for one in own if one.name == "confidence"),
    )
    return made.select(one.name for one in columns_of(kind)).sort(key)
