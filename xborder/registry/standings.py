"""Where documents stand (单证状态) after receipts came: each worked out of all its answers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl
from sqlalchemy import Connection

from xborder.registry.customs_states import (
    ACCEPTED,
    CANCELLATION,
    LIST,
    ORDER,
    REFUSED,
    Answer,
    Rules,
)
from xborder.registry.staging import fetch, run, stage
from xborder.registry.versions import is_approved

STATUS_LENGTH = 8
"""Characters of a status that stand with the document; the receipt has all of it."""


@dataclass
class Moved:
    """Documents moved, by kind and new state; lists that are refused now (by their 603; draft
    declarations by their 303), those whose cancellation (605) is accepted, and those that stand
    after all: they were refused and are approved, or their cancellation was accepted and is
    refused."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    reinstated: list[int] = field(default_factory=list)

    def told(self) -> dict[str, int]:
        """The counts as an audit entry holds them."""
        return {f"{kind} {state}": number for (kind, state), number in sorted(self.counts.items())}

    def add(self, other: "Moved") -> None:
        """Count another portion in."""
        self.counts += other.counts
        self.refused += other.refused
        self.cancelled += other.cancelled
        self.reinstated += other.reinstated


_TOLD = {
    "filing_id": pl.Int64, "at": pl.String, "kind": pl.String, "status": pl.String,
    "info": pl.String, "pre_no": pl.String, "customs_no": pl.String,
}  # fmt: skip

_HISTORY = """
    SELECT t.filing_id, r.returned_at, r.kind, r.status,
           CASE WHEN r.status = '100' OR r.status LIKE '-%' THEN r.info ELSE '' END,
           r.pre_no, r.customs_no
    FROM touched t JOIN receipts r ON r.filing_id = t.filing_id
"""


def _histories(c: Connection) -> dict[int, list[Answer]]:
    """All answers of the documents in the temporary table ``touched``."""
    found: dict[int, list[Answer]] = {}
    for filing, at, kind, status, info, pre_no, customs_no in fetch(c, _HISTORY, _TOLD).iter_rows():
        one = Answer(at or "", kind, status, info, pre_no or "", customs_no or "")
        found.setdefault(filing, []).append(one)
    return found


def move(c: Connection, rules: Rules, touched: Iterable[int]) -> Moved:
    """Work out anew where documents stand, of all their answers."""
    done = Moved()
    ids = sorted(set(touched))
    if not ids:
        return done
    stage(c, "touched", pl.DataFrame({"filing_id": ids}, schema={"filing_id": pl.Int64}))
    histories = _histories(c)
    before = run(
        c,
        """
        SELECT f.id, f.kind, f.list_id, l.route, f.status, f.status_at, f.pre_no, f.customs_no
        FROM touched t JOIN filings f ON f.id = t.filing_id
        LEFT JOIN lists l ON l.id = f.list_id ORDER BY f.id
        """,
    ).all()
    run(c, "DROP TABLE touched")
    changes = []
    for filing, kind, list_id, route, *stood in before:
        stands = rules.standing(kind, histories[filing])
        now = (stands.status[:STATUS_LENGTH], stands.at, stands.pre_no, stands.customs_no)
        if now == tuple(one or "" for one in stood):
            continue
        changes.append((filing, *(one or None for one in now)))
        was = rules.of_status(kind, stood[0])
        if was == stands.state:
            continue
        done.counts[kind, stands.state] += 1
        # Of a draft declaration customs knows the order only.
        main = LIST if route == "list" else ORDER
        if list_id is not None and (kind, stands.state) == (main, REFUSED):
            done.refused.append(list_id)
        if list_id is not None and (kind, stands.state) == (CANCELLATION, ACCEPTED):
            done.cancelled.append(list_id)
        approved = stands.state == ACCEPTED or is_approved(stands.status, stands.customs_no)
        if list_id is not None and (
            (kind, was) == (CANCELLATION, ACCEPTED) or ((kind, was) == (main, REFUSED) and approved)
        ):
            done.reinstated.append(list_id)
    if changes:
        stage(c, "standings", pl.DataFrame(changes, schema=_STANDINGS, orient="row"))
        run(
            c,
            """
            UPDATE filings SET status = s.status, status_at = s.status_at, pre_no = s.pre_no,
                               customs_no = s.customs_no
            FROM standings s WHERE filings.id = s.filing_id
            """,
        )
        run(c, "DROP TABLE standings")
    return done


_STANDINGS = {
    "filing_id": pl.Int64, "status": pl.String, "status_at": pl.String, "pre_no": pl.String,
    "customs_no": pl.String,
}  # fmt: skip


def inconsistent(
    c: Connection, rules: Rules, newest: int | None = None, page: int = 10_000
) -> list[int]:
    """Documents that do not stand where their answers put them, of all or the ``newest``; always
    empty."""
    wrong: list[int] = []
    last = run(c, "SELECT max(id) FROM filings").scalar() or 0
    after = 0 if newest is None else max(0, last - newest)
    every = """
        SELECT f.id, f.kind, f.status FROM filings f
        WHERE f.id > :after ORDER BY f.id LIMIT :page
    """
    while rows := run(c, every, after=after, page=page).all():
        after = rows[-1].id
        ids = pl.DataFrame({"filing_id": [row.id for row in rows]})
        stage(c, "touched", ids)
        histories = _histories(c)
        run(c, "DROP TABLE touched")
        for row in rows:
            stands = rules.standing(row.kind, histories.get(row.id, ()))
            if rules.of_status(row.kind, row.status) != stands.state:
                wrong.append(row.id)
    return wrong
