"""Corrected copies (改正件): an annotated copy that comes back, of which only what changed counts.

What is compared is content, not place: the lines of an order (the rows of a SKU, shipment or
movement) as this file's reading and its original's tell them. An order whose lines are all as
they were is not entered again: what another file said of it meanwhile stands. One of which
anything changed comes in as from any file, with all its lines; rows of it that are as they were
count as ``duplicate`` all the same.
"""

from collections.abc import Callable
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, select

from xborder.registry.database import reading
from xborder.registry.store import Store
from xborder.registry.tables import upload_rows, uploads

UNCHANGED = "UNCHANGED"
"""Rows of a corrected copy that say what they said count under this code."""

_KEYS = {
    "orders": ["order_no"],
    "goods": ["sku"],
    "shipments": ["order_no"],
    "prices": ["sku"],
    "stock": ["warehouse", "movement_id"],
}
"""What comes into force as a whole."""

_PLACES = ("sheet", "row", "order_row")
_LINE = ["#key", "#text", "#nth"]


class Patch:
    """A file that is a corrected copy of the upload ``of``, compared block by block."""

    def __init__(self, store: Store, of: int, kind: str, folder: tuple[str, ...]) -> None:
        """``folder``: where the original's reading lies."""
        self.of, self.kind = of, kind
        self._store, self._folder = store, folder

    def compared(self, records: pl.DataFrame) -> pl.DataFrame:
        """For each record whether it says what one of the original says (``alike``), and
        whether all of its order, SKU … does (``same``)."""
        key = _KEYS[self.kind]
        lines = _lines(records, key)
        there = self._lines_of_original(lines.select("#key").unique(), key)
        alike = lines.join(there.with_columns(alike=True), on=_LINE, how="left",
                           maintain_order="left")["alike"].fill_null(value=False)  # fmt: skip
        sizes = there.group_by("#key").len("#before")
        whole = lines.with_columns(alike=alike).join(
            sizes, on="#key", how="left", maintain_order="left"
        )
        return whole.select(
            "alike",
            same=pl.col("alike").all().over("#key") & (pl.len().over("#key") == pl.col("#before")),
        ).with_columns(pl.col("same").fill_null(value=False))

    def _lines_of_original(self, keys: pl.DataFrame, key: list[str]) -> pl.DataFrame:
        where = (*self._folder, "records.parquet")
        parts = [keys.clear().with_columns(pl.lit(0, pl.UInt64).alias("#text"))]
        if self._store.exists(*where):
            for block in range(len(self._store.block_rows(*where))):
                read = _texts(self._store.read_parquet(*where, blocks=[block]), key)
                parts.append(read.join(keys, on="#key", how="semi"))
        return _numbered(pl.concat(parts))

    def orders(
        self, records: pl.DataFrame, rows: pl.DataFrame, entered: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.Series, pl.Series]:
        """Of a block of orders: those to enter, with their changed rows only; which rows are as
        they were; the numbers of the orders that are."""
        told = records.select("order_no", "sheet", "row").hstack(self.compared(records))
        same = told.filter("same")["order_no"].drop_nulls().unique()
        # A row that became several records is unchanged if each of them is.
        alike = told.select(pl.col("alike").all().over("sheet", "row")).to_series()
        unchanged = rows.select(
            pl.col("excluded").is_null()
            & (
                alike.gather(rows["record"]).fill_null(value=False)
                | pl.col("order_no").is_in(same.implode()).fill_null(value=False)
            )
        ).to_series()
        changed = (
            rows.filter(~unchanged & rows["excluded"].is_null(), pl.col("order_no").is_not_null())
            .group_by("order_no")
            .agg(pl.len().cast(pl.Int64).alias("#rows"))
        )
        gone = (pl.col("digest") == "") & pl.col("order_no").is_in(self._gone().implode())
        kept = entered.filter(~pl.col("order_no").is_in(same.implode()), ~gone)
        kept = kept.join(changed, on="order_no", how="left", maintain_order="left")
        return (
            kept.with_columns(pl.col("#rows").fill_null(0).alias("rows")).drop("#rows"),
            unchanged,
            same,
        )

    def rest(
        self, records: pl.DataFrame, valid: pl.DataFrame, found: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series]:
        """Of a block of a goods, shipment or stock file: the valid rows and the findings of what
        changed, and which records belong to what did not."""
        same = self.compared(records)["same"]
        key = _KEYS[self.kind]
        apart = records.filter(same).select(*key)
        rows = records.filter(same).select("sheet", "row").unique().with_columns(same=True)
        told = found.join(rows, on=["sheet", "row"], how="left", maintain_order="left")
        return (
            valid.join(apart, on=key, how="anti", maintain_order="left"),
            found.filter(told["same"].is_null()),
            same,
        )

    def _gone(self) -> pl.Series:
        """Orders of which the original, too, told nothing but that they are cancelled."""
        where = (*self._folder, "entries.parquet")
        if not self._store.exists(*where):
            return pl.Series([], dtype=pl.String)
        told = self._store.read_parquet(*where, columns=["order_no", "digest"])
        return told.filter(pl.col("digest") == "")["order_no"]


def find(
    engine: Engine,
    store: Store,
    upload: Any,
    sha256: str,
    folder: Callable[[int], tuple[str, ...]],
) -> Patch | None:
    """The upload that holds these bytes, of the same exporter and shop, if it was read.

    ``folder`` gives the place of a reading. A copy of a file that is not known is a file.
    """
    own = {"exporter": upload.exporter, "shop": upload.shop, "sha256": sha256}
    read = uploads.c.state.in_(["read", "checked"]) & (uploads.c.id != upload.id)
    with reading(engine) as c:
        found = c.execute(select(uploads.c.id, uploads.c.kind).filter_by(**own).where(read)).first()
    if found is None or found.kind not in _KEYS:
        return None
    return Patch(store, found.id, found.kind, folder(found.id))


def _texts(records: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Each record's key and content, as one text and one hash."""
    content = [name for name in records.columns if name not in _PLACES]
    return records.select(
        pl.concat_str([pl.col(name).fill_null("\0") for name in key], separator="\x1f").alias(
            "#key"
        ),
        pl.concat_str(
            [pl.col(name).cast(pl.String).fill_null("\0") for name in content], separator="\x1f"
        )
        .hash()
        .alias("#text"),
    )


def _numbered(texts: pl.DataFrame) -> pl.DataFrame:
    return texts.with_columns(pl.int_range(pl.len()).over("#key", "#text").alias("#nth"))


def _lines(records: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    return _numbered(_texts(records, key))


def told_of(c: Connection, upload: Any) -> dict[str, Any] | None:
    """What a receipt says of a corrected copy: of which upload, how many rows changed and how
    many did not; None for a file of its own."""
    if upload.patch_of is None:
        return None
    counted = select(upload_rows).where(upload_rows.c.upload_id == upload.id)
    apart = unchanged = 0
    for row in c.execute(counted):
        apart += row.rows if row.state == "excluded" else 0
        unchanged += row.rows if row.code == UNCHANGED else 0
    name = c.scalar(select(uploads.c.file_name).where(uploads.c.id == upload.patch_of))
    changed = (upload.rows or 0) - apart - unchanged
    of = {"upload_id": upload.patch_of, "file_name": name}
    return of | {"changed": changed, "unchanged": unchanged}
