"""Whole columns of cells → canonical text (整列规范化), the same as cell by cell but faster.

What nearly all cells look like is brought to its form by an expression; each distinct text that
looks otherwise is read once by the functions of ``cells``, ``numbers`` and ``dates``, which
say what is right: a test holds these columns to them.
"""

from collections.abc import Mapping, Sequence
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
FEW = 10_000
"""Rows of a table up to which what each look costs counts for more than its cells."""
LONG = 24
"""Bytes of a text that is kept once where it stands again and again."""

SETTLED = {
    "order_no": r"^[A-Z0-9#/_-]{1,15}$|^[0-9]{0,15}[A-Z#/_-][A-Z0-9#/_-]{0,99}$",
    "identifier": r"^[A-Za-z0-9#/_-]{1,15}$|^[0-9]{0,15}[A-Za-z#/_-][A-Za-z0-9#/_-]{0,99}$",
    "hs_code": r"^(?:[0-9]{4}|[0-9]{6}|[0-9]{8}|[0-9]{10}|[0-9]{13})$",
    "number": NUMBER,
    "moment": MOMENT,
}
"""Cells of each type that are clean as they stand, and betray no damage."""


def often(series: pl.Series) -> bool:
    """Whether a column seems to say the same again and again, by some of its cells."""
    some = series.gather_every(max(len(series) // SAMPLE, 1))
    size, distinct = len(some), some.n_unique()
    # Of many texts that are alike likely, so few of the cells drawn would say the same.
    return distinct * OFTEN <= size or size**2 * OFTEN <= 2 * (size - distinct) * len(series)


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


def clean(frame: pl.DataFrame, names: Sequence[str]) -> frozenset[str]:
    """Those of a table's columns whose every cell is clean text, or null.

    One look at all columns of a table of few rows costs less than one at each; of a larger one
    none is told.
    """
    if frame.height > FEW:
        return frozenset()
    cell = pl.col(names)
    dirty = frame.select((cell.str.contains(cells.UNTIDY) | (cell == "")).any())
    return frozenset(one.name for one in dirty if not one.item())


def cleaned(series: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Trimmed text, NFC, inner white space as one blank, empty as null.

    The second value: the texts with a character that no text may hold.
    """
    told = series
    if often(series):
        told = series.unique()
        if series.estimated_size() > LONG * len(series):
            series = _once(series, told.drop_nulls())
    untidy = told.str.contains(cells.UNTIDY).fill_null(value=False)
    forbidden = told.clear()
    if untidy.any():
        distinct = told.filter(untidy).unique()
        tidy = cells.cleaned(distinct)
        forbidden = tidy.filter(tidy.str.contains(cells.FORBIDDEN))
        series = _replaced(series, distinct, tidy)
    return (series.replace("", None) if (told == "").any() else series), forbidden


def _once(series: pl.Series, told: pl.Series) -> pl.Series:
    """The same cells, each text of the column (``told``) in memory once."""
    return told.gather(series.cast(pl.Enum(told)).to_physical())


def _replaced(series: pl.Series, old: pl.Series, new: pl.Series) -> pl.Series:
    changed = old.ne_missing(new)
    return series.replace(old.filter(changed), new.filter(changed)) if changed.any() else series


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
        rest = (~usual).fill_null(value=False).arg_true()
        read = cells.as_number(series.gather(rest), convention)
        series = series.clone().scatter(rest, read)
    zero = series.str.ends_with("0")
    if not point or not zero.any():
        return series
    # All others are canonical by now, or stay as they are.
    longer = (usual & zero & series.str.contains(".", literal=True)).arg_true()
    if not len(longer):
        return series
    short = series.gather(longer).str.strip_chars_end("0").str.strip_suffix(".")
    return series.clone().scatter(longer, short)


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
    text, hour = pl.col("text"), pl.col("text").str.head(HOUR)
    frame = pl.DataFrame({"text": series, "usual": usual}).select("text", "usual")
    shaped = frame.filter("usual").select(hour=hour, tail=text.str.slice(19))
    hours, tails = shaped["hour"].unique(), shaped["tail"].unique()
    offsets = pl.Series([_offset(one.replace("T", " "), zone) for one in hours], dtype=pl.String)
    if offsets.null_count():
        # A day that is none has no offset, whatever is written behind it.
        strange = hours.filter(offsets.is_null())
        frame = frame.with_columns(usual=pl.col("usual") & ~hour.is_in(strange.implode()))
    written = [f"{one.strip()[:3]}:{one[-2:]}" if one else None for one in tails]
    tail = text.str.slice(19).replace_strict(tails, pl.Series(written, dtype=pl.String))
    if len(tails) == 1:
        tail = pl.lit(written[0], pl.String)
    offset: pl.Expr = pl.lit(offsets.drop_nulls().first(), pl.String)
    if offsets.drop_nulls().n_unique() > 1:
        offset = hour.replace_strict(hours, offsets, default=None)
    suffix = offset if written == [None] else pl.coalesce(tail, offset)
    moment = text.str.head(10) + "T" + text.str.slice(11, 8) + suffix
    if not frame["usual"].all():
        moment = pl.when("usual").then(moment)
    made = frame.select(moment.alias(series.name)).to_series()
    left = (made.is_null() & series.is_not_null()).arg_true()
    return made.scatter(left, cells.as_date(series.gather(left), date_order, zone))


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
