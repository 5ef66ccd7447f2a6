"""Order numbers as customs knows them (申报订单号): one number of a platform, one order.

Customs names an order (CEB303) by the code of its platform and its number. A foreign platform
without a code says 无, and two shops of one exporter may both have an order #1001 there: customs
would take the second for the first ("already exists"). So of two orders of an exporter that
would be declared under one number the second is held: the one that is not issued, or else not
accepted, or else came later. What an issued list says stands, whatever the profile says by now.
"""

from typing import Any

import polars as pl
from sqlalchemy import Connection

from xborder.checks.context import NUMBERS
from xborder.registry import filings
from xborder.registry.orders import OPEN_FROM, OPEN_WHERE
from xborder.registry.staging import fetch, run, stage
from xborder.registry.store import Store
from xborder.schemas.exporters import Exporter, Shop

_LOOKED_AT = {
    "a_shop": pl.Int64, "b_shop": pl.Int64, "gone": pl.String, "cut": pl.Int64, "lead": pl.String,
    "same": pl.Boolean,
}  # fmt: skip

_PAIRS = {
    "shop": pl.String, "order_id": pl.Int64, "order_no": pl.String, "state": pl.String,
    "other_shop": pl.String, "other_id": pl.Int64, "other_order": pl.String,
    "other_state": pl.String, "other_upload": pl.Int64, "other_file": pl.String,
}  # fmt: skip

_ISSUED = {"order_id": pl.Int64, "check_id": pl.Int64}

_KEY = ["ebpCode", "orderNo"]

_RANKS = {"declared": 0, "accepted": 1, "held": 2}


def taken(
    c: Connection, store: Store, exporter: Exporter, inputs_version: str | None = None
) -> pl.DataFrame:
    """Open orders whose number another order of the exporter has at customs, and which one.

    Those that would be checked under ``inputs_version`` (see ``orders.open_orders``). Columns
    ``checks.context.NUMBERS``; mostly empty. Of an exporter with one shop nothing is asked.
    """
    looked_at = _pairs_of_shops(c, exporter)
    if looked_at.is_empty():
        return pl.DataFrame(schema=NUMBERS)
    stage(c, "looked_at", looked_at)
    pairs = fetch(c, _CANDIDATES, _PAIRS, exporter=exporter.id, version=inputs_version)
    run(c, "DROP TABLE looked_at")
    if pairs.is_empty():
        return pl.DataFrame(schema=NUMBERS)
    clashing = _clashing(c, store, exporter, pairs)
    return _told(c, clashing)


def declared(shop: Shop, order_no: str) -> str:
    """The number under which an order of a shop is declared."""
    return shop.order_prefix + order_no


def _pairs_of_shops(c: Connection, exporter: Exporter) -> pl.DataFrame:
    """Which two shops' orders may have one number, and how the one's follows from the other's.

    Shops whose present profiles say other platforms too (not ``same``): what they issued may
    have been declared under a former one.
    """
    asked = "SELECT id, channel, shop FROM shops WHERE exporter = :one ORDER BY id"
    rows = run(c, asked, one=exporter.id)
    known = [(row.id, (row.channel, row.shop), exporter.shop(row.shop)) for row in rows]
    made: list[tuple[Any, ...]] = []
    for a, account, mine in known:
        for b, other, theirs in known:
            if account == other or mine is None:
                continue
            same = theirs is not None and mine.platform_code == theirs.platform_code
            ours, others = mine.order_prefix, theirs.order_prefix if theirs else ""
            if same and ours != others:
                if others.startswith(ours):
                    # Ours must begin with what their prefix has more.
                    more = others.removeprefix(ours)
                    made.append((a, b, more, len(more), "", True))
                elif ours.startswith(others):
                    made.append((a, b, "", 0, ours.removeprefix(others), True))
                same = False
            made.append((a, b, "", 0, "", same))
    return pl.DataFrame(made, schema=_LOOKED_AT, orient="row")


# Only what an issued list says counts between shops that the profile tells apart.
_CANDIDATES = f"""
    SELECT s.shop, o.id, o.order_no, o.state, t.shop, b.id, b.order_no, b.state, b.upload_id,
           w.file_name
    {OPEN_FROM}
    JOIN looked_at p ON p.a_shop = o.shop_id
    JOIN orders b ON b.shop_id = p.b_shop
     AND b.order_no = p.lead || substr(o.order_no, CAST(p.cut + 1 AS INTEGER))
    JOIN shops t ON t.id = b.shop_id
    JOIN uploads w ON w.id = b.upload_id
    {OPEN_WHERE} AND substr(o.order_no, 1, CAST(p.cut AS INTEGER)) = p.gone
      AND (p.same OR b.state = 'declared' OR EXISTS (
          SELECT 1 FROM lists l WHERE l.order_id = b.id AND l.state IN ('refused', 'cancelled')))
    ORDER BY o.id, b.id
"""  # noqa: S608


def _clashing(c: Connection, store: Store, exporter: Exporter, pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs whose orders have one number, and of which the other goes before."""
    every = pl.concat(
        [
            pairs.select("order_id", "shop", "order_no", "state"),
            pairs.select(
                order_id="other_id", shop="other_shop", order_no="other_order", state="other_state"
            ),
        ]
    ).unique("order_id")
    shops = {one.id: one for one in exporter.shops}
    named = [
        (order_id, own.platform_code, declared(own, order_no), _RANKS.get(state))
        for order_id, shop, order_no, state in every.iter_rows()
        if (own := shops.get(shop))
    ]
    by_profile = pl.DataFrame(
        named, schema={"order_id": pl.Int64, **dict.fromkeys(_KEY, pl.String), "rank": pl.Int64},
        orient="row",
    )  # fmt: skip
    issued = _issued(c, store, every["order_id"])
    # A number that was declared is taken; the order of an exporter that has it keeps it.
    stands = pl.concat(
        [issued.with_columns(rank=pl.lit(0, pl.Int64)),
         by_profile.join(issued, on="order_id", how="anti").drop_nulls("rank")]
    )  # fmt: skip
    keepers = issued.select("order_id", *_KEY)
    asking = by_profile.rename({"rank": "mine"}).join(keepers, on=["order_id", *_KEY], how="anti")
    before = (pl.col("rank") < pl.col("mine")) | (
        (pl.col("rank") == pl.col("mine")) & (pl.col("other_id") < pl.col("order_id"))
    )
    return (
        pairs.join(asking, on="order_id", maintain_order="left")
        .join(
            stands.rename({"order_id": "other_id"}), on=["other_id", *_KEY], maintain_order="left"
        )
        .filter(before)
        .unique("order_id", keep="first", maintain_order=True)
    )


def _issued(c: Connection, store: Store, order_ids: pl.Series) -> pl.DataFrame:
    """What the last issued lists of orders declared: [order_id, ebpCode, orderNo].

    Without those whose order customs refused, or never had.
    """
    stage(c, "numbered", order_ids.to_frame("order_id"))
    issued = fetch(
        c,
        """
        SELECT n.order_id, l.check_id FROM numbered n
        JOIN lists l ON l.order_id = n.order_id
         AND (l.live OR l.state IN ('refused', 'cancelled')) AND l.manifest_id IS NOT NULL
        WHERE NOT EXISTS (SELECT 1 FROM filings f WHERE f.list_id = l.id AND f.kind = '303'
                          AND (f.status IN ('4', '100') OR f.status LIKE '-%'))
        """,
        _ISSUED,
    )
    run(c, "DROP TABLE numbered")
    if issued.is_empty():
        return pl.DataFrame(schema={"order_id": pl.Int64, **dict.fromkeys(_KEY, pl.String)})
    heads = filings.named(store, issued["check_id"].unique().sort().to_list())
    found = issued.join(heads, on=["check_id", "order_id"])
    return found.select("order_id", *_KEY).unique(maintain_order=True)


def _told(c: Connection, clashing: pl.DataFrame) -> pl.DataFrame:
    """The clashes with the place of the other order: its file and first row."""
    if clashing.is_empty():
        return pl.DataFrame(schema=NUMBERS)
    stage(c, "clashing", clashing.select("other_id", "other_upload"))
    rows = fetch(
        c,
        """
        SELECT o.id, coalesce(o.first_row, e.first_row)
        FROM clashing t JOIN orders o ON o.id = t.other_id
        LEFT JOIN order_entries e ON e.upload_id = t.other_upload AND e.order_id = o.id
        """,
        {"other_id": pl.Int64, "row": pl.Int64},
    )
    run(c, "DROP TABLE clashing")
    row = (" R" + pl.col("row").cast(pl.String)).fill_null("")
    return clashing.join(
        rows.unique("other_id"), on="other_id", how="left", maintain_order="left"
    ).select(
        "shop", "order_no", "other_shop", "other_order", place=pl.col("other_file") + row,
        declared_no=pl.col("orderNo"),
    )  # fmt: skip
