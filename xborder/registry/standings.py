"""Where documents stand (单证状态) after receipts came: each worked out of all its answers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from sqlalchemy import Connection

from xborder.registry import counters
from xborder.registry.customs_states import (
    ACCEPTED,
    CANCELLATION,
    LIST,
    NOWHERE,
    ORDER,
    REFUSED,
    Answer,
    Rules,
    Standing,
)
from xborder.registry.staging import run, stage, tuples
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


_HISTORY = """
    SELECT t.filing_id, coalesce(r.returned_at, ''), r.kind, r.status,
           CASE WHEN r.status = '100' OR r.status LIKE '-%' THEN r.info ELSE '' END,
           coalesce(r.pre_no, ''), coalesce(r.customs_no, '')
    FROM touched t JOIN receipts r ON r.filing_id = t.filing_id
"""


def says(
    at: str | None, kind: str, status: str, info: str, pre_no: str | None, customs_no: str | None
) -> Answer:
    """An answer as the columns of ``receipts`` hold it: only a refusal's text says anything."""
    refusal = status == "100" or status.startswith("-")
    return Answer(at or "", kind, status, info if refusal else "", pre_no or "", customs_no or "")


def _histories(c: Connection) -> dict[int, list[Answer]]:
    """All answers of the documents in the temporary table ``touched``."""
    found: dict[int, list[Answer]] = {}
    for filing, *one in tuples(c, _HISTORY):
        found.setdefault(filing, []).append(Answer._make(one))
    return found


New = Mapping[int, Sequence[Answer]]
"""Document → answers that came for it; empty where they must be looked up."""


def move(c: Connection, rules: Rules, new: New) -> Moved:
    """Work out where documents stand after new answers: of all answers that they have.

    Those of a document whose new ones are all later than what it was told before go on from
    where it stood; that is the same (``Rules.standing``), and its old answers are not read.
    """
    done = Moved()
    if not new:
        return done
    _forget(c, rules)
    _stage(c, new)
    before = tuples(
        c,
        """
        SELECT f.id, f.kind, f.list_id, l.route, f.told_at, coalesce(f.status, ''),
               coalesce(f.status_at, ''), coalesce(f.pre_no, ''), coalesce(f.customs_no, '')
        FROM touched t JOIN filings f ON f.id = t.filing_id
        LEFT JOIN lists l ON l.id = f.list_id ORDER BY f.id
        """,
    )
    anew = [row[0] for row in before if not _later(new[row[0]], row[4])]
    if anew:
        _stage(c, anew)
    histories = _histories(c) if anew else {}
    run(c, "DROP TABLE touched")
    changes = []
    for filing, kind, list_id, route, told_at, *stood in before:
        was = rules.of_status(kind, stood[0])
        every = histories.get(filing)
        answers = new[filing] if every is None else every
        before_them = Standing(was, *stood) if every is None else NOWHERE
        stands = rules.standing(kind, answers, before_them)
        last = max(one.at for one in answers)
        now = [stands.status[:STATUS_LENGTH], stands.at, stands.pre_no, stands.customs_no]
        if now == stood and last == (told_at or ""):
            continue
        changes.append((filing, *(one or None for one in now), last or None))
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
                               customs_no = s.customs_no, told_at = s.told_at
            FROM standings s WHERE filings.id = s.filing_id
            """,
        )
        run(c, "DROP TABLE standings")
    return done


_STANDINGS = {
    "filing_id": pl.Int64, "status": pl.String, "status_at": pl.String, "pre_no": pl.String,
    "customs_no": pl.String, "told_at": pl.String,
}  # fmt: skip

MARK = "tables of states"
"""Mark: by which tables documents went on from where they stood (``Rules.mark``)."""


def _forget(c: Connection, rules: Rules) -> None:
    """Under other tables than before every document is worked out of all its answers again."""
    if counters.peek(c, MARK) != rules.mark:
        run(c, "UPDATE filings SET told_at = NULL WHERE told_at IS NOT NULL")
        counters.put(c, MARK, rules.mark)


def _later(answers: Sequence[Answer], told_at: str | None) -> bool:
    return told_at is not None and bool(answers) and all(one.at > told_at for one in answers)


def _stage(c: Connection, ids: Iterable[int]) -> None:
    frame = pl.DataFrame({"filing_id": sorted(ids)}, schema={"filing_id": pl.Int64})
    stage(c, "touched", frame)


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
        _stage(c, [row.id for row in rows])
        histories = _histories(c)
        run(c, "DROP TABLE touched")
        for row in rows:
            stands = rules.standing(row.kind, histories.get(row.id, ()))
            if rules.of_status(row.kind, row.status) != stands.state:
                wrong.append(row.id)
    return wrong
