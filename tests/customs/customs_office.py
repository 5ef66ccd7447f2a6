"""A customs to test against (海关模拟): takes CEB messages, answers as the specification says.

It knows nothing of the package that it tests: it reads with lxml, writes with templates, keeps
its own books and merges by its own rules. ``Customs.take`` swallows one message (plain or in a
DXP envelope) and puts the answers into ``Customs.post``; a ``Mail`` delivers them late, twice,
out of order, or loses them.

What it does: XSD (900); 120 for what is stored; 399 with ``invtNo`` when order, waybill and list
have met; refusals by rule; 607 and then 507 bring 800 to the lists of a bill, 509 brings 899;
702 and 792 for a consolidation; cancellations and returns. A newer ``appTime`` wins, an older
one is ignored, a repeat is answered "already exists".
"""

import base64
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from customs_answers import ANSWERS, Answer, Values, document, element, elements, guid
from lxml import etree

CHINA = ZoneInfo("Asia/Shanghai")
EXPORT_XSD = "海关跨境出口业务节点报文定义202205.xsd"

Rule = Callable[[Values, list[Values]], tuple[str, str] | None]
"""Looks at the head and the lines of an entity; status and text of a refusal, or None."""

SIGNED = frozenset({"509", "603", "605", "607", "701"})


@dataclass
class Filed:
    """A list in customs' books."""

    head: Values
    items: list[Values]
    status: str
    pre_no: str
    invt_no: str = ""
    cancelled: bool = False
    entry: str = ""

    @property
    def cop_no(self) -> str:
        return self.head["copNo"]


@dataclass
class Bill:
    """What came for one bill of lading: pieces by message kind, and the waybills in them."""

    pieces: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    waybills: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def whole(self, kind: str) -> bool:
        """All pieces of the kind have come."""
        pieces = self.pieces[kind]
        return bool(pieces) and len(pieces) == max(pieces.values())


@dataclass
class Customs:
    """The office; ``now`` is its clock, ``rules`` refuse lists, ``xsd`` is the official folder.

    ``needs_waybill``: a list waits in 120 until its waybill (505) was filed.
    ``needs_signature``: unsigned messages of the kinds that demand one are refused.
    """

    xsd: Path | None = None
    rules: Iterable[Rule] = ()
    needs_waybill: bool = False
    needs_signature: bool = False
    start: datetime = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
    names_gseqno: bool = True

    def __post_init__(self) -> None:
        self.post: list[Answer | bytes] = []
        self.taken: list[tuple[str, str]] = []  # kind and guid of every message that came
        self.lists: dict[str, Filed] = {}  # by copNo
        self.by_number: dict[str, Filed] = {}
        self._of_order: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._of_waybill: dict[str, set[str]] = defaultdict(set)
        self.orders: set[tuple[str, str]] = set()
        self.waybills: set[tuple[str, str]] = set()
        self.bills: dict[str, Bill] = defaultdict(Bill)
        self.returned: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.applications: dict[str, dict[int, tuple[Values, list[str]]]] = defaultdict(dict)
        self.declarations: list[tuple[Values, list[Values]]] = []
        self._numbers = 0
        self._millis = 0
        parser = etree.XMLParser(no_network=True, resolve_entities=False)
        self._schema = (
            etree.XMLSchema(etree.parse(self.xsd / EXPORT_XSD, parser)) if self.xsd else None
        )
        self._desks: dict[str, Callable[[str, Values, list[Values]], None]] = {
            "303": self._order, "403": self._payment, "505": self._waybill, "603": self._list,
            "605": self._cancellation, "607": self._travels, "507": self._arrival,
            "509": self._departure, "701": self._application, "213": self._return,
            "215": self._return_arrival,
        }  # fmt: skip

    # -- taking messages

    def take(self, content: bytes) -> None:
        """One message as a client or gateway hands it over."""
        root = etree.fromstring(content)
        message_id = ""
        if etree.QName(root).localname == "DxpMsg":
            message_id = root.findtext(".//{*}CopMsgId") or ""
            inner = root.findtext(".//{*}Data") or ""
            root = etree.fromstring(base64.b64decode(inner))
        kind = etree.QName(root).localname.removeprefix("CEB").removesuffix("Message")
        message = root.get("guid") or ""
        self.taken.append((kind, message))
        if self._schema is not None and not self._schema.validate(root):
            told = "; ".join(f"{one.line}: {one.message}" for one in self._schema.error_log)
            self._technical(message, kind, message_id, told)
            return
        signed = root.find("{http://www.w3.org/2000/09/xmldsig#}Signature") is not None
        if self.needs_signature and kind in SIGNED and not signed:
            self._technical(message, kind, message_id, "验签失败")
            return
        for entity in root:
            if etree.QName(entity).localname in ("BaseTransfer", "BaseSubscribe", "Signature"):
                continue
            head, items = _read(entity)
            if head.get("appStatus") != "2":
                self._answer(kind, head, "1", "电子口岸已暂存")
                continue
            self._desks[kind](kind, head, items)

    def _order(self, kind: str, head: Values, items: list[Values]) -> None:
        key = (head["ebpCode"], head["orderNo"])
        if key in self.orders and head["appType"] == "1":
            self._answer(kind, head, "-304001", "业务主键重复(订单)")
            return
        self.orders.add(key)
        self._answer(kind, head, "2", "电子口岸申报中")
        self._answer(kind, head, "120", "海关入库")
        self._meet(self._of_order[key])

    def _payment(self, kind: str, head: Values, items: list[Values]) -> None:
        self._answer(kind, head, "120", "海关入库")

    def _waybill(self, kind: str, head: Values, items: list[Values]) -> None:
        self.waybills.add((head["logisticsCode"], head["logisticsNo"]))
        self._answer(kind, head, "120", "海关入库")
        self._meet(self._of_waybill[head["logisticsNo"]])

    def _list(self, kind: str, head: Values, items: list[Values]) -> None:
        before = self.lists.get(head["copNo"])
        if before is not None:
            if head["appTime"] < before.head["appTime"]:
                return
            if head["appTime"] == before.head["appTime"]:
                self._answer(kind, head, "-621006", f"[{before.status}]已存在相同编号的清单")
                return
            if before.invt_no:
                self._answer(kind, head, "100", "[2001]清单已审结，不允许变更")
                return
            if head["appType"] == "1" and before.status != "100":
                self._answer(kind, head, "-304001", "业务主键重复(清单)")
                return
        filed = Filed(head, items, "120", before.pre_no if before else self._pre_no())
        self.lists[head["copNo"]] = filed
        self._of_order[head["ebpCode"], head["orderNo"]].add(head["copNo"])
        self._of_waybill[head["logisticsNo"]].add(head["copNo"])
        self._say(filed, "2", "电子口岸申报中")
        self._say(filed, "3", "发送海关成功")
        for rule in self.rules:
            if refusal := rule(head, items):
                filed.status = refusal[0] if not refusal[0].startswith("-") else "100"
                self._say(filed, *refusal)
                return
        self._say(filed, "120", "海关入库")
        self._meet([head["copNo"]])

    def _meet(self, cop_nos: Iterable[str]) -> None:
        """Order, waybill and list of a parcel have met: the list is approved."""
        for cop_no in sorted(cop_nos):
            filed = self.lists[cop_no]
            head = filed.head
            waybill = (head["logisticsCode"], head["logisticsNo"])
            if (
                filed.status != "120"
                or (head["ebpCode"], head["orderNo"]) not in self.orders
                or (self.needs_waybill and waybill not in self.waybills)
            ):
                continue
            filed.status = "399"
            year = self.start.astimezone(CHINA).year
            filed.invt_no = f"{head['customsCode']}{year}E{self._number():09d}"
            self.by_number[filed.invt_no] = filed
            self._say(filed, "399", "海关审结")

    def _cancellation(self, kind: str, head: Values, items: list[Values]) -> None:
        filed = self.by_number.get(head["invtNo"])
        if filed is None or filed.cancelled or filed.status == "899":
            told = f"清单的状态不符合撤单申报要求(清单编号[{head['invtNo']}])"
            self._answer(kind, head, "-623005", told)
            return
        filed.cancelled = True
        self._answer(kind, head, "120", "海关入库")
        self._answer(kind, head, "399", "海关审结")

    def _travels(self, kind: str, head: Values, items: list[Values]) -> None:
        bill = self._piece(kind, head, items)
        self._answer(kind, head, "120", "海关入库")
        if bill.whole(kind):
            self._release(bill)

    def _arrival(self, kind: str, head: Values, items: list[Values]) -> None:
        bill = self._piece(kind, head, items)
        self._answer(kind, head, "399", "海关审结")
        if bill.whole(kind):
            self._release(bill)

    def _departure(self, kind: str, head: Values, items: list[Values]) -> None:
        bill = self._piece(kind, head, items)
        self._answer(kind, head, "399", "海关审结")
        if bill.whole(kind):
            self._clear(bill)

    def _piece(self, kind: str, head: Values, items: list[Values]) -> Bill:
        bill = self.bills[head.get("billNo", "")]
        bill.pieces[kind][int(head["msgSeqNo"])] = int(head["msgCount"])
        bill.waybills[kind] |= {one["logisticsNo"] for one in items}
        return bill

    def _release(self, bill: Bill) -> None:
        if bill.whole("607") and bill.whole("507"):
            for filed in self._travelling(bill, "607"):
                if filed.status == "399":
                    filed.status = "800"
                    self._say(filed, "800", "放行")

    def _clear(self, bill: Bill) -> None:
        for filed in self._travelling(bill, "509"):
            if filed.status == "800":
                filed.status = "899"
                self._say(filed, "899", "结关")

    def _travelling(self, bill: Bill, kind: str) -> Iterator[Filed]:
        for waybill in sorted(bill.waybills[kind] or bill.waybills["607"]):
            for cop_no in sorted(self._of_waybill[waybill]):
                if not self.lists[cop_no].cancelled:
                    yield self.lists[cop_no]

    def _application(self, kind: str, head: Values, items: list[Values]) -> None:
        numbers = [one["invtNo"] for one in items]
        wrong = [number for number in numbers if not self._may_be_merged(number, head)]
        if wrong:
            self._answer(kind, head, "100", f"清单[{wrong[0]}]不符合汇总条件")
            return
        pieces = self.applications[head["copNo"]]
        pieces[int(head["msgSeqNo"])] = (head, numbers)
        self._answer(kind, head, "120", "海关入库")
        if len(pieces) == int(head["msgCount"]):
            self._merge(pieces)

    def _may_be_merged(self, number: str, head: Values) -> bool:
        filed = self.by_number.get(number)
        return (
            filed is not None
            and filed.status == "899"
            and not filed.cancelled
            and not filed.entry
            and filed.head["ebcCode"] == head["ebcCode"]
            and filed.head["statisticsFlag"] == "B"
        )

    def _merge(self, pieces: dict[int, tuple[Values, list[str]]]) -> None:
        """Customs merges by its own rules: declarations by head, lines by goods, 50 at most."""
        first = pieces[min(pieces)][0]
        sum_no = f"{first['customsCode']}{self._number():014d}"
        for head, _ in pieces.values():
            self._answer("701", head | {"sumNo": sum_no}, "399", "海关审结")
        groups: dict[tuple[str, ...], dict[tuple[str, ...], list[tuple[Filed, Values]]]] = {}
        for number in sorted(one for _, numbers in pieces.values() for one in numbers):
            filed = self.by_number[number]
            by: tuple[str, ...] = (
                "trafMode",
                "ownerCode",
                "country",
                "portCode",
                "tradeMode",
                "loctNo",
                "iacCode",
                "emsNo",
            )
            if first["summaryFlag"] == "1":
                by = tuple(name for name in by if name != "ownerCode")
            group = groups.setdefault(tuple(filed.head.get(name, "") for name in by), {})
            for item in filed.items:
                names = ("country", "gcode", "currency", "unit", "unit1", "unit2")
                key = [item.get(name, "") for name in names]
                key += [item["gname"]] if first["itemNameFlag"] == "1" else []
                group.setdefault(tuple(key), []).append((filed, item))
        for lines in groups.values():
            ordered = sorted(lines.items())
            for at in range(0, len(ordered), 50):
                self._declare(first, sum_no, ordered[at : at + 50])

    def _declare(
        self,
        head: Values,
        sum_no: str,
        lines: list[tuple[tuple[str, ...], list[tuple[Filed, Values]]]],
    ) -> None:
        entry = f"{head['customsCode']}{self.start.astimezone(CHINA).year}0{self._number():09d}"
        rows = []
        for place, (_, behind) in enumerate(lines, start=1):
            for filed, item in behind:
                filed.entry = entry
                row = {
                    "invtNo": filed.invt_no,
                    "logisticsNo": filed.head["logisticsNo"],
                    "gseqno": str(place),
                    "gnum": item["gnum"],
                    "gcode": item["gcode"],
                }
                if not self.names_gseqno:
                    del row["gseqno"]
                rows.append(row)
        lists = {id(filed): filed for _, behind in lines for filed, _ in behind}.values()
        told = {
            "guid": guid("792", entry),
            "customsCode": head["customsCode"],
            "sumNo": sum_no,
            "opDate": self._time(),
            "declSeqNo": f"D{self._number():017d}",
            "entryId": entry,
            "decState": "9",
            **{
                name: head[name]
                for name in (
                    "agentCode", "agentName", "ebcCode", "ebcName", "declAgentCode", "declAgentName",
                )
            },
            "grossWeight": str(sum(Decimal(one.head["grossWeight"]) for one in lists)),
            "netWeight": str(sum(Decimal(one.head["netWeight"]) for one in lists)),
            "msgCount": "1",
            "msgSeqNo": "1",
        }  # fmt: skip
        self.declarations.append((told, rows))
        written = element("SummaryResultHead", elements(told))
        listed = "".join(element("SummaryResultList", elements(row)) for row in rows)
        self.post.append(document("792", entry, element("SummaryResult", written + listed)))

    def _return(self, kind: str, head: Values, items: list[Values]) -> None:
        filed = self.by_number.get(head["invtNo"])
        goods = {item["gnum"]: item for item in filed.items} if filed else {}
        for item in items:
            sold = goods.get(item["gnum"])
            key = (head["invtNo"], item["gnum"])
            if (
                sold is None
                or sold["gcode"] != item["gcode"]
                or self.returned[key] + Decimal(item["qty"]) > Decimal(sold["qty"])
            ):
                self._answer(kind, head, "-625209", f"退货数量超过清单[{head['invtNo']}]数量")
                return
        for item in items:
            self.returned[head["invtNo"], item["gnum"]] += Decimal(item["qty"])
        for status, told in (("120", "海关入库"), ("399", "海关审结"), ("800", "放行")):
            self._answer(kind, head, status, told)

    def _return_arrival(self, kind: str, head: Values, items: list[Values]) -> None:
        self._answer(kind, head, "399", "海关审结")

    # -- answering

    def say(self, cop_no: str, status: str, told: str = "") -> None:
        """An answer to a list that no rule here gives: an inspection, an unknown code."""
        filed = self.lists[cop_no]
        filed.status = status if status in ("300", "500", "800", "899") else filed.status
        self._say(filed, status, told or status)

    def _say(self, filed: Filed, status: str, told: str) -> None:
        numbers = {"preNo": filed.pre_no, "invtNo": filed.invt_no}
        if status.startswith("-") or status == "100":
            numbers["preNo"] = ""
        self._answer("603", filed.head | numbers, status, told)

    def _answer(self, asked: str, head: Values, status: str, told: str) -> None:
        kind = str(int(asked) + 1)
        _, names = ANSWERS[kind]
        values = {name: head.get(name, "") for name in names}
        if "preNo" in values and not values["preNo"] and status not in ("100",):
            values["preNo"] = "" if status.startswith("-") else self._pre_no()
        values |= {"returnStatus": status, "returnTime": self._time(), "returnInfo": told}
        self.post.append(Answer(kind, {"guid": guid(kind, *values.values())} | values))

    def _technical(self, message: str, kind: str, message_id: str, told: str) -> None:
        values = {
            "guid": message if len(message) == 36 else guid("900", told),
            "returnStatus": "-1",
            "returnInfo": told,
            "returnTime": self._time(),
            "oriCopMsgId": message_id or message,
            "oriMessageType": f"CEB{kind}Message",
        }
        self.post.append(document("900", self._time(), element("MessageReturn", elements(values))))

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _pre_no(self) -> str:
        return f"B{self.start.astimezone(CHINA):%Y%m%d}{self._number():09d}"

    def _time(self) -> str:
        self._millis += 1
        at = (self.start + timedelta(milliseconds=self._millis)).astimezone(CHINA)
        return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"


def _read(entity: etree._Element) -> tuple[Values, list[Values]]:
    head: Values = {}
    items: list[Values] = []
    for one in entity:
        name = etree.QName(one).localname
        if not len(one):
            head[name] = one.text or ""
        elif name.endswith("Head"):
            head |= {etree.QName(leaf).localname: leaf.text or "" for leaf in one}
        else:
            items.append({etree.QName(leaf).localname: leaf.text or "" for leaf in one})
    return head, items
