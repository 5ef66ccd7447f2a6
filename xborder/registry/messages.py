"""Messages to customs (报文) as rows: queued, being sent, sent, or failed.

``sending`` is committed before the call, so that nothing is sent twice by itself: a message that
a crash or a doubtful answer left there stays until an answer of customs comes, the transport can
say what became of it, or the operator sends it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, and_, or_, select, text, update

from xborder.registry import audit, counters
from xborder.registry.exchange_tables import UNSENT, messages
from xborder.registry.staging import changed, run, stage
from xborder.registry.tables import manifests

QUEUED, SENDING, SENT, FAILED = "queued", "sending", "sent", "failed"

FIRST = ("303", "403", "505")
"""Kinds that customs must have before the lists of the same manifest."""

LINKS = {"kind": pl.String, "list_id": pl.Int64, "message_id": pl.Int64}


@dataclass(frozen=True)
class NewMessage:
    """A message whose bytes lie in the store: guid of its root, kind (``603``), path, checksum,
    how many entities it has."""

    guid: str
    kind: str
    path: str
    sha256: str
    entities: int


def queue(
    c: Connection, exporter: str, new: Sequence[NewMessage], manifest_id: int | None = None
) -> list[int]:
    """Queue messages of one exporter, in the order in which they shall go; their numbers.

    A guid that is there already keeps its row and its state.
    """
    known = {
        row.guid: row.id
        for row in c.execute(
            select(messages.c.guid, messages.c.id).where(
                messages.c.guid.in_([one.guid for one in new])
            )
        )
    }
    fresh = [one for one in new if one.guid not in known]
    ids = counters.draw_many(c, "message", len(fresh))
    rows = [
        {
            "id": number,
            "exporter": exporter,
            "manifest_id": manifest_id,
            "state": QUEUED,
            "attempts": 0,
            **vars(one),
        }
        for number, one in zip(ids, fresh, strict=True)
    ]
    if rows:
        c.execute(messages.insert(), rows)
        told = {"exporter": exporter, "messages": len(rows), "from": ids.start}
        audit.append(c, "messages queued", f"manifest {manifest_id or '-'}", told)
    known |= {row["guid"]: row["id"] for row in rows}
    return [known[one.guid] for one in new]


def link(c: Connection, links: pl.DataFrame) -> int:
    """Say in which message the filings of lists stand (columns ``LINKS``); how many it is."""
    stage(c, "links", links.select(*LINKS))
    done = changed(
        c,
        """
        UPDATE filings SET message_id = t.message_id FROM links t
        WHERE filings.list_id = t.list_id AND filings.kind = t.kind
        """,
    )
    run(c, "DROP TABLE links")
    return done


def get(c: Connection, message_id: int) -> Row[Any]:
    """One message. Raises ``sqlalchemy.exc.NoResultFound``."""
    return c.execute(select(messages).where(messages.c.id == message_id)).one()


def next_of(
    c: Connection, exporter: str, now: datetime, *, waiting: bool = False
) -> Row[Any] | None:
    """The exporter's next message to send; None while there is none, or it may not go yet.

    In the order of their queueing: one that waits for another attempt holds up those behind it
    (what keeps one from going keeps the next from it, and a newer ``appTime`` must not overtake
    an older one). Lists wait until all orders and waybills of their manifest are sent; a message
    that failed holds up these only. ``waiting``: also what waits for its time.
    """
    before = messages.alias("before")
    held = and_(
        messages.c.kind.not_in(FIRST),
        select(before.c.id)
        .where(
            before.c.manifest_id == messages.c.manifest_id,
            before.c.kind.in_(FIRST),
            before.c.state != SENT,
        )
        .exists(),
    )
    row = c.execute(
        select(messages)
        # Said as the index says it, so that it is used.
        .where(text(UNSENT), messages.c.state == QUEUED, messages.c.exporter == exporter, ~held)
        .order_by(messages.c.id)
        .limit(1)
    ).first()
    if row is None or waiting:
        return row
    return None if row.next_attempt_at and row.next_attempt_at > now else row


def begin(c: Connection, message_id: int, transport: str) -> bool:
    """Say that a queued message is being sent; False when it is not queued any more."""
    done = c.execute(
        update(messages)
        .where(messages.c.id == message_id, messages.c.state == QUEUED)
        .values(
            state=SENDING,
            attempts=messages.c.attempts + 1,
            transport=transport,
            next_attempt_at=None,
        )
    )
    return done.rowcount == 1


def sent(c: Connection, message_id: int, at: datetime, reference: str) -> None:
    """The transport has taken a message; ``reference`` is its name for it."""
    _mark(c, message_id, {"state": SENT, "sent_at": at, "reference": reference, "code": None})


def hand_over(c: Connection, message_ids: Sequence[int], at: datetime) -> None:
    """Queued messages of an exporter whose client sends them: they lie in the store for it."""
    c.execute(
        update(messages)
        .where(messages.c.id.in_(message_ids), messages.c.state == QUEUED)
        .values(state=SENT, sent_at=at, transport="none", reference=messages.c.path)
    )


def not_taken(c: Connection, message_id: int, code: str, next_attempt_at: datetime | None) -> None:
    """The transport has clearly not taken a message: it waits, or failed where there is no time."""
    state = QUEUED if next_attempt_at else FAILED
    _mark(c, message_id, {"state": state, "next_attempt_at": next_attempt_at, "code": code})


def doubtful(c: Connection, message_id: int, code: str) -> None:
    """Nobody knows whether a message was taken: it stays ``sending``, with why."""
    _mark(c, message_id, {"code": code})


def _mark(c: Connection, message_id: int, values: dict[str, Any]) -> None:
    c.execute(
        update(messages)
        .where(messages.c.id == message_id, messages.c.state == SENDING)
        .values(**values)
    )
    row = get(c, message_id)
    told = {"kind": row.kind, "state": row.state, "attempts": row.attempts}
    told |= {"code": row.code} if row.code else {}
    kind = "message doubtful" if row.state == SENDING else f"message {row.state}"
    audit.append(c, kind, row.guid, told)


def carry(c: Connection, message_id: int, filing_ids: Sequence[int], after_receipt: int) -> None:
    """Filings that failed in another message stand in this one from now on; receipts up to
    ``after_receipt`` speak of that other one."""
    c.execute(
        update(messages).where(messages.c.id == message_id).values(after_receipt=after_receipt)
    )
    stage(c, "carried", pl.DataFrame({"id": list(filing_ids)}, schema={"id": pl.Int64}))
    run(
        c,
        "UPDATE filings SET message_id = :message WHERE id IN (SELECT id FROM carried)",
        message=message_id,
    )
    run(c, "DROP TABLE carried")


def answered(c: Connection, at: datetime) -> int:
    """Doubtful messages that were answered were taken, be it that a document was not handed on
    (4) or the message not understood (900); how many."""
    found = c.execute(
        select(messages.c.id, messages.c.guid).where(
            messages.c.state == SENDING, messages.c.id.in_(_answered_ids(c))
        )
    ).all()
    for row in found:
        sent(c, row.id, at, "answered")
    return len(found)


def _answered_ids(c: Connection) -> list[int]:
    found = run(
        c,
        """
        SELECT m.id FROM messages m
        WHERE m.state IN ('queued', 'sending') AND m.state = 'sending' AND EXISTS (
            SELECT 1 FROM filings f WHERE f.message_id = m.id AND (f.status <> '4'
              OR f.status = '4' AND EXISTS (
                  SELECT 1 FROM receipts r WHERE r.filing_id = f.id
                    AND r.id > coalesce(m.after_receipt, 0))))
        """,
    )
    return list(found.scalars())


def again(c: Connection, message_id: int) -> bool:
    """The operator sends a doubtful or failed message again; False when it is neither."""
    row = get(c, message_id)
    if row.state not in (SENDING, FAILED):
        return False
    values = {"state": QUEUED, "next_attempt_at": None, "code": None}
    c.execute(update(messages).where(messages.c.id == message_id).values(**values))
    audit.append(c, "message sent again", row.guid, {"kind": row.kind, "was": row.state})
    return True


def unsent(c: Connection, exporter: str | None = None) -> list[Row[Any]]:
    """Messages that are not sent, oldest first: queued, doubtful, failed."""
    wanted = select(messages).where(messages.c.state.in_((QUEUED, SENDING, FAILED)))
    if exporter is not None:
        wanted = wanted.where(messages.c.exporter == exporter)
    return list(c.execute(wanted.order_by(messages.c.id)))


def named(c: Connection, word: str) -> list[Row[Any]]:
    """Messages with this guid or number, or of the manifest with this number."""
    asked = [messages.c.guid == word.upper()]
    if word.isascii() and word.isdigit() and len(word) < 19:
        asked.append(messages.c.id == int(word))
    of = select(manifests.c.id).where(manifests.c.number == word.upper())
    asked.append(messages.c.manifest_id.in_(of))
    return list(c.execute(select(messages).where(or_(*asked)).order_by(messages.c.id)))


def counts(c: Connection) -> list[dict[str, Any]]:
    """How many messages of each exporter and kind are in each state."""
    found = run(
        c,
        """
        SELECT exporter, kind, state, count(*) AS messages, sum(entities) AS entities
        FROM messages GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """,
    )
    return [dict(row) | {"entities": int(row["entities"])} for row in found.mappings()]
