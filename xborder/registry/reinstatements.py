"""Cancellations that customs takes in (120) and then refuses: their lists stand as before (撤单退回)."""

from collections.abc import Sequence

import polars as pl
from sqlalchemy import Connection

from xborder.registry import audit
from xborder.registry.staging import run, stage


def reinstated(c: Connection, list_ids: Sequence[int]) -> int:
    """Customs refused after all to cancel these lists (CEB606 100 after 120); how many stand again.

    Such a list is approved as before, and nothing may follow it: a new one that is not issued is
    void, the order held with LIST_APPROVED. Of one whose new list is issued already, the audit
    log says that the order is declared twice.
    """
    asked = pl.DataFrame({"list_id": list(dict.fromkeys(list_ids))}, schema={"list_id": pl.Int64})
    stage(c, "asked", asked)
    followed = """
        EXISTS (SELECT 1 FROM lists n WHERE n.order_id = l.order_id AND n.id > l.id
                AND n.manifest_id IS NOT NULL AND n.state IN ('issued', 'amended'))
    """
    found = run(
        c,
        f"""
        SELECT l.id, l.order_id, l.cop_no, {followed} AS followed FROM asked a
        JOIN lists l ON l.id = a.list_id WHERE l.state = 'cancelled' ORDER BY l.id
        """,  # noqa: S608
    ).all()
    run(c, "DROP TABLE asked")
    stands = [row for row in found if not row.followed]
    twice = [row.cop_no for row in found if row.followed]
    for row in stands:
        run(
            c,
            """
            UPDATE lists SET state = CASE WHEN live THEN 'void' ELSE state END, live = false,
                             next_app_type = NULL
            WHERE order_id = :order AND (live OR next_app_type IS NOT NULL)
            """,
            order=row.order_id,
        )
        # As one that customs approved before its change could go.
        run(c, "UPDATE lists SET state = 'amended', next_app_type = '2' WHERE id = :id", id=row.id)
        run(
            c,
            """
            UPDATE orders SET state = 'held', codes = 'LIST_APPROVED'
            WHERE id = :order AND (state = 'accepted' OR state = 'held' AND codes = 'LIST_CANCELLED')
            """,
            order=row.order_id,
        )
    if found:
        told = {"lists": [row.id for row in stands][:100], "declared_twice": twice[:100]}
        audit.append(c, "cancellation refused after all", "lists", told)
    return len(stands)
