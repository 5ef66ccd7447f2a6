"""Quantities, weights, prices and values of order lines, exact; and their sums over orders.

What few lines need (a share of an order's discount, a price that must be divided out) is
computed for those lines only.
"""

from dataclasses import replace

import polars as pl

from xborder.checks.amounts import (
    COUNT,
    DECIMAL,
    agrees,
    bounded,
    decimal,
    exactly,
    half_up,
    minor_digits,
    plain_beside,
    price_of,
    share_out,
    without_fraction,
)
from xborder.checks.joined import Joined
from xborder.schemas.levels import marked_rows


def c(name: str) -> pl.Expr:
    return pl.col(name)


_STATED = [
    decimal("qty").alias("d.qty"),
    decimal("unit_price").alias("d.unit_price"),
    decimal("line_total").alias("d.line_total"),
    decimal("line_discount").fill_null(exactly("0")).alias("d.line_discount"),
]
_BEFORE = agrees(c("d.qty"), c("d.unit_price"), c("d.line_total"))
_AFTER = agrees(c("d.qty"), c("d.unit_price"), c("d.line_total") + c("d.line_discount"))
_DOUBTED = [
    (~_BEFORE & ~_AFTER).alias("total_differs"),
    (~_BEFORE & _AFTER).alias("total_is_net"),
]


def with_stated_amounts(joined: Joined) -> Joined:
    """Lines with ``d.qty``, ``d.unit_price``, ``d.line_total``, ``d.line_discount`` as stated
    (no discount is 0), ``d.factor`` (the quantity, without fraction digits where no line's has
    any: a product with it costs a tenth), ``d.product``, and two truths, null where an amount is
    missing: ``total_differs``, the line's total is not quantity × price, with or without the
    line's discount (R25); ``total_is_net``, it is what is left after the discount."""
    stated = joined.lines.select(_STATED)
    factor = without_fraction(stated.get_column("d.qty"))
    product = factor * stated.get_column("d.unit_price")
    # Equal to the last digit, as most are, they agree; only the others are looked at again.
    unlike = product != stated.get_column("d.line_total")
    doubted, rows = stated.filter(unlike).select(_DOUBTED), marked_rows(unlike)
    return replace(joined, lines=joined.lines.hstack([
        *stated.get_columns(), factor.alias("d.factor"), product.alias("d.product"),
        *(_scattered(one, rows, unlike.len()) for one in doubted.get_columns()),
    ]))  # fmt: skip


def _scattered(some: pl.Series, rows: pl.Series, height: int) -> pl.Series:
    """A column that stands for some rows only, as one for all: null elsewhere."""
    return some.clear(height).scatter(rows, some)


_OF_ORDER = [
    decimal("shipment.gross_weight").alias("d.gross"),
    decimal("shipment.net_weight").alias("d.stated_net"),
    minor_digits(c("head.currency")).alias("d.minor"),
]


def with_amounts(joined: Joined) -> Joined:
    """Quantities, weights and the declared FOB value of each line, and their sums on the order.

    The value is the line's total after the seller's discounts (the line's own and the line's
    share of the order's), before the platform's, without shipping and tax.
    """
    orders = joined.orders.with_columns(_OF_ORDER)
    joined = with_stated_amounts(replace(joined, orders=orders))
    return _with_sums(_with_declared(_with_totals(joined)))


_DISCOUNT = pl.when(c("total_is_net")).then(exactly("0")).otherwise("d.line_discount")
_STATED_TOTAL = (c("d.line_total") - _DISCOUNT).alias("d.total")
_MADE_TOTAL = half_up(
    pl.coalesce(c("d.line_total"), bounded(c("d.product"))) - _DISCOUNT, 5
).alias("d.total")  # fmt: skip


def _with_totals(joined: Joined) -> Joined:
    # What is stated has five digits and needs no rounding.
    stated = not joined.lines.get_column("d.line_total").null_count()
    lines = joined.lines.with_columns(_STATED_TOTAL if stated else _MADE_TOTAL)
    discount = joined.orders.get_column("d.order_discount")
    if discount.null_count() < discount.len():
        lines = _with_shares(replace(joined, lines=lines), discount.is_not_null()[joined.order])
    return replace(joined, lines=lines)


def _with_shares(joined: Joined, sharing: pl.Series) -> pl.DataFrame:
    """The lines' totals less their shares of the order's discount."""
    rows = marked_rows(sharing)
    numbered = joined.order.alias("order").to_frame().filter(sharing)
    some = joined.by_line.gather(["at", "d.total", "d.order_discount", "d.minor"], rows)
    shared = some.hstack(numbered).select(
        (c("d.total") - share_out("d.order_discount", "d.total", "d.minor", ["order"], "at")).alias(
            "d.total"
        )
    )
    return joined.lines.with_columns(
        pl.when(sharing)
        .then(_scattered(shared.get_column("d.total"), rows, sharing.len()))
        .otherwise("d.total")
        .alias("d.total")
    )


_UNIT = pl.coalesce("unit", "goods.unit")
_PER_UNIT = ("d.qty1_per_unit", "d.qty2_per_unit", "d.net_per_unit")


def _with_declared(joined: Joined) -> Joined:
    """Price, unit, statutory quantities and net weight, by the line's quantity; and as plain text
    ``plain.qty``, ``plain.price`` and ``plain.total``."""
    lines = joined.lines
    qty, total = lines.get_column("d.qty"), lines.get_column("d.total")
    some_qty = (qty > 0).fill_null(value=False)
    # A total that is quantity × price has that price; any other is divided out.
    whole = some_qty & (lines.get_column("d.product") == total).fill_null(value=False)
    price = lines.get_column("d.unit_price")
    price = price.set(~whole, None)
    if (rows := marked_rows(some_qty & ~whole)).len():
        some = lines[["d.total", "d.qty"]][rows]
        divided = some.select(price_of(c("d.total"), c("d.qty"))).to_series()
        price = price.scatter(rows, divided)
    facts = joined.by_line.frame(["d.qty", "d.factor", "unit", "goods.unit", "goods.unit1",
                                  *_PER_UNIT])  # fmt: skip
    counted = facts.schema["d.factor"] == COUNT

    def times(name: str) -> pl.Expr:
        if facts.get_column(name).null_count() == facts.height:
            return pl.lit(None, DECIMAL)
        product = bounded(c("d.factor") * c(name))
        return product if counted else half_up(product, 5)

    qty1, qty2, net = map(times, _PER_UNIT)
    declared = facts.select(
        _UNIT.alias("declared.unit"),
        pl.when(c("goods.unit1") == _UNIT).then(c("d.qty")).otherwise(qty1).alias("d.qty1"),
        qty2.alias("d.qty2"),
        net.alias("d.net_line"),
    )
    factor = lines.get_column("d.factor")
    texts = [
        (factor.cast(pl.String) if counted else plain_beside(qty, lines["qty"], qty)).alias(
            "plain.qty"
        ),
        plain_beside(price, lines["unit_price"], lines["d.unit_price"]).alias("plain.price"),
        plain_beside(total, lines["line_total"], lines["d.line_total"]).alias("plain.total"),
    ]
    added = [price.alias("d.price"), *texts, *declared.get_columns()]
    return replace(joined, lines=lines.hstack(added))


def _with_sums(joined: Joined) -> Joined:
    value, net = (_sums(joined, name) for name in ("d.total", "d.net_line"))
    sums = pl.DataFrame([value, net, joined.orders.get_column("d.stated_net")]).select(
        bounded(c("d.total")).alias("d.goods_value"),
        pl.coalesce("d.stated_net", "d.net_line").alias("d.net"),
    )
    return replace(joined, orders=joined.orders.hstack(sums))


def _sums(joined: Joined, name: str) -> pl.Series:
    """An amount of the lines, summed for each order."""
    amount = joined.lines.get_column(name)
    if amount.null_count():
        amount = amount.fill_null(0)
    if not joined.order.is_sorted():
        summed = pl.DataFrame([joined.order.alias("order"), amount]).group_by(
            "order", maintain_order=True).agg(pl.sum(name).cast(DECIMAL))  # fmt: skip
        return summed.get_column(name)
    # The lines of each order stand together: what has come to its last less what came before.
    lasts = joined.first.shift(-1, fill_value=joined.order.len()) - 1
    sums = amount.cum_sum().cast(DECIMAL)[lasts]
    return sums - sums.shift(1, fill_value=0)
