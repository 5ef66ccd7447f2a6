"""What is judged where it varies, a block at a time, is what each line alone would be told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xborder import schemas
from xborder.checks import OrderCheck, check_orders, lists
from xborder.checks.amounts import DECIMAL, agrees, decimal, price_of
from xborder.checks.customs import with_customs_facts
from xborder.checks.joined import alone, join
from xborder.checks.line_amounts import with_amounts, with_stated_amounts

SLOW = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}  # fmt: skip
NOT_OF_ONE_ORDER = "^(?:LOGISTICS_NO_TWICE|(?:US|EU|UK)_.*)$"
"""Findings that look at other orders too: numbers used twice, notices told once a file."""


def often(usual: Any, *odd: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * 4 + list(odd))


LINE = st.fixed_dictionaries(
    {
        "sku": often("CUP-1", "CUP-2", "NONE", None),
        "qty": often("2", "0", "1.5", "two", "9" * 15),
        "unit_price": often("9.5", None, "0.07", "9,5"),
        "line_total": often(None, "19", "18.99", "0"),
        "line_discount": often(None, "0.5", "x"),
        "order_discount": often(None, "1.00", "100"),
        "currency": often("USD", None, "JPY", "usd"),
        "country": often("US", None, "GB", "CN"),
        "goods_name": often("Cup", " x", None),
        "order_type": often("E", "B", None),
        "note": often(None, "a\nb"),
        "unit": often(None, "007"),
    }
)
GOODS = st.fixed_dictionaries(
    {
        "gname": often("瓷杯", "x" * 300, None),
        "rebate": often("N", "Y"),
        "net_weight": often("0.3", "500", "-1"),
        "hs_code": often("6911101900", "9999999999", "6911"),
        "unit1": often("035", "011"),
        "licence_no": often(None, "L1"),
    }
)
SHIPMENT = st.fixed_dictionaries(
    {
        "logistics_no": often("SF", None),
        "gross_weight": often("50", "0.1", "x"),
        "destination_port": often("502", "1"),
        "export_date": often("2026-11-23", "23.11.2026"),
        "freight_currency": often(None, "EUR", "IDR"),
    }
)
ORDERS = st.lists(
    st.tuples(st.lists(LINE, min_size=1, max_size=3), st.lists(SHIPMENT, max_size=2)),
    min_size=1,
    max_size=4,
)
MODES = st.sampled_from([("9610", "B"), ("9610", "A"), ("9710", "A"), ("9810", "A"), ("1210", "B")])


def context_of(world: Any, orders: Any, goods: list[dict[str, Any]], mode: tuple[str, str]) -> Any:
    parcels = [
        {"order_no": f"#{1001 + at}", **sent, "row": 3 + at}
        | ({"logistics_no": f"SF{at}-{n}"} if sent["logistics_no"] else {})
        for at, (_, own) in enumerate(orders)
        for n, sent in enumerate(own)
    ]
    shipments = world.shipments(*parcels) if parcels else world.shipments().clear()
    rows = [{"sku": f"CUP-{at}", "row": 4 + at} | one for at, one in enumerate(goods, 1)]
    shop = world.shop(mode=mode[0], statistics_flag=mode[1])
    return world.context(
        exporter=world.exporter(shop), shipments=shipments, goods=world.goods(*rows)
    )


def lines_of(world: Any, orders: Any) -> pl.DataFrame:
    return world.lines(
        *(
            {"order_no": f"#{1001 + at}"} | line
            for at, (own, _) in enumerate(orders)
            for line in own
        )
    )


def told(found: pl.DataFrame) -> list[tuple[Any, ...]]:
    return sorted(found.filter(~pl.col("code").str.contains(NOT_OF_ONE_ORDER)).rows(), key=str)


def parts(lines: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for number in lines.get_column("order_no").unique(maintain_order=True):
        yield lines.filter(pl.col("order_no") == number)


@settings(max_examples=25, **SLOW)
@given(ORDERS, st.lists(GOODS, min_size=2, max_size=2), MODES)
def test_orders_are_told_together_what_each_is_told_alone(
    world: Any, orders: Any, goods: list[dict[str, Any]], mode: tuple[str, str]
) -> None:
    context, lines = context_of(world, orders, goods, mode), lines_of(world, orders)
    whole = check_orders(lines, context)
    each = [check_orders(part, context) for part in parts(lines)]
    assert told(whole.found) == sorted((row for one in each for row in told(one.found)), key=str)
    for name in ("orders", "heads", "items"):
        assert getattr(whole, name).equals(pl.concat(getattr(one, name) for one in each)), name


@settings(max_examples=15, **SLOW)
@given(ORDERS, st.lists(GOODS, min_size=2, max_size=2), st.randoms(use_true_random=False))
def test_lines_of_an_order_may_stand_apart(
    world: Any, orders: Any, goods: list[dict[str, Any]], draw: Any
) -> None:
    context, lines = context_of(world, orders, goods, ("9610", "B")), lines_of(world, orders)
    # Another order of the orders' lines among each other; each order's own lines keep theirs.
    turns = [at for at, part in enumerate(parts(lines)) for _ in range(part.height)]
    draw.shuffle(turns)
    left = {at: part.with_row_index("#") for at, part in enumerate(parts(lines))}
    taken: dict[int, int] = dict.fromkeys(left, 0)
    mixed = []
    for at in turns:
        mixed.append(left[at].drop("#")[taken[at]])
        taken[at] += 1
    together, apart = check_orders(lines, context), check_orders(pl.concat(mixed), context)
    assert told(together.found) == told(apart.found)
    key = ["order_no", "gnum"]
    assert together.items.sort(key).equals(apart.items.sort(key))
    assert together.heads.sort("order_no").equals(apart.heads.sort("order_no"))
    assert together.orders.sort("order_no").equals(apart.orders.sort("order_no"))


@settings(max_examples=15, **SLOW)
@given(ORDERS, st.lists(GOODS, min_size=2, max_size=2), MODES)
def test_the_list_schemas_say_of_levels_what_they_say_of_whole_tables(
    world: Any, orders: Any, goods: list[dict[str, Any]], mode: tuple[str, str]
) -> None:
    context, lines = context_of(world, orders, goods, mode), lines_of(world, orders)
    joined = with_amounts(join(lines.with_row_index("at"), context))
    joined = with_customs_facts(joined, context)
    for name, table, columns in (
        ("clearance_list_head", lists.heads(joined), lists.HEADS),
        ("clearance_list_item", lists.items(joined), lists.ITEMS),
    ):
        whole = schemas.violations(name, table.frame(columns))
        assert schemas.violations(name, table).equals(whole)
        judged = pl.Series([at % 2 == 0 for at in range(table.height)], dtype=pl.Boolean)
        some = whole.filter(pl.col("row") % 2 == 0)
        assert schemas.violations(name, table, judged=judged).equals(some)


AMOUNT = st.decimals("0", "9999", places=2).map(str)
STATED = st.lists(
    st.tuples(st.one_of(AMOUNT, st.sampled_from(["0", "3", "x"])), AMOUNT,
              st.one_of(st.none(), AMOUNT, st.just("exact")), st.one_of(st.none(), AMOUNT)),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=40, **SLOW)
@given(STATED)
def test_short_ways_to_prices_and_totals_end_where_the_long_ones_do(
    world: Any, stated: list[tuple[str, str, str | None, str | None]]
) -> None:
    rows = []
    for at, (qty, price, total, discount) in enumerate(stated):
        if total == "exact":
            total = None if qty == "x" else f"{Decimal(qty) * Decimal(price):f}"
        rows.append({"order_no": f"#{at}", "qty": qty, "unit_price": price, "line_total": total,
                     "line_discount": discount})  # fmt: skip
    lines = world.lines(*rows).with_row_index("at")
    joined = with_amounts(join(lines, world.context()))
    long = lines.select(
        qty=decimal("qty"), price=decimal("unit_price"), total=decimal("line_total"),
        off=decimal("line_discount").fill_null(pl.lit("0").cast(DECIMAL)),
    )  # fmt: skip
    differs = long.select(
        ~agrees(pl.col("qty"), pl.col("price"), pl.col("total"))
        & ~agrees(pl.col("qty"), pl.col("price"), pl.col("total") + pl.col("off"))
    ).to_series()
    short = with_stated_amounts(alone(lines)).lines.get_column("total_differs")
    assert short.fill_null(False).to_list() == differs.fill_null(False).to_list()
    prices = long.with_columns(joined.lines.get_column("d.total").alias("net")).select(
        pl.when(pl.col("qty") > 0).then(price_of(pl.col("net"), pl.col("qty")))
    )
    assert joined.lines.get_column("d.price").to_list() == prices.to_series().to_list()


def test_two_threads_check_at_once_what_one_checks(world: Any) -> None:
    def checked(seed: int) -> OrderCheck:
        rows = [{"order_no": f"#{n}", "qty": "0" if n % 7 == seed else "2"} for n in range(300)]
        parcels = [{"order_no": f"#{n}", "logistics_no": f"SF{n}"} for n in range(300)]
        return check_orders(world.lines(*rows), world.context(shipments=world.shipments(*parcels)))

    alone_ones = [checked(seed) for seed in range(7)]
    with ThreadPoolExecutor(2) as pool:
        at_once = list(pool.map(checked, range(7)))
    for one, other in zip(alone_ones, at_once, strict=True):
        for name in ("orders", "heads", "items", "found"):
            assert getattr(one, name).equals(getattr(other, name))
