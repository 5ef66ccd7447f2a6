"""Applications (汇总申请, CEB701): the lists of a month named to customs, which merges them.

Lists are named by customs' numbers, never by a period as well (R20). All that a message says
stands in rows, so the same rows make the same bytes; the files lie in the store before the
rows are committed.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row

from xborder import clock
from xborder.crashpoints import crash_point
from xborder.manifests import messages as writer
from xborder.manifests.consolidation import merging, preview, rehearsal
from xborder.manifests.consolidation.eligible import OfMonth
from xborder.manifests.consolidation.rehearsal import APPLICATION_KEY, Rehearsal
from xborder.manifests.messages import Message
from xborder.registry import audit, consolidations, messages
from xborder.registry.consolidations import New
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home
from xborder.registry.messages import NewMessage

KIND = "CEB701"

HEAD = (
    "customsCode", "agentCode", "agentName", "ebcCode", "ebcName", "declAgentCode",
    "declAgentName", "loctNo", "itemNameFlag", "tradeMode",
)  # fmt: skip
"""What an application says, or is told apart by, of what its lists share."""


@dataclass(frozen=True)
class Applied:
    """What was applied for: the applications' rows, and how many lists were left out because
    their fees are for the operator to decide (R22)."""

    rows: list[Row[Any]]
    held: int


def apply(home: Home, exporter: str, month: date, *, with_held: bool = False) -> Applied:
    """Name an exporter's eligible lists of a month to customs; one application a key.

    Lists whose fees may not be summed are left out unless ``with_held``. Run again it applies
    for what became eligible since: a list is in one live application only.
    """
    with transaction(home.engine) as c:
        consolidations.follow(c)
    # Others may write while a month is rehearsed; what they wrote stands in the audit trail.
    with reading(home.engine) as c:
        seen = audit.head(c)
        made = _made(c, home, exporter, month, with_held=with_held)
    crash_point("consolidation-rehearsed")
    with transaction(home.engine) as c:
        if audit.head(c) != seen:
            consolidations.follow(c)
            made = _made(c, home, exporter, month, with_held=with_held)
        rows = []
        for part, workbook in made.parts:
            rows.append(_reserve(c, home, part, workbook))
            crash_point("consolidation-reserved")
    return Applied(rows, made.held)


@dataclass(frozen=True)
class _Made:
    """What applications are to be made of: each one's rehearsal and its workbook, and how many
    lists were left out."""

    parts: list[tuple[Rehearsal, bytes]]
    held: int


def _made(c: Connection, home: Home, exporter: str, month: date, *, with_held: bool) -> _Made:
    whole = rehearsal.rehearse(c, home, exporter, month)
    wrong = merging.faults(whole.found.heads, whole.found.items, whole.merged)
    if wrong:
        raise RuntimeError(f"the rehearsal does not hold: {'; '.join(wrong)}")
    parts, held = [], 0
    for part in _parts(home, whole):
        out = _held(part)
        if not with_held and out.len():
            held += out.len()
            part = _without(home, part, out)
        if part.found.heads.height:
            parts.append((part, preview.write(part, home.tables)))
    return _Made(parts, held)


def _parts(home: Home, whole: Rehearsal) -> Iterator[Rehearsal]:
    """The rehearsal of each application by itself."""
    heads = whole.found.heads.with_columns(pl.col(APPLICATION_KEY).fill_null(""))
    for _, own in heads.group_by(APPLICATION_KEY, maintain_order=True):
        yield _only(home, whole, own.select("list_id"))


def _only(home: Home, whole: Rehearsal, lists: pl.DataFrame) -> Rehearsal:
    found = OfMonth(
        whole.found.heads.join(lists, on="list_id", how="semi", maintain_order="left"),
        whole.found.items.join(lists, on="list_id", how="semi", maintain_order="left"),
        whole.found.excluded.clear(),
        whole.found.flag_a.clear(),
    )
    return rehearsal.of(whole.exporter, whole.month, found, home)


def _held(part: Rehearsal) -> pl.Series:
    """The lists whose fees are for the operator to decide; whole declarations' lists."""
    held = part.merged.declarations.filter("held").select("declaration")
    return part.merged.items.join(held, on="declaration", how="semi")["list_id"].unique()


def _without(home: Home, part: Rehearsal, lists: pl.Series) -> Rehearsal:
    kept = part.found.heads.filter(~pl.col("list_id").is_in(lists.implode()))
    return _only(home, part, kept.select("list_id"))


def _reserve(c: Connection, home: Home, part: Rehearsal, workbook: bytes) -> Row[Any]:
    """Enter an application; its rehearsal and its messages lie in the store."""
    heads, per_part = part.found.heads, home.settings.summary_lists
    first = heads.row(0, named=True)
    said = {name: first[name] or "" for name in HEAD} | {
        "summaryFlag": home.settings.summary_flag,
        "appStatus": home.settings.app_status,
        "transfer": {"copCode": first["ebcCode"], "copName": first["ebcName"],
                     "dxpId": first["dxpId"]},
    }  # fmt: skip
    named = heads.select("list_id", invt_no=pl.col("invtNo")).with_columns(
        part=pl.int_range(pl.len()) // per_part + 1
    )
    new = New(part.exporter, part.month, said, named)
    row = consolidations.reserve(c, new, clock.now())
    place = row.folder.split("/")
    rehearsal.write(home.store, part, workbook, *place)
    written = render(c, row)
    for one in written:
        home.store.write_bytes([*place, one.name], one.content)
    ids = consolidations.queue(c, row, [_message(row, one) for one in written])
    profile = home.exporters.get(part.exporter)
    if profile is None or profile.sending.transport == "none":
        messages.hand_over(c, ids, row.app_time)
    return row


def _message(row: Row[Any], one: Message) -> NewMessage:
    kind, sha256 = one.kind.removeprefix("CEB"), hashlib.sha256(one.content).hexdigest()
    return NewMessage(one.guid, kind, f"{row.folder}/{one.name}", sha256, one.entities)


def render(c: Connection, row: Row[Any]) -> list[Message]:
    """The messages of an application, one a part, from its rows alone."""
    named = consolidations.lists_of(c, row.id)
    head = row.head
    said = {name: head[name] for name in (*HEAD, "summaryFlag", "appStatus")}
    own = writer.guid(KIND, row.exporter, row.cop_no)
    parts = pl.int_range(1, row.parts + 1, eager=True)
    guids = [own] + [writer.guid(own, str(one)) for one in parts[1:]]
    heads = pl.DataFrame([said] * row.parts, infer_schema_length=None).with_columns(
        pl.Series("guid", guids),
        appType=pl.lit("1"),
        appTime=pl.lit(clock.app_time(row.app_time)),
        copNo=pl.lit(row.cop_no),
        msgCount=pl.lit(str(row.parts)),
        msgSeqNo=parts.cast(pl.String),
    )
    items = named.select(invtNo="invt_no", entity=pl.col("part") - 1)
    return writer.document(KIND, row.cop_no, head["transfer"], heads, items, per_message=1)


def problems(home: Home) -> list[str]:
    """Applications whose stored messages are gone or not what their rows say; a line each."""
    found = []
    with reading(home.engine) as c:
        for row in consolidations.applications(c):
            for one in render(c, row):
                try:
                    stored = home.store.read_bytes([*row.folder.split("/"), one.name])
                except FileNotFoundError:
                    found.append(f"consolidation {row.cop_no}: {one.name} is missing")
                else:
                    if stored != one.content:
                        found.append(f"consolidation {row.cop_no}: {one.name} was changed")
    return found
