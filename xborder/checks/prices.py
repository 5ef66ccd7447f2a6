"""Prices from a list (价格表): for orders of a channel whose report has none.

A layout says which other file completes it (``partner``). Lines of such a file carry its word as
``awaits``, ``awaits_zh`` and ``awaits_en``; a line without an amount takes the price of its SKU
from the list in force, with the list's own currency. What stays without an amount awaits the
partner, and says which one to hand in.
"""

import json

import polars as pl

from xborder.checks.places import SOURCE, VIOLATIONS

AWAITS: dict[str, pl.DataType] = {
    "awaits": pl.String(),
    "awaits_code": pl.String(),
    "awaits_zh": pl.String(),
    "awaits_en": pl.String(),
    "awaits_fields": pl.String(),
}
"""What a line of a file with a partner says of it; null for all other lines. ``awaits_fields``: which
fields the partner tells of an order (comma-joined, see ``checks.partners``); null: its amounts."""

LIST = "prices"

_GIVEN = ("unit_price", "currency")
_AMOUNTS = ("unit_price", "line_total")
_CURRENCIES = ("currency", "freight_currency", "insurance_currency")
"""Currencies that an order has from its lines, where nothing else tells them."""
_PREFIX = "price."


def awaiting(lines: pl.DataFrame, partner: dict[str, str]) -> pl.DataFrame:
    """The lines of a file with what its layout says of a partner (keys of ``AWAITS``); as they
    are where it has none."""
    if not partner:
        return lines
    return lines.with_columns(
        pl.lit(partner.get(name) or None, kind).alias(name) for name, kind in AWAITS.items()
    )


def completed(lines: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """The lines with the prices of a list where they await one; ``price.*`` is its lineage.

    A list that was handed in for a shop counts there before one for all shops.
    """
    if "awaits" not in lines.columns or not (lines["awaits"] == LIST).any():
        return lines
    shops = lines.select("shop").unique(maintain_order=True)
    general = prices.filter(pl.col("shop") == "").drop("shop").join(shops, how="cross")
    known = pl.concat([prices.filter(pl.col("shop") != ""), general.select(prices.columns)])
    known = known.unique(["shop", "sku"], keep="first", maintain_order=True)
    wanted = [*_GIVEN, *SOURCE]
    both = lines.join(
        known.select("shop", "sku", *(pl.col(name).alias(f"{_PREFIX}{name}") for name in wanted)),
        on=["shop", "sku"], how="left", maintain_order="left",
    )  # fmt: skip
    bare = pl.all_horizontal(pl.col(name).is_null() for name in _AMOUNTS)
    taken = bare & (pl.col("awaits") == LIST) & pl.col("price.unit_price").is_not_null()
    return both.with_columns(
        *(
            pl.when(taken).then(f"{_PREFIX}{name}").otherwise(name).alias(name)
            for name in _GIVEN
        ),
        *(
            pl.when(taken).then(f"{_PREFIX}{name}").alias(f"{_PREFIX}{name}")
            for name in SOURCE
        ),
    ).drop(f"{_PREFIX}{name}" for name in _GIVEN)  # fmt: skip


def waiting(lines: pl.DataFrame) -> pl.DataFrame:
    """The lines that await a partner: at, sku, hollow (there are no goods either), ``AWAITS``."""
    if "awaits" not in lines.columns:
        own = {"at": pl.UInt32(), "sku": pl.String(), "hollow": pl.Boolean()}
        return pl.DataFrame(schema=own | AWAITS)
    bare = pl.all_horizontal(pl.col(name).is_null() for name in _AMOUNTS)
    hollow = pl.col("sku").is_null() & pl.col("qty").is_null()
    return (
        lines.with_row_index("at")
        .filter(bare & pl.col("awaits").is_not_null() & pl.col("awaits_fields").is_null())
        .select("at", "sku", hollow.alias("hollow"), *AWAITS)
    )


def without_awaited(violations: pl.DataFrame, waits: pl.DataFrame) -> pl.DataFrame:
    """Violations but for those that say what only the partner can tell.

    Of a row without goods they are what is waited for; elsewhere a missing SKU is a fault.
    """
    if waits.is_empty():
        return violations
    both = violations.join(waits.select("at", "hollow"), on="at", how="left", maintain_order="left")
    amounts = pl.col("field").is_in([*_AMOUNTS, *_CURRENCIES]) & pl.col("hollow").is_not_null()
    goods = pl.col("field").is_in(["sku", "qty"]) & pl.col("hollow").fill_null(value=False)
    return both.filter(~(pl.col("value").eq("") & (amounts | goods))).drop("hollow")


def awaited(waits: pl.DataFrame) -> pl.DataFrame:
    """A violation for each line that awaits a partner, which says what to hand in."""
    if waits.is_empty():
        return pl.DataFrame(schema=VIOLATIONS)
    params = [
        json.dumps({"partner_zh": zh or "", "partner_en": en or ""}, ensure_ascii=False)
        for zh, en in waits.select("awaits_zh", "awaits_en").iter_rows()
    ]
    return waits.select(
        "at",
        pl.lit("line").alias("source"),
        pl.when("hollow").then(pl.lit("order_no")).otherwise(pl.lit("sku")).alias("field"),
        pl.col("awaits_code").alias("code"),
        pl.col("sku").fill_null("").alias("value"),
        pl.lit("").alias("expected"),
        pl.Series("params", params, pl.String),
    ).cast(VIOLATIONS)  # type: ignore[arg-type]


def at_the_list(violations: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Violations of amounts and currencies that came from a list, moved to its cells."""
    if "price.row" not in lines.columns:
        return violations
    joined = lines.get_column("price.row").is_not_null()[violations.get_column("at")]
    field = pl.col("field")
    moved = joined & (pl.col("source") == "line") & field.is_in([*_AMOUNTS, "currency"])
    return violations.with_columns(
        pl.when(moved).then(pl.lit("price")).otherwise("source").alias("source"),
        pl.when(moved & (field == "line_total"))
        .then(pl.lit("unit_price"))
        .otherwise(field)
        .alias("field"),
    )
