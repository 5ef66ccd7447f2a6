"""Columns of cells → columns of canonical text, by the type of their field.

Each distinct text is read once, whatever the number of lines. What cannot be normalised with
certainty stays as written; damage that only the file's form can show (an identifier that
Excel has rounded, an error value, a formula never calculated) becomes a finding here.
"""

from collections.abc import Callable, Iterator

import polars as pl

from xborder.findings import Finding, column_letter
from xborder.intake import dates, grid, numbers

IDENTIFIERS = ("order_no", "identifier", "hs_code")
DAMAGED_DIGITS = 16
"""Excel keeps 15 digits: a stored number of 16 or more is not what was typed."""
NOTED_DIGITS = 12
SCIENTIFIC = r"^[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{2,3}$|^[0-9][.,][0-9]+[eE][0-9]{1,3}$"
ZERO_TAIL = r"^[0-9]{15}0+$"
"""What is left of a long number that Excel once held: fifteen digits, then zeros."""
SURELY_CUT = 18
EITHER = r"(?:^|[^0-9.,])[1-9][0-9]{0,2}[.,][0-9]{3}(?:$|[^0-9.,])"
SIGNED = r"[0-9][.,][0-9]"
ODD_HS_CODE = r"^(?:[0-9]{5}|[0-9]{7}|[0-9]{9})$"
UNTIDY = (
    r"[^\x21-\x7e\xa1-\xac\xae-\x{024f}\x{0400}-\x{0481}\x{2010}-\x{2027}\x{3001}-\x{3029}"
    r"\x{3041}-\x{3096}\x{30a1}-\x{30fe}\x{4e00}-\x{9fa5}\x{ac00}-\x{d7a3}\x{ff01}-\x{ff5e} ]"
    r"|^ | $|  "
)
"""What a plain text has not: blanks but single ones between words, or characters beyond those of
common scripts that are NFC however they stand together. One cheap look spares the costly ones
for nearly all columns."""
FORBIDDEN = r"[\p{Cc}\p{Cf}\p{Co}\p{Cn}\x{FFFD}]"


class Place:
    """Makes findings at the cells of one column of one sheet."""

    def __init__(self, sheet: str, field: str, column: int, header: str) -> None:
        # Of goods that stand side by side (``qty#2``) the cell tells which are meant.
        self.sheet, self.field, self.column, self.header = (
            sheet, field.partition("#")[0], column, header,
        )  # fmt: skip

    def finding(self, code: str, row: int, value: str = "", expected: str = "") -> Finding:
        """A finding at this column and the given row."""
        return Finding(
            code,
            sheet=self.sheet,
            row=row,
            cell=f"{column_letter(self.column)}{row}",
            column=self.header,
            field=self.field,
            value=value[:200],
            expected=expected,
        )


def cleaned(texts: list[str | None] | pl.Series) -> pl.Series:
    """Trimmed text, NFC, inner line ends and runs of blanks as one blank; empty is null."""
    series = pl.Series(texts, dtype=pl.String)
    if not series.str.contains(UNTIDY).any():
        return series.replace("", None)
    frame = series.to_frame("text").select(
        pl.col("text").str.replace_all(r"\s+", " ").str.strip_chars().str.normalize("NFC")
    )
    return frame["text"].replace("", None)


def each_once(series: pl.Series, read: Callable[[str], str]) -> pl.Series:
    """Apply a function to each distinct text of a column."""
    distinct = series.drop_nulls().unique()
    if distinct.is_empty():
        return series
    texts = distinct.to_list()
    changed = {old: new for old in texts if (new := read(old)) != old}
    if not changed:
        return series
    return series.replace(list(changed), list(changed.values()))


def as_number(series: pl.Series, convention: str, kinds: pl.Series | None = None) -> pl.Series:
    """Numbers in the one canonical form; the rest as written.

    ``convention`` "" leaves alone what has a sign of separation. A workbook's own number has a
    point, whatever the texts beside it have.
    """
    if not convention:
        return each_once(series, lambda text: _without_sign(text))
    texts = each_once(series, lambda text: numbers.canonical(text, convention))
    if kinds is None or convention == "point":
        return texts
    own = each_once(series, numbers.canonical)
    return own.zip_with((kinds == grid.NUMBER.decode()).fill_null(False), texts)


def _without_sign(text: str) -> str:
    return text if "," in text or "." in text else numbers.canonical(text)


def either(
    place: Place, sign: str, series: pl.Series, kinds: pl.Series | None, rows: pl.Series
) -> Iterator[Finding]:
    """Numbers of a column without a proved decimal sign that can be read both ways; of one that
    has both signs (``mixed``) all that are more than digits and a point."""
    open_ = series.str.contains(SIGNED if sign else EITHER)
    if kinds is not None:
        open_ &= kinds != grid.NUMBER.decode()
    for row, value in _where(open_, rows, series):
        if not sign:
            yield place.finding("NUMBER_AMBIGUOUS", row, value, numbers.readings(value))
        elif numbers.EITHER.fullmatch(value) or not numbers.CANONICAL.fullmatch(value):
            yield place.finding("NUMBER_SIGN_MIXED", row, value)


def undecided(
    place: Place, date_order: str, series: pl.Series, rows: pl.Series
) -> Iterator[Finding]:
    """Dates of a file that leaves the order of day and month ``open``, or proves both (``mixed``)."""
    if date_order not in ("open", "mixed"):
        return
    mixed = date_order == "mixed"
    code = "DATE_ORDER_MIXED" if mixed else "DATE_AMBIGUOUS"
    for row, value in _where(series.str.contains(dates.YEAR_LAST.pattern), rows, series):
        # What is no day either way round is told as that.
        if dates.YEAR_LAST.fullmatch(value) and (ways := dates.readings(value)):
            yield place.finding(code, row, value, "" if mixed else ways)


def as_date(series: pl.Series, date_order: str, zone: str) -> pl.Series:
    """Dates and times as ISO 8601; the rest as written."""
    return each_once(series, lambda text: dates.canonical(text, date_order, zone))


def as_identifier(series: pl.Series, field_type: str) -> pl.Series:
    """Identifiers without Excel's protections (``'123``, ``="123"``); order numbers upper."""
    frame = series.to_frame("id")
    text = pl.col("id")
    text = pl.when(text.str.contains(r'^="[^"]*"$')).then(text.str.slice(2)).otherwise(text)
    text = text.str.strip_prefix("'").str.strip_chars('" ' if field_type == "hs_code" else " ")
    text = (
        pl.when(pl.col("id").str.starts_with('="')).then(text.str.strip_suffix('"')).otherwise(text)
    )
    if field_type == "order_no":
        # Only ASCII: other alphabets' capitals could make two order numbers into one.
        text = (
            pl.when(text.str.contains(r"^[\x20-\x7e]*$"))
            .then(text.str.to_uppercase())
            .otherwise(text)
        )
    if field_type == "hs_code":
        short = text.str.replace(r"\.0$", "")
        digits = short.str.replace_all(r"[. ]", "")
        text = pl.when(digits.str.contains(r"^[0-9]{4,13}$")).then(digits).otherwise(text)
    return frame.select(text.alias("id"))["id"].replace("", None)


def damage(
    place: Place,
    field_type: str,
    series: pl.Series,
    kinds: pl.Series | None,
    rows: pl.Series,
    *,
    tidy: bool = False,
) -> Iterator[Finding]:
    """Findings about cells whose form betrays damage; ``kinds`` is None for text files.

    ``tidy``: no cell is ``UNTIDY``, as is known already.
    """
    if field_type in IDENTIFIERS:
        for row, value in _where(series.str.contains(SCIENTIFIC), rows, series):
            yield place.finding("ID_SCIENTIFIC_NOTATION", row, value)
    if field_type != "number" and not tidy and series.str.contains(UNTIDY).any():
        for row, value in _where(series.str.contains(FORBIDDEN), rows, series):
            shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value)
            yield place.finding("FORBIDDEN_CHARACTER", row, shown)
    if field_type in IDENTIFIERS:
        yield from _cut(place, field_type, series, rows)
    if kinds is not None:
        yield from _typed_damage(place, field_type, series, kinds, rows)


BETRAYED = {
    "e": "CELL_ERROR_VALUE",
    "f": "FORMULA_NOT_CALCULATED",
    "x": "CELL_FROM_OTHER_FILE",
}
"""Kinds of cell that are a finding."""


def _typed_damage(
    place: Place, field_type: str, series: pl.Series, kinds: pl.Series, rows: pl.Series
) -> Iterator[Finding]:
    """What the kinds of a workbook's cells betray."""
    # Nearly every column has cells of one kind: one look tells what need not be looked for.
    there = set(kinds.unique())
    for kind, code in BETRAYED.items():
        for row, value in _where(kinds == kind, rows, series) if kind in there else ():
            yield place.finding(code, row, value)
    if field_type in IDENTIFIERS and "n" in there:
        length = series.str.strip_chars_start("-").str.len_chars()
        number = kinds == "n"
        for row, value in _where(number & (length >= DAMAGED_DIGITS), rows, series):
            yield place.finding("ID_DAMAGED_BY_EXCEL", row, value)
        noted = list(
            _where(number & length.is_between(NOTED_DIGITS, DAMAGED_DIGITS - 1), rows, series)
        )
        if noted:
            yield place.finding("ID_STORED_AS_NUMBER", noted[0][0], noted[0][1])
        yield from _zeros_lost(place, series, number, rows)


def _cut(place: Place, field_type: str, series: pl.Series, rows: pl.Series) -> Iterator[Finding]:
    """Texts that were numbers in Excel once: digits lost at the end or zeros at the start."""
    if field_type == "hs_code":
        for row, value in _where(series.str.contains(ODD_HS_CODE), rows, series):
            yield place.finding("HS_CODE_ZERO_LOST", row, value, f"0{value}")
        for row, value in _where(series.str.contains(r"^[0-9]{4,10}\.0+$"), rows, series):
            yield place.finding("HS_CODE_AS_NUMBER", row, value, value.partition(".")[0])
        return
    long = series.str.contains(r"^[0-9]{16,}$").fill_null(False)
    if not long.any():
        return
    cut = series.str.contains(ZERO_TAIL).fill_null(False)
    several = series.filter(long).n_unique() > 2 and cut.sum() == long.sum()
    if not several:
        cut = cut & (series.str.len_chars() >= SURELY_CUT)
    for row, value in _where(cut, rows, series):
        yield place.finding("ID_DAMAGED_BY_EXCEL", row, value)


def _zeros_lost(
    place: Place, series: pl.Series, number: pl.Series, rows: pl.Series
) -> Iterator[Finding]:
    """Numbers that are shorter than the texts of their column, which begin with zeros."""
    texts = series.filter(~number & series.str.contains("^[0-9]+$").fill_null(False))
    lengths = texts.str.len_chars().unique()
    if lengths.len() != 1 or not texts.str.starts_with("0").any():
        return
    width = int(lengths[0])
    short = number & (series.str.len_chars() < width)
    for row, value in _where(short, rows, series):
        yield place.finding("ID_ZEROS_LOST", row, value, value.zfill(width))


def _where(mask: pl.Series, rows: pl.Series, series: pl.Series) -> Iterator[tuple[int, str]]:
    mask = mask.fill_null(False)
    if mask.any():
        values = series.filter(mask).to_list()
        for row, value in zip(rows.filter(mask).to_list(), values, strict=True):
            yield row, value or ""


def dated(
    series: pl.Series, kinds: pl.Series, field_type: str, base_1904: bool, zone: str
) -> pl.Series:
    """Serial numbers of a workbook as dates where the field or the cell's format says so.

    A cell formatted as a date that stands in a number column keeps its number.
    """
    if field_type == "number":
        return series
    wanted = field_type in ("date", "moment")
    formatted = (kinds == grid.DATE.decode()).to_list()
    plain = (kinds == grid.NUMBER.decode()).to_list()
    if not any(formatted) and not (wanted and any(plain)):
        return series
    texts = series.to_list()
    for index, text in enumerate(texts):
        if text and (formatted[index] or (wanted and plain[index])):
            texts[index] = dates.serial(text, base_1904, zone, formatted[index])
    return pl.Series(series.name, texts, dtype=pl.String)
