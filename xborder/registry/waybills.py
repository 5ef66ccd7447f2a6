"""Waybills (运单): which logistics number belongs to which order, and when it left.

A logistics number stays taken for some months (R24). The checks decide and say so at the user's
cell; a unique key of the database holds it: of two runs that accept the same number at once,
the second one's order waits for its next check.
"""

import polars as pl
from sqlalchemy import Connection

from xborder.registry.staging import Constant, fetch, insert, plain, run, stage

WAYBILLS = {
    "order_id": pl.Int64,
    "logistics_code": pl.String,
    "logistics_no": pl.String,
    "export_date": pl.String,
}
"""``export_date`` is ``YYYY-MM-DD`` (a Date column is taken as well)."""

SHARED = ("logistics_code", "export_date")

TAKEN = {
    "logistics_code": pl.String,
    "logistics_no": pl.String,
    "exporter": pl.String,
    "shop": pl.String,
    "order_no": pl.String,
    "export_date": pl.String,
}


def enter(c: Connection, waybills: pl.DataFrame, months: int = 6) -> pl.DataFrame:
    """Remember the waybills of orders (columns ``WAYBILLS``), replacing what these orders had.

    A number is given up by an order that is neither accepted nor declared, and by one that
    leaves ``months`` months or more before or after. An order whose number another order has
    all the same is not accepted: it waits to be checked again. Returns these, column order_id.
    Raises ValueError for an order with two waybills.
    """
    told = waybills.select(*WAYBILLS).cast(WAYBILLS)  # type: ignore[arg-type]
    if told["order_id"].n_unique() < told.height:
        told = told.unique(maintain_order=True)
        if told["order_id"].is_duplicated().any():
            raise ValueError("an order has one waybill")
    # Of one carrier and day, as most checks are, only the numbers are bound row by row.
    same: dict[str, Constant] = {}
    for name in SHARED:
        values = told[name].unique()
        if len(values) == 1 and plain(values[0]):
            same[name] = str(values[0])
    if insert(c, "waybills", told.drop(same), new_only=True, released=0, **same) == told.height:
        return told.select("order_id").clear()
    stage(c, "parcels", told)
    run(
        c,
        """
        DELETE FROM waybills WHERE order_id IN (
            SELECT p.order_id FROM parcels p JOIN waybills w ON w.order_id = p.order_id
            WHERE w.logistics_code <> p.logistics_code OR w.logistics_no <> p.logistics_no
               OR w.export_date <> p.export_date OR w.released <> 0)
        """,
    )
    _release(c, months)
    run(
        c,
        """
        INSERT INTO waybills (logistics_code, logistics_no, order_id, export_date, released)
        SELECT logistics_code, logistics_no, order_id, export_date, 0 FROM parcels
        WHERE true ORDER BY order_id ON CONFLICT DO NOTHING
        """,
    )
    refused = fetch(
        c,
        """
        SELECT p.order_id FROM parcels p LEFT JOIN waybills w ON w.order_id = p.order_id
        WHERE w.order_id IS NULL ORDER BY 1
        """,
        {"order_id": pl.Int64},
    )
    run(
        c,
        """
        UPDATE orders SET state = 'held', codes = '', check_id = NULL FROM parcels p
        WHERE orders.id = p.order_id AND orders.state = 'accepted'
          AND NOT EXISTS (SELECT 1 FROM waybills w WHERE w.order_id = p.order_id)
        """,
    )
    run(c, "DROP TABLE parcels")
    return refused


def _release(c: Connection, months: int) -> None:
    """Take numbers from orders that may not keep them from those in ``parcels``."""
    holders = fetch(
        c,
        """
        SELECT w.order_id, w.export_date, o.state, p.export_date
        FROM parcels p
        JOIN waybills w ON w.logistics_code = p.logistics_code
                       AND w.logistics_no = p.logistics_no AND w.released = 0
        JOIN orders o ON o.id = w.order_id
        WHERE w.order_id <> p.order_id
        """,
        {"order_id": pl.Int64, "left": pl.String, "state": pl.String, "leaves": pl.String},
    )
    left, leaves = (pl.col(name).str.to_date("%Y-%m-%d") for name in ("left", "leaves"))
    near = (leaves < left.dt.offset_by(f"{months}mo")) & (left < leaves.dt.offset_by(f"{months}mo"))
    free = holders.filter(~(near & pl.col("state").is_in(["accepted", "declared"])))
    if free.is_empty():
        return
    stage(c, "freed", free.select("order_id").unique())
    run(
        c,
        """
        UPDATE waybills SET released = waybills.order_id FROM freed f
        WHERE waybills.order_id = f.order_id
        """,
    )
    run(c, "DROP TABLE freed")


# From one carrier to the next by the index of their numbers: there are few.
_CARRIERS = """
    WITH RECURSIVE carriers (code) AS (
        SELECT min(logistics_code) FROM waybills
        UNION ALL
        SELECT (SELECT min(w.logistics_code) FROM waybills w WHERE w.logistics_code > c.code)
        FROM carriers c WHERE c.code IS NOT NULL)
    SELECT code FROM carriers WHERE code IS NOT NULL
"""


def taken(c: Connection, numbers: pl.DataFrame) -> pl.DataFrame:
    """Who has these logistics numbers (columns logistics_code, logistics_no); see ``TAKEN``.

    Only orders that are accepted or declared count: a held or cancelled one takes no number.
    """
    told = numbers.select("logistics_code", "logistics_no").drop_nulls()
    known = fetch(c, _CARRIERS, {"logistics_code": pl.String})
    asked = told.join(known, on="logistics_code", how="semi").unique() if known.height else known
    if asked.is_empty():
        return pl.DataFrame(schema=TAKEN)
    stage(c, "asked", asked)
    found = fetch(
        c,
        """
        SELECT w.logistics_code, w.logistics_no, s.exporter, s.shop, o.order_no, w.export_date
        FROM asked a
        JOIN waybills w ON w.logistics_code = a.logistics_code AND w.logistics_no = a.logistics_no
        JOIN orders o ON o.id = w.order_id
        JOIN shops s ON s.id = o.shop_id
        WHERE o.state IN ('accepted', 'declared') AND w.released = 0
        ORDER BY o.id, w.logistics_code, w.logistics_no
        """,
        TAKEN,
    )
    run(c, "DROP TABLE asked")
    return found
