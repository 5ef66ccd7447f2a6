"""What does not arrive at customs goes again: documents of every kind, doubtful messages, and
those of manifests from before a way was named."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from customs_answers import Mail, Values
from customs_front import deliver
from customs_life import FIRST, WHOLE, Life, Seen, asked, leaves, life_home, step
from lxml import etree

from xborder.clock import fixed
from xborder.manifests import receiving, resending, sending
from xborder.manifests.sending import Way
from xborder.manifests.transports import Doubtful, Outgoing
from xborder.registry.home import Home, open_home

pytestmark = pytest.mark.slow

STANDS = "SELECT kind, exporter, key, version, status FROM filings ORDER BY 1, 2, 3, 4"


class Stumbling(Seen):
    """The e-port cannot hand on the first document of each kind (4), by a clock a day behind."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stumbled: set[str] = set()
        self._desks = {kind: self._first(kind, desk) for kind, desk in self._desks.items()}

    def _first(self, of: str, desk):  # type: ignore[no-untyped-def]
        def take(kind: str, head: Values, items: list[Values]) -> None:
            if of in self.stumbled:
                desk(kind, head, items)
                return
            self.stumbled.add(of)
            now, self.start = self.start, self.start - timedelta(days=1)
            self._answer(kind, head, "4", "发送海关失败")
            self.start = now

        return take


def _again(folder: Path, at: datetime) -> None:
    home = open_home(folder)
    with fixed(at.isoformat()):
        for (guid,) in asked(
            folder,
            "SELECT DISTINCT m.guid FROM messages m JOIN filings f ON f.message_id = m.id"
            " WHERE f.status = '4'",
        ):
            assert resending.by_operator(home, str(guid))
            assert not resending.by_operator(home, str(guid)), "once only"
    home.engine.dispose()


def test_documents_of_every_kind_go_again_as_they_were(tmp_path: Path) -> None:
    undisturbed = Life(life_home(tmp_path / "whole"))
    undisturbed.live()
    life = Life(life_home(tmp_path / "home"), customs=Stumbling(xsd=undisturbed.customs.xsd))
    for at, name, _ in WHOLE:
        moment = datetime.fromisoformat(at)
        step(life.folder, name, at)
        life.exchange(moment)
        _again(life.folder, moment + timedelta(minutes=35))
        life.exchange(moment + timedelta(minutes=10))
    assert life.customs.stumbled >= {"303", "505", "603", "605", "607", "507", "509", "213", "701"}
    assert asked(life.folder, STANDS) == asked(undisturbed.folder, STANDS)
    guids = [guid for _, guid in life.customs.taken]
    assert len(guids) == len(set(guids)) > len(undisturbed.customs.taken)
    # Each document in one message more at most, and only those that had failed.
    told: Counter[tuple[str, str]] = Counter()
    for content in life.customs.messages:
        kind = etree.QName(etree.fromstring(content)).localname
        told.update((kind, guid) for guid in leaves(content, "guid"))
    assert sorted(told.values())[-1] == 2
    assert len([one for one in told.values() if one == 2]) == len(life.customs.stumbled)


def _first_message(home: Home) -> tuple[str, list[Outgoing]]:
    """Send with a gateway that never says whether it took anything; its first message."""
    taken: list[Outgoing] = []

    class Silent:
        name = "http"

        def send(self, message: Outgoing) -> Doubtful:
            taken.append(message)
            return Doubtful("GATEWAY_NO_ANSWER")

        def lookup(self, guid: str) -> None:
            return None

    with fixed("2026-11-22T12:30:00+08:00"):
        sending.send(home, ways=lambda one: Way(Silent()) if one.id == FIRST else None)
    return taken[0].guid, taken


@pytest.mark.parametrize("how", ["900", "4"])
def test_an_answer_that_it_failed_settles_a_doubtful_message(tmp_path: Path, how: str) -> None:
    """The message had arrived: its documents go in a new one, and only on the operator's word."""
    folder = life_home(tmp_path / "home", (2, 0))
    step(folder, "issue", "2026-11-22T12:00:00+08:00")
    home = open_home(folder)
    guid, taken = _first_message(home)
    customs = Stumbling(start=datetime.fromisoformat("2026-11-22T12:00:00+08:00"))
    if how == "900":
        customs._technical(guid, "303", "", "报文格式错误")
    else:
        customs.take(taken[0].content)
    deliver(folder, customs, Mail())
    with fixed("2026-11-22T13:00:00+08:00"):
        receiving.receive(home, receiving.look(home.settings))
        # Settled late: after customs' time by far.
        assert resending.by_operator(home, guid)
    states = dict(asked(folder, "SELECT guid, state FROM messages WHERE kind = '303'"))  # type: ignore[arg-type]
    assert states.pop(guid) == "sent"
    ((new, state),) = states.items()
    assert state == "queued" and new != guid
    entities = asked(folder, "SELECT entities FROM messages WHERE guid = :one", one=new)
    assert entities == [(2,) if how == "900" else (1,)]
    home.engine.dispose()


def test_an_earlier_manifest_goes_with_what_the_profile_files_by_now(tmp_path: Path) -> None:
    folder = life_home(tmp_path / "home", (2, 0), sending='transport = "none"')
    step(folder, "issue", "2026-11-22T12:00:00+08:00")
    profile = folder / "exporters" / f"{FIRST}.toml"
    said = profile.read_text("utf-8").replace('transport = "none"', 'transport = "outbox"')
    said = said.replace('["505",', '["403", "505",') + 'payment_name = "现金支付"\n'
    profile.write_text(said, "utf-8")
    home = open_home(folder)
    with fixed("2026-11-22T13:00:00+08:00"):
        assert sending.send(home).queued == 0
        assert sending.send(home, sending.older(home)).sent == 4
    assert asked(folder, "SELECT kind, count(*) FROM filings GROUP BY 1 ORDER BY 1") == [
        ("303", 2), ("403", 2), ("505", 2), ("603", 2),
    ]  # fmt: skip
    (paid,) = (folder / "outbox").rglob("CEB403*.xml")
    assert leaves(paid.read_bytes(), "payName") == {"现金支付"}
    home.engine.dispose()
