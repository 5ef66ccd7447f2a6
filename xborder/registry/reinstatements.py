"""Lists that stand after all (清单恢复): refused and approved later, or cancelled and then not.

Customs' word moves forward: an approval (399) outdoes a refusal, a refusal of a cancellation
(605) its acceptance. Such a list is live again as it was issued, and its order is declared by it:
what would have followed is void, a change that had been taken waits for the operator, and of a
cancelled order a cancellation is proposed. Where another list of the order has gone out
meanwhile the order is declared twice, and that is told (``contradictions``).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row

from xborder.registry import audit, checkings
from xborder.registry.staging import run, stage
from xborder.registry.store import Store
from xborder.registry.versions import IS_APPROVED

FOLLOWED = """
    EXISTS (SELECT 1 FROM lists n WHERE n.order_id = l.order_id AND n.id > l.id
            AND n.manifest_id IS NOT NULL AND n.state IN ('issued', 'amended'))
"""
"""Whether another list of the order of ``l`` has gone out since."""


def taken_back(accepting: Sequence[str]) -> str:
    """SQL: whether customs has the ended list ``l`` approved, by its own filing ``f``, and no
    cancellation of it accepted (codes ``accepting``)."""
    codes = ", ".join(f"'{int(code)}'" for code in accepting)
    return f"""
        (l.state IN ('refused', 'cancelled') AND {IS_APPROVED} AND NOT EXISTS (
            SELECT 1 FROM filings x WHERE x.list_id = l.id AND x.kind = '605'
              AND x.status IN ({codes})))
    """  # noqa: S608


def before(c: Connection, list_ids: Sequence[int], accepting: Sequence[str]) -> list[int]:
    """Lists that stood in the way of nothing any more: customs has approved them, and what
    followed them (``list_ids``) has ended itself."""
    if not list_ids:
        return []
    _stage(c, list_ids)
    found = run(
        c,
        f"""
        SELECT DISTINCT l.id FROM asked a JOIN lists b ON b.id = a.list_id
        JOIN lists l ON l.order_id = b.order_id AND l.id < b.id
         AND l.state IN ('refused', 'cancelled')
        JOIN filings f ON f.list_id = l.id AND f.kind = '603'
        WHERE {taken_back(accepting)} ORDER BY 1
        """,  # noqa: S608
    )
    told = list(found.scalars())
    run(c, "DROP TABLE asked")
    return told


def reinstated(c: Connection, store: Store, list_ids: Sequence[int]) -> int:
    """Customs has these lists after all; how many stand again.

    A list that is live, or that another one has followed to customs, is left as it is: of the
    latter the audit log says that the order is declared twice.
    """
    _stage(c, list_ids)
    found = run(
        c,
        f"""
        SELECT l.id, l.order_id, l.check_id, l.cop_no, l.route, {FOLLOWED} AS followed FROM asked a
        JOIN lists l ON l.id = a.list_id
        WHERE l.state IN ('refused', 'cancelled')
           OR (l.state = 'void' AND l.manifest_id IS NOT NULL)  -- told to go again as it was
        ORDER BY l.id
        """,  # noqa: S608
    ).all()
    run(c, "DROP TABLE asked")
    for row in found:
        run(c, "UPDATE lists SET state = 'refused' WHERE id = :id AND state = 'void'", id=row.id)
    stands = [row for row in found if not row.followed]
    for row, upload_id in zip(stands, _uploads(store, stands), strict=True):
        _stands(c, row)
        _declared(c, row, upload_id)
    if found:
        told = {
            "lists": [row.id for row in stands][:100],
            "declared_twice": [row.cop_no for row in found if row.followed][:100],
        }
        audit.append(c, "lists stand again", "lists", told)
    return len(stands)


def _stage(c: Connection, list_ids: Iterable[int]) -> None:
    asked = pl.DataFrame({"list_id": list(dict.fromkeys(list_ids))}, schema={"list_id": pl.Int64})
    stage(c, "asked", asked)


def _uploads(store: Store, rows: Sequence[Row[Any]]) -> list[int | None]:
    """From which upload each list's content came; None where the lake does not say."""
    found: dict[int, int] = {}
    for check_id in sorted({row.check_id for row in rows}):
        place = (*checkings.folder(check_id), "items.parquet")
        if store.exists(*place):
            items = store.read_parquet(*place, columns=["order_id", "upload_id"])
            wanted = [row.order_id for row in rows if row.check_id == check_id]
            found |= dict(items.filter(pl.col("order_id").is_in(wanted)).drop_nulls().iter_rows())
    return [found.get(row.order_id) for row in rows]


def _stands(c: Connection, row: Row[Any]) -> None:
    """The list is live again; a pending one of the order is void."""
    run(
        c,
        """
        UPDATE lists SET state = CASE WHEN live THEN 'void' ELSE state END, live = false,
                         next_app_type = NULL
        WHERE order_id = :order AND (live OR next_app_type IS NOT NULL)
        """,
        order=row.order_id,
    )
    run(c, "UPDATE lists SET state = 'issued', live = true WHERE id = :id", id=row.id)


def _declared(c: Connection, row: Row[Any], upload_id: int | None) -> None:
    """The order is declared by what the list says; what came since waits for the operator."""
    same = {"order": row.order_id, "upload": upload_id}
    came = run(
        c,
        """
        SELECT e.digest, e.block FROM order_entries e JOIN orders o ON o.id = e.order_id
        WHERE e.order_id = :order AND e.upload_id = :upload AND e.digest <> o.digest
        """,
        **same,
    ).first()
    if came is not None:
        run(
            c,
            """
            UPDATE order_entries SET outcome = 'changed_after_issue', previous_digest = :digest
            WHERE order_id = :order AND upload_id <> :upload AND outcome = 'current'
            """,
            digest=came.digest,
            **same,
        )
        run(
            c,
            "UPDATE order_entries SET outcome = 'current'"
            " WHERE order_id = :order AND upload_id = :upload",
            **same,
        )
        run(
            c,
            "UPDATE orders SET upload_id = :upload, block = :block, digest = :digest"
            " WHERE id = :order",
            block=came.block,
            digest=came.digest,
            **same,
        )
    run(
        c,
        """
        UPDATE orders SET state = 'declared', open = false, codes = '', check_id = :check_id,
                          route = :route, proposed_cancellation = cancelled
        WHERE id = :order
        """,
        order=row.order_id,
        check_id=row.check_id,
        route=row.route,
    )
