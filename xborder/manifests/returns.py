"""Returns (退货 CEB213, CEB215): what comes back of a list, line by line.

``gnum`` and ``gcode`` are the list's, and no more comes back than was declared, less what came
back before (R34). Quantities in statutory units follow the quantity, exactly or rounded half up
to 5 digits. A return of another mode than 9610 is told as a warning (R35).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import polars as pl
from sqlalchemy import Connection

from xborder.crashpoints import crash_point
from xborder.manifests import content, filing
from xborder.manifests.filing import RefusedError
from xborder.registry import consolidations
from xborder.registry.database import transaction
from xborder.registry.documents import NewDocument
from xborder.registry.home import Home
from xborder.registry.versions import is_approved

ITEMS = 100
REASON = 500
"""Goods lines of a return, and characters of its reason (CEB213)."""

_OF_LIST = (
    "customsCode", "loctNo", "ebpCode", "ebpName", "ebcCode", "ebcName", "logisticsNo",
    "logisticsCode", "logisticsName", "tradeMode", "agentCode", "agentName", "billNo", "trafMode",
    "trafName", "portCode", "country", "voyageNo",
)  # fmt: skip
_NEEDED = ("billNo", "trafName", "voyageNo")
_STATUTORY = Decimal("0.00001")


@dataclass(frozen=True)
class Return:
    """What comes back of one list: ``items`` by ``gnum`` the quantity, in the list's unit.

    ``said``: elements that differ from the list's, by their CEB name (the way back: billNo,
    voyageNo, trafMode, trafName, logisticsNo, logisticsCode, logisticsName, portCode, country).
    """

    word: str
    items: Mapping[int, str]
    reason: str
    said: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Filed:
    """A return that was filed: its copNo (coElNo), the list's, and warnings as finding codes."""

    document: str
    cop_no: str
    exporter: str
    items: int
    warnings: tuple[str, ...] = ()


def file(home: Home, returns: Sequence[Return], exporter: str | None = None) -> list[Filed]:
    """File returns (CEB213, and CEB215 where the profile files it); all of them or none.

    Raises RefusedError for a list that customs does not have, a line that it does not have, a
    quantity that is none or too large, a way back that is not told, and ValueError for what may
    not be written.
    """
    done = []
    with transaction(home.engine) as c:
        for one in returns:
            done.append(_file(c, home, one, exporter))
        crash_point("returns-filing")
    return done


def _file(c: Connection, home: Home, one: Return, exporter: str | None) -> Filed:
    if not 1 <= len(one.reason.strip()) <= REASON:
        raise RefusedError("REASON_LENGTH", one.reason[:40], most=str(REASON))
    if not 1 <= len(one.items) <= ITEMS:
        raise RefusedError("RETURN_ITEMS", one.word, most=str(ITEMS))
    listed = filing.find(c, home.store, [one.word], exporter)
    if listed.rows.height > 1:
        raise RefusedError("LIST_AMBIGUOUS", one.word)
    row = listed.rows.row(0, named=True)
    if not is_approved(row["status"], row["customs_no"]) or not row["customs_no"]:
        raise RefusedError("LIST_NOT_APPROVED", row["cop_no"], status=row["status"] or "—")
    goods = content.Checked(home.store).of(listed.rows, "items")
    items = _items(c, row, {int(item["gnum"]): item for item in goods.to_dicts()}, one.items)
    head = {
        name: value for name, value in listed.heads.row(0, named=True).items() if name in _OF_LIST
    }
    head |= dict(one.said)
    for name in _NEEDED:
        if not head.get(name):
            raise RefusedError("BILL_INCOMPLETE", name)
    warnings = () if head["tradeMode"] == "9610" else ("RETURN_NOT_9610",)
    head |= {"invtNo": row["customs_no"], "reason": one.reason.strip(), "ieFlag": "I"}
    head = {name: value for name, value in head.items() if value}
    own = filing.profile(home, row["exporter"])
    new = NewDocument("213", own.id, head, list_id=row["list_id"])
    filed = filing.file(c, home, own, new, goods=items)
    if "215" in own.sending.documents:
        entered = {name: head[name] for name in _OF_215 if name in head}
        entered |= {
            "operatorCode": own.sending.operator_code,
            "operatorName": own.sending.operator_name,
        }
        filing.file(c, home, own, NewDocument("215", own.id, entered, list_id=row["list_id"]))
    return Filed(filed.cop_no, row["cop_no"], own.id, len(items), warnings)


_OF_215 = (
    "customsCode", "logisticsCode", "logisticsName", "logisticsNo", "invtNo", "billNo", "ieFlag",
    "trafMode", "trafName", "voyageNo",
)  # fmt: skip


def _items(
    c: Connection,
    row: Mapping[str, Any],
    goods: Mapping[int, Mapping[str, Any]],
    wanted: Mapping[int, str],
) -> list[dict[str, Any]]:
    """The goods lines of a return, in the order of ``gnum``."""
    before: dict[int, Decimal] = {}
    told = consolidations.returned(c, pl.Series([row["list_id"]]))
    for gnum, qty in told.select("gnum", "qty").iter_rows():
        before[gnum] = before.get(gnum, Decimal(0)) + Decimal(qty)
    made = []
    for gnum, said in sorted(wanted.items()):
        item = goods.get(gnum)
        if item is None:
            raise RefusedError("RETURN_LINE_UNKNOWN", str(gnum), list=row["cop_no"])
        qty, declared = _quantity(said), Decimal(item["qty"])
        rest = declared - before.get(gnum, Decimal(0))
        if qty > rest:
            raise RefusedError("RETURN_TOO_MUCH", _plain(qty), gnum=str(gnum), rest=_plain(rest))
        one = {name: item[name] for name in ("gcode", "gname", "gmodel", "unit", "unit1")}
        one |= {"gnum": gnum, "qty": _plain(qty), "qty1": _share(item, "1", qty, declared)}
        if item["unit2"]:
            one |= {"unit2": item["unit2"], "qty2": _share(item, "2", qty, declared)}
        made.append(one)
    return made


def _quantity(said: str) -> Decimal:
    try:
        qty = Decimal(said)
    except InvalidOperation:
        raise RefusedError("RETURN_QUANTITY", said) from None
    exponent = qty.as_tuple().exponent
    if not qty.is_finite() or qty <= 0 or not isinstance(exponent, int) or exponent < -5:
        raise RefusedError("RETURN_QUANTITY", said)
    return qty


def _share(item: Mapping[str, Any], nth: str, qty: Decimal, declared: Decimal) -> str:
    """A statutory quantity of what comes back: its share of the line's."""
    if item[f"unit{nth}"] == item["unit"]:
        return _plain(qty)
    whole = Decimal(item[f"qty{nth}"])
    if qty == declared:
        return _plain(whole)
    return _plain(max((whole * qty / declared).quantize(_STATUTORY, ROUND_HALF_UP), _STATUTORY))


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")
