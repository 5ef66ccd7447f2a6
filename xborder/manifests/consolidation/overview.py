"""Consolidations as people and scripts see them (汇总一览): what is due, applied for, declared."""

from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row

from xborder import findings
from xborder.findings import Finding
from xborder.manifests.consolidation import comparison, eligible, preview, rehearsal
from xborder.manifests.consolidation.rehearsal import Rehearsal
from xborder.manifests.sheets import plain
from xborder.registry import consolidations, declarations
from xborder.registry.database import reading
from xborder.registry.home import Home

WAITING, RECEIVED, ACCEPTED, REFUSED = "waiting", "received", "accepted", "refused"
PARTLY, DECLARED = "partly_declared", "declared"

STATES = {
    WAITING: ("等待海关回执", "no answer of customs yet"),
    RECEIVED: ("海关入库", "received by customs"),
    ACCEPTED: ("海关审结，等待汇总结果", "accepted; its declarations are awaited"),
    REFUSED: ("海关退单，清单可重新汇总", "refused; its lists are free again"),
    PARTLY: ("部分汇总结果已到", "some of its declarations have come"),
    DECLARED: ("已汇总成报关单", "declared"),
}
"""States of an application: zh and en."""


def make_preview(home: Home, exporter: str, month: date) -> tuple[Rehearsal, list[str]]:
    """Rehearse a month of an exporter and put it into the store; its files there."""
    with reading(home.engine) as c:
        one = rehearsal.rehearse(c, home, exporter, month)
    place = rehearsal.place(exporter, month)
    return one, rehearsal.write(home.store, one, preview.write(one, home.tables), *place)


def exporters(c: Connection, month: date) -> list[str]:
    """Exporters that a month concerns: with lists issued or answered in it, or an application."""
    applied = {row.exporter for row in consolidations.applications(c, month)}
    return sorted(applied | set(consolidations.exporters_of_month(c, month)))


def told_preview(one: Rehearsal, files: list[str]) -> dict[str, Any]:
    """A rehearsal as documented JSON; amounts are exact decimals as text."""
    declared = one.merged.declarations
    totals = one.merged.lines.group_by("declaration", "currency").agg(pl.col("totalPrice").sum())
    by_declaration: dict[int, list[dict[str, str]]] = {}
    for number, currency, total in totals.sort("declaration", "currency").iter_rows():
        by_declaration.setdefault(number, []).append({"currency": currency, "total": plain(total)})
    keys = ("declaration", "application", "ebcCode", "ebcName", "ownerCode", "ownerName", "country",
            "trafMode", "portCode", "tradeMode", "customsCode", "declAgentCode", "lines", "lists",
            "items", "packNo", "held")  # fmt: skip
    reasons = dict(one.found.excluded["reason"].value_counts().iter_rows())
    return {
        "exporter": one.exporter,
        "month": f"{one.month:%Y-%m}",
        "due": one.due.day.isoformat(),
        "moved_by": list(one.due.moved_by),
        "holidays_known": one.due.known,
        "summary_flag": one.summary_flag,
        "lists": one.found.heads.height,
        "items": one.merged.items.height,
        "not_eligible": {code: reasons[code] for code in eligible.REASONS if code in reasons},
        "declarations": [
            {key: row[key] for key in keys}
            | {"grossWeight": plain(row["grossWeight"]), "netWeight": plain(row["netWeight"])}
            | {"totals": by_declaration[row["declaration"]]}
            for row in declared.iter_rows(named=True)
        ],
        "flag_a": {
            "lists": one.found.flag_a["list_id"].n_unique(),
            "rows": one.statistics.height,
        },
        "notices": [told_finding(notice) for notice in one.notices],
        "files": files,
    }


def told_finding(one: Finding) -> dict[str, str]:
    """A finding about a consolidation as documented JSON."""
    row = findings.explain(findings.to_frame([one]).row(0, named=True))
    keys = ("code", "severity", "order_no", "value", "expected", "message_zh", "message_en",
            "fix_zh", "fix_en", "rule")  # fmt: skip
    return {key: str(row[key]) for key in keys}


def told_application(row: Row[Any]) -> dict[str, Any]:
    """An application just made, as documented JSON."""
    return {
        "cop_no": row.cop_no,
        "exporter": row.exporter,
        "month": row.month,
        "lists": row.lists,
        "messages": row.parts,
        "folder": row.folder,
    }


def shown(
    c: Connection, home: Home, month: date | None = None, exporter: str | None = None
) -> list[dict[str, Any]]:
    """Applications with what customs answered and made of them, as documented JSON."""
    rows = consolidations.applications(c, month, exporter)
    parts = consolidations.parts(c, exporter)
    declared = declarations.of_applications(c, [row.id for row in rows])
    return [
        _shown(c, home, row, parts.filter(pl.col("consolidation_id") == row.id),
               declared.filter(pl.col("consolidation_id") == row.id))
        for row in rows
    ]  # fmt: skip


def _shown(
    c: Connection, home: Home, row: Row[Any], parts: pl.DataFrame, declared: pl.DataFrame
) -> dict[str, Any]:
    differing = differences(c, home, row) if declared.height else []
    live = int(parts["live"].sum())
    keys = ("decl_seq_no", "entry_id", "decl_state", "op_date", "lines", "items", "lists")
    return told_application(row) | {
        "live_lists": live,
        "state": _state(parts, live, declared, differing),
        "statuses": [status or "" for status in parts["status"]],
        "sum_no": next((one for one in parts["sum_no"].drop_nulls()), ""),
        "declarations": [{key: one[key] for key in keys} for one in declared.iter_rows(named=True)],
        "differences": [told_finding(one) for one in differing],
    }


def differences(c: Connection, home: Home, row: Row[Any]) -> list[Finding]:
    """What customs told of an application so far against its rehearsal."""
    rehearsed = comparison.rehearsed(c, home.store, row)
    return comparison.compare(row.cop_no, rehearsed, declarations.lines_of(c, row.id))


def _state(parts: pl.DataFrame, live: int, declared: pl.DataFrame, differing: list[Finding]) -> str:
    if declared.height:
        # A result may come without its lines: then nobody knows yet what is in it.
        missing = any(one.code == "CONSOLIDATION_ITEM_MISSING" for one in differing)
        return PARTLY if missing or not declared["items"].sum() else DECLARED
    if not live:
        return REFUSED
    statuses = set(parts["status"])
    if not statuses <= set(consolidations.ACCEPTED):
        return WAITING
    return RECEIVED if "120" in statuses else ACCEPTED
