"""Nearly a thousand hostile files through the readers' own processes: soon, small, whole, coded.

Every fourth of the small ones runs with every suite; the others, and the large, are marked slow.
"""

import io
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import hostile_books
import hostile_texts
import pytest
from hostile_case import ACCEPT, ASK, ASKED, REFUSE, Case

from xborder import findings, intake
from xborder.intake import Reading

SECONDS, KILOBYTES = 10.0, 512 * 1024
LARGE = 1024 * 1024
START = """
import os, sys
sys.path[:0] = [] if sys.argv[1] in sys.path else [sys.argv[1]]
from xborder.intake import child
log, wait = open({log!r}, "a"), os.wait4
def waitpid(number, how):
    number, status, spent = wait(number, how)
    print(spent.ru_maxrss, spent.ru_utime + spent.ru_stime, file=log, flush=True)
    return number, status
os.waitpid = waitpid
child.nurse(int(sys.argv[2]))
"""


def every() -> Iterator[Case]:
    return chain(hostile_texts.every(), hostile_books.every())


def test_there_are_enough_and_each_has_its_name() -> None:
    names = [case.name for case in every()]
    assert len(names) >= 321
    assert len(set(names)) == len(names)


@pytest.fixture
def readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[intake.Nursery]:
    log = tmp_path / "memory.txt"
    monkeypatch.setattr("xborder.intake.interpreter.START", START.format(log=str(log)))
    with intake.Nursery() as nursery:
        nursery.log = log  # type: ignore[attr-defined]
        yield nursery


FOURTH = 4


def test_a_fourth_of_the_small_ones(readers: intake.Nursery) -> None:
    small = [case for case in every() if not is_large(case)]
    assert wrong(readers, small[::FOURTH]) == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_other_small_ones(readers: intake.Nursery) -> None:
    small = (case for case in every() if not is_large(case))
    assert wrong(readers, (case for at, case in enumerate(small) if at % FOURTH)) == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_large_ones(readers: intake.Nursery) -> None:
    assert wrong(readers, filter(is_large, every())) == {}


def is_large(case: Case) -> bool:
    return case.heavy or len(case.data) > LARGE


def wrong(readers: intake.Nursery, cases: Iterable[Case]) -> dict[str, list[str]]:
    """What is wrong with the answers, by the files' names."""
    told = {}
    for case in cases:
        reading = intake.read(io.BytesIO(case.data), case.file_name, nursery=readers)
        memory, spent = readers.log.read_text().splitlines()[-1].split()
        if found := [*amiss(case, reading), *too_much(float(spent), int(memory))]:
            told[case.name] = found
    return told


def too_much(spent: float, memory: int) -> Iterator[str]:
    # The reader's own time: what else the machine does must not decide.
    if spent > SECONDS:
        yield f"{spent:.1f} s"
    if memory > KILOBYTES:
        yield f"{memory // 1024} MB"


def amiss(case: Case, reading: Reading) -> Iterator[str]:
    codes = reading.findings["code"].to_list()
    fatal = [one for one in codes if findings.catalogue()[one].severity == "fatal"]
    if case.fate == ACCEPT and not reading.usable:
        yield f"refused: {codes}"
    if case.fate == REFUSE and reading.usable:
        yield f"accepted: {codes}"
    if case.fate == ASK and not set(fatal) & set(ASKED):
        yield f"not asked: {codes}"
    if not reading.usable and len(fatal) != 1:
        yield f"fatal: {fatal}"
    if case.codes and not set(fatal) & set(case.codes):
        yield f"refused as {fatal}"
    if "PARSER_DIED" in fatal and "PARSER_DIED" not in case.codes:
        yield "the reader died"
    if reading.usable:
        yield from not_whole(reading)
        if case.rows is not None and reading.rows.height != case.rows:
            yield f"{reading.rows.height} rows of {case.rows}"


def not_whole(reading: Reading) -> Iterator[str]:
    """Rows that are lost, counted twice, or neither a record nor excluded."""
    rows = reading.rows
    if rows.select("sheet", "row").is_duplicated().any():
        yield "a row twice"
    if (rows["excluded"].is_null() != rows["record"].is_not_null()).any():
        yield "a row without a state"
    kept = rows["record"].drop_nulls().unique().sort().to_list()
    if kept != list(range(reading.records.height)):
        yield "records without a row"
    for (sheet,), own in rows.group_by("sheet"):
        if own["row"].sort().to_list() != list(range(1, own.height + 1)):
            yield f"rows of {sheet!r} are not all there"
