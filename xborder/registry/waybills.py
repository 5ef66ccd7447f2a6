"""Waybills (运单): which logistics number belongs to which order, and when it left.

A logistics number stays taken for some months (R24); the checks decide, this remembers.
"""

import polars as pl
from sqlalchemy import Connection

from xborder.registry.staging import fetch, run, stage

WAYBILLS = {
    "order_id": pl.Int64,
    "logistics_code": pl.String,
    "logistics_no": pl.String,
    "export_date": pl.String,
}
"""``export_date`` is ``YYYY-MM-DD`` (a Date column is taken as well)."""

TAKEN = {
    "logistics_code": pl.String,
    "logistics_no": pl.String,
    "exporter": pl.String,
    "shop": pl.String,
    "order_no": pl.String,
    "export_date": pl.String,
}


def enter(c: Connection, waybills: pl.DataFrame) -> None:
    """Remember the waybills of orders (columns ``WAYBILLS``), replacing what these orders had."""
    stage(c, "parcels", waybills.select(*WAYBILLS).cast(WAYBILLS).unique(maintain_order=True))  # type: ignore[arg-type]
    run(c, "DELETE FROM waybills WHERE order_id IN (SELECT order_id FROM parcels)")
    run(
        c,
        """
        INSERT INTO waybills (logistics_code, logistics_no, order_id, export_date)
        SELECT logistics_code, logistics_no, order_id, max(export_date) FROM parcels
        GROUP BY logistics_code, logistics_no, order_id
        """,
    )
    run(c, "DROP TABLE parcels")


def taken(c: Connection, numbers: pl.DataFrame) -> pl.DataFrame:
    """Who has these logistics numbers (columns logistics_code, logistics_no); see ``TAKEN``.

    Only orders that are accepted or declared count: a held or cancelled one takes no number.
    """
    asked = numbers.select("logistics_code", "logistics_no").drop_nulls().unique()
    stage(c, "asked", asked)
    found = fetch(
        c,
        """
        SELECT w.logistics_code, w.logistics_no, s.exporter, s.shop, o.order_no, w.export_date
        FROM asked a
        JOIN waybills w ON w.logistics_code = a.logistics_code AND w.logistics_no = a.logistics_no
        JOIN orders o ON o.id = w.order_id
        JOIN shops s ON s.id = o.shop_id
        WHERE o.state IN ('accepted', 'declared')
        ORDER BY o.id, w.logistics_code, w.logistics_no
        """,
        TAKEN,
    )
    run(c, "DROP TABLE asked")
    return found
