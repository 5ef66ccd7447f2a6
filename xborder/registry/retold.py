"""What a file did to what an earlier file had told (取代与重复): each at its own cell.

An order whose list is not issued takes the newest file's content as a whole. That is right for
a correction and wrong for an order that was split over two files, so it is told, and what falls
away is named. A movement whose number stands for another one is held, and says so.
"""

import polars as pl
from sqlalchemy import Connection

from xborder import findings
from xborder.registry import movements, readings, uploads
from xborder.registry.staging import fetch
from xborder.registry.store import Store

_REPLACING = {
    "order_no": pl.String,
    "lines": pl.Int64,
    "first_row": pl.Int64,
    "old_upload": pl.Int64,
    "old_file": pl.String,
    "before": pl.Int64,
    "block": pl.Int64,
    "old_block": pl.Int64,
}


def orders(c: Connection, store: Store, upload_id: int) -> pl.DataFrame:
    """ORDER_LINES_GONE and ORDER_CONTENT_REPLACED of an upload's orders, one an order."""
    replacing = fetch(
        c,
        """
        SELECT o.order_no, e.lines, e.first_row, b.upload_id, u.file_name, b.lines,
               e.block, b.block
        FROM order_entries e
        JOIN orders o ON o.id = e.order_id
        JOIN order_entries b ON b.order_id = e.order_id AND b.outcome = 'replaced'
        JOIN uploads u ON u.id = b.upload_id
        WHERE e.upload_id = :upload AND e.outcome = 'current'
          AND b.upload_id = (SELECT max(l.upload_id) FROM order_entries l
                             WHERE l.order_id = e.order_id AND l.outcome = 'replaced'
                               AND l.upload_id < e.upload_id)
        ORDER BY e.first_row, o.id
        """,
        _REPLACING,
        upload=upload_id,
    )
    if replacing.is_empty():
        return findings.empty()
    gone = _gone(store, upload_id, replacing)
    told = replacing.join(gone, on="order_no", how="left", maintain_order="left")
    file = uploads.get(c, upload_id).file_name
    return findings.to_frame(
        findings.Finding(
            "ORDER_LINES_GONE" if row["gone"] else "ORDER_CONTENT_REPLACED",
            file=file,
            row=row["first_row"],
            field="order_no",
            order_no=row["order_no"],
            value=row["order_no"],
            also_at=row["old_file"],
            params={
                "lines": str(row["lines"]),
                "before": str(row["before"]),
                "gone": row["gone"] or "",
            },
        )
        for row in told.iter_rows(named=True)
    )


def _gone(store: Store, upload_id: int, replacing: pl.DataFrame) -> pl.DataFrame:
    """SKUs that an order had and has no more; columns order_no, gone."""
    parts = []
    for (before,), own in replacing.group_by("old_upload", maintain_order=True):
        new = _skus(store, upload_id, own.select("order_no", "block"))
        there = own.select("order_no", pl.col("old_block").alias("block"))
        old = _skus(store, int(str(before)), there)
        parts.append(old.join(new, on=["order_no", "sku"], how="anti"))
    lost = pl.concat(parts).unique(maintain_order=True)
    return lost.group_by("order_no").agg(pl.col("sku").sort().head(5).str.join(", ").alias("gone"))


def _skus(store: Store, upload_id: int, wanted: pl.DataFrame) -> pl.DataFrame:
    return readings.lines_in(store, upload_id, wanted, ["order_no", "sku"]).drop_nulls()


def moved(c: Connection, store: Store, upload_id: int) -> pl.DataFrame:
    """MOVEMENT_ID_REUSED of a stock file's rows."""
    upload = uploads.get(c, upload_id)
    where = ("lake", "stock", f"{upload_id:08d}.parquet")
    if upload.kind != "stock" or not store.exists(*where):
        return findings.empty()
    told = [
        movements.outcomes(c, upload_id, upload.exporter, store.read_parquet(*where, blocks=[one]))
        for one in range(len(store.block_rows(*where)))
    ]
    is_reused = pl.col("outcome") == movements.MOVEMENT_ID_REUSED
    reused = pl.concat([one.filter(is_reused) for one in told])
    names = {one: uploads.get(c, one).file_name for one in reused["booked_from"].unique()}
    return findings.to_frame(
        findings.Finding(
            movements.MOVEMENT_ID_REUSED,
            file=upload.file_name,
            sheet=row["sheet"] or "",
            row=row["row"],
            field="movement_id",
            value=row["movement_id"],
            also_at=names[row["booked_from"]],
            params={"movement_id": row["movement_id"], "warehouse": row["warehouse"]},
        )
        for row in reused.iter_rows(named=True)
    )
