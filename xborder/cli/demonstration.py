"""``xborder demo``: a fresh home with the fictional exporters, and the whole pipeline over it."""

import shutil
import time
from pathlib import Path

from xborder import clock
from xborder.cli import summary, terminal
from xborder.cli.language import either
from xborder.cli.running import run_home
from xborder.registry.home import create, open_home

MARKER = ".demonstration"
"""Marks a home that the demonstration may fill; nobody's real home carries it."""

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(home: Path) -> None:
    """Make the home, hand in the examples, run every job, show what came of it.

    An existing demo home gets the examples handed in again: nothing is declared twice.
    """
    if not EXAMPLES.is_dir():
        terminal.fail(
            f"{EXAMPLES}: "
            + either(
                "没有示例，请在项目的完整目录中运行",
                "the examples are missing; run from a clone of the project",
            )
        )
    marker = home / MARKER
    if home.exists() and any(home.iterdir()) and not marker.exists():
        terminal.fail(
            f"{home}: "
            + either(
                "不是演示目录，不会写入；请用新的目录",
                "not a folder of the demonstration; name a new one",
            )
        )
    begun = time.perf_counter()
    create(home)
    marker.touch()
    copy_profiles(home)
    _hand_in(home)
    place = open_home(home)
    before = summary.last_delivery(place)
    run_home(place, clock.today(), cutoff=True)
    took = time.perf_counter() - begun
    summary.show(place, clock.today(), before)
    terminal.out.print(f"{either('用时', 'took')} {took:.1f} s")


def copy_profiles(home: Path) -> int:
    """Put the fictional exporters' profiles into a home; how many there are."""
    profiles = sorted((EXAMPLES / "exporters").glob("*.toml"))
    for profile in profiles:
        shutil.copy(profile, home / "exporters" / profile.name)
    return len(profiles)


def _hand_in(home: Path) -> None:
    landing = EXAMPLES / "landing"
    for file in sorted(path for path in landing.rglob("*") if path.is_file()):
        target = home / "landing" / file.relative_to(landing)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
