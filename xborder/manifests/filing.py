"""Filing single documents (单证): entered as rows, written from them, and queued.

In one transaction: a crash before its end leaves at most files that nobody names, and the next
try writes the same ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row

from xborder import clock, findings
from xborder.crashpoints import crash_point
from xborder.manifests import content, sending
from xborder.manifests import messages as writer
from xborder.registry import documents, messages
from xborder.registry.documents import NewDocument
from xborder.registry.home import Home
from xborder.registry.store import Store
from xborder.schemas.exporters import Exporter

DECLARES = "2"
"""CEB appStatus: 1 only stores at the e-port and declares nothing."""


class RefusedError(ValueError):
    """What an operator asks for cannot be filed; ``code`` is the finding, ``value`` what it is
    about. The text says it in both languages, ``fixes`` what to do (zh, en)."""

    def __init__(self, code: str, value: str, **params: str) -> None:
        """``params`` fill the finding's texts besides ``value``."""
        entry = findings.catalogue()[code]
        told = {"value": value} | params
        said = (f"{findings.render(text, findings.in_language(told, code, lang))} [{code}]"
                for lang, text in (("zh", entry.zh), ("en", entry.en)))  # fmt: skip
        super().__init__(findings.Both(*said))
        self.code, self.value = code, value
        self.fixes = tuple(findings.render(text, told) for text in (entry.fix_zh, entry.fix_en))


@dataclass(frozen=True)
class Listed:
    """Lists that were asked for: their rows (``documents.FOUND``) and what they say, in the same
    order (columns of checked content, with ``list_id``)."""

    rows: pl.DataFrame
    heads: pl.DataFrame


def find(c: Connection, store: Store, words: Sequence[str], exporter: str | None = None) -> Listed:
    """The issued lists that are named, each once, of one exporter.

    Raises RefusedError for a word that names nothing, or orders of several shops, and for lists
    of two exporters: their data never mix.
    """
    rows = documents.find(c, words, exporter)
    for word in words:
        own = rows.filter(pl.col("word") == word)
        if own.is_empty():
            raise RefusedError("LIST_UNKNOWN", word)
        if own["order_id"].n_unique() > 1 and (own["order_no"] == word).all():
            raise RefusedError("LIST_AMBIGUOUS", word)
    rows = rows.unique("list_id", keep="first", maintain_order=True)
    if rows["exporter"].n_unique() > 1:
        raise RefusedError(
            "BILL_MIXED", ", ".join(rows["exporter"].unique().sort()), field="exporter"
        )
    return Listed(rows, content.Checked(store).of(rows, "heads"))


def profile(home: Home, exporter: str) -> Exporter:
    """The profile of an exporter; RefusedError where it is gone or has errors."""
    if exporter not in home.exporters:
        raise RefusedError("PROFILE_MISSING", exporter)
    return home.exporters[exporter]


def shared(listed: Listed, field: str) -> str:
    """What all the lists say alike in a field, or the empty text; RefusedError if they differ."""
    values = listed.heads[field].fill_null("").unique().sort()
    if len(values) > 1:
        raise RefusedError("BILL_MIXED", ", ".join(values), field=field)
    return str(values[0])


def file(
    c: Connection,
    home: Home,
    exporter: Exporter,
    new: NewDocument,
    lines: pl.DataFrame | None = None,
    *,
    per_piece: int = 0,
    goods: Sequence[dict[str, Any]] = (),
    cop_no: str = "",
) -> Row[Any]:
    """File a document: its row, its messages in the store, its place in the queue.

    ``new.head`` are the elements of its head besides those that are given here (guid, copNo,
    appType, appTime, appStatus). ``lines``: a row a line; in pieces of ``per_piece``. ``goods``:
    those of a return. Where the client sends the exporter's messages, they count as handed over.
    Raises ValueError for what may not be written (``messages.document``).
    """
    at = clock.now()
    if per_piece and lines is not None:
        parts = max(1, -(-lines.height // per_piece))
        new = NewDocument(**(vars(new) | {"parts": parts}))
    row = documents.enter(c, new, at, cop_no)
    if goods:
        documents.enter_items(c, row.id, goods)
        lines = pl.DataFrame(list(goods), infer_schema_length=None)
    made = written(row, exporter, lines, per_piece)
    day = clock.business_date(row.app_time).isoformat()
    of = f"{row.cop_no}-{row.app_type}"
    queued = [sending.put(home.store, one, day, of, row.kind) for one in made]
    ids = messages.queue(c, exporter.id, queued)
    documents.in_messages(c, row, ids)
    if exporter.sending.transport == "none":
        messages.hand_over(c, ids, at)
    crash_point("document-filing")
    return row


def written(
    row: Row[Any], exporter: Exporter, lines: pl.DataFrame | None, per_piece: int = 0
) -> list[writer.Message]:
    """The messages of a document, of its row alone: the same row, the same bytes."""
    number = {"213": "coElNo", "215": "coElNo"}.get(row.kind, "copNo")
    head = dict(row.head) | {
        "guid": writer.guid(row.cop_no, row.kind, row.app_type),
        number: row.cop_no,
        "appType": row.app_type,
        "appTime": clock.app_time(row.app_time),
        "appStatus": DECLARES,
    }
    heads = pl.DataFrame([head], schema=dict.fromkeys(head, pl.String))
    transfer = {"copCode": exporter.code, "copName": exporter.name, "dxpId": exporter.dxp_id}
    of = f"{row.cop_no}/{row.app_type}"
    if lines is None:
        return writer.document(f"CEB{row.kind}", of, transfer, heads)
    lines = lines.with_columns(entity=pl.lit(0, pl.Int64))
    if not per_piece:
        return writer.document(f"CEB{row.kind}", of, transfer, heads, lines)
    heads, lines = writer.pieces(heads, lines, per_piece)
    # Pieces exist because a whole would be too large: each goes in a message of its own.
    return writer.document(f"CEB{row.kind}", of, transfer, heads, lines, per_message=1)
