"""Customs facts of each line: codes at the border, value, route.

ISO codes are kept inside; here they are mapped to the customs numbers that CEB messages use,
and what has no number stays null (a finding), never invented.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import polars as pl

from xborder.checks.amounts import DECIMAL, decimal
from xborder.checks.context import NUMBERS, Context
from xborder.checks.joined import ORDER, Joined
from xborder.checks.rules import ORDER_TYPES
from xborder.schemas.tables import Tables


def with_customs_facts(joined: Joined, context: Context) -> Joined:
    """The joined lines with customs codes, tariff verdicts, CNY value, waybill use and route.

    Added to goods: ``known.subheading`` (Boolean). To orders: ``customs.*`` codes (text), ``order.licence_no``,
    ``cny_rate`` and ``value_cny`` (Decimal, CNY), ``route`` (list or declaration; R03, R04),
    ``route.why_zh``/``_en``, ``waybill.twice`` (Boolean: another order has its logistics
    number), ``waybill.taken_by`` (an order number), ``number.*`` (the order that has its
    declared number, ``context.NUMBERS``). To shops: ``order_type_of_mode``. To lines:
    ``declared.hs_code``.
    """
    joined = _with_subheading(joined, context)
    joined = _with_codes(joined, context)
    joined = _with_route(joined, context)
    joined = _with_numbers(joined, context)
    return _with_waybills(_with_hs_code(joined, context), context)


class _Codes(NamedTuple):
    """Codes and what each stands for."""

    known: pl.Series
    values: pl.Series


class _Customs(NamedTuple):
    """What the tables say of a day: customs numbers of countries and currencies, CNY rates."""

    countries: _Codes
    currencies: _Codes
    rates: _Codes


@lru_cache(maxsize=8)
def _customs(tables: Tables, on: date) -> _Customs:
    def codes(table: dict[str, str]) -> _Codes:
        return _Codes(*(pl.Series(list(of), dtype=pl.String) for of in (table, table.values())))

    rated = tables.table("exchange_rate").get_column("currency").unique(maintain_order=True)
    rates = {one: str(rate) for one in rated if (rate := tables.cny_rate(one, on)) is not None}
    told = codes(rates)
    return _Customs(
        codes(tables.country_to_customs),
        codes(tables.currency_to_customs),
        _Codes(told.known, told.values.to_frame("rate").select(decimal("rate")).to_series()),
    )


def _mapped(column: str, codes: _Codes) -> pl.Expr:
    return pl.col(column).replace_strict(
        codes.known, codes.values, default=None, return_dtype=codes.values.dtype
    )


def _with_subheading(joined: Joined, context: Context) -> Joined:
    """Whether the tariff knows the subheading: then a code that is not in it does not exist.

    Where the tariff is complete it knows every one.
    """
    complete, subheadings = _subheadings(context.tables, context.on)
    goods = joined.goods.with_columns(
        (pl.col("goods.hs_code").str.slice(0, 6).is_in(subheadings.implode()) | pl.lit(complete))
        .fill_null(value=False)
        .alias("known.subheading")
    )
    return replace(joined, goods=goods)


@lru_cache(maxsize=8)
def _subheadings(tables: Tables, on: date) -> tuple[bool, pl.Series]:
    codes = tables.tariff(on).get_column("hs_code")
    return tables.tariff_is_complete(on), codes.str.slice(0, 6).unique()


def _with_codes(joined: Joined, context: Context) -> Joined:
    """Customs numbers of countries and currencies, and what the order is worth in CNY."""
    customs = _customs(context.tables, context.on)
    orders = joined.orders.with_columns(
        _mapped("head.country", customs.countries).alias("customs.country"),
        _mapped("shipment.destination_country", customs.countries).alias("customs.arrival"),
        *(
            _mapped(source, customs.currencies).alias(f"customs.{name}")
            for source, name in (
                ("head.currency", "currency"),
                ("shipment.freight_currency", "freight_currency"),
                ("shipment.insurance_currency", "insurance_currency"),
            )
        ),
        _mapped("head.currency", customs.rates).alias("cny_rate"),
        _first_of_goods(joined, "goods.licence_no").alias("order.licence_no"),
    ).with_columns((pl.col("d.goods_value") * pl.col("cny_rate")).cast(DECIMAL).alias("value_cny"))
    shops = joined.shops.with_columns(
        pl.col("profile.mode")
        .replace_strict(ORDER_TYPES, default=None, return_dtype=pl.String)
        .alias("order_type_of_mode")
    )
    return replace(joined, orders=orders, shops=shops)


def _first_of_goods(joined: Joined, name: str) -> pl.Series:
    """For each order the first value that one of its goods has."""
    values = joined.goods.get_column(name)
    found = values.clear(joined.orders.height)
    if values.null_count() < values.len():
        stated = pl.DataFrame({"order": joined.order, "value": values[joined.stock]})
        first = stated.drop_nulls().unique("order", keep="first", maintain_order=True)
        found = found.scatter(first.get_column("order"), first.get_column("value"))
    return found


def in_any_line(joined: Joined, verdict: pl.Expr) -> pl.Series:
    """For each order whether something holds for the goods of one of its lines."""
    goods = joined.goods.select(verdict.fill_null(value=False)).to_series()
    found = pl.repeat(False, joined.orders.height, dtype=pl.Boolean, eager=True)
    if goods.any():
        found = found.scatter(joined.order.filter(goods[joined.stock]), True)
    return found


@lru_cache(maxsize=8)
def _threshold(tables: Tables, on: date) -> Decimal:
    return tables.threshold_cny(on)


def _with_route(joined: Joined, context: Context) -> Joined:
    """R03: 9710 and 9810 go by list up to the threshold, without licence, inspection, tax or
    rebate claim; else by declaration. R04: 9610 always by list."""
    limit = _threshold(context.tables, context.on)
    reasons: dict[str, tuple[pl.Expr | pl.Series, str, str]] = {
        "value": ((pl.col("value_cny") > pl.lit(f"{limit:f}").cast(DECIMAL)).fill_null(value=False),
                  f"货值超过 {limit} 元", f"its value is above CNY {limit}"),
        "licence": (in_any_line(joined, pl.col("tariff.licence")
                                 | pl.col("goods.licence_no").is_not_null()),
                    "商品涉证", "goods need a licence"),
        "inspection": (in_any_line(joined, pl.col("tariff.inspection")),
                       "商品涉检", "goods need inspection"),
        "rebate": (in_any_line(joined, pl.col("goods.rebate") == "Y"),
                   "申请退税", "a rebate is claimed"),
    }  # fmt: skip
    mode = joined.by_order.frame(["profile.mode"]).to_series()
    orders = joined.orders.with_columns(
        mode.alias("mode"),
        *(found.alias(f"route.{name}") for name, (found, _, _) in reasons.items()),
    )
    b2b = pl.col("mode").is_in(["9710", "9810"])
    why = {
        language: pl.concat_str(
            [
                pl.when(pl.col(f"route.{name}")).then(pl.lit(texts[place]))
                for name, texts in reasons.items()
            ],
            separator=separator,
            ignore_nulls=True,
        ).alias(f"route.why_{language}")
        for language, place, separator in (("zh", 1, "、"), ("en", 2, "; "))
    }
    orders = orders.with_columns(
        pl.when(pl.col("mode") == "9610")
        .then(pl.lit("list"))
        .when(b2b & pl.any_horizontal(f"route.{name}" for name in reasons))
        .then(pl.lit("declaration"))
        .when(b2b)
        .then(pl.lit("list"))
        .alias("route"),
        *why.values(),
    ).drop("mode")
    return replace(joined, orders=orders)


@lru_cache(maxsize=8)
def _digits(tables: Tables, on: date) -> dict[str, int]:
    return {mode: tables.hs_padding(mode, on) or 10 for mode in ORDER_TYPES}


def _with_hs_code(joined: Joined, context: Context) -> Joined:
    """R10: flag A declares the first digits of the HS code only, filled with zeros."""
    digits = _digits(context.tables, context.on)
    facts = joined.by_line.frame(
        ["goods.hs_code", "profile.mode", "profile.statistics_flag", "route"]
    )
    kept = pl.col("profile.mode").replace_strict(digits, default=10, return_dtype=pl.UInt8)
    simplified = (pl.col("profile.statistics_flag") == "A") & (pl.col("route") == "list")
    declared = facts.select(
        pl.when(simplified)
        .then(pl.col("goods.hs_code").str.slice(0, kept).str.pad_end(10, "0"))
        .otherwise(pl.col("goods.hs_code"))
        .alias("declared.hs_code")
    )
    return replace(joined, lines=joined.lines.hstack(declared))


def _with_numbers(joined: Joined, context: Context) -> Joined:
    """The other order that is declared under an order's number."""
    told = [name for name in NUMBERS if name not in ORDER]
    if context.numbers.is_empty():
        none = [pl.lit(None, pl.String).alias(f"number.{name}") for name in told]
        return replace(joined, orders=joined.orders.with_columns(none))
    other = context.numbers.select(*ORDER, *(pl.col(name).alias(f"number.{name}") for name in told))
    orders = joined.orders.join(other, on=ORDER, how="left", maintain_order="left")
    return replace(joined, orders=orders)


def _with_waybills(joined: Joined, context: Context) -> Joined:
    """Logistics numbers that others of these orders have too, and the other order that took
    one within the months before (R24)."""
    number = joined.orders.get_column("shipment.logistics_no")
    twice = number.is_not_null() & number.is_duplicated()
    if twice.any():
        key = pl.struct("shipment.logistics_code", "shipment.logistics_no")
        twice &= joined.orders.select(key.is_duplicated()).to_series()
    if not context.shared.is_empty():
        twice |= _shared(joined.orders, context)
    taken_by = _taken_by(joined.orders, context)
    orders = joined.orders.with_columns(
        twice.alias("waybill.twice"), taken_by.alias("waybill.taken_by")
    )
    return replace(joined, orders=orders)


def _shared(orders: pl.DataFrame, context: Context) -> pl.Series:
    """Whether an order that is checked in another part has the same logistics number."""
    shared = context.shared.unique().with_columns(pl.lit(value=True).alias("shared"))
    found = orders.join(
        shared, left_on=["shipment.logistics_code", "shipment.logistics_no"],
        right_on=["logistics_code", "logistics_no"], how="left", maintain_order="left",
        nulls_equal=True,
    )  # fmt: skip
    return found.get_column("shared").fill_null(value=False)


def _taken_by(orders: pl.DataFrame, context: Context) -> pl.Series:
    if context.waybills.is_empty():
        return pl.repeat(None, orders.height, dtype=pl.String, eager=True)
    taken = context.waybills.rename({"shop": "other_shop", "order_no": "other_order"}).with_columns(
        pl.col("export_date").str.to_date(strict=False)
    )
    parcels = orders.select(
        *ORDER,
        pl.col("shipment.logistics_code").alias("logistics_code"),
        pl.col("shipment.logistics_no").alias("logistics_no"),
        pl.col("shipment.export_date").alias("leaves_on"),
    ).with_row_index("order")
    clashes = (
        parcels.join(taken, on=["logistics_code", "logistics_no"], maintain_order="left_right")
        .with_columns(pl.col("leaves_on").str.to_date(strict=False))
        .filter(
            (pl.col("other_shop") != pl.col("shop"))
            | (pl.col("other_order") != pl.col("order_no")),
            pl.col("leaves_on") < pl.col("export_date").dt.offset_by(f"{context.waybill_months}mo"),
            pl.col("export_date") < pl.col("leaves_on").dt.offset_by(f"{context.waybill_months}mo"),
        )
        .unique("order", keep="first")
    )
    found = pl.repeat(None, orders.height, dtype=pl.String, eager=True)
    return found.scatter(clashes.get_column("order"), clashes.get_column("other_order"))
