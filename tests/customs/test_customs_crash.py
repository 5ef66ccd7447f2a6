"""Killed at random points of the whole life and done again: the same bytes, the same states.

``XBORDER_CRASHES`` says how many kills there shall be (default: a few).
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from customs_answers import Mail
from customs_life import Life, life_home, made, states

from xborder.registry import audit
from xborder.registry.database import reading
from xborder.registry.home import open_home

HERE = Path(__file__).parent
CRASHES = int(os.environ.get("XBORDER_CRASHES", "15"))
A_LIFE = 40
"""Kills of one life at most; more take another one."""

pytestmark = pytest.mark.slow


class Driver:
    """Does steps in processes of their own."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(HERE), str(HERE.parent / "manifests")])
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "customs_driver.py")],
            env=os.environ | {"PYTHONPATH": path}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self.passed: list[tuple[int, list[str]]] = []
        self.killed: list[str] = []
        self.steps = 0
        self.plan: dict[int, list[str]] = {}

    def _do(self, folder: Path, name: str, at: str, crash_at: str) -> tuple[int, list[str]]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(folder), name, at, crash_at]) + "\n")
        self._process.stdin.flush()
        code, passed = json.loads(self._process.stdout.readline())
        return int(code), list(passed)

    def act(self, folder: Path, name: str, at: str) -> None:
        """Do a step, killed as often as is planned for it, and then to its end."""
        for point in self.plan.get(self.steps, ()):
            code, _ = self._do(folder, name, at, point)
            if code == -signal.SIGKILL:
                self.killed.append(point)
            else:
                # What was done before the kills does not come to this point again.
                assert code == 0, (name, point)
        code, passed = self._do(folder, name, at, "")
        assert code == 0, name
        self.passed.append((self.steps, passed))
        self.steps += 1

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@pytest.fixture
def driver() -> Iterator[Driver]:
    made = Driver()
    yield made
    made.close()


def mail() -> Mail:
    return Mail(seed=5, bundle=9, doubled=0.1, shuffled=True, held_back=0.1)


def test_killed_anywhere_and_done_again_all_is_the_same(driver: Driver, tmp_path: Path) -> None:
    whole = Life(life_home(tmp_path / "whole"), mail=mail(), act=driver.act)
    whole.live()
    points = [
        (step, f"{name}:{nth}")
        for step, passed in driver.passed
        for name, most in Counter(passed).items()
        for nth in range(1, most + 1)
    ]
    assert len({point.partition(":")[0] for _, point in points}) >= 20
    wanted, bytes_of = states(whole.folder), made(whole.folder)
    random_ = random.Random(2026)
    lives = 0
    while len(driver.killed) < CRASHES:
        lives += 1
        assert lives <= 4 + 2 * CRASHES // A_LIFE, "points are not reached"
        driver.plan, driver.steps = {}, 0
        chosen = random_.sample(points, min(A_LIFE, CRASHES - len(driver.killed), len(points)))
        for step, point in sorted(chosen):
            driver.plan.setdefault(step, []).append(point)
        for several in driver.plan.values():
            random_.shuffle(several)
        home = life_home(tmp_path / f"broken{lives}")
        broken = Life(home, mail=mail(), act=driver.act)
        broken.live()
        assert states(home) == wanted
        assert made(home) == bytes_of
        assert broken.customs.messages == whole.customs.messages, "sent once, in the same order"
        opened = open_home(home)
        with reading(opened.engine) as c:
            assert audit.verify(c) is None
        opened.engine.dispose()
    print(f"{len(driver.killed)} kills in {lives} lives at {len(set(driver.killed))} points")
