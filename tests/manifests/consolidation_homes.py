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


def applied(opened: Home, exporter: str = EXPORTER, month: date = MONTH):
    """The applications of a month, applied for on a day before it is due."""
    from xborder.manifests.consolidation import application

    with fixed("2026-12-10T10:00:00+08:00"):
        return application.apply(opened, exporter, month).rows


def result(row, c, declaration=None, lists=None, change=None, gseqno=1, **changed) -> bytes:
    """Customs' result (CEB792) of an application: as rehearsed, or as ``change`` makes its lines.

    ``declaration``: the rehearsed one that it declares (all lists in one line without it).
    ``lists``: applications whose lists it names. ``gseqno`` None leaves line numbers out.
    """
    from xborder.manifests import messages
    from xborder.registry import consolidations

    numbers = [one for of in lists or [row]
               for one in consolidations.lists_of(c, of.id)["invt_no"]]  # fmt: skip
    if declaration is not None:
        # Odd lists go to 303, the first declaration.
        numbers = [one for one in numbers if int(one[-1]) % 2 == declaration % 2]
    lines = [
        {"invtNo": one, "logisticsNo": "XB0000000001CN", "gseqno": "1", "gnum": str(gnum),
         "gcode": "6911101100"}
        for one in numbers
        for gnum in (1, 2)
    ]  # fmt: skip
    lines = change(lines) if change else lines
    number = declaration or 1
    head = {
        "guid": messages.guid("CEB792", str(number)),
        "customsCode": "6041",
        "sumNo": "S60412026000000001",
        "opDate": "20261216103000123",
        "declSeqNo": f"D60412026{number:09d}",
        "entryId": f"60412026{number:010d}",
        "decState": "9",
        **{name: row.head[name] for name in (
            "agentCode", "agentName", "ebcCode", "ebcName", "declAgentCode", "declAgentName")},
        "grossWeight": "14.4",
        "netWeight": "12.6",
        "msgCount": "1",
        "msgSeqNo": "1",
    } | changed  # fmt: skip
    items = pl.DataFrame(lines).with_columns(entity=pl.lit(0, pl.Int64))
    (message,) = messages.document("CEB792", "result", None, pl.DataFrame([head]), items)
    if gseqno is None:
        import re

        return re.sub(rb"<ceb:gseqno>[0-9]+</ceb:gseqno>", b"", message.content)
    return message.content


def take(c, content: bytes, exporter: str = ""):
    """Store a result as the receipts' reader tells it."""
    from xborder.manifests import receipt_reader
    from xborder.registry import declarations

    (message,) = receipt_reader.read(content)
    (entity,) = message.entities
    told = declarations.result(entity)
    return declarations.take(c, told, exporter) if hasattr(told, "lines") else told


def differences(opened: Home, c, row):
    """What customs told of an application against its rehearsal."""
    from xborder.manifests.consolidation import comparison
    from xborder.registry import declarations

    rehearsed = comparison.rehearsed(c, opened.store, row)
    return comparison.compare(row.cop_no, rehearsed, declarations.lines_of(c, row.id))
