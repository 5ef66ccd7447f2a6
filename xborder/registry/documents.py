"""Single documents (单证) as rows: bills, arrivals, departures, cancellations, returns.

All that their messages say stands here, so that these are written from rows. A document has a
number of its own, ``XD`` + the day + 10 digits (20 characters: CEB215 takes no more).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import IntegrityError

from xborder import clock
from xborder.registry import audit, counters, filings
from xborder.registry.document_tables import bill_lists, bills, documents, return_items
from xborder.registry.staging import fetch, insert, run, stage

OPEN, CANCELLED = "open", "cancelled"

FOUND = {
    "word": pl.String,
    "list_id": pl.Int64,
    "order_id": pl.Int64,
    "check_id": pl.Int64,
    "exporter": pl.String,
    "order_no": pl.String,
    "cop_no": pl.String,
    "version": pl.Int64,
    "state": pl.String,
    "live": pl.Boolean,
    "route": pl.String,
    "status": pl.String,
    "customs_no": pl.String,
    "bill_no": pl.String,
}
"""``word``: by which it was asked for; ``status`` and ``customs_no`` (invtNo) of its 603;
``bill_no``: of the bill that it travels under."""


@dataclass(frozen=True)
class NewDocument:
    """A document to enter: its kind, exporter, head, the number of messages it goes in, and the
    bill or the list that it is about."""

    kind: str
    exporter: str
    head: Mapping[str, Any]
    parts: int = 1
    bill_id: int | None = None
    list_id: int | None = None
    app_type: str = "1"


def find(c: Connection, words: Sequence[str], exporter: str | None = None) -> pl.DataFrame:
    """Lists by any number: manifest, copNo, invtNo, order, waybill; columns ``FOUND``.

    In the order of ``words``. Of a manifest all live lists; otherwise the newest list that was
    issued. A word that names nothing has no row; one that names orders of several shops or
    exporters has several.
    """
    asked = pl.DataFrame({"word": list(dict.fromkeys(words))}, schema={"word": pl.String})
    asked = asked.with_row_index("place").cast({"place": pl.Int64})
    told = _lists_of(c, asked, [_BY_MANIFEST, _BY_INVT_NO], [_BY_COP_NO, _BY_ORDER_NO], exporter)
    left = asked.join(told, on="word", how="anti")
    if left.height:
        told = pl.concat([told, _lists_of(c, left, [], [_BY_WAYBILL], exporter)])
    return told.sort("place", "list_id").drop("place")


# CROSS JOIN, so that SQLite begins with the words and takes the index that is meant.
_BY_MANIFEST = """
    SELECT w.place, w.word, l.id FROM words w CROSS JOIN manifests m CROSS JOIN lists l
    WHERE m.number = upper(w.word) AND l.manifest_id = m.id AND l.live
"""
_BY_INVT_NO = """
    SELECT w.place, w.word, f.list_id FROM words w CROSS JOIN filings f
    WHERE f.customs_no = w.word AND f.kind || '' = '603'
"""
_BY_COP_NO = """
    SELECT w.place, w.word, l.order_id FROM words w CROSS JOIN lists l
    WHERE l.cop_no = upper(w.word)
"""
_BY_ORDER_NO = """
    SELECT w.place, w.word, o.id FROM words w CROSS JOIN shops s CROSS JOIN orders o
    WHERE o.shop_id = s.id AND o.order_no = w.word
"""
_BY_WAYBILL = """
    SELECT w.place, w.word, b.order_id FROM words w JOIN waybills b ON b.logistics_no = w.word
"""


def _lists_of(
    c: Connection,
    words: pl.DataFrame,
    to_lists: Sequence[str],
    to_orders: Sequence[str],
    exporter: str | None,
) -> pl.DataFrame:
    """The lists that words lead to, at once or by the newest issued list of an order."""
    stage(c, "words", words.select("place", "word"))
    named = {"place": pl.Int64, "word": pl.String}
    found = [fetch(c, asked, named | {"list_id": pl.Int64}) for asked in to_lists]
    orders = fetch(c, " UNION ".join(to_orders), named | {"order_id": pl.Int64})
    run(c, "DROP TABLE words")
    if orders.height:
        # No index leads from an order to all its lists: all are gone through, once.
        stage(c, "named_orders", orders)
        newest = """
            SELECT t.place, t.word, max(l.id) FROM named_orders t
            JOIN lists l ON l.order_id = t.order_id AND l.manifest_id IS NOT NULL
            GROUP BY t.place, t.word, t.order_id
        """
        found.append(fetch(c, newest, named | {"list_id": pl.Int64}))
        run(c, "DROP TABLE named_orders")
    if not found:
        return pl.DataFrame(schema=FOUND | {"place": pl.Int64})
    stage(c, "found_lists", pl.concat(found).unique())
    told = fetch(c, _FOUND_LISTS, FOUND | {"place": pl.Int64}, exporter=exporter)
    run(c, "DROP TABLE found_lists")
    return told


_FOUND_LISTS = """
    SELECT w.word, l.id, l.order_id, l.check_id, s.exporter, o.order_no, l.cop_no, l.version,
           l.state, l.live, l.route, f.status, f.customs_no, b.bill_no, w.place
    FROM found_lists w JOIN lists l ON l.id = w.list_id JOIN orders o ON o.id = l.order_id
    JOIN shops s ON s.id = o.shop_id
    LEFT JOIN filings f ON f.list_id = l.id AND f.kind = '603'
    LEFT JOIN bill_lists t ON t.list_id = l.id AND t.live
    LEFT JOIN bills b ON b.id = t.bill_id
    WHERE CAST(:exporter AS TEXT) IS NULL OR s.exporter = :exporter
"""


def enter(c: Connection, new: NewDocument, app_time: datetime, cop_no: str = "") -> Row[Any]:
    """Enter a document with its filings, one a message; its row. ``cop_no``: of a document that
    this one changes or deletes; by default it gets its own."""
    number = counters.draw(c, "document")
    day = clock.business_date(app_time)
    own = cop_no or f"XD{day:%Y%m%d}{counters.draw(c, 'document copNo'):010d}"
    c.execute(
        documents.insert().values(
            id=number,
            kind=new.kind,
            exporter=new.exporter,
            cop_no=own,
            app_type=new.app_type,
            app_time=app_time,
            head=dict(new.head),
            parts=new.parts,
            bill_id=new.bill_id,
            list_id=new.list_id,
        )
    )
    named = [{"copNo": own, "coElNo": own, "msgSeqNo": str(n + 1)} for n in range(new.parts)]
    told = pl.DataFrame(
        {
            "kind": new.kind,
            "key": [filings.key_of(new.kind, one) for one in named],
            "app_type": new.app_type,
            "list_id": new.list_id,
        },
        schema=filings.NEW,
    )
    filings.enter(c, new.exporter, app_time, told)
    said = {"kind": new.kind, "exporter": new.exporter, "parts": new.parts}
    audit.append(c, "document filed", own, said | {"app_type": new.app_type}, app_time)
    return get(c, number)


def get(c: Connection, document_id: int) -> Row[Any]:
    """One document. Raises ``sqlalchemy.exc.NoResultFound``."""
    return c.execute(select(documents).where(documents.c.id == document_id)).one()


def in_messages(c: Connection, row: Row[Any], message_ids: Sequence[int]) -> None:
    """Say in which messages a document's filings stand: one each, in their order."""
    keys = [
        filings.key_of(row.kind, {"copNo": row.cop_no, "coElNo": row.cop_no, "msgSeqNo": str(n)})
        for n in range(1, row.parts + 1)
    ]
    for key, message_id in zip(keys, message_ids, strict=True):
        run(
            c,
            """
            UPDATE filings SET message_id = :message WHERE kind = :kind AND exporter = :exporter
              AND key = :key AND message_id IS NULL
            """,
            message=message_id,
            kind=row.kind,
            exporter=row.exporter,
            key=key,
        )


class OnOtherBillError(ValueError):
    """A list travels under another bill that was not cancelled."""


def open_bill(
    c: Connection, exporter: str, customs_code: str, bill_no: str, rows: pl.DataFrame
) -> int:
    """A new bill with its lists (columns list_id, logistics_no, package_no); its number.

    Raises OnOtherBillError: the database holds that a list has one bill at a time.
    """
    number = counters.draw(c, "bill")
    c.execute(
        bills.insert().values(
            id=number,
            exporter=exporter,
            customs_code=customs_code,
            bill_no=bill_no,
            lists=rows.height,
            state=OPEN,
        )
    )
    told = rows.select("list_id", "logistics_no", "package_no")
    try:
        insert(c, "bill_lists", told, bill_id=number, live=True)
    except Exception as error:
        if isinstance(error, IntegrityError) or "unique" in str(error).lower():
            raise OnOtherBillError(bill_no) from error
        raise
    return number


def bill(c: Connection, exporter: str | None, bill_no: str) -> list[Row[Any]]:
    """The open bills of this number, of one exporter or of all."""
    wanted = select(bills).where(bills.c.bill_no == bill_no, bills.c.state == OPEN)
    if exporter is not None:
        wanted = wanted.where(bills.c.exporter == exporter)
    return list(c.execute(wanted.order_by(bills.c.id)))


def lists_of_bill(c: Connection, bill_id: int) -> pl.DataFrame:
    """The lists of a bill in order: list_id, logistics_no, package_no."""
    return fetch(
        c,
        """
        SELECT list_id, logistics_no, package_no FROM bill_lists
        WHERE bill_id = :bill ORDER BY list_id
        """,
        {"list_id": pl.Int64, "logistics_no": pl.String, "package_no": pl.String},
        bill=bill_id,
    )


def not_released(c: Connection, bill_id: int) -> list[Row[Any]]:
    """The lists of a bill that customs has neither released (800) nor set aside: cop_no, status."""
    return list(
        run(
            c,
            """
            SELECT l.cop_no, f.status FROM bill_lists b JOIN lists l ON l.id = b.list_id
            LEFT JOIN filings f ON f.list_id = l.id AND f.kind = '603'
            WHERE b.bill_id = :bill AND l.state <> 'cancelled'
              AND coalesce(f.status, '') NOT IN ('800', '899') ORDER BY l.id
            """,
            bill=bill_id,
        )
    )


def cancel_bill(c: Connection, bill_id: int) -> None:
    """A bill was cancelled: its lists may travel under another one."""
    c.execute(update(bills).where(bills.c.id == bill_id).values(state=CANCELLED))
    c.execute(update(bill_lists).where(bill_lists.c.bill_id == bill_id).values(live=False))
    audit.append(c, "bill cancelled", f"bill {bill_id}")


def of_bill(c: Connection, bill_id: int, kind: str) -> list[Row[Any]]:
    """The documents of a kind about a bill, oldest first."""
    wanted = select(documents).where(documents.c.bill_id == bill_id, documents.c.kind == kind)
    return list(c.execute(wanted.order_by(documents.c.id)))


def statuses(c: Connection, row: Row[Any]) -> list[str | None]:
    """What customs says of each message of a document; None: no answer yet."""
    found = run(
        c,
        """
        SELECT f.status FROM filings f
        WHERE f.kind = :kind AND f.exporter = :exporter
          AND (f.key = :key OR f.key LIKE :pieces) ORDER BY f.id
        """,
        kind=row.kind,
        exporter=row.exporter,
        key=row.cop_no,
        pieces=f"{row.cop_no}/%",
    )
    return list(found.scalars())


def refused(status: str | None) -> bool:
    """Whether a status says that customs did not take a document."""
    return status == "100" or (status or "").startswith("-")


def enter_items(c: Connection, document_id: int, items: Sequence[Mapping[str, Any]]) -> None:
    """The goods of a return (213): ``gnum`` and ``qty`` as in the list, and all else it says."""
    rows = [
        {"document_id": document_id, "gnum": one["gnum"], "qty": one["qty"], "item": dict(one)}
        for one in items
    ]
    c.execute(return_items.insert(), rows)


def asked_to_cancel(c: Connection, list_id: int) -> bool:
    """Whether a cancellation (605) of a list is under way or accepted."""
    found = run(
        c,
        """
        SELECT 1 FROM documents d WHERE d.kind = '605' AND d.list_id = :list AND NOT EXISTS (
            SELECT 1 FROM filings f WHERE f.kind = '605' AND f.exporter = d.exporter
              AND f.key = d.cop_no AND (f.status = '100' OR f.status LIKE '-%'))
        """,
        list=list_id,
    )
    return found.first() is not None


def all_bills(c: Connection, exporter: str | None = None) -> list[dict[str, Any]]:
    """All bills, newest first, each with what customs says of its documents by kind."""
    wanted = select(bills).order_by(bills.c.id.desc())
    if exporter is not None:
        wanted = wanted.where(bills.c.exporter == exporter)
    told = []
    for one in c.execute(wanted):
        row: dict[str, Any] = {
            name: getattr(one, name)
            for name in ("bill_no", "exporter", "customs_code", "lists", "state")
        }
        for kind in ("607", "507", "509"):
            row[kind] = [
                {
                    "cop_no": document.cop_no,
                    "app_type": document.app_type,
                    "statuses": statuses(c, document),
                }
                for document in of_bill(c, one.id, kind)
            ]
        told.append(row)
    return told
