"""What the registry takes of a block that was read: its orders, its rows, and how many of each.

All lines of an order lie in one block, so each block tells its orders whole.
"""

import hashlib
from collections import Counter
from itertools import accumulate, pairwise
from typing import Any

import polars as pl
import pyarrow as pa

from xborder.registry.orders import ENTRIES
from xborder.registry.patches import UNCHANGED

NO_ORDER = "ORDER_NO_MISSING"
"""Rows that carry no order number are held for this reason."""

STATUS_COLUMNS = ("status",)
"""What may change without changing what is declared."""

GONE = ["CANCELLED", "REFUNDED"]
"""Exclusions that say that an order has come to nothing, where no line of it is left."""

_PLACES = ("sheet", "row", "order_row")

MOST_CHARACTERS = 200
"""Characters of an order number that the registry keeps."""

RUNS: dict[str, pl.DataType] = {
    "sheet": pl.String(),
    "row": pl.UInt32(),
    "rows": pl.UInt32(),
    "lines": pl.UInt32(),
    "excluded": pl.String(),
    "order_no": pl.String(),
    "record": pl.UInt32(),
}
"""Physical rows that follow each other and are alike, as one: the first one's ``row``, how many
``rows`` there are, the text ``lines`` of each. ``record`` is the first one's index among the
block's records, the next row's is the next one; ``order_no`` stands where no record tells it."""


def bounded(frame: pl.DataFrame) -> pl.DataFrame:
    """Order numbers that an index of the database can hold.

    A number has 60 characters at most, and its order is held when it has more; a database
    refuses a key of some thousands, and with it the whole file. The end is told by its hash.
    """
    if "order_no" not in frame.columns:
        return frame
    number = pl.col("order_no")
    long = frame.select(number.filter(number.str.len_bytes() > MOST_CHARACTERS).unique())
    cut = {
        text: f"{text[:MOST_CHARACTERS]}…{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        for text in long.to_series()
        if len(text) > MOST_CHARACTERS
    }
    return frame.with_columns(number.replace(cut)) if cut else frame


def entries(records: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The orders of a block as the registry enters them: columns ``ENTRIES``, file order.

    ``digest`` is the SHA-256 of what would be declared, ``rows`` counts physical rows that
    were not excluded.
    """
    own = _together(records.filter(pl.col("order_no").is_not_null()))
    number = own.get_column("order_no")
    lengths = number.rle().struct.field("len").cast(pl.Int64)
    starts = lengths.cum_sum() - lengths
    live = (
        pl.DataFrame({"order_no": number.gather(starts), "lines": lengths})
        .with_columns(
            pl.Series("digest", _digests(*_said(own, number), lengths.to_list()), pl.String),
            _status_digests(own, number, starts, lengths),
            *_first(own, number, starts),
            pl.lit(value=False).alias("cancelled"),
        )
        .pipe(_with_rows, rows, number)
        .select(*ENTRIES)
    )
    return pl.concat([live, _gone(rows, live)]).sort("first_row", maintain_order=True)


def _first(own: pl.DataFrame, number: pl.Series, starts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """When each order was made, by its first line that tells, and its topmost row."""
    at, row = own.get_column("ordered_at"), own.get_column("row").cast(pl.Int64)
    told = at.gather(starts)
    rises = (row.diff() > 0) | (number != number.shift())
    if told.null_count() == 0 and rises.all():
        return told, row.gather(starts).rename("first_row")
    place = number.rle_id()
    first = (
        pl.DataFrame({"ordered_at": at, "row": row, "place": place})
        .group_by("place", maintain_order=True)
        .agg(pl.col("ordered_at").drop_nulls().first(), pl.col("row").min().alias("first_row"))
    )
    return first.get_column("ordered_at"), first.get_column("first_row")


def _with_rows(live: pl.DataFrame, rows: pl.DataFrame, number: pl.Series) -> pl.DataFrame:
    """The orders with ``rows``, how many physical rows of each were not excluded."""
    named = rows.get_column("order_no")
    if rows.get_column("excluded").null_count() == rows.height and named.equals(number):
        # A row is a line, as in nearly every file.
        return live.with_columns(rows="lines")
    counts = (
        rows.filter(pl.col("excluded").is_null(), pl.col("order_no").is_not_null())
        .group_by("order_no")
        .agg(pl.len().cast(pl.Int64).alias("rows"))
    )
    return live.join(counts, on="order_no", how="left", maintain_order="left").with_columns(
        pl.col("rows").fill_null(0)
    )


def _together(records: pl.DataFrame) -> pl.DataFrame:
    """Lines of an order next to each other, orders by their first line."""
    number = records.get_column("order_no")
    if number.rle().len() == number.n_unique():
        return records
    first = pl.col("#at").min().over("order_no").alias("#first")
    placed = records.with_row_index("#at").with_columns(first)
    return placed.sort("#first", "#at").drop("#first", "#at")


def _said(records: pl.DataFrame, number: pl.Series) -> tuple[memoryview, list[int]]:
    """What the lines would declare, one after the other (UTF-8), and where each one begins.

    Every column tells, an absent one as NUL; RS ends a line. Within an order the lines are
    sorted: another arrangement of rows is the same order. The last place is the end of all.
    """
    parts: list[pl.Expr] = []
    text = ""
    for name in records.columns:
        if name in (*_PLACES, "order_no", *STATUS_COLUMNS):
            continue
        nulls = records.get_column(name).null_count()
        if nulls == records.height:
            text += "\x00\x1f"
            continue
        if text:
            parts.append(pl.lit(text))
        parts.append(pl.col(name).fill_null("\x00") if nulls else pl.col(name))
        text = "\x1f"
    parts.append(pl.lit(text[:-1] + "\x1e"))
    # As bytes, which sort like their characters: hashed as they are, never made into characters.
    said = records.select(pl.concat_str(parts).cast(pl.Binary)).to_series()
    same = number == number.shift()
    back = (said < said.shift()) & same
    if back.any():
        own = pl.DataFrame({"place": number.rle_id(), "said": said})
        # Only the orders that need it: their places among all stay as they are.
        mixed = own.get_column("place").filter(back.fill_null(value=False)).unique().implode()
        wanted = own.get_column("place").is_in(mixed)
        ordered = own.filter(wanted).sort("place", "said").get_column("said")
        said = said.scatter(wanted.arg_true(), ordered)
    held: Any = said.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = held.buffers()
    ends = pl.Series(values=pa.Array.from_buffers(pa.int64(), len(held) + 1, [None, offsets]))
    return memoryview(data or b""), ends.to_list()


def _digests(said: memoryview, ends: list[int], sizes: list[int]) -> list[str]:
    """SHA-256 of each order's lines, RS between them."""
    sha256 = hashlib.sha256
    places = [ends[at] for at in accumulate(sizes, initial=0)]
    return [sha256(said[one : end - 1]).hexdigest() for one, end in pairwise(places)]


def _status_digests(
    records: pl.DataFrame, number: pl.Series, starts: pl.Series, lengths: pl.Series
) -> pl.Series:
    """SHA-256 of what the lines of each order tell of its status, sorted; empty for nothing."""
    said = pl.concat_str([pl.col(name).fill_null("") for name in STATUS_COLUMNS])
    texts = records.select(said).to_series()
    told = pl.DataFrame({"text": texts.gather(starts), "len": lengths})
    differs = (texts != texts.shift()) & (number == number.shift())
    # Few statuses, mostly one an order: what several orders say is hashed once.
    once = told.unique()
    pairs = zip(once.get_column("text").to_list(), once.get_column("len").to_list(), strict=True)
    digests = [_status_digest([text] * size) for text, size in pairs]
    known = once.with_columns(pl.Series("status_digest", digests, pl.String))
    found = told.join(known, on=["text", "len"], how="left", maintain_order="left")
    digest = found.get_column("status_digest")
    if differs.any():
        places = number.rle_id().filter(differs.fill_null(value=False)).unique().sort()
        of_orders = zip(starts.gather(places).to_list(), lengths.gather(places).to_list(),
                        strict=True)  # fmt: skip
        several = [_status_digest(texts.slice(at, size).to_list()) for at, size in of_orders]
        digest = digest.scatter(places, pl.Series(several, dtype=pl.String))
    return digest


def _status_digest(texts: list[str]) -> str:
    said = "\x1e".join(sorted(texts)).encode()
    return hashlib.sha256(said).hexdigest() if any(texts) else ""


def _gone(rows: pl.DataFrame, live: pl.DataFrame) -> pl.DataFrame:
    """Orders that the file only names as cancelled or given back: a status and no content."""
    if rows.get_column("excluded").null_count() == rows.height:
        return live.clear()
    return (
        rows.filter(pl.col("excluded").is_in(GONE), pl.col("order_no").is_not_null())
        .join(live, on="order_no", how="anti")
        .group_by("order_no", maintain_order=True)
        .agg(pl.col("row").min().cast(pl.Int64).alias("first_row"))
        .select(
            "order_no",
            pl.lit("").alias("digest"),
            pl.lit("cancelled").alias("status_digest"),
            pl.lit(None, pl.String).alias("ordered_at"),
            pl.lit(value=True).alias("cancelled"),
            pl.lit(0, pl.Int64).alias("rows"),
            pl.lit(0, pl.Int64).alias("lines"),
            "first_row",
        )
    )


def runs(rows: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Every physical row of a block, those that follow each other and are alike as one: ``RUNS``."""
    told = rows
    if "order_no" in records.columns:
        of_record = records.get_column("order_no").gather(rows.get_column("record"))
        told = rows.with_columns(
            pl.when(pl.col("order_no").ne_missing(of_record)).then("order_no").alias("order_no")
        )
    number = pl.col("record").cast(pl.Int64)
    begins = pl.any_horizontal(
        pl.col("sheet").ne_missing(pl.col("sheet").shift()),
        pl.col("row").cast(pl.Int64).diff().ne_missing(1),
        (number.diff() != 1).fill_null(value=False)
        | (number.is_null() != number.shift().is_null()),
        pl.col("excluded").ne_missing(pl.col("excluded").shift()),
        pl.col("order_no").ne_missing(pl.col("order_no").shift()),
        pl.col("lines").ne_missing(pl.col("lines").shift()),
    )
    at = (
        told.select(begins.arg_true()).to_series()
        if told.height
        else pl.Series([], dtype=pl.UInt32)
    )
    if told.height and (at.is_empty() or at[0] != 0):
        at = pl.concat([pl.Series([0], dtype=at.dtype), at])
    ends = at.shift(-1).fill_null(told.height)
    return (
        told[at]
        .with_columns((ends - at).cast(pl.UInt32).alias("rows"))
        .select(pl.col(name).cast(kind) for name, kind in RUNS.items())
    )


def excluded_or_lost(rows: pl.DataFrame) -> Counter[tuple[str, str]]:
    """Rows of an order file that belong to no order, by (state, code)."""
    apart = rows.filter(pl.col("excluded").is_not_null() | pl.col("order_no").is_null())
    return _counted(
        apart.select("excluded", pl.lit(NO_ORDER).alias("why"), held=pl.lit(value=True))
    )


def all_rows(
    kept: pl.DataFrame, held: pl.Series, same: pl.Series | None = None
) -> Counter[tuple[str, str]]:
    """Rows of a block of a goods, shipment or stock file by (state, code).

    ``kept`` has the columns ``RUNS``, ``held`` the indices of records that are held; ``same``
    tells of each record of a corrected copy whether it is what it was.
    """
    last = pl.col("record") + pl.col("rows")
    single = kept.select(
        "excluded",
        pl.when(pl.col("record").is_null())
        .then(pl.int_ranges(0, "rows").list.eval(pl.lit(None, pl.Int64)))
        .otherwise(pl.int_ranges("record", last))
        .alias("record"),
    ).explode("record")
    if same is not None:
        as_it_was = pl.Series(same.arg_true(), dtype=pl.Int64).implode()
        unchanged = single["record"].is_in(as_it_was).fill_null(value=False)
        apart = Counter({("duplicate", UNCHANGED): int(unchanged.sum())})
        return apart + _counted_held(single.filter(~unchanged), held)
    return _counted_held(single, held)


def _counted_held(single: pl.DataFrame, held: pl.Series) -> Counter[tuple[str, str]]:
    is_held = pl.col("record").is_in(held.cast(pl.Int64).implode()).fill_null(value=False)
    return _counted(single.select("excluded", pl.lit("").alias("why"), held=is_held))


def _counted(rows: pl.DataFrame) -> Counter[tuple[str, str]]:
    state = (
        pl.when(pl.col("excluded").is_not_null())
        .then(pl.lit("excluded"))
        .when("held")
        .then(pl.lit("held"))
        .otherwise(pl.lit("accepted"))
    )
    code = pl.coalesce("excluded", "why")
    counted = rows.group_by(state.alias("state"), code.alias("code")).len()
    return Counter({(state, code): count for state, code, count in counted.rows()})
