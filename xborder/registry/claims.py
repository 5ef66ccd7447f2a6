"""The claim of a block's orders (占用单号): which are new, and what becomes of the others.

The steps of ``orders.enter``, in its transaction. The database's unique key decides what is new
in the shop's open volume; what stands in its others is looked up first (``volumes``).
"""

import polars as pl
from sqlalchemy import Connection

from xborder.registry import entry_tables, reuploads, volumes
from xborder.registry.staging import fetch, insert, run, stage

_OLD = {
    "order_id": pl.Int64,
    "old_layout": pl.String,
    "old_upload_id": pl.Int64,
    "old_digest": pl.String,
    "old_status_digest": pl.String,
    "old_ordered_at": pl.String,
    "old_cancelled": pl.Boolean,
    "old_proposed": pl.Boolean,
    "old_state": pl.String,
    "old_codes": pl.String,
    "ignored": pl.Boolean,
}


_OF_NEW = [
    "order_no", "digest", "status_digest", "ordered_at", "rows", "lines", "first_row",
]  # fmt: skip

TOLD = {"order_no": pl.String, "order_id": pl.Int64, "outcome": pl.String}


def begun(c: Connection, upload_id: int) -> bool:
    """Whether a run before has entered orders of the upload."""
    asked = "SELECT 1 FROM appearances WHERE upload_id = :upload LIMIT 1"
    return run(c, asked, upload=upload_id).first() is not None


def entered_before(
    c: Connection, upload_id: int, shop: int, block: int, entries: pl.DataFrame, again: bool
) -> pl.DataFrame:
    """What a run before a crash entered of these orders of the upload; columns ``TOLD``.

    ``again``: it may have cut the file into other blocks, so any of these orders may have been
    entered, and those that were stand in ``block`` from now on.
    """
    entered = f"""
        SELECT o.order_no, o.id, coalesce(e.outcome, 'current')
        FROM {{asked}} CROSS JOIN orders o
        LEFT JOIN order_entries e ON e.upload_id = :upload AND e.order_id = o.id
        WHERE o.shop_id IN {volumes.OF_SHOP} AND o.order_no = a.order_no
          AND (e.outcome IS NOT NULL OR (o.upload_id = :upload AND o.rows IS NOT NULL))
    """  # noqa: S608
    if not again:
        # A block is entered as a whole or not at all, so its first order tells of the others.
        one = entered.format(asked="(SELECT CAST(:no AS TEXT) AS order_no) a")
        no = entries["order_no"].first()
        known = fetch(c, one, TOLD, shop=shop, upload=upload_id, no=no)
        if known.is_empty():
            return known
    stage(c, "again", entries.select("order_no"))
    known = fetch(c, entered.format(asked="again a"), TOLD, shop=shop, upload=upload_id)
    run(c, "DROP TABLE again")
    if again and known.height:
        stage(c, "moved", known.select("order_id"))
        for table, number in (("order_entries", "order_id"), ("orders", "id")):
            run(
                c,
                f"""
                UPDATE {table} SET block = :block
                WHERE upload_id = :upload AND {number} IN (SELECT order_id FROM moved)
                """,  # noqa: S608
                block=block,
                upload=upload_id,
            )
        run(c, "DROP TABLE moved")
    return known


def claim(
    c: Connection, upload_id: int, shop: int, block: int, numbered: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Insert the orders, with where they stand in their file; those the unique key lets in are new.

    Told are the new ones, and which of the others has which number (``volumes.LOCATED``).
    ``shop`` is the shop's open volume.
    """
    known = volumes.located(c, shop, numbered["order_no"], closed=True)
    if known.height:
        numbered = numbered.join(known, on="order_no", how="anti", maintain_order="left")
    entered = 0
    for gone in (False, True):
        rows = numbered.filter(pl.col("cancelled") == gone)
        entered += insert(
            c,
            "orders",
            rows.select(*_OF_NEW, id=pl.col("order_id")),
            new_only=True,
            shop_id=shop,
            upload_id=upload_id,
            block=block,
            cancelled=gone,
            proposed_cancellation=False,
            state="excluded" if gone else "held",
            open=not gone,
            codes=reuploads.CANCELLED if gone else "",
        )
    if not numbered.height:
        return numbered, known
    first, last = int(numbered["order_id"][0]), int(numbered["order_id"][-1])
    if entered:
        volumes.count(c, shop, entered)
        made = {"upload_id": upload_id, "first_id": first, "last_id": last}
        c.execute(entry_tables.entered.insert().values(made))
    if entered == numbered.height:
        return numbered, known
    asked = "SELECT id FROM orders WHERE id >= :first"
    new = fetch(c, asked, {"order_id": pl.Int64}, first=first)
    refused = numbered.join(new, on="order_id", how="anti")["order_no"]
    here = volumes.standing(c, [(shop, refused)])
    entered_now = numbered.join(new, on="order_id", how="semi", maintain_order="left")
    return entered_now, pl.concat([known, here])


def take_known(
    c: Connection,
    upload_id: int,
    block: int,
    entries: pl.DataFrame,
    known: pl.DataFrame,
    yields_to: str = "",
) -> pl.DataFrame:
    """Decide on the orders that were known, and enter them; columns ``TOLD``.

    ``known`` as ``claim`` tells it; ``yields_to``: see ``reuploads.decide``.
    """
    decided_now = _decided(c, upload_id, entries, known, yields_to)
    stage(c, "decided", decided_now)
    _apply(c, upload_id, block)
    run(c, "DROP TABLE decided")
    return decided_now.select("order_no", "order_id", "outcome")


def decided(
    c: Connection, shop: int, upload_id: int, named: pl.DataFrame, yields_to: str = ""
) -> pl.DataFrame:
    """What becomes of the orders of a file that the shop has already (``reuploads.decide``).

    ``named`` has the columns ``orders.ENTRIES``; an order that is new is left out. ``shop`` is any
    of its volumes.
    """
    located = volumes.located(c, shop, named["order_no"])
    return _decided(c, upload_id, named, located, yields_to)


def _decided(
    c: Connection, upload_id: int, named: pl.DataFrame, located: pl.DataFrame, yields_to: str
) -> pl.DataFrame:
    """The same of orders of which is known where they stand (``volumes.LOCATED``)."""
    known = named.join(located, on="order_no", how="inner", maintain_order="left")
    stage(c, "known", known.select("order_id", "digest"))
    # Mostly nothing was ever ignored, and then nobody looks for it.
    ignored = """EXISTS (SELECT 1 FROM ignored_changes g
                         WHERE g.order_id = o.id AND g.digest = s.digest)"""
    if run(c, "SELECT 1 FROM ignored_changes LIMIT 1").first() is None:
        ignored = "false"
    old = fetch(
        c,
        f"""
        SELECT o.id, u.layout, o.upload_id, o.digest, o.status_digest,
               o.ordered_at, o.cancelled, o.proposed_cancellation, o.state, o.codes, {ignored}
        FROM known s CROSS JOIN orders o CROSS JOIN uploads u
        WHERE o.id = s.order_id AND u.id = o.upload_id
        """,  # noqa: S608
        _OLD,
    )
    run(c, "DROP TABLE known")
    both = known.with_columns(upload_id=pl.lit(upload_id, pl.Int64)).join(
        old, on="order_id", how="inner", maintain_order="left"
    )
    return reuploads.decide(both, yields_to)


def _apply(c: Connection, upload_id: int, block: int) -> None:
    """Write the decisions: entries first, then the orders, then the lists they end."""
    _move_first_appearances(c)
    run(
        c,
        """
        UPDATE order_entries SET outcome = 'replaced' FROM decided d
        WHERE d.outcome = 'current' AND order_entries.upload_id = d.old_upload_id
          AND order_entries.order_id = d.order_id
        """,
    )
    # A change that waits for the operator gives way to a later one: one question an order.
    run(
        c,
        """
        UPDATE order_entries SET outcome = 'replaced' FROM decided d
        WHERE d.outcome = 'changed_after_issue' AND order_entries.order_id = d.order_id
          AND order_entries.outcome = 'changed_after_issue'
        """,
    )
    run(
        c,
        """
        INSERT INTO order_entries (upload_id, order_id, digest, previous_digest, rows, lines,
                                   first_row, outcome, block)
        SELECT :upload, order_id, digest, CASE WHEN digest <> old_digest THEN old_digest END,
               rows, lines, first_row, outcome, :block
        FROM decided ORDER BY order_id
        """,
        upload=upload_id,
        block=block,
    )
    run(
        c,
        """
        UPDATE orders SET
          upload_id = d.new_upload_id, digest = d.new_digest,
          block = CASE WHEN d.outcome = 'current' THEN :block ELSE orders.block END,
          status_digest = d.new_status_digest, ordered_at = d.new_ordered_at,
          cancelled = d.new_cancelled, proposed_cancellation = d.new_proposed,
          state = d.new_state, open = d.new_state IN ('held', 'accepted'), codes = d.new_codes,
          check_id = CASE WHEN d.recheck THEN NULL ELSE orders.check_id END
        FROM decided d WHERE orders.id = d.order_id AND d.touched
        """,
        block=block,
    )
    run(
        c,
        """
        UPDATE lists SET state = 'void', live = false,
                         next_app_type = CASE WHEN version > 1 THEN app_type END
        FROM decided d
        WHERE lists.order_id = d.order_id AND lists.live AND lists.state = 'pending'
          AND d.new_state = 'excluded'
        """,
    )


def _move_first_appearances(c: Connection) -> None:
    """Where orders of which more is told now stood first moves to their other appearances."""
    moves = """rows IS NOT NULL AND id IN (SELECT order_id FROM decided
                                           WHERE outcome IN ('current', 'changed_after_issue'))"""
    run(
        c,
        f"""
        INSERT INTO order_entries (upload_id, order_id, digest, rows, lines, first_row, outcome,
                                   block)
        SELECT upload_id, id, digest, rows, lines, first_row, 'current', block
        FROM orders WHERE {moves} ORDER BY upload_id, id
        """,  # noqa: S608
    )
    run(c, f"UPDATE orders SET rows = NULL, lines = NULL, first_row = NULL WHERE {moves}")  # noqa: S608
