"""What a channel's columns mean (栏目含义): from the rows as written to lines of an order.

A row is not always a line. Some channels write one row a unit, some all goods of an order into
one cell or side by side; some give the quantity before returns, the currency only as a sign,
the amount only for the whole order. Each is a word in the channel's layout and a function over
columns here; every function needs all rows of an order, and no others.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import polars as pl

from xborder.findings import Finding
from xborder.intake import numbers
from xborder.intake.cells import Place
from xborder.intake.layouts import Layout, fields
from xborder.intake.limits import refuse

DAMAGED = ("ID_DAMAGED_BY_EXCEL", "ID_SCIENTIFIC_NOTATION")
USUAL = r"^-?[0-9]{1,11}(?:\.[0-9]{1,5})?$"
AMOUNT = pl.Decimal(38, 10)
CENT = 2
ROWS = "rows"
"""The parameter by which COLUMNS_SHIFTED says that one row stands for nearly all."""
Places = Mapping[str, Place]
Finds = list[Finding]
Sign = tuple[str, Finding | None]


def written(series: pl.Series, name: str, layout: Layout, told: dict[str, pl.Series]) -> pl.Series:
    """A column as written, without the channel's words for nothing.

    Where the layout's ``signs`` know the sign of an amount (``US $ 25.98``), the currency of
    each line goes into ``told``; a sign that says nothing is left out by the layout.
    """
    if layout.empty and series.is_in(list(layout.empty)).any():
        series = series.set(series.is_in(list(layout.empty)).fill_null(value=False), None)
    if name in layout.sign_of and layout.signs:
        signs = sorted(layout.signs, key=len, reverse=True)
        found = series.str.extract("(" + "|".join(map(re.escape, signs)) + ")")
        sign = found.replace(dict(layout.signs))
        before = told.get("currency", sign)
        told["currency"] = before.zip_with(before.is_not_null(), sign)
    return series


def decimal_sign(seen: numbers.Convention, number: str, place: Place, row: int) -> Sign:
    """The decimal sign of a column, proved by it or given by the channel (``number``: point, comma
    or auto); ``mixed`` where it contradicts itself, "" for none.

    ``row``: where its first doubtful text stands. A finding where ``1,234`` was read as the
    channel writes numbers. Where a channel writes both signs, or the column does, every such
    cell is asked about: see ``cells.either``.
    """
    text = seen.doubtful
    if seen.proved or not text:
        return seen.proved or "point", None
    if number == "auto":
        return "", None
    if number == "point" and "," not in text:
        return "point", None
    usual = numbers.canonical(text, number)
    return number, place.finding("NUMBER_SIGN_ASSUMED", row, text, usual)


def completed(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Fallbacks, quantities after returns, amounts that a better one makes superfluous."""
    for name, others in layout.fallback.items():
        known = [pl.col(one) for one in (name, *others) if one in frame.columns]
        if known:
            frame = frame.with_columns(pl.coalesce(known).alias(name))
    for name, better in layout.unless.items():
        if name in frame.columns and better in frame.columns:
            kept = pl.when(pl.col(better).is_null()).then(pl.col(name))
            frame = frame.with_columns(kept.alias(name))
    for name, returned in layout.net.items():
        less = [one for one in returned if one in frame.columns]
        if name in frame.columns and less:
            frame = _net(frame, name, less, layout.scale)
    return frame


def _net(
    frame: pl.DataFrame, name: str, returned: list[str], scale: tuple[str, ...]
) -> pl.DataFrame:
    before = _amount(name)
    gone = pl.sum_horizontal(_amount(one).abs().fill_null(0) for one in returned)
    left = before - gone
    some = pl.when(before > 0).then(before)
    changed = gone.gt(0).fill_null(False) & before.is_not_null()
    amounts = [
        pl.when(changed & _amount(one).is_not_null() & before.gt(0))
        .then(_text((_amount(one) * left / some).round(5, mode="half_away_from_zero")))
        .otherwise(pl.col(one))
        .alias(one)
        for one in scale
        if one in frame.columns
    ]
    net = pl.when(changed).then(_text(left)).otherwise(pl.col(name)).alias(name)
    return frame.with_columns(net, *amounts)


def lines_of(
    frame: pl.DataFrame, layout: Layout, places: Places
) -> tuple[pl.DataFrame, pl.DataFrame, Finds]:
    """Lines of the rows that are not ``excluded``, the rows with their ``record``, findings.

    ``record`` is the number of the line that a row became; of several the first.
    """
    kept = frame.filter(pl.col("excluded").is_null())
    found: Finds = []
    if layout.groups:
        kept = _side_by_side(kept)
    if layout.items and layout.items["field"] in kept.columns:
        kept, found = _from_one_cell(kept, layout, places)
    if layout.allocate:
        kept, more = _allocated(kept, layout, places)
        found += more
    if layout.one_unit_rows and kept.height:
        kept, placed = _counted(kept, layout)
    elif layout.groups or layout.items:
        placed = kept.select("row", record=pl.int_range(pl.len(), dtype=pl.UInt32))
        placed = placed.unique("row", keep="first", maintain_order=True)
    else:
        number = (pl.col("excluded").is_null().cum_sum() - 1).cast(pl.UInt32)
        whole = frame.with_columns(record=pl.when(pl.col("excluded").is_null()).then(number))
        return kept, whole, found
    return kept, frame.join(placed, on="row", how="left", maintain_order="left"), found


def stop(layout: Layout, found: Finds) -> None:
    """Refuse what was recognised and cannot be read rightly, after all findings are known.

    A renamed column stops the file: it may be the one that tells cancelled orders. A report
    that cannot work is refused with the one to export instead; where its identifiers are
    damaged, that comes first, for nothing in such a file can be trusted.
    """
    renamed = [one for one in found if one.code == "COLUMN_RENAMED"]
    if renamed:
        pairs = ", ".join(f"{one.column} → {one.expected}" for one in renamed)
        refuse("HEADER_CHANGED", sheet=renamed[0].sheet, row=renamed[0].row, value=pairs)
    gone = [one for one in found if one.code == "COLUMN_MISSING" and not layout.recognise]
    if gone:
        # What an exporter said of its own sheet is all that is known of it.
        names = ", ".join(one.expected for one in gone)
        place = {"sheet": gone[0].sheet, "row": gone[0].row}
        refuse("MAPPED_COLUMN_GONE", value=layout.layout, expected=names, **place)
    if not layout.refuse:
        return
    damaged = next((one for one in found if one.code in DAMAGED), None)
    code = "IDENTIFIERS_DAMAGED" if damaged else layout.refuse
    refuse(
        code,
        value=damaged.value if damaged else layout.layout,
        cell=damaged.cell if damaged else "",
        title_zh=layout.title_zh,
        title_en=layout.title_en,
        advice_zh=layout.advice_zh,
        advice_en=layout.advice_en,
    )


def group_of(name: str) -> tuple[str, int]:
    """``qty#2`` → the canonical field and the number of its group; 1 without a mark."""
    field, _, number = name.partition("#")
    return field, int(number or 1)


def _side_by_side(frame: pl.DataFrame) -> pl.DataFrame:
    """Goods that stand side by side in one row (宽表) → one line each, in their order."""
    numbers_there = sorted({group_of(name)[1] for name in frame.columns})
    repeated = {group_of(name)[0] for name in frame.columns if "#" in name}
    if not repeated:
        return frame
    marked = [name for name in frame.columns if "#" in name]
    alike = frame.drop(marked)
    parts = []
    for number in numbers_there:
        mine = {
            field: frame[f"{field}#{number}" if number > 1 else field]
            if (f"{field}#{number}" if number > 1 else field) in frame.columns
            else pl.Series(field, [None] * frame.height, dtype=pl.String)
            for field in repeated
        }
        part = alike.with_columns(*(series.alias(name) for name, series in mine.items()))
        parts.append(part.with_columns(x_group=pl.lit(number)))
    whole = pl.concat(parts).sort("row", "x_group", maintain_order=True)
    filled = pl.any_horizontal(pl.col(name).is_not_null() for name in sorted(repeated))
    whole = whole.filter(filled | (pl.col("x_group") == 1))
    # By the number of its goods a line finds its own cells again.
    return whole.with_columns(line_no=pl.col("x_group").cast(pl.String)).drop("x_group")


def _from_one_cell(
    frame: pl.DataFrame, layout: Layout, places: Places
) -> tuple[pl.DataFrame, Finds]:
    """All goods of an order in one cell → one line each; what cannot be read is a finding."""
    told = dict(layout.items)
    name = told.pop("field")
    mark, cut = told.pop("mark"), told.pop("cut", "")
    pieces = pl.col(name).str.replace_all(mark, "\x1e").str.split("\x1e")
    frame = frame.with_columns(pieces.list.eval(pl.element().filter(pl.element() != ""))).explode(
        name
    )
    text = pl.col(name).str.strip_chars()
    read = [text.str.extract(pattern).str.strip_chars().alias(one) for one, pattern in told.items()]
    if cut:
        goods = text.str.replace(f"(?s){cut}.*$", "").str.strip_chars()
        read.append(goods.replace("", None).alias("goods_name"))
    frame = frame.with_columns(read)
    unread = frame.filter(pl.col("qty").is_null() | pl.col("sku").is_null())
    rows = unread["row"].unique(maintain_order=True).to_list()
    place = places.get(name)
    return frame, [place.finding("ITEMS_NOT_READ", row) for row in rows] if place else []


def _allocated(frame: pl.DataFrame, layout: Layout, places: Places) -> tuple[pl.DataFrame, Finds]:
    """An order's amount shared out over its lines by quantity, to the cent.

    The cents that are left over go to the line of the largest quantity. Lines that have an
    amount of their own keep it.
    """
    total, less = layout.allocate["total"], layout.allocate.get("minus", ())
    if total not in frame.columns or frame.is_empty():
        return frame, []
    minus = [_amount(one).abs().fill_null(0) for one in less if one in frame.columns]
    over = "order_row"
    qty = _amount("qty")
    own = [one for one in ("unit_price", "line_total") if one in frame.columns]
    bare = pl.all_horizontal(pl.col(one).is_null() for one in own) if own else pl.lit(True)
    frame = frame.with_columns(
        x_whole=(_amount(total) - pl.sum_horizontal(minus) if minus else _amount(total))
        .first()
        .over(over),
        x_all=qty.filter(qty > 0).sum().over(over),
        x_able=(bare & (qty > 0)).fill_null(False).all().over(over),
    )
    able = pl.col("x_able") & pl.col("x_whole").is_not_null() & (pl.col("x_whole") >= 0)
    share = (pl.col("x_whole") * qty / pl.when(pl.col("x_all") > 0).then("x_all")).round(
        CENT, mode="half_away_from_zero"
    )
    frame = frame.with_columns(x_share=pl.when(able).then(share))
    largest = qty.arg_max().over(over) == pl.int_range(pl.len()).over(over)
    rest = pl.col("x_whole") - pl.col("x_share").sum().over(over)
    frame = frame.with_columns(
        x_share=pl.when(largest).then(pl.col("x_share") + rest).otherwise(pl.col("x_share"))
    )
    now = pl.col("line_total") if "line_total" in frame.columns else pl.lit(None, dtype=pl.String)
    frame = frame.with_columns(line_total=pl.coalesce(now, _text(pl.col("x_share"))))
    several = frame.filter(pl.col("x_share").is_not_null() & (pl.len().over(over) > 1))
    place = places.get(total)
    found = (
        [
            place.finding("AMOUNT_ALLOCATED", one["row"], one[total] or "")
            for one in several.unique(over, keep="first", maintain_order=True)
            .select("row", total)
            .iter_rows(named=True)
        ]
        if place
        else []
    )
    return frame.drop("x_whole", "x_all", "x_able", "x_share"), found


def _counted(frame: pl.DataFrame, layout: Layout) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row a unit → lines with a quantity; rows that are alike in the layout's key."""
    key = [name for name in layout.one_unit_rows if name in frame.columns]
    lone = pl.when(pl.any_horizontal(pl.col(name).is_null() for name in key)).then(pl.col("row"))
    frame = frame.with_columns(x_lone=lone)
    sums = [name for name in layout.scale if name in frame.columns]
    grouped = frame.group_by(*key, "x_lone", maintain_order=True).agg(
        pl.exclude(*key, "x_lone", *sums).first(),
        *(_amount(name).sum().alias(f"x_{name}") for name in sums),
        *(pl.col(name).first() for name in sums),
        x_units=pl.len().cast(pl.String),
        x_rows=pl.col("row"),
    )
    grouped = grouped.with_columns(
        *(
            pl.when(pl.col(name).is_not_null()).then(_text(pl.col(f"x_{name}"))).alias(name)
            for name in sums
        ),
        qty=pl.col("x_units"),
        row=pl.col("x_rows").list.first(),
    )
    placed = grouped.select(
        pl.col("x_rows").alias("row"), record=pl.int_range(pl.len(), dtype=pl.UInt32)
    ).explode("row")
    return grouped.drop("x_lone", "x_units", "x_rows", *(f"x_{one}" for one in sums)), placed


def shifted(frame: pl.DataFrame, kind: str, places: Places) -> Iterator[Finding]:
    """Rows whose values stand under their neighbours' heads: several typed cells at once hold
    what their columns cannot (a word for a quantity, an amount for a date)."""
    tests = {
        "number": r"^-?[0-9]+(?:\.[0-9]+)?$",
        "moment": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "currency": r"^[^0-9@.]{1,30}$",
        "country": r"^(?:[^0-9@]{2,60}|[0-9]{3})$",
    }
    typed = {
        name: tests[type_]
        for name, type_ in fields(kind).items()
        if type_ in tests and name in frame.columns
    }
    if len(typed) < 3 or frame.is_empty():
        return
    # A row that is shifted shows it in one of these; their few distinct texts are soon seen.
    telling = [name for name in ("qty", "currency", "country") if name in typed]
    shows = pl.lit(value=False)
    for name in telling:
        distinct = frame[name].drop_nulls().unique()
        odd = distinct.filter(~distinct.str.contains(typed[name]))
        if len(odd):
            shows |= pl.col(name).is_in(odd.implode())
    likely = frame.filter(shows)
    if likely.is_empty():
        return
    wrong = pl.sum_horizontal(
        (~pl.col(name).str.contains(pattern)).fill_null(False) for name, pattern in typed.items()
    )
    there = pl.sum_horizontal(pl.col(name).is_not_null() for name in typed)
    found = likely.filter((wrong >= 2) & (wrong * 2 >= there))
    place = next(iter(places.values()))
    if found.height * 2 > frame.height and frame.height > 1:
        # Nearly all are: the first one stands for them.
        yield replace(place.finding("COLUMNS_SHIFTED", found["row"][0]), params={ROWS: "all"})
        return
    for row in found["row"].to_list():
        yield place.finding("COLUMNS_SHIFTED", row)


def _amount(name: str) -> pl.Expr:
    """A number of the size that orders have; null for any other, which stays as written.

    Products of two, divided by the smallest, fit the decimal type: Polars stops where not.
    """
    usual = pl.when(pl.col(name).str.contains(USUAL)).then(pl.col(name))
    return usual.cast(AMOUNT, strict=False)


def _text(amount: pl.Expr) -> pl.Expr:
    """A decimal as canonical text."""
    written = amount.cast(AMOUNT).cast(pl.String)
    return written.str.strip_chars_end("0").str.strip_chars_end(".")
