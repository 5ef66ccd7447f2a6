"""Receipts (海关回执) in the registry: each answer once, and the documents moved by all of them.

An answer is found its document by the business key, never across exporters; of several versions
of a document it belongs to the one that had been filed when customs wrote it. What has no
document yet waits; what names another exporter's, or a time that has not come, is held. Then
every document that was touched is worked out anew from all its answers (``customs_states``), so
that repeats, lateness and order do not matter. All set-based, for many files in one transaction.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import polars as pl
from sqlalchemy import Connection

from xborder import clock
from xborder.registry import audit, counters, filings
from xborder.registry.customs_states import NO_STATE, Answer, Rules
from xborder.registry.receipt_matching import (
    FROM_FUTURE,
    MESSAGE_UNREAD,
    OTHER_EXPORTER,
    UNKNOWN_DOCUMENT,
    Match,
    Matching,
    Told,
    matched,
)
from xborder.registry.staging import insert_rows, run, stage, tuples
from xborder.registry.standings import Moved, move, says

READ, QUARANTINED = "read", "quarantined"

UNKNOWN_CODE = "RECEIPT_UNKNOWN_CODE"
"""An answer whose status nobody knows: it stands with its document and moves nothing."""

_DIGITS = 32

_TIME = re.compile(r"([0-9]{4})" + 5 * "([0-9]{2})" + r"([0-9]{3})?", re.ASCII)


@dataclass(frozen=True)
class Came:
    """A file that came in: whose inbox it lay in (empty: everybody's), where it is kept, and
    its answers, or the code by which it is quarantined."""

    sha256: str
    exporter: str
    file_name: str
    size: int
    path: str
    code: str | None = None
    answers: Sequence[Told] = ()


@dataclass
class Applied:
    """What a portion of files did: answers that were new, repeated, waiting or held; documents
    moved, by kind and new state; lists whose 603 is refused, and whose 605 is accepted."""

    files: int = 0
    quarantined: int = 0
    new: int = 0
    repeated: int = 0
    waiting: int = 0
    held: int = 0
    unknown: int = 0
    moved: Moved = field(default_factory=Moved)

    def counts(self) -> dict[str, int]:
        """All but what moved, by name."""
        return {name: getattr(self, name) for name in _COUNTS}

    def add(self, other: "Applied") -> None:
        """Count another portion in."""
        for name, number in other.counts().items():
            setattr(self, name, getattr(self, name) + number)
        self.moved.add(other.moved)


_COUNTS = ("files", "quarantined", "new", "repeated", "waiting", "held", "unknown")


def told(kind: str, entities: Iterable[Mapping[str, object]], first: int = 1) -> list[Told]:
    """The answers of a message of a kind such as ``604``; raises ValueError for no answer's kind.

    ``entities`` are the elements of each answer by name; ``first`` numbers the first of them.
    """
    if kind not in filings.ANSWERS and kind != MESSAGE_UNREAD:
        raise ValueError(f"{kind} answers nothing")
    found = []
    for number, entity in enumerate(entities, first):
        text = {name: value for name, value in entity.items() if value and isinstance(value, str)}
        at = instant(text.get("returnTime") or text.get("opDate"))
        said = [f"{name}={text[name]}" for name in sorted(text)]
        if kind in NO_STATE:
            # A result (792) with other lines is no repeat.
            said += [f"{name}={told}" for name, told in entity.items() if isinstance(told, list)]
        found.append(
            Told(
                number,
                kind,
                filings.key_of(kind, text),
                (text.get("returnStatus") or text.get("decState", "")).strip()[:16],
                at,
                text.get("returnInfo", "").strip(),
                text.get("preNo", "").strip() or None,
                (text.get("invtNo") or text.get("sumNo", "")).strip() or None,
                text.get("guid", "").strip().upper(),
                text.get("ebcCode", "").strip(),
                _dated(at, _digest(kind, *said)),
            )
        )
    return found


def _in(inbox: str, one: Told) -> str:
    """The digest of what waits or is held in an inbox: in another one it is no repeat."""
    return _further(one, inbox)


def _further(one: Told, *parts: str) -> str:
    """The digest of an answer that stands in a further row, or where others may have it too."""
    return _dated(one.at, _digest(one.digest[-_DIGITS:], *parts))


def _dated(at: str | None, digest: str) -> str:
    # What comes together was written together: the index over all digests then grows at its
    # end, instead of being written anew all over by each transaction.
    return f"{(at or '')[:16]}{digest}"


def _digest(*parts: str) -> str:
    # 128 bits tell one answer from another; the index over all of them is half as large.
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGITS]


def instant(text: str | None) -> str | None:
    """A ``returnTime`` (17 digits with milliseconds, or 14; Asia/Shanghai) as the registry holds
    instants; None for anything else."""
    told = (text or "").strip()
    if len(told) in (14, 17) and told.isascii() and told.isdecimal() and told[12:14] < "60":
        minute = _minute(told[:12])
        if minute is not None:
            parts = told[14:].rstrip("0") and f".{told[14:]}000"
            return f"{minute}{told[12:14]}{parts}+00:00"
    return _instant(told)


@lru_cache(4096)
def _minute(text: str) -> str | None:
    """A minute of Asia/Shanghai in UTC, up to its seconds; None where it does not begin with one
    (before 1901), or is none."""
    told = _instant(f"{text}00")
    return told.removesuffix("00+00:00") if told and told.endswith(":00+00:00") else None


def _instant(text: str) -> str | None:
    found = _TIME.fullmatch(text)
    if not found:
        return None
    year, *rest, thousandths = (int(one or 0) for one in found.groups())
    try:
        there = datetime(year, *rest, thousandths * 1000, tzinfo=clock.SHANGHAI)  # type: ignore[misc,arg-type]
        return there.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return None


def take(c: Connection, rules: Rules, files: Sequence[Came], with_: Matching) -> Applied:
    """Enter files and apply their answers; the caller's transaction holds all or nothing.

    Bytes that an inbox brought before change nothing, unless they lay in quarantine and can be
    read now.
    """
    done = Applied()
    entered = _enter_files(c, files, with_.now, done)
    rows = [(file_id, one.exporter, each) for file_id, one in entered for each in one.answers]
    rows = _new(c, rows, done)
    answering = [(place, inbox, each) for place, (_, inbox, each) in enumerate(rows)]
    found = matched(c, answering, with_)
    done.moved = move(c, rules, _insert(c, rules, rows, found, done))
    if done.files:
        ids = [file_id for file_id, _ in entered]
        audit.append(c, "receipts taken", _subject(ids), _said(done, entered))
    return done


WAITING = (UNKNOWN_DOCUMENT, FROM_FUTURE)
"""Why an answer waits for its document or its time."""


def take_up(c: Connection, rules: Rules, with_: Matching, released: Sequence[int] = ()) -> Applied:
    """Apply the answers that waited and whose document or time has come; called after filings
    are made, and by every look into the inbox.

    ``released`` are numbers of receipts from the future that an operator lets count now.
    """
    done = Applied()
    waiting = tuples(
        c,
        """
        SELECT r.id, r.file_id, f.exporter, r.entity, r.kind, r.key, r.status, r.returned_at,
               r.info, r.pre_no, r.customs_no, coalesce(r.guid, ''), coalesce(r.ebc_code, ''),
               r.digest
        FROM receipts r JOIN receipt_files f ON f.id = r.file_id
        WHERE r.filing_id IS NULL AND r.code IN ('RECEIPT_UNKNOWN_DOCUMENT', 'RECEIPT_FROM_FUTURE')
        ORDER BY r.id
        """,
    )
    if not waiting:
        return done
    rows = [(number, inbox, Told(*said)) for number, _, inbox, *said in waiting]
    found = matched(c, rows, with_, released)
    changes, more = [], []
    for (receipt_id, file_id, *_), (_, _, one), (_, documents, _) in zip(
        waiting, rows, found, strict=True
    ):
        if not documents:
            continue
        known = rules.known(one.status) or one.kind in NO_STATE
        code = None if known else UNKNOWN_CODE
        changes.append((receipt_id, documents[0], code))
        more += [
            (file_id, one._replace(digest=_further(one, str(filing))), filing, None)
            for filing in documents[1:]
        ]
    if not changes:
        return done
    schema = {"id": pl.Int64, "filing_id": pl.Int64, "code": pl.String}
    stage(c, "taken_up", pl.DataFrame(changes, schema=schema, orient="row"))
    run(
        c,
        "UPDATE receipts SET filing_id = t.filing_id, code = t.code FROM taken_up t"
        " WHERE receipts.id = t.id",
    )
    run(c, "DROP TABLE taken_up")
    _put(c, more)
    done.new = len(changes)
    done.moved = move(c, rules, {filing: () for _, documents, _ in found for filing in documents})
    audit.append(
        c, "receipts taken up", "receipts", {"receipts": len(changes), "moved": done.moved.told()}
    )
    return done


def _subject(ids: Sequence[int]) -> str:
    if not ids:
        return "receipt files"
    return f"receipt file {ids[0]}" if len(ids) == 1 else f"receipt files {ids[0]}-{ids[-1]}"


def _said(done: Applied, entered: Sequence[tuple[int, Came]]) -> dict[str, object]:
    return {
        "files": {str(file_id): one.sha256 for file_id, one in entered},
        **{name: number for name, number in done.counts().items() if number and name != "files"},
        "moved": done.moved.told(),
    }


def _enter_files(
    c: Connection, files: Sequence[Came], now: datetime, done: Applied
) -> list[tuple[int, Came]]:
    """The files that are new, or readable now, with their numbers."""
    by_bytes = {(one.exporter, one.sha256): one for one in files}
    if not by_bytes:
        return []
    stage(c, "came", pl.DataFrame(list(by_bytes), schema=["exporter", "sha256"], orient="row"))
    known = {
        (exporter, sha256): (file_id, state)
        for exporter, sha256, file_id, state in run(
            c,
            """
            SELECT r.exporter, r.sha256, r.id, r.state FROM came a
            JOIN receipt_files r ON r.exporter = a.exporter AND r.sha256 = a.sha256
            """,
        )
    }
    run(c, "DROP TABLE came")
    fresh = [one for bytes_, one in by_bytes.items() if bytes_ not in known]
    mended = [
        (known[bytes_][0], one)
        for bytes_, one in by_bytes.items()
        if bytes_ in known and known[bytes_][1] == QUARANTINED and one.code is None
    ]
    ids = counters.draw_many(c, "receipt file", len(fresh))
    entered = [*zip(ids, fresh, strict=True), *mended]
    for file_id, one in mended:
        run(
            c,
            "UPDATE receipt_files SET state = 'read', code = NULL, entities = :n, path = :path"
            " WHERE id = :id",
            id=file_id, n=len(one.answers), path=one.path,
        )  # fmt: skip
    if fresh:
        rows = [
            (file_id, one.sha256, one.file_name, filings.stored(now), one.exporter, one.size,
             one.path, QUARANTINED if one.code else READ, one.code,
             None if one.code else len(one.answers))
            for file_id, one in zip(ids, fresh, strict=True)
        ]  # fmt: skip
        insert_rows(c, "receipt_files", _FILES, rows)
    done.files = len(entered)
    done.quarantined = sum(one.code is not None for _, one in entered)
    return entered


_FILES = {
    "id": pl.Int64, "sha256": pl.String, "file_name": pl.String, "received_at": pl.String,
    "exporter": pl.String, "size": pl.Int64, "path": pl.String, "state": pl.String,
    "code": pl.String, "entities": pl.Int64,
}  # fmt: skip

_Row = tuple[int, str, Told]


def _new(c: Connection, rows: list[_Row], done: Applied) -> list[_Row]:
    """The answers that were not known."""
    found: dict[tuple[str, str], _Row] = {}
    for row in rows:
        found.setdefault((row[2].digest, row[1]), row)
    if found:
        own = {where: _in(inbox, one) for where, (_, inbox, one) in found.items() if inbox}
        asked = {digest for digest, _ in found} | set(own.values())
        stage(c, "told", pl.DataFrame({"digest": sorted(asked)}))
        told = run(c, "SELECT t.digest FROM told t JOIN receipts r ON r.digest = t.digest")
        known = set(told.scalars())
        run(c, "DROP TABLE told")
        found = {
            where: row
            for where, row in found.items()
            if where[0] not in known and own.get(where) not in known
        }
    done.repeated += len(rows) - len(found)
    return list(found.values())


def _insert(
    c: Connection, rules: Rules, rows: list[_Row], found: list[Match], done: Applied
) -> dict[int, list[Answer]]:
    """Write new answers with the documents they speak of; what each of these is told."""
    put: list[tuple[int, Told, int | None, str | None]] = []
    for (file_id, inbox, one), (_, documents, code) in zip(rows, found, strict=True):
        if code == OTHER_EXPORTER:
            one = one._replace(digest=_in(inbox, one))
            done.held += 1
        elif code is not None:
            one = one._replace(digest=_in(inbox, one)) if inbox else one
            done.waiting += 1
        elif not rules.known(one.status) and one.kind not in NO_STATE:
            code = UNKNOWN_CODE
            done.unknown += 1
        put.append((file_id, one, documents[0] if documents else None, code))
        put += [
            (file_id, one._replace(digest=_further(one, str(filing))), filing, code)
            for filing in documents[1:]
        ]
    done.new = _put(c, put)
    # Two inboxes may bring the same answer at once.
    done.repeated += len(put) - done.new
    new: dict[int, list[Answer]] = {}
    for (_, _, one), (_, documents, _) in zip(rows, found, strict=True):
        said = says(one.at, one.kind, one.status, one.info, one.pre_no, one.customs_no)
        for filing in documents:
            new.setdefault(filing, []).append(said)
    return new


def _put(c: Connection, rows: Sequence[tuple[int, Told, int | None, str | None]]) -> int:
    ids = counters.draw_many(c, "receipt", len(rows))
    told_of = [
        (number, file_id, one.entity, one.kind, one.key, filing, one.status, one.at, one.info,
         one.pre_no, one.customs_no, code, one.digest, one.guid or None, one.ebc_code or None)
        for number, (file_id, one, filing, code) in zip(ids, rows, strict=True)
    ]  # fmt: skip
    return insert_rows(c, "receipts", _RECEIPTS, told_of, new_only=True)


_RECEIPTS = {
    "id": pl.Int64, "file_id": pl.Int64, "entity": pl.Int64, "kind": pl.String, "key": pl.String,
    "filing_id": pl.Int64, "status": pl.String, "returned_at": pl.String, "info": pl.String,
    "pre_no": pl.String, "customs_no": pl.String, "code": pl.String, "digest": pl.String,
    "guid": pl.String, "ebc_code": pl.String,
}  # fmt: skip


def files(c: Connection) -> list[tuple[int, str, str]]:
    """All receipt files: number, where each is kept, SHA-256 of its bytes."""
    found = run(c, "SELECT id, path, sha256 FROM receipt_files ORDER BY id")
    return [(int(one.id), one.path, one.sha256) for one in found]
