"""The rules of the house (see docs/architecture.md), read off the source of every module.

A room imports only rooms to its left; only ``clock`` reads the time; Dagster and pandas stay in
their rooms; no module grows beyond what one sitting reads.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "xborder"

FLOW = (
    ("compiled",),
    ("clock", "findings", "settings", "crashpoints"),
    ("schemas",),
    ("intake",),
    ("checks",),
    ("registry",),
    ("manifests", "stock"),
    ("assets", "portal", "cli"),
)
BESIDE = {("cli", "assets")}
"""Imports between rooms of one place in the flow."""

ROOM_OF = {"definitions": "assets", "__main__": "cli"}
"""Modules that stand before the rooms and belong to one."""

LIBRARIES = {
    "dagster": {"assets"},
    "pandas": {"assets", "stock", "manifests", "cli"},
}
MOST_LINES = 400

CLOCKS = {
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today", "time.time", "time.time_ns", "time.localtime", "time.gmtime",
    "time.ctime", "time.asctime",
}  # fmt: skip
"""Durations (``time.monotonic``, ``time.perf_counter``) and ``time.sleep`` are no clock."""

PLACE = {room: place for place, rooms in enumerate(FLOW) for room in rooms}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: Path) -> str:
    """The room of a module of the package; empty for the package's own ``__init__``."""
    first = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else ROOM_OF.get(first, first)


def imported(source: str) -> Iterator[str]:
    """Full names of all that a module imports, wherever in it, the lazy and the typed too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports with their full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def wrong_imports(room: str, source: str) -> list[str]:
    """Imports that the flow or the libraries' rooms forbid."""
    wrong = []
    for name in imported(source):
        package, _, rest = name.partition(".")
        if package in LIBRARIES and room not in LIBRARIES[package]:
            wrong.append(name)
        other = ROOM_OF.get(rest.partition(".")[0], rest.partition(".")[0])
        if package != "xborder" or other in ("", "__version__", room):
            continue
        if (room, other) not in BESIDE and PLACE[other] >= PLACE[room]:
            wrong.append(name)
    return wrong


def clocks_read(source: str) -> list[str]:
    """Where a module asks what time it is, under whatever name it imported that."""
    tree = ast.parse(source)
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            first, dot, rest = ast.unparse(node).partition(".")
            if names.get(first, first) + dot + rest in CLOCKS:
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda one: str(one.relative_to(PACKAGE)))
def test_a_module_keeps_the_rules(module: Path) -> None:
    source, room = module.read_text("utf-8"), room_of(module)
    assert room in PLACE or room == "", f"{room} is no room: name it in the flow"
    if room:
        assert wrong_imports(room, source) == []
    if module != PACKAGE / "clock.py":
        assert clocks_read(source) == []
    assert len(source.splitlines()) <= MOST_LINES


def test_every_room_stands_and_is_looked_at() -> None:
    assert {room_of(module) for module in MODULES} - {""} == set(PLACE)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("intake", "from xborder.checks import Context"),
        ("intake", "from xborder import registry"),
        ("checks", "def f():\n    import xborder.registry.orders"),
        ("schemas", "import pandas as pd"),
        ("registry", "from pandas import DataFrame"),
        ("portal", "from dagster import asset"),
        ("cli", "from dagster import DagsterInstance"),
        ("portal", "from xborder.assets import jobs"),
        ("stock", "from xborder.manifests import cutoff"),
        ("manifests", "from xborder import definitions"),
        ("findings", "from xborder import clock"),
    ],
)
def test_a_wrong_import_is_seen(room: str, source: str) -> None:
    assert len(wrong_imports(room, source)) == 1


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("checks", "from xborder.intake import Reading\nfrom xborder import findings"),
        ("cli", "from xborder.assets.running import run_jobs\nimport pandas"),
        ("assets", "import dagster\nfrom xborder.definitions import build_defs"),
        ("manifests", "from xborder import __version__\nfrom xborder.manifests import draft"),
    ],
)
def test_a_right_import_is_not(room: str, source: str) -> None:
    assert wrong_imports(room, source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime as when\nwhen.utcnow()",
        "from datetime import date\nf = date.today",
        "import time\ntime.time()",
        "from time import time\ntime()",
    ],
)
def test_a_clock_is_seen(source: str) -> None:
    assert len(clocks_read(source)) == 1


def test_our_clock_and_durations_are_no_clock() -> None:
    source = "import time\nfrom xborder import clock\nclock.now()\nclock.today()\ntime.monotonic()"
    assert clocks_read(f"{source}\ntime.perf_counter()\ntime.sleep(1)") == []


def test_every_rule_number_that_is_named_is_explained() -> None:
    explained = set(
        re.findall(
            r"^\| (R\d\d) \|", (PACKAGE.parent / "docs" / "rules.md").read_text("utf-8"), re.M
        )
    )
    named = {
        number
        for path in PACKAGE.rglob("*")
        if path.suffix in (".py", ".toml", ".json")
        for number in re.findall(r"\bR\d\d\b", path.read_text("utf-8"))
    }
    assert named - explained == set()
