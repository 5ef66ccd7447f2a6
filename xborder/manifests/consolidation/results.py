"""Customs' results (汇总结果) out of the receipt files: their lines into the registry.

A CEB792 is entered like every answer (``receiving``); what it says line by line is read from
the kept file, in the same transaction. A result that contradicts its application leaves its
code with the receipt and changes nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection

from xborder.manifests import receipt_reader
from xborder.registry import counters, declarations
from xborder.registry.declarations import UNKNOWN, Result, Taken
from xborder.registry.staging import fetch, run, stage
from xborder.registry.store import Store

KIND = "792"
READ_UP_TO = "results read up to receipt"
"""Mark: results of receipts with this number or a lower one were looked at once."""

_CAME = {
    "id": pl.Int64, "file_id": pl.Int64, "entity": pl.Int64, "path": pl.String,
    "exporter": pl.String,
}  # fmt: skip


@dataclass
class Told:
    """What a look at the results did: new or newer declarations, repeats, those not taken."""

    new: int = 0
    repeated: int = 0
    refused: int = 0
    waiting: int = 0


def waiting(c: Connection) -> list[int]:
    """Receipts of results that wait for their application or their time."""
    found = run(
        c,
        """
        SELECT id FROM receipts WHERE filing_id IS NULL AND kind = '792'
          AND code IN ('RECEIPT_UNKNOWN_DOCUMENT', 'RECEIPT_FROM_FUTURE') ORDER BY id
        """,
    )
    return list(found.scalars())


def take_in(c: Connection, store: Store, again: Sequence[int] = ()) -> Told:
    """Take the results of receipts that came since the last look, and of those ``again``.

    A result whose application nobody can name waits; ``waiting`` tells them.
    """
    done = Told()
    last = int(run(c, "SELECT coalesce(max(id), 0) FROM receipts").scalar_one())
    mark = counters.peek(c, READ_UP_TO)
    if last == mark and not again:
        return done
    stage(c, "again", pl.DataFrame({"id": list(again)}, schema={"id": pl.Int64}))
    came = fetch(
        c,
        """
        SELECT min(r.id), r.file_id, r.entity, f.path, f.exporter
        FROM receipts r JOIN receipt_files f ON f.id = r.file_id
        WHERE r.kind = '792' AND f.state = 'read'
          AND (r.code IS NULL OR r.code = 'RECEIPT_UNKNOWN_DOCUMENT')
          AND (r.id > :mark OR r.id IN (SELECT id FROM again))
        GROUP BY r.file_id, r.entity, f.path, f.exporter ORDER BY 1
        """,
        _CAME,
        mark=mark,
    )
    run(c, "DROP TABLE again")
    for (file_id, path, exporter), own in came.group_by(
        "file_id", "path", "exporter", maintain_order=True
    ):
        entities = _entities(store, str(path))
        for entity in own["entity"]:
            told = declarations.result(entities[entity])
            if isinstance(told, Result):
                told = declarations.take(c, told, str(exporter), int(str(file_id)))
            _count(c, done, told, int(str(file_id)), entity)
    counters.put(c, READ_UP_TO, last)
    return done


def _entities(store: Store, path: str) -> dict[int, receipt_reader.Entity]:
    """The entities of a kept receipt file, numbered through all its messages from 1."""
    content = store.read_bytes(path.split("/"))
    found = [one for message in receipt_reader.read(content) for one in message.entities]
    return dict(enumerate(found, start=1))


def _count(c: Connection, done: Told, told: Taken, file_id: int, entity: int) -> None:
    if not told.code:
        done.new += told.changed
        done.repeated += not told.changed
    elif told.code == UNKNOWN:
        done.waiting += 1
    else:
        done.refused += 1
        run(
            c,
            "UPDATE receipts SET code = :code, info = :info WHERE file_id = :file AND entity = :n",
            code=told.code,
            info=f"{told.field} {told.value} ≠ {told.expected}".strip(" ≠"),
            file=file_id,
            n=entity,
        )
