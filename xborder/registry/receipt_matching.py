"""Which document a receipt speaks of (回执匹配): by its business key, never across exporters.

Of several versions of a document it is the one that had been filed when customs wrote the
answer. What has no document yet waits; what names another exporter's, or a time that has not
come, is held: then no document is moved.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import polars as pl
from sqlalchemy import Connection

from xborder import clock
from xborder.registry import filings, lists
from xborder.registry.customs_states import LIST
from xborder.registry.staging import run, stage, tuples

UNKNOWN_DOCUMENT, OTHER_EXPORTER = "RECEIPT_UNKNOWN_DOCUMENT", "RECEIPT_OF_OTHER_EXPORTER"
FROM_FUTURE = "RECEIPT_FROM_FUTURE"

MESSAGE_UNREAD = "900"

MOST_AHEAD = timedelta(minutes=30)
"""How far customs' clock may be ahead of ours before an answer counts as from the future."""

MOST_BEHIND = timedelta(minutes=5)
"""How far behind it may be: an answer this much earlier may speak of a version that followed."""


@dataclass(frozen=True)
class Matching:
    """What answers are held against: the codes by which exporters are known to customs, what
    makes the filings of issued manifests (of those named, or else of all that have none yet),
    and the present instant."""

    codes: Mapping[str, frozenset[str]]
    missing: Callable[[Connection, Sequence[int]], int]
    now: datetime = field(default_factory=clock.now)


class Told(NamedTuple):
    """One answer of a file: what it names, says and numbers; ``at`` as ``receipts.returned_at``."""

    entity: int
    kind: str
    key: str
    status: str
    at: str | None
    info: str
    pre_no: str | None
    customs_no: str | None
    guid: str
    ebc_code: str
    digest: str


Answering = tuple[int, str, Told]
"""An answer that looks for its document: its place, whose inbox it lay in (empty: everybody's),
and what it says."""

Match = tuple[int, list[int], str | None]
"""Place of an answer, the documents it speaks of, and why it is held or waits."""


class _Filed(NamedTuple):
    filing: int
    kind: str
    exporter: str
    key: str
    version: int
    app_time: str
    status_at: str | None
    refused: bool


_NAMED = {"place": pl.Int64, "key": pl.String, "document": pl.String, "kind": pl.String}


def matched(
    c: Connection, answering: Sequence[Answering], with_: Matching, released: Container[int] = ()
) -> list[Match]:
    """For each answer its documents; nobody's own is given to another.

    ``released`` are places of answers whose time does not matter.
    """
    limit = filings.stored(with_.now + MOST_AHEAD)
    found, behind = _filed(c, answering)
    lacking = any(place not in found for place, _, _ in answering)
    if (behind and with_.missing(c, behind)) or (lacking and with_.missing(c, ())):
        found, _ = _filed(c, answering)
    told: list[Match] = []
    for place, inbox, one in answering:
        at, code = one.at, one.ebc_code
        candidates = found.get(place, ())
        mine = [
            filed
            for filed in candidates
            if inbox in ("", filed.exporter)
            and (not code or code in with_.codes.get(filed.exporter, (code,)))
        ]
        if at is not None and at > limit and place not in released:
            told.append((place, [], FROM_FUTURE))
        elif candidates and not mine:
            told.append((place, [], OTHER_EXPORTER))
        elif not mine or len({filed.exporter for filed in mine}) > 1:
            told.append((place, [], UNKNOWN_DOCUMENT))
        elif one.kind == MESSAGE_UNREAD:
            told.append((place, [filed.filing for filed in mine], None))
        else:
            told.append((place, [_version(mine, at, one.guid, one.info).filing], None))
    return told


def _filed(
    c: Connection, answering: Sequence[Answering]
) -> tuple[dict[int, list[_Filed]], list[int]]:
    """The documents that answers name, by the answer's place, versions in order; and the
    manifests with a later version of them that has no filing yet."""
    if not answering:
        return {}, []
    named = [
        (place, one.key, filings.ANSWERS.get(one.kind, ""), one.kind) for place, _, one in answering
    ]
    columns = zip(_NAMED, zip(*named, strict=True), strict=True)
    stage(c, "answering", pl.DataFrame([pl.Series(name, told, _NAMED[name]) for name, told in columns]))  # fmt: skip
    told_of = (
        "a.place, f.id, f.kind, f.exporter, f.key, f.version, f.app_time, f.status_at, f.status"
    )
    found: dict[int, list[_Filed]] = {}
    ways = ["FROM answering a JOIN filings f ON f.kind = a.document AND f.key = a.key"]
    kinds = {one.kind for _, _, one in answering}
    if "792" in kinds:
        ways.append("FROM answering a JOIN filings f ON f.customs_no = a.key AND f.kind = '701'"
                    " WHERE a.kind = '792'")  # fmt: skip
    if MESSAGE_UNREAD in kinds:
        ways.append("FROM answering a JOIN messages m ON m.guid = upper(a.key)"
                    " JOIN filings f ON f.message_id = m.id WHERE a.kind = '900'")  # fmt: skip
    for way in ways:
        asked = f"SELECT {told_of} {way} ORDER BY a.place, f.id"
        for place, *one, status in tuples(c, asked):
            refused = status is not None and (status == "100" or status.startswith("-"))
            found.setdefault(place, []).append(_Filed._make([*one, refused]))
    behind = run(c, _BEHIND)
    told = found, list(behind.scalars())
    run(c, "DROP TABLE answering")
    return told


# Joined in the order as written: SQLite would go through all filings there are.
_BEHIND = """
    SELECT DISTINCT n.manifest_id
    FROM answering a CROSS JOIN filings f CROSS JOIN lists l CROSS JOIN lists n
    CROSS JOIN manifests m
    WHERE f.kind = a.document AND f.key = a.key AND l.id = f.list_id
      AND n.order_id = l.order_id AND n.live AND n.id <> l.id
      AND m.id = n.manifest_id AND m.state = 'published'
      AND NOT EXISTS (SELECT 1 FROM filings o WHERE o.list_id = n.id)
"""


def _version(filed: list[_Filed], at: str | None, guid: str, info: str) -> _Filed:
    """The version that an answer speaks of: the one whose guid it repeats, or the newest that
    had been filed by then.

    Customs' clock may be behind ours: what is a little earlier than a version, but later than
    the refusal which that version followed, speaks of it too.
    """
    filed = sorted(filed, key=lambda one: one.version)
    if len(filed) == 1:
        return filed[0]
    said = f"{guid} {info.upper()}"
    for one in filed:
        if one.kind == LIST and lists.guid(one.exporter, one.key, one.version) in said:
            return one
    chosen = filed[0]
    for before, one in pairwise(filed):
        if at is None:
            continue
        behind = filings.stored(datetime.fromisoformat(one.app_time) - MOST_BEHIND)
        followed = before.refused and at > (before.status_at or "") and at >= behind
        if at >= one.app_time or followed:
            chosen = one
    return chosen
