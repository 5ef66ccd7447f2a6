"""How an exporter's open orders are parted into checks, and what orders of several parts share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection

from xborder.checks.joined import ORDER, one_row_each
from xborder.registry import in_force, orders, readings, uploads, waybills
from xborder.registry.store import Store

_LINES_OF_AN_ORDER = 20
"""More lines than that an order hardly has: of a block with few open orders few lines count."""

Block = tuple[int, int | None]
"""Upload and number of the block; None: all of the file."""

_WAYBILL = ["logistics_code", "logistics_no"]


@dataclass(frozen=True)
class Part:
    """Blocks whose open orders are checked together.

    ``whole`` are the blocks of which every order is open and waits, ``completes`` the uploads
    of which no later part has a block.
    """

    number: int
    exporter: str
    version: str
    blocks: tuple[Block, ...]
    whole: frozenset[Block]
    completes: tuple[int, ...]

    def orders(self, connection: Connection) -> pl.DataFrame:
        """The orders that wait; columns ``OPEN_ORDERS``, in order of upload, block and number."""
        return pl.concat(
            orders.open_orders(connection, self.exporter, self.version, upload_id, block)
            for upload_id, block in self.blocks
        )

    def numbers(self, connection: Connection, store: Store) -> pl.DataFrame:
        """The same orders as shop and order_no alone."""
        told = []
        for upload_id, block in self.blocks:
            if (upload_id, block) in self.whole:
                # Every order of the block waits: the lake tells them faster than the registry.
                shop = uploads.get(connection, upload_id).shop
                named = _entered(store, upload_id, block)
                told.append(named.select(pl.lit(shop).alias("shop"), "order_no"))
            else:
                found = orders.open_orders(
                    connection, self.exporter, self.version, upload_id, block
                )
                told.append(found.select(ORDER))
        return pl.concat(told)


def _entered(store: Store, upload_id: int, block: int | None) -> pl.DataFrame:
    return store.read_parquet(
        *readings.folder(upload_id), "entries.parquet", columns=["order_no"],
        blocks=None if block is None else [block],
    )  # fmt: skip


def parts_of(
    connection: Connection, store: Store, exporter: str, version: str, size: int
) -> list[Part]:
    """An exporter's open orders in parts: whole blocks, in their order, small ones together up
    to ``size`` lines."""
    gathered: list[list[Block]] = []
    whole: set[Block] = set()
    room = 0
    sizes: dict[int, tuple[list[int], list[int]]] = {}
    for upload_id, block, waiting in orders.open_blocks(connection, exporter, version).rows():
        if upload_id not in sizes:
            sizes = {upload_id: _sizes(store, upload_id)}
        lines, entered = sizes[upload_id]
        if block is None:
            most = sum(lines)
        else:
            most = lines[block]
            if waiting == entered[block]:
                whole.add((upload_id, block))
        most = min(most, waiting * _LINES_OF_AN_ORDER)
        if most > room:
            gathered.append([])
            room = size
        gathered[-1].append((upload_id, block))
        room -= most
    last = {upload_id: number for number, part in enumerate(gathered) for upload_id, _ in part}
    return [
        Part(
            number,
            exporter,
            version,
            tuple(blocks),
            frozenset(whole.intersection(blocks)),
            tuple(upload_id for upload_id, at in last.items() if at == number),
        )
        for number, blocks in enumerate(gathered)
    ]


def _sizes(store: Store, upload_id: int) -> tuple[list[int], list[int]]:
    """Lines and orders of each block of a reading; no orders where it was not read in blocks."""
    where = readings.folder(upload_id)
    lines = store.block_rows(*where, "records.parquet")
    entered = (*where, "entries.parquet")
    return lines, store.block_rows(*entered) if store.exists(*entered) else []


def shared_waybills(
    connection: Connection, store: Store, parts: Sequence[Part], shipments: in_force.Parted
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Logistics numbers that orders of the parts share, with each other and with others before.

    The first: those that two waiting orders have. The second: who has taken a number that a
    waiting order of another number has too, as the registry knew it before the first of them
    is checked.
    """
    hashes, taken = [], []
    for part in parts:
        first = _first_parcels(shipments.parcels_of(part.number))
        found = waybills.taken(connection, first.select(_WAYBILL))
        own = first.select(*_WAYBILL, *(pl.col(name).alias(f"own.{name}") for name in ORDER))
        other = (pl.col("own.shop") != pl.col("shop")) | (
            pl.col("own.order_no") != pl.col("order_no")
        )
        clash = found.join(own, on=_WAYBILL).filter(other).select(found.columns)
        taken.append(found.join(clash.unique(), on=found.columns, how="semi"))
        hashes.append(first.select(pl.struct(_WAYBILL).hash().alias("hash")))
    every = pl.concat(hashes).get_column("hash").sort()
    twice = every.filter(every == every.shift()).unique()
    shared = pl.DataFrame(schema=dict.fromkeys(_WAYBILL, pl.String))
    if twice.len():
        shared = _shared(twice, (_first_parcels(shipments.parcels_of(one.number)) for one in parts))
    return shared, pl.concat(taken)


def slices(lines: pl.DataFrame, size: int) -> list[pl.DataFrame]:
    """Lines of a part in slices of whole orders; one, unless a block was far too large."""
    if lines.height <= 2 * size:
        return [lines]
    sizes = lines.group_by(ORDER, maintain_order=True).len()
    nth = ((pl.col("len").cum_sum() - pl.col("len")) // size).alias("nth")
    placed = lines.join(sizes.select(*ORDER, nth), on=ORDER, maintain_order="left")
    return placed.partition_by("nth", maintain_order=True, include_key=False)


def _first_parcels(shipped: pl.DataFrame) -> pl.DataFrame:
    """Of parcels (``in_force.PARCEL``) the one by which each order goes, as the checks see it: its first."""
    if one_row_each(shipped):
        return shipped
    return shipped.unique(ORDER, keep="first", maintain_order=True)


def _shared(twice: pl.Series, parcels: Iterable[pl.DataFrame]) -> pl.DataFrame:
    # Two numbers of one hash are not one number: the numbers themselves decide.
    counted = [
        first.filter(pl.struct(_WAYBILL).hash().is_in(twice.implode())).group_by(_WAYBILL).len()
        for first in parcels
    ]
    summed = pl.concat(counted).group_by(_WAYBILL).agg(pl.col("len").sum())
    return summed.filter(pl.col("len") > 1).select(_WAYBILL).sort(_WAYBILL)
