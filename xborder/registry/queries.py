"""Questions to the registry (查询): receipts, what was issued, and the chain behind a key.

All for a connection of ``database.reading``; nothing is written.
"""

from collections import Counter
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, RowMapping, func, select

from xborder import findings
from xborder.registry import patches
from xborder.registry import tables as t
from xborder.registry.chains import trace
from xborder.registry.faults import CHECK_FAILED, READING_FAILED
from xborder.registry.staging import run
from xborder.registry.uploads import REFUSED, ROW_STATES

__all__ = [
    "Receipt", "UploadRow", "deliveries", "delivery_receipt", "findings_of", "held_by_code",
    "manifest", "manifests", "manifests_of_last_cutoff", "orders_by_state",
    "orders_on_two_lists", "receipt", "received_again", "refused", "trace", "upload_of", "uploads",
    "uploads_that_do_not_add_up", "uploads_with_open_orders", "with_faults",
]  # fmt: skip

Receipt = dict[str, Any]

UploadRow = Any
"""A row of ``uploads``; attributes are its columns."""


def receipt(c: Connection, upload_id: int) -> Receipt:
    """The receipt (回执) of an upload: what became of each of its physical rows (promise 1).

    Keys: ``rows`` (all), one count each of ``accepted``, ``declared``, ``held``, ``excluded``,
    ``duplicate`` (they add up to ``rows``: ``adds_up``), ``excluded_by_code``, ``held_by_code``
    (rows held for a reason of the registry or that belong to no order), ``orders`` and
    ``lines`` (the same states), ``notices`` and ``proposed_cancellations`` (orders),
    ``deliveries``, ``patch_of`` (of a corrected copy the ``upload_id`` and ``file_name`` of its
    original, how many rows ``changed`` and ``unchanged``; else None), and the upload's
    ``upload_id``, ``file_name``, ``exporter``, ``shop``, ``kind``, ``layout``, ``state``,
    ``code``, ``sha256``, ``received_at``. A file that was not read yet has no rows. Raises
    ``sqlalchemy.exc.NoResultFound``.
    """
    upload = c.execute(select(t.uploads).where(t.uploads.c.id == upload_id)).one()
    rows: Counter[str] = Counter(dict.fromkeys(ROW_STATES, 0))
    orders: Counter[str] = Counter(dict.fromkeys(ROW_STATES, 0))
    lines: Counter[str] = Counter(dict.fromkeys(ROW_STATES, 0))
    excluded: Counter[str] = Counter()
    held: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for part in _entries(c, upload_id):
        state, code = _row_state(part)
        rows[state] += part["rows"]
        orders[state] += part["orders"]
        lines[state] += part["lines"]
        if state == "excluded":
            excluded[code] += part["rows"]
        elif state == "held" and code:
            held[code] += part["rows"]
        told["notices"] += part["orders"] if part["outcome"] == "notice" else 0
        told["proposed_cancellations"] += part["orders"] if part["proposed"] else 0
    for one in c.execute(select(t.upload_rows).where(t.upload_rows.c.upload_id == upload_id)):
        rows[one.state] += one.rows
        if one.state == "excluded":
            excluded[one.code] += one.rows
        elif one.state == "held" and one.code:
            held[one.code] += one.rows
    every = upload.rows or 0
    deliveries = select(func.count()).where(t.deliveries.c.upload_id == upload_id)
    return {
        "upload_id": upload.id,
        **{key: getattr(upload, key) for key in _TOLD_OF_UPLOAD},
        "deliveries": c.scalar(deliveries),
        "patch_of": patches.told_of(c, upload),
        "rows": every,
        **{state: rows[state] for state in ROW_STATES},
        "adds_up": rows.total() == every,
        "excluded_by_code": {code: n for code, n in sorted(excluded.items()) if n},
        "held_by_code": {code: n for code, n in sorted(held.items()) if n},
        "orders": {state: orders[state] for state in ROW_STATES},
        "lines": {state: lines[state] for state in ROW_STATES},
        "notices": told["notices"],
        "proposed_cancellations": told["proposed_cancellations"],
    }


_TOLD_OF_UPLOAD = (
    "file_name",
    "exporter",
    "shop",
    "kind",
    "layout",
    "state",
    "code",
    "sha256",
    "received_at",
)


def _entries(c: Connection, upload_id: int) -> list[RowMapping]:
    """An upload's orders, counted by outcome and by what their order is now."""
    found = run(
        c,
        """
        SELECT e.outcome, o.state, CASE WHEN o.state = 'excluded' THEN o.codes ELSE '' END AS code,
               o.proposed_cancellation AS proposed, count(*) AS orders,
               CAST(sum(e.rows) AS BIGINT) AS rows, CAST(sum(e.lines) AS BIGINT) AS lines
        FROM appearances e JOIN orders o ON o.id = e.order_id
        WHERE e.upload_id = :upload
        GROUP BY 1, 2, 3, 4
        """,
        upload=upload_id,
    )
    return list(found.mappings())


def _row_state(part: RowMapping) -> tuple[str, str]:
    """State and code of the rows of an entry: its order's, unless the entry is not current."""
    match part["outcome"]:
        case "current":
            return part["state"], part["code"]
        case "duplicate" | "notice":
            return "duplicate", ""
        case "replaced":
            return "excluded", "REPLACED"
        case "changed_after_issue":
            return "held", "CHANGED_AFTER_ISSUE"
        case "reused":
            return "held", "ORDER_NUMBER_REUSED"
        case other:
            raise ValueError(f"{other!r} is no outcome of an entry")


def delivery_receipt(c: Connection, delivery_id: int) -> Receipt:
    """The receipt of one delivery: the upload's own, or, for bytes that were known, all rows
    ``duplicate``, ``code`` ALREADY_RECEIVED, ``first`` = number of the upload that took them.

    Raises ``sqlalchemy.exc.NoResultFound``.
    """
    wanted = select(t.deliveries).where(t.deliveries.c.id == delivery_id)
    delivery = c.execute(wanted).one()
    told = receipt(c, delivery.upload_id) | {"delivery_id": delivery.id, "first": None}
    told |= {"file_name": delivery.file_name, "received_at": delivery.received_at}
    if delivery.new:
        return told
    none = dict.fromkeys(ROW_STATES, 0)
    same = {"duplicate": told["rows"]}
    for key in ("orders", "lines"):
        told[key] = none | {"duplicate": sum(told[key].values())}
    blank: Receipt = {"excluded_by_code": {}, "held_by_code": {}, "adds_up": True}
    blank |= {"notices": 0, "proposed_cancellations": 0}
    blank |= {"first": delivery.upload_id, "code": "ALREADY_RECEIVED"}
    return told | none | same | blank


def uploads(
    c: Connection,
    day: date | None = None,
    exporter: str | None = None,
    kind: str | None = None,
    state: str | None = None,
) -> list[UploadRow]:
    """Uploads, oldest first: of one business day, exporter, kind or state where given."""
    wanted = select(t.uploads).order_by(t.uploads.c.id)
    asked = {"business_date": day, "exporter": exporter, "kind": kind, "state": state}
    for name, value in asked.items():
        if value is not None:
            wanted = wanted.where(t.uploads.c[name] == value)
    return list(c.execute(wanted))


def upload_of(c: Connection, exporter: str, shop: str, sha256: str) -> UploadRow | None:
    """The upload that took these bytes in for this exporter and shop."""
    wanted = select(t.uploads).filter_by(exporter=exporter, shop=shop, sha256=sha256)
    return c.execute(wanted).first()


def received_again(c: Connection, after: int) -> list[dict[str, Any]]:
    """Deliveries of known bytes after the one with a number: exporter, shop, file_name, and
    ``upload_id`` of the upload that took them."""
    wanted = (
        select(t.uploads.c.exporter, t.uploads.c.shop, t.deliveries.c.file_name,
               t.deliveries.c.upload_id)
        .join(t.uploads, t.uploads.c.id == t.deliveries.c.upload_id)
        .where(t.deliveries.c.id > after, ~t.deliveries.c.new)
        .order_by(t.deliveries.c.id)
    )  # fmt: skip
    return [dict(row) for row in c.execute(wanted).mappings()]


def deliveries(c: Connection, day: date | None = None) -> list[dict[str, Any]]:
    """What was handed in, each arrival once, oldest first, with its upload's columns."""
    upload = [t.uploads.c[name] for name in ("exporter", "shop", "sha256", "state", "kind")]
    wanted = (
        select(t.deliveries, *upload)
        .join(t.uploads, t.uploads.c.id == t.deliveries.c.upload_id)
        .order_by(t.deliveries.c.id)
    )
    if day is not None:
        wanted = wanted.where(t.uploads.c.business_date == day)
    return [dict(row) for row in c.execute(wanted).mappings()]


def uploads_that_do_not_add_up(c: Connection) -> list[int]:
    """Uploads whose counted rows are not their physical rows; always empty (promise 1)."""
    found = run(
        c,
        """
        SELECT u.id FROM uploads u
        LEFT JOIN (SELECT upload_id, sum(rows) AS n FROM upload_rows GROUP BY upload_id) r
               ON r.upload_id = u.id
        LEFT JOIN (SELECT upload_id, sum(rows) AS n FROM appearances GROUP BY upload_id) e
               ON e.upload_id = u.id
        WHERE u.state <> 'landed' AND coalesce(u.rows, 0) <> coalesce(r.n, 0) + coalesce(e.n, 0)
        ORDER BY u.id
        """,
    )
    return list(found.scalars())


def uploads_with_open_orders(c: Connection) -> list[int]:
    """Uploads that hold the current content of an order whose list is not issued."""
    found = run(
        c,
        """
        SELECT DISTINCT o.upload_id FROM orders o
        WHERE o.open ORDER BY 1
        """,
    )
    return list(found.scalars())


def orders_by_state(c: Connection) -> list[dict[str, Any]]:
    """How many orders each shop has in each state: exporter, channel, shop, state, orders."""
    found = run(
        c,
        """
        SELECT s.exporter, s.channel, s.shop, o.state, count(*) AS orders
        FROM orders o JOIN shops s ON s.id = o.shop_id
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        """,
    )
    return [dict(row) for row in found.mappings()]


def held_by_code(c: Connection) -> pl.DataFrame:
    """Why orders are held: frame [code, orders], the most frequent code first."""
    found = run(c, "SELECT codes, count(*) FROM orders WHERE state = 'held' GROUP BY codes")
    counted: Counter[str] = Counter()
    for codes, number in found:
        for code in filter(None, codes.split(",")):
            counted[code] += number
    rows = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return pl.DataFrame(rows, schema={"code": pl.String, "orders": pl.Int64}, orient="row")


def with_faults(c: Connection) -> list[UploadRow]:
    """Uploads that a fault of ours kept from being read or checked; they wait for the next run."""
    wanted = select(t.uploads).where(
        t.uploads.c.state != REFUSED, t.uploads.c.code.in_([READING_FAILED, CHECK_FAILED])
    )
    return list(c.execute(wanted.order_by(t.uploads.c.id)))


def orders_on_two_lists(c: Connection) -> list[int]:
    """Orders in more than one live list; always empty (promise 2)."""
    found = run(
        c,
        "SELECT order_id FROM lists WHERE live GROUP BY order_id HAVING count(*) > 1 ORDER BY 1",
    )
    return list(found.scalars())


def manifests(
    c: Connection, day: date | None = None, exporter: str | None = None
) -> list[dict[str, Any]]:
    """Manifests, oldest first, all columns: of one business day or exporter where given."""
    wanted = select(t.manifests).order_by(t.manifests.c.id)
    if day is not None:
        wanted = wanted.where(t.manifests.c.business_date == day)
    if exporter is not None:
        wanted = wanted.where(t.manifests.c.exporter == exporter)
    return [dict(row) for row in c.execute(wanted).mappings()]


def manifest(c: Connection, number: str) -> dict[str, Any] | None:
    """A manifest by its number; None when there is none."""
    row = c.execute(select(t.manifests).where(t.manifests.c.number == number)).mappings().first()
    return dict(row) if row else None


def manifests_of_last_cutoff(c: Connection) -> list[dict[str, Any]]:
    """The manifests of the newest cut-off that made any."""
    newest = select(func.max(t.manifests.c.cutoff_id)).scalar_subquery()
    wanted = select(t.manifests).where(t.manifests.c.cutoff_id == newest)
    return [dict(row) for row in c.execute(wanted.order_by(t.manifests.c.id)).mappings()]


def refused(c: Connection, day: date | None = None) -> list[UploadRow]:
    """Uploads that could not be used, with their ``code``."""
    return uploads(c, day, state=REFUSED)


_REUPLOADS = {
    "changed_after_issue": "CHANGED_AFTER_ISSUE",
    "reused": "ORDER_NUMBER_REUSED",
    "notice": "ORDER_STATUS_CHANGED",
}

_OF_THE_FILE = {
    "UNKNOWN_EXPORTER": "exporter",
    "UNKNOWN_SHOP": "shop",
    "ORIGINAL_UNREADABLE": "file_name",
    READING_FAILED: "file_name",
    CHECK_FAILED: "file_name",
}


def findings_of(c: Connection, upload_id: int) -> pl.DataFrame:
    """What the registry itself has to say of an upload, as a findings table.

    UNKNOWN_EXPORTER and UNKNOWN_SHOP of a refused file (``also_at`` is the folder of the landing
    zone it came by), READING_FAILED and CHECK_FAILED of one
    that waits for the next run; of its orders CHANGED_AFTER_ISSUE,
    ORDER_NUMBER_REUSED, ORDER_STATUS_CHANGED, and CANCELLATION_PROPOSED where the list of a
    cancelled order is issued. Each at the order's first row; ``also_at`` names the file that
    holds what the registry knows of the order.
    """
    found = run(
        c,
        """
        SELECT e.outcome, e.first_row, o.order_no, o.proposed_cancellation AS proposed,
               u.file_name, k.file_name AS known_from
        FROM order_entries e
        JOIN orders o ON o.id = e.order_id
        JOIN uploads u ON u.id = e.upload_id
        JOIN uploads k ON k.id = o.upload_id
        WHERE e.upload_id = :upload
          AND e.outcome IN ('changed_after_issue', 'reused', 'notice')
        ORDER BY e.first_row, o.id
        """,
        upload=upload_id,
    )
    upload = c.execute(select(t.uploads).where(t.uploads.c.id == upload_id)).one()
    told = []
    if upload.code in _OF_THE_FILE:
        value = getattr(upload, _OF_THE_FILE[upload.code]) or "—"
        place = f"{upload.exporter}/{upload.shop}".rstrip("/")
        where = place if upload.code in ("UNKNOWN_EXPORTER", "UNKNOWN_SHOP") else ""
        told.append(
            findings.Finding(code=upload.code, file=upload.file_name, value=value, also_at=where)
        )
    for row in found.mappings():
        codes = [_REUPLOADS[row["outcome"]]]
        if row["proposed"] and row["outcome"] != "reused":
            codes.append("CANCELLATION_PROPOSED")
        told += [
            findings.Finding(
                code=code,
                file=row["file_name"],
                row=row["first_row"],
                order_no=row["order_no"],
                value=row["order_no"],
                field="order_no",
                also_at=row["known_from"],
            )
            for code in codes
        ]
    return findings.to_frame(told)
