"""Answers that are broken, forged or contradictory, in the middle of two exporters' lives.

Each is told by its code and kept; no state moves by it; and afterwards the right answers lead to
where they lead without it.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from customs_answers import Answer, Mail, answers, document, element, elements
from customs_front import deliver
from customs_life import (
    FIRST,
    SECOND,
    STATES,
    WHOLE,
    Life,
    asked,
    life_home,
    made,
    states,
    step,
)

from xborder.manifests import receiving
from xborder.registry import audit, receipt_problems
from xborder.registry.database import reading
from xborder.registry.home import open_home

pytestmark = pytest.mark.slow

LATER = "2026-12-11T10:00:00+08:00"
MOVED = [name for name in STATES if name not in ("receipts", "quarantine")]


class Started:
    """Two exporters' lists: sent, and customs has said nothing yet."""

    def __init__(self, folder: Path) -> None:
        self.life = Life(life_home(folder / "home", (4, 3)))
        self.life.act(self.life.folder, "issue", WHOLE[0][0])
        self.life.act(self.life.folder, "send", WHOLE[0][0])
        self.life.picked_up(self.life.folder, self.life.customs)
        self.post = list(self.life.customs.post)
        self.finished: dict[str, list[tuple[object, ...]]] = {}

    def approval(self, exporter: str) -> dict[str, str]:
        """Customs' approval of an exporter's first list."""
        return next(
            dict(one.values)
            for one in self.post
            if isinstance(one, Answer) and one.values.get("returnStatus") == "399"
            and self.life.customs.lists[one.values["copNo"]].head["ebcName"].startswith(exporter)
        )  # fmt: skip


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Started:
    made = Started(tmp_path_factory.mktemp("started"))
    clean = shutil.copytree(made.life.folder, made.life.folder.with_name("clean"))
    finish(made, clean)
    made.finished = states(clean)
    return made


def finish(started: Started, folder: Path) -> None:
    """The right answers come after all."""
    started.life.customs.post = list(started.post)
    deliver(folder, started.life.customs, Mail())
    step(folder, "receive", LATER)


def text_of(values: dict[str, str], **changed: str) -> bytes:
    return answers([Answer("604", values | changed)])


def _foreign(started: Started) -> bytes:
    return text_of(started.approval(SECOND))


def _forged(started: Started) -> bytes:
    """One exporter's list under the other's code."""
    return text_of(started.approval(FIRST), ebcCode=started.approval(SECOND)["ebcCode"])


Made = Callable[[Started], bytes]

CASES: dict[str, tuple[Made, str, str]] = {
    "no XML": (lambda _: b"\x00\x01 OK", "", "RECEIPT_NOT_XML"),
    "empty": (lambda _: b"", "", "RECEIPT_CUT_OFF"),
    "DOCTYPE": (
        lambda s: text_of(s.approval(FIRST)).replace(
            b"?>\n", b'?>\n<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>\n', 1
        ), "", "RECEIPT_HAS_DOCTYPE",
    ),
    "cut off": (lambda s: text_of(s.approval(FIRST))[:-40], "", "RECEIPT_CUT_OFF"),
    "another message": (
        lambda _: document("999", "x", element("Nothing", "")), "", "RECEIPT_KIND_UNKNOWN",
    ),
    "another exporter's list": (_foreign, FIRST, "RECEIPT_OF_OTHER_EXPORTER"),
    "under another's code": (_forged, "", "RECEIPT_OF_OTHER_EXPORTER"),
    "an unknown list": (
        lambda s: text_of(s.approval(FIRST), copNo="XB209901010000000001"), "",
        "RECEIPT_UNKNOWN_DOCUMENT",
    ),
    "an unknown code": (
        lambda s: text_of(s.approval(FIRST), returnStatus="4711", preNo="", invtNo=""), "",
        "RECEIPT_UNKNOWN_CODE",
    ),
    "from the future": (
        lambda s: text_of(s.approval(FIRST), returnTime="20991231235959999"), "",
        "RECEIPT_FROM_FUTURE",
    ),
}  # fmt: skip


def drop(folder: Path, content: bytes, exporter: str = "") -> Path:
    place = folder / "inbox" / exporter
    place.mkdir(exist_ok=True)
    file = place / "CEB604_bad.xml"
    file.write_bytes(content)
    return file


def problems(folder: Path) -> dict[str, int]:
    home = open_home(folder)
    try:
        with reading(home.engine) as c:
            assert audit.verify(c) is None
            assert receiving.problems(home) == []
            return receipt_problems.count(c)
    finally:
        home.engine.dispose()


@pytest.mark.parametrize("name", CASES)
def test_it_is_told_and_moves_nothing(started: Started, tmp_path: Path, name: str) -> None:
    made_of, inbox, code = CASES[name]
    folder = shutil.copytree(started.life.folder, tmp_path / "home")
    before, files = states(folder), made(folder)
    content = made_of(started)
    for _ in range(2):
        # The same again changes nothing either.
        dropped = drop(folder, content, inbox)
        step(folder, "receive", LATER)
        assert not dropped.exists()
        assert problems(folder) == {code: 1}
    now = states(folder)
    assert {part: now[part] for part in MOVED} == {part: before[part] for part in MOVED}
    [(kept,)] = asked(folder, "SELECT path FROM receipt_files")
    assert (folder / str(kept)).is_file()
    step(folder, "send", LATER)
    assert made(folder) == files and not list((folder / "outbox").rglob("CEB*.xml"))

    finish(started, folder)
    after = states(folder)
    assert {part: after[part] for part in MOVED} == {part: started.finished[part] for part in MOVED}
    assert problems(folder) == {code: 1}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Applications of both exporters are at customs; its results have not come."""
    life = Life(life_home(tmp_path_factory.mktemp("applied") / "home", (4, 3)))
    life.live(tuple(one for one in WHOLE if one[1] not in ("preview", "apply")))
    life.act(life.folder, "apply", "2026-12-10T11:00:00+08:00")
    life.act(life.folder, "send", "2026-12-10T11:30:00+08:00")
    life.picked_up(life.folder, life.customs)
    return life


def _result(head: dict[str, str], lines: list[dict[str, str]]) -> bytes:
    listed = "".join(element("SummaryResultList", elements(one)) for one in lines)
    written = element("SummaryResultHead", elements(head))
    return document("792", "x", element("SummaryResult", written + listed))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("another office", "CONSOLIDATION_CONTRADICTS"),
        ("another consignor", "RECEIPT_OF_OTHER_EXPORTER"),
        ("another exporter's lists", "CONSOLIDATION_OTHER_EXPORTER"),
        ("no number", "CONSOLIDATION_CONTRADICTS"),
        ("an unknown application", "RECEIPT_UNKNOWN_DOCUMENT"),
    ],
)
def test_a_result_that_contradicts_its_application_is_not_taken(
    applied: Life, tmp_path: Path, name: str, code: str
) -> None:
    folder = shutil.copytree(applied.folder, tmp_path / "home")
    customs = applied.customs
    post = list(customs.post)
    firms = {head["ebcCode"]: (head, lines) for head, lines in customs.declarations}
    (head, lines), (_, others) = firms["4414960XXX"], firms["4414970XXX"]
    wrong = {
        "another office": (head | {"customsCode": "5301"}, lines),
        "another consignor": (head | {"ebcCode": "4414970XXX"}, lines),
        "another exporter's lists": (head, [*lines, *others]),
        "no number": (head, [lines[0] | {"gnum": "one"}]),
        "an unknown application": (
            head | {"sumNo": "S1"}, [one | {"invtNo": f"9{one['invtNo'][1:]}"} for one in lines],
        ),
    }[name]  # fmt: skip
    # First what customs says of the applications (702), then the forged result, then the rest.
    customs.post = [one for one in post if isinstance(one, Answer)]
    deliver(folder, customs, Mail())
    step(folder, "receive", LATER)
    before = states(folder)
    drop(folder, _result(*wrong))
    step(folder, "receive", LATER)
    assert problems(folder) == {code: 1}
    now = states(folder)
    assert {part: now[part] for part in MOVED} == {part: before[part] for part in MOVED}
    assert now["declarations"] == []

    customs.post = [one for one in post if not isinstance(one, Answer)]
    deliver(folder, customs, Mail(seed=9))
    step(folder, "receive", LATER)
    customs.post = post
    entries = asked(folder, "SELECT entry_id FROM summary_results ORDER BY 1")
    assert entries == sorted((head["entryId"],) for head, _ in customs.declarations)
    assert problems(folder) == {code: 1}
