"""Sending: every message once, in order, each exporter's by itself, whatever kills the process."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import receipt_homes
from lxml import etree
from manifest_samples import NAMESPACE
from sending_homes import OUTBOX, outbox, sending_home

from xborder.clock import fixed
from xborder.crashpoints import CRASH_AT
from xborder.manifests import dxp, resending, sending
from xborder.manifests.sending import Way
from xborder.manifests.transports import Doubtful, NotSent, Outgoing, Sent
from xborder.registry import audit, filings, messages
from xborder.registry.database import reading, transaction
from xborder.registry.staging import run

LATER = "2026-11-22T13:00:00+08:00"
LONG_AGO = datetime(2026, 11, 1, tzinfo=UTC)


class Gateway:
    """A gateway as a test wants it: ``said`` are its answers, then it takes everything."""

    name = "http"

    def __init__(self, *said, knows=None):
        self.said, self.knows, self.taken = list(said), knows, []

    def send(self, message: Outgoing):
        outcome = self.said.pop(0) if self.said else Sent(f"G{len(self.taken)}")
        if isinstance(outcome, Sent | Doubtful):
            self.taken.append(message)
        return outcome

    def lookup(self, guid):
        return self.knows


def send(home, *named, gateway=None, at=LATER, **more):
    ways = None if gateway is None else (lambda _exporter: Way(gateway))
    with fixed(at):
        return sending.send(home, named, ways=ways, **more)


def states(home):
    with reading(home.engine) as c:
        return [
            (one["exporter"], one["kind"], one["state"], one["messages"], one["entities"])
            for one in messages.counts(c)
        ]


def test_all_messages_of_all_manifests_lie_in_their_exporters_outbox(tmp_path, conforms):
    home = sending_home(tmp_path)
    done = send(home)
    assert (done.queued, done.sent, done.doubtful) == (8, 8, 0)
    assert states(home) == [
        ("dapu-ciyun", "303", "sent", 3, 5),
        ("dapu-ciyun", "603", "sent", 3, 5),
        ("xingning-gongju", "303", "sent", 1, 2),
        ("xingning-gongju", "603", "sent", 1, 2),
    ]
    packages = {path.read_bytes() for path in (tmp_path / "manifests").rglob("CEB*.xml")}
    mine, other = outbox(home), outbox(home, "xingning-gongju")
    assert {*mine.values(), *other.values()} == packages
    assert len(mine) == 6 and len(other) == 2
    orders = {
        element.text
        for content in other.values()
        for element in etree.fromstring(content).iter(f"{NAMESPACE}orderNo")
    }
    assert orders == {"#30", "#31"}, "of its own exporter only"
    before = outbox(home)
    again = send(home)
    assert (again.queued, again.sent) == (0, 0)
    assert outbox(home) == before
    with reading(home.engine) as c:
        assert audit.verify(c) is None


def test_each_filing_knows_its_message(tmp_path):
    home = sending_home(tmp_path)
    send(home)
    with reading(home.engine) as c:
        for row in messages.named(c, "XB60412026112200001"):
            content = home.store.read_bytes(row.path.split("/"))
            root = etree.fromstring(content)
            element = {"603": "copNo", "303": "orderNo"}[row.kind]
            said = [one.text for one in root.iter(f"{NAMESPACE}{element}")]
            keys = run(c, "SELECT key FROM filings WHERE message_id = :m ORDER BY id", m=row.id)
            assert [key.removeprefix("无/") for key in keys.scalars()] == said
        assert filings.without(c) == []


def test_without_a_transport_nothing_happens(tmp_path):
    home = sending_home(tmp_path, 'transport = "none"')
    assert send(home) == sending.Done()
    assert states(home) == []
    assert not (tmp_path / "outbox").exists()


def test_what_was_issued_before_stays_the_clients_unless_named(tmp_path):
    sending_home(tmp_path, 'transport = "none"').engine.dispose()
    for path in (tmp_path / "exporters").iterdir():
        path.write_text(path.read_text("utf-8").replace('"none"', '"outbox"'), "utf-8")
    home = sending.Home(*_parts(tmp_path))
    assert send(home) == sending.Done()
    assert send(home, "XB60412026112200002").sent == 2
    assert [one[0] for one in states(home)] == ["xingning-gongju"] * 2


def _parts(folder):
    from manifest_samples import opened

    from xborder.settings import load

    settings = load(folder)
    return settings, *opened(settings)


def test_waybills_and_payments_go_where_the_profile_says_so(tmp_path, conforms):
    said = f'{OUTBOX}\ndocuments = ["403", "505"]\npayment_name = "现金支付"'
    home = sending_home(tmp_path, said)
    assert send(home).sent == 16
    order = [name[:6] for name in _in_order(home)]
    assert order == ["CEB303"] * 3 + ["CEB403"] * 3 + ["CEB505"] * 3 + ["CEB603"] * 3
    for name, content in outbox(home).items():
        conforms(content)
        root = etree.fromstring(content)
        if name.startswith("CEB505"):
            assert root.findtext(f".//{NAMESPACE}goodsInfo") == "瓷制茶杯"
        if name.startswith("CEB403"):
            assert root.findtext(f".//{NAMESPACE}charge") == "55.48"
            assert root.findtext(f".//{NAMESPACE}accountingDate") == "20261120180000"
    with reading(home.engine) as c:
        kinds = run(c, "SELECT kind, count(*) FROM filings GROUP BY kind ORDER BY kind").all()
    assert kinds == [("303", 7), ("403", 7), ("505", 7), ("603", 7)]


def _in_order(home):
    with reading(home.engine) as c:
        found = run(
            c,
            "SELECT reference FROM messages WHERE exporter = 'dapu-ciyun' ORDER BY id",
        )
        return list(found.scalars())


def test_in_an_envelope_the_message_is_as_it_was(tmp_path):
    home = sending_home(tmp_path, f"{OUTBOX}\nenvelope = true")
    send(home)
    packages = {path.read_bytes() for path in (tmp_path / "manifests").rglob("CEB*.xml")}
    opened = [dxp.opened(etree.fromstring(one)) for one in outbox(home).values()]
    assert {one.data for one in opened} < packages
    assert {one.created for one in opened} == {"2026-11-22T12:00:00"}
    assert all(etree.fromstring(one.data).get("guid") == one.message_id for one in opened)


def test_what_was_clearly_not_taken_is_tried_again_later(tmp_path):
    home = sending_home(tmp_path, exporters=["dapu-ciyun"])
    busy = NotSent("GATEWAY_BUSY", LONG_AGO)
    gateway = Gateway(Sent("a"), busy)
    done = send(home, gateway=gateway)
    assert (done.sent, done.not_taken) == (1, 1)
    assert send(home, gateway=gateway).sent == 0, "it is not time yet"
    done = send(home, gateway=gateway, at="2026-11-22T13:02:00+08:00")
    assert done.sent == 5
    guids = [one.guid for one in gateway.taken]
    assert len(guids) == len(set(guids)) == 6
    assert [one.kind for one in gateway.taken] == ["CEB303"] * 3 + ["CEB603"] * 3


def test_it_gives_up_after_so_many_attempts(tmp_path):
    home = sending_home(tmp_path, exporters=["dapu-ciyun"], send_attempts=2)
    down = [NotSent("GATEWAY_UNREACHABLE", LONG_AGO) for _ in range(9)]
    gateway = Gateway(*down)
    send(home, gateway=gateway)
    send(home, gateway=gateway, at="2026-11-22T14:00:00+08:00")
    assert ("dapu-ciyun", "303", "failed", 1, 2) in states(home)
    with transaction(home.engine) as c:
        (failed,) = (one for one in messages.unsent(c) if one.state == "failed")
        assert (failed.attempts, failed.code) == (2, "GATEWAY_UNREACHABLE")
        assert messages.again(c, failed.id)
    gateway.said = []
    send(home, gateway=gateway, at="2026-11-23T14:00:00+08:00")
    assert len(gateway.taken) == 6


@pytest.mark.parametrize(
    ("knows", "at_once"),
    [
        (None, 3),
        (Doubtful("GATEWAY_ERROR"), 3),
        (Sent("known"), 6),
        (NotSent("MESSAGE_NEVER_TAKEN", LONG_AGO), 7),
    ],
)
def test_a_doubtful_message_is_asked_for_and_not_simply_sent_again(tmp_path, knows, at_once):
    home = sending_home(tmp_path, exporters=["dapu-ciyun"])
    gateway = Gateway(Sent("a"), Doubtful("GATEWAY_NO_ANSWER"), knows=knows)
    assert send(home, gateway=gateway).doubtful == 1
    assert len(gateway.taken) == 3, "lists wait for their orders"
    send(home, gateway=gateway)
    assert len(gateway.taken) == at_once
    with transaction(home.engine) as c:
        run(c, "UPDATE filings SET status = '120'")
    send(home, gateway=gateway)
    # What the gateway itself says it never took goes again; nothing else does.
    assert len(gateway.taken) == (7 if at_once == 7 else 6)
    assert {one[2] for one in states(home)} == {"sent"}


def test_a_message_that_is_being_sent_is_not_sent_again_beside_it(tmp_path):
    home = sending_home(tmp_path, exporters=["dapu-ciyun"])

    class Impatient(Gateway):
        def send(self, message: Outgoing):
            with pytest.raises(sending.SendingBusyError):
                resending.by_operator(home, message.guid)
            return super().send(message)

    gateway = Impatient()
    send(home, gateway=gateway)
    send(home, gateway=gateway)
    assert len({one.guid for one in gateway.taken}) == len(gateway.taken) == 6


def test_a_damaged_message_does_not_leave(tmp_path):
    home = sending_home(tmp_path, exporters=["dapu-ciyun"])
    victim = next((tmp_path / "manifests").rglob("CEB303_0002.xml"))
    victim.write_bytes(victim.read_bytes().replace(b"49.98", b"49.99"))
    assert send(home).not_taken == 1
    assert len(outbox(home)) == 2
    with reading(home.engine) as c:
        (failed,) = (one for one in messages.unsent(c) if one.state == "failed")
    assert failed.code == "MESSAGE_DAMAGED"


def test_two_senders_of_a_home_do_not_send_together(tmp_path):
    home = sending_home(tmp_path)
    with sending.alone(home), pytest.raises(sending.SendingBusyError):
        send(home)
    assert send(home).sent == 8


RUN = """
import sys
from pathlib import Path
from xborder import settings
from xborder.manifests import sending
from xborder.registry.database import connect
from xborder.registry.home import Home
from xborder.registry.store import Store
said = settings.load()
sending.send(Home(said, connect(said.database), Store(said.storage)))
"""

POINTS = [
    "messages-written", "messages-queueing", "messages-queued", "message-beginning",
    "message-sending", "message-taken", "message-noted", "message-taken:2",
]  # fmt: skip


def killed(folder: Path, point: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env=os.environ | {"XBORDER_HOME": str(folder), "XBORDER_NOW": LATER, CRASH_AT: point},
        cwd=Path(__file__).parents[2], capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


def test_killed_anywhere_every_message_leaves_once_and_the_same(tmp_path):
    whole, broken = sending_home(tmp_path / "whole"), sending_home(tmp_path / "broken")
    send(whole)
    for point in POINTS:
        assert killed(tmp_path / "broken", point) == -signal.SIGKILL, f"{point} was not reached"
    send(broken, at="2026-11-22T15:00:00+08:00")
    for exporter in ("dapu-ciyun", "xingning-gongju"):
        assert outbox(broken, exporter) == outbox(whole, exporter)
    assert states(broken) == states(whole)
    with reading(broken.engine) as c, reading(whole.engine) as other:
        asked = "SELECT kind, key, version, message_id, app_time FROM filings ORDER BY id"
        assert run(c, asked).all() == run(other, asked).all()
        assert audit.verify(c) is None


def test_what_the_port_could_not_hand_on_goes_again_in_a_new_message(tmp_path, conforms):
    home = sending_home(tmp_path, exporters=["dapu-ciyun"])
    send(home)
    with transaction(home.engine) as c:
        run(c, "UPDATE filings SET status = '120'")
    for number, cop_no in enumerate(receipt_homes.cop_nos(home)[1:3]):
        # Before it was sent, by customs' clock.
        told = receipt_homes.answer(cop_no, "4", -60 + number, ebcCode="4414960XXX")
        receipt_homes.tell(home, told, name=f"{number}.xml")
    receipt_homes.receive(home, LATER)
    with reading(home.engine) as c:
        rows = messages.named(c, "XB60412026112200001")
    before = outbox(home)
    with fixed(LATER):
        assert resending.again(home, rows) == 2
        assert resending.again(home, rows) == 0
    assert send(home, at="2026-11-22T14:00:00+08:00").sent == 2
    with fixed("2026-11-22T14:30:00+08:00"), reading(home.engine) as c:
        rows = messages.named(c, "XB60412026112200001")
        assert resending.again(home, rows) == 0, "no answer came since"
    new = [content for name, content in outbox(home).items() if name not in before]
    said = {}
    for content in new:
        conforms(content)
        root = etree.fromstring(content)
        for entity in root.iter(f"{NAMESPACE}InventoryHead"):
            said[entity.findtext(f"{NAMESPACE}copNo")] = entity.findtext(f"{NAMESPACE}guid")
    first = {}
    for content in before.values():
        for entity in etree.fromstring(content).iter(f"{NAMESPACE}InventoryHead"):
            first[entity.findtext(f"{NAMESPACE}copNo")] = entity.findtext(f"{NAMESPACE}guid")
    assert len(said) == 2 and said.items() < first.items(), "the documents are as they were"
    assert send(home).sent == 0
