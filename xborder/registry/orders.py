"""Orders (订单): one row for each (exporter, channel, shop, order number), whatever is uploaded.

``enter`` claims the orders of a file as a whole: the database's unique key decides which are
new, ``reuploads`` what becomes of the others, all in the caller's transaction. State ``held``
without a check (``check_id`` null) means: not checked yet.
"""

from datetime import date

import polars as pl
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from xborder.registry import audit, claims, counters, lists, reuploads, uploads, volumes
from xborder.registry.runs import change, runs
from xborder.registry.staging import fetch, run
from xborder.registry.tables import checks

HELD, ACCEPTED = "held", "accepted"

DIGEST = 32
"""Characters of a digest that are kept: 128 bits tell one content from another."""

ENTRIES = {
    "order_no": pl.String,
    "digest": pl.String,
    "status_digest": pl.String,
    "ordered_at": pl.String,
    "cancelled": pl.Boolean,
    "rows": pl.Int64,
    "lines": pl.Int64,
    "first_row": pl.Int64,
}
"""One row an order of the file. ``digest`` is of what is declared, ``status_digest`` of status
and refund only; an empty ``digest`` tells a status and no content (the file left the cancelled
order's lines out). ``ordered_at`` as the record writes it; ``rows`` physical rows, ``lines`` order
lines, ``first_row`` the row number as Excel shows it."""

VERDICTS = {"order_id": pl.Int64, "state": pl.String, "route": pl.String, "codes": pl.String}


def enter(
    c: Connection,
    upload_id: int,
    entries: pl.DataFrame,
    block: int = 0,
    *,
    channel: str | None = None,
    again: bool = False,
    yields_to: str = "",
) -> pl.DataFrame:
    """Enter the orders of a block of a file; frame [order_no, order_id, outcome].

    ``entries`` has the columns of ``ENTRIES``, each order once. Outcomes: current, duplicate,
    notice, changed_after_issue, reused (see ``reuploads``). ``block`` is the block of the
    file's reading (its row group) that holds these orders' lines. ``channel`` is by default the
    upload's own, which is known once the upload is marked read. What was entered for the upload
    before is not entered again: its outcome is told as it stands now. ``again``: that was done by
    a run before (``claims.begun``), maybe under another division into blocks. ``yields_to``: the
    layout of a fuller report, whose orders this file does not change. Raises ValueError for an
    order twice in ``entries`` or an upload without channel.
    """
    upload = uploads.get(c, upload_id)
    channel = channel or upload.channel
    if channel is None:
        raise ValueError(f"upload {upload_id} was not read: its channel is unknown")
    shop = volumes.opened(c, upload.exporter, channel, upload.shop)
    entries = as_kept(entries)
    if (entries["order_no"] == entries["order_no"].shift()).any():
        raise ValueError(f"upload {upload_id} names an order twice")
    before = claims.entered_before(c, upload_id, shop, block, entries, again)
    if before.height:
        entries = entries.join(before, on="order_no", how="anti", maintain_order="left")
    first = counters.draw_many(c, "order", entries.height).start
    numbered = entries.with_columns(order_id=pl.int_range(first, first + entries.height))
    new, known = claims.claim(c, upload_id, shop, block, numbered)
    told = new.select("order_no", "order_id", outcome=pl.lit(reuploads.CURRENT))
    if known.height:
        taken = claims.take_known(c, upload_id, block, entries, known, yields_to)
        told = pl.concat([told, taken])
    if entries.height or before.is_empty():
        counted = dict(sorted(told["outcome"].value_counts().iter_rows()))
        told_of = {"block": block, "new": new.height, "outcomes": counted}
        audit.append(c, "orders entered", f"upload {upload_id}", told_of)
    return (pl.concat([told, before]) if before.height else told).sort("order_no")


def as_kept(entries: pl.DataFrame) -> pl.DataFrame:
    """Entries of a file as the registry keeps and compares them."""
    # In the order of their numbers, so that the same orders in another arrangement of rows
    # get the same identifiers, and neighbours lie on neighbouring pages of the index.
    kept = entries.select(*ENTRIES).cast(ENTRIES).sort("order_no")  # type: ignore[arg-type]
    return kept.with_columns(
        pl.col("digest").str.head(DIGEST),
        pl.col("status_digest").str.head(DIGEST),
        reuploads.creation_times(kept.get_column("ordered_at")),
    )


OPEN_ORDERS = {
    "order_id": pl.Int64,
    "upload_id": pl.Int64,
    "shop": pl.String,
    "order_no": pl.String,
    "file_name": pl.String,
    "block": pl.Int64,
}

OPEN_BLOCKS = {"upload_id": pl.Int64, "block": pl.Int64, "orders": pl.Int64}

# From the uploads, not from the shops: the index of open orders begins with the upload.
_SHOPS = "JOIN shops s ON s.id = o.shop_id"
OPEN_FROM = f"""
    FROM uploads u JOIN orders o ON o.upload_id = u.id {_SHOPS}
    LEFT JOIN checks k ON k.id = o.check_id AND k.exporter = u.exporter
"""
_WAITS = """
      AND (CAST(:version AS TEXT) IS NULL OR k.inputs IS NULL OR k.inputs <> :version
           OR (o.state = 'held' AND (o.codes LIKE '%LOGISTICS_NO_%'
                                     OR o.codes LIKE '%ORDER_NUMBER_TAKEN%')))
"""
OPEN_WHERE = f"WHERE u.exporter = :exporter AND o.open {_WAITS}"
_OPEN = OPEN_FROM + OPEN_WHERE

# Without a join of the uploads SQLite takes the orders as the index of open orders has them, and
# need not sort them all to count those of a block.
_ALL_OPEN = "o.open AND o.upload_id IN (SELECT id FROM uploads WHERE exporter = :exporter)"


def open_blocks(c: Connection, exporter: str, inputs_version: str | None = None) -> pl.DataFrame:
    """The blocks that hold what ``open_orders`` finds, and how many orders: ``OPEN_BLOCKS``.

    In order of upload and block. A null ``block`` stands for a whole file (read before files
    had blocks): those orders' lines may be anywhere in it. Each row's (upload_id, block), handed
    to ``open_orders``, gives its orders.
    """
    # Under inputs that nothing was checked under all wait, and no order's check is looked up.
    known = "SELECT 1 FROM checks WHERE exporter = :exporter AND inputs = :version LIMIT 1"
    asked = {"exporter": exporter, "version": inputs_version}
    if run(c, known, **asked).first() is None:
        waiting, asked = _ALL_OPEN, {"exporter": exporter}
        checked = ""
    else:
        waiting = _ALL_OPEN + _WAITS
        checked = "LEFT JOIN checks k ON k.id = o.check_id AND k.exporter = :exporter"
    counted = f"""
        SELECT o.upload_id, o.block, count(*) FROM orders o {checked} WHERE {waiting} GROUP BY 1, 2
    """  # noqa: S608
    return fetch(c, counted, OPEN_BLOCKS, **asked).sort("upload_id", "block")


def open_orders(
    c: Connection,
    exporter: str,
    inputs_version: str | None = None,
    upload_id: int | None = None,
    block: int | None = None,
) -> pl.DataFrame:
    """Orders of an exporter whose list is not issued, in order of their number.

    With ``inputs_version`` only those that were last checked under other inputs (catalogue,
    profile, shipments, tables), or never, or that wait for a number (of the order, of logistics)
    which another order has. With ``upload_id`` only the orders of that upload's block ``block``
    (None: those without a block). Columns: ``OPEN_ORDERS``.
    """
    asked = {"exporter": exporter, "version": inputs_version}
    if upload_id is not None:
        return _open_in(c, upload_id, block, asked)
    return fetch(
        c,
        f"""
        SELECT o.id, o.upload_id, s.shop, o.order_no, u.file_name, o.block
        {_OPEN} ORDER BY o.id
        """,
        OPEN_ORDERS,
        **asked,
    )


def _open_in(
    c: Connection, upload_id: int, block: int | None, asked: dict[str, str | None]
) -> pl.DataFrame:
    """The same of one block: what all its orders share is asked for once."""
    upload = uploads.get(c, upload_id)
    one = "IS NULL" if block is None else "= :block"
    # Told that "open" is one value, SQLite knows that its index has these in their order.
    found = fetch(
        c,
        f"""
        SELECT o.id, o.order_no {_OPEN.replace(_SHOPS, "")}
          AND o.open = true AND o.upload_id = :upload AND o.block {one} ORDER BY o.id
        """,
        {name: OPEN_ORDERS[name] for name in ("order_id", "order_no")},
        upload=upload_id,
        **asked,
        **({} if block is None else {"block": block}),
    )
    same = {"upload_id": upload_id, "shop": upload.shop, "file_name": upload.file_name}
    return found.with_columns(
        pl.lit(value, OPEN_ORDERS[name]).alias(name)
        for name, value in (same | {"block": block}).items()
    ).select(*OPEN_ORDERS)


def record_check(
    c: Connection,
    exporter: str,
    inputs_version: str,
    check_id: int,
    verdicts: pl.DataFrame,
    business_date: date,
) -> int:
    """Write the verdicts of a check; the number of orders that took theirs.

    ``verdicts`` has the columns of ``VERDICTS`` (state ``accepted`` or ``held``; codes joined
    by commas). With a column ``upload_id`` (from ``open_orders``), an order whose content another
    upload replaced since is left for the next check. An order that a list declared meanwhile is
    left alone, a pending list of one that is held now becomes void. An order belongs to the day
    on which it became accepted.
    """
    build = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    check = {"id": check_id, "exporter": exporter, "inputs": inputs_version}
    c.execute(build(checks).values(check).on_conflict_do_nothing())
    guard = ["upload_id"] if "upload_id" in verdicts.columns else []
    types = VERDICTS | {"upload_id": pl.Int64}
    told_of = verdicts.select(*VERDICTS, *guard).cast({k: types[k] for k in (*VERDICTS, *guard)})
    known = told_of.filter(pl.col("state").is_in([HELD, ACCEPTED]))
    verdicts_of = runs(known.with_columns(pl.col("codes").fill_null("")), "order_id")
    taken = change(
        c,
        f"""
        UPDATE orders SET
          state = v.state, route = v.route, codes = v.codes, check_id = v.check_id,
          business_date = CASE WHEN orders.state = v.state
                               THEN coalesce(orders.business_date, v.day) ELSE v.day END
        FROM runs v
        WHERE orders.id BETWEEN v.first_id AND v.last_id
          AND orders.state IN ('held', 'accepted')
          {"AND orders.upload_id = v.upload_id" if guard else ""}
        """,  # noqa: S608
        verdicts_of.with_columns(
            pl.lit(check_id, pl.Int64).alias("check_id"),
            pl.lit(business_date.isoformat()).alias("day"),
        ),
    )
    accepted: int | None = known.filter(pl.col("state") == ACCEPTED)["order_id"].min()  # type: ignore[assignment]
    voided = lists.follow_check(
        c, accepted, known.filter(pl.col("state") == HELD).select("order_id")
    )
    told = {"exporter": exporter, "inputs": inputs_version, "orders": taken, "void": voided}
    audit.append(c, "orders checked", f"check {check_id}", told)
    return taken


ENTERED = {
    "order_id": pl.Int64,
    "order_no": pl.String,
    "shop": pl.String,
    "outcome": pl.String,
    "state": pl.String,
    "codes": pl.String,
    "check_id": pl.Int64,
    "digest": pl.String,
    "previous_digest": pl.String,
    "rows": pl.Int64,
    "lines": pl.Int64,
    "first_row": pl.Int64,
    "proposed_cancellation": pl.Boolean,
    "current": pl.Boolean,
    "stands_in": pl.Int64,
}


def of_upload(c: Connection, upload_id: int) -> pl.DataFrame:
    """The orders of an upload and what became of them there, by row; columns ``ENTERED``.

    ``outcome``, the digests and counts are of this appearance; ``state``, ``codes``,
    ``check_id`` and ``proposed_cancellation`` of the order as it stands now. ``current``: the
    order's content still comes from this upload, so its check tells of these cells;
    ``stands_in``: the upload from which it comes.
    """
    return fetch(
        c,
        """
        SELECT o.id, o.order_no, s.shop, e.outcome, o.state, o.codes, o.check_id, e.digest,
               e.previous_digest, e.rows, e.lines, e.first_row, o.proposed_cancellation,
               o.upload_id = e.upload_id, o.upload_id
        FROM appearances e JOIN orders o ON o.id = e.order_id JOIN shops s ON s.id = o.shop_id
        WHERE e.upload_id = :upload ORDER BY e.first_row, o.id
        """,
        ENTERED,
        upload=upload_id,
    )
