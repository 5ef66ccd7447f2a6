"""Whole columns of cells → canonical text (整列规范化), the same as cell by cell but faster.

What nearly all cells look like is brought to its form by an expression; each distinct text that
looks otherwise is read once by the functions of ``cells``, ``numbers`` and ``dates``, which
say what is right: a test holds these columns to them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import polars as pl

from xborder.intake import cells, dates

DIGITS = r"^(?:0|[1-9][0-9]{0,30})$"
NUMBER = r"^(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?$"
MOMENT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?: ?[+-][0-9]{2}:?[0-9]{2})?$"
)
HOUR = len("2026-04-05 21")
OFTEN, SAMPLE = 4, 1000
"""Cells that say the same, at least, where a column is judged by what it says; of so many."""

SETTLED = {
    "order_no": r"^[A-Z0-9#/_-]{1,15}$|^[0-9]{0,15}[A-Z#/_-][A-Z0-9#/_-]{0,99}$",
    "identifier": r"^[A-Za-z0-9#/_-]{1,15}$|^[0-9]{0,15}[A-Za-z#/_-][A-Za-z0-9#/_-]{0,99}$",
    "hs_code": r"^(?:[0-9]{4}|[0-9]{6}|[0-9]{8}|[0-9]{10}|[0-9]{13})$",
    "number": NUMBER,
    "moment": MOMENT,
}
"""Cells of each type that are clean as they stand, and betray no damage."""


def often(series: pl.Series) -> bool:
    """Whether a column seems to say the same again and again, by its first cells."""
    head = series.head(SAMPLE)
    return head.n_unique() * OFTEN <= len(head)


def odd(series: pl.Series, field_type: str) -> pl.Series | None:
    """Which cells of a type in ``SETTLED`` are not clean or may betray damage; None for none."""
    pattern = SETTLED[field_type]
    if often(series):
        # To find what a column says costs less than to judge every cell of it.
        told = series.unique()
        wrong = told.filter(~told.str.contains(pattern))
        return series.is_in(wrong.implode()).fill_null(value=False) if len(wrong) else None
    clean = series.str.contains(pattern)
    return None if clean.all() else (~clean).fill_null(value=False)


def settled(series: pl.Series, field_type: str) -> bool:
    """Whether every cell of a column is clean text without damage, seen at one look."""
    if series.null_count() == len(series):
        return True
    if field_type not in SETTLED:
        return not series.str.contains(cells.UNTIDY).any() and not (series == "").any()
    return odd(series, field_type) is None


def cleaned(series: pl.Series) -> tuple[pl.Series, bool]:
    """Trimmed text, NFC, inner white space as one blank, empty as null.

    The second value tells that some cell holds a character that no text may hold.
    """
    told = series.unique() if often(series) else series
    untidy = told.str.contains(cells.UNTIDY).fill_null(value=False)
    forbidden = False
    if untidy.any():
        distinct = told.filter(untidy).unique()
        tidy = cells.cleaned(distinct)
        forbidden = bool(tidy.str.contains(cells.FORBIDDEN).any())
        series = _replaced(series, distinct, tidy)
    return (series.replace("", None) if (told == "").any() else series), forbidden


def _replaced(series: pl.Series, old: pl.Series, new: pl.Series) -> pl.Series:
    changed = old.ne_missing(new)
    return series.replace(old.filter(changed), new.filter(changed)) if changed.any() else series


def _each(series: pl.Series, usual: pl.Series, read: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The cells that do not look as usual, each distinct one read once."""
    rest = series.filter(~usual.fill_null(value=True)).unique()
    return _replaced(series, rest, read(rest)) if len(rest) else series


def worded(series: pl.Series, words: Mapping[str, str]) -> pl.Series:
    """The words that a channel uses for a value, whatever their case, as the value."""
    distinct = series.drop_nulls().unique()
    plain = distinct.str.to_lowercase().str.strip_chars()
    known = plain.replace_strict(list(words), list(words.values()), default=None)
    return _replaced(series, distinct, known.zip_with(known.is_not_null(), distinct))


def as_number(
    series: pl.Series,
    convention: str,
    kinds: pl.Series | None = None,
    usual: pl.Series | None = None,
) -> pl.Series:
    """Numbers in the one canonical form; the rest as written. See ``cells.as_number``.

    ``usual``: which cells are known to look as ``NUMBER`` does.
    """
    point = convention == "point"
    if kinds is not None and not point:
        return cells.as_number(series, convention, kinds)
    if usual is None or not point:
        usual = series.str.contains(NUMBER if point else DIGITS)
    if not usual.all():
        series = _each(series, usual, lambda rest: cells.as_number(rest, convention))
    zero = series.str.ends_with("0")
    if not point or not zero.any():
        return series
    # All others are canonical by now, or stay as they are.
    longer = usual & zero & series.str.contains(".", literal=True)
    short = pl.col("text").str.strip_chars_end("0").str.strip_suffix(".")
    frame = pl.DataFrame({"text": series, "longer": longer})
    return frame.select(pl.when("longer").then(short).otherwise("text")).to_series()


def as_date(
    series: pl.Series, date_order: str, zone: str, usual: pl.Series | None = None
) -> pl.Series:
    """Dates and times as ISO 8601; the rest as written.

    ``usual``: which cells are known to look as ``MOMENT`` does.
    """
    if usual is None:
        usual = series.str.contains(MOMENT).fill_null(value=False)
    else:
        usual &= series.is_not_null()
    if not usual.any():
        return cells.as_date(series, date_order, zone)
    text = pl.col("text")
    frame = pl.DataFrame({"text": series, "usual": usual}).select("text", "usual")
    shaped = frame.filter("usual").select(hour=text.str.head(HOUR), tail=text.str.slice(19))
    hours, tails = shaped["hour"].unique(), shaped["tail"].unique()
    offsets = pl.Series([_offset(one.replace("T", " "), zone) for one in hours], dtype=pl.String)
    written = [f"{one.strip()[:3]}:{one[-2:]}" if one else None for one in tails]
    tail = text.str.slice(19).replace_strict(tails, pl.Series(written, dtype=pl.String))
    if len(tails) == 1:
        tail = pl.lit(written[0], pl.String)
    offset: pl.Expr = pl.lit(offsets[0], pl.String)
    if offsets.n_unique() > 1 or offsets.null_count():
        offset = text.str.head(HOUR).replace_strict(hours, offsets, default=None)
    # A day that is none has no offset, whatever is written behind it.
    suffix = (
        offset
        if written == [None]
        else pl.when(offset.is_not_null()).then(pl.coalesce(tail, offset))
    )
    moment = text.str.head(10) + "T" + text.str.slice(11, 8) + suffix
    if not usual.all():
        moment = pl.when("usual").then(moment)
    made = frame.select(moment.alias("moment")).to_series()
    left = made.is_null() & series.is_not_null()
    if not left.any():
        return made.alias(series.name)
    rest = series.filter(left).unique()
    return made.zip_with(
        made.is_not_null(), _replaced(series, rest, cells.as_date(rest, date_order, zone))
    )


@lru_cache(maxsize=65_536)
def _offset(hour: str, zone: str) -> str | None:
    """The offset of a zone in an hour of a day; None where it changes or the day is none."""
    first, last = (dates.canonical(f"{hour}:{one}", "", zone) for one in ("00:00", "59:59"))
    return first[19:] if first[10] == "T" and first[19:] == last[19:] else None


def as_identifier(series: pl.Series, field_type: str) -> pl.Series:
    """Identifiers without Excel's protections; order numbers in capitals."""
    distinct = series.drop_nulls().unique()
    if len(distinct) * 2 > len(series):
        return cells.as_identifier(series, field_type)
    return _replaced(series, distinct, cells.as_identifier(distinct, field_type))


def filled_down(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The frame with blanks of these columns filled from the rows above of the same order.

    ``order_row`` is added: the row of the order's first line. Rows of no order stay alone.
    """
    none = pl.col("order_no").is_null()
    begins = frame["order_no"].ne_missing(frame["order_no"].shift()) | frame["order_no"].is_null()
    if frame.height:
        begins[0] = True
    known = begins & frame["order_no"].is_not_null()
    if known.sum() != frame["order_no"].drop_nulls().n_unique():
        return frame.with_columns(
            *(
                pl.when(none).then(name).otherwise(pl.col(name).forward_fill().over("order_no"))
                for name in names
            ),
            order_row=pl.when(none).then("row").otherwise(pl.col("row").first().over("order_no")),
        )
    # Nearly every file has an order's rows together: what was filled must not be from above it.
    first = pl.when(pl.lit(begins)).then("row").forward_fill()
    frame = frame.with_columns(order_row=first)
    return frame.with_columns(
        pl.when(
            pl.when(pl.col(name).is_not_null()).then("row").forward_fill() >= pl.col("order_row")
        ).then(pl.col(name).forward_fill())
        for name in names
    )
