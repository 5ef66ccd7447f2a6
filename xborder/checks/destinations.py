"""What destinations ask of goods from China (目的国提示; R47–R51): notices that never hold.

Which notice counts for which goods, modes, values and days is a dated table
(``destination_notice``); the day is that of export, or else that of the order. A notice is told
once for a file and country, at the country's cell of the first order that it concerns, with
their number: it is no fault of any order.
"""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import polars as pl

from xborder import findings
from xborder.checks import facts
from xborder.checks.context import Context
from xborder.checks.customs import in_any_line
from xborder.checks.joined import Joined
from xborder.checks.places import VIOLATIONS
from xborder.schemas.levels import Same, marked_rows
from xborder.schemas.tables import Tables

Row = dict[str, str | None]

VAGUE_FOR = "EU"
"""The group of countries whose filings refuse vague descriptions (ICS2; R47)."""


def notices(joined: Joined, context: Context) -> pl.DataFrame:
    """Notices on joined lines with their customs facts; columns of ``places.VIOLATIONS``."""
    tables, on = context.tables, context.on
    going = frozenset(joined.orders.get_column("head.country").unique()) - {None}
    silent = () if context.decisions.is_empty() else facts.refused(context.decisions, "notice")
    asked = [
        one
        for one in _notices(tables, on)
        if one.row["notice"] not in silent and one.countries & going
    ]
    found = [_of_orders(joined, asked, on)] if asked else [pl.DataFrame(schema=VIOLATIONS)]
    vague = _group(tables, VAGUE_FOR) & going
    if vague:
        found += _vague(joined, vague, tables)
    return pl.concat(found)


class _Notice(NamedTuple):
    """A notice, the countries of its group, and the values (CNY) between which it is told."""

    row: Row
    countries: frozenset[str]
    above: Decimal | None
    up_to: Decimal | None


@lru_cache(maxsize=8)
def _notices(tables: Tables, on: date) -> list[_Notice]:
    """The notices that a day's table holds, but for those in a currency that has no rate."""
    found = []
    for row in tables.table("destination_notice", on).iter_rows(named=True):
        limits = row["above"], row["up_to"]
        rate = tables.cny_rate(str(row["currency"]), on) if any(limits) else Decimal(1)
        if rate is not None:
            above, up_to = (Decimal(one) * rate if one else None for one in limits)
            found.append(_Notice(row, tables.group(row["group"]), above, up_to))
    return found


def _of_orders(joined: Joined, asked: list[_Notice], on: date) -> pl.DataFrame:
    """Notices of orders, once for a file and country, with the number of orders."""
    country = joined.orders.get_column("head.country")
    there = country.unique()
    going = {one: country.is_in(sorted(one.intersection(there)))
             for one in {one.countries for one in asked}}  # fmt: skip
    mode = joined.by_order.frame(["profile.mode"]).to_series()
    by = {modes: mode.is_in(modes.split(";"))
          for modes in {one.row["modes"] for one in asked} if modes}  # fmt: skip
    day, value = _days(joined.orders, on), joined.orders.get_column("value_cny")
    concerned = {}
    for at, one in enumerate(asked):
        row = one.row
        orders = going[one.countries] & (day >= str(row["valid_from"]))
        if row["valid_to"]:
            orders &= day <= row["valid_to"]
        if row["modes"]:
            orders &= by[row["modes"]]
        if one.above is not None:
            orders &= value > one.above
        if one.up_to is not None:
            orders &= value <= one.up_to
        if orders.any():
            if row["hs_prefixes"] or row["food_contact"]:
                named = _named(Same(joined.goods), row["hs_prefixes"], row["food_contact"])
                orders &= in_any_line(joined, named)
            concerned[at] = orders.alias(str(at))
    if not concerned:
        return pl.DataFrame(schema=VIOLATIONS)
    files = (
        joined.by_order.frame(["at", "row", "upload_id", "head.country"])
        .hstack(list(concerned.values()))
        # An order that goes on in a later block comes with that block.
        .sort("row", maintain_order=True)
        .group_by("upload_id", "head.country")
        .agg(
            one
            for at in concerned
            for one in (
                pl.col("at").filter(str(at)).first().alias(f"first {at}"),
                pl.col(str(at)).sum().alias(f"orders {at}"),
            )
        )
    )
    rows = files.rows(named=True)
    told = [_told(rows, str(at), asked[at].row) for at in concerned]
    return pl.DataFrame([one for few in told for one in few], schema=VIOLATIONS, orient="row")


def _days(orders: pl.DataFrame, on: date) -> pl.Series:
    """The day that counts for each order: of export, or else that on which it was made."""
    day = orders.get_column("shipment.export_date")
    if not day.null_count():
        return day
    return orders.select(pl.coalesce(
        "shipment.export_date", pl.col("head.ordered_at").str.slice(0, 10),
        pl.lit(on.isoformat()),
    )).to_series()  # fmt: skip


@lru_cache(maxsize=16)
def _named(goods: Same, hs_prefixes: str | None, food_contact: str | None) -> pl.Series:
    """Which goods a notice names."""
    code = goods.frame.get_column("goods.hs_code")
    named = code.is_not_null()
    if hs_prefixes:
        starts = tuple(hs_prefixes.split(";"))
        named &= code.is_in([one for one in code.drop_nulls().unique() if one.startswith(starts)])
    if food_contact:
        named &= goods.frame.get_column("goods.food_contact") == food_contact
    return named.fill_null(value=False)


@lru_cache(maxsize=8)
def _group(tables: Tables, name: str) -> frozenset[str]:
    return tables.group(name)


def _told(files: list[dict[str, Any]], at: str, row: Row) -> Iterator[tuple[object, ...]]:
    """A notice for each file and country (country, first line, orders) that has orders, in the
    order of their first lines."""
    said = {name: row[name] or "" for name in ("notice", "text_zh", "text_en", "source")}
    said["since"] = str(row["valid_from"])
    first, orders = f"first {at}", f"orders {at}"
    for file in sorted(files, key=lambda one: one[first] or 0):
        if file[orders]:
            params = _params(said | {"orders": str(file[orders])})
            country = file["head.country"]
            yield file[first], "line", "country", row["code"], country, "", params


@lru_cache(maxsize=1)
def told_once_a_file() -> tuple[str, ...]:
    """Codes of the notices that tell how many orders of a file they concern."""
    return tuple(code for code, entry in findings.catalogue().items() if "{orders}" in entry.en)


def put_together(found: pl.DataFrame) -> pl.DataFrame:
    """One notice for a file and country of those that its checks told, where the first stands.

    ``found``: findings with ``upload_id`` and ``inputs``, the version of what was checked
    against. Checks under the same inputs have different orders: their numbers are added. Those
    under other inputs looked at some of the same orders again: the greatest number counts.
    """
    key = ["upload_id", "code", "value", "notice"]
    counted = found.with_columns(
        pl.col("params").str.json_path_match("$.notice").alias("notice"),
        pl.col("params").str.json_path_match("$.orders").cast(pl.Int64).alias("orders"),
    )
    totals = (
        counted.group_by(*key, "inputs")
        .agg(pl.col("orders").sum())
        .group_by(key)
        .agg(pl.col("orders").max())
    )
    first = (
        counted.drop("orders")
        .sort("row", maintain_order=True)
        .unique(key, keep="first", maintain_order=True)
    )
    told = first.join(totals, on=key, maintain_order="left")
    params = [
        _params(json.loads(said) | {"orders": str(orders)})
        for said, orders in told.select("params", "orders").iter_rows()
    ]
    return told.with_columns(pl.Series("params", params, dtype=pl.String)).drop(
        "notice", "orders", "inputs"
    )


def _params(said: dict[str, str]) -> str:
    return json.dumps(said, ensure_ascii=False, sort_keys=True)


def _vague(joined: Joined, countries: frozenset[str], tables: Tables) -> list[pl.DataFrame]:
    """Descriptions that ICS2 refuses, where they stand: in the order file or the catalogue."""
    words, longest = _vague_words(tables)
    named = joined.lines.get_column("goods_name")
    found = []
    # Few are that short; only those are looked at letter by letter.
    brief = marked_rows(named.str.len_bytes() <= longest)
    if not brief.is_empty():
        found.append(_told_vague(joined, "line", "goods_name", brief, countries, words))
    if named.null_count():
        name = "goods.item_name"
        goods = (joined.goods.get_column(name).str.len_bytes() <= longest).fill_null(value=False)
        if goods.any():
            rows = marked_rows(goods[joined.stock] & named.is_null())
            found.append(_told_vague(joined, "goods", name, rows, countries, words))
    return found


@lru_cache(maxsize=8)
def _vague_words(tables: Tables) -> tuple[list[str], int]:
    """The words, and the bytes of a text that may be one of them with blanks around it."""
    words = sorted({word.casefold() for word in tables.members("vague_description")})
    return words, max(map(len, words), default=0) + 8


def _told_vague(
    joined: Joined, source: str, name: str, rows: pl.Series, countries: frozenset[str],
    words: list[str],
) -> pl.DataFrame:  # fmt: skip
    text = pl.col(name).str.strip_chars().str.to_lowercase()
    some = joined.by_line.gather(["at", "head.country", name], rows)
    return some.filter(pl.col("head.country").is_in(sorted(countries)), text.is_in(words)).select(
        "at",
        pl.lit(source).alias("source"),
        pl.lit(name.removeprefix("goods.")).alias("field"),
        pl.lit("EU_VAGUE_DESCRIPTION").alias("code"),
        pl.col(name).alias("value"),
        pl.lit("").alias("expected"),
        pl.lit("{}").alias("params"),
    )
