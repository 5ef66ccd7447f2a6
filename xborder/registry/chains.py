"""The chain behind a number (追溯): from any of its numbers to the orders, and all that became of them.

The registry's half: uploads, orders, lists, manifests, what was filed with customs and what it
answered, bills, returns, consolidated declarations, movements of warehouses. Goods lines and
cells lie in the lake.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, text

from xborder.registry import lists
from xborder.registry.staging import run

_BOOLEAN = ("live", "proposed_cancellation")

MOST_TRACED = 1000
"""Rows of one kind that ``chain`` tells at most."""


def orders_of(c: Connection, key: str) -> list[int]:
    """The orders that a number leads to, in order of their own numbers; at most ``MOST_TRACED``.

    An order number (also with the prefix under which customs has it, where its platform has no
    code), copNo, GUID of a list, manifest number, logistics number, customs' number of
    a list or of another document of it, bill number, copNo of a document (607, 605, 213, 701 …),
    number of a consolidated declaration (entryId, declSeqNo, sumNo), number or SHA-256 of an
    upload.
    """
    asked = key.strip()
    named = {"key": asked, "upper": asked.upper(), "lower": asked.lower()}
    found: set[int] = set()
    for statement in (_ORDERS_OF_KEY, _ORDERS_OF_DOCUMENT):
        found |= {int(one) for one in run(c, statement, **named, most=MOST_TRACED).scalars()}
    return sorted(found | set(lists.orders_of_guid(c, asked)))[:MOST_TRACED]


def chain(c: Connection, orders: Iterable[int]) -> dict[str, list[dict[str, Any]]]:
    """All that the registry knows of some orders: JSON-ready rows by kind.

    ``orders`` (identity, state), their ``entries`` (upload, file, first row, outcome),
    ``waybills``, ``lists``, ``manifests``, ``filings`` (what customs was told of a list, with the
    message that carried it), ``receipts`` (what it answered), ``return_items`` (what came back by
    a 213), ``bills`` and ``bill_filings`` (607, 507, 509), ``applications`` (701) and
    ``declared`` (the line of a declaration in which a goods line stands).
    """
    ids = list(orders)
    told = {name: _rows(c, asked, ids) if ids else [] for name, asked in _CHAIN.items()}
    for row in told["lists"]:
        row["guid"] = lists.guid(row.pop("exporter"), row["cop_no"], row["version"])
    return told


def trace(c: Connection, key: str) -> dict[str, list[dict[str, Any]]]:
    """The chain behind a number, and what else bears it: a manifest, ``uploads``, ``movements``.

    Besides the numbers of ``orders_of`` the key may be a movement id, SKU, inbound id or
    reference of a movement. Empty lists where nothing fits.
    """
    asked = key.strip()
    told = chain(c, orders_of(c, asked))
    told["manifests"] += [
        row for row in _of_key(c, _MANIFEST_OF_KEY, asked.upper()) if row not in told["manifests"]
    ]
    told["uploads"] = _of_key(c, _UPLOADS_OF_KEY, asked.lower())
    told["movements"] = _of_key(c, _MOVEMENTS_OF_KEY, asked)
    return told


def _rows(c: Connection, statement: str, ids: list[int]) -> list[dict[str, Any]]:
    asked = text(statement).bindparams(bindparam("ids", expanding=True))
    rows = c.execute(asked, {"ids": ids}).mappings().fetchmany(MOST_TRACED)
    return [{name: _json(name, value) for name, value in row.items()} for row in rows]


def _of_key(c: Connection, statement: str, key: str) -> list[dict[str, Any]]:
    found = c.execute(text(statement), {"key": key}).mappings()
    rows = found.fetchmany(MOST_TRACED)
    return [{name: _json(name, value) for name, value in row.items()} for row in rows]


def _json(name: str, value: Any) -> Any:
    """A value as JSON holds it, of whichever database it comes."""
    if isinstance(value, date):
        return (value.astimezone(UTC) if isinstance(value, datetime) else value).isoformat()
    return bool(value) if name in _BOOLEAN else value


# The order number is asked shop by shop, so that the unique key answers it.
# The logistics codes are found one after the other, so that their unique key answers too.
_ORDERS_OF_KEY = """
    WITH RECURSIVE codes(code) AS (
        SELECT min(logistics_code) FROM waybills
        UNION ALL
        SELECT (SELECT min(logistics_code) FROM waybills WHERE logistics_code > code)
        FROM codes WHERE code IS NOT NULL)
    SELECT id FROM orders WHERE shop_id IN (SELECT id FROM shops) AND order_no IN (:key, :upper)
    UNION SELECT order_id FROM lists WHERE cop_no = :upper
    UNION SELECT l.order_id FROM lists l JOIN manifests m ON m.id = l.manifest_id
          WHERE m.number = :upper
    UNION SELECT order_id FROM waybills
          WHERE logistics_code IN (SELECT code FROM codes WHERE code IS NOT NULL)
            AND logistics_no IN (:key, :upper)
    UNION SELECT l.order_id FROM filings f JOIN lists l ON l.id = f.list_id
          WHERE f.customs_no = :upper
    UNION SELECT l.order_id FROM filings f JOIN lists l ON l.id = f.list_id
          WHERE f.kind = '303' AND f.key = '无/' || :key
    UNION SELECT order_id FROM order_entries WHERE upload_id IN
          (SELECT id FROM uploads WHERE sha256 = :lower OR CAST(id AS TEXT) = :key)
    UNION SELECT o.id FROM entered n CROSS JOIN orders o
          WHERE o.id BETWEEN n.first_id AND n.last_id AND n.upload_id IN
          (SELECT id FROM uploads WHERE sha256 = :lower OR CAST(id AS TEXT) = :key)
    ORDER BY 1 LIMIT :most
"""

# What is said of several lists at once; copNo of a document by its unique key.
_ORDERS_OF_DOCUMENT = """
    WITH named(list_id) AS (
        SELECT t.list_id FROM bills b JOIN bill_lists t ON t.bill_id = b.id
        WHERE b.bill_no IN (:key, :upper)
        UNION SELECT coalesce(d.list_id, t.list_id)
              FROM documents d LEFT JOIN bill_lists t ON t.bill_id = d.bill_id
              WHERE d.kind IN ('213', '215', '507', '509', '605', '607') AND d.cop_no = :upper
        UNION SELECT n.list_id FROM consolidations k
              JOIN consolidation_lists n ON n.consolidation_id = k.id WHERE k.cop_no = :upper
        UNION SELECT d.list_id FROM summary_results r JOIN declaration_lines d ON d.result_id = r.id
              WHERE :upper IN (r.entry_id, r.decl_seq_no, r.sum_no))
    SELECT DISTINCT l.order_id FROM named n JOIN lists l ON l.id = n.list_id
    ORDER BY 1 LIMIT :most
"""

_MANIFEST = """m.number, m.kind, m.exporter, m.customs_code, m.business_date, m.state, m.lists,
               m.sha256, m.folder"""

_CHAIN = {
    "orders": """
        SELECT o.id AS order_id, s.exporter, s.channel, s.shop, o.order_no, o.state, o.route,
               o.codes, o.business_date, o.ordered_at, o.check_id, o.proposed_cancellation
        FROM orders o JOIN shops s ON s.id = o.shop_id WHERE o.id IN :ids ORDER BY o.id""",
    "entries": """
        SELECT e.order_id, o.order_no, e.upload_id, u.file_name, u.received_at, e.first_row,
               e.rows, e.lines, e.outcome
        FROM orders o CROSS JOIN uploads u CROSS JOIN order_entries e
        WHERE o.id IN :ids AND e.upload_id = u.id AND e.order_id = o.id
        UNION ALL
        SELECT o.id, o.order_no, o.upload_id, u.file_name, u.received_at, o.first_row,
               o.rows, o.lines, 'current'
        FROM orders o JOIN uploads u ON u.id = o.upload_id
        WHERE o.rows IS NOT NULL AND o.id IN :ids ORDER BY 1, 3""",
    "lists": """
        SELECT l.id AS list_id, l.order_id, l.cop_no, s.exporter, l.version, l.live, l.state,
               l.route, l.check_id, l.app_type, m.app_time, m.number AS manifest
        FROM lists l JOIN orders o ON o.id = l.order_id JOIN shops s ON s.id = o.shop_id
        LEFT JOIN manifests m ON m.id = l.manifest_id
        WHERE l.order_id IN :ids ORDER BY l.id""",
    "waybills": """
        SELECT order_id, logistics_code, logistics_no, export_date FROM waybills
        WHERE order_id IN :ids ORDER BY order_id, logistics_code, logistics_no""",
    "manifests": f"""
        SELECT DISTINCT m.id, {_MANIFEST} FROM lists l JOIN manifests m ON m.id = l.manifest_id
        WHERE l.order_id IN :ids ORDER BY m.id""",  # noqa: S608
    "filings": """
        SELECT f.id AS filing_id, f.list_id, f.kind, f.key, f.version, f.app_type, f.app_time,
               f.status, f.status_at, f.pre_no, f.customs_no, g.guid AS message,
               g.state AS message_state, g.sent_at, g.transport
        FROM lists l JOIN filings f ON f.list_id = l.id
        LEFT JOIN messages g ON g.id = f.message_id
        WHERE l.order_id IN :ids ORDER BY f.id""",
    "receipts": """
        SELECT r.filing_id, r.kind, r.status, r.returned_at, r.info, r.pre_no, r.customs_no,
               r.code, p.file_name, r.entity
        FROM lists l JOIN filings f ON f.list_id = l.id JOIN receipts r ON r.filing_id = f.id
        JOIN receipt_files p ON p.id = r.file_id
        WHERE l.order_id IN :ids ORDER BY r.returned_at, r.id""",
    "return_items": """
        SELECT d.list_id, d.cop_no AS key, i.gnum, i.qty
        FROM lists l JOIN documents d ON d.list_id = l.id
        JOIN return_items i ON i.document_id = d.id
        WHERE l.order_id IN :ids ORDER BY d.id, i.gnum""",
    "bills": """
        SELECT t.list_id, b.id AS bill_id, b.bill_no, b.customs_code, b.state, b.lists
        FROM lists l JOIN bill_lists t ON t.list_id = l.id JOIN bills b ON b.id = t.bill_id
        WHERE l.order_id IN :ids ORDER BY t.list_id, b.id""",
    "bill_filings": """
        SELECT d.bill_id, d.kind, d.cop_no, d.app_type, d.app_time, d.parts, f.status, f.status_at
        FROM documents d LEFT JOIN filings f
          ON f.kind = d.kind AND f.exporter = d.exporter AND f.app_type = d.app_type
         AND f.key IN (d.cop_no || '/1', d.cop_no || '/' || CAST(d.parts AS TEXT))
        WHERE d.bill_id IN (SELECT t.bill_id FROM lists l JOIN bill_lists t ON t.list_id = l.id
                            WHERE l.order_id IN :ids)
        ORDER BY d.id, f.id""",
    "applications": """
        SELECT n.list_id, k.cop_no, k.month, k.app_time, n.part, n.live, f.status, f.status_at,
               f.customs_no AS sum_no, g.guid AS message, g.state AS message_state, g.sent_at
        FROM lists l JOIN consolidation_lists n ON n.list_id = l.id
        JOIN consolidations k ON k.id = n.consolidation_id
        LEFT JOIN filings f ON f.kind = '701' AND f.exporter = k.exporter
             AND f.key = k.cop_no || '/' || CAST(n.part AS TEXT)
        LEFT JOIN messages g ON g.id = f.message_id
        WHERE l.order_id IN :ids ORDER BY n.list_id, k.id""",
    "declared": """
        SELECT d.list_id, d.gnum, r.entry_id, d.gseqno, r.decl_seq_no, r.sum_no, r.decl_state,
               r.op_date, k.cop_no AS application, p.file_name
        FROM lists l JOIN declaration_lines d ON d.list_id = l.id
        JOIN summary_results r ON r.id = d.result_id
        JOIN consolidations k ON k.id = r.consolidation_id
        LEFT JOIN receipt_files p ON p.id = r.file_id
        WHERE l.order_id IN :ids ORDER BY d.list_id, d.gnum, r.decl_seq_no""",
}

_MANIFEST_OF_KEY = f"SELECT m.id, {_MANIFEST} FROM manifests m WHERE m.number = :key"  # noqa: S608

_UPLOADS_OF_KEY = """
    SELECT id AS upload_id, exporter, shop, channel, kind, layout, file_name, sha256, state, code,
           received_at FROM uploads
    WHERE sha256 = :key OR CAST(id AS TEXT) = :key ORDER BY id
"""

_MOVEMENTS_OF_KEY = """
    SELECT m.exporter, m.warehouse, m.movement_id, m.moved_at, m.sku, m.movement_type, m.qty,
           m.inbound_id, m.reference, m.upload_id, u.file_name, m.sheet, m.row
    FROM movements m JOIN uploads u ON u.id = m.upload_id
    WHERE :key IN (m.movement_id, m.sku, m.inbound_id, m.reference) ORDER BY m.id
"""
