"""First in, first out (先进先出), each unit once, over whole columns.

Layers and uses of one account are laid end to end on a line of units; where a layer's stretch
and a use's stretch overlap, those units went from the one to the other.
"""

from collections.abc import Sequence

import polars as pl

from xborder.stock.entries import QTY


def left_over(layers: pl.DataFrame, by: Sequence[str], used: pl.Expr) -> pl.DataFrame:
    """Layers (in order, column ``qty``) with ``left``: what ``used`` units per account leave."""
    end = pl.col("qty").cum_sum().over(by)
    zero = pl.lit(0).cast(QTY)
    left = pl.min_horizontal(pl.max_horizontal(end - used, zero), pl.col("qty"))
    return layers.with_columns(left=left)


def allocate(layers: pl.DataFrame, uses: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Which units of which layer went into which use.

    Both frames are in their order, with the columns ``by``, ``qty`` (Decimal, not negative) and
    ``layer`` or ``use`` (a number that names the row). Result: by, layer, use, qty (above zero);
    units that only one side has do not appear.
    """
    keys = list(by)

    def ends(side: pl.DataFrame, name: str) -> pl.DataFrame:
        return side.filter(pl.col("qty") > 0).select(
            *keys, pl.col(name).cast(pl.Int64), pl.col("qty").cum_sum().over(keys).alias("end")
        )

    points = pl.concat([ends(layers, "layer"), ends(uses, "use")], how="diagonal")
    # Equal ends fall together: one point closes the layer's stretch and the use's.
    points = (
        points.group_by(*keys, "end")
        .agg(pl.col("layer").max(), pl.col("use").max())
        .sort(*keys, "end")
        .with_columns(
            pl.col("layer").backward_fill().over(keys), pl.col("use").backward_fill().over(keys)
        )
    )
    zero = pl.lit(0).cast(QTY)
    return points.with_columns(
        qty=pl.col("end") - pl.col("end").shift(1).over(keys).fill_null(zero)
    ).filter(pl.col("layer").is_not_null() & pl.col("use").is_not_null()).select(
        *keys, "layer", "use", "qty"
    )  # fmt: skip


def cancel(frame: pl.DataFrame, by: Sequence[str], amount: str, last: bool = False) -> pl.DataFrame:
    """Take ``amount`` (a column, the same on each row of an account) off ``qty``.

    From the first rows on, or from the last ones back.
    """
    end = pl.col("qty").cum_sum(reverse=last).over(by)
    zero = pl.lit(0).cast(QTY)
    kept = pl.min_horizontal(pl.max_horizontal(end - pl.col(amount), zero), pl.col("qty"))
    return frame.with_columns(qty=kept)
