"""Applications in the registry, on both databases: one live application a list, refusals, results."""

import random
import re
from datetime import UTC, date, datetime

import polars as pl
import pytest
from registry_steps import NOW, check, explained, issue, upload
from sqlalchemy import Connection, Engine, text

from xborder.registry import audit, consolidations, declarations, filings
from xborder.registry.consolidations import New
from xborder.registry.database import reading, transaction

MONTH = date(2026, 11, 1)
HEAD = {"customsCode": "6041", "agentCode": "A", "ebcCode": "E", "declAgentCode": "D"}


def cleared(c: Connection, count: int = 4) -> None:
    """Issued lists of exporter dapu, numbered from 1, all cleared in November."""
    upload(c, "a", *({"order_no": f"#{one}"} for one in range(1, count + 1)))
    check(c)
    issue(c)
    listed = c.execute(text("SELECT id, cop_no FROM lists ORDER BY id")).all()
    new = pl.DataFrame(
        [("603", row.cop_no, "1", row.id) for row in listed], schema=filings.NEW, orient="row"
    )
    filings.enter(c, "dapu", NOW, new)
    c.execute(text(
        "UPDATE filings SET status = '899', status_at = '2026-11-28T00:00:00+00:00',"
        " customs_no = 'E' || CAST(list_id AS TEXT)"
    ))  # fmt: skip


def reserve(c: Connection, *parts: list[int]):
    rows = [(one, f"E{one}", at) for at, part in enumerate(parts, start=1) for one in part]
    named = pl.DataFrame(
        rows, schema={"list_id": pl.Int64, "invt_no": pl.String, "part": pl.Int64}, orient="row"
    )
    return consolidations.reserve(c, New("dapu", MONTH, HEAD, named), NOW)


def answer(c: Connection, row, part: int, status: str | None) -> int:
    c.execute(
        text("UPDATE filings SET status = :s WHERE kind = '701' AND key = :k"),
        {"s": status, "k": f"{row.cop_no}/{part}"},
    )
    return consolidations.follow(c)


def free(c: Connection) -> list[int]:
    told = consolidations.of_month(c, "dapu", MONTH)
    return told.filter(pl.col("application").is_null())["list_id"].to_list()


def result(sum_no="S1", entry="1", op_date="20261216000000000", lists=(1, 2), **head):
    said = {"sumNo": sum_no, "declSeqNo": f"D{entry}", "entryId": entry, "opDate": op_date,
            "decState": "9", "customsCode": "6041", "ebcCode": "E", "agentCode": "A",
            "declAgentCode": "D", "grossWeight": "1", "netWeight": "1"} | head  # fmt: skip
    said["SummaryResultList"] = [
        {"invtNo": f"E{one}", "logisticsNo": "L", "gseqno": "1", "gnum": "1", "gcode": "6911101100"}
        for one in lists
    ]
    return declarations.result(said)


def test_a_month_knows_its_lists(engine: Engine) -> None:
    with transaction(engine) as c:
        cleared(c)
        told = consolidations.of_month(c, "dapu", MONTH)
        assert told["list_id"].to_list() == [1, 2, 3, 4]
        assert set(told["invt_no"]) == {"E1", "E2", "E3", "E4"}
        assert not told["cancelled"].any() and not told["returned"].any()
        assert consolidations.of_month(c, "other", MONTH).is_empty()
        assert consolidations.exporters_of_month(c, MONTH) == ["dapu"]
        assert consolidations.exporters_of_month(c, date(2026, 12, 1)) == []


def test_only_the_newest_version_of_a_list_counts(engine: Engine) -> None:
    with transaction(engine) as c:
        cleared(c, 2)
        c.execute(text(
            "INSERT INTO filings (id, kind, exporter, key, version, app_type, app_time, list_id)"
            " SELECT 900, kind, exporter, key, version + 1, '2', '2026-11-29T00:00:00+00:00',"
            " list_id FROM filings WHERE list_id = 1"
        ))  # fmt: skip
        told = consolidations.of_month(c, "dapu", MONTH).select("list_id", "status").rows()
        assert told == [(1, None), (2, "899")]


def test_a_list_that_is_issued_and_not_filed_belongs_to_its_month(engine: Engine) -> None:
    with transaction(engine) as c:
        cleared(c, 3)
        c.execute(text("DELETE FROM filings WHERE list_id = 2"))
        told = consolidations.of_month(c, "dapu", MONTH)
        assert told.select("list_id", "status", "cancelled").rows() == [
            (1, "899", False), (2, None, False), (3, "899", False),
        ]  # fmt: skip
        later = consolidations.of_month(c, "dapu", date(2026, 12, 1))
        assert later["list_id"].to_list() == [], "the batch does not say flag B"


def test_the_database_keeps_a_list_from_a_second_application(engine: Engine) -> None:
    with transaction(engine) as c:
        cleared(c)
        reserve(c, [1, 2])
    with pytest.raises(Exception, match=r"(?i)unique"), transaction(engine) as c:
        reserve(c, [2, 3])
    with reading(engine) as c:
        assert free(c) == [3, 4]
        assert [row.cop_no for row in consolidations.applications(c)] == ["XB202611200000000005"]
        assert audit.verify(c) is None


def test_a_refused_piece_frees_all_but_what_customs_has_merged(engine: Engine) -> None:
    with transaction(engine) as c:
        cleared(c)
        row = reserve(c, [1, 2], [3, 4])
        assert consolidations.follow(c) == 0 and free(c) == []
        assert answer(c, row, 1, "399") == 0
        assert answer(c, row, 2, "-1001") == 2 and free(c) == [3, 4]
        # Answers come in any order: what stands follows from the statuses alone.
        assert answer(c, row, 1, "120") == 2 and free(c) == [1, 2, 3, 4]
        assert answer(c, row, 2, "120") == 4 and free(c) == []
        assert answer(c, row, 2, "100") == 4
        reserve(c, [4])
        assert answer(c, row, 2, "399") == 3 and free(c) == []
        assert c.scalar(text("SELECT count(*) FROM consolidation_lists WHERE live")) == 4


def test_of_two_refusals_that_are_overtaken_at_once_the_older_application_has_the_list(
    engine: Engine,
) -> None:
    with transaction(engine) as c:
        cleared(c)
        first = reserve(c, [1, 2])
        assert answer(c, first, 1, "100") == 2
        second = reserve(c, [2, 3])
        assert answer(c, second, 1, "100") == 2
        c.execute(text("UPDATE filings SET status = '399' WHERE kind = '701'"))
        assert consolidations.follow(c) == 3
        live = c.execute(text(
            "SELECT consolidation_id, list_id FROM consolidation_lists WHERE live ORDER BY 1, 2"
        )).all()  # fmt: skip
        assert [tuple(one) for one in live] == [(1, 1), (1, 2), (2, 3)]
        assert consolidations.follow(c) == 0


STATUSES = (None, "1", "4", "120", "100", "-1001", "399", "500", "800", "899")


def followed(c: Connection) -> tuple[object, ...]:
    """What follows from the answers as they are, undone again."""
    undone = c.begin_nested()
    changed = consolidations.follow(c)
    live = c.execute(text(
        "SELECT consolidation_id, list_id FROM consolidation_lists WHERE live ORDER BY 1, 2"
    )).all()  # fmt: skip
    said = c.execute(text("SELECT kind, subject, payload FROM audit ORDER BY seq")).all()
    undone.rollback()
    return changed, live, said


@pytest.mark.parametrize("seed", range(2))
def test_what_is_left_out_would_not_change(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    drawn, moved, fewer = random.Random(seed), 0, 0
    few = consolidations._open
    with transaction(engine) as c:
        cleared(c, 8)
        for _ in range(25):
            rows = consolidations.applications(c)
            lists = drawn.sample(free(c), len(free(c)))[: drawn.randint(1, 3)]
            if lists and drawn.random() < 0.7:
                half = drawn.randrange(len(lists))
                rows.append(reserve(c, *[one for one in (lists[:half], lists[half:]) if one]))
            for row in drawn.sample(rows, min(len(rows), drawn.randint(1, 3))):
                c.execute(
                    text("UPDATE filings SET status = :s WHERE kind = '701' AND key = :k"),
                    {"s": drawn.choice(STATUSES),
                     "k": f"{row.cop_no}/{drawn.randint(1, row.parts)}"},
                )  # fmt: skip
            fewer += len(few(c)) < len(rows)
            told = followed(c)
            with monkeypatch.context() as all_of_them:
                every = [row.id for row in rows]
                all_of_them.setattr(consolidations, "_open", lambda _: every)  # noqa: B023
                assert told == followed(c)
            moved += consolidations.follow(c) > 0
    assert moved and fewer


WHOLE = r"SCAN (k|n|f|filings|consolidations|consolidation_lists)\b(?!.*_lists_past)"
"""A step of a plan that goes through all there is."""


def test_applications_that_stand_are_not_read_again(engine: Engine) -> None:
    with transaction(engine) as c:
        if c.dialect.name == "postgresql":
            pytest.skip("PostgreSQL chooses by its statistics")
        cleared(c)
        answer(c, reserve(c, [1, 2]), 1, "399")
        with explained(c) as plans:
            assert consolidations.follow(c) == 0
        assert not [one for one in plans if re.match(WHOLE, one)], plans
        assert any("ix_filings_refused" in one for one in plans)
        assert any("ix_consolidation_lists_past" in one for one in plans)
        refused = reserve(c, [3, 4])
        with explained(c) as plans:
            assert answer(c, refused, 1, "100") == 2
        assert not [one for one in plans if re.match(WHOLE, one)], plans


def test_results_stand_row_by_row_and_repeats_change_nothing(engine: Engine) -> None:
    with transaction(engine) as c:
        cleared(c)
        row = reserve(c, [1, 2, 3, 4])
        c.execute(text("UPDATE filings SET customs_no = 'S1' WHERE kind = '701'"))
        assert declarations.take(c, result()).changed
        assert not declarations.take(c, result()).changed
        assert declarations.take(c, result(entry="2", lists=(3, 4)), "dapu").changed
        lines = declarations.lines_of(c, row.id)
        assert lines.select("list_id", "entry_id", "gnum", "gseqno").rows() == [
            (1, "1", 1, 1), (2, "1", 1, 1), (3, "2", 1, 1), (4, "2", 1, 1),
        ]  # fmt: skip
        assert declarations.of_lists(c, [3])["entry_id"].to_list() == ["2"]
        newer = result(op_date="20261217000000000", lists=(1,))
        assert declarations.take(c, newer).changed
        assert not declarations.take(c, result()).changed, "an older one changes nothing"
        assert declarations.of_lists(c, [1, 2])["list_id"].to_list() == [1]
        told = declarations.of_applications(c, [row.id])
        assert told.select("decl_seq_no", "items", "lists", "lines").rows() == [
            ("D1", 1, 1, 1), ("D2", 2, 2, 1),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "code", "field"),
    [
        (result(customsCode="5349"), declarations.CONTRADICTS, "customsCode"),
        (result(ebcCode="X"), declarations.CONTRADICTS, "ebcCode"),
        (result(lists=(1, 9)), "", ""),
        (result(lists=(9,), sum_no="S9"), declarations.UNKNOWN, "sumNo"),
    ],
)
def test_what_contradicts_is_not_taken(engine: Engine, told, code: str, field: str) -> None:
    with transaction(engine) as c:
        cleared(c)
        reserve(c, [1, 2])
        c.execute(text("UPDATE filings SET customs_no = 'S1' WHERE kind = '701'"))
        taken = declarations.take(c, told)
        assert (taken.code, taken.field, taken.changed) == (code, field, not code)
        stored = c.scalar(text("SELECT count(*) FROM declaration_lines"))
        assert stored == (0 if code else 2)


def test_a_list_of_another_application_or_exporter_is_no_part_of_a_result(engine: Engine) -> None:
    with transaction(engine) as c:
        cleared(c)
        reserve(c, [1, 2])
        other = reserve(c, [3])
        told = declarations.take(c, result(lists=(1, 2, 3), sum_no=""))
        assert (told.code, told.field) == (declarations.CONTRADICTS, "invtNo")
        assert other.cop_no in told.value
        c.execute(text("UPDATE filings SET exporter = 'other' WHERE list_id = 4"))
        told = declarations.take(c, result(lists=(1, 4), sum_no=""))
        assert (told.code, told.value) == (declarations.OTHER_EXPORTER, "E4")


@pytest.mark.parametrize("wrong", ["", "0x1", "1.5", "１", "99999999999"])
def test_a_line_number_that_is_none_is_told(wrong: str) -> None:
    entity = {"SummaryResultList": [{"invtNo": "E1", "gnum": wrong, "gcode": "6911101100"}]}
    told = declarations.result(entity)
    assert isinstance(told, declarations.Taken) and told.field == "gnum"


@pytest.mark.parametrize(
    ("entity", "field"),
    [
        ({"msgSeqNo": "one"}, "msgSeqNo"),
        ({"msgCount": "-1"}, "msgCount"),
        ({"SummaryResultList": [{"invtNo": "E1"}]}, "gnum"),
        ({"SummaryResultList": [{"gnum": "1", "gseqno": "x"}]}, "gseqno"),
        ({"SummaryResultList": [{"gnum": [{"a": "1"}]}]}, "gnum"),
    ],
)
def test_what_no_customs_writes_is_a_contradiction(entity, field: str) -> None:
    told = declarations.result(entity)
    assert isinstance(told, declarations.Taken)
    assert (told.code, told.field) == (declarations.CONTRADICTS, field)


@pytest.mark.parametrize("listed", [None, "", "text", []])
def test_a_result_without_lines_is_read(engine: Engine, listed) -> None:
    told = declarations.result({"sumNo": "S1", "SummaryResultList": listed})
    assert isinstance(told, declarations.Result) and told.lines.is_empty()
    with transaction(engine) as c:
        cleared(c)
        row = reserve(c, [1])
        c.execute(text("UPDATE filings SET customs_no = 'S1' WHERE kind = '701'"))
        assert declarations.take(c, told).changed
        assert declarations.lines_of(c, row.id).is_empty()


def test_months_are_those_of_shanghai() -> None:
    first, end = consolidations.span(date(2026, 12, 31))
    assert first.astimezone(UTC) == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert end.astimezone(UTC) == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert consolidations.previous_month(date(2026, 1, 31)) == date(2025, 12, 1)
