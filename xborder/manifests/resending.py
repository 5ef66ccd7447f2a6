"""Sending again what did not arrive at customs (发送海关失败, status 4), of whatever kind.

The message itself was taken, so its guid cannot go again: the documents that failed go in a new
message, each as it was, byte for byte. The operator looks the business key up before.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from lxml import etree
from sqlalchemy import Connection, Row

from xborder import clock
from xborder.manifests import messages as writer
from xborder.manifests import sending
from xborder.manifests.package import digest
from xborder.registry import counters, filings, messages
from xborder.registry.customs_states import FAILED, NOT_SENT, Answer, Rules
from xborder.registry.database import transaction
from xborder.registry.home import Home
from xborder.registry.messages import NewMessage
from xborder.registry.staging import fetch

_FAILED = {
    "id": pl.Int64, "key": pl.String, "app_time": pl.String, "at": pl.String, "kind": pl.String,
    "status": pl.String, "info": pl.String,
}  # fmt: skip


def by_operator(home: Home, word: str) -> bool:
    """Send again what a guid, number or manifest names and that is doubtful, failed, or stands at
    status 4; False where nothing is.

    Raises ``sending.SendingBusyError`` while another process sends: what that has just begun
    would look doubtful.
    """
    with sending.alone(home):
        with transaction(home.engine) as c:
            messages.answered(c, clock.now())
            named = messages.named(c, word)
            found = any([messages.again(c, row.id) for row in named])
        return again(home, named) > 0 or found


def again(home: Home, rows: Sequence[Row[Any]]) -> int:
    """Queue the documents of these messages that stand at status 4; how many.

    ``rows`` are rows of ``messages``. A document that was queued so waits for the answer to its
    new message: what had come before that was queued does not send it once more. Raises
    LookupError for a message whose bytes are gone, or are not what was sent.
    """
    return sum(_again(home, row) for row in rows)


def _again(home: Home, row: Row[Any]) -> int:
    with transaction(home.engine) as c:
        failed = _failed(c, home, messages.get(c, row.id))
        if failed.is_empty():
            return 0
        content = home.store.read_bytes(row.path.split("/"))
        if digest(content) != row.sha256:
            raise LookupError(f"{row.path} is not what was sent any more")
        # Made of the message that failed, which can fail once only.
        guid = writer.guid(row.guid, f"CEB{row.kind}", "again")
        part = _only(content, row.kind, set(failed["key"]), guid)
        day = clock.business_date(datetime.fromisoformat(failed["app_time"][0])).isoformat()
        place = (sending.FOLDER, day, row.guid, f"CEB{row.kind}_0001.xml")
        home.store.write_bytes(place, part)
        new = NewMessage(guid, row.kind, "/".join(place), digest(part), failed.height)
        (number,) = messages.queue(c, row.exporter, [new], row.manifest_id)
        messages.carry(c, number, failed["id"].to_list(), counters.peek(c, "receipt"))
        own = home.exporters.get(row.exporter)
        if own is None or own.sending.transport == "none":
            messages.hand_over(c, [number], clock.now())
    return failed.height


def _failed(c: Connection, home: Home, row: Row[Any]) -> pl.DataFrame:
    """The documents of a sent message that stand at status 4 by an answer to it: id, key and
    ``app_time``, in their order.

    Answers have numbers in the order of their coming, so no clock says which are new.
    """
    if row.state != messages.SENT:
        return pl.DataFrame(schema=_FAILED)
    answers = fetch(
        c,
        """
        SELECT f.id, f.key, f.app_time, coalesce(r.returned_at, ''), r.kind, r.status, r.info
        FROM filings f JOIN receipts r ON r.filing_id = f.id
        WHERE f.message_id = :message AND f.status = :failed AND r.id > :after
        ORDER BY f.id
        """,
        _FAILED,
        message=row.id,
        failed=NOT_SENT,
        after=row.after_receipt or 0,
    )
    rules = Rules(home.tables)
    is_failure = [
        rules.state(row.kind, Answer(at, kind, status, info)) == FAILED
        for at, kind, status, info in answers.select("at", "kind", "status", "info").iter_rows()
    ]
    return answers.filter(pl.Series(is_failure, dtype=pl.Boolean)).unique(
        "id", keep="first", maintain_order=True
    )


_ROOT_GUID = re.compile(rb'(<ceb:CEB[0-9]{3}Message\b[^>]*? guid=")[^"]*(")')


def _only(content: bytes, kind: str, keys: set[str], guid: str) -> bytes:
    """A message with these documents alone, under another guid."""
    name = next(one.element for one in writer.fields(f"CEB{kind}") if one.sources == ("heads",))
    document = rb"\s*<ceb:%s>.*?</ceb:%s>" % (name.encode(), name.encode())
    found = list(re.finditer(document, content, re.DOTALL))
    kept = [one[0] for one in found if filings.key_of(kind, _values(one[0])) in keys]
    if len(kept) != len(keys):
        raise LookupError(f"CEB{kind} {guid}: {len(keys)} documents asked for, {len(kept)} found")
    head, rest = content[: found[0].start()], content[found[-1].end() :]
    head = _ROOT_GUID.sub(rb"\g<1>%s\g<2>" % guid.encode(), head, count=1)
    return b"".join([head, *kept, rest])


def _values(document: bytes) -> Mapping[str, str]:
    """The texts of a document's elements by name; the head's where a line has the same."""
    inside = b'<x xmlns:ceb="%s">%s</x>' % (writer.NAMESPACE.encode(), document)
    values: dict[str, str] = {}
    for leaf in etree.fromstring(inside).iter():
        values.setdefault(etree.QName(leaf).localname, leaf.text or "")
    return values
