"""What is wrong with receipts (回执问题): files in quarantine, answers that wait or are held."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from xborder import findings
from xborder.registry import audit, filings
from xborder.registry.customs_states import APPROVED, CLEARED, LIST, RELEASED, SENT, Rules
from xborder.registry.staging import changed, run

MOST = 1000
"""Problems that are listed; ``count`` counts all."""

_OPEN = """
    SELECT 'file' AS what, r.id, r.file_name, r.exporter, r.code, '' AS value, r.received_at AS at
    FROM receipt_files r WHERE r.state = 'quarantined'
    UNION ALL
    SELECT 'receipt', r.id, f.file_name, f.exporter, r.code,
           CASE r.code WHEN 'RECEIPT_UNKNOWN_CODE' THEN r.status
                       WHEN 'RECEIPT_FROM_FUTURE' THEN r.returned_at
                       ELSE 'CEB' || r.kind || ' ' || r.key END,
           f.received_at
    FROM receipts r JOIN receipt_files f ON f.id = r.file_id
    WHERE r.code IS NOT NULL AND r.code <> 'DISMISSED'
"""

DISMISSED = "DISMISSED"
"""Code of an answer that an operator has seen and put aside; of a file it is the state."""


def listed(c: Connection) -> list[dict[str, Any]]:
    """The newest problems, first those of files: what (file, receipt), id, file_name, exporter
    (empty: everybody's inbox), code, severity, value, received_at, message_zh, message_en,
    fix_zh, fix_en."""
    found = run(c, f"SELECT * FROM ({_OPEN}) every ORDER BY what, id DESC LIMIT {MOST}")  # noqa: S608
    told = []
    for row in found.mappings():
        entry = findings.catalogue()[row["code"]]
        texts = {"value": row["value"] or row["file_name"], "reason": row["file_name"]}
        texts["id"] = str(row["id"])
        told.append(
            {name: row[name] for name in ("what", "id", "file_name", "exporter", "code", "value")}
            | {"severity": entry.severity, "received_at": datetime.fromisoformat(row["at"])}
            | {name: findings.render(text, texts) for name, text in (
                ("message_zh", entry.zh), ("message_en", entry.en),
                ("fix_zh", entry.fix_zh), ("fix_en", entry.fix_en))}
        )  # fmt: skip
    return told


def count(c: Connection) -> dict[str, int]:
    """How many problems there are, by code."""
    found = run(c, f"SELECT code, count(*) FROM ({_OPEN}) every GROUP BY code ORDER BY code")  # noqa: S608
    return {code: int(number) for code, number in found}


def dismiss(c: Connection, files: Sequence[int] = (), receipts: Sequence[int] = ()) -> int:
    """Put aside files in quarantine and answers that wait or are held; how many were.

    They are kept, and no longer told; such an answer is not applied any more. The same bytes
    again are known.
    """
    done = 0
    for number in files:
        done += changed(
            c,
            "UPDATE receipt_files SET state = 'dismissed' WHERE id = :id AND state = 'quarantined'",
            id=number,
        )
    for number in receipts:
        done += changed(
            c,
            "UPDATE receipts SET code = :code WHERE id = :id AND code IS NOT NULL AND code <> :code",
            id=number,
            code=DISMISSED,
        )
    if done:
        told = {"files": list(files), "receipts": list(receipts)}
        audit.append(c, "receipts dismissed", "receipts", told)
    return done


def stuck(c: Connection, rules: Rules, before: datetime) -> dict[str, int]:
    """Documents that were sent before an instant, or answered last before it, and that are
    neither approved nor refused, by kind and state: somebody must ask customs."""
    ends = (APPROVED, RELEASED, CLEARED)
    ended = [code for code in rules.accepting() if rules.of_status(LIST, code) in ends]
    done = ", ".join(f"'{int(code)}'" for code in ended)
    found = run(
        c,
        f"""
        SELECT f.kind, f.status, count(*) FROM filings f
        LEFT JOIN messages m ON m.id = f.message_id
        WHERE (f.status IS NULL AND m.sent_at < :before
               OR f.status_at < :before AND f.status NOT IN ({done}) AND f.status <> '100'
                  AND f.status NOT LIKE '-%' AND (f.kind = '603' OR f.status <> '120'))
        GROUP BY 1, 2 ORDER BY 1, 2
        """,  # noqa: S608
        before=filings.stored(before),
    )
    counted: dict[str, int] = {}
    for kind, status, number in found:
        state = rules.of_status(kind, status) or SENT
        counted[f"{kind} {state}"] = counted.get(f"{kind} {state}", 0) + int(number)
    return counted
