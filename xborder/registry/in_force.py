"""What is in force (现行资料): the goods catalogue and the shipments that orders are checked against.

A catalogue is small and lies in memory as a whole. The shipments of a large exporter do not:
they are parted by the check that needs them, and what does not fit waits in a temporary file.
"""

import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from xborder.checks.context import records_schema
from xborder.checks.joined import ORDER, one_row_each
from xborder.registry.store import Store

PARCEL = [*ORDER, "logistics_code", "logistics_no"]

MOST_HELD = 64 * 1024 * 1024
"""Bytes of parted shipments in memory; more goes to the temporary file."""


def _file(kind: str, upload_id: int) -> tuple[str, str, str]:
    return ("lake", kind, f"{upload_id:08d}.parquet")


def goods(store: Store, uploads: Sequence[int]) -> pl.DataFrame:
    """The catalogue in force: the latest row of each SKU; ``uploads`` in order of their coming."""
    none = pl.DataFrame(schema=records_schema("goods"))
    parts: list[pl.DataFrame] = []
    # The newest file first: of the older ones only what no newer one tells is kept.
    known = none.select("sku")
    for upload_id in reversed(uploads):
        if not store.exists(*_file("goods", upload_id)):
            continue
        told = store.read_parquet(*_file("goods", upload_id))
        told = told.unique("sku", keep="last", maintain_order=True).join(
            known, on="sku", how="anti", maintain_order="left", nulls_equal=True
        )
        parts.append(told)
        known = pl.concat([known, told.select("sku")])
    return pl.concat([none, *reversed(parts)], how="diagonal")


def prices(store: Store, uploads: Sequence[int]) -> pl.DataFrame:
    """The prices in force: the latest of each shop and SKU; ``uploads`` in order of their coming."""
    none = pl.DataFrame(schema=records_schema("price"))
    parts = [
        store.read_parquet(*_file("prices", one))
        for one in uploads
        if store.exists(*_file("prices", one))
    ]
    told = pl.concat([none, *parts], how="diagonal")
    return told.unique(["shop", "sku"], keep="last", maintain_order=True)


def shipments(store: Store, uploads: Sequence[int]) -> pl.DataFrame:
    """All shipments in force: for each order the rows of the latest file that names it (two rows
    there are two parcels); ``uploads`` in order of their coming."""
    return _latest(
        told.with_columns(pl.lit(place, pl.Int64).alias("place"))
        for place, upload_id in enumerate(uploads)
        if store.exists(*_file("shipments", upload_id))
        for told in [store.read_parquet(*_file("shipments", upload_id))]
    )


def _latest(parts: Iterable[pl.DataFrame], columns: Sequence[str] | None = None) -> pl.DataFrame:
    none = pl.DataFrame(schema=records_schema("shipment") | {"place": pl.Int64()})
    if columns is not None:
        none = none.select(*columns, "place")
    every = pl.concat([none, *parts], how="diagonal")
    if not one_row_each(every):
        latest = pl.col("place") == pl.col("place").max().over(ORDER)
        every = every.filter(latest).unique(PARCEL, keep="last", maintain_order=True)
    return every.drop("place")


def _key() -> pl.Expr:
    return pl.struct(ORDER).hash().alias("key")


class Parted:
    """The shipments in force of an exporter's orders, parted by the check that needs them."""

    def __init__(self, scratch: Path) -> None:
        """``scratch``: the folder of the temporary file, made when it is needed."""
        self._scratch = scratch
        self._keys: list[tuple[int, pl.Series]] = []
        self._held: dict[int, list[pl.DataFrame]] = {}
        self._bytes = 0
        self._spilled: dict[int, list[tuple[int, int]]] = {}
        self._file: io.BufferedRandom | None = None

    def __enter__(self) -> Self:
        """The parts themselves."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the temporary file."""
        if self._file is not None:
            self._file.close()

    def wants(self, part: int, orders: pl.DataFrame) -> None:
        """These orders (shop, order_no) belong to that part; told before ``take``."""
        self._keys.append((part, orders.select(_key()).to_series()))

    def take(self, store: Store, uploads: Sequence[int]) -> None:
        """Go through the shipment files, in order of their coming, and part their rows."""
        keys = self._wanted()
        if keys.is_empty():
            return
        # Two orders of one hash in two parts: the second and later stand aside.
        again = (keys["key"] == keys["key"].shift()).fill_null(value=False)
        others = keys.filter(again & (keys["part"] != keys["part"].shift()))
        if again.any():
            keys = keys.filter(~again)
        for place, upload_id in enumerate(uploads):
            where = _file("shipments", upload_id)
            if not store.exists(*where):
                continue
            columns: list[str] | None = ORDER
            for block in range(len(store.block_rows(*where))):
                rows = store.read_parquet(*where, columns=columns, blocks=[block])
                named = rows.select(_key())
                found = _parts(named, keys)
                if found.is_empty():
                    columns = ORDER
                    continue
                if others.height:
                    more = named.with_row_index("at").join(others, on="key").select("at", "part")
                    found = pl.concat([found, more])
                if columns:
                    rows = store.read_parquet(*where, blocks=[block])
                # The next block of a file of which something is wanted is read at once.
                columns = None
                self._add(rows[found["at"]].with_columns(found["part"], _place(place)))

    def _wanted(self) -> pl.DataFrame:
        """The hashes of all orders, sorted (key UInt64), and whose they are (part UInt32).

        Of millions, so the columns are put in order one by one: each copy counts.
        """
        hashes = pl.concat([pl.Series(dtype=pl.UInt64), *(own for _, own in self._keys)])
        parts = pl.concat(
            [pl.Series(dtype=pl.UInt32)]
            + [pl.repeat(part, own.len(), dtype=pl.UInt32, eager=True) for part, own in self._keys]
        )
        self._keys = []
        order = hashes.arg_sort()
        hashes = hashes.gather(order).alias("key")
        return pl.DataFrame([hashes, parts.gather(order).alias("part")])

    def _add(self, rows: pl.DataFrame) -> None:
        # Of some twenty columns half are empty in most files, and need not wait anywhere.
        rows = rows.select(one for one in rows if one.null_count() < rows.height)
        for (part,), own in rows.partition_by(
            "part", as_dict=True, include_key=False, maintain_order=True
        ).items():
            self._held.setdefault(int(str(part)), []).append(own)
        self._bytes += int(rows.estimated_size())
        if self._bytes > MOST_HELD:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            self._scratch.mkdir(parents=True, exist_ok=True)
            # Without a name: it is gone with the process, however that ends.
            self._file = tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115 - closed at exit
        for part in sorted(self._held):
            data = io.BytesIO()
            pl.concat(self._held[part], how="diagonal").write_ipc_stream(data)
            at = self._file.seek(0, os.SEEK_END)
            self._file.write(data.getbuffer())
            self._spilled.setdefault(part, []).append((at, data.tell()))
        self._file.flush()
        self._held, self._bytes = {}, 0

    def of(self, part: int) -> pl.DataFrame:
        """The shipments in force of one part's orders."""
        return _latest([*self._spilled_of(part), *self._held.get(part, [])])

    def parcels_of(self, part: int) -> pl.DataFrame:
        """The same as order and logistics number alone (``PARCEL``)."""
        told = [*self._spilled_of(part), *self._held.get(part, [])]
        named = (
            one.select(name for name in (*PARCEL, "place") if name in one.columns) for one in told
        )
        return _latest(named, PARCEL)

    def _spilled_of(self, part: int) -> Iterator[pl.DataFrame]:
        for at, length in self._spilled.get(part, []):
            assert self._file is not None
            yield pl.read_ipc_stream(io.BytesIO(os.pread(self._file.fileno(), length, at)))


def _place(place: int) -> pl.Expr:
    return pl.lit(place, pl.Int64).alias("place")


def _parts(named: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Which rows are wanted, and by which part: frame [at, part]; ``keys`` is sorted by key."""
    hashes = named.get_column("key")
    at = keys.get_column("key").search_sorted(hashes).clip(upper_bound=keys.height - 1)
    return (
        pl.DataFrame({"part": keys.get_column("part").gather(at)})
        .with_row_index("at")
        .filter(keys.get_column("key").gather(at) == hashes)
    )
