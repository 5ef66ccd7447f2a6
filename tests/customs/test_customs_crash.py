"""Killed at random points of the whole life and done again: the same bytes, the same states.

``XBORDER_CRASHES`` says how many kills there shall be (default: a few).
"""

import json
import os
import random
import signal
import subprocess
import sys
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
"""Kills that are planned for one life; more take another one."""

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
        self.passed: list[list[str]] = []
        self.killed: list[str] = []
        self.steps = self.whole = 0
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
        self.passed.append(passed)
        self.steps += 1
        self.whole = self.whole if self.plan else self.steps

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    made = Driver()
    yield made
    made.close()


def mail() -> Mail:
    return Mail(seed=5, bundle=9, doubled=0.1, shuffled=True, held_back=0.1)


@pytest.fixture(scope="module")
def whole(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """The life that nothing disturbs; the driver has noted its points by then."""
    life = Life(life_home(tmp_path_factory.mktemp("whole") / "home"), mail=mail(), act=driver.act)
    life.live()
    return life


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(1, -(-CRASHES // A_LIFE) + 1))
def test_killed_anywhere_and_done_again_all_is_the_same(
    driver: Driver, whole: Life, tmp_path: Path, seed: int
) -> None:
    undisturbed = driver.passed[: driver.whole]
    assert len({name for passed in undisturbed for name in passed}) >= 20
    every = [(step, at) for step, passed in enumerate(undisturbed) for at in range(len(passed))]
    chosen = random.Random(seed).sample(every, min(A_LIFE, CRASHES))
    driver.plan, driver.steps, driver.killed = {}, 0, []
    before = (-1, -1)
    for step, at in sorted(chosen):
        # What an earlier kill of the step left behind it is not passed again.
        first = before[1] + 1 if before[0] == step else 0
        passed, before = undisturbed[step], (step, at)
        nth = passed[first : at + 1].count(passed[at])
        driver.plan.setdefault(step, []).append(f"{passed[at]}:{nth}")
    home = life_home(tmp_path / "home")
    broken = Life(home, mail=mail(), act=driver.act)
    broken.live()
    assert states(home) == states(whole.folder)
    assert made(home) == made(whole.folder)
    assert broken.customs.messages == whole.customs.messages, "sent once, in the same order"
    opened = open_home(home)
    with reading(opened.engine) as c:
        assert audit.verify(c) is None
    opened.engine.dispose()
    assert len(driver.killed) >= 0.7 * len(chosen)
    print(f"{len(driver.killed)} kills at {len(set(driver.killed))} points")
