"""Decisions (事实确认): what an operator confirmed or refused of the tables' unverified facts.

Each is a row that is never changed; a later one about the same fact takes its place, and a
revocation leaves none. What an exporter decided for itself comes before what holds for all. A
decision changes the version of the inputs, so that open orders are checked again.
"""

import polars as pl
from sqlalchemy import Connection, select

from xborder import clock
from xborder.checks.facts import DECISIONS, KINDS
from xborder.findings import Both
from xborder.registry import audit, counters
from xborder.registry.answer_tables import decisions

CONFIRMED, REFUSED, REVOKED = "confirmed", "refused", "revoked"

RECORDED: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "exporter": pl.String(),
    "kind": pl.String(),
    "key": pl.String(),
    "value": pl.String(),
    "verdict": pl.String(),
    "decided_by": pl.String(),
    "decided_at": pl.String(),
    "note": pl.String(),
}
"""Columns of ``recorded``; ``exporter`` is empty for a decision that holds for all,
``decided_at`` an instant in UTC (ISO 8601)."""


class DecisionError(ValueError):
    """A decision that cannot be recorded; the text says why."""


def record(
    c: Connection,
    kind: str,
    key: str,
    value: str,
    verdict: str,
    *,
    by: str,
    exporter: str = "",
    note: str = "",
) -> int:
    """Record a decision now; its number. The audit trail tells it too.

    Raises DecisionError for an unknown kind or verdict, a missing name, or a revocation where
    nothing is in force.
    """
    if kind not in KINDS:
        raise DecisionError(
            Both(
                f"{kind}: 没有这种事实；可以是 {', '.join(KINDS)}",
                f"{kind}: no such kind of fact; known are {', '.join(KINDS)}",
            )
        )
    if verdict not in (CONFIRMED, REFUSED, REVOKED):
        raise DecisionError(f"{verdict}: no such verdict")
    if not by.strip():
        raise DecisionError(Both("请写明是谁决定的", "who decides must be named"))
    if verdict == REVOKED and latest(c, kind, key, exporter) is None:
        scope = exporter or "all"
        raise DecisionError(
            Both(
                f"{kind} {key}: 没有为 {scope} 作过决定",
                f"{kind} {key}: nothing was decided for {scope}",
            )
        )
    number = counters.draw(c, "decision")
    row = {
        "exporter": exporter, "kind": kind, "key": key, "value": value, "verdict": verdict,
        "decided_by": by.strip(), "note": note.strip(),
    }  # fmt: skip
    at = clock.now()
    c.execute(decisions.insert().values(id=number, decided_at=at, **row))
    audit.append(c, f"fact {verdict}", f"{kind} {key}", row | {"decision": number}, at)
    return number


def recorded(c: Connection) -> pl.DataFrame:
    """All decisions ever recorded, in their order; columns ``RECORDED``."""
    rows = [
        {**row._mapping, "decided_at": row.decided_at.isoformat()}
        for row in c.execute(select(decisions).order_by(decisions.c.id))
    ]
    return pl.DataFrame(rows, schema=RECORDED)


def standing(c: Connection) -> pl.DataFrame:
    """The decisions that stand: the last about each fact and exporter, unless it revokes."""
    last = recorded(c).unique(["exporter", "kind", "key"], keep="last", maintain_order=True)
    return last.filter(pl.col("verdict") != REVOKED)


def latest(c: Connection, kind: str, key: str, exporter: str = "") -> dict[str, object] | None:
    """The decision that stands about a fact for exactly this exporter (empty: for all)."""
    own = standing(c).filter(
        pl.col("kind") == kind, pl.col("key") == key, pl.col("exporter") == exporter
    )
    return None if own.is_empty() else own.row(0, named=True)


def in_force(c: Connection, exporter: str) -> pl.DataFrame:
    """What was decided for an exporter: columns ``facts.DECISIONS``, ordered by kind and key."""
    own = standing(c).filter(pl.col("exporter").is_in(["", exporter]))
    return (
        own.sort(pl.col("exporter") == "", maintain_order=True)
        .unique(["kind", "key"], keep="first", maintain_order=True)
        .sort("kind", "key")
        .select("kind", "key", "value", (pl.col("verdict") == CONFIRMED).alias("confirmed"))
        .cast(DECISIONS)  # type: ignore[arg-type]
    )
