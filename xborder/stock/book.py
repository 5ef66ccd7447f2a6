"""The stock report of a home: movements and declared lines out of the registry and the lake."""

from collections.abc import Mapping
from datetime import date

import polars as pl
from sqlalchemy import Connection, select

from xborder.registry import checkings, movements, tables
from xborder.registry.staging import fetch
from xborder.registry.store import Store
from xborder.stock import report
from xborder.stock.chain import DECLARED

MODE = "9810"
"""Trade mode of what goes to an overseas warehouse (跨境电商出口海外仓)."""


def declared_lines(c: Connection, store: Store) -> pl.DataFrame:
    """The goods lines of all issued 9810 lists and drafts; columns ``chain.DECLARED``, text.

    A list's content is that of the check it was issued with. Raises FileNotFoundError when the
    lake lacks it.
    """
    issued = _issued(c)
    parts = []
    for (check_id,), part in issued.group_by("check_id", maintain_order=True):
        place = checkings.folder(check_id)
        heads = store.read_parquet(
            *place, "heads.parquet",
            columns=["order_id", "warehouse", "inbound_id", "tradeMode", "ieDate"],
        )  # fmt: skip
        items = store.read_parquet(
            *place, "items.parquet", columns=["order_id", "gnum", "sku", "qty", "unit"]
        )
        parts.append(
            part.join(heads.filter(pl.col("tradeMode") == MODE), on="order_id")
            .join(items, on="order_id")
            .sort("list_id", "gnum")
        )
    if not parts:
        return pl.DataFrame(schema=dict.fromkeys(DECLARED, pl.String()))
    lines = pl.concat(parts).with_columns(
        export_date=pl.col("ieDate").str.to_date("%Y%m%d", strict=False).cast(pl.String)
    )
    return lines.select(pl.col(name).cast(pl.String) for name in DECLARED)


def _issued(c: Connection) -> pl.DataFrame:
    """Live issued lists on manifests of the mode; the batch's key spares the lake the others."""
    numbered = c.execute(select(tables.manifests.c.id, tables.manifests.c.batch))
    of_mode = [row.id for row in numbered if row.batch.get("key", {}).get("tradeMode") == MODE]
    lists = fetch(
        c,
        """
        SELECT l.id, l.order_id, l.check_id, l.cop_no, l.route, l.manifest_id, o.order_no,
               s.exporter, m.number, m.app_time
        FROM lists l JOIN orders o ON o.id = l.order_id JOIN shops s ON s.id = o.shop_id
        JOIN manifests m ON m.id = l.manifest_id
        WHERE l.live AND l.state = 'issued' ORDER BY l.id
        """,
        {
            "list_id": pl.Int64, "order_id": pl.Int64, "check_id": pl.Int64, "cop_no": pl.String,
            "route": pl.String, "manifest_id": pl.Int64, "order_no": pl.String,
            "exporter": pl.String, "manifest": pl.String, "issued_at": pl.String,
        },
    )  # fmt: skip
    return lists.filter(pl.col("manifest_id").is_in(of_mode))


def build(
    c: Connection,
    store: Store,
    report_date: date,
    exporters: Mapping[str, str] | None = None,
    since: date | None = None,
) -> report.StockReport:
    """The stock report of all booked movements and declared lines as of a day."""
    return report.build(movements.table(c), declared_lines(c, store), report_date, exporters, since)
