"""Sending again what the e-port could not hand to customs (发送海关失败, status 4).

The message itself was taken, so its guid cannot go again: the documents that failed go in a new
message, everything else as it was. The operator looks the business key up before.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
from sqlalchemy import Row

from xborder.manifests import content, sending
from xborder.manifests import messages as writer
from xborder.manifests.group import KEY, group
from xborder.registry import manifests, messages
from xborder.registry.database import transaction
from xborder.registry.home import Home
from xborder.registry.staging import fetch

FAILED = "4"
KINDS = ("303", "603")


def by_operator(home: Home, word: str) -> bool:
    """Send again what a guid, number or manifest names and that is doubtful, failed, or stands at
    status 4; False where nothing is.

    Raises ``sending.SendingBusyError`` while another process sends: what that has just begun
    would look doubtful.
    """
    with sending.alone(home.settings):
        with transaction(home.engine) as c:
            named = messages.named(c, word)
            found = any([messages.again(c, row.id) for row in named])
        return again(home, named) > 0 or found


def again(home: Home, rows: Sequence[Row[Any]]) -> int:
    """Queue the orders and lists of these messages that stand at status 4; how many documents.

    ``rows`` are rows of ``messages``; those of other kinds, or of no manifest, are left out. A
    document that was queued so waits for the answer to its new message: what was answered before
    that was sent does not send it once more.
    """
    return sum(_again(home, row) for row in rows if row.manifest_id and row.kind in KINDS)


def _again(home: Home, row: Row[Any]) -> int:
    with transaction(home.engine) as c:
        failed = fetch(
            c,
            """
            SELECT f.list_id FROM filings f JOIN messages m ON m.id = f.message_id
            WHERE f.message_id = :message AND m.state = 'sent' AND f.status = :failed
              AND f.status_at >= m.sent_at
            """,
            {KEY: pl.Int64},
            message=row.id,
            failed=FAILED,
        )
        if failed.is_empty():
            return 0
        of = manifests.get(c, row.manifest_id)
        whole = content.load(c, content.Checked(home.store), [of])
        heads = whole.heads.frame.drop("place", "lines").join(
            failed, on=KEY, how="semi", maintain_order="left"
        )
        # The number of the message that failed makes the new guid: it can fail once only.
        (one,) = whole.manifests
        named = replace(one, number=f"{of.number}/{row.guid}")
        part = group([named], [len(heads)], heads, whole.items.frame.drop("orderNo", "copNo"))
        (made,) = writer.render(f"CEB{row.kind}", part)
        day = of.business_date.isoformat()
        new = [sending.put(home.store, each, day, row.guid, row.kind) for each in made]
        ids = messages.queue(c, row.exporter, new, row.manifest_id)
        links = heads.select(
            KEY,
            kind=pl.lit(row.kind),
            message_id=pl.Series([number for each, number in zip(new, ids, strict=True)
                                  for _ in range(each.entities)]),
        )  # fmt: skip
        messages.link(c, links)
    return len(heads)
