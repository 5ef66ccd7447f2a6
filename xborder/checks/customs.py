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
from xborder.checks.rules import B2B_MODES, LIST_MODES, ORDER_TYPES
from xborder.schemas.levels import Same
from xborder.schemas.tables import Tables


def with_customs_facts(joined: Joined, context: Context) -> Joined:
    """The joined lines with customs codes, tariff verdicts, CNY value, waybill use and route.

    Added to orders: ``customs.*`` codes (text), ``order.licence_no``,
    ``cny_rate`` and ``value_cny`` (Decimal, CNY), ``route`` (list or declaration; R03, R04),
    ``route.why_zh``/``_en``, ``waybill.twice`` (Boolean: another order has its logistics
    number), ``waybill.taken_by`` (an order number), ``number.*`` (the order that has its
    declared number, ``context.NUMBERS``). To lines: ``declared.hs_code``.
    """
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


def _mapped(orders: pl.DataFrame, column: str, codes: _Codes) -> pl.Expr:
    kind = codes.values.dtype
    if orders.get_column(column).null_count() == orders.height:
        return pl.lit(None, kind)
    return pl.col(column).replace_strict(codes.known, codes.values, default=None, return_dtype=kind)


_MAPPED = {
    "customs.country": "head.country",
    "customs.arrival": "shipment.destination_country",
    "customs.currency": "head.currency",
    "customs.freight_currency": "shipment.freight_currency",
    "customs.insurance_currency": "shipment.insurance_currency",
    "cny_rate": "head.currency",
}
_IN_CNY = (pl.col("d.goods_value") * pl.col("cny_rate")).cast(DECIMAL).alias("value_cny")


def _with_codes(joined: Joined, context: Context) -> Joined:
    """Customs numbers of countries and currencies, and what the order is worth in CNY."""
    customs = _customs(context.tables, context.on)
    orders = joined.orders
    told = {
        name: _mapped(orders, column, customs.rates if name == "cny_rate" else
                      customs.currencies if column.endswith("currency") else customs.countries)
        for name, column in _MAPPED.items()
    }  # fmt: skip
    licence = _first_of_goods(joined, "goods.licence_no").alias("order.licence_no")
    orders = orders.with_columns(licence, **told)
    return replace(joined, orders=orders.with_columns(_IN_CNY))


def _first_of_goods(joined: Joined, name: str) -> pl.Series:
    """For each order the first value that one of its goods has."""
    values = joined.goods.get_column(name)
    found = values.clear(joined.orders.height)
    if values.null_count() < values.len():
        stated = pl.DataFrame({"order": joined.order, "value": values[joined.stock]})
        first = stated.drop_nulls().unique("order", keep="first", maintain_order=True)
        found = found.scatter(first.get_column("order"), first.get_column("value"))
    return found


def in_any_line(joined: Joined, goods: pl.Series) -> pl.Series:
    """For each order whether something holds for the goods of one of its lines; ``goods`` says
    (Boolean, without nulls) for which goods it does."""
    found = pl.repeat(False, joined.orders.height, dtype=pl.Boolean, eager=True)
    if goods.any():
        found = found.scatter(joined.order.filter(goods[joined.stock]), True)
    return found


@lru_cache(maxsize=8)
def _threshold(tables: Tables, on: date) -> Decimal:
    return tables.threshold_cny(on)


_NO_LIST = {
    "licence": pl.col("tariff.licence") | pl.col("goods.licence_no").is_not_null(),
    "inspection": pl.col("tariff.inspection"),
    "rebate": pl.col("goods.rebate") == "Y",
}
"""Goods whose orders of 9710 and 9810 go by no list."""


@lru_cache(maxsize=4)
def _by_no_list(goods: Same) -> pl.DataFrame:
    return goods.frame.select(
        one.fill_null(value=False).alias(name) for name, one in _NO_LIST.items()
    )


def _with_route(joined: Joined, context: Context) -> Joined:
    """R03: 9710 and 9810 go by list up to the threshold, without licence, inspection, tax or
    rebate claim; else by declaration. R04: 9610 always by list."""
    limit = _threshold(context.tables, context.on)
    above = joined.orders.get_column("value_cny") > limit
    goods = _by_no_list(Same(joined.goods))
    reasons = {
        "value": (above, f"货值超过 {limit} 元", f"its value is above CNY {limit}"),
        "licence": (goods["licence"], "商品涉证", "goods need a licence"),
        "inspection": (goods["inspection"], "商品涉检", "goods need inspection"),
        "rebate": (goods["rebate"], "申请退税", "a rebate is claimed"),
    }
    # Most hold for no order: those need no column.
    held = {
        name: (in_any_line(joined, marks) if name in _NO_LIST else marks).alias(f"route.{name}")
        for name, (marks, _, _) in reasons.items()
        if marks.any()
    }
    names = [marks.name for marks in held.values()]
    why = {
        language: pl.concat_str(
            [pl.when(f"route.{name}").then(pl.lit(reasons[name][place])) for name in held],
            separator=separator,
            ignore_nulls=True,
        )
        if held
        else pl.lit("")
        for language, place, separator in (("zh", 1, "、"), ("en", 2, "; "))
    }
    route: pl.Expr = pl.when(pl.col("mode").is_in(LIST_MODES)).then(pl.lit("list"))
    if held:
        b2b, any_held = pl.col("mode").is_in(B2B_MODES), pl.any_horizontal(map(pl.col, names))
        route = pl.when(b2b & any_held).then(pl.lit("declaration")).otherwise(route)
    shops = joined.by_order.frame(["profile.mode"]).to_series().alias("mode")
    told = pl.DataFrame([shops, *held.values()]).select(
        route.alias("route"), why["zh"].alias("route.why_zh"), why["en"].alias("route.why_en")
    )
    return replace(joined, orders=joined.orders.with_columns(told.get_columns()))


@lru_cache(maxsize=8)
def _digits(tables: Tables, on: date) -> dict[str, int]:
    return {mode: tables.hs_padding(mode, on) or 10 for mode in ORDER_TYPES}


def _with_hs_code(joined: Joined, context: Context) -> Joined:
    """R10: flag A declares the first digits of the HS code only, filled with zeros."""
    if "declared.hs_code" in joined.goods.columns:  # as it is: no shop's flag is A
        return joined
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
        none = pl.repeat(None, joined.orders.height, dtype=pl.String, eager=True)
        return replace(joined, orders=joined.orders.hstack(
            [none.alias(f"number.{name}") for name in told]))  # fmt: skip
    other = context.numbers.select(*ORDER, *(pl.col(name).alias(f"number.{name}") for name in told))
    orders = joined.orders.join(other, on=ORDER, how="left", maintain_order="left")
    return replace(joined, orders=orders)


def _with_waybills(joined: Joined, context: Context) -> Joined:
    """Logistics numbers that others of these orders have too, and the other order that took
    one within the months before (R24)."""
    number = joined.orders.get_column("shipment.logistics_no")
    twice = pl.repeat(False, number.len(), dtype=pl.Boolean, eager=True)
    # Null, which many may have, counts as one.
    if number.n_unique() < number.len() - max(number.null_count() - 1, 0):
        twice = number.is_not_null() & number.is_duplicated()
        key = pl.struct("shipment.logistics_code", "shipment.logistics_no")
        twice &= joined.orders.select(key.is_duplicated()).to_series()
    if not context.shared.is_empty():
        twice |= _shared(joined.orders, context)
    taken_by = _taken_by(joined.orders, context)
    orders = joined.orders.hstack([
        twice.alias("waybill.twice"), taken_by.alias("waybill.taken_by")
    ])  # fmt: skip
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
