"""Homes whose lists customs has cleared, for the tests of consolidation."""

from datetime import date
from pathlib import Path

import polars as pl
from manifest_samples import Rows, head_rows, home
from sqlalchemy import text

from xborder.clock import fixed
from xborder.manifests import cutoff
from xborder.registry import filings
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home, create, open_home
from xborder.registry.staging import stage
from xborder.registry.tables import manifests

DAY = date(2026, 11, 22)
MONTH = date(2026, 11, 1)
EXPORTER = "dapu-ciyun"
CLEARED_AT = "2026-11-28T03:00:00+00:00"


def heads(count: int, **changed: object) -> Rows:
    """Heads of ``count`` lists."""
    return head_rows(count, **changed)


def cleared(folder: Path, rows: Rows, lines: int = 1, **settings: object) -> Home:
    """A home whose lists are issued and filed; customs has cleared all of them."""
    create(folder)
    home(folder, rows, lines, **settings)
    opened = open_home(folder, **settings)
    with fixed("2026-11-22T12:00:00+08:00"):
        cutoff.issue(opened.engine, opened.store, opened.settings, DAY, issue_new=True)
    with transaction(opened.engine) as c:
        issued = list(c.execute(manifests.select().order_by(manifests.c.id)))
        filings.of_manifests(c, opened.store, issued)
        answered(c)
    return opened


def answered(c, status="899", at=CLEARED_AT, lists="1 = 1") -> None:
    """Customs' answer to the lists (603) that a condition names; each gets its number."""
    rows = c.execute(
        text(f"SELECT id, list_id FROM filings WHERE kind = '603' AND {lists} ORDER BY id")
    ).all()
    told = pl.DataFrame(
        {"id": [row.id for row in rows],
         "number": [f"60412026E{row.list_id:09d}" for row in rows]},
        schema={"id": pl.Int64, "number": pl.String},
    )  # fmt: skip
    stage(c, "answers", told)
    c.execute(
        text(
            "UPDATE filings SET status = :status, status_at = :at, customs_no = a.number "
            "FROM answers a WHERE filings.id = a.id"
        ),
        {"status": status, "at": at},
    )
    c.execute(text("DROP TABLE answers"))


def rehearsed(opened: Home, month: date = MONTH, exporter: str = EXPORTER):
    """The rehearsal of a month."""
    from xborder.manifests.consolidation.rehearsal import rehearse

    with reading(opened.engine) as c:
        return rehearse(c, opened, exporter, month)
