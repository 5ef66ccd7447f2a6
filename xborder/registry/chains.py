"""The chain behind a key (追溯): from a number back to file and row, and on to the manifest."""

from typing import Any

from sqlalchemy import Connection, bindparam, text

from xborder.registry import lists
from xborder.registry.staging import run

MOST_TRACED = 1000
"""Rows of one kind that ``trace`` tells at most."""


def trace(c: Connection, key: str) -> dict[str, list[dict[str, Any]]]:
    """The chain behind a key, both ways: JSON-ready rows by kind.

    The key is an order number, copNo, GUID, manifest number, logistics number, the number or
    SHA-256 of an upload, a movement id, SKU or inbound id of a movement. ``orders`` (with the
    identity and state), their ``entries`` (upload, file, first row, outcome), ``lists``,
    ``manifests``, ``waybills``; ``uploads``; ``movements``. Empty lists where nothing fits.
    """
    asked = key.strip()
    orders = [int(one) for one in run(c, _ORDERS_OF_KEY, key=asked, upper=asked.upper()).scalars()]
    orders += [one for one in lists.orders_of_guid(c, asked) if one not in orders]
    orders = orders[:MOST_TRACED]
    told: dict[str, list[dict[str, Any]]] = {}
    for name, statement in _CHAIN.items():
        told[name] = _rows(c, statement, ids=orders) if orders else []
    for row in told["lists"]:
        row["guid"] = lists.guid(row.pop("exporter"), row["cop_no"], row["version"])
    told["manifests"] += [
        row for row in _rows(c, _MANIFEST_OF_KEY, key=asked.upper()) if row not in told["manifests"]
    ]
    told["uploads"] = _rows(c, _UPLOADS_OF_KEY, key=asked.lower())
    told["movements"] = _rows(c, _MOVEMENTS_OF_KEY, key=asked)
    return told


def _rows(c: Connection, statement: str, **values: Any) -> list[dict[str, Any]]:
    asked = text(statement)
    if "ids" in values:
        asked = asked.bindparams(bindparam("ids", expanding=True))
    return [dict(row) for row in c.execute(asked, values).mappings().fetchmany(MOST_TRACED)]


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
    ORDER BY 1
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
        FROM orders o JOIN order_entries e ON e.order_id = o.id JOIN uploads u
             ON u.id = e.upload_id
        WHERE o.id IN :ids ORDER BY e.order_id, e.upload_id""",
    "lists": """
        SELECT l.order_id, l.cop_no, s.exporter, l.version, l.live, l.state, l.route,
               l.app_type, m.app_time, m.number AS manifest
        FROM lists l JOIN orders o ON o.id = l.order_id JOIN shops s ON s.id = o.shop_id
        LEFT JOIN manifests m ON m.id = l.manifest_id
        WHERE l.order_id IN :ids ORDER BY l.id""",
    "waybills": """
        SELECT order_id, logistics_code, logistics_no, export_date FROM waybills
        WHERE order_id IN :ids ORDER BY order_id, logistics_code, logistics_no""",
    "manifests": f"""
        SELECT DISTINCT m.id, {_MANIFEST} FROM lists l JOIN manifests m ON m.id = l.manifest_id
        WHERE l.order_id IN :ids ORDER BY m.id""",  # noqa: S608
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
