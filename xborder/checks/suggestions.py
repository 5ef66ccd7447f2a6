"""Suggestions (参考建议) for findings: what the user probably meant, told and never applied.

A near code for an unknown one, tariff codes for a goods name by its words, what the exporter
chose before for the same SKU or name, the tariff's unit. They are sought once for each distinct
value, for some hundred of them a cause, and only where something is wrong.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from typing import Any

import polars as pl

from xborder.checks import nearest
from xborder.findings import SUGGESTIONS
from xborder.schemas import columns, library
from xborder.schemas.levels import Levels, Same
from xborder.schemas.tables import Tables

MOST_VALUES = 200
"""Distinct values of a code and field for which suggestions are sought."""

CODE_FAULTS = (
    "CODE_UNKNOWN", "COUNTRY_UNKNOWN", "CURRENCY_UNKNOWN", "UNIT_UNKNOWN", "PORT_UNKNOWN",
    "FORMAT_WRONG",
)  # fmt: skip
"""A value that its code table does not hold, or that is not written like a code of it."""

HS_FAULTS = (
    "VALUE_MISSING", "HS_CODE_FORMAT", "HS_HEADING_UNKNOWN", "HS_CODE_NOT_IN_TARIFF",
    "HS_ODD_DIGITS",
)  # fmt: skip

_KEY = ["source", "code", "field", "value", "sku", "name", "own_name", "hs_code"]


@cache
def tables_of_fields() -> dict[str, str]:
    """The code table of each canonical field that holds a code."""
    packaged = library.packaged()
    return {
        name: str(own["x-table"])
        for schema in ("order_line", "goods", "shipment", "warehouse_movement")
        for name, own in packaged.properties(schema).items()
        if "x-table" in own
    }


@dataclass(frozen=True)
class _Own:
    """What the exporter's catalogue says of the SKUs and names that are asked for."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    alike: dict[str, list[str]] = field(default_factory=dict)
    named: dict[str, list[str]] = field(default_factory=dict)


def told(
    violations: pl.DataFrame,
    table: Levels,
    tables: Tables,
    on: date,
    goods: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The same violations (columns of ``places.VIOLATIONS``), with suggestions in ``params``.

    ``table`` holds the joined lines; ``goods`` the exporter's catalogue in force: that of
    the check, or the one before the file that is read.
    """
    numbered = violations.with_row_index("nth")
    asked = numbered.filter(_suggestible())
    if asked.is_empty():
        return violations
    asked = _with_goods(asked, table)
    distinct = asked.unique(_KEY, keep="first", maintain_order=True)
    few = distinct.filter(pl.int_range(pl.len()).over("code", "field") < MOST_VALUES)
    own = _own(goods, few)
    folded = few.with_columns(_folded(pl.col("sku")).alias("folded"))
    found = [_sought(row, tables, on, own) for row in folded.iter_rows(named=True)]
    # A parameter is a text: the list stands in it as JSON.
    entries = [f'"{SUGGESTIONS}": {_json(_json(one))}' + "}" if one else None for one in found]
    known = few.select(*_KEY, pl.Series(SUGGESTIONS, entries, dtype=pl.String)).drop_nulls(
        SUGGESTIONS
    )
    added = asked.join(known, on=_KEY, nulls_equal=True).select("nth", SUGGESTIONS)
    before = pl.col("params").str.strip_suffix("}")
    comma = pl.when(before == "{").then(pl.lit("")).otherwise(pl.lit(", "))
    return (
        numbered.join(added, on="nth", how="left", maintain_order="left")
        .with_columns(pl.coalesce(before + comma + pl.col(SUGGESTIONS), "params").alias("params"))
        .drop("nth", SUGGESTIONS)
    )


@cache
def _suggestible() -> pl.Expr:
    """Whether something near may be meant, or is known of the goods."""
    codes = pl.col("code").is_in(CODE_FAULTS) & pl.col("field").is_in(sorted(tables_of_fields()))
    of_goods = (pl.col("code") == "SKU_NOT_IN_CATALOGUE") | (
        pl.col("code").is_in(HS_FAULTS) & pl.col("field").is_in(list(columns("goods")))
    )
    return codes | of_goods


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


_GOODS: dict[str, dict[str, tuple[str, ...]]] = {
    "sku": {"line": ("sku",), "goods": ("goods.sku",)},
    "name": {"line": ("gname", "goods_name"), "goods": ("goods.gname",)},
    "own_name": {"line": ("item_name",), "goods": ("goods.item_name",)},
    "hs_code": {"line": ("hs_code",), "goods": ("goods.hs_code",)},
}
"""Where the goods of a violation are told, by the violation's source."""


def _with_goods(asked: pl.DataFrame, table: Levels) -> pl.DataFrame:
    """The goods that a violation is about, where that matters: the columns ``_KEY`` and nth."""
    names = {name for both in _GOODS.values() for few in both.values() for name in few}
    there = tuple(sorted(names & set(table.columns)))
    stated = table.gather(there, asked.get_column("at"))
    both = asked.hstack([stated[name].alias(f"of.{name}") for name in there])
    return both.select("nth", "source", "code", "field", "value", *_told_by(there))


@lru_cache(maxsize=8)
def _told_by(there: tuple[str, ...]) -> list[pl.Expr]:
    """What is told of a violation's goods, where the columns ``there`` are at hand."""

    def told_by(source: str, few: tuple[str, ...]) -> pl.Expr:
        held = [pl.col(f"of.{name}") for name in few if name in there]
        # A code is near to others whatever the goods are.
        mine = (pl.col("source") == source) & ~pl.col("code").is_in(CODE_FAULTS)
        return pl.when(mine).then(pl.coalesce(held) if held else pl.lit(None, pl.String))

    return [
        pl.coalesce(told_by(source, few) for source, few in places.items()).alias(name)
        for name, places in _GOODS.items()
    ]


def _folded(text: pl.Expr) -> pl.Expr:
    """A SKU without what is lost or added in copying: case, width, spaces, hyphens."""
    return text.str.normalize("NFKC").str.to_uppercase().str.replace_all(r"[\s\-_./]+", "")


def _own(goods: pl.DataFrame | None, asked: pl.DataFrame) -> _Own:
    """The rows of the exporter's catalogue that the asked SKUs and names lead to."""
    if goods is None or goods.is_empty():
        return _Own()
    skus = asked.select(_folded(pl.col("sku"))).to_series().drop_nulls().unique()
    names = pl.concat([asked["name"], asked["own_name"]]).drop_nulls().str.to_lowercase().unique()
    known = _names(Same(goods))
    alike = known["folded"].is_in(skus.implode())
    for name in ("name", "own_name") if not names.is_empty() else ():
        alike |= known[name].is_in(names.implode())
    same = goods.hstack([known["folded"]]).filter(alike)
    found = _Own({row["sku"]: row for row in same.iter_rows(named=True)})
    for row in same.iter_rows(named=True):
        found.alike.setdefault(row["folded"], []).append(row["sku"])
        for word in {row["gname"], row["item_name"]} - {None}:
            codes = found.named.setdefault(word.lower(), [])
            if row["hs_code"] not in codes:
                codes.append(row["hs_code"])
    return found


@lru_cache(maxsize=4)
def _names(goods: Same) -> pl.DataFrame:
    """How the goods of a catalogue are called, but for case and what is lost in copying."""
    return goods.frame.select(
        _folded(pl.col("sku")).alias("folded"),
        pl.col("gname").str.to_lowercase().alias("name"),
        pl.col("item_name").str.to_lowercase().alias("own_name"),
    )


Suggestion = dict[str, str]


def _sought(row: dict[str, Any], tables: Tables, on: date, own: _Own) -> list[Suggestion]:
    """Suggestions for one distinct fault, each value once."""
    if row["code"] in CODE_FAULTS:
        table = tables_of_fields()[row["field"]]
        found = list(_near(row["field"], nearest.codes(tables, table, row["value"] or "")))
    elif row["code"] == "SKU_NOT_IN_CATALOGUE":
        found = [*_same_sku(row, own), *_hs_codes(row, tables, on, own)]
    else:
        found = list(_for_goods(row, tables, on, own))
    once = {(one["field"], one["value"]): one for one in reversed(found) if one["value"]}
    kept = [one for one in reversed(once.values()) if one["value"] != row["value"]]
    return kept[: nearest.MOST]


def _one(of: str, value: str, because: str, zh: str = "", en: str = "") -> Suggestion:
    return {"field": of, "value": value, "name_zh": zh, "name_en": en, "because": because}


def _near(of: str, found: Iterable[nearest.Near], because: str = "near") -> Iterator[Suggestion]:
    for one in found:
        yield _one(of, one.value, because, one.name_zh, one.name_en)


def _used_before(of: str, value: str, tables: Tables, on: date) -> Suggestion:
    named = nearest.of_tariff(tables, on, value) if of == "hs_code" else {}
    return _one(of, value, "earlier", named.get("name_zh", ""), named.get("name_en", ""))


def _same_sku(row: dict[str, Any], own: _Own) -> Iterator[Suggestion]:
    for sku in own.alike.get(row["folded"] or "", ()):
        yield _one("sku", sku, "near", own.rows[sku]["gname"] or "")


def _hs_codes(row: dict[str, Any], tables: Tables, on: date, own: _Own) -> Iterator[Suggestion]:
    """What the exporter declares goods of this name as; else by the words of the name."""
    names = [name for name in (row["name"], row["own_name"]) if name]
    for name in names:
        for code in own.named.get(name.lower(), ()):
            yield _used_before("hs_code", code, tables, on)
    for name in names:
        yield from _near("hs_code", nearest.hs_codes(tables, on, name), "words")


def _for_goods(row: dict[str, Any], tables: Tables, on: date, own: _Own) -> Iterator[Suggestion]:
    """For a value of a catalogue row that is missing or cannot be right."""
    before = own.rows.get(row["sku"] or "", {}).get(row["field"])
    if before:
        yield _used_before(row["field"], before, tables, on)
    if row["field"] == "hs_code":
        if row["value"]:
            yield from _near("hs_code", nearest.hs_codes_like(tables, on, row["value"]))
        yield from _hs_codes(row, tables, on, own)
    if row["field"] in ("unit1", "unit2"):
        unit = nearest.of_tariff(tables, on, row["hs_code"] or "").get(row["field"], "")
        yield _one(row["field"], unit, "tariff", tables.units.get(unit, ""))
