"""What only the whole of a sheet can tell (通读), found before its first line is made.

Which order of day and month the dates prove, whether doubled columns say the same, and which
orders have lines in more than one block. Tables are taken in one after the other; what is held
of each is 8 bytes an order.
"""

from dataclasses import dataclass, field

import polars as pl

from xborder.findings import Finding
from xborder.intake import cells, columns, dates, numbers
from xborder.intake.grid import NUMBER, Table
from xborder.intake.headers import Mapping
from xborder.intake.limits import refuse
from xborder.intake.meaning import decimal_sign, group_of

YEAR_LAST = r"^[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2}"
"""What a date must look like to be looked at by ``dates.order``."""


SIGNED = ","
"""A number of a channel that writes points proves nothing unless there is a comma somewhere."""
CENTS = r"^[0-9]+\.[0-9]{1,2}$"
"""A number that can be read in one way only, as most are: with a point for its sign."""


@dataclass(frozen=True)
class DatesSeen:
    """What the dates of one column have shown: whether any has its year last, which order of
    day and month (``dmy``, ``mdy``, ``mixed``) they prove, and the first of them."""

    seen: bool = False
    proved: str = ""
    row: int = 0
    text: str = ""


@dataclass(frozen=True)
class NumbersSeen:
    """Which decimal sign the numbers of one column prove, and the first text that leaves it
    open or contradicts what came before."""

    proved: str = ""
    row: int = 0
    text: str = ""

    def and_of(self, texts: pl.Series, series: pl.Series, rows: pl.Series) -> "NumbersSeen":
        """With the texts of one more table, which stand in ``series``."""
        plain = texts.str.contains(CENTS)
        seen = numbers.convention([*texts.filter(~plain), *texts.filter(plain).head(1)])
        proved = _both(self.proved, seen.proved)
        text = seen.doubtful
        if proved == "mixed" and self.proved != "mixed":
            other = self.proved or numbers.convention([texts[0]]).proved
            ways = ((one, numbers.convention([one]).proved) for one in texts)
            text = next((one for one, way in ways if way and way != other), texts[0])
        if not text or (self.text and proved != "mixed"):
            return NumbersSeen(proved, self.row, self.text)
        return NumbersSeen(proved, int(rows[(series == text).arg_true()[0]]), text)


@dataclass(frozen=True)
class Proved:
    """What a whole sheet says about how its columns are to be read, and findings about that.

    ``signs``: field → the decimal sign of its numbers, where texts have one.
    ``events_seen`` counts the same rows of a ledger of events, from block to block.
    """

    date_order: str = ""
    signs: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    events_seen: dict[str, int] = field(default_factory=dict)


class Survey:
    """The survey of one sheet; ``add`` its tables in order, each classified."""

    def __init__(self, name: str, header: int, mapping: Mapping, zone: str) -> None:
        """Begin the survey of the sheet ``name``, whose header stands in row ``header``."""
        self._name, self._header, self._mapping, self._zone = name, header, mapping, zone
        self._number = mapping.number
        self._dates: dict[str, DatesSeen] = {}
        self._numbers: dict[str, NumbersSeen] = {}
        self._differs = ""
        self._keys = Keys(mapping)
        self._hashes: list[pl.Series] = []

    def add(self, table: Table, *, alone: bool = False) -> None:
        """Take the rows of a table in; ``alone``: there is no other, so no order straddles."""
        body = table.body()
        self._see_dates(table, body)
        self._see_numbers(table, body)
        for name, others in self._mapping.doubled.items():
            first, head = self._mapping.columns[name]
            below = table.frame.filter(pl.col("row") > self._header)
            texts = [_bare(below, column) for column in (first, *others)]
            same = all((texts[0] == other).all() for other in texts[1:])
            self._differs = self._differs or ("" if same else head)
        if not alone:
            self._hashes.append(self._keys.of(body).drop_nulls().unique())

    def _see_dates(self, table: Table, body: pl.DataFrame) -> None:
        for name, (column, _) in self._mapping.columns.items():
            kind = self._mapping.layout.types[group_of(name)[0]]
            if kind not in ("date", "moment"):
                continue
            series = body[str(column)]
            rows = body["row"]
            if not table.typed:
                odd = columns.odd(series, "moment")
                if odd is None:
                    continue
                series, rows = series.filter(odd), rows.filter(odd)
            series, _ = columns.cleaned(series)
            if table.typed:
                kinds = body[f"{column}k"]
                series = cells.dated(series, kinds, kind, table.base_1904, self._zone)
            series = series.rename("text")
            twelve = self._mapping.layout.twelve_hours
            seen = _dates_in(series, rows, twelve)
            self._dates[name] = _together(self._dates.get(name), seen)

    def _see_numbers(self, table: Table, body: pl.DataFrame) -> None:
        layout = self._mapping.layout
        for name, (column, _) in self._mapping.columns.items():
            if layout.types[group_of(name)[0]] != "number":
                continue
            series = body[str(column)]
            wanted = series.str.contains(SIGNED if self._number == "point" else r"[.,]")
            if table.typed:
                wanted &= body[f"{column}k"] != NUMBER.decode()
            texts = series.filter(wanted.fill_null(value=False)).unique(maintain_order=True)
            if len(texts):
                before = self._numbers.get(name, NumbersSeen())
                self._numbers[name] = before.and_of(texts, series, body["row"])

    def proved(self) -> Proved:
        """What the tables have shown.

        Raises Refused with DUPLICATE_HEADER where two columns of one header differ.
        """
        if self._differs:
            head = self._differs
            refuse("DUPLICATE_HEADER", sheet=self._name, row=self._header, column=head, value=head)
        order, findings = date_order(self._name, self._mapping, self._dates)
        signs: dict[str, str] = {}
        for name, seen in self._numbers.items():
            place = cells.Place(self._name, name, *self._mapping.columns[name])
            signs[name], found = decimal_sign(
                numbers.Convention(seen.proved, seen.text), self._number, place, seen.row
            )
            findings += [found] if found else []
        return Proved(order, signs, tuple(findings))

    def straddling(self) -> pl.Series:
        """Hashes of the orders that have lines in more than one table."""
        if len(self._hashes) < 2:
            return pl.Series([], dtype=pl.UInt64)
        every = pl.concat(self._hashes).sort()
        return every.filter(every == every.shift(1)).unique()


def looked_at(mapping: Mapping) -> set[int]:
    """The columns of a sheet that a survey looks at, and those that tell its rows of data."""
    layout = mapping.layout
    names = {
        name
        for name in mapping.columns
        if name in ("order_no", "sku", "qty")
        or layout.types[group_of(name)[0]] in ("date", "moment", "number")
        or (layout.fill_order_no and name in layout.order_fields)
        or name in mapping.doubled
    }
    return {mapping.columns[name][0] for name in names}.union(*mapping.doubled.values())


class Keys:
    """A number for the order of each row, from table to table: a hash of its order number."""

    def __init__(self, mapping: Mapping) -> None:
        """Begin with a sheet's first table."""
        layout = mapping.layout
        self._order_no = (
            str(mapping.columns["order_no"][0]) if "order_no" in mapping.columns else ""
        )
        if layout.kind != "orders":
            self._order_no = ""
        self._filled = layout.fill_order_no
        alone = [one for one in layout.order_fields if one in mapping.columns]
        self._alone = [str(mapping.columns[one][0]) for one in alone if one != "ordered_at"]
        self._last: str | None = None

    def of(self, body: pl.DataFrame) -> pl.Series:
        """The hashes (UInt64) of a table's rows of data; null for a row of no order."""
        if not self._order_no:
            return pl.Series([None] * body.height, dtype=pl.UInt64)
        series = body[self._order_no]
        if not columns.settled(series, "order_no"):
            series = columns.as_identifier(columns.cleaned(series)[0], "order_no")
        if self._filled and series.null_count():
            hollow = [
                (pl.col(one).is_null() | (pl.col(one).str.strip_chars() == ""))
                for one in self._alone
            ]
            follows = pl.all_horizontal(pl.col("key").is_null(), *hollow)
            filled = pl.col("key").forward_fill().fill_null(pl.lit(self._last, pl.String))
            frame = body.with_columns(key=series)
            last = series.drop_nulls()
            series = frame.select(
                pl.when(follows).then(filled).otherwise("key").alias("key")
            ).to_series()
            self._last = last[-1] if len(last) else self._last
        elif self._filled and len(series):
            self._last = series[-1]
        frame = pl.DataFrame({"key": series, "hash": series.hash()})
        return frame.select(pl.when(pl.col("key").is_not_null()).then("hash")).to_series()


def _bare(frame: pl.DataFrame, column: int) -> pl.Series:
    return frame[str(column)].fill_null("").str.strip_chars()


def _dates_in(series: pl.Series, rows: pl.Series, twelve_hours: str) -> DatesSeen:
    """What the dates of a column show in one table."""
    likely = series.filter(series.str.contains(YEAR_LAST).fill_null(value=False)).unique()
    texts = [text for text in likely if dates.YEAR_LAST.fullmatch(text)]
    if not texts:
        return DatesSeen()
    at = series.is_in(pl.Series(texts).implode()).arg_true()[0]
    return DatesSeen(True, dates.order(texts, twelve_hours).proved, rows[at], series[at])


def _together(one: DatesSeen | None, other: DatesSeen) -> DatesSeen:
    if one is None or not one.seen:
        return other
    if not other.seen:
        return one
    return DatesSeen(True, _both(one.proved, other.proved), one.row, one.text)


def _both(*ways: str) -> str:
    proved = {way for way in ways if way}
    return "mixed" if len(proved) > 1 else next(iter(proved), "")


def date_order(
    name: str, mapping: Mapping, seen: dict[str, DatesSeen]
) -> tuple[str, list[Finding]]:
    """Day-first or month-first, from what the file proves or what the channel always writes.

    ``mixed`` where it proves both, ``open`` where nothing decides: then ``cells.undecided`` tells
    each cell. ``seen``: field → what its column's dates have shown.
    """
    layout = mapping.layout
    shown = {field: one for field, one in seen.items() if one.seen}
    if not shown:
        return "", []
    field, first = next((field, shown[field]) for field in mapping.columns if field in shown)
    proved = _both(*(one.proved for one in shown.values()))
    place = cells.Place(name, field, *mapping.columns[field])
    if proved == "mixed":
        return proved, []
    if layout.resaved_dates:
        return proved or "open", [place.finding("EXCEL_RESAVED", first.row, first.text)]
    if proved or layout.date_order:
        chosen = proved or layout.date_order
        note = place.finding("DATE_ORDER_ASSUMED", first.row, first.text, chosen)
        return chosen, [] if proved else [note]
    return "open", []
