"""From cleared lists to declarations: rehearsal, application, customs' result, comparison."""

import io
import re
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from consolidation_homes import (
    EXPORTER,
    MONTH,
    answered,
    applied,
    cleared,
    differences,
    heads,
    rehearsed,
    result,
    take,
)
from lxml import etree
from sqlalchemy import text

from xborder.clock import fixed
from xborder.manifests import receipt_reader
from xborder.manifests.consolidation import application, merging, overview, preview, rehearsal
from xborder.registry import consolidations, counters, declarations
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home, open_home

DUE = "2026-12-10T10:00:00+08:00"


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of twelve cleared lists of two goods lines each, to two countries; not changed."""
    folder = tmp_path_factory.mktemp("consolidation") / "home"
    rows = heads(12)
    for row in rows:
        row["country"] = "303" if row["list_id"] % 2 else "502"
    cleared(folder, rows, 2).engine.dispose()
    return folder


@pytest.fixture
def home(twelve: Path, tmp_path: Path) -> Home:
    """The same for one test to change."""
    shutil.copytree(twelve, tmp_path / "home")
    return open_home(tmp_path / "home")


def reasons(opened, month=MONTH) -> dict[str, int]:
    told = rehearsed(opened, month).found.excluded["reason"].value_counts()
    return dict(told.iter_rows())


# -- eligibility (R13)


def test_every_list_of_the_month_is_eligible_or_has_its_reason(tmp_path: Path) -> None:
    rows = heads(12)
    rows[0]["statisticsFlag"] = "A"
    rows[1] |= {"tradeMode": "1210", "iacCode": "4414960IAC", "emsNo": "T6041"}
    home = cleared(tmp_path / "home", rows)
    with transaction(home.engine) as c:
        answered(c, status="800", lists="list_id = 3")
        answered(c, at="2026-10-30T03:00:00+00:00", lists="list_id = 4")
        c.execute(text("UPDATE filings SET customs_no = NULL WHERE kind = '603' AND list_id = 5"))
        for number, (key, status) in enumerate(
            [(6, "120"), (7, None), (8, "100"), (9, "-625009")], start=900
        ):
            c.execute(text(
                "INSERT INTO filings (id, kind, exporter, key, version, app_type, app_time, list_id,"
                " status) VALUES (:id, '605', :e, :key, 1, '1', '2026-11-29T00:00:00+00:00', :l, :s)"
            ), {"id": number, "e": EXPORTER, "key": f"C{key}", "l": key, "s": status})  # fmt: skip
    found = rehearsed(home).found
    told = dict(found.excluded.select("list_id", "reason").iter_rows())
    assert told == {
        **{1: "FLAG_A", 2: "MODE", 3: "NOT_CLEARED", 4: "OTHER_MONTH", 5: "NO_NUMBER"},
        **{6: "CANCELLED", 7: "CANCELLED"},
    }
    assert sorted(found.heads["list_id"]) == [8, 9, 10, 11, 12]
    assert set(told) | set(found.heads["list_id"]) == set(range(1, 13))
    # The list that was cleared in October belongs to that month.
    october = rehearsed(home, MONTH.replace(month=10)).found
    assert october.heads["list_id"].to_list() == [4]


@pytest.mark.parametrize(
    ("at", "eligible"),
    [
        ("2026-10-31T15:59:59.999000+00:00", False),
        ("2026-10-31T16:00:00+00:00", True),
        ("2026-11-30T15:59:59.999000+00:00", True),
        ("2026-11-30T16:00:00+00:00", False),
    ],
)
def test_a_month_is_that_of_shanghai(tmp_path: Path, at: str, eligible: bool) -> None:
    home = cleared(tmp_path / "home", heads(1))
    with transaction(home.engine) as c:
        answered(c, at=at)
    assert (rehearsed(home).found.heads.height == 1) is eligible


def test_1210_is_consolidated_where_the_setting_says_so(tmp_path: Path) -> None:
    rows = heads(2)
    rows[1] |= {"tradeMode": "1210", "iacCode": "4414960IAC", "emsNo": "T6041"}
    home = cleared(tmp_path / "home", rows, consolidated_modes=("9610", "1210"))
    told = rehearsed(home)
    assert told.merged.declarations["tradeMode"].to_list() == ["1210", "9610"]
    assert told.merged.declarations["application"].to_list() == [1, 2]


def test_a_list_that_comes_back_whole_is_not_eligible_and_one_in_part_is(home) -> None:
    with transaction(home.engine) as c:
        for number, (list_id, back) in enumerate([(1, ("2", "2")), (2, ("2", "1.99999"))], 900):
            c.execute(text(
                "INSERT INTO documents (id, kind, exporter, cop_no, app_type, app_time, head, parts,"
                " list_id) VALUES (:id, '213', :e, :key, '1', '2026-11-29T00:00:00+00:00', '{}', 1,"
                " :l)"
            ), {"id": number, "e": EXPORTER, "key": f"R{list_id}", "l": list_id})  # fmt: skip
            for gnum, qty in enumerate(back, start=1):
                c.execute(text(
                    "INSERT INTO return_items (document_id, gnum, qty, item)"
                    " VALUES (:id, :gnum, :qty, '{}')"
                ), {"id": number, "gnum": gnum, "qty": qty})  # fmt: skip
            c.execute(text(
                "INSERT INTO filings (id, kind, exporter, key, version, app_type, app_time, list_id,"
                " status) VALUES (:id, '213', :e, :key, 1, '1', '2026-11-29T00:00:00+00:00', :l,"
                " '399')"
            ), {"id": number, "e": EXPORTER, "key": f"R{list_id}", "l": list_id})  # fmt: skip
    assert reasons(home) == {"RETURNED": 1}
    assert rehearsed(home).found.excluded["list_id"].to_list() == [1]
    with transaction(home.engine) as c:
        c.execute(text("UPDATE filings SET status = '-625209' WHERE kind = '213'"))
    assert reasons(home) == {}


# -- the rehearsal and its workbook


def test_the_same_state_makes_the_same_bytes(home) -> None:
    with fixed("2026-12-09T10:00:00+08:00"):
        first = preview.write(rehearsed(home), home.tables)
    with fixed("2026-12-11T23:00:00+08:00"):
        again = rehearsed(home)
        assert preview.write(again, home.tables) == first
    where = rehearsal.place(EXPORTER, MONTH)
    names = rehearsal.write(home.store, again, first, *where)
    assert {name.rpartition("/")[2] for name in names} == {
        "declarations.parquet", "lines.parquet", "items.parquet", "excluded.parquet",
        "statistics.parquet", "preview.xlsx",
    }  # fmt: skip
    before = {name: home.store.read_bytes(name.split("/")) for name in names}
    rehearsal.write(home.store, rehearsed(home), first, *where)
    assert {name: home.store.read_bytes(name.split("/")) for name in names} == before


def test_the_workbook_shows_each_declaration_its_lines_and_the_items_behind(home) -> None:
    with transaction(home.engine) as c:
        answered(c, status="500", lists="list_id = 12")
    told = rehearsed(home)
    book = openpyxl.load_workbook(io.BytesIO(preview.write(told, home.tables)))
    assert book.sheetnames == [
        "汇总 Summary", "报关单 Declarations", "商品项 Lines", "清单商品 List items",
        "不汇总 Not eligible",
    ]  # fmt: skip
    summary = {row[0].value: row[2].value for row in book["汇总 Summary"].iter_rows(min_row=4)}
    assert summary["申报期限"] == "2026-12-15"
    assert (summary["报关单份数"], summary["清单数"], summary["清单商品项"]) == (2, 11, 22)
    assert summary["502"] == 22 * 49.98
    for sheet, frame in (("报关单 Declarations", told.merged.declarations),
                         ("商品项 Lines", told.merged.lines),
                         ("清单商品 List items", told.merged.items),
                         ("不汇总 Not eligible", told.found.excluded)):  # fmt: skip
        titles = [cell.value for cell in book[sheet][1]]
        assert book[sheet].max_row == frame.height + 1
        assert all("\n" in title for title in titles), "heads are in both languages"
    (line,) = [row for row in book["商品项 Lines"].iter_rows(min_row=2, values_only=True)
               if row[0] == 1]  # fmt: skip
    assert line[2:4] == ("6911101100", "瓷制茶杯") and line[12] == 12 * 49.98


def test_flag_a_is_counted_not_declared(tmp_path: Path) -> None:
    rows = heads(3, statisticsFlag="A")
    rows[2]["statisticsFlag"] = "B"
    home = cleared(tmp_path / "home", rows, 2)
    told = rehearsed(home)
    assert told.merged.items["list_id"].to_list() == [3, 3]
    (row,) = told.statistics.to_dicts()
    assert (row["heading"], row["country"], row["lists"], row["lines"]) == ("6911", "502", 2, 4)
    assert row["totalPrice"] == row["value_usd"] == Decimal("199.92")
    rate = home.tables.cny_rate("USD", date(2026, 11, 28))
    assert row["value_cny"] == Decimal("199.92") * rate


def test_a_currency_without_a_rate_has_no_value_and_is_counted(tmp_path: Path) -> None:
    from xborder.manifests.consolidation import statistics

    home = cleared(tmp_path / "home", heads(1, statisticsFlag="A"))
    goods = rehearsed(home).found.flag_a.with_columns(currency=pl.lit("999"))
    (row,) = statistics.of_flag_a(goods, home.tables).to_dicts()
    assert (row["lines"], row["value_cny"], row["value_usd"]) == (1, None, None)


# -- the application (CEB701)


def test_lists_are_named_by_number_never_by_period(home, official_schema) -> None:
    (row,) = applied(home)
    content = home.store.read_bytes([*row.folder.split("/"), "CEB701_0001.xml"])
    official_schema.assertValid(etree.fromstring(content))
    (message,) = receipt_reader.read(content)
    (entity,) = message.entities
    assert "startTime" not in entity and "endTime" not in entity
    numbers = [one["invtNo"] for one in entity["SummaryApplyList"]]
    assert numbers == sorted(rehearsed_numbers(home, row))
    assert (entity["copNo"], entity["summaryFlag"], entity["msgCount"]) == (row.cop_no, "2", "1")


def rehearsed_numbers(home, row) -> list[str]:
    with reading(home.engine) as c:
        return consolidations.lists_of(c, row.id)["invt_no"].to_list()


def test_an_application_goes_in_pieces_without_a_gap(tmp_path: Path) -> None:
    home = cleared(tmp_path / "home", heads(7), summary_lists=3)
    (row,) = applied(home)
    said = []
    for number in (1, 2, 3):
        content = home.store.read_bytes([*row.folder.split("/"), f"CEB701_{number:04d}.xml"])
        (message,) = receipt_reader.read(content)
        (entity,) = message.entities
        said.append((entity["msgCount"], entity["msgSeqNo"], len(entity["SummaryApplyList"])))
    assert said == [("3", "1", 3), ("3", "2", 3), ("3", "3", 1)]
    with reading(home.engine) as c:
        assert [one.content for one in application.render(c, row)] == [
            home.store.read_bytes([*row.folder.split("/"), f"CEB701_{number:04d}.xml"])
            for number in (1, 2, 3)
        ]
        keys = c.execute(text("SELECT key FROM filings WHERE kind = '701' ORDER BY id")).scalars()
        assert list(keys) == [f"{row.cop_no}/{part}" for part in (1, 2, 3)]


PROFILE = """
id = "dapu-ciyun"
name = "大埔瓷韵陶瓷有限公司"
code = "4414960XXX"
dxp_id = "DXPENT0000000001"

[sending]
transport = "outbox"

[[shops]]
id = "shopify-us"
channel = "shopify"
mode = "9610"
statistics_flag = "B"
customs_code = "6041"
port_code = "5349"
platform_code = "无"
platform_name = "Shopify"
decl_agent_code = "4414980T90"
decl_agent_name = "梅州示范报关有限公司"
consolidate_by_name = true
"""


@pytest.mark.parametrize("sends", [True, False])
def test_messages_are_queued_or_lie_there_for_the_client(home, sends: bool) -> None:
    if sends:
        (home.settings.exporters / "dapu-ciyun.toml").write_text(PROFILE, "utf-8")
        home = open_home(home.settings.home)
        assert home.broken_profiles == {}
    (row,) = applied(home)
    with reading(home.engine) as c:
        told = c.execute(text(
            "SELECT m.kind, m.state, m.transport, m.entities, m.path, f.key FROM messages m"
            " JOIN filings f ON f.message_id = m.id"
        )).all()  # fmt: skip
    state = ("queued", None) if sends else ("sent", "none")
    path = f"{row.folder}/CEB701_0001.xml"
    assert [tuple(one) for one in told] == [("701", *state, 1, path, f"{row.cop_no}/1")]
    # The profile says who declares, and whether names count.
    declares = row.head["declAgentCode"], row.head["itemNameFlag"]
    assert declares == (("4414980T90", "1") if sends else ("4414960XXX", "0"))


def test_a_list_is_in_one_live_application(home) -> None:
    (row,) = applied(home)
    assert applied(home) == []
    assert reasons(home) == {"APPLIED": 12}
    with pytest.raises(Exception, match=r"(?i)unique"), transaction(home.engine) as c:
        new = consolidations.New(
            EXPORTER, MONTH, {},
            pl.DataFrame({"list_id": [1], "invt_no": ["x"], "part": [1]}),
        )  # fmt: skip
        consolidations.reserve(c, new, row.app_time)
    with reading(home.engine) as c:
        assert len(consolidations.applications(c)) == 1


def test_a_month_is_rehearsed_while_others_write(home, monkeypatch: pytest.MonkeyPatch) -> None:
    """And when one of them applied for its lists meanwhile, it is rehearsed once more."""
    write, times = preview.write, []

    def beside(*told):
        times.append(1)
        with transaction(home.engine) as c:
            counters.put(c, "another writer", len(times))
        return write(*told)

    def meanwhile(name: str) -> None:
        monkeypatch.setattr(application, "crash_point", lambda _name: None)
        assert name == "consolidation-rehearsed"
        assert len(application.apply(home, EXPORTER, MONTH).rows) == 1

    monkeypatch.setattr(preview, "write", beside)
    monkeypatch.setattr(application, "crash_point", meanwhile)
    with fixed(DUE):
        assert application.apply(home, EXPORTER, MONTH).rows == []
    assert len(times) == 2
    with reading(home.engine) as c:
        assert len(consolidations.applications(c)) == 1


def test_a_refusal_frees_the_lists_and_a_later_answer_takes_them_back(tmp_path: Path) -> None:
    home = cleared(tmp_path / "home", heads(6), summary_lists=3)
    (row,) = applied(home)

    def answer(part: int, status: str) -> int:
        with transaction(home.engine) as c:
            c.execute(text("UPDATE filings SET status = :s WHERE key = :k"),
                      {"s": status, "k": f"{row.cop_no}/{part}"})  # fmt: skip
            return consolidations.follow(c)

    assert answer(1, "120") == 0
    assert answer(2, "100") == 6  # the application comes to nothing: all lists are free
    assert reasons(home) == {}
    assert answer(2, "100") == 0
    assert answer(2, "399") == 6
    assert reasons(home) == {"APPLIED": 6}
    assert answer(2, "-625009") == 6
    (again,) = applied(home)
    assert again.cop_no != row.cop_no and again.lists == 6
    assert answer(2, "399") == 0, "the lists are in another application by now"


def test_lists_whose_fees_cannot_be_summed_wait_for_the_operator(tmp_path: Path) -> None:
    rows = heads(4)
    rows[0] |= {"freight": "3", "fCurrency": "300"}
    rows[1] |= {"freight": "3", "fCurrency": "502"}
    rows[3] |= {"country": "303"}
    home = cleared(tmp_path / "home", rows)
    (notice,) = rehearsed(home).notices
    assert notice.code == "FEES_NOT_MERGED"
    with fixed(DUE):
        done = application.apply(home, EXPORTER, MONTH)
        assert (done.held, [row.lists for row in done.rows]) == (3, [1])
        done = application.apply(home, EXPORTER, MONTH, with_held=True)
        assert (done.held, [row.lists for row in done.rows]) == (0, [3])


def test_merging_by_consignor_alone_is_told(tmp_path: Path) -> None:
    rows = heads(2)
    rows[1]["ownerCode"] = "NO"
    home = cleared(tmp_path / "home", rows, summary_flag="1")
    told = rehearsed(home)
    assert told.merged.declarations.height == 1
    assert [one.code for one in told.notices] == ["SUMMARY_BY_CONSIGNOR"]


def test_two_exporters_never_meet(tmp_path: Path) -> None:
    rows = heads(3) + [row | {"list_id": row["list_id"] + 3} for row in heads(
        2, exporter="fengshun-sheng", order_no="F1")]  # fmt: skip
    for number, row in enumerate(rows[3:], start=1):
        row |= {"order_no": f"F{number}", "orderNo": f"F{number}",
                "logisticsNo": f"FS{number:010d}CN"}  # fmt: skip
    home = cleared(tmp_path / "home", rows)
    (mine,), (other,) = applied(home), applied(home, "fengshun-sheng")
    assert (mine.lists, other.lists) == (3, 2)
    with transaction(home.engine) as c:
        told = result(mine, c, lists=[mine, other])
        assert take(c, told).code == "CONSOLIDATION_OTHER_EXPORTER"
        assert take(c, told, "fengshun-sheng").code == "CONSOLIDATION_OTHER_EXPORTER"
        assert c.execute(text("SELECT count(*) FROM declaration_lines")).scalar() == 0


# -- customs' result (CEB792)


def test_a_result_that_names_no_lines_declares_none(home) -> None:
    (row,) = applied(home)
    with transaction(home.engine) as c:
        content = result(row, c, declaration=1)
        bare = re.sub(
            rb"<ceb:SummaryResultList>.*</ceb:SummaryResultList>", b"", content, flags=re.DOTALL
        )
        # Without lines only customs' number of the application says whose it is.
        assert take(c, bare).code == "RECEIPT_UNKNOWN_DOCUMENT"
        c.execute(text("UPDATE filings SET customs_no = 'S60412026000000001' WHERE kind = '701'"))
        assert take(c, bare).changed
        (told,) = overview.shown(c, home)
        assert (told["state"], told["differences"]) == ("partly_declared", [])
        for number in (1, 2):
            take(c, result(row, c, declaration=number, opDate="20261217000000000"))
        (told,) = overview.shown(c, home)
        assert (told["state"], len(told["declarations"])) == ("declared", 2)


def test_a_result_as_rehearsed_differs_in_nothing(home, official_schema) -> None:
    (row,) = applied(home)
    with transaction(home.engine) as c:
        for number in (1, 2):
            content = result(row, c, declaration=number)
            official_schema.assertValid(etree.fromstring(content))
            assert take(c, content).changed
        assert differences(home, c, row) == []
        lines = declarations.lines_of(c, row.id)
        assert lines.height == 24 and lines["list_id"].null_count() == 0
        told = declarations.of_applications(c, [row.id])
    assert told["entry_id"].to_list() == ["604120260000000001", "604120260000000002"]
    assert told["items"].to_list() == [12, 12] and told["lines"].to_list() == [1, 1]


def test_repeats_and_older_results_change_nothing(home) -> None:
    (row,) = applied(home)
    with transaction(home.engine) as c:
        early = result(row, c, declaration=1, opDate="20261216100000000", entryId="")
        late = result(row, c, declaration=1, opDate="20261217100000000")
        assert take(c, late).changed
        stood = declarations.lines_of(c, row.id)
        for again in (late, early, late.replace(b'guid="', b'guid="A')):
            assert not take(c, again).changed
            assert declarations.lines_of(c, row.id).equals(stood)
        c.execute(text("DELETE FROM declaration_lines"))
        c.execute(text("DELETE FROM summary_results"))
        # The other way round the same stands in the end.
        assert take(c, early).changed and take(c, late).changed
        assert declarations.lines_of(c, row.id).equals(stood)
        assert differences(home, c, row) != [], "the second declaration is not told yet"


def test_a_result_without_line_numbers_is_taken_and_compared_by_declaration(home) -> None:
    (row,) = applied(home)
    with transaction(home.engine) as c:
        for number in (1, 2):
            assert take(c, result(row, c, declaration=number, gseqno=None)).changed
        assert declarations.lines_of(c, row.id)["gseqno"].null_count() == 24
        assert differences(home, c, row) == []


def test_every_difference_is_a_finding(home) -> None:
    (row,) = applied(home)
    with transaction(home.engine) as c:

        def found(*contents) -> list[str]:
            c.execute(text("DELETE FROM declaration_lines"))
            c.execute(text("DELETE FROM summary_results"))
            for content in contents:
                assert take(c, content).changed
            return [one.code for one in differences(home, c, row)]

        whole = [result(row, c, declaration=number) for number in (1, 2)]
        assert found() == [], "nothing is told yet"
        assert found(*whole) == []
        assert found(whole[0]) == ["CONSOLIDATION_ITEM_MISSING"] * 12

        def less(rows):
            return rows[1:]

        assert found(result(row, c, declaration=1, change=less), whole[1]) == [
            "CONSOLIDATION_ITEM_MISSING"
        ]

        def twice(rows):
            return [*rows, rows[0] | {"gseqno": "2"}]

        assert found(result(row, c, declaration=1, change=twice), whole[1]) == [
            "CONSOLIDATION_ITEM_TWICE"
        ]

        def parted(rows):
            return [*rows[:-1], rows[-1] | {"gseqno": "2"}]

        assert (
            found(result(row, c, declaration=1, change=parted), whole[1])
            == ["CONSOLIDATION_MERGED_OTHERWISE"] * 2
        )

        def coded(rows):
            return [rows[0] | {"gcode": "6912001000"}, *rows[1:]]

        assert found(result(row, c, declaration=1, change=coded), whole[1]) == [
            "CONSOLIDATION_CODE_DIFFERS"
        ]

        def strange(rows):
            return [*rows, rows[0] | {"invtNo": "60412026E999999999", "gnum": "1"}]

        assert found(result(row, c, declaration=1, change=strange), whole[1]) == [
            "CONSOLIDATION_LIST_UNKNOWN"
        ]
        # All in one declaration: other lines than rehearsed.
        joined = result(row, c)
        assert set(found(joined)) == {"CONSOLIDATION_MERGED_OTHERWISE"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ebcCode": "9999999999"}, "CONSOLIDATION_CONTRADICTS"),
        ({"customsCode": "5349"}, "CONSOLIDATION_CONTRADICTS"),
        ({"agentCode": "9999999999"}, "CONSOLIDATION_CONTRADICTS"),
        ({"declAgentCode": "9999999999"}, "CONSOLIDATION_CONTRADICTS"),
    ],
)
def test_a_result_that_contradicts_its_application_changes_nothing(home, changed, code) -> None:
    (row,) = applied(home)
    with transaction(home.engine) as c:
        told = take(c, result(row, c, declaration=1, **changed))
        assert (told.code, told.changed) == (code, False)
        assert told.field in changed and told.value != told.expected
        assert c.execute(text("SELECT count(*) FROM summary_results")).scalar() == 0


def test_a_result_of_nothing_that_is_known_waits(home) -> None:
    (row,) = applied(home)
    with transaction(home.engine) as c:

        def strange(rows):
            return [one | {"invtNo": f"60412026E9{one['invtNo'][-8:]}"} for one in rows]

        told = take(c, result(row, c, declaration=1, change=strange))
        assert told.code == "RECEIPT_UNKNOWN_DOCUMENT"
        assert take(c, result(row, c, declaration=1), "fengshun-sheng").code == told.code


def test_the_rehearsal_of_an_application_holds(home) -> None:
    (row,) = applied(home)
    assert row.folder == f"consolidations/{EXPORTER}/2026-11/{row.cop_no}"
    items = home.store.read_parquet(*row.folder.split("/"), "items.parquet")
    assert items.select("list_id", "gnum").is_unique().all() and items.height == 24
    told = rehearsed(home)
    assert merging.faults(told.found.heads, told.found.items, told.merged) == []


def test_a_message_that_was_changed_or_is_gone_is_told(home) -> None:
    (row,) = applied(home)
    assert application.problems(home) == []
    place = [*row.folder.split("/"), "CEB701_0001.xml"]
    whole = home.store.read_bytes(place)
    home.store.write_bytes(place, whole.replace(b"E000000001", b"E000000002"))
    assert application.problems(home) == [
        f"consolidation {row.cop_no}: CEB701_0001.xml was changed"
    ]
    home.store.path(*place).unlink()
    assert application.problems(home) == [f"consolidation {row.cop_no}: CEB701_0001.xml is missing"]
