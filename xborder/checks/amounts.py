"""Exact money, quantity and weight on columns.

Every amount is ``Decimal(38, 10)``: CEB numbers are N19,5, so a product of two of them (ten
fraction digits) and twice its value still fit without rounding.
"""

import polars as pl

from xborder.schemas.levels import marked_rows

AMOUNT_TEXT = r"^-?0*[0-9]{1,14}(\.[0-9]{1,5}0*)?$"
"""Numbers of the one lexical rule (``schemas.NUMBER``) that fit N19,5; zeros that add nothing
may stand around them. Longer ones are a violation of the schema and have no amount here."""

DECIMAL = pl.Decimal(38, 10)

COUNT = pl.Decimal(38, 0)
"""Of whole numbers: a product with them takes no rounding, which costs ten times the product."""

_STEP = "0.00001"
_FAR_OFF = "1000000000000000"
_NO_MINOR_UNIT = ("JPY", "KRW")


def decimal(column: str | pl.Expr) -> pl.Expr:
    """Text that obeys the one number rule as an exact decimal; null where it does not."""
    text = pl.col(column) if isinstance(column, str) else column
    return (
        pl.when(text.str.contains(AMOUNT_TEXT))
        .then(text)
        .otherwise(None)
        .cast(DECIMAL, strict=False)
    )


def without_fraction(amounts: pl.Series) -> pl.Series:
    """Amounts as ``COUNT``, if all of them are whole; else as they are."""
    whole = amounts.cast(COUNT)
    return whole if (whole == amounts).all() else amounts


def exactly(value: str) -> pl.Expr:
    """A decimal constant; written as text, because a literal of Python's own type costs the
    import of numpy."""
    return pl.lit(value).cast(DECIMAL)


def plain(amount: pl.Expr) -> pl.Expr:
    """A decimal as plain text: no exponent, no trailing zeros."""
    return amount.cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")


def plain_beside(amounts: pl.Series, texts: pl.Series, stated: pl.Series) -> pl.Series:
    """``plain`` of amounts that mostly are what texts state (``stated``: as decimals): a text is
    taken where it is plain at a glance, as nearly all are."""
    beside = pl.DataFrame([amounts.alias("amount"), texts.alias("text"), stated.alias("stated")])
    rows = marked_rows(beside.select(_NOT_PLAIN).to_series())
    others = amounts[rows].to_frame("amount").select(_PLAIN).to_series()
    return texts.clone().scatter(rows, others)


_TEXT = pl.col("text").str
_NOT_PLAIN = (
    (pl.col("amount") != pl.col("stated")).fill_null(value=True)
    | _TEXT.ends_with("0")
    | _TEXT.starts_with("0")
    | _TEXT.starts_with("-")
)
_PLAIN = plain(pl.col("amount"))


def half_up(amount: pl.Expr, digits: int) -> pl.Expr:
    """Round half away from zero; still ``Decimal(38, 10)``."""
    return amount.round(digits, mode="half_away_from_zero")


def bounded(amount: pl.Expr) -> pl.Expr:
    """A product or sum, cut to ±10¹⁵: beyond what a message holds (N19,5), so its order is held.

    A product of two amounts has up to 28 digits before the point, and one digit more raises for
    the whole table. What is computed from it further need only be too large, not exact.
    """
    far = exactly(_FAR_OFF)
    return amount.clip(-far, far)


def nonzero(amount: pl.Expr) -> pl.Expr:
    """Null for zero: a decimal division by zero raises, even in a branch that is not taken."""
    return pl.when(amount != 0).then(amount)


def price_of(total: pl.Expr, quantity: pl.Expr) -> pl.Expr:
    """Unit price (单价) = total ÷ quantity, rounded half up to 5 digits, exactly.

    The engine rounds a quotient to ten digits first; rounding that again could tip a
    remainder of 0.49999999996 over. The candidate is therefore checked against the total
    without a division: a price p is right when q(2p − step) ≤ 2t < q(2p + step).
    """
    step = exactly(_STEP)
    candidate = half_up(total / nonzero(quantity), 5)
    twice = total + total
    low = quantity * (candidate + candidate - step)
    high = quantity * (candidate + candidate + step)
    return (
        pl.when(twice < low)
        .then(candidate - step)
        .when(twice >= high)
        .then(candidate + step)
        .otherwise(candidate)
    )


def agrees(quantity: pl.Expr, price: pl.Expr, total: pl.Expr) -> pl.Expr:
    """Whether |q × p − t| ≤ q × 0.000005 + 0.000005 (R25), computed on doubled values."""
    step = exactly(_STEP)
    gap = (bounded(quantity * price) - total).abs()
    return gap + gap <= quantity * step + step


def minor_digits(currency: pl.Expr) -> pl.Expr:
    """The smallest sum of a currency: 1 for JPY and KRW, 0.01 for the others."""
    return pl.when(currency.is_in(_NO_MINOR_UNIT)).then(exactly("1")).otherwise(exactly("0.01"))


def share_out(amount: str, weight: str, unit: str, key: list[str], row: str) -> pl.Expr:
    """An order-level ``amount`` shared over the order's lines by ``weight``.

    Every share is cut to a multiple of ``unit``; what is left goes to the heaviest line (the
    first of them), so that the shares add up to the amount exactly. ``row`` orders the lines.
    """
    whole = pl.col(weight).sum().over(key)
    # A negative weight (its order is held) could make the others many times the whole.
    usable = (whole > 0) & pl.col(weight).is_between(exactly("0"), whole)
    share = pl.col(amount) * (pl.col(weight) / pl.when(usable).then(whole))
    cut = (share / pl.col(unit)).round(0, mode="half_away_from_zero") * pl.col(unit)
    share_or_zero = pl.when(usable).then(cut).otherwise(exactly("0"))
    heaviest = pl.col(row) == pl.col(row).sort_by(pl.col(weight), descending=True).first().over(key)
    rest = pl.col(amount) - share_or_zero.sum().over(key)
    return share_or_zero + pl.when(heaviest).then(rest).otherwise(exactly("0"))
