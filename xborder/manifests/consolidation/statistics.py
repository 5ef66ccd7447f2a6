"""Statistics of flag A (汇总统计): cleared lists that are counted, not declared again (GAC 2018/194).

HS heading × destination × month, by unit and currency: what cannot be summed is not summed.
"""

from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal

import polars as pl

from xborder.manifests.consolidation.merging import EXACT
from xborder.schemas.tables import Tables

KEY = ("heading", "country", "unit1", "currency")

COLUMNS = {
    **dict.fromkeys(KEY, pl.String),
    "lists": pl.Int64,
    "lines": pl.Int64,
    "qty1": EXACT,
    "totalPrice": EXACT,
    "value_cny": EXACT,
    "value_usd": EXACT,
}

_WIDE = Context(prec=80, rounding=ROUND_HALF_UP)
_CENT = Decimal("0.00001")


def of_flag_a(goods: pl.DataFrame, tables: Tables) -> pl.DataFrame:
    """Count goods lines of flag A: ``COLUMNS``, sorted by ``KEY``.

    ``heading`` is the HS heading (4 digits); ``country`` and ``currency`` are customs' numbers,
    ``qty1`` is in ``unit1``. Values are at the rate of the day of clearance; null where the
    table of rates has none for a line of the row.
    """
    lines = goods.with_columns(
        pl.col("gcode").str.slice(0, 4).alias("heading"),
        pl.col("unit1").fill_null(""),
        *(pl.col(one).cast(EXACT) for one in ("qty1", "totalPrice")),
    )
    counted = lines.group_by(KEY).agg(
        pl.col("list_id").n_unique().cast(pl.Int64).alias("lists"),
        pl.len().cast(pl.Int64).alias("lines"),
        pl.col("qty1", "totalPrice").sum(),
    )
    daily = lines.group_by(*KEY, "cleared_on").agg(pl.col("totalPrice").sum())
    values: dict[tuple[str, ...], list[Decimal | None]] = {}
    iso = {number: code for code, number in tables.currency_to_customs.items()}
    for *key, day, total in daily.select(*KEY, "cleared_on", "totalPrice").iter_rows():
        so_far = values.setdefault(tuple(key), [Decimal(0), Decimal(0)])
        on = date.fromisoformat(day)
        cny = tables.cny_rate(iso.get(key[3], ""), on)
        usd = tables.cny_rate("USD", on)
        told = None if cny is None else _WIDE.multiply(total, cny)
        dollars = None if told is None or not usd else _WIDE.divide(told, usd)
        for at, one in enumerate((told, dollars)):
            was = so_far[at]
            so_far[at] = None if one is None or was is None else _WIDE.add(was, one)
    rows = counted.sort(KEY)
    for at, name in enumerate(("value_cny", "value_usd")):
        column = [_cents(values[key][at]) for key in rows.select(KEY).iter_rows()]
        rows = rows.with_columns(pl.Series(name, column, dtype=EXACT))
    return rows.select(*COLUMNS).cast(COLUMNS)  # type: ignore[arg-type]


def _cents(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(_CENT, context=_WIDE)
