"""A manifest's messages and what customs answered of its documents (批次报文与回执)."""

from typing import Any

from sqlalchemy import Connection

from xborder.registry.customs_states import Rules
from xborder.registry.staging import run


def messages_of(c: Connection, manifest_id: int) -> list[dict[str, Any]]:
    """The messages by which a manifest leaves, in their order: kind, guid, entities, state,
    attempts, transport, sent_at, reference and code (the finding of an attempt that failed).

    None where its messages are left to the client.
    """
    found = run(
        c,
        """
        SELECT g.kind, g.guid, g.entities, g.state, g.attempts, g.transport, g.sent_at,
               g.reference, g.code
        FROM messages g WHERE g.manifest_id = :manifest ORDER BY g.id
        """,
        manifest=manifest_id,
    )
    return [dict(row) for row in found.mappings()]


def receipts_of(
    c: Connection, rules: Rules, manifest_id: int, most: int
) -> tuple[list[dict[str, Any]], int]:
    """What customs answered of a manifest's lists and all that was filed of them, and how many
    answers there are: the newest by customs' time first.

    kind (of the answer), key (copNo and the like), order_no, status, returned_at (null: none that
    can be read), info (customs' text), file_name, and ``meaning`` of the status (zh, en).
    """
    joined = """
        FROM lists l JOIN filings f ON f.list_id = l.id JOIN receipts r ON r.filing_id = f.id
        JOIN receipt_files p ON p.id = r.file_id JOIN orders o ON o.id = l.order_id
        WHERE l.manifest_id = :manifest
    """
    number = run(c, f"SELECT count(*) {joined}", manifest=manifest_id).scalar_one()
    found = run(
        c,
        f"""
        SELECT r.kind, f.key, o.order_no, r.status, r.returned_at, r.info, p.file_name {joined}
        ORDER BY CASE WHEN r.returned_at IS NULL THEN 1 ELSE 0 END, r.returned_at DESC, r.id DESC
        LIMIT :most
        """,
        manifest=manifest_id,
        most=most,
    )
    told = [
        dict(row) | {"meaning": rules.meaning(row["status"], row["info"])}
        for row in found.mappings()
    ]
    return told, int(number)
