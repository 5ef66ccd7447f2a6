"""What would become of a file's orders that are declared already (预判): asked, never written.

The same decision as when the file is taken in, so that a check of a file tells what its receipt
would.
"""

import polars as pl
from sqlalchemy import Connection

from xborder.intake import Reading
from xborder.registry import claims, entries, orders, reuploads, volumes
from xborder.schemas.exporters import Shop

DECLARED: dict[str, pl.DataType] = {
    "order_no": pl.String(),
    "same": pl.Boolean(),
    "row": pl.Int64(),
}
"""``same``: what the file says is what was declared, or only a status has changed; ``row`` is the
order's first one as Excel shows it."""


def declared(c: Connection, exporter: str, shop: Shop, reading: Reading) -> pl.DataFrame:
    """Orders of a reading whose list is issued, in the file's order; columns ``DECLARED``.

    ``c`` is a connection of ``database.reading``, whose temporary tables are used.
    """
    none = pl.DataFrame(schema=DECLARED)
    if not reading.usable or reading.kind != "orders" or reading.records.is_empty():
        return none
    # An order is the shop's, whichever layout it comes in.
    account = volumes.any_of(c, exporter, shop.channel, shop.id)
    if account is None:
        return none
    of_file = entries.entries(entries.bounded(reading.records), entries.bounded(reading.rows))
    known = claims.decided(c, account, 0, orders.as_kept(of_file), reading.yields_to)
    same = pl.col("outcome").is_in([reuploads.DUPLICATE, reuploads.NOTICE])
    of_issued = known.filter(pl.col("old_state") == "declared").sort("first_row")
    return of_issued.select("order_no", same.alias("same"), pl.col("first_row").alias("row"))
