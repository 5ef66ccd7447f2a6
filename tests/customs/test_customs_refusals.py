"""What customs refuses, and what follows: corrected lists, amendments, cancellations, returns,
messages that it cannot read; from an exporter's own files to customs' books and back."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from customs_answers import Mail
from customs_front import deliver, pick_up
from customs_life import XSD, Seen, asked, leaves
from customs_office import Rule
from pipeline_shop import DAY, FIRM, Shop, order, shipment

from xborder.assets import guarantees
from xborder.assets.resources import HomeResource
from xborder.clock import SHANGHAI, fixed
from xborder.manifests import bills, cancellations, cutoff, receiving, resending, returns, sending
from xborder.manifests.bills import Bill
from xborder.manifests.filing import RefusedError
from xborder.manifests.returns import Return
from xborder.registry import chains, messages
from xborder.registry.database import reading
from xborder.registry.home import Home, open_home

pytestmark = pytest.mark.slow

SECOND_DAY = date(2026, 11, 23)


class Office:
    """A shop, and the customs that its lists go to over the folders."""

    def __init__(self, folder: Path, customs: Seen, said: str = "") -> None:
        self.shop, self.customs, self.mail = Shop(folder), customs, Mail(seed=2, shuffled=True)
        self.profile = self.shop.path / "exporters" / f"{FIRM}.toml"
        self.bare = self.profile.read_text("utf-8")
        self.sign(said)

    def sign(self, said: str) -> None:
        """The profile with a transport, and how messages are signed."""
        self.profile.write_text(f'{self.bare}\n[sending]\ntransport = "outbox"\n{said}', "utf-8")

    def issue(self, day: date = DAY) -> None:
        """Check what was handed in, cut off at ten, send, and take in what customs says."""
        self.shop.work(day=day)
        home = self.shop.home()
        said = {one.id: one.sending for one in home.exporters.values()}
        with fixed(f"{day}T10:00:00+08:00"):
            cutoff.issue(home.engine, home.store, home.settings, day, sending=said)
        home.engine.dispose()
        self.exchange(f"{day}T11:00:00+08:00")

    def exchange(self, at: str) -> None:
        self.do(at, sending.send)
        self.customs.start = datetime.fromisoformat(at).astimezone(UTC)
        pick_up(self.shop.path, self.customs)
        self.hear(at)

    def hear(self, at: str) -> None:
        later = datetime.fromisoformat(at).astimezone(SHANGHAI).replace(minute=30)
        while self.customs.post or self.mail.waiting:
            deliver(self.shop.path, self.customs, self.mail)
            self.do(later.isoformat(), lambda home: receiving.receive(home, receiving.look(home.settings)))  # fmt: skip

    def do(self, at: str, act: Callable[..., object]) -> object:
        home = open_home(self.shop.path)
        try:
            with fixed(at):
                return act(home)
        finally:
            home.engine.dispose()

    def filed(self, kind: str = "603") -> list[tuple[object, ...]]:
        return asked(
            self.shop.path,
            "SELECT version, app_type, status FROM filings WHERE kind = :kind ORDER BY key, version",
            kind=kind,
        )

    def lists(self) -> list[tuple[object, ...]]:
        return asked(
            self.shop.path,
            "SELECT o.order_no, l.version, l.state FROM lists l JOIN orders o ON o.id = l.order_id"
            " ORDER BY l.id",
        )


def heavy(head: dict[str, str], _: object) -> tuple[str, str] | None:
    """A parcel above 5 kg is not believed."""
    return ("100", "[2001]毛重与实际不符") if Decimal(head["grossWeight"]) > 5 else None


def codes_of(office: Office, name: str, code: str) -> list[tuple[str, str, str]]:
    found = office.shop.findings(name)
    return [(row["order_no"], row["file"], row["cell"])
            for row in found.to_dicts() if row["code"] == code]  # fmt: skip


def test_a_refused_list_is_corrected_and_approved(tmp_path: Path) -> None:
    rules: list[Rule] = [heavy]
    office = Office(tmp_path / "home", Seen(xsd=XSD, rules=rules))
    office.shop.orders("orders.csv", order("A1"), order("A2"))
    office.shop.shipments("sent.csv", shipment("A1", "WB1"), shipment("A2", "WB2", "9"))
    office.issue()
    assert office.filed() == [(1, "1", "399"), (1, "1", "100")]
    assert office.shop.states()["A2"] == ("held", "CUSTOMS_REFUSED")
    assert codes_of(office, "orders.csv", "CUSTOMS_REFUSED") == [("A2", "sent.csv", "G3")]

    # Nothing goes again until something has changed.
    office.issue(SECOND_DAY)
    assert office.filed() == [(1, "1", "399"), (1, "1", "100")]
    office.shop.shipments("again.csv", shipment("A2", "WB2", "4"))
    office.issue(SECOND_DAY)
    assert office.filed() == [(1, "1", "399"), (1, "1", "100"), (2, "1", "399")]
    assert office.shop.states()["A2"] == ("declared", "")
    assert codes_of(office, "orders.csv", "CUSTOMS_REFUSED") == []
    (times,) = asked(
        office.shop.path,
        "SELECT min(app_time) < max(app_time), count(DISTINCT key) FROM filings"
        " WHERE kind = '603' AND list_id IN (SELECT l.id FROM lists l JOIN orders o"
        " ON o.id = l.order_id WHERE o.order_no = 'A2')",
    )
    assert times == (1, 1), "the same copNo, a later appTime"
    assert office.customs.lists[max(office.customs.lists)].status == "399"
    # The order was known to customs: it went as a change.
    assert office.filed("303")[-1] == (2, "2", "120")


def test_an_amendment_before_approval_and_a_cancellation_after(tmp_path: Path) -> None:
    office = Office(tmp_path / "home", Seen(xsd=XSD, needs_waybill=True))
    office.shop.orders("orders.csv", order("A1"), order("A2"))
    office.shop.shipments("sent.csv", shipment("A1", "WB1"), shipment("A2", "WB2"))
    office.issue()
    assert office.filed() == [(1, "1", "120"), (1, "1", "120")]
    office.shop.orders("changed.csv", order("A1", qty="2"))
    office.shop.work(day=SECOND_DAY)
    with pytest.raises(RefusedError, match="LIST_NOT_APPROVED"):
        office.do(
            "2026-11-23T09:00:00+08:00", lambda home: cancellations.cancel(home, ["A1"], "错")
        )
    office.do("2026-11-23T09:00:00+08:00", lambda home: cancellations.amend(home, ["A1"]))
    office.issue(SECOND_DAY)
    assert office.filed() == [(1, "1", "120"), (2, "2", "120"), (1, "1", "120")]
    (changed,) = (one for one in office.customs.lists.values() if one.head["orderNo"] == "A1")
    assert (changed.head["appType"], changed.items[0]["qty"]) == ("2", "2")

    office.customs.needs_waybill = False
    office.customs._meet(office.customs.lists)
    office.hear("2026-11-23T12:00:00+08:00")
    assert office.filed() == [(1, "1", "120"), (2, "2", "399"), (1, "1", "399")]
    with pytest.raises(RefusedError, match="LIST_APPROVED"):
        office.do("2026-11-23T13:00:00+08:00", lambda home: cancellations.amend(home, ["A1"]))
    office.do("2026-11-23T13:00:00+08:00", lambda home: cancellations.cancel(home, ["A1"], "错"))
    with pytest.raises(RefusedError, match="CANCELLATION_UNDER_WAY"):
        office.do(
            "2026-11-23T13:10:00+08:00", lambda home: cancellations.cancel(home, ["A1"], "错")
        )
    office.exchange("2026-11-23T14:00:00+08:00")
    assert office.filed("605") == [(1, "1", "399")] and changed.cancelled
    assert office.lists() == [("A1", 1, "amended"), ("A2", 1, "issued"), ("A1", 2, "cancelled")]
    assert office.shop.states()["A1"] == ("held", "LIST_CANCELLED")

    # The operator lets it go as it is: a new list with a new number.
    office.do("2026-11-24T08:00:00+08:00", lambda home: cancellations.resend(home, ["A1"]))
    office.issue(date(2026, 11, 24))
    assert office.lists()[-1] == ("A1", 1, "issued") and len(office.customs.lists) == 3
    assert office.filed()[-1] == (1, "1", "399")


def test_a_cancellation_that_customs_refuses_changes_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path / "home", Seen(xsd=XSD))
    office.shop.orders("orders.csv", order("A1"))
    office.shop.shipments("sent.csv", shipment("A1", "WB1"))
    office.issue()
    (listed,) = office.customs.lists.values()
    listed.status = "899"  # left meanwhile; nobody has told us yet
    for attempt in (1, 2):
        at = f"2026-11-23T1{attempt}:00:00+08:00"
        office.do(at, lambda home: cancellations.cancel(home, ["A1"], "买家取消"))
        office.exchange(at)
        assert {row[2] for row in office.filed("605")} == {"-623005"}
    assert office.lists() == [("A1", 1, "issued")] and not listed.cancelled
    assert office.shop.states()["A1"] == ("declared", "")


def test_no_more_comes_back_than_went(tmp_path: Path) -> None:
    office = Office(tmp_path / "home", Seen(xsd=XSD))
    office.shop.orders("orders.csv", order("A1", qty="3"))
    office.shop.shipments("sent.csv", shipment("A1", "WB1"))
    office.issue()
    (listed,) = office.customs.lists.values()
    way = {"billNo": "999-1", "voyageNo": "CZ1", "trafName": "CZ1"}

    def back(qty: str, at: str) -> None:
        office.do(at, lambda home: returns.file(home, [Return("A1", {1: qty}, "退货", way)]))
        office.exchange(at)

    with pytest.raises(RefusedError, match="RETURN_TOO_MUCH"):
        back("4", "2026-11-23T10:00:00+08:00")
    back("2", "2026-11-23T11:00:00+08:00")
    with pytest.raises(RefusedError, match="RETURN_TOO_MUCH"):
        back("1.5", "2026-11-23T12:00:00+08:00")
    assert office.filed("213") == [(1, "1", "800")]
    # Customs knows of another return: it refuses, and what it refused does not count here.
    key = (listed.invt_no, "1")
    office.customs.returned[key] = Decimal(3)
    back("1", "2026-11-23T13:00:00+08:00")
    assert office.filed("213") == [(1, "1", "800"), (1, "1", "-625209")]
    office.customs.returned[key] = Decimal(2)
    back("1", "2026-11-23T14:00:00+08:00")
    assert [row[2] for row in office.filed("213")] == ["800", "-625209", "800"]
    assert office.filed() == [(1, "1", "399")]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> str:
    """How a profile names a key that this machine made."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not here")
    folder = tmp_path_factory.mktemp("keys")
    for words in (
        ["genrsa", "-out", "rsa.pem", "2048"],
        ["req", "-x509", "-new", "-key", "rsa.pem", "-days", "3650", "-subj", "/CN=demo", "-out",
         "rsa.crt"],
    ):  # fmt: skip
        subprocess.run([openssl, *words], cwd=folder, check=True, capture_output=True)
    return (
        f'signing = "rsa-sha1"\nkey_file = "{folder}/rsa.pem"\n'
        f'certificate_file = "{folder}/rsa.crt"\nkey_name = "demo"\n'
    )


def test_what_was_not_signed_goes_again_signed(tmp_path: Path, keys: str) -> None:
    office = Office(tmp_path / "home", Seen(xsd=XSD, needs_signature=True))
    office.shop.orders("orders.csv", order("A1"))
    office.shop.shipments("sent.csv", shipment("A1", "WB1"))
    office.issue()
    assert office.filed("303") == [(1, "1", "120")]
    assert office.filed() == [(1, "1", "4")], "900: it never arrived"
    assert office.customs.lists == {}

    office.sign(keys)

    def again(home: object) -> int:
        with reading(home.engine) as c:  # type: ignore[attr-defined]
            (failed,) = [row for row in messages.named(c, "1") + messages.named(c, "2")
                         if row.kind == "603"]  # fmt: skip
        return resending.again(home, [failed])  # type: ignore[arg-type]

    assert office.do("2026-11-22T13:00:00+08:00", again) == 1
    office.exchange("2026-11-22T14:00:00+08:00")
    assert office.filed() == [(1, "1", "399")]
    assert office.lists() == [("A1", 1, "issued")]
    guids = [guid for _, guid in office.customs.taken]
    assert len(guids) == len(set(guids)) == 3


@pytest.mark.skipif(XSD is None, reason="the official XSD is not on this machine")
def test_a_message_that_breaks_the_schema_is_refused_whole(tmp_path: Path) -> None:
    """Damaged on its way: 900 names the message, both its lists have not arrived."""
    office = Office(tmp_path / "home", Seen(xsd=XSD))
    office.shop.orders("orders.csv", order("A1"), order("A2"))
    office.shop.shipments("sent.csv", shipment("A1", "WB1"), shipment("A2", "WB2"))
    office.shop.work()
    home = office.shop.home()
    said = {one.id: one.sending for one in home.exporters.values()}
    with fixed("2026-11-22T10:00:00+08:00"):
        cutoff.issue(home.engine, home.store, home.settings, DAY, sending=said)
    office.do("2026-11-22T11:00:00+08:00", sending.send)
    (listed,) = (office.shop.path / "outbox").rglob("CEB603*.xml")
    content = listed.read_bytes()
    assert leaves(content, "ieFlag") == {"E"}
    listed.write_bytes(content.replace(b"<ceb:ieFlag>E<", b"<ceb:ieFlag>Export<", 1))
    office.exchange("2026-11-22T11:00:00+08:00")
    assert office.filed() == [(1, "1", "4"), (1, "1", "4")]
    assert office.filed("303") == [(1, "1", "120"), (1, "1", "120")]
    assert asked(office.shop.path, "SELECT kind, count(*) FROM receipts WHERE kind = '900' GROUP BY 1") == [("900", 2)]  # fmt: skip  # noqa: E501


OTHER_SHOP = """
[[shops]]
id = "second-site"
channel = "template"
mode = "9610"
statistics_flag = "B"
customs_code = "6042"
port_code = "5301"
platform_code = "无"
platform_name = "Sample Tools Online"
transport_mode = "4"
"""


def _of_two_shops(folder: Path) -> Office:
    """Two shops without a platform code, both with orders A1 and A2; none has been checked."""
    office = Office(folder / "home", Seen(xsd=XSD))
    office.bare += OTHER_SHOP
    office.sign("")
    for shop, letter in (("own-site", "W"), ("second-site", "V")):
        office.shop.orders(f"{shop}.csv", order("A1"), order("A2"), shop=shop)
        told = [shipment(f"A{n}", f"{letter}B{n}") for n in (1, 2)]
        office.shop.shipments(f"sent-{shop}.csv", *told, shop=shop)
    return office


def _by_shop(office: Office) -> list[tuple[object, ...]]:
    return asked(
        office.shop.path,
        "SELECT s.shop, o.order_no, o.state, o.codes FROM orders o JOIN shops s ON s.id = o.shop_id"
        " ORDER BY 1, 2",
    )


def test_two_shops_with_the_same_numbers_are_two_orders_at_customs(tmp_path: Path) -> None:
    office = _of_two_shops(tmp_path)
    office.issue()
    taken = ("held", "ORDER_NUMBER_TAKEN")
    assert _by_shop(office) == [
        ("own-site", "A1", "declared", ""), ("own-site", "A2", "declared", ""),
        ("second-site", "A1", *taken), ("second-site", "A2", *taken),
    ]  # fmt: skip
    (told,) = [one for one in office.shop.findings("second-site.csv").to_dicts()
               if one["order_no"] == "A2" and one["code"] == "ORDER_NUMBER_TAKEN"]  # fmt: skip
    assert (told["cell"], told["value"]) == ("A3", "A2")
    assert "own-site.csv R3" in told["params"]
    # A prefix of the shop that was declared already does not free what customs has.
    office.bare = office.bare.replace('id = "own-site"', 'id = "own-site"\norder_prefix = "P"')
    office.sign("")
    office.issue(SECOND_DAY)
    assert [row[2:] for row in _by_shop(office)][2:] == [taken, taken]

    office.bare = office.bare.replace('id = "second-site"', 'id = "second-site"\norder_prefix = "S-"')  # fmt: skip
    office.sign("")
    office.issue(date(2026, 11, 24))
    assert {row[2] for row in _by_shop(office)} == {"declared"}
    assert sorted(number for _, number in office.customs.orders) == ["A1", "A2", "S-A1", "S-A2"]
    assert [row[2] for row in office.filed()] == ["399"] * 4
    assert {row[2] for row in office.filed("303")} == {"120"}
    assert all(len(lists) == 1 for lists in office.customs._of_order.values())

    def traced(home: Home) -> list[int]:
        with reading(home.engine) as c:
            return chains.orders_of(c, "S-A1")

    assert len(office.do("2026-11-24T15:00:00+08:00", traced)) == 1  # type: ignore[arg-type]


def test_a_number_is_free_again_with_the_order_that_had_it(tmp_path: Path) -> None:
    office = _of_two_shops(tmp_path)
    office.shop.work()
    held = [row[:2] for row in _by_shop(office) if row[3] == "ORDER_NUMBER_TAKEN"]
    assert held == [("second-site", "A1"), ("second-site", "A2")]
    office.shop.orders("gone.csv", order("A2", status="cancelled"))
    office.issue()
    assert [row[2] for row in _by_shop(office)] == ["declared", "excluded", "held", "declared"]
    # It comes back after the other was declared: now it is the second.
    office.shop.orders("back.csv", order("A2", qty="2"))
    office.issue(SECOND_DAY)
    assert _by_shop(office)[1][2:] == ("held", "ORDER_NUMBER_TAKEN")
    assert {row[2] for row in office.filed("303")} == {"120"}


def _refused_then_approved(office: Office, number: str = "A1") -> None:
    """Customs looks again at a list that it refused, and approves it."""
    (filed,) = (one for one in office.customs.lists.values() if one.head["orderNo"] == number)
    office.customs.needs_waybill = False
    filed.status = "120"
    office.customs._meet([filed.cop_no])


@pytest.mark.parametrize("meanwhile", ["nothing", "corrected", "cancelled", "told to go again"])
def test_a_refusal_that_customs_takes_back_is_gone(tmp_path: Path, meanwhile: str) -> None:
    office = Office(tmp_path / "home", Seen(xsd=XSD, rules=[heavy]))
    office.shop.orders("orders.csv", order("A1"))
    office.shop.shipments("sent.csv", shipment("A1", "WB1", "9"))
    office.issue()
    assert office.shop.states()["A1"] == ("held", "CUSTOMS_REFUSED")
    if meanwhile == "corrected":
        office.shop.orders("new.csv", order("A1", qty="2"))
        office.shop.shipments("again.csv", shipment("A1", "WB1", "4"))
        office.shop.work(day=SECOND_DAY)
        assert office.shop.states()["A1"] == ("accepted", "")
    elif meanwhile == "cancelled":
        office.shop.orders("new.csv", order("A1", status="cancelled"))
        office.shop.work(day=SECOND_DAY)
        assert office.shop.states()["A1"] == ("excluded", "CANCELLED")
    elif meanwhile == "told to go again":
        office.do("2026-11-23T08:00:00+08:00", lambda home: cancellations.resend(home, ["A1"]))
    _refused_then_approved(office)
    office.hear("2026-11-23T12:00:00+08:00")
    assert office.shop.states()["A1"] == ("declared", "")
    assert [one for one in office.lists() if one[2] != "void"] == [("A1", 1, "issued")]
    assert codes_of(office, "orders.csv", "CUSTOMS_REFUSED") == []
    if meanwhile in ("corrected", "cancelled"):
        code = {"corrected": "CHANGED_AFTER_ISSUE", "cancelled": "CANCELLATION_PROPOSED"}[meanwhile]
        assert codes_of(office, "new.csv", code)
    # Nothing more goes out, and the list may leave.
    office.issue(SECOND_DAY)
    assert office.filed() == [(1, "1", "399")]
    bill = Bill("112-1", "CZ1", "CZ1", domestic_traf_no="粤M1")
    office.do("2026-11-23T15:00:00+08:00", lambda home: bills.depart(home, ["A1"], bill))


def test_an_order_that_is_declared_twice_is_told_until_it_is_not(tmp_path: Path) -> None:
    """The corrected list had gone out when customs approved the first one after all."""
    office = Office(tmp_path / "home", Seen(xsd=XSD, rules=[heavy]))
    office.shop.orders("orders.csv", order("A1"))
    office.shop.shipments("sent.csv", shipment("A1", "WB1", "9"))
    office.issue()
    office.shop.shipments("again.csv", shipment("A1", "WB1", "4"))
    taken, office.customs.take = office.customs.take, lambda _: None  # type: ignore[method-assign]
    office.issue(SECOND_DAY)
    assert office.filed() == [(1, "1", "100"), (2, "1", None)]
    office.customs.start = datetime.fromisoformat("2026-11-22T11:20:00+08:00")
    _refused_then_approved(office)
    office.hear("2026-11-23T12:00:00+08:00")
    twice = [("A1", "orders.csv", "A2")]
    assert office.filed() == [(1, "1", "399"), (2, "1", None)]
    assert codes_of(office, "orders.csv", "ORDER_DECLARED_TWICE") == twice
    office.do(
        "2026-11-23T12:00:00+08:00",
        lambda home: _check_says(home, passed=False),
    )
    # Customs looks at the second: what is approved cannot be changed.
    office.customs.take = taken  # type: ignore[method-assign]
    office.customs.start = datetime.fromisoformat("2026-11-23T13:00:00+08:00")
    (filed,) = office.customs.lists.values()
    office.customs._answer("603", filed.head, "100", "[2001]清单已审结，不允许变更")
    office.hear("2026-11-23T13:00:00+08:00")
    assert codes_of(office, "orders.csv", "ORDER_DECLARED_TWICE") == []
    assert office.lists() == [("A1", 1, "issued"), ("A1", 2, "refused")]
    assert office.shop.states()["A1"] == ("declared", "")
    office.do("2026-11-23T14:00:00+08:00", lambda home: _check_says(home, passed=True))


def _check_says(home: Home, *, passed: bool) -> None:
    resource = HomeResource(path=str(home.settings.home))
    assert guarantees.none_declared_twice(home=resource).passed is passed


@pytest.mark.parametrize("after_all", [False, True])
def test_a_cancellation_that_customs_refuses_is_told(tmp_path: Path, after_all: bool) -> None:
    """Of a cancelled order too, be it refused at once or after customs had taken it in."""
    office = Office(tmp_path / "home", Seen(xsd=XSD))
    office.shop.orders("orders.csv", order("A1"))
    office.shop.shipments("sent.csv", shipment("A1", "WB1"))
    office.issue()
    office.shop.orders("gone.csv", order("A1", status="cancelled"))
    office.shop.work(day=SECOND_DAY)
    at = "2026-11-23T11:00:00+08:00"
    office.do(at, lambda home: cancellations.cancel(home, ["A1"], "买家取消"))
    if after_all:
        office.customs._desks["605"] = lambda kind, head, _: office.customs._answer(kind, head, "120", "海关入库")  # fmt: skip  # noqa: E501
    else:
        next(iter(office.customs.lists.values())).status = "899"
    office.exchange(at)
    if after_all:
        assert office.shop.states()["A1"] == ("excluded", "CANCELLED")
        office.customs._answer("605", _cancellation(office), "100", "[2005]货物已离境，不予撤销")
        office.hear("2026-11-23T14:00:00+08:00")
    assert office.shop.states()["A1"] == ("declared", "")
    assert office.lists() == [("A1", 1, "issued")]
    assert codes_of(office, "orders.csv", "CANCELLATION_REFUSED") == [("A1", "orders.csv", "A2")]
    assert codes_of(office, "gone.csv", "CANCELLATION_PROPOSED")


def _cancellation(office: Office) -> dict[str, str]:
    """The head of the cancellation (605) that customs has."""
    (content,) = (one for one in office.customs.messages if b"CEB605Message" in one)
    return {name: leaves(content, name).pop() for name in ("agentCode", "copNo", "invtNo")}
