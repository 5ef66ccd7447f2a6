"""Volumes of a shop's orders (订单册): new orders lie together, however many there are already.

Each volume is a row of ``shops``, and the database's unique key (volume, order number) decides
what is new in the open one, which takes the new orders. Random numbers would else fall on pages
all over the index of all orders ever entered, and each of these pages would be written for one
number. Of a full volume a filter (Bloom) of its numbers is kept with the row that closes it: it
rules out nearly every number that the volume does not hold, and only the others are looked up.

A closed volume takes no order and loses none, and a number never changes. All of this goes on
under the lock of the one writer, so that two processes cannot enter one number twice.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import polars as pl
from sqlalchemy import Connection, select

from xborder.registry import counters
from xborder.registry.staging import fetch, run, stage, tuples
from xborder.registry.tables import order_filters, shops

if TYPE_CHECKING:
    import numpy as np

FULL = 1 << 19
"""Orders with which a volume is closed."""

PORTION = 100_000
"""Order numbers that are read at a time to make a filter."""

TRIED = 6
"""Bits of a filter that stand for a number."""

ROOM = 12
"""Bits of a filter for each number, at least: of a hundred numbers one is looked up in vain."""

LOCATED = {"order_no": pl.String, "order_id": pl.Int64}

OF_SHOP = """(SELECT v.id FROM shops s JOIN shops v
              ON v.exporter = s.exporter AND v.channel = s.channel AND v.shop = s.shop
              WHERE s.id = :shop)"""
"""All volumes of the shop of which ``:shop`` is one."""


def any_of(c: Connection, exporter: str, channel: str | None, shop: str) -> int | None:
    """A volume of a shop, as ``located`` and ``OF_SHOP`` take it; None where it has no orders."""
    named = {"exporter": exporter, "channel": channel, "shop": shop}
    found: int | None = c.scalar(select(shops.c.id).filter_by(**named).limit(1))
    return found


def opened(c: Connection, exporter: str, channel: str, shop: str) -> int:
    """The volume that takes a shop's new orders; made for a new shop, and after a full one."""
    named = {"exporter": exporter, "channel": channel, "shop": shop}
    asked = select(shops).filter_by(**named).order_by(shops.c.volume.desc()).limit(1)
    last = c.execute(asked).first()
    if last is not None and last.orders < FULL:
        return int(last.id)
    if last is not None:
        bits = filter_of(c, last.id, last.orders)
        c.execute(order_filters.insert().values(shop_id=last.id, bits=bits))
    following = counters.draw(c, "shop")
    volume = 1 if last is None else last.volume + 1
    c.execute(shops.insert().values(id=following, volume=volume, orders=0, **named))
    return following


def count(c: Connection, volume: int, new: int) -> None:
    """So many orders were entered in a volume."""
    run(c, "UPDATE shops SET orders = orders + :new WHERE id = :volume", new=new, volume=volume)


def located(c: Connection, shop: int, numbers: pl.Series, *, closed: bool = False) -> pl.DataFrame:
    """Which of these order numbers a shop has, in any of its volumes; columns ``LOCATED``.

    ``shop`` is any of its volumes. ``closed``: leave out the open one.
    """
    volumes = tuples(
        c,
        f"""
        SELECT v.id, f.shop_id FROM shops v LEFT JOIN order_filters f ON f.shop_id = v.id
        WHERE v.id IN {OF_SHOP} {"AND f.shop_id IS NOT NULL" if closed else ""} ORDER BY v.id
        """,  # noqa: S608
        shop=shop,
    )
    if not volumes:
        return pl.DataFrame(schema=LOCATED)  # numpy is not loaded for nothing
    hashes = _hashes(numbers)
    marks: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
    asked = []
    for volume, filtered in volumes:
        maybe = numbers
        if filtered is not None:
            ((bits,),) = tuples(c, "SELECT bits FROM order_filters WHERE shop_id = :v", v=volume)
            marks[len(bits)] = marks.get(len(bits)) or _marks(hashes, len(bits))
            maybe = numbers.gather(_maybe(bits, marks[len(bits)]))
        asked.append((volume, maybe))
    return standing(c, asked)


def standing(c: Connection, asked: Iterable[tuple[int, pl.Series]]) -> pl.DataFrame:
    """Which of these order numbers stand in these volumes; columns ``LOCATED``."""
    some = [
        pl.DataFrame({"order_no": named}).with_columns(volume=pl.lit(volume, pl.Int64))
        for volume, named in asked
        if len(named)
    ]
    if not some:
        return pl.DataFrame(schema=LOCATED)
    stage(c, "asked", pl.concat(some))
    # CROSS JOIN keeps SQLite to this order: left to itself it went through all orders of the shop.
    found = fetch(
        c,
        """
        SELECT o.order_no, o.id FROM asked a CROSS JOIN orders o
        WHERE o.shop_id = a.volume AND o.order_no = a.order_no
        """,
        LOCATED,
    )
    run(c, "DROP TABLE asked")
    return found


def filter_of(c: Connection, volume: int, orders: int) -> bytes:
    """The filter of a volume's order numbers, as it is kept when the volume is closed."""
    import numpy as np

    bits = np.zeros(1 << max(3, (ROOM * orders - 1).bit_length() - 3), np.uint8)
    after, size = "", PORTION
    while size == PORTION:
        some = fetch(
            c,
            """
            SELECT order_no FROM orders WHERE shop_id = :volume AND order_no >= :after
            ORDER BY order_no LIMIT :portion
            """,
            {"order_no": pl.String},
            volume=volume,
            after=after,
            portion=PORTION,
        ).to_series()
        size = len(some)
        for place, bit in _marks(_hashes(some), len(bits)):
            np.bitwise_or.at(bits, place, bit)
        after = str(some.last())
    return bits.tobytes()


def _maybe(filtered: bytes, marks: "list[tuple[np.ndarray, np.ndarray]]") -> "np.ndarray":
    """Which of the numbers with these marks may stand in a volume of this filter."""
    import numpy as np

    bits = np.frombuffer(filtered, np.uint8)
    place, bit = marks[0]
    left = np.flatnonzero(bits[place] & bit)
    for place, bit in marks[1:]:
        left = left[bits[place[left]] & bit[left] != 0]
    return left


def _marks(hashes: "np.ndarray", size: int) -> "list[tuple[np.ndarray, np.ndarray]]":
    """The bits of numbers of these hashes in a filter of ``size`` bytes, a power of two: for each
    one the bytes that hold it, and the bit in them."""
    import numpy as np

    low, high = hashes & np.uint64(0xFFFFFFFF), (hashes >> np.uint64(32)) | np.uint64(1)
    every = [(low + np.uint64(nth) * high) & np.uint64(size * 8 - 1) for nth in range(TRIED)]
    one = np.uint8(1)
    return [((at >> np.uint64(3)).astype(np.int64), one << (at & np.uint64(7)).astype(np.uint8))
            for at in every]  # fmt: skip


def _hashes(numbers: pl.Series) -> "np.ndarray":
    """64 bits of each text that stay the same for ever, since filters are kept by them."""
    import numpy as np

    if numbers.is_empty():
        return np.zeros(0, np.uint64)
    told = numbers.cast(pl.Binary).to_list()
    words = -(-max(1, *map(len, told)) // 8)
    texts = np.array(told, dtype=f"S{8 * words}")
    hashes = np.full(len(texts), 0x9E3779B97F4A7C15, np.uint64)
    for word in texts.view("<u8").reshape(len(texts), words).T:
        # Past its end a text has no words, whatever the longest of the others has.
        mixed = (hashes ^ word) * np.uint64(0xFF51AFD7ED558CCD)
        hashes = np.where(word != 0, mixed ^ (mixed >> np.uint64(32)), hashes)
    hashes = hashes * np.uint64(0xC4CEB9FE1A85EC53)
    return hashes ^ (hashes >> np.uint64(29))
