"""Bills (提运单): which lists leave together, told by 607, then their arrival (507), departure (509).

The declarant tells the master waybill sheet (清单总分单 607) once customs has approved the lists;
the site's operator the arrival (运抵单), the logistics firm the departure (离境单): a profile says
which of these this sender files. A list has one bill at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row

from xborder import clock
from xborder.crashpoints import crash_point
from xborder.manifests import filing
from xborder.manifests.filing import RefusedError
from xborder.registry import documents
from xborder.registry.database import transaction
from xborder.registry.documents import NewDocument, OnOtherBillError
from xborder.registry.home import Home
from xborder.registry.versions import is_approved
from xborder.schemas.exporters import Exporter

FOLLOWING = ("507", "509")
"""What is told of a bill after its 607."""


@dataclass(frozen=True)
class Bill:
    """What an operator says of a bill; empty text: as the lists say, or not at all.

    ``bill_no`` 提运单号, ``voyage_no`` 航班航次号, ``traf_name`` 运输工具名称, ``traf_mode`` 运输方式,
    ``domestic_traf_no`` 境内运输工具编号, ``gross_weight`` 毛重 kg, ``loct_no`` 监管场所代码.
    """

    bill_no: str
    voyage_no: str = ""
    traf_name: str = ""
    traf_mode: str = ""
    domestic_traf_no: str = ""
    gross_weight: str = ""
    loct_no: str = ""
    note: str = ""


@dataclass(frozen=True)
class Filed:
    """A document that was filed: kind, its copNo, exporter, bill, lists in it."""

    kind: str
    cop_no: str
    exporter: str
    bill_no: str
    lists: int


def depart(home: Home, words: Sequence[str], bill: Bill, exporter: str | None = None) -> Filed:
    """Put lists under a bill and file its master waybill sheet; see ``depart_all``."""
    return depart_all(home, [(bill, words)], exporter)[0]


def depart_all(
    home: Home, told: Sequence[tuple[Bill, Sequence[str]]], exporter: str | None = None
) -> list[Filed]:
    """Put lists under bills and file their master waybill sheets (CEB607), in pieces; all or none.

    The words beside a bill name manifests or lists (``documents.find``). All its lists must be
    live, approved by customs, of one exporter, office, declarant, logistics firm and transport
    mode, and under no other bill. Raises RefusedError, and ValueError for what may not be
    written.
    """
    with transaction(home.engine) as c:
        filed = [_depart(c, home, words, bill, exporter) for bill, words in told]
        crash_point("bill-opening")
    return filed


def _depart(
    c: Connection, home: Home, words: Sequence[str], bill: Bill, exporter: str | None
) -> Filed:
    listed = filing.find(c, home.store, words, exporter)
    for one in listed.rows.iter_rows(named=True):
        if not one["live"] or one["route"] != "list":
            raise RefusedError("LIST_NOT_LIVE", one["cop_no"])
        if not is_approved(one["status"], one["customs_no"]):
            raise RefusedError("LIST_NOT_APPROVED", one["cop_no"], status=one["status"] or "—")
        if one["bill_no"]:
            raise RefusedError("LIST_ON_OTHER_BILL", one["cop_no"], bill=one["bill_no"])
    head = _head(listed, bill)
    own = filing.profile(home, listed.rows["exporter"][0])
    lines = listed.heads.select(
        "list_id",
        logistics_no="logisticsNo",
        package_no="totalPackageNo"
        if "totalPackageNo" in listed.heads.columns
        else pl.lit(None, pl.String),
    )
    try:
        number = documents.open_bill(c, own.id, head["customsCode"], bill.bill_no, lines)
    except OnOtherBillError as error:
        raise RefusedError("LIST_ON_OTHER_BILL", bill.bill_no, bill="?") from error
    new = NewDocument("607", own.id, head, bill_id=number)
    row = filing.file(c, home, own, new, _lines(lines), per_piece=home.settings.bill_lists)
    return Filed("607", row.cop_no, own.id, bill.bill_no, lines.height)


_OF_THE_MODE = ("voyageNo", "trafName")


def _head(listed: filing.Listed, bill: Bill) -> dict[str, str]:
    """What a 607 says: the bill as the operator tells it, else what all lists say alike."""
    same = {
        name: filing.shared(listed, name)
        for name in ("customsCode", "agentCode", "agentName", "logisticsCode", "logisticsName")
    }
    said = {
        "billNo": bill.bill_no,
        "voyageNo": bill.voyage_no,
        "trafName": bill.traf_name,
        "trafMode": bill.traf_mode,
        "loctNo": bill.loct_no,
    }
    other_mode = bill.traf_mode.strip() not in ("", filing.shared(listed, "trafMode"))
    for name, value in said.items():
        # By another mode nothing travels in the vehicle that the lists name.
        from_lists = not (other_mode and name in _OF_THE_MODE)
        same[name] = value.strip() or (filing.shared(listed, name) if from_lists else "")
        if not same[name] and name != "loctNo":
            raise RefusedError("BILL_INCOMPLETE", name)
    weights = [Decimal(one) for one in listed.heads["grossWeight"]]
    same["grossWeight"] = bill.gross_weight or format(sum(weights, Decimal(0)).normalize(), "f")
    same["domesticTrafNo"], same["note"] = bill.domestic_traf_no, bill.note
    return {name: value for name, value in same.items() if value}


def _lines(lists: pl.DataFrame) -> pl.DataFrame:
    return lists.select(totalPackageNo="package_no", logisticsNo="logistics_no")


def arrived(
    home: Home, bill_no: str, domestic_traf_no: str = "", exporter: str | None = None
) -> Filed:
    """File the arrival (CEB507) of a bill's lists at the supervised site."""
    with transaction(home.engine) as c:
        bill, sheet = _sheet(c, bill_no, exporter)
        own = _filer(home, bill, "507")
        head = {
            name: sheet.head[name]
            for name in (
                "customsCode",
                "loctNo",
                "trafMode",
                "billNo",
                "logisticsCode",
                "logisticsName",
            )
            if name in sheet.head
        }
        head["domesticTrafNo"] = domestic_traf_no or sheet.head.get("domesticTrafNo", "")
        if not head["domesticTrafNo"]:
            raise RefusedError("BILL_INCOMPLETE", "domesticTrafNo")
        head |= {
            "operatorCode": own.sending.operator_code,
            "operatorName": own.sending.operator_name,
        }
        return _follow(c, home, bill, "507", head)


def left(
    home: Home, bill_no: str, at: datetime | None = None, exporter: str | None = None
) -> Filed:
    """File the departure (CEB509) of a bill's lists; ``at``: when they left (default: now).

    Raises RefusedError before their arrival, where it is filed here, and their release.
    """
    with transaction(home.engine) as c:
        bill, sheet = _sheet(c, bill_no, exporter)
        own = _filer(home, bill, "509")
        _may_leave(c, bill, own)
        head = {
            name: sheet.head[name]
            for name in (
                "customsCode",
                "trafMode",
                "trafName",
                "voyageNo",
                "billNo",
                "logisticsCode",
                "logisticsName",
            )
            if name in sheet.head
        }
        head["leaveTime"] = clock.app_time(at or clock.now())
        return _follow(c, home, bill, "509", head)


def _may_leave(c: Connection, bill: Row[Any], own: Exporter) -> None:
    """Raise RefusedError for a bill that has not arrived, or whose lists are not released."""
    arrivals = documents.of_bill(c, bill.id, "507")
    if "507" in own.sending.documents and not any(
        not documents.refused(one) for row in arrivals for one in documents.statuses(c, row)
    ):
        raise RefusedError("BILL_NOT_ARRIVED", bill.bill_no)
    waiting = documents.not_released(c, bill.id)
    if waiting:
        first = {"cop_no": waiting[0].cop_no, "status": waiting[0].status or "—"}
        counted = {"waiting": str(len(waiting)), "lists": str(bill.lists)}
        raise RefusedError("BILL_NOT_RELEASED", bill.bill_no, **counted, **first)


def _follow(c: Connection, home: Home, bill: Row[Any], kind: str, head: dict[str, str]) -> Filed:
    """File an arrival or a departure of all of a bill's lists; again after a refusal only."""
    for before in documents.of_bill(c, bill.id, kind):
        if not all(documents.refused(one) for one in documents.statuses(c, before)):
            raise RefusedError("BILL_TOLD_ALREADY", bill.bill_no, kind=kind)
    lists = documents.lists_of_bill(c, bill.id)
    own = filing.profile(home, bill.exporter)
    new = NewDocument(kind, own.id, head, bill_id=bill.id)
    row = filing.file(c, home, own, new, _lines(lists), per_piece=home.settings.bill_lists)
    crash_point("bill-following")
    return Filed(kind, row.cop_no, own.id, bill.bill_no, lists.height)


def _sheet(c: Connection, bill_no: str, exporter: str | None) -> tuple[Row[Any], Row[Any]]:
    """An open bill and its newest 607. Raises RefusedError."""
    found = documents.bill(c, exporter, bill_no)
    if not found:
        raise RefusedError("BILL_UNKNOWN", bill_no)
    if len(found) > 1:
        raise RefusedError("BILL_MIXED", ", ".join(one.exporter for one in found), field="exporter")
    return found[0], documents.of_bill(c, found[0].id, "607")[-1]


def _filer(home: Home, bill: Row[Any], kind: str) -> Exporter:
    """The exporter of a bill, whose profile says that it files this kind."""
    own = filing.profile(home, bill.exporter)
    if kind not in own.sending.documents:
        raise RefusedError("NOT_FILED_HERE", kind, exporter=bill.exporter)
    return own


def cancel(home: Home, bill_no: str, exporter: str | None = None) -> Filed:
    """Cancel a bill: its lists may travel under another one.

    Where customs may have its 607, that is deleted there as well (appType 3); after an arrival
    or a departure that customs did not refuse, it stays.
    """
    with transaction(home.engine) as c:
        bill, sheet = _sheet(c, bill_no, exporter)
        for kind in FOLLOWING:
            for one in documents.of_bill(c, bill.id, kind):
                if not all(documents.refused(status) for status in documents.statuses(c, one)):
                    raise RefusedError("BILL_TOLD_ALREADY", bill_no, kind=kind)
        filed = Filed("", sheet.cop_no, bill.exporter, bill_no, bill.lists)
        if not all(documents.refused(one) for one in documents.statuses(c, sheet)):
            own = filing.profile(home, bill.exporter)
            new = NewDocument("607", own.id, sheet.head, bill_id=bill.id, app_type="3")
            lines = _lines(documents.lists_of_bill(c, bill.id))
            size = home.settings.bill_lists
            filing.file(c, home, own, new, lines, per_piece=size, cop_no=sheet.cop_no)
            filed = Filed("607", sheet.cop_no, own.id, bill_no, bill.lists)
        documents.cancel_bill(c, bill.id)
    return filed
