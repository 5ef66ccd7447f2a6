"""The audit trail (审计链): one entry a change, in the transaction of the change.

Entry n holds ``sha256(previous hash ‖ canonical JSON)``, so that an edited, removed or swapped
entry shows. A cut at the end does not show in the chain itself: hand ``head`` to somebody
outside (the daily report does).
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from xborder import clock
from xborder.registry.tables import audit, canonical_json

START = "0" * 64
"""What stands before the first entry."""


def _hash(previous: str, seq: int, at: datetime, kind: str, subject: str, payload: Any) -> str:
    told = {"at": at.isoformat(), "kind": kind, "payload": payload, "seq": seq, "subject": subject}
    return hashlib.sha256(bytes.fromhex(previous) + canonical_json(told).encode()).hexdigest()


def head(c: Connection) -> tuple[int, str]:
    """Number and hash of the newest entry; ``(0, START)`` for an empty trail."""
    row = c.execute(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    return (row.seq, row.hash) if row else (0, START)


def append(
    c: Connection, kind: str, subject: str, payload: Any = None, at: datetime | None = None
) -> int:
    """Add an entry; its number. ``payload`` is a JSON value without personal data.

    ``at`` is by default the clock's present instant.
    """
    return extend(c, kind, [(subject, payload)], at)


def extend(
    c: Connection, kind: str, told: Sequence[tuple[str, Any]], at: datetime | None = None
) -> int:
    """Add an entry for each subject and payload, at one instant; the number of the last one."""
    at = (at or clock.now()).astimezone(clock.UTC)
    seq, previous = head(c)
    entries = []
    for subject, payload in told:
        seq += 1
        whole = _hash(previous, seq, at, kind, subject, payload)
        entries.append(
            {
                "seq": seq,
                "at": at,
                "kind": kind,
                "subject": subject,
                "payload": payload,
                "previous": previous,
                "hash": whole,
            }
        )
        previous = whole
    if entries:
        c.execute(audit.insert(), entries)
    return seq


def verify(c: Connection) -> int | None:
    """The number of the first entry that does not fit the chain; None when all fit."""
    previous, expected = START, 1
    for row in c.execute(select(audit).order_by(audit.c.seq)).yield_per(1000):
        whole = _hash(previous, row.seq, row.at, row.kind, row.subject, row.payload)
        if row.seq != expected or row.previous != previous or row.hash != whole:
            return expected
        previous, expected = row.hash, expected + 1
    return None
