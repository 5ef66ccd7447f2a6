"""Rows of a workbook's tables as sheet XML (表格行), whole columns at a time.

XlsxWriter makes the workbook: styles, widths, heads, filters, print areas. A cell at a time it
needs half a millisecond for a goods line, so the rows are written here and put into its package.
The same values come out: codes and texts as text, numbers as numbers in the format that
``sheets`` gives them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from xborder.manifests.sheets import (
    BODY,
    DIGITS,
    FORMULA_STARTS,
    LEAST,
    LINE,
    Book,
    Column,
    number_format,
)
from xborder.manifests.texts import Texts, Value, together, written

LONGEST = 32_767
"""Characters that an Excel cell holds."""

PLACES = 14
"""Most decimals of a number that is shown as a number; Excel's 15 digits hold no more."""

_COUNTED = range(PLACES + 1)
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_STARTS = "|".join(re.escape(one) for one in FORMULA_STARTS)
# What must be spelled _xHHHH_ in a cell, and what would be read as that spelling.
_SPELLED = r"[\x00-\x08\x0b-\x1f\x{FFFE}\x{FFFF}]|_x[0-9a-fA-F]{4}_"


@dataclass(frozen=True)
class Styles:
    """Style numbers of the cells in our tables' rows.

    ``texts``: (wrapped, quoted) → style; ``blanks``: wrapped → style; ``numbers`` by decimals;
    ``long`` numbers that are shown as text: quoted → style.
    """

    texts: Mapping[tuple[bool, bool], int]
    blanks: Mapping[bool, int]
    numbers: tuple[int, ...]
    long: Mapping[bool, int]


_WRAPPED = {"text_wrap": True}
_QUOTED = {"quote_prefix": True}


def styles(book: Book) -> Styles:
    """The styles of a fresh workbook; every workbook numbers them alike, whatever it holds."""
    both = (False, True)
    quote: dict[bool, Mapping[str, Any]] = {False: {}, True: _QUOTED}
    wrap: dict[bool, Mapping[str, Any]] = {False: {}, True: _WRAPPED}
    shown = [{"num_format": number_format(places), "align": "right"} for places in _COUNTED]
    return Styles(
        blanks={one: book.style(BODY, wrap[one]) for one in both},
        texts={
            (one, other): book.style({"indent": 1}, BODY, wrap[one], quote[other])
            for one in both
            for other in both
        },
        long={one: book.style({"align": "right"}, BODY, quote[one]) for one in both},
        numbers=tuple(book.style(look, BODY) for look in shown),
    )


def rows(
    columns: tuple[Column, ...],
    texts: Texts,
    places: np.ndarray,
    names: Mapping[str, Mapping[str, str]],
    styles: Styles,
) -> pa.LargeStringArray:
    """One ``<row>`` a row of the frame; ``places`` are the rows' numbers in their sheets.

    ``name`` columns show what the code of their source means. Raises ValueError for a number
    that is no plain decimal.
    """
    at = pl.Series("at", places).cast(pl.String)
    pieces: list[str | pl.Series] = ['<row r="', at, '"', *_height(columns, texts), ">"]
    for index, one in enumerate(columns):
        pieces += [f'<c r="{letters(index)}', at, '" ']
        if one.kind == "name":
            pieces += _named(one, texts, names.get(one.codes, {}), styles)
        elif one.kind == "text":
            pieces += _text(texts.raw(one.source), bool(one.wrapped), styles)
        else:
            pieces += _number(one, texts, styles)
    pieces.append("</row>")
    return written(pieces, len(texts.frame))


def letters(index: int) -> str:
    """The letters of a sheet's column."""
    found = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        found = chr(ord("A") + rest) + found
    return found


def _blank(style: int) -> str:
    return f's="{style}"/>'


def _text(value: Value, wrapped: bool, styles: Styles) -> list[str | pl.Series]:
    """What follows a cell's reference for a column of texts."""
    blank = _blank(styles.blanks[wrapped])
    if value.absent == len(value.values):
        return [blank]
    seen, values = value.look, value.values
    if seen.longest > LONGEST:
        values = values.str.head(LONGEST)
    if seen.forbidden or seen.underscored:
        values = _spelled(values)
    if seen.markup:
        values = values.str.replace_many(_ESCAPES)
    style: list[str | pl.Series] = [str(styles.texts[wrapped, False])]
    if seen.quoted:
        style = [_either(value.values.str.contains(f"^(?:{_STARTS})"),
                         str(styles.texts[wrapped, True]), style[0])]  # fmt: skip
    kept: list[str | pl.Series] = []
    if seen.spaced or seen.closed:
        # XML's own white space; the others are kept anyway.
        kept = [_either(value.values.str.contains(r"^\s|\s$"), ' xml:space="preserve"', "")]
    pieces = ['s="', *style, '" t="inlineStr"><is><t', *kept, ">", values, "</t></is></c>"]
    if not value.absent:
        return pieces
    filled = together(pieces, len(values))
    return [_either(values.is_null(), blank, filled)]


def _either(where: pl.Series, yes: "str | pl.Series", no: "str | pl.Series") -> pl.Series:
    """A column of one text where something holds, of another elsewhere."""
    columns = {"where": where} | {
        name: one for name, one in (("yes", yes), ("no", no)) if isinstance(one, pl.Series)
    }
    chosen = pl.when("where").then(pl.lit(yes) if isinstance(yes, str) else pl.col("yes"))
    other = pl.lit(no) if isinstance(no, str) else pl.col("no")
    return pl.DataFrame(columns).select(chosen.otherwise(other).alias("text")).to_series()


def _spelled(values: pl.Series) -> pl.Series:
    """Texts with control characters as a cell spells them; there are next to none."""
    odd = values.filter(values.str.contains(_SPELLED)).unique()
    return values.replace({text: spell(text) for text in odd}) if len(odd) else values


def spell(text: str) -> str:
    """A text with its control characters as ``_xHHHH_`` (ECMA-376, ST_Xstring)."""
    text = re.sub("(_x[0-9a-fA-F]{4}_)", r"_x005F\1", text, flags=re.ASCII)
    return re.sub(
        "[\x00-\x08\x0b-\x1f\ufffe\uffff]", lambda found: f"_x{ord(found.group()):04X}_", text
    )


def _named(
    one: Column, texts: Texts, names: Mapping[str, str], styles: Styles
) -> list[str | pl.Series]:
    """Cells of what codes mean: there are few codes, so each cell is made once and looked up."""
    codes = texts.raw(one.source)
    known = codes.values.unique().drop_nulls().sort()
    cells = {
        code: "".join(str(piece) for piece in _one(names[code], styles))
        for code in known
        if names.get(code)
    }
    blank = _blank(styles.blanks[False])
    if not cells:
        return [blank]
    if len(known) == len(cells) == 1 and not codes.absent:
        return [cells[known[0]]]
    return [codes.values.replace_strict(cells, default=blank, return_dtype=pl.String)]


def _one(name: str, styles: Styles) -> list[str | pl.Series]:
    (text,) = together(_text(_value(name), False, styles), 1)
    return [text]


def _value(name: str) -> Value:
    return Texts(pl.DataFrame({"name": [name]})).raw("name")


def _number(one: Column, texts: Texts, styles: Styles) -> list[str | pl.Series]:
    """Cells of numbers: as many decimals as stand there, money at least two."""
    raw, value = texts.raw(one.source), texts.number((one.source,), "")
    blank = _blank(styles.blanks[False])
    if raw.absent == len(raw.values):
        return [blank]
    least = LEAST.get(one.kind, 0)
    shown = pl.Series([f's="{style}"><v>' for style in styles.numbers])
    if value.places is None or value.led or raw.look.longest > DIGITS:
        return [_by_cell(one, raw.values, value.values, least, shown, styles)]
    places = np.maximum(value.places, least)
    fewest = int(places.min())
    style = shown[fewest] if fewest == places.max() else shown.gather(places)
    if not value.absent:
        return [style, value.values, "</v></c>"]
    filled = together([style, value.values, "</v></c>"], len(places))
    return [_either(value.values.is_null(), blank, filled)]


def _by_cell(
    one: Column,
    raw: pl.Series,
    short: pl.Series,
    least: int,
    shown: pl.Series,
    styles: Styles,
) -> pl.Series:
    """The same where signs, leading zeros, or more digits than Excel holds occur."""
    number = pl.col("number")
    frame = pl.DataFrame({"raw": raw, "number": short})
    wrong = frame.filter(~number.str.contains(r"^-?[0-9]+(?:\.[0-9]+)?$"))
    if len(wrong):
        raise ValueError(f"{one.source}: no plain number {wrong['raw'][0]!r}")
    if frame.select(number.str.contains(r"^-?0[0-9]").any()).item():
        # 007 is 7.
        frame = frame.with_columns(
            raw=pl.col("raw").str.replace(r"^(-?)0+([0-9])", "$1$2"),
            number=number.str.replace(r"^(-?)0+([0-9])", "$1$2"),
        )
    frame = frame.select(
        "number",
        # Digits that count: leading zeros do not, trailing ones do.
        pl.col("raw")
        .str.replace_all(r"[-.]", "")
        .str.strip_chars_start("0")
        .str.len_bytes()
        .alias("digits"),
        (number.str.len_bytes() - 1 - number.str.find(".", literal=True))
        .fill_null(0)
        .clip(lower_bound=least)
        .alias("places"),
    )
    plain = (pl.col("digits") <= DIGITS) & (pl.col("places") <= PLACES)
    style = shown.gather(frame["places"].clip(upper_bound=PLACES))
    filled = together([style, frame["number"], "</v></c>"], len(frame))
    cells = frame.select(plain.alias("plain"), pl.col("number")).with_columns(filled=filled)
    opened = {quoted: f's="{style}" t="inlineStr"><is><t>' for quoted, style in styles.long.items()}
    long = (
        pl.when(number.str.starts_with("-"))
        .then(pl.lit(opened[True]))
        .otherwise(pl.lit(opened[False]))
        + number
        + pl.lit("</t></is></c>")
    )
    chosen = (
        pl.when(number.is_null())
        .then(pl.lit(_blank(styles.blanks[False])))
        .when("plain")
        .then("filled")
        .otherwise(long)
    )
    return cells.select(chosen.alias("text")).to_series()


def _height(columns: tuple[Column, ...], texts: Texts) -> list[str | pl.Series]:
    """Room for wrapped texts; not every program makes it by itself."""
    found: list[pl.Series] = []
    for one in columns:
        room = max(int(one.width) - 2, 1)
        value = texts.raw(one.source)
        # No character is wider than it has bytes.
        if one.wrapped and value.look.longest > room:
            text = pl.col(value.values.name)
            # A Chinese character is twice as wide as a digit, by which Excel counts widths.
            wide = text.str.len_chars()
            if not value.look.plain:
                wide += text.str.count_matches(r"[^\x{0}-\x{2E80}]")
            lines = value.values.to_frame().select((wide + room - 1) // room).to_series()
            found.append(lines.alias(str(len(found))))
    if not found:
        return []
    most = pl.DataFrame(found).select(pl.max_horizontal(pl.all()).fill_null(1).clip(1, 12))
    heights = pl.Series(["", "", *(f' ht="{LINE * n}" customHeight="1"' for n in range(2, 13))])
    return [heights.gather(most.to_series())]
