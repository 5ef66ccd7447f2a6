"""Quantities, weights, prices and values of order lines, exact; and their sums over orders.

What few lines need (a share of an order's discount, a price that must be divided out) is
computed for those lines only.
"""

from dataclasses import replace

import polars as pl

from xborder.checks.amounts import (
    DECIMAL,
    agrees,
    bounded,
    decimal,
    exactly,
    half_up,
    minor_digits,
    price_of,
    share_out,
)
from xborder.checks.joined import Joined


def c(name: str) -> pl.Expr:
    return pl.col(name)


def with_stated_amounts(joined: Joined) -> Joined:
    """Lines with ``d.qty``, ``d.unit_price``, ``d.line_total``, ``d.line_discount`` as stated
    (no discount is 0), and two truths, null where an amount is missing: ``total_differs``, the
    line's total is not quantity × price, with or without the line's discount (R25);
    ``total_is_net``, it is what is left after the discount."""
    lines = joined.lines.with_columns(
        decimal("qty").alias("d.qty"),
        decimal("unit_price").alias("d.unit_price"),
        decimal("line_total").alias("d.line_total"),
        decimal("line_discount").fill_null(exactly("0")).alias("d.line_discount"),
    ).with_columns((c("d.qty") * c("d.unit_price")).alias("d.product"))
    # Equal to the last digit, as most are, they agree; only the others are looked at again.
    unlike = lines.select(c("d.product") != c("d.line_total")).to_series()
    before = agrees(c("d.qty"), c("d.unit_price"), c("d.line_total"))
    after = agrees(c("d.qty"), c("d.unit_price"), c("d.line_total") + c("d.line_discount"))
    some = lines[["d.qty", "d.unit_price", "d.line_total", "d.line_discount"]].filter(unlike)
    doubted = some.select(
        (~before & ~after).alias("total_differs"), (~before & after).alias("total_is_net")
    )
    truths = [_scattered(doubted, unlike, name) for name in doubted.columns]
    return replace(joined, lines=lines.with_columns(*truths))


def _scattered(some: pl.DataFrame, marked: pl.Series, name: str) -> pl.Series:
    """A column that stands for the marked rows only, as one for all: null elsewhere."""
    values = some.get_column(name)
    return values.clear(marked.len()).scatter(marked.arg_true(), values)


def with_amounts(joined: Joined) -> Joined:
    """Quantities, weights and the declared FOB value of each line, and their sums on the order.

    The value is the line's total after the seller's discounts (the line's own and the line's
    share of the order's), before the platform's, without shipping and tax.
    """
    orders = joined.orders.with_columns(
        decimal("shipment.gross_weight").alias("d.gross"),
        decimal("shipment.net_weight").alias("d.stated_net"),
        minor_digits(c("head.currency")).alias("d.minor"),
    )
    joined = with_stated_amounts(replace(joined, orders=orders))
    return _with_sums(_with_declared(_with_totals(joined)))


def _with_totals(joined: Joined) -> Joined:
    lines = joined.lines.with_columns(
        half_up(
            pl.coalesce(c("d.line_total"), bounded(c("d.product")))
            - pl.when(c("total_is_net")).then(exactly("0")).otherwise("d.line_discount"),
            5,
        ).alias("d.total")
    )
    discounted = joined.orders.get_column("d.order_discount").is_not_null()
    if discounted.any():
        lines = _with_shares(replace(joined, lines=lines), discounted[joined.order])
    return replace(joined, lines=lines)


def _with_shares(joined: Joined, marked: pl.Series) -> pl.DataFrame:
    """The lines' totals less their shares of the order's discount."""
    numbered = joined.order.alias("order").to_frame().filter(marked)
    some = joined.by_line.gather(
        ["at", "d.total", "d.order_discount", "d.minor"], marked.arg_true()
    )
    shared = some.hstack(numbered).select(
        (c("d.total") - share_out("d.order_discount", "d.total", "d.minor", ["order"], "at")).alias(
            "d.total"
        )
    )
    return joined.lines.with_columns(
        pl.when(marked)
        .then(_scattered(shared, marked, "d.total"))
        .otherwise("d.total")
        .alias("d.total")
    )


def _with_declared(joined: Joined) -> Joined:
    """Price, unit, statutory quantities and net weight, by the line's quantity."""
    lines = joined.lines
    # A total that is quantity × price has that price; any other is divided out.
    whole = lines.select(
        ((c("d.qty") > 0) & (c("d.product") == c("d.total"))).fill_null(value=False)
    ).to_series()
    divided = lines.select(~whole & (c("d.qty") > 0).fill_null(value=False)).to_series()
    prices: pl.Expr = pl.when(whole).then("d.unit_price")
    if divided.any():
        some = lines[["d.total", "d.qty"]].filter(divided)
        some = some.select(price_of(c("d.total"), c("d.qty")).alias("d.price"))
        prices = pl.when(divided).then(_scattered(some, divided, "d.price")).otherwise(prices)
    facts = joined.by_line.frame(
        ["d.qty", "unit", "goods.unit", "goods.unit1"]
        + [f"d.{name}_per_unit" for name in ("qty1", "qty2", "net")]
    )

    def times(name: str) -> pl.Expr:
        if facts.get_column(name).null_count() == facts.height:
            return pl.lit(None, DECIMAL)
        return half_up(bounded(c("d.qty") * c(name)), 5)

    unit = pl.coalesce("unit", "goods.unit")
    declared = facts.select(
        unit.alias("declared.unit"),
        pl.when(unit == c("goods.unit1"))
        .then(c("d.qty"))
        .otherwise(times("d.qty1_per_unit"))
        .alias("d.qty1"),
        times("d.qty2_per_unit").alias("d.qty2"),
        times("d.net_per_unit").alias("d.net_line"),
    )
    return replace(joined, lines=lines.with_columns(prices.alias("d.price"), *declared))


def _with_sums(joined: Joined) -> Joined:
    value, net = (_sums(joined, name) for name in ("d.total", "d.net_line"))
    orders = joined.orders.with_columns(
        value.to_frame().select(bounded(c("d.total")).alias("d.goods_value")).to_series(),
        pl.coalesce("d.stated_net", net).alias("d.net"),
    )
    return replace(joined, orders=orders)


def _sums(joined: Joined, name: str) -> pl.Series:
    """An amount of the lines, summed for each order."""
    amount = joined.lines.select(c(name).fill_null(exactly("0")), joined.order.alias("order"))
    if not joined.order.is_sorted():
        summed = amount.group_by("order", maintain_order=True).agg(pl.sum(name).cast(DECIMAL))
        return summed.get_column(name)
    # The lines of each order stand together: what has come to its last less what came before.
    lasts = joined.first.shift(-1, fill_value=joined.order.len()) - 1
    sums = amount.select(c(name).cum_sum().cast(DECIMAL))[lasts]
    return sums.select(c(name) - c(name).shift(1, fill_value=exactly("0"))).to_series()
