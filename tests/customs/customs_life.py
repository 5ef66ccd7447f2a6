"""The whole life of two exporters' lists before the customs to test against, step by step.

A step is a name and a time: ``step(folder, name)`` does it in this process, ``customs_driver`` in
one that can be killed. Everything is fixed by seeds, so that two lives can be compared.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import sending_homes
from customs_answers import Mail
from customs_front import deliver, pick_up
from customs_office import Customs
from lxml import etree
from manifest_samples import Rows, head_rows, opened
from manifest_samples import home as prepared
from sqlalchemy import text

from xborder.clock import fixed
from xborder.manifests import bills, cancellations, cutoff, receiving, returns, sending
from xborder.manifests.bills import Bill
from xborder.manifests.consolidation import application, overview
from xborder.manifests.returns import Return
from xborder.registry import waybills
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home, create, open_home
from xborder.registry.waybills import WAYBILLS
from xborder.settings import Settings

SHARED_XSD = Path(__file__).parents[2].parent / "shared" / "ceb" / "xsd-2022-05"
XSD = SHARED_XSD if SHARED_XSD.exists() else None
MONTH = date(2026, 11, 1)

FIRST, SECOND = "dapu-ciyun", "xingning-gongju"
CODES = {FIRST: "4414960XXX", SECOND: "4414970XXX"}
BILLS = {FIRST: "112-12345678", SECOND: "112-87654321"}

FILED = """
documents = ["505", "507", "509"]
operator_code = "4414980002"
operator_name = "梅州示例监管场所"
"""
"""What these exporters file besides orders and lists."""


def rows_of(exporter: str, first: int, count: int) -> Rows:
    """Heads of an exporter's lists: own numbers, two countries, weights that do not come out even."""
    firm = {"exporter": exporter} | {
        name: CODES[exporter] for name in ("ebcCode", "agentCode", "ownerCode")
    }
    firm |= {name: f"{exporter} 有限公司" for name in ("ebcName", "agentName", "ownerName")}
    made = []
    for row in head_rows(first + count - 1)[first - 1 :]:
        number = int(str(row["list_id"]))
        made.append(
            row
            | firm
            | {
                "country": ("303", "502")[number % 2],
                "grossWeight": str(Decimal(number) / 7)[:7],
                "netWeight": str(Decimal(number) / 9)[:7],
                "billNo": BILLS[exporter],
            }
        )
    return made


def life_home(
    folder: Path,
    counts: tuple[int, int] = (7, 4),
    sending: str = 'transport = "outbox"',
    lines: int = 2,
    **changed: object,
) -> Path:
    """A home of two exporters whose orders are accepted; nothing is issued."""
    create(folder)
    said = {"lists_per_manifest": 5, "lists_per_message": 3, "bill_lists": 4, "summary_lists": 3}
    said |= changed
    settings = "".join(f"{name} = {value!r}\n".replace("'", '"') for name, value in said.items())
    (folder / "xborder.toml").write_text(settings, "utf-8")
    for one, code in CODES.items():
        profile = sending_homes.profile(one, sending + FILED, code)
        (folder / "exporters" / f"{one}.toml").write_text(profile, "utf-8")
    mine, others = counts
    rows = rows_of(FIRST, 1, mine) + (rows_of(SECOND, mine + 1, others) if others else [])
    _with_waybills(prepared(folder, rows, lines), rows)
    return folder


def _with_waybills(settings: Settings, rows: Rows) -> None:
    """The orders' waybills, as their check enters them."""
    engine, _ = opened(settings)
    with transaction(engine) as c:
        known = dict(c.execute(text("SELECT order_no, id FROM orders")).tuples().all())
        told = [
            (known[row["order_no"]], row["logisticsCode"], row["logisticsNo"], date(2026, 11, 22))
            for row in rows
        ]
        waybills.enter(c, pl.DataFrame(told, schema=list(WAYBILLS), orient="row"))
    engine.dispose()


# The steps. Each may be done again after it was broken off, as an operator would.


def _issue(home: Home) -> None:
    said = {one.id: one.sending for one in home.exporters.values()}
    cutoff.issue(home.engine, home.store, home.settings, date(2026, 11, 22), sending=said)


def _send(home: Home) -> None:
    sending.send(home)


def _receive(home: Home) -> None:
    receiving.receive(home, receiving.look(home.settings))


def _manifests(home: Home, exporter: str) -> list[str]:
    asked = text("SELECT number FROM manifests WHERE exporter = :exporter ORDER BY id")
    with reading(home.engine) as c:
        return list(c.execute(asked, {"exporter": exporter}).scalars())


def _told(home: Home, kind: str, exporter: str) -> bool:
    """Whether a document of the kind was filed: a step that was broken off is done again."""
    asked = text("SELECT count(*) FROM documents WHERE kind = :kind AND exporter = :exporter")
    with reading(home.engine) as c:
        return bool(c.execute(asked, {"kind": kind, "exporter": exporter}).scalar())


def _cancel(home: Home) -> None:
    """The last list of the first exporter is cancelled."""
    if _told(home, "605", FIRST):
        return
    with reading(home.engine) as c:
        asked = text(
            "SELECT key FROM filings WHERE kind = '603' AND exporter = :e ORDER BY id DESC"
        )
        cancellations.cancel(home, [c.execute(asked, {"e": FIRST}).scalars().first()], "买家取消")


def _depart(home: Home) -> None:
    for exporter, bill_no in BILLS.items():
        if _manifests(home, exporter) and not _told(home, "607", exporter):
            said = Bill(bill_no, "CZ3001", "CZ3001", domestic_traf_no="粤M12345")
            bills.depart(home, _manifests(home, exporter), said)


def _arrive(home: Home) -> None:
    for exporter, bill_no in BILLS.items():
        if _manifests(home, exporter) and not _told(home, "507", exporter):
            bills.arrived(home, bill_no)


def _leave(home: Home) -> None:
    for exporter, bill_no in BILLS.items():
        if _manifests(home, exporter) and not _told(home, "509", exporter):
            bills.left(home, bill_no)


def _return(home: Home) -> None:
    """One piece of the first list comes back."""
    if _told(home, "213", FIRST):
        return
    with reading(home.engine) as c:
        asked = text("SELECT key FROM filings WHERE kind = '603' AND exporter = :e ORDER BY id")
        first = c.execute(asked, {"e": FIRST}).scalars().first()
    back = {"billNo": "999-00000001", "voyageNo": "CZ3002", "trafName": "CZ3002"}
    returns.file(home, [Return(first, {1: "1"}, "买家退货", back)])


def _preview(home: Home) -> None:
    for exporter in CODES:
        if _manifests(home, exporter):
            overview.make_preview(home, exporter, MONTH)


def _apply(home: Home) -> None:
    for exporter in CODES:
        if _manifests(home, exporter):
            application.apply(home, exporter, MONTH)


STEPS: dict[str, Callable[[Home], None]] = {
    "issue": _issue, "send": _send, "receive": _receive, "cancel": _cancel, "depart": _depart,
    "arrive": _arrive, "leave": _leave, "return": _return, "preview": _preview, "apply": _apply,
}  # fmt: skip


def step(folder: Path, name: str, at: str) -> None:
    """Do a step at a time, as a process of its own would."""
    home = open_home(folder)
    try:
        with fixed(at):
            STEPS[name](home)
    finally:
        home.engine.dispose()


# The life.

WHOLE = (
    ("2026-11-22T12:00:00+08:00", "issue", 11),
    ("2026-11-22T16:00:00+08:00", "cancel", 1),
    ("2026-11-23T10:00:00+08:00", "depart", 0),
    ("2026-11-23T16:00:00+08:00", "arrive", 0),
    ("2026-11-24T10:00:00+08:00", "leave", 0),
    ("2026-11-25T10:00:00+08:00", "return", 0),
    ("2026-12-10T10:00:00+08:00", "preview", 0),
    ("2026-12-10T11:00:00+08:00", "apply", 0),
)  # fmt: skip


class Seen(Customs):
    """Customs that keeps the bytes of every message."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.messages: list[bytes] = []

    def take(self, content: bytes) -> None:
        self.messages.append(content)
        super().take(content)


@dataclass
class Life:
    """A home, its customs and the mail between them. ``act`` does a step, ``settled`` says
    whether enough has come for the next one: what is under way then comes later."""

    folder: Path
    customs: Seen = field(default_factory=lambda: Seen(xsd=XSD))
    mail: Mail = field(default_factory=Mail)
    act: Callable[[Path, str, str], None] = step
    settled: Callable[["Life"], bool] | None = None
    picked_up: Callable[[Path, Customs], object] = pick_up
    late: int = 0
    asked_again: int = 0

    def live(self, steps: tuple[tuple[str, str, int], ...] = WHOLE) -> None:
        for at, name, _ in steps:
            self.act(self.folder, name, at)
            self.exchange(datetime.fromisoformat(at))
        self.exchange(datetime.fromisoformat(steps[-1][0]) + timedelta(hours=5), to_the_end=True)

    def exchange(self, at: datetime, *, to_the_end: bool = False) -> None:
        """Send what is queued, let customs answer, take the answers in."""
        sent = at + timedelta(minutes=30)
        self.act(self.folder, "send", sent.isoformat())
        self.customs.start = sent
        self.picked_up(self.folder, self.customs)
        for n in range(1, 60):
            if n > 1 and not to_the_end and self.settled is not None and self.settled(self):
                self.late += bool(self.customs.post or self.mail.waiting)
                return
            if not (self.customs.post or self.mail.waiting):
                # What is lost is asked for again when nothing else is under way.
                self.asked_again += self.mail.ask_again(self.customs.post)
                if not self.customs.post:
                    return
            deliver(self.folder, self.customs, self.mail)
            self.act(self.folder, "receive", (sent + timedelta(minutes=n)).isoformat())
        raise AssertionError("the mail does not come to an end")


def asked(folder: Path, statement: str, **values: object) -> list[tuple[object, ...]]:
    """Rows of a home's registry."""
    home = open_home(folder)
    try:
        with reading(home.engine) as c:
            return [tuple(row) for row in c.execute(text(statement), values)]
    finally:
        home.engine.dispose()


STATES = {
    "filings": "SELECT kind, exporter, key, version, app_type, app_time, status, status_at, pre_no,"
               " customs_no FROM filings ORDER BY 1, 2, 3, 4",
    "lists": "SELECT cop_no, version, state, live FROM lists ORDER BY 1, 2",
    "orders": "SELECT order_no, state, codes FROM orders ORDER BY 1",
    "manifests": "SELECT number, state, lists, sha256 FROM manifests ORDER BY 1",
    "receipts": "SELECT digest, kind, key, status, code, filing_id IS NULL FROM receipts ORDER BY 1",
    "messages": "SELECT guid, kind, exporter, sha256, state FROM messages ORDER BY 1",
    "applications": "SELECT n.invt_no, n.part, n.live, k.cop_no FROM consolidation_lists n"
                    " JOIN consolidations k ON k.id = n.consolidation_id ORDER BY 1, 4",
    "declarations": "SELECT r.entry_id, r.sum_no, d.place, d.invt_no, d.gseqno, d.gnum, d.gcode"
                    " FROM summary_results r JOIN declaration_lines d ON d.result_id = r.id"
                    " ORDER BY 1, 3",
    "quarantine": "SELECT sha256, state, code FROM receipt_files WHERE code IS NOT NULL ORDER BY 1",
}  # fmt: skip


def states(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that the registry holds but numbers that the order of events gives."""
    return {name: asked(folder, statement) for name, statement in STATES.items()}


def made(folder: Path) -> dict[str, bytes]:
    """Every file that leaves the house: manifests, messages, consolidations."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for part in ("manifests", "messages", "consolidations")
        for path in sorted((folder / part).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


CEB = "{http://www.chinaport.gov.cn/ceb}"


def leaves(content: bytes, *names: str) -> set[str]:
    """The texts of the elements of these names in a message."""
    root = etree.fromstring(content)
    return {one.text or "" for name in names for one in root.iter(f"{CEB}{name}")}
