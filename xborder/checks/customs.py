"""Customs facts of each line: codes at the border, value, route.

ISO codes are kept inside; here they are mapped to the customs numbers that CEB messages use,
and what has no number stays null (a finding), never invented.
"""

import polars as pl

from xborder.checks.amounts import DECIMAL, decimal
from xborder.checks.context import Context
from xborder.checks.joined import ORDER
from xborder.checks.rules import ORDER_TYPES


def with_customs_facts(wide: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The joined lines with customs codes, tariff verdicts, CNY value, waybill use and route.

    Added: ``customs.*`` codes (text), ``known.subheading`` (Boolean), ``cny_rate`` and ``value_cny`` (Decimal, CNY), ``route``
    (list or declaration; R03, R04), ``route.why_zh``/``_en``, ``declared.hs_code``,
    ``waybill.taken_by`` (an order number), ``waybill.shared`` (with an order of another part).
    """
    wide = _with_codes(wide, context)
    wide = _with_subheading(wide, context)
    wide = _with_value(wide, context)
    wide = _with_route(wide, context)
    return _with_waybills(_with_hs_code(wide, context), context)


def _mapped(column: str, table: dict[str, str]) -> pl.Expr:
    return pl.col(column).replace_strict(table, default=None, return_dtype=pl.String)


def _with_codes(wide: pl.DataFrame, context: Context) -> pl.DataFrame:
    countries = context.tables.country_to_customs
    currencies = context.tables.currency_to_customs
    return wide.with_columns(
        _mapped("head.country", countries).alias("customs.country"),
        _mapped("shipment.destination_country", countries).alias("customs.arrival"),
        _mapped("head.currency", currencies).alias("customs.currency"),
        _mapped("shipment.freight_currency", currencies).alias("customs.freight_currency"),
        _mapped("shipment.insurance_currency", currencies).alias("customs.insurance_currency"),
        pl.col("profile.mode")
        .replace_strict(ORDER_TYPES, default=None, return_dtype=pl.String)
        .alias("order_type_of_mode"),
        pl.col("goods.licence_no").drop_nulls().first().over(ORDER).alias("order.licence_no"),
    )


def _with_subheading(wide: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Whether the tariff knows the subheading: then a code that is not in it does not exist.

    Where the tariff is complete it knows every one.
    """
    complete = context.tables.tariff_is_complete(context.on)
    subheadings = context.tables.tariff(context.on).get_column("hs_code").str.slice(0, 6).unique()
    return wide.with_columns(
        (pl.col("goods.hs_code").str.slice(0, 6).is_in(subheadings.implode()) | pl.lit(complete))
        .fill_null(value=False)
        .alias("known.subheading"),
    )


def _with_value(wide: pl.DataFrame, context: Context) -> pl.DataFrame:
    used = wide.get_column("head.currency").drop_nulls().unique().to_list()
    rates = {
        currency: str(rate)
        for currency in used
        if (rate := context.tables.cny_rate(currency, context.on)) is not None
    }
    return wide.with_columns(
        decimal(_mapped("head.currency", rates)).alias("cny_rate")
    ).with_columns((pl.col("d.goods_value") * pl.col("cny_rate")).cast(DECIMAL).alias("value_cny"))


def _with_route(wide: pl.DataFrame, context: Context) -> pl.DataFrame:
    """R03: 9710 and 9810 go by list up to the threshold, without licence, inspection, tax or
    rebate claim; else by declaration. R04: 9610 always by list."""
    limit = context.tables.threshold_cny(context.on)
    reasons = {
        "value": (pl.col("value_cny") > pl.lit(limit).cast(DECIMAL),
                  f"货值超过 {limit} 元", f"its value is above CNY {limit}"),
        "licence": (pl.col("tariff.licence") | pl.col("goods.licence_no").is_not_null(),
                    "商品涉证", "goods need a licence"),
        "inspection": (pl.col("tariff.inspection"), "商品涉检", "goods need inspection"),
        "rebate": (pl.col("goods.rebate") == "Y", "申请退税", "a rebate is claimed"),
    }  # fmt: skip
    wide = wide.with_columns(
        expr.fill_null(value=False).any().over(ORDER).alias(f"route.{name}")
        for name, (expr, _, _) in reasons.items()
    )
    b2b = pl.col("profile.mode").is_in(["9710", "9810"])
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
    return wide.with_columns(
        pl.when(pl.col("profile.mode") == "9610")
        .then(pl.lit("list"))
        .when(b2b & pl.any_horizontal(f"route.{name}" for name in reasons))
        .then(pl.lit("declaration"))
        .when(b2b)
        .then(pl.lit("list"))
        .alias("route"),
        *why.values(),
    )


def _with_hs_code(wide: pl.DataFrame, context: Context) -> pl.DataFrame:
    """R10: flag A declares the first digits of the HS code only, filled with zeros."""
    digits = {mode: context.tables.hs_padding(mode, context.on) or 10 for mode in ORDER_TYPES}
    kept = pl.col("profile.mode").replace_strict(digits, default=10, return_dtype=pl.UInt8)
    simplified = (pl.col("profile.statistics_flag") == "A") & (pl.col("route") == "list")
    return wide.with_columns(
        pl.when(simplified)
        .then(pl.col("goods.hs_code").str.slice(0, kept).str.pad_end(10, "0"))
        .otherwise(pl.col("goods.hs_code"))
        .alias("declared.hs_code")
    )


def _with_waybills(wide: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The other order that took the same logistics number within the months before (R24)."""
    taken = context.waybills.rename({"shop": "other_shop", "order_no": "other_order"}).with_columns(
        pl.col("export_date").str.to_date(strict=False)
    )
    parcels = wide.filter(pl.col("place_in_order") == 0).select(
        *ORDER,
        pl.col("shipment.logistics_code").alias("logistics_code"),
        pl.col("shipment.logistics_no").alias("logistics_no"),
        pl.col("shipment.export_date").str.to_date(strict=False).alias("leaves_on"),
    )
    clashes = (
        parcels.join(taken, on=["logistics_code", "logistics_no"])
        .filter(
            (pl.col("other_shop") != pl.col("shop"))
            | (pl.col("other_order") != pl.col("order_no")),
            pl.col("leaves_on") < pl.col("export_date").dt.offset_by(f"{context.waybill_months}mo"),
            pl.col("export_date") < pl.col("leaves_on").dt.offset_by(f"{context.waybill_months}mo"),
        )
        .group_by(ORDER)
        .agg(pl.col("other_order").first().alias("waybill.taken_by"))
    )
    wide = wide.join(clashes, on=ORDER, how="left", maintain_order="left")
    if context.shared.is_empty():
        return wide.with_columns(pl.lit(value=False).alias("waybill.shared"))
    shared = context.shared.with_columns(pl.lit(value=True).alias("waybill.shared"))
    return wide.join(
        shared, left_on=["shipment.logistics_code", "shipment.logistics_no"],
        right_on=["logistics_code", "logistics_no"], how="left", maintain_order="left",
        nulls_equal=True,
    )  # fmt: skip
