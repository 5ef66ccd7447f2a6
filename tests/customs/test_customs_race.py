"""Two receivers at one inbox, and a receiver beside the sender, killed at any instant: every
answer counts once, no file is lost, and all ends as in a life that nothing disturbs."""

import hashlib
import json
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from customs_answers import Mail
from customs_front import deliver, pick_up
from customs_life import WHOLE, Life, asked, life_home, made, states

from xborder.manifests import receiving
from xborder.registry import audit
from xborder.registry.database import reading
from xborder.registry.home import open_home

HERE = Path(__file__).parent
STEPS = WHOLE[:2]

pytestmark = pytest.mark.slow

Racer = tuple[str, str, float | None]


class Noting(Mail):
    """Mail that keeps what it brought."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.brought: dict[str, bytes] = {}

    def collect(self, post):  # type: ignore[no-untyped-def]
        for name, content in super().collect(post):
            self.brought[hashlib.sha256(content).hexdigest()] = content
            yield name, content


class Race:
    """Does steps in processes of their own, several at once."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(HERE), str(HERE.parent / "manifests")])
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "customs_race.py")],
            env=os.environ | {"PYTHONPATH": path}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self.killed = {"send": 0, "receive": 0}
        self.took: dict[str, float] = {}
        self.beside = 0
        self.random = random.Random(7)

    def run(self, folder: Path, *racers: Racer, life: Life | None = None) -> None:
        """Let them run; meanwhile customs answers what ``life`` sends, at once."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(folder), racers]) + "\n")
        self._process.stdin.flush()
        while life is not None and not select.select([self._process.stdout], [], [], 0.005)[0]:
            if pick_up(folder, life.customs):
                self.beside += deliver(folder, life.customs, life.mail)
        for (name, _, after), (code, took) in zip(
            racers, json.loads(self._process.stdout.readline()), strict=True
        ):
            if code == -signal.SIGKILL and after is not None:
                self.killed[name] += 1
                continue
            assert code == 0, name
            if len(racers) == 1:
                self.took[name] = max(self.took.get(name, 0), took)

    def at_random(self, name: str, at: str) -> Racer:
        return name, at, self.random.uniform(0, self.took[name])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@pytest.fixture(scope="module")
def race() -> Iterator[Race]:
    begun = Race()
    yield begun
    begun.close()


def home_of(folder: Path) -> Path:
    return life_home(folder / "home", (10, 4))


def noting() -> Noting:
    return Noting(seed=3, bundle=4, doubled=0.2, shuffled=True)


@pytest.fixture(scope="module")
def whole(race: Race, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """The life that nothing disturbs; how long its steps took is known by then."""
    life = Life(
        home_of(tmp_path_factory.mktemp("whole")),
        mail=noting(),
        act=lambda folder, name, at: race.run(folder, (name, at, None)),
    )
    life.live(STEPS)
    return life


def test_receivers_and_the_sender_at_once_killed_anywhere(
    race: Race, whole: Life, tmp_path: Path
) -> None:
    folder = home_of(tmp_path)

    def act(_: Path, name: str, at: str) -> None:
        if name == "receive":
            # Both killed; then one, beside one that comes to its end; then two that nobody kills.
            race.run(folder, race.at_random(name, at), race.at_random(name, at))
            race.run(folder, race.at_random(name, at), (name, at, None))
            race.run(folder, (name, at, None), (name, at, None))
        elif name == "send":
            life.customs.start = datetime.fromisoformat(at)
            receiver: Racer = ("receive", at, None)
            race.run(folder, race.at_random(name, at), receiver, life=life)
            race.run(folder, (name, at, None), receiver, race.at_random(*receiver[:2]), life=life)
        else:
            race.run(folder, (name, at, None))

    life = Life(folder, mail=noting(), act=act)
    life.live(STEPS)
    assert race.killed["receive"] >= 3 and race.beside, (race.killed, race.took)

    assert states(folder) == states(whole.folder)
    assert made(folder) == made(whole.folder)
    assert life.customs.messages == whole.customs.messages, "sent once, in the same order"

    assert isinstance(life.mail, Noting)
    assert not [one for one in (folder / "inbox").rglob("*") if one.is_file()]
    kept = {path.stem: path.read_bytes() for path in (folder / "receipts").rglob("*.xml")}
    assert {one: kept[one] for one in kept if one in life.mail.brought} == life.mail.brought
    assert sorted(asked(folder, "SELECT sha256 FROM receipt_files")) == sorted(
        (one,) for one in life.mail.brought
    )
    _entered_once(folder, life.mail)


def _entered_once(folder: Path, mail: Noting) -> None:
    """The audit trail tells each file and each answer once."""
    said = [
        json.loads(payload) if isinstance(payload, str) else payload
        for (payload,) in asked(folder, "SELECT payload FROM audit WHERE kind = 'receipts taken'")
    ]
    assert sorted(one for each in said for one in each["files"].values()) == sorted(mail.brought)
    (answers,) = asked(folder, "SELECT count(*) FROM receipts")
    assert (sum(each.get("new", 0) for each in said),) == answers
    home = open_home(folder)
    assert receiving.problems(home) == []
    with reading(home.engine) as c:
        assert audit.verify(c) is None
    home.engine.dispose()
