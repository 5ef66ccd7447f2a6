"""Receipts on both databases: matched, applied, waiting, refused, shown."""

from datetime import UTC, datetime
from pathlib import Path

import customs_answers
import polars as pl
import pytest
from alembic import command
from alembic.config import Config
from receipt_homes import (
    EXPORTERS,
    answer,
    at,
    cop_nos,
    drop,
    issued,
    of_other,
    receive,
    statuses,
    table,
    tell,
    two_exporters,
)
from sqlalchemy import Connection, text

from xborder import clock
from xborder.registry import (
    counters,
    database,
    filings,
    manifest_states,
    receipt_problems,
    receipts,
    standings,
)
from xborder.registry.customs_states import Answer, Rules
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home
from xborder.registry.receipts import instant


@pytest.fixture
def home(tmp_path: Path, url: str) -> Home:
    return issued(tmp_path / "home", two_exporters(), registry_url=url)


def test_every_question_is_answered_on_both_databases(home: Home) -> None:
    (one, two), (other, fourth) = cop_nos(home), cop_nos(home, EXPORTERS[1])
    tell(home, answer(one, "120", 1), answer(one, "399", 2), answer(one, "501", 3))
    tell(home, answer(two, "100", 2, "[-621001]…"), answer(other, "4", 2))
    tell(home, answer(fourth, "120", 1), exporter=EXPORTERS[0])
    tell(home, answer("XB209901010000000009", "120", 1), answer(other, "899", 10**7))
    drop(home, "no.xml", b"no")
    done = receive(home)
    assert done.counts() == {
        "files": 5, "quarantined": 1, "new": 8, "repeated": 0, "waiting": 2, "held": 1,
        "unknown": 0,
    }  # fmt: skip
    assert statuses(home) == {one: "399", two: "100", other: "4", fourth: None}
    rules = Rules(home.tables)
    with reading(home.engine) as c:
        ids = [row[0] for row in c.execute(text("SELECT id FROM manifests ORDER BY id"))]
        assert manifest_states.counts(c, rules, ids) == {
            ids[0]: {"refused": 1, "approved": 1}, ids[1]: {"unsent": 1, "failed": 1},
        }  # fmt: skip
        first, second = manifest_states.lists_of(c, rules, ids[0])
        assert (first["cop_no"], first["state"], first["also"]) == (one, "approved", "501")
        assert str(first["status_at"]) == "2026-11-22 04:03:00+00:00"
        assert (second["state"], second["invt_no"]) == ("refused", None)
        assert standings.inconsistent(c, rules) == []
        assert receipt_problems.count(c) == {
            "RECEIPT_FROM_FUTURE": 1, "RECEIPT_NOT_XML": 1, "RECEIPT_OF_OTHER_EXPORTER": 1,
            "RECEIPT_UNKNOWN_DOCUMENT": 1,
        }  # fmt: skip
        listed = receipt_problems.listed(c)
        assert [row["what"] for row in listed] == ["file", "receipt", "receipt", "receipt"]
        assert all("{" not in row["message_en"] + row["fix_zh"] for row in listed)
    seen = {row["code"]: row["id"] for row in listed}
    with transaction(home.engine) as c:
        put_aside = [seen["RECEIPT_OF_OTHER_EXPORTER"], seen["RECEIPT_UNKNOWN_DOCUMENT"]]
        assert receipt_problems.dismiss(c, [seen["RECEIPT_NOT_XML"]], put_aside) == 3
        assert receipt_problems.dismiss(c, [seen["RECEIPT_NOT_XML"]], put_aside) == 0
        assert receipt_problems.count(c) == {"RECEIPT_FROM_FUTURE": 1}
        late = clock.now()
        assert receipt_problems.stuck(c, rules, late) == {"603 failed": 1}


def test_a_lists_cancellation_and_return_set_it_aside(home: Home) -> None:
    one, two = cop_nos(home)
    tell(home, answer(one, "899", 1), answer(two, "899", 1))
    receive(home)
    with transaction(home.engine) as c:
        ids = dict(c.execute(text("SELECT cop_no, id FROM lists")).tuples().all())
        new = pl.DataFrame(
            {
                "kind": ["605", "213"],
                "key": ["XBC", "XBR"],
                "app_type": "1",
                "list_id": [ids[one], ids[two]],
            }
        )
        filings.enter(c, EXPORTERS[0], datetime(2026, 11, 22, 5, tzinfo=UTC), new)
    tell(home, of_other("606", "399", 5, agentCode="1", copNo="XBC", preNo="", invtNo="1"))
    tell(home, of_other("214", "120", 5, ebpCode="", ebcCode="", agentCode="1", coElNo="XBR",
                        preNo="", invtNo="1"))  # fmt: skip
    assert receive(home).moved.cancelled == [ids[one]]
    with reading(home.engine) as c:
        [number] = c.execute(
            text("SELECT manifest_id FROM lists WHERE id = :id"), {"id": ids[two]}
        ).scalars()
        counted = manifest_states.counts(c, Rules(home.tables), [number])
    assert counted == {number: {"cancelled": 1, "returned": 1}}


def test_a_cancellation_refused_after_120_lets_its_list_stand(home: Home) -> None:
    one, _ = cop_nos(home)
    tell(home, answer(one, "399", 1))
    receive(home)
    with transaction(home.engine) as c:
        number = c.execute(text("SELECT id FROM lists WHERE cop_no = :no"), {"no": one}).scalar()
        new = pl.DataFrame({"kind": "605", "key": "XBC", "app_type": "1", "list_id": number})
        filings.enter(c, EXPORTERS[0], datetime(2026, 11, 22, 5, tzinfo=UTC), new)

    def told(status: str, minute: int) -> list[tuple[str, str]]:
        tell(
            home, of_other("606", status, minute, agentCode="1", copNo="XBC", preNo="", invtNo="1")
        )
        receive(home)
        stands = "SELECT l.state, o.codes FROM lists l JOIN orders o ON o.id = l.order_id"
        return table(home, stands + " WHERE l.id = :id", id=number)

    assert told("120", 5) == [("cancelled", "LIST_CANCELLED")]
    assert told("100", 6) == [("issued", "")]
    assert told("120", 4) == [("issued", "")], "late, and out of order"
    assert told("399", 7) == [("cancelled", "LIST_CANCELLED")]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("late", [False, True])
def test_what_lies_in_a_wrong_inbox_too_reaches_its_own_exporter(
    home: Home, together: bool, late: bool
) -> None:
    other = cop_nos(home, EXPORTERS[1])[0]
    told = answer(other, "399", 10 * 24 * 60 if late else 5)
    tell(home, told, exporter=EXPORTERS[0], name="wrong.xml")
    if not together:
        receive(home)
    tell(home, told, exporter=EXPORTERS[1], name="right.xml")
    receive(home)
    receive(home, "2026-12-24T12:00:00+08:00")
    assert statuses(home)[other] == "399"


def test_a_message_that_was_not_read_waits_for_its_message(home: Home) -> None:
    guid = customs_answers.guid("a message")
    inside = {"guid": guid, "returnStatus": "-999999", "returnInfo": "x", "returnTime": at(1),
              "oriCopMsgId": guid, "oriMessageType": "CEB603Message"}  # fmt: skip
    drop(home, "900.xml", customs_answers.document("900", guid, customs_answers.elements(inside)))
    tell(home, answer(cop_nos(home)[0], "2", 0))
    assert receive(home).waiting == 1
    with transaction(home.engine) as c:
        c.execute(text(
            "INSERT INTO messages (id, guid, kind, exporter, path, sha256, entities, state, attempts)"
            " VALUES (1, :guid, '603', 'dapu-ciyun', 'x', 'x', 2, 'sent', 1)"), {"guid": guid})  # fmt: skip
        c.execute(
            text("UPDATE filings SET message_id = 1 WHERE kind = '603' AND exporter = 'dapu-ciyun'")
        )
    done = receive(home)
    assert done.moved.told() == {"603 failed": 2}
    assert [statuses(home)[one] for one in cop_nos(home)] == ["4", "4"]
    assert table(home, "SELECT count(*) FROM receipts WHERE kind = '900'") == [(2,)]


@pytest.mark.parametrize(
    ("told", "held"),
    [
        ("20261122120100123", "2026-11-22T04:01:00.123000+00:00"),
        ("20261122120100", "2026-11-22T04:01:00+00:00"),
        ("20261122000000000", "2026-11-21T16:00:00+00:00"),
        ("20261322120100123", None),
        ("20260230120100123", None),
        ("2026-11-22 12:01:00", None),
        ("２０２６１１２２１２０１００", None),
        ("00000000000000000", None),
        ("00010101000000000", None),
        (None, None),
    ],
)
def test_customs_time(told: str | None, held: str | None) -> None:
    assert instant(told) == held


def test_a_time_is_the_same_by_its_minute_and_by_itself() -> None:
    """The quick way and the long one, where the offset is not eight hours as well."""
    for year in (1899, 1900, 1927, 1940, 1986, 1991, 2026):
        for rest in ("0101000000", "0504000059", "0912235959", "0415020000", "1301000000"):
            for end in ("", "000", "007", "990"):
                told = f"{year}{rest}{end}"
                assert instant(f" {told} ") == receipts._instant(told)


def test_later_answers_go_on_and_earlier_ones_look_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[set[int]] = []
    histories = standings._histories

    def noted(c: Connection) -> dict[int, list[Answer]]:
        looked.append(set(found := histories(c)))
        return found

    monkeypatch.setattr(standings, "_histories", noted)
    one, two = cop_nos(home)

    def told(*answers: customs_answers.Answer) -> tuple[list[int], list[str | None]]:
        looked.clear()
        tell(home, *answers)
        receive(home)
        with reading(home.engine) as c:
            assert standings.inconsistent(c, Rules(home.tables)) == []
        looked.pop()  # of ``inconsistent``
        return [len(some) for some in looked], list(statuses(home).values())[:2]

    assert told(answer(one, "120", 1), answer(two, "500", 4)) == ([2], ["120", "500"])
    assert told(answer(one, "399", 2), answer(two, "300", 9)) == ([], ["399", "300"])
    # At the same time as the last one, and before it: the rank decides, or the time does.
    assert told(answer(one, "100", 2), answer(two, "399", 5)) == ([2], ["399", "399"])
    assert told(answer(one, "777", 3), answer(two, "800", 10)) == ([], ["399", "800"])
    assert told(answer(one, "800", 4), answer(two, "120", 1)) == ([1], ["800", "800"])
    # Under other tables each is worked out of all its answers once more.
    with transaction(home.engine) as c:
        counters.put(c, standings.MARK, 1)
    assert told(answer(one, "899", 11)) == ([1], ["899", "800"])
    assert told(answer(two, "899", 12)) == ([1], ["899", "899"])
    assert told(answer(two, "777", 13)) == ([], ["899", "899"])


def test_what_came_before_the_digests_had_a_time_is_known(home: Home) -> None:
    one, two = cop_nos(home)
    told = [answer(one, "120", 1), answer(two, "399", 2)]
    tell(home, *told)
    receive(home)
    after = table(home, "SELECT * FROM receipts ORDER BY id")
    # As 0012 had it.
    with transaction(home.engine) as c:
        c.execute(text("UPDATE receipts SET digest = substr(digest, 17)"))
        c.execute(text("ALTER TABLE filings DROP COLUMN told_at"))
        c.execute(text("UPDATE alembic_version SET version_num = '0012'"))
    assert table(home, "SELECT * FROM receipts ORDER BY id") != after
    # That migration alone: what later ones make is there.
    config = Config()
    folder = Path(database.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    with transaction(home.engine) as c:
        config.attributes["connection"] = c
        command.upgrade(config, "0013")
        c.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": database.HEAD})
    assert table(home, "SELECT * FROM receipts ORDER BY id") == after
    tell(home, *reversed(told))
    assert receive(home).repeated == 2
