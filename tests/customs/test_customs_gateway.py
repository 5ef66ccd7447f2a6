"""The life cycle over a gateway that talks nonsense, hangs, breaks off, is busy and fails.

No message is taken twice, none is lost, and what is doubtful is never simply sent again.
"""

import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from customs_answers import Mail
from customs_front import BREAKS_OFF, FAILS, GOOD, HANGS, NONSENSE, REFUSES, gateway
from customs_life import WHOLE, XSD, Life, Seen, asked, life_home, made, step

from xborder.clock import fixed
from xborder.manifests import sending
from xborder.manifests.sending import Way
from xborder.manifests.transports import HttpGateway
from xborder.registry.home import open_home

pytestmark = pytest.mark.slow

BAD = (NONSENSE, REFUSES, BREAKS_OFF, FAILS)


def send(folder: Path, at: str, url: str, *, lookup: bool) -> sending.Done:
    """``xborder send`` with a time-out that a test can wait for."""
    home = open_home(folder)
    transport = HttpGateway(
        f"{url}/", lookup_url=f"{url}/{{guid}}" if lookup else "", connect_seconds=5,
        read_seconds=0.5, wait=0, sleep=lambda _: None,
    )  # fmt: skip
    try:
        with fixed(at):
            return sending.send(home, ways=lambda _: Way(transport))
    finally:
        home.engine.dispose()


@pytest.fixture(scope="module")
def orderly(tmp_path_factory: pytest.TempPathFactory) -> Life:
    life = Life(life_home(tmp_path_factory.mktemp("orderly") / "home", (4, 3)))
    life.live()
    return life


def statuses(folder: Path) -> list[tuple[object, ...]]:
    return asked(
        folder, "SELECT kind, exporter, key, version, status FROM filings ORDER BY 1, 2, 3"
    )


@pytest.mark.parametrize("lookup", [True, False])
def test_whatever_the_gateway_does_each_message_is_taken_once(
    orderly: Life, tmp_path: Path, lookup: bool
) -> None:
    random_ = random.Random(7)
    moods = [random_.choice((*BAD, GOOD)) for _ in range(40)]
    moods[3] = moods[11] = HANGS
    customs = Seen(xsd=XSD)
    doubtful = 0
    with gateway(customs, moods) as url:

        def act(folder: Path, name: str, at: str) -> None:
            nonlocal doubtful
            if name != "send":
                step(folder, name, at)
            # What waits for another attempt, or for word of a message before it, goes later.
            then = datetime.fromisoformat(at)
            for minutes in (0, 5):
                when = (then + timedelta(minutes=minutes)).isoformat()
                doubtful += send(folder, when, url, lookup=lookup).doubtful

        mail = Mail(seed=3, bundle=5, doubled=0.2, shuffled=True, held_back=0.3)
        home = life_home(tmp_path / "home", (4, 3), sending=f'transport = "http"\nurl = "{url}/"')
        life = Life(home, customs=customs, mail=mail, act=act, picked_up=lambda *_: None)
        life.live()
    assert doubtful > 5
    guids = Counter(guid for _, guid in customs.taken)
    assert set(guids.values()) == {1}
    assert not asked(home, "SELECT * FROM messages WHERE state <> 'sent'")
    assert len(guids) == len(orderly.customs.taken)
    assert statuses(home) == statuses(orderly.folder)
    packages = {path: content for path, content in made(home).items() if path.startswith("man")}
    assert packages.items() <= made(orderly.folder).items() and len(packages) > 10


def test_a_doubtful_message_waits_and_moves_nothing(tmp_path: Path) -> None:
    """Taken, but nobody said so: it is not sent again, and its lists count as on the way."""
    customs = Seen()
    at = WHOLE[0][0]
    home = life_home(tmp_path / "home", (2, 0), lists_per_message=100)
    step(home, "issue", at)
    states: list[Any] = []
    with gateway(customs, [NONSENSE, HANGS]) as url:
        for hour in (13, 14, 15):
            send(home, f"2026-11-22T{hour}:00:00+08:00", url, lookup=False)
            states.append(asked(home, "SELECT kind, state, attempts FROM messages ORDER BY kind"))
    assert states[0] == states[1] == states[2]
    assert states[0] == [("303", "sending", 1), ("505", "sending", 1), ("603", "queued", 0)]
    assert Counter(kind for kind, _ in customs.taken) == {"303": 1, "505": 1}
    assert asked(home, "SELECT DISTINCT status FROM filings") == [(None,)]
