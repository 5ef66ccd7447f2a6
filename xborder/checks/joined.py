"""Order lines with catalogue, shipment, profile and tariff: each fact once, where it varies.

Columns of the line keep their names; the others are prefixed ``goods.``, ``shipment.``,
``profile.``, ``tariff.``; exact amounts are ``d.*`` (``Decimal(38, 10)``). Facts of the goods
stand on ``goods`` (one row a SKU, of these lines at least), those of the order on ``orders`` and those of
the shop on ``shops``, so that rules judge them there and not on every line.
"""

from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from typing import NamedTuple

import polars as pl

from xborder.checks import facts
from xborder.checks import goods as goods_facts
from xborder.checks.amounts import decimal, exactly
from xborder.checks.context import Context
from xborder.checks.rules import ORDER_TYPES
from xborder.schemas.exporters import Exporter
from xborder.schemas.levels import Levels, Same, marked_rows
from xborder.schemas.tables import Tables

ORDER = ["shop", "order_no"]
"""The key of an order within an exporter; each shop sells on one channel."""

_FEW = 4
"""Lines for each row of a catalogue from which on all its rows are taken along."""

HEAD_FIELDS = ("ordered_at", "currency", "country", "warehouse", "order_type", "inbound_id")
"""What holds for the whole order; a channel may state it on the first line only."""


_KEPT = frozenset({1, 2})
"""Shops and goods, which are the same for all blocks of a check."""


@dataclass(frozen=True, eq=False)
class Joined:
    """Lines, orders, goods and shops, and the row numbers (UInt32) that lead from one to another.

    ``order`` and ``stock`` (the row of ``goods``) have an entry for each line, ``first`` (its
    first line) and ``shop`` for each order. The last rows of ``goods`` and ``shops`` are empty,
    if need be: they stand for what a line names and nobody knows.
    """

    lines: pl.DataFrame
    orders: pl.DataFrame
    order: pl.Series
    first: pl.Series
    goods: pl.DataFrame
    stock: pl.Series
    shops: pl.DataFrame
    shop: pl.Series

    @cached_property
    def by_line(self) -> Levels:
        """All columns, a row for each line."""
        shop = (self.shops, self.shop[self.order])
        goods = (self.goods, self.stock)
        return Levels(self.lines, (shop, goods, (self.orders, self.order)), _KEPT)

    @cached_property
    def by_order(self) -> Levels:
        """All columns, a row for each order; those of line and goods from its first line."""
        goods = (self.goods, self.stock[self.first])
        shop = (self.shops, self.shop)
        return Levels(self.orders, (shop, goods, (self.lines, self.first)), _KEPT)


def prefixed(frame: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """The same frame with ``prefix`` before each column name."""
    return frame.rename({name: f"{prefix}{name}" for name in frame.columns})


def alone(lines: pl.DataFrame) -> Joined:
    """Lines (with their index ``at``) and their orders, without any other source.

    ``orders`` has its key, ``lines`` (their number), ``head.*``,
    ``d.freight``, ``d.order_discount`` and an empty ``route``; ``lines`` gains ``place_in_order`` (UInt32, from 0).
    """
    order, first, place = _orders(lines)
    orders = lines[ORDER][first].with_columns(
        _lines(order, first).alias("lines"),
        pl.lit(None, pl.String).alias("route"),
        *_heads(lines, order, first),
    )
    nowhere = pl.zeros(lines.height, pl.UInt32, eager=True)
    return Joined(
        lines=lines.with_columns(place.alias("place_in_order")),
        orders=orders.with_columns(pl.col("d.freight").fill_null(exactly("0"))),
        order=order,
        first=first,
        goods=pl.DataFrame(height=1),
        stock=nowhere,
        shops=pl.DataFrame(height=1),
        shop=nowhere[first],
    )


def join(lines: pl.DataFrame, context: Context) -> Joined:
    """All that is known of each line (with its index ``at``, UInt32) and of its order."""
    if context.exporter is None:
        raise ValueError("lines are joined with a declaration profile; there is none")
    own = alone(lines)
    goods = _known(Same(context.goods), context.tables, context.on, Same(context.decisions),
                   shortened=any(one.statistics_flag == "A" for one in context.exporter.shops))  # fmt: skip
    if goods.rows.height > lines.height // _FEW:
        named = goods.rows.join(
            lines[["sku"]], left_on="goods.sku", right_on="sku", how="semi", maintain_order="left"
        )
        goods = _sought_by(named, "goods.sku")
    known, stock = goods.of(lines.get_column("sku"))
    shops, shop = _profiles(context.exporter).of(own.orders.get_column("shop"))
    return replace(
        own,
        orders=own.orders.hstack(_shipments(own.orders, context)),
        goods=known,
        stock=stock,
        shops=shops,
        shop=shop,
    )


class _Sought(NamedTuple):
    """A frame whose rows are sought by a key; ``places`` (key, place) tells the first row of each.

    ``and_nothing`` has one row of nulls behind its last, for what is not found.
    """

    rows: pl.DataFrame
    and_nothing: pl.DataFrame
    places: pl.DataFrame

    def of(self, wanted: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
        """Rows, and for each key the number of its row there. A null is equal to nothing."""
        alike = not wanted.null_count() and (wanted == wanted.first()).all()
        asked = (wanted.head(1) if alike else wanted).to_frame("key")
        found = asked.join(self.places, on="key", how="left", maintain_order="left")["place"]
        if alike:
            found = found.new_from_index(0, wanted.len()) if wanted.len() else found
        if not found.null_count():
            return self.rows, found
        return self.and_nothing, found.fill_null(self.rows.height)


def _sought_by(frame: pl.DataFrame, key: str) -> _Sought:
    places = frame.select(key=key).with_row_index("place").unique("key", keep="first")
    behind = pl.Series([*range(frame.height), None], dtype=pl.UInt32)
    return _Sought(frame, frame[behind], places)


def _orders(lines: pl.DataFrame) -> tuple[pl.Series, pl.Series, pl.Series]:
    """The order of each line (counted from 0 by first lines), the first line of each order, and
    the place of each line in its order."""
    runs = lines.select(pl.struct(ORDER).rle_id().alias("order")).to_series()
    starts = marked_rows(runs != runs.shift(fill_value=runs.len()))
    keys = lines[ORDER][starts]
    if one_row_each(keys):
        place = pl.int_range(lines.height, dtype=pl.UInt32, eager=True) - starts[runs]
        return runs.set_sorted(), starts, place
    # Lines of an order that stand apart: their runs are one order.
    merged = keys.with_row_index("run").group_by(ORDER, maintain_order=True).agg("run")
    told = merged.with_row_index("order").explode("run").sort("run")
    order = told.get_column("order")[runs]
    first = starts[merged.get_column("run").list.first()]
    place = order.to_frame("order").select(
        pl.int_range(pl.len(), dtype=pl.UInt32).over("order")
    ).to_series()  # fmt: skip
    return order, first, place


def one_row_each(named: pl.DataFrame) -> bool:
    """Whether no order (``ORDER``) has two rows."""
    # Mostly the numbers alone tell it.
    if named.get_column("order_no").n_unique() == named.height:
        return True
    return not named.select(pl.struct(ORDER).is_duplicated().any()).item()


def _lines(order: pl.Series, first: pl.Series) -> pl.Series:
    """How many lines each order has."""
    if order.is_sorted():
        return first.shift(-1, fill_value=order.len()) - first
    return order.unique_counts()


def _heads(lines: pl.DataFrame, order: pl.Series, first: pl.Series) -> list[pl.Series]:
    """The order's own values, from whichever of its lines states them first."""
    stated = [(name, f"head.{name}", pl.col(name)) for name in HEAD_FIELDS]
    stated += [(name, f"d.{name}", decimal(name)) for name in ("freight", "order_discount")]
    firsts = lines[[name for name, _, _ in stated]][first]
    heads = firsts.select(expr.alias(named) for _, named, expr in stated).get_columns()
    for head, (name, _, expr) in zip(heads, stated, strict=True):
        if first.len() == order.len() or not head.null_count():
            continue
        if lines.get_column(name).null_count() == lines.height:
            continue
        lacking = head.is_null()
        later = pl.DataFrame({"order": order, name: lines.get_column(name)})
        found = (
            later.filter(lacking[order])
            .select("order", expr.alias("value"))
            .drop_nulls()
            .unique("order", keep="first")
        )
        head.scatter(found.get_column("order"), found.get_column("value"))
    return heads


def _shipments(orders: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The first shipment of each order, and how many it has (``shipment.parcels``)."""
    numbered = context.shipments[ORDER].with_row_index("place")
    found = orders[ORDER].with_row_index("order").join(
        numbered, on=ORDER, how="left", maintain_order="left_right"
    )  # fmt: skip
    parcels = found.select(pl.col("place").is_not_null().cast(pl.UInt32)).to_series()
    if found.height > orders.height:
        told = found.group_by("order", maintain_order=True).agg(
            pl.first("place"), pl.count("place").alias("parcels")
        )
        found, parcels = told[["place"]], told.get_column("parcels")
    held = context.shipments.drop(ORDER)[found.get_column("place")]
    return prefixed(held, "shipment.").with_columns(
        pl.when(parcels > 0).then(parcels).alias("shipment.parcels")
    )


@lru_cache(maxsize=8)
def _profiles(exporter: Exporter) -> _Sought:
    rows = [
        {f"profile.{name}": str(value) for name, value in asdict(shop).items()}
        | {
            "profile.file": f"exporters/{exporter.id}.toml",
            "profile.exporter": exporter.id,
            "profile.code": exporter.code,
            "profile.name": exporter.name,
            "profile.producer_code": exporter.producer_code,
            "profile.producer_name": exporter.producer_name,
            "profile.dxp_id": exporter.dxp_id,
        }
        for shop in exporter.shops
    ]
    told = pl.DataFrame(rows).with_columns(
        pl.when(pl.col(pl.String) == "").then(None).otherwise(pl.col(pl.String)).name.keep()
    )
    return _sought_by(told.with_columns(
        pl.col("profile.mode").replace_strict(ORDER_TYPES, default=None, return_dtype=pl.String)
        .alias("order_type_of_mode")
    ), "profile.id")  # fmt: skip


@lru_cache(maxsize=4)
def _known(
    catalogue: Same, tables: Tables, on: date, decisions: Same, *, shortened: bool
) -> _Sought:
    """The goods of a catalogue (``goods.*``) with their tariff rows (``tariff.*``), what one unit
    is and weighs (``d.*_per_unit``) and ``known.subheading`` (Boolean): the same for all blocks of
    a check. ``declared.hs_code`` too, unless some order's codes are ``shortened``."""
    tariff = prefixed(facts.tariff(tables, on, decisions.frame), "tariff.")
    known = goods_facts.known(catalogue.frame, tables, on, decisions.frame)
    listed = prefixed(known, "goods.").join(
        tariff, left_on="goods.hs_code", right_on="tariff.hs_code", how="left",
        maintain_order="left",
    )  # fmt: skip
    whole = [] if shortened else [pl.col("goods.hs_code").alias("declared.hs_code")]
    return _sought_by(listed.with_columns(
        decimal("goods.qty1_per_unit").alias("d.qty1_per_unit"),
        decimal("goods.qty2_per_unit").alias("d.qty2_per_unit"),
        decimal("goods.net_weight").alias("d.net_per_unit"),
        goods_facts.in_a_known_subheading("goods.hs_code", tables, on).alias("known.subheading"),
        *whole,
    ), "goods.sku")  # fmt: skip
