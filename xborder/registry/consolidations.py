"""Consolidations (汇总申请): which lists a month has, and which of them an application names.

The database allows a list in one live application only. A list is live in an application until
customs refuses the message that names it; what customs answered stands in ``filings`` (kind
701), and ``follow`` carries it over, in whatever order answers came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, select

from xborder import clock
from xborder.registry import audit, counters, filings, messages
from xborder.registry.consolidation_tables import PAST, consolidations
from xborder.registry.exchange_tables import REFUSED
from xborder.registry.lists import cop_no
from xborder.registry.messages import NewMessage
from xborder.registry.staging import changed, fetch, insert, run, stage

KIND = "701"
CLEARED = "899"
ACCEPTED = ("120", "399", "800", CLEARED)
"""What customs answers to a document that is no list when it takes it."""

FILED = {
    "list_id": pl.Int64,
    "order_id": pl.Int64,
    "check_id": pl.Int64,
    "exporter": pl.String,
    "shop": pl.String,
    "order_no": pl.String,
    "cop_no": pl.String,
    "manifest": pl.String,
    "status": pl.String,
    "cleared_at": pl.String,
    "invt_no": pl.String,
    "cancelled": pl.Boolean,
    "returned": pl.Boolean,
    "application": pl.String,
}
"""A month's lists: ``status`` of the newest version as customs told it, ``cleared_at`` its
instant (UTC text), ``invt_no`` customs' number, ``application`` the copNo of the live one that
names it; ``cancelled``, ``returned``: asked for and not refused."""


def _not_refused(filing: str) -> str:
    return (
        f"({filing}.status IS NULL OR ({filing}.status <> '100' AND {filing}.status NOT LIKE '-%'))"
    )


_ASKED = """
    EXISTS (SELECT 1 FROM filings x WHERE x.list_id = l.id AND x.kind = '{kind}' AND {open})
"""

_OF_MONTH = f"""
    SELECT l.id, l.order_id, l.check_id, f.exporter, s.shop, o.order_no, l.cop_no, m.number,
           f.status, CASE WHEN f.status = '{CLEARED}' THEN f.status_at END, f.customs_no,
           (l.state IN ('void', 'cancelled')
            OR {_ASKED.format(kind="605", open=_not_refused("x")).strip()}),
           {_ASKED.format(kind="213", open=_not_refused("x"))},
           (SELECT k.cop_no FROM consolidation_lists n JOIN consolidations k
            ON k.id = n.consolidation_id WHERE n.list_id = l.id AND n.live)
    FROM filings f JOIN lists l ON l.id = f.list_id JOIN orders o ON o.id = l.order_id
    JOIN shops s ON s.id = o.shop_id JOIN manifests m ON m.id = l.manifest_id
    WHERE f.kind = '603' AND f.exporter = :exporter
      AND NOT EXISTS (SELECT 1 FROM filings g WHERE g.kind = '603' AND g.exporter = f.exporter
                      AND g.key = f.key AND g.version > f.version)
      AND ((f.status_at >= :first AND f.status_at < :end)
           OR (f.app_time >= :first AND f.app_time < :end)
           -- Cleared earlier and never named: it would be forgotten.
           OR (f.status = '{CLEARED}' AND f.status_at < :first
               AND m.batch LIKE '%"statisticsFlag":"B"%'
               AND NOT EXISTS (SELECT 1 FROM consolidation_lists n
                               WHERE n.list_id = l.id AND n.live)))
    UNION ALL
    SELECT l.id, l.order_id, l.check_id, m.exporter, s.shop, o.order_no, l.cop_no, m.number,
           CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT),
           l.state IN ('void', 'cancelled'), false, CAST(NULL AS TEXT)
    FROM manifests m JOIN lists l ON l.manifest_id = m.id JOIN orders o ON o.id = l.order_id
    JOIN shops s ON s.id = o.shop_id
    WHERE m.exporter = :exporter AND m.kind = 'lists'
      AND m.business_date >= :first_day AND m.business_date < :end_day
      AND NOT EXISTS (SELECT 1 FROM filings f WHERE f.list_id = l.id AND f.kind = '603')
    ORDER BY 1
"""  # noqa: S608


def span(month: date) -> tuple[datetime, datetime]:
    """The first instant of a calendar month (Asia/Shanghai), and that of the next one."""
    first = date(month.year, month.month, 1)
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return tuple(  # type: ignore[return-value]
        datetime(one.year, one.month, one.day, tzinfo=clock.SHANGHAI) for one in (first, following)
    )


def of_month(c: Connection, exporter: str, month: date) -> pl.DataFrame:
    """The lists of an exporter that belong to a month: ``FILED``, by number.

    Those that customs told of, or that were issued or filed, in the month, and those with flag
    B that were cleared earlier and are in no application.
    """
    first, end = span(month)
    return fetch(
        c,
        _OF_MONTH,
        FILED,
        exporter=exporter,
        first=filings.stored(first),
        end=filings.stored(end),
        first_day=first.date().isoformat(),
        end_day=end.date().isoformat(),
    )


def exporters_of_month(c: Connection, month: date) -> list[str]:
    """Exporters with lists that were issued, or that customs told of, in a month."""
    first, end = span(month)
    told = run(
        c,
        """
        SELECT exporter FROM filings
        WHERE kind = '603' AND status_at >= :first AND status_at < :end
        UNION
        SELECT exporter FROM manifests
        WHERE kind = 'lists' AND business_date >= :first_day AND business_date < :end_day
        ORDER BY exporter
        """,
        first=filings.stored(first),
        end=filings.stored(end),
        first_day=first.date().isoformat(),
        end_day=end.date().isoformat(),
    )
    return [str(one) for one in told.scalars()]


RETURNED = {"list_id": pl.Int64, "gnum": pl.Int64, "qty": pl.String}


def returned(c: Connection, list_ids: pl.Series) -> pl.DataFrame:
    """What comes back of lists by returns (213) that are not refused: ``RETURNED``.

    ``qty`` is plain decimal text in the list's unit; a goods line may have several rows.
    """
    stage(c, "asked_lists", list_ids.to_frame("list_id"))
    found = fetch(
        c,
        f"""
        SELECT d.list_id, i.gnum, i.qty
        FROM asked_lists a JOIN documents d ON d.list_id = a.list_id AND d.kind = '213'
        JOIN return_items i ON i.document_id = d.id
        JOIN filings f ON f.kind = '213' AND f.exporter = d.exporter AND f.key = d.cop_no
        WHERE f.version = (SELECT max(n.version) FROM filings n WHERE n.kind = '213'
                           AND n.exporter = f.exporter AND n.key = f.key)
          AND {_not_refused("f")}
        ORDER BY d.list_id, i.gnum, d.id
        """,  # noqa: S608
        RETURNED,
    )
    run(c, "DROP TABLE asked_lists")
    return found


@dataclass(frozen=True)
class New:
    """An application about to be reserved: its head (JSON values) and its lists, in order.

    ``lists``: list_id Int64, invt_no String, part Int64 (msgSeqNo, from 1 without gap).
    """

    exporter: str
    month: date
    head: Mapping[str, Any]
    lists: pl.DataFrame


def reserve(c: Connection, new: New, app_time: datetime) -> Row[Any]:
    """Enter an application with its lists and its filings; its row.

    Raises the driver's ``IntegrityError`` when a list is in another live application.
    """
    number = counters.draw(c, "consolidation")
    month = f"{new.month:%Y-%m}"
    named = cop_no(clock.business_date(app_time).isoformat(), counters.draw(c, "cop_no"))
    parts = int(new.lists["part"].max())  # type: ignore[arg-type]
    c.execute(
        consolidations.insert().values(
            id=number,
            exporter=new.exporter,
            month=month,
            cop_no=named,
            head=dict(new.head),
            lists=new.lists.height,
            parts=parts,
            app_time=app_time,
            folder=f"consolidations/{new.exporter}/{month}/{named}",
        )
    )
    insert(
        c,
        "consolidation_lists",
        new.lists.select("list_id", "part", "invt_no"),
        consolidation_id=number,
        live=True,
    )
    keys = [f"{named}/{part}" for part in range(1, parts + 1)]
    filed = pl.DataFrame(
        {"kind": KIND, "key": keys, "app_type": "1", "list_id": None}, schema=filings.NEW
    )
    filings.enter(c, new.exporter, app_time, filed)
    told = {"month": month, "lists": new.lists.height, "parts": parts}
    audit.append(c, "consolidation applied for", named, told, app_time)
    return get(c, number)


def queue(c: Connection, row: Row[Any], written: Sequence[NewMessage]) -> list[int]:
    """Queue the messages of an application, one a part, and link its filings to them; their
    numbers."""
    ids = messages.queue(c, row.exporter, written)
    for part, message in enumerate(ids, start=1):
        run(
            c,
            "UPDATE filings SET message_id = :message"
            " WHERE kind = '701' AND exporter = :exporter AND key = :key",
            message=message,
            exporter=row.exporter,
            key=f"{row.cop_no}/{part}",
        )
    return ids


def get(c: Connection, number: int) -> Row[Any]:
    """One application. Raises ``sqlalchemy.exc.NoResultFound``."""
    return c.execute(select(consolidations).where(consolidations.c.id == number)).one()


def applications(
    c: Connection, month: date | None = None, exporter: str | None = None
) -> list[Row[Any]]:
    """Applications by number, of a month or exporter or of all."""
    asked = select(consolidations).order_by(consolidations.c.id)
    if month is not None:
        asked = asked.where(consolidations.c.month == f"{month:%Y-%m}")
    if exporter is not None:
        asked = asked.where(consolidations.c.exporter == exporter)
    return list(c.execute(asked))


NAMED = {
    "list_id": pl.Int64,
    "order_no": pl.String,
    "invt_no": pl.String,
    "part": pl.Int64,
    "live": pl.Boolean,
    "status": pl.String,
}


def lists_of(c: Connection, number: int) -> pl.DataFrame:
    """The lists that an application names, in their order: ``NAMED``.

    ``status`` is customs' answer to the message that names the list.
    """
    return fetch(
        c,
        """
        SELECT n.list_id, o.order_no, n.invt_no, n.part, n.live, f.status
        FROM consolidation_lists n JOIN consolidations k ON k.id = n.consolidation_id
        JOIN lists l ON l.id = n.list_id JOIN orders o ON o.id = l.order_id
        LEFT JOIN filings f ON f.kind = '701' AND f.exporter = k.exporter
             AND f.key = k.cop_no || '/' || CAST(n.part AS TEXT) AND f.version = 1
        WHERE n.consolidation_id = :number ORDER BY n.part, n.invt_no, n.list_id
        """,
        NAMED,
        number=number,
    )


PARTS = {
    "consolidation_id": pl.Int64,
    "cop_no": pl.String,
    "part": pl.Int64,
    "status": pl.String,
    "sum_no": pl.String,
    "lists": pl.Int64,
    "live": pl.Int64,
}


def parts(
    c: Connection, exporter: str | None = None, applications: Sequence[int] | None = None
) -> pl.DataFrame:
    """The messages of applications with customs' answers: ``PARTS``, by application and part.

    Of an exporter, or of the applications of these numbers. ``sum_no`` is customs' number;
    ``lists`` how many the message names, ``live`` how many still.
    """
    asked = ""
    if applications is not None:
        stage(c, "asked_applications", pl.DataFrame({"id": applications}, {"id": pl.Int64}))
        asked = "JOIN asked_applications a ON a.id = k.id"
    found = fetch(
        c,
        f"""
        SELECT k.id, k.cop_no, n.part, min(f.status), min(f.customs_no), count(*),
               sum(CASE WHEN n.live THEN 1 ELSE 0 END)
        FROM consolidations k {asked} JOIN consolidation_lists n ON n.consolidation_id = k.id
        LEFT JOIN filings f ON f.kind = '701' AND f.exporter = k.exporter
             AND f.key = k.cop_no || '/' || CAST(n.part AS TEXT) AND f.version = 1
        WHERE (CAST(:exporter AS TEXT) IS NULL OR k.exporter = :exporter)
        GROUP BY k.id, k.cop_no, n.part ORDER BY k.id, n.part
        """,  # noqa: S608
        PARTS,
        exporter=exporter,
    )
    if asked:
        run(c, "DROP TABLE asked_applications")
    return found


def _open(c: Connection) -> list[int]:
    """The applications for which there may be something to carry over: customs refuses one of
    their messages, or one of their lists is not live; of all others every list is, and stays."""
    refused = run(c, f"SELECT key FROM filings WHERE {REFUSED}").scalars()  # noqa: S608
    named = sorted({str(key).partition("/")[0] for key in refused})
    stage(c, "refused_applications", pl.DataFrame({"cop_no": named}, {"cop_no": pl.String}))
    found = run(
        c,
        f"""
        SELECT k.id FROM refused_applications a JOIN consolidations k ON k.cop_no = a.cop_no
        UNION
        SELECT n.consolidation_id FROM consolidation_lists n WHERE {PAST}
        """,  # noqa: S608
    )
    numbers = sorted(int(one) for one in found.scalars())
    run(c, "DROP TABLE refused_applications")
    return numbers


def follow(c: Connection) -> int:
    """Carry customs' answers over to the lists: refused ones are free again; how many changed.

    An application of several messages comes to nothing when one of them is refused: the lists
    of all are free, but of those that customs has merged (399). A refusal that a later answer
    overtakes takes its lists back, where they are in no other application meanwhile.
    """
    told = parts(c, applications=_open(c))
    refused = pl.col("status").fill_null("").str.contains(r"^(100|-.*)$")
    held = told.with_columns(
        hold=~refused.any().over("consolidation_id")
        | (pl.col("status").is_in([one for one in ACCEPTED if one != "120"]).fill_null(value=False))
    )
    free = held.filter(~pl.col("hold"), pl.col("live") > 0)
    back = held.filter("hold", pl.col("live") < pl.col("lists"))
    if free.is_empty() and back.is_empty():
        return 0
    stage(c, "freed_parts", free.select("consolidation_id", "part"))
    freed = changed(
        c,
        """
        UPDATE consolidation_lists SET live = false FROM freed_parts p
        WHERE consolidation_lists.consolidation_id = p.consolidation_id
          AND consolidation_lists.part = p.part AND consolidation_lists.live
        """,
    )
    stage(c, "held_parts", back.select("consolidation_id", "part"))
    taken = changed(
        c,
        """
        UPDATE consolidation_lists SET live = true FROM held_parts p
        WHERE consolidation_lists.consolidation_id = p.consolidation_id
          AND consolidation_lists.part = p.part AND NOT consolidation_lists.live
          AND NOT EXISTS (SELECT 1 FROM consolidation_lists n
                          WHERE n.list_id = consolidation_lists.list_id AND n.live)
          -- Of two applications that customs took after all, the older one has the list.
          AND NOT EXISTS (SELECT 1 FROM consolidation_lists n JOIN held_parts q
                          ON q.consolidation_id = n.consolidation_id AND q.part = n.part
                          WHERE n.list_id = consolidation_lists.list_id
                            AND n.consolidation_id < consolidation_lists.consolidation_id)
        """,
    )
    run(c, "DROP TABLE freed_parts")
    run(c, "DROP TABLE held_parts")
    for row in free.iter_rows(named=True):
        audit.append(c, "consolidation refused", row["cop_no"], {"part": row["part"],
                     "status": row["status"], "lists": row["live"]})  # fmt: skip
    if taken:
        audit.append(c, "consolidation taken after all", "lists", {"lists": taken})
    return freed + taken


def previous_month(day: date) -> date:
    """The first day of the month before a day's."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)
