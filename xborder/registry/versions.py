"""What follows a list after its issue (清单变更): refused, amended, cancelled, and its next version.

An issued list is never edited. When customs refuses it, or the operator amends it before it is
approved, it ends, and its order is checked again; the order's next list is the next version of
the same copNo. When customs cancels it (CEB605), the order's next list is a new one (R33).
Either way the order waits until what its list would say has changed, or the operator says that
it shall go as it is (``resend``).
"""

from collections.abc import Sequence

import polars as pl
from sqlalchemy import Connection

from xborder.registry import audit, counters
from xborder.registry.staging import changed, fetch, run, stage
from xborder.registry.store import Store

REFUSED, CANCELLED, AMENDED = "refused", "cancelled", "amended"

CUSTOMS_REFUSED, LIST_CANCELLED = "CUSTOMS_REFUSED", "LIST_CANCELLED"
LIST_APPROVED = "LIST_APPROVED"

APPROVED, IN_DOUBT = ("399", "800", "899"), ("300", "500")
IS_APPROVED = f"""
    (f.status IN {APPROVED} OR (f.status IN {IN_DOUBT} AND f.customs_no <> ''))
"""
"""Whether customs has approved the list of a filing ``f``: it can be cancelled, not amended (R32,
R33). What is inspected or reviewed after the approval has its number (invtNo) already."""


def is_approved(status: str | None, customs_no: str | None) -> bool:
    """The same of a list whose status and number are at hand."""
    return status in APPROVED or (status in IN_DOUBT and bool(customs_no))


FOLLOWING = "next versions"
"""Counter: how many lists followed another one of their copNo."""

_CODES = {REFUSED: CUSTOMS_REFUSED, CANCELLED: LIST_CANCELLED}

_NOT_DECLARED = ["upload_id", "sheet", "row", "value_cny", "order_id"]
"""Columns of checked content that may differ between two checks and show in no message."""


def refused(c: Connection, list_ids: Sequence[int], app_type: str = "1") -> int:
    """Customs has refused these lists; how many ended by it.

    Their orders are held with CUSTOMS_REFUSED, unless a change waits (it is taken) or the order
    was cancelled. The next version goes as ``app_type`` where the list has no ``invtNo``, else
    as 2. Lists that are not live any more are left alone: the same receipt may come twice.
    """
    numbered = """
        CASE WHEN EXISTS (SELECT 1 FROM filings f WHERE f.list_id = lists.id AND f.kind = '603'
                          AND f.customs_no <> '') THEN '2' ELSE :next END
    """
    return _end(c, list_ids, REFUSED, numbered, next=app_type)


def cancelled(c: Connection, list_ids: Sequence[int]) -> int:
    """Customs has cancelled these lists (CEB606); how many ended by it.

    Their orders are held with LIST_CANCELLED, or take the change that waits, or are excluded
    where they were cancelled themselves. A list that follows has a new copNo.
    """
    return _end(c, list_ids, CANCELLED, "NULL")


def amend(c: Connection, list_ids: Sequence[int]) -> int:
    """End these lists so that their orders' changed content goes as the next version; how many.

    Only live lists that customs has not approved, and that a change waits for. The next version
    goes as ``appType`` 2.
    """
    stage(c, "asked", _ids(list_ids))
    wanted = fetch(
        c,
        f"""
        SELECT l.id FROM asked a JOIN lists l ON l.id = a.list_id
        JOIN orders o ON o.id = l.order_id
        WHERE l.live AND l.state = 'issued' AND NOT o.cancelled
          AND EXISTS (SELECT 1 FROM order_entries e
                      WHERE e.order_id = l.order_id AND e.outcome = 'changed_after_issue')
          AND NOT EXISTS (SELECT 1 FROM filings f WHERE f.list_id = l.id AND f.kind = '603'
                          AND {IS_APPROVED})
        """,  # noqa: S608
        {"list_id": pl.Int64},
    )
    run(c, "DROP TABLE asked")
    return _end(c, wanted["list_id"].to_list(), AMENDED, "'2'")


def ignore(c: Connection, order_ids: Sequence[int]) -> int:
    """What files told of these orders after their issue is put aside; how many had something.

    The same content stays put aside when a later file brings it again (``reuploads``).
    """
    stage(c, "asked", _ids(order_ids))
    run(
        c,
        """
        INSERT INTO ignored_changes (order_id, digest)
        SELECT e.order_id, e.digest FROM asked a
        JOIN order_entries e ON e.order_id = a.list_id AND e.outcome = 'changed_after_issue'
        WHERE true ON CONFLICT DO NOTHING
        """,
    )
    done = changed(
        c,
        """
        UPDATE order_entries SET outcome = 'replaced' FROM asked a
        WHERE order_entries.order_id = a.list_id AND outcome = 'changed_after_issue'
        """,
    )
    proposed = changed(
        c,
        """
        UPDATE orders SET proposed_cancellation = false FROM asked a
        WHERE orders.id = a.list_id AND orders.state = 'declared' AND orders.proposed_cancellation
        """,
    )
    run(c, "DROP TABLE asked")
    if done or proposed:
        told = {"orders": list(order_ids)[:100], "changes": done, "cancellations": proposed}
        audit.append(c, "changes ignored", "orders", told)
    return done + proposed


def resend(c: Connection, order_ids: Sequence[int]) -> int:
    """Orders whose list was refused or cancelled shall go as they are; how many will."""
    stage(c, "asked", _ids(order_ids))
    done = changed(
        c,
        """
        UPDATE lists SET state = 'void' FROM asked a, orders o
        WHERE lists.order_id = a.list_id AND lists.state IN ('refused', 'cancelled')
          AND o.id = a.list_id AND o.state IN ('held', 'accepted')
        """,
    )
    run(
        c,
        """
        UPDATE orders SET codes = '', check_id = NULL FROM asked a
        WHERE orders.id = a.list_id AND orders.state = 'held'
          AND orders.codes IN ('CUSTOMS_REFUSED', 'LIST_CANCELLED', 'LIST_APPROVED')
        """,
    )
    run(c, "DROP TABLE asked")
    if done:
        audit.append(c, "orders sent again", "orders", {"orders": list(order_ids)[:100]})
    return done


def _ids(numbers: Sequence[int]) -> pl.DataFrame:
    return pl.DataFrame({"list_id": list(dict.fromkeys(numbers))}, schema={"list_id": pl.Int64})


def _end(c: Connection, list_ids: Sequence[int], state: str, following: str, **values: str) -> int:
    """End lists, and let their orders go on; see the callers."""
    if not list_ids:
        return 0
    # A list that was amended meanwhile, or refused before, can still be cancelled by customs.
    before = "lists.state = 'issued' AND lists.live"
    if state == CANCELLED:
        before = "lists.state IN ('issued', 'amended', 'refused')"
    stage(c, "ending", _ids(list_ids))
    stage(c, "ended", pl.DataFrame(schema={"list_id": pl.Int64, "order_id": pl.Int64}))
    run(
        c,
        f"""
        INSERT INTO ended SELECT lists.id, lists.order_id FROM ending t
        JOIN lists ON lists.id = t.list_id WHERE {before}
        """,  # noqa: S608
    )
    if state == CANCELLED:
        # The next version of a list that is gone cannot go any more.
        run(
            c,
            """
            UPDATE lists SET state = 'void', live = false FROM ended t
            WHERE lists.order_id = t.order_id AND lists.live AND lists.state = 'pending'
            """,
        )
    # One next version an order: what an earlier end of the order left gives way.
    run(
        c,
        """
        UPDATE lists SET next_app_type = NULL FROM ended t
        WHERE lists.order_id = t.order_id AND lists.next_app_type IS NOT NULL
        """,
    )
    done = changed(
        c,
        f"""
        UPDATE lists SET state = '{state}', live = false, next_app_type = {following}
        FROM ended t WHERE lists.id = t.list_id
        """,  # noqa: S608
        **values,
    )
    _reopen(c, _CODES.get(state, ""))
    run(c, "DROP TABLE ending")
    run(c, "DROP TABLE ended")
    if done:
        audit.append(c, f"lists {state}", "lists", {"lists": list(list_ids)[:100], "count": done})
    return done


def _reopen(c: Connection, code: str) -> None:
    """Let the orders of ``ended`` lists go on: excluded, changed, or held with a code."""
    free = """
        orders.state IN ('declared', 'held', 'accepted')
        AND NOT EXISTS (SELECT 1 FROM lists n WHERE n.order_id = orders.id AND n.live)
    """
    run(
        c,
        f"""
        UPDATE orders SET state = 'excluded', open = false, codes = 'CANCELLED',
               proposed_cancellation = false
        FROM ended t WHERE orders.id = t.order_id AND orders.cancelled AND {free}
        """,  # noqa: S608
    )
    run(
        c,
        f"""
        UPDATE orders SET state = 'held', open = true, codes = :code,
               check_id = CASE WHEN :code <> '' AND orders.check_id = l.check_id
                               THEN orders.check_id END
        FROM ended t, lists l WHERE orders.id = t.order_id AND l.id = t.list_id AND {free}
        """,  # noqa: S608
        code=code,
    )
    changed_since = """
        SELECT 1 FROM ended t JOIN order_entries e ON e.order_id = t.order_id
        WHERE e.outcome = 'changed_after_issue' LIMIT 1
    """
    if run(c, changed_since).first() is None:
        # Mostly: what follows goes through all entries that there are.
        return
    run(
        c,
        """
        UPDATE orders SET upload_id = e.upload_id, block = e.block, digest = e.digest,
               codes = '', check_id = NULL
        FROM ended t, order_entries e
        WHERE orders.id = t.order_id AND e.order_id = t.order_id AND orders.state = 'held'
          AND e.outcome = 'changed_after_issue'
        """,
    )
    waits = """
        EXISTS (SELECT 1 FROM ended t JOIN orders o ON o.id = t.order_id
                WHERE t.order_id = order_entries.order_id AND o.state = 'held')
        AND EXISTS (SELECT 1 FROM order_entries w WHERE w.order_id = order_entries.order_id
                    AND w.outcome = 'changed_after_issue')
    """
    for was, becomes in (("current", "replaced"), ("changed_after_issue", "current")):
        run(
            c,
            f"""
            UPDATE order_entries SET outcome = '{becomes}'
            WHERE outcome = '{was}' AND order_id IN (SELECT order_id FROM ended) AND {waits}
            """,  # noqa: S608
        )


def claim(c: Connection) -> int:
    """Give accepted orders whose list is followed by a next version that version; how many.

    What customs has approved meanwhile cannot be amended any more: such an order is held with
    LIST_APPROVED, and the operator cancels the list.
    """
    _hold_approved(c)
    if run(c, "SELECT 1 FROM lists WHERE next_app_type IS NOT NULL LIMIT 1").first() is None:
        return 0
    run(
        c,
        f"""
        UPDATE orders SET state = 'held', codes = 'LIST_APPROVED' FROM lists, filings f
        WHERE lists.next_app_type IS NOT NULL AND lists.order_id = orders.id
          AND orders.state = 'accepted'
          AND f.kind = '603' AND f.key = lists.cop_no AND {IS_APPROVED}
        """,  # noqa: S608
    )
    first = counters.peek(c, "list")
    new = changed(
        c,
        """
        INSERT INTO lists (id, order_id, version, live, cop_no, state, route, check_id, app_type,
                           order_app_type)
        SELECT :first + w.n, w.order_id, w.version + 1, true, w.cop_no, 'pending', w.route,
               w.check_id, w.next_app_type, w.order_app_type
        FROM (SELECT o.id AS order_id, o.route, o.check_id, p.cop_no, p.version, p.next_app_type,
                     CASE WHEN p.manifest_id IS NULL THEN p.order_app_type
                          WHEN coalesce(f.status, '') IN ('4', '100') OR f.status LIKE '-%'
                          THEN '1' ELSE '2' END AS order_app_type,
                     row_number() OVER (ORDER BY o.id) AS n
              FROM lists p JOIN orders o ON o.id = p.order_id
              LEFT JOIN filings f ON f.list_id = p.id AND f.kind = '303'
              WHERE p.next_app_type IS NOT NULL AND o.state = 'accepted'
                AND NOT EXISTS (SELECT 1 FROM lists l WHERE l.order_id = o.id AND l.live)) w
        """,
        first=first,
    )
    counters.draw_many(c, "list", new)
    counters.draw_many(c, FOLLOWING, new)
    run(
        c,
        """
        UPDATE lists SET next_app_type = NULL
        WHERE next_app_type IS NOT NULL
          AND EXISTS (SELECT 1 FROM lists n WHERE n.order_id = lists.order_id AND n.live)
        """,
    )
    return new


def _hold_approved(c: Connection) -> None:
    """Hold the orders of pending next versions whose list customs has approved meanwhile."""
    if not counters.peek(c, FOLLOWING):
        return
    run(
        c,
        f"""
        UPDATE orders SET state = 'held', codes = 'LIST_APPROVED' FROM lists l, filings f
        WHERE l.state = 'pending' AND l.live AND l.version > 1 AND orders.id = l.order_id
          AND f.kind = '603' AND f.key = l.cop_no AND {IS_APPROVED}
        """,  # noqa: S608
    )
    run(
        c,
        """
        UPDATE lists SET state = 'void', live = false, next_app_type = app_type FROM orders o
        WHERE lists.state = 'pending' AND lists.live AND lists.version > 1
          AND o.id = lists.order_id AND o.state = 'held' AND o.codes = 'LIST_APPROVED'
        """,
    )


def last_issued(order: str) -> str:
    """SQL of the number of the last list of an order that was issued.

    ``order`` is the column of the order's number. Live or past: each is found by an index.
    """
    of_order = f"p.order_id = {order} AND p.manifest_id IS NOT NULL"
    either = " UNION ALL ".join(
        f"SELECT p.id FROM lists p WHERE {which} AND {of_order}"  # noqa: S608
        for which in ("p.live", "NOT p.live")
    )
    return f"(SELECT max(n.id) FROM ({either}) n)"  # noqa: S608


def unchanged(
    c: Connection, store: Store, folder: tuple[str, ...], verdicts: pl.DataFrame
) -> pl.DataFrame:
    """Verdicts of a check, where an accepted order whose list was refused or cancelled is held
    when its list would say the same again.

    ``verdicts`` have order_id, state and codes; ``folder`` is where the check's content lies.
    """
    ended = fetch(
        c,
        f"""
        SELECT l.order_id, l.check_id, l.state FROM lists l JOIN orders o ON o.id = l.order_id
        WHERE l.state IN ('refused', 'cancelled') AND o.state IN ('held', 'accepted')
          AND l.id = {last_issued("l.order_id")}
        """,  # noqa: S608
        {"order_id": pl.Int64, "before": pl.Int64, "ended": pl.String},
    )
    accepted = verdicts.filter(pl.col("state") == "accepted").select("order_id")
    ended = ended.join(accepted, on="order_id", how="semi")
    if ended.is_empty():
        return verdicts
    same = []
    for (check_id,), few in ended.partition_by("before", as_dict=True).items():
        before = ("lake", "checked_orders", f"{int(str(check_id)):08d}")
        told = [_said(store, place, few["order_id"]) for place in (before, folder)]
        both = told[0].join(told[1], on=["order_id", "said"], how="semi")
        same.append(few.join(both, on="order_id", how="semi").select("order_id", "ended"))
    held = pl.concat(same).with_columns(code=pl.col("ended").replace_strict(_CODES))
    marked = verdicts.join(
        held.select("order_id", "code"), on="order_id", how="left", maintain_order="left"
    )
    is_held = pl.col("code").is_not_null()
    return marked.with_columns(
        state=pl.when(is_held).then(pl.lit("held")).otherwise("state"),
        codes=pl.when(is_held).then("code").otherwise("codes"),
    ).drop("code")


def _said(store: Store, folder: tuple[str, ...], order_ids: pl.Series) -> pl.DataFrame:
    """All that lists of some orders say, as one text each: [order_id, said]."""
    wanted = order_ids.to_frame("order_id")
    parts = []
    for what in ("heads", "items"):
        table = store.read_parquet(*folder, f"{what}.parquet")
        table = table.join(wanted, on="order_id", how="semi", maintain_order="left")
        # By name: a check of an older program may have stored the columns in another order.
        columns = sorted(set(table.columns) - set(_NOT_DECLARED))
        text = pl.struct(columns).struct.json_encode()
        parts.append(table.select("order_id", said=text))
    return pl.concat(parts).group_by("order_id", maintain_order=True).agg(pl.col("said").str.join())
