"""Receipt files: kept, read, applied once, in whatever order; what is wrong moves no state."""

import os
import random
import subprocess
import sys
from pathlib import Path

import customs_answers
import pytest
from manifest_samples import head_rows
from pipeline_homes import EXAMPLES
from receipt_homes import (
    EXPORTERS,
    answer,
    at,
    cop_nos,
    drop,
    issued,
    of_other,
    receive,
    registry,
    statuses,
    table,
    tell,
    two_exporters,
)
from sqlalchemy import text

from xborder.clock import fixed
from xborder.crashpoints import CRASH_AT
from xborder.manifests import receiving
from xborder.registry import audit
from xborder.registry.database import reading, transaction


def quarantine(home):
    return table(
        home, "SELECT file_name, code FROM receipt_files WHERE state = 'quarantined' ORDER BY 1"
    )


def test_a_list_goes_through_its_states(tmp_path):
    home = issued(tmp_path)
    one, two, three = cop_nos(home)
    tell(home, *(answer(cop_no, "120", 1) for cop_no in (one, two, three)))
    done = receive(home)
    assert (done.files, done.new, dict(done.moved.counts)) == (1, 3, {("603", "received"): 3})
    tell(home, answer(one, "399", 5), answer(two, "300", 6), exporter=EXPORTERS[0])
    tell(home, answer(one, "800", 7))
    receive(home)
    assert statuses(home) == {one: "800", two: "300", three: "120"}
    assert table(home, "SELECT customs_no, pre_no, status_at FROM filings WHERE key = :key"
                 " AND kind = '603'", key=one) == [
        (f"60412026E{int(one[-9:]):09d}", f"B20261122{int(one[-9:]):09d}", "2026-11-22T04:08:00+00:00")
    ]  # fmt: skip
    assert list(receiving.inbox(home.settings).rglob("*.xml")) == []
    assert receiving.problems(home) == []
    with reading(home.engine) as c:
        assert audit.verify(c) is None
    assert table(home, "SELECT count(*) FROM audit WHERE kind = 'receipts taken'") == [(2,)]


def test_an_order_of_the_home_without_sending_takes_answers_too(tmp_path):
    """No filing was made: the first answer makes them for all lists of the manifest."""
    home = issued(tmp_path)
    tell(home, of_other("304", "120", 1, ebpCode="无", ebcCode="4414960XXX", orderNo="#1002"))
    assert dict(receive(home).moved.counts) == {("303", "accepted"): 1}
    assert statuses(home, "303") == {"无/#1001": None, "无/#1002": "120", "无/#1003": None}


def test_repeats_change_nothing(tmp_path):
    home = issued(tmp_path)
    one, *_ = cop_nos(home)
    told = [answer(one, "120", 1), answer(one, "399", 2)]
    tell(home, *told)
    receive(home)
    before = registry(home)
    tell(home, *told)
    done = receive(home)
    assert (done.files, done.new, done.repeated) == (0, 0, 0), "the same bytes"
    tell(home, *told, answer(one, "399", 2), exporter=EXPORTERS[0])
    tell(home, told[0])
    done = receive(home)
    assert (done.files, done.new, done.repeated) == (2, 0, 4)
    assert registry(home) == before


@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_any_files_give_the_same(tmp_path, seed):
    told = random.Random(seed)
    histories = [
        ["120", "399", "800", "899"],
        ["4", "3", "120", "500", "300"],
        ["120", "399", "800"],
    ]
    homes = [issued(tmp_path / name) for name in ("plain", "mixed")]
    everything = [
        answer(cop_no, status, 10 * n + minute)
        for n, (cop_no, history) in enumerate(zip(cop_nos(homes[0]), histories, strict=True))
        for minute, status in enumerate(history)
    ]
    tell(homes[0], *everything)
    receive(homes[0])
    mixed = [*everything, *told.choices(everything, k=4)]
    told.shuffle(mixed)
    while mixed:
        size = told.randint(1, 4)
        tell(homes[1], *mixed[:size])
        del mixed[:size]
        if told.random() < 0.5:
            receive(homes[1])
    receive(homes[1])
    assert registry(homes[0]) == registry(homes[1])
    assert list(statuses(homes[0]).values()) == ["899", "300", "800"]


GOOD = customs_answers.answers([answer("XB202611220000000001", "120", 1)])
HOSTILE = {
    "none.xml": (b"hello", "RECEIPT_NOT_XML"),
    "doctype.xml": (
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + GOOD.split(b"?>", 1)[1],
        "RECEIPT_HAS_DOCTYPE",
    ),
    "cut.xml": (GOOD[:-40], "RECEIPT_CUT_OFF"),
    "empty.xml": (b"", "RECEIPT_CUT_OFF"),
    "kind.xml": (GOOD.replace(b"CEB604", b"CEB994"), "RECEIPT_KIND_UNKNOWN"),
    "other.xml": (b"<html><body/></html>", "RECEIPT_KIND_UNKNOWN"),
}


def test_what_cannot_be_read_is_quarantined(tmp_path):
    home = issued(tmp_path)
    for name, (content, _) in HOSTILE.items():
        drop(home, name, content)
    tell(home, answer(cop_nos(home)[0], "120", 1))
    done = receive(home)
    assert (done.quarantined, done.new) == (len(HOSTILE), 1)
    assert quarantine(home) == sorted((name, code) for name, (_, code) in HOSTILE.items())
    assert list(statuses(home).values()) == ["120", None, None]
    assert receiving.look(home.settings) == [] and receiving.problems(home) == []
    sealed = sorted((tmp_path / "quarantine").rglob("*.age"))
    assert len(sealed) == len(HOSTILE) and b"hello" not in sealed[0].read_bytes()
    sealed[0].unlink()
    assert len(receiving.problems(home)) == 1


def test_our_own_message_is_no_answer(tmp_path):
    home = issued(tmp_path)
    message = next((tmp_path / "manifests").rglob("CEB603*.xml"))
    drop(home, "own.xml", message.read_bytes())
    receive(home)
    assert quarantine(home) == [("own.xml", "RECEIPT_KIND_UNKNOWN")]


def test_a_file_that_can_be_read_later_leaves_its_quarantine(tmp_path, monkeypatch):
    home = issued(tmp_path)
    tell(home, answer(cop_nos(home)[0], "120", 1), name="a.xml")
    monkeypatch.setattr(receiving, "_read", lambda content: ("RECEIPT_ENCODING", []))
    receive(home)
    assert quarantine(home) == [("a.xml", "RECEIPT_ENCODING")]
    monkeypatch.undo()
    tell(home, answer(cop_nos(home)[0], "120", 1), name="a.xml")
    assert receive(home).new == 1
    assert quarantine(home) == [] and next(iter(statuses(home).values())) == "120"


def held(home):
    return table(
        home, "SELECT kind, key, status, code FROM receipts WHERE filing_id IS NULL ORDER BY id"
    )


def test_another_exporters_list_is_never_moved(tmp_path):
    home = issued(tmp_path, two_exporters())
    (mine, _), (other, _) = cop_nos(home), cop_nos(home, EXPORTERS[1])
    tell(home, answer(other, "399", 1), answer(mine, "120", 1), exporter=EXPORTERS[0])
    done = receive(home)
    assert (done.held, done.new) == (1, 2)
    assert held(home) == [("604", other, "399", "RECEIPT_OF_OTHER_EXPORTER")]
    assert statuses(home)[other] is None and statuses(home)[mine] == "120"
    # In its own inbox, and in everybody's, the same answer counts.
    tell(home, answer(other, "399", 1), exporter=EXPORTERS[1])
    assert receive(home).new == 1 and statuses(home)[other] == "399"


def with_profiles(tmp_path):
    """Two firms with their codes, so that a consignor's code tells whose an answer is."""
    home = issued(tmp_path, two_exporters())
    (tmp_path / "exporters").mkdir(exist_ok=True)
    for name, code in zip(EXPORTERS, ("4414960XXX", "4414970XXX"), strict=True):
        profile = (EXAMPLES / "exporters" / f"{EXPORTERS[0]}.toml").read_text("utf-8")
        done, swapped = [], set()
        for line in profile.splitlines():
            for key, value in (("id", name), ("code", code)):
                if line.startswith(f"{key} = ") and key not in swapped:
                    line = f'{key} = "{value}"'
                    swapped.add(key)
            done.append(line)
        (tmp_path / "exporters" / f"{name}.toml").write_text("\n".join(done), "utf-8")
    assert sorted(home.exporters) == sorted(EXPORTERS), home.broken_profiles
    return home


def test_the_consignors_code_tells_two_firms_of_one_platform_apart(tmp_path):
    home = with_profiles(tmp_path)
    same = {"ebpCode": "无", "orderNo": "#1001"}
    tell(home, of_other("304", "120", 1, ebcCode="4414970XXX", **same))
    receive(home)
    stands = (
        "SELECT exporter, status FROM filings WHERE kind = '303' AND key = '无/#1001' ORDER BY 1"
    )
    assert table(home, stands) == [(EXPORTERS[0], None), (EXPORTERS[1], "120")]
    tell(home, answer(cop_nos(home)[0], "399", 1, ebcCode="4414970XXX"))
    receive(home)
    assert held(home) == [("604", cop_nos(home)[0], "399", "RECEIPT_OF_OTHER_EXPORTER")]
    tell(home, of_other("304", "399", 2, ebcCode="", **same))
    receive(home)
    assert held(home)[1:] == [("304", "无/#1001", "399", "RECEIPT_UNKNOWN_DOCUMENT")], (
        "whose is it?"
    )


def test_an_unknown_code_is_kept_and_moves_nothing(tmp_path):
    home = issued(tmp_path)
    one, two, _ = cop_nos(home)
    tell(home, answer(one, "120", 1), answer(one, "777", 2), answer(two, "abc", 1))
    done = receive(home)
    assert (done.new, done.unknown) == (3, 2)
    assert statuses(home)[one] == "120" and statuses(home)[two] is None
    kept = "SELECT status FROM receipts WHERE code = 'RECEIPT_UNKNOWN_CODE' ORDER BY 1"
    assert table(home, kept) == [("777",), ("abc",)]


def test_an_answer_from_the_future_waits_for_its_time(tmp_path):
    home = issued(tmp_path)
    one, two, _ = cop_nos(home)
    tell(
        home, answer(one, "120", 1), answer(one, "899", 24 * 60), answer(two, "399", 900 * 24 * 60)
    )
    now = "2026-11-22T13:00:00+08:00"
    done = receive(home, now)
    assert (done.waiting, statuses(home)[one]) == (2, "120")
    assert {code for *_, code in held(home)} == {"RECEIPT_FROM_FUTURE"}
    assert receive(home, now).new == 0
    assert receive(home, "2026-11-23T12:00:00+08:00").new == 1
    assert statuses(home)[one] == "899" and statuses(home)[two] is None
    [(number,)] = table(home, "SELECT id FROM receipts WHERE filing_id IS NULL")
    with fixed(now):
        assert receiving.take_up(home, [number]).new == 1
    assert statuses(home)[two] == "399" and held(home) == []


def test_an_unknown_list_waits_until_it_appears(tmp_path):
    later, now = issued(tmp_path / "later"), issued(tmp_path / "now", lists_per_manifest=3)
    one = cop_nos(now)[0]
    assert cop_nos(later)[0] == one
    tell(now, answer("XB209901010000000009", "399", 1), answer(one, "120", 1))
    done = receive(now)
    assert (done.waiting, held(now)) == (
        1, [("604", "XB209901010000000009", "399", "RECEIPT_UNKNOWN_DOCUMENT")],
    )  # fmt: skip
    with transaction(now.engine) as c:
        c.execute(
            text("UPDATE filings SET key = 'XB209901010000000009' WHERE key = :key"), {"key": one}
        )
    assert receiving.take_up(now).new == 1
    assert statuses(now)["XB209901010000000009"] == "399" and held(now) == []


def test_a_message_that_was_not_read_concerns_all_its_documents(tmp_path):
    home = issued(tmp_path)
    tell(home, answer(cop_nos(home)[0], "2", 0))
    receive(home)
    guid = customs_answers.guid("a message")
    with transaction(home.engine) as c:
        c.execute(text(
            "INSERT INTO messages (id, guid, kind, exporter, path, sha256, entities, state, attempts)"
            " VALUES (1, :guid, '603', 'dapu-ciyun', 'x', 'x', 3, 'sent', 1)"), {"guid": guid})  # fmt: skip
        c.execute(text("UPDATE filings SET message_id = 1 WHERE kind = '603'"))
    inside = {
        "guid": guid, "returnStatus": "-999999", "returnInfo": "cvc-type", "returnTime": at(3),
        "oriCopMsgId": guid.lower(), "oriMessageType": "CEB603Message",
    }  # fmt: skip
    drop(home, "900.xml", customs_answers.document("900", guid, customs_answers.elements(inside)))
    done = receive(home)
    assert dict(done.moved.counts) == {("603", "failed"): 3}
    assert set(statuses(home).values()) == {"4"}
    assert set(statuses(home, "303").values()) == {None}
    assert table(home, "SELECT count(*) FROM orders WHERE state = 'held'") == [(0,)]


def test_a_file_that_is_being_written_is_left(tmp_path):
    home = issued(tmp_path)
    path = tell(home, answer(cop_nos(home)[0], "120", 1))
    drop(home, ".hidden.xml", b"x")
    drop(home, "half.xml.part", b"x")
    [seen] = receiving.look(home.settings)
    path.write_bytes(path.read_bytes() + b"\n")
    assert receiving.receive(home, [seen]).files == 0 and path.exists()
    assert receiving.standing_still(home.settings, 0) == receiving.look(home.settings)
    marks = [
        receiving.landing.mark(name, *told)
        for name, told in receiving.waiting(home.settings).items()
    ]
    assert receiving.settled(home.settings, marks) == receiving.look(home.settings)
    path.write_bytes(path.read_bytes() + b"\n")
    assert receiving.settled(home.settings, marks) == []


RUN = """
from xborder.manifests import receiving
from xborder.registry.home import open_home
home = open_home()
receiving.receive(home, receiving.look(home.settings))
"""


@pytest.mark.parametrize("point", ["receipts-kept", "receipts-applying", "receipts-applied"])
def test_killed_anywhere_a_second_run_gives_the_same(tmp_path, point):
    told = {}
    for name in ("killed", "plain"):
        home = issued(tmp_path / name)
        one, two, three = cop_nos(home)
        tell(home, answer(one, "120", 1), answer(two, "100", 2), name="a.xml")
        tell(home, answer(one, "399", 3), answer(three, "120", 3), name="b.xml")
        drop(home, "c.xml", b"no xml")
        if name == "killed":
            variables = {"XBORDER_HOME": str(tmp_path / name), "XBORDER_NOW": "2026-11-23T20:00:00+08:00",
                         CRASH_AT: point}  # fmt: skip
            done = subprocess.run(
                [sys.executable, "-c", RUN], env=os.environ | variables, capture_output=True,
                cwd=Path(__file__).parents[2],
            )  # fmt: skip
            assert done.returncode == -9, done.stderr.decode()
            assert len(receiving.look(home.settings)) == 3, "they leave the inbox last"
        receive(home)
        assert receiving.look(home.settings) == [] and receiving.problems(home) == []
        told[name] = registry(home)
    assert told["killed"] == told["plain"]
    assert [state for _, state, _ in told["plain"]["orders"]] == ["declared", "held", "declared"]


def test_a_refused_list_ends_and_its_order_is_held(tmp_path):
    home = issued(tmp_path)
    one, two, _ = cop_nos(home)
    tell(home, answer(one, "120", 1), answer(one, "100", 2, "[-621001]毛重小于净重"))
    tell(home, answer(two, "-621004", 2), answer(two, "-621017", 3))
    receive(home)
    assert statuses(home)[one] == "100" and statuses(home)[two] == "4"
    assert table(home, "SELECT state, codes FROM orders ORDER BY id") == [
        ("held", "CUSTOMS_REFUSED"), ("declared", ""), ("declared", ""),
    ]  # fmt: skip
    assert table(home, "SELECT state, live FROM lists ORDER BY id")[0] == ("refused", 0)
    tell(home, answer(one, "100", 2, "[-621001]毛重小于净重"), name="again.xml")
    before = registry(home)
    receive(home)
    assert registry(home) == before


def test_a_draft_declarations_refused_order_ends_its_list(tmp_path):
    """Of a draft declaration customs knows the order (303) only; a list's order is told apart."""
    heads = head_rows(2)
    heads[1] |= {
        "tradeMode": "9710",
        "orderType": "B",
        "statisticsFlag": "A",
        "route": "declaration",
    }
    home = issued(tmp_path, heads)
    same = {"ebpCode": "无", "ebcCode": ""}
    tell(
        home,
        of_other("304", "-301008", 1, orderNo="#1001", **same),
        of_other("304", "-301008", 1, orderNo="#1002", **same),
    )
    assert receive(home).moved.told() == {"303 refused": 2}
    assert table(home, "SELECT order_no, state, codes FROM orders ORDER BY id") == [
        ("#1001", "declared", ""), ("#1002", "held", "CUSTOMS_REFUSED"),
    ]  # fmt: skip
