"""Bills, cancellations, corrections and returns: what an operator files after the lists."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from lxml import etree
from manifest_samples import NAMESPACE, head_rows
from sending_homes import HEADS, OUTBOX, sending_home

from xborder.clock import fixed
from xborder.crashpoints import CRASH_AT
from xborder.manifests import bills, cancellations, filing, returns, sending
from xborder.manifests.bills import Bill
from xborder.manifests.returns import Return
from xborder.registry import audit, documents, filings, lists
from xborder.registry.database import reading, transaction
from xborder.registry.staging import run

AT = "2026-11-23T09:00:00+08:00"
FIRST, OTHER = "XB60412026112200001", "XB60412026112200002"
SAID = f"""{OUTBOX}
documents = ["507", "509", "215"]
operator_code = "4414980OPX"
operator_name = "梅州示例监管场所"
"""
BILL = Bill("112-12345678", voyage_no="CZ303", traf_name="B-1234", domestic_traf_no="粤M12345")


@pytest.fixture
def home(tmp_path):
    """A home whose lists are sent, and approved by customs."""
    made = sending_home(tmp_path, SAID)
    with fixed(AT):
        sending.send(made)
        answered(made)
        yield made
    with reading(made.engine) as c:
        assert audit.verify(c) is None


def answered(home, status="399", where="kind = '603'"):
    """Customs answers what is filed."""
    with transaction(home.engine) as c:
        run(
            c,
            f"UPDATE filings SET status = '{status}', customs_no = CASE WHEN kind = '603'"
            f" THEN '60412026E' || substr('000000000' || list_id, -9) END WHERE {where}",
        )


def cop_nos(home, exporter="dapu-ciyun"):
    with reading(home.engine) as c:
        return list(run(c, "SELECT l.cop_no FROM lists l JOIN manifests m ON m.id = l.manifest_id WHERE m.exporter = :e ORDER BY l.id", e=exporter).scalars())  # fmt: skip  # noqa: E501


def left(home, kind, conforms, exporter="dapu-ciyun"):
    """The messages of a kind that were sent, parsed, in their order."""
    sending.send(home)
    with reading(home.engine) as c:
        told = run(c, "SELECT reference FROM messages WHERE kind = :k AND exporter = :e ORDER BY id", k=kind, e=exporter)  # fmt: skip  # noqa: E501
        names = list(told.scalars())
    found = [(home.settings.home / "outbox" / exporter / name).read_bytes() for name in names]
    for one in found:
        conforms(one)
    return [etree.fromstring(one) for one in found]


def texts(root, element):
    return [one.text for one in root.iter(f"{NAMESPACE}{element}")]


def refused(code, doing, *told, **more):
    with pytest.raises(filing.RefusedError) as caught:
        doing(*told, **more)
    assert caught.value.code == code, str(caught.value)
    return str(caught.value)


def count(home, table):
    with reading(home.engine) as c:
        return run(c, f"SELECT count(*) FROM {table}").scalar()


def test_lists_leave_under_a_bill_then_arrive_and_depart(home, conforms):
    filed = bills.depart(home, [FIRST], BILL)
    assert (filed.kind, filed.exporter, filed.lists) == ("607", "dapu-ciyun", 5)
    (sheet,) = left(home, "607", conforms)
    assert texts(sheet, "logisticsNo") == [f"XB{n:010d}CN" for n in range(1, 6)]
    assert texts(sheet, "gnum") == ["1", "2", "3", "4", "5"]
    assert texts(sheet, "grossWeight") == ["12"]
    assert texts(sheet, "copNo") == [filed.cop_no] and len(filed.cop_no) == 20
    assert (texts(sheet, "msgCount"), texts(sheet, "msgSeqNo")) == (["1"], ["1"])
    refused("BILL_NOT_ARRIVED", bills.left, home, BILL.bill_no)
    bills.arrived(home, BILL.bill_no)
    answered(home, "800", "kind = '603' AND list_id > 2")
    said = refused("BILL_NOT_RELEASED", bills.left, home, BILL.bill_no)
    assert cop_nos(home)[0] in said and "2 of the 5" in said
    answered(home, "899", "kind = '603' AND list_id <= 2")
    bills.left(home, BILL.bill_no)
    (arrival,), (departure,) = left(home, "507", conforms), left(home, "509", conforms)
    assert texts(arrival, "operatorCode") == ["4414980OPX"]
    assert texts(arrival, "domesticTrafNo") == ["粤M12345"]
    assert texts(departure, "leaveTime") == ["20261123090000"]
    assert len(texts(arrival, "logisticsNo")) == len(texts(departure, "logisticsNo")) == 5
    with reading(home.engine) as c:
        asked = "SELECT kind, key, list_id, message_id IS NULL FROM filings WHERE kind IN ('507', '509', '607') ORDER BY kind"  # noqa: E501
        found = run(c, asked).all()
        assert [one[0] for one in found] == ["507", "509", "607"]
        assert found[2][1:3] == (f"{filed.cop_no}/1", None) and not found[2][3]
        (told,) = documents.all_bills(c)
        assert (told["bill_no"], told["lists"], len(told["509"])) == (BILL.bill_no, 5, 1)


def test_a_large_bill_goes_in_pieces(tmp_path, conforms):
    home = sending_home(tmp_path, SAID, bill_lists=2)
    with fixed(AT):
        sending.send(home)
        answered(home)
        filed = bills.depart(home, [FIRST], BILL)
        sheets = left(home, "607", conforms)
    assert [len(texts(one, "logisticsNo")) for one in sheets] == [2, 2, 1]
    assert [texts(one, "msgSeqNo") for one in sheets] == [["1"], ["2"], ["3"]]
    assert {tuple(texts(one, "msgCount")) for one in sheets} == {("3",)}
    guids = [one.get("guid") for one in sheets]
    assert len(set(guids)) == 3
    with reading(home.engine) as c:
        keys = run(c, "SELECT key, message_id FROM filings WHERE kind = '607' ORDER BY id").all()
    assert [key for key, _ in keys] == [f"{filed.cop_no}/{n}" for n in (1, 2, 3)]
    assert len({message for _, message in keys}) == 3


def test_what_may_not_travel_together_is_refused_and_nothing_is_left_behind(home):
    mine, theirs = cop_nos(home), cop_nos(home, "xingning-gongju")
    refused("LIST_UNKNOWN", bills.depart, home, [mine[0], "none"], BILL)
    said = refused("BILL_MIXED", bills.depart, home, [mine[0], theirs[0]], BILL)
    assert "dapu-ciyun" in said
    refused("BILL_INCOMPLETE", bills.depart, home, [mine[0]], Bill("1"))
    answered(home, "120", "kind = '603' AND list_id = 2")
    refused("LIST_NOT_APPROVED", bills.depart, home, [FIRST], BILL)
    bills.depart(home, [mine[0]], BILL)
    refused("LIST_ON_OTHER_BILL", bills.depart, home, [mine[0]], Bill("2", "V", "T"))
    assert (count(home, "bills"), count(home, "documents")) == (1, 1)


def test_by_road_nothing_travels_in_the_plane_that_the_lists_name():
    names = ("customsCode", "agentCode", "agentName", "logisticsCode", "logisticsName", "loctNo")
    plane = {"trafMode": "5", "trafName": "B-1234", "voyageNo": "CZ303", "grossWeight": "2"}
    heads = pl.DataFrame([dict.fromkeys(names, "x") | plane])
    listed = filing.Listed(pl.DataFrame(), heads)
    assert bills._head(listed, Bill("1"))["trafName"] == "B-1234"
    assert bills._head(listed, Bill("1", traf_mode="5"))["voyageNo"] == "CZ303"
    for said in (Bill("1", "V1", traf_mode="4"), Bill("1", "V1", " ", "4")):
        assert "trafName" in refused("BILL_INCOMPLETE", bills._head, listed, said)
    assert bills._head(listed, Bill("1", "V1", "粤M12345", "4"))["trafName"] == "粤M12345"


def test_the_database_holds_that_a_list_has_one_bill(home):
    with transaction(home.engine) as c:
        rows = documents.lists_of_bill(c, 0)
    bills.depart(home, [FIRST], BILL)
    with transaction(home.engine) as c:
        rows = documents.lists_of_bill(c, 1)
        with pytest.raises(documents.OnOtherBillError):
            documents.open_bill(c, "dapu-ciyun", "6041", "2", rows.head(1))


def test_a_bill_that_is_cancelled_lets_its_lists_go(home, conforms):
    first = bills.depart(home, [FIRST], BILL)
    bills.arrived(home, BILL.bill_no)
    refused("BILL_TOLD_ALREADY", bills.arrived, home, BILL.bill_no)
    refused("BILL_TOLD_ALREADY", bills.cancel, home, BILL.bill_no)
    answered(home, "100", "kind = '507'")
    bills.cancel(home, BILL.bill_no)
    told, gone = left(home, "607", conforms)
    assert (texts(told, "appType"), texts(gone, "appType")) == (["1"], ["3"])
    assert texts(gone, "copNo") == [first.cop_no]
    again = bills.depart(home, [FIRST], BILL)
    assert again.cop_no != first.cop_no
    with reading(home.engine) as c:
        versions = run(c, "SELECT version, app_type FROM filings WHERE key = :k ORDER BY 1", k=f"{first.cop_no}/1")  # fmt: skip  # noqa: E501
        assert versions.all() == [(1, "1"), (2, "3")]


def test_who_does_not_file_arrivals_is_told(tmp_path):
    home = sending_home(tmp_path)
    with fixed(AT):
        sending.send(home)
        answered(home)
        refused("BILL_UNKNOWN", bills.arrived, home, BILL.bill_no)
        bills.depart(home, [FIRST], BILL)
        refused("NOT_FILED_HERE", bills.arrived, home, BILL.bill_no)
        refused("NOT_FILED_HERE", bills.left, home, BILL.bill_no)


def test_an_approved_list_is_cancelled_by_its_number(home, conforms):
    cop_no = cop_nos(home)[1]
    (told,) = cancellations.cancel(home, ["#1002"], "买家取消 & <退款>", "dapu-ciyun")
    assert (told.cop_no, told.order_no) == (cop_no, "#1002")
    (message,) = left(home, "605", conforms)
    assert texts(message, "invtNo") == ["60412026E000000002"]
    assert texts(message, "reason") == ["买家取消 & <退款>"]
    assert texts(message, "copNo") == [told.document]
    refused("CANCELLATION_UNDER_WAY", cancellations.cancel, home, [cop_no], "x")
    answered(home, "100", "kind = '605'")
    (again,) = cancellations.cancel(home, ["60412026E000000002"], "x")
    assert again.document != told.document
    with transaction(home.engine) as c:
        (of_list,) = (
            filings.of_lists(c, [2], "605").filter(pl.col("status").is_null()).rows(named=True)
        )
        assert of_list["key"] == again.document
        assert lists.cancelled(c, [2]) == 1
    refused("LIST_NOT_LIVE", bills.depart, home, [cop_no], BILL)


def test_what_has_left_is_not_cancelled(home):
    answered(home, "899", "kind = '603' AND list_id = 2")
    assert "899" in refused(
        "LIST_CLEARED", cancellations.cancel, home, ["#1002"], "x", "dapu-ciyun"
    )
    assert count(home, "documents") == 0


def test_what_customs_has_not_approved_is_not_cancelled(home):
    answered(home, "120")
    refused("LIST_NOT_APPROVED", cancellations.cancel, home, [FIRST], "x")
    refused("REASON_LENGTH", cancellations.cancel, home, [FIRST], "x" * 1001)
    refused("NOTHING_TO_AMEND", cancellations.amend, home, ["#1001"], "dapu-ciyun")
    refused("NOTHING_TO_AMEND", cancellations.ignore, home, ["#1001"], "dapu-ciyun")
    refused("NOTHING_TO_RESEND", cancellations.resend, home, ["#1001"], "dapu-ciyun")
    answered(home, "899")
    refused("LIST_APPROVED", cancellations.amend, home, ["#1001"], "dapu-ciyun")
    assert count(home, "documents") == 0


def test_one_order_number_of_two_shops_is_ambiguous(tmp_path):
    home = sending_home(tmp_path, SAID, [*head_rows(2), *head_rows(2, exporter="xingning-gongju")])
    with fixed(AT):
        refused("LIST_AMBIGUOUS", cancellations.resend, home, ["#1001"])
        refused("NOTHING_TO_RESEND", cancellations.resend, home, ["#1001"], "dapu-ciyun")


WAY_BACK = {"voyageNo": "CZ304", "trafName": "B-4321", "billNo": "112-87654321"}


def test_goods_come_back_by_the_lists_own_lines(home, conforms):
    cop_no = cop_nos(home)[0]
    (told,) = returns.file(home, [Return(cop_no, {1: "0.5"}, "质量问题", WAY_BACK)])
    assert told.warnings == ()
    (message,), (entered,) = left(home, "213", conforms), left(home, "215", conforms)
    assert texts(message, "coElNo") == [told.document]
    assert (texts(message, "gnum"), texts(message, "gcode")) == (["1"], ["6911101100"])
    assert (texts(message, "qty"), texts(message, "qty1")) == (["0.5"], ["0.21"])
    assert texts(message, "ieFlag") == texts(entered, "ieFlag") == ["I"]
    assert texts(message, "invtNo") == texts(entered, "invtNo") == ["60412026E000000001"]
    # 2 were declared, half a piece came back.
    said = refused("RETURN_TOO_MUCH", returns.file, home, [Return(cop_no, {1: "1.50001"}, "x", WAY_BACK)])  # fmt: skip
    assert "1.5 " in said
    returns.file(home, [Return(cop_no, {1: "1.5"}, "x", WAY_BACK)])
    refused("RETURN_TOO_MUCH", returns.file, home, [Return(cop_no, {1: "0.00001"}, "x", WAY_BACK)])
    answered(home, "-625209", "kind = '213'")
    returns.file(home, [Return(cop_no, {1: "2"}, "x", WAY_BACK)])


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"items": {2: "1"}}, "RETURN_LINE_UNKNOWN"),
        ({"items": {1: "0"}}, "RETURN_QUANTITY"),
        ({"items": {1: "-1"}}, "RETURN_QUANTITY"),
        ({"items": {1: "1e-6"}}, "RETURN_QUANTITY"),
        ({"items": {1: "NaN"}}, "RETURN_QUANTITY"),
        ({"items": {1: "一"}}, "RETURN_QUANTITY"),
        ({"items": {}}, "RETURN_ITEMS"),
        ({"items": {n: "1" for n in range(1, 102)}}, "RETURN_ITEMS"),
        ({"reason": " "}, "REASON_LENGTH"),
        ({"reason": "x" * 501}, "REASON_LENGTH"),
        ({"said": {}}, "BILL_INCOMPLETE"),
        ({"word": FIRST}, "LIST_AMBIGUOUS"),
        ({"word": "none"}, "LIST_UNKNOWN"),
    ],
)
def test_a_return_that_cannot_be_is_refused(home, changed, code):
    said = {"word": cop_nos(home)[0], "items": {1: "1"}, "reason": "x", "said": WAY_BACK}
    fine = Return(**said)
    refused(code, returns.file, home, [fine, Return(**(said | changed))])
    assert (count(home, "documents"), count(home, "messages")) == (0, 8), "all of them or none"


def test_without_a_transport_the_client_has_them(tmp_path):
    home = sending_home(tmp_path, 'transport = "none"')
    with fixed(AT), transaction(home.engine) as c:
        from xborder.registry import manifests

        filings.of_manifest(c, home.store, manifests.get(c, 1))
    with fixed(AT):
        answered(home)
        cancellations.cancel(home, [cop_nos(home)[0]], "x")
    with reading(home.engine) as c:
        (row,) = run(c, "SELECT state, transport, reference, path FROM messages").all()
    assert row[:2] == ("sent", "none") and row[2] == row[3]
    assert home.store.exists(*row[3].split("/"))


RUN = """
import sys
from xborder import settings
from xborder.manifests import bills, cancellations, returns
from xborder.manifests.bills import Bill
from xborder.manifests.returns import Return
from xborder.registry.database import connect
from xborder.registry.home import Home
from xborder.registry.store import Store
said = settings.load()
home = Home(said, connect(said.database), Store(said.storage))
what = sys.argv[1]
if what == "depart":
    bills.depart(home, ["XB60412026112200001"], Bill("B1", "V1", "T1"))
elif what == "cancel":
    cancellations.cancel(home, ["#1002"], "x", "dapu-ciyun")
else:
    returns.file(home, [Return("60412026E000000001", {1: "1"}, "x", {"voyageNo": "V", "trafName": "T"})])
"""


@pytest.mark.parametrize(
    ("what", "point"),
    [
        ("depart", "bill-opening"),
        pytest.param("cancel", "document-filing", marks=pytest.mark.slow),
        pytest.param("return", "returns-filing", marks=pytest.mark.slow),
    ],
)
def test_killed_before_its_end_it_can_be_done_again(tmp_path, what, point):
    told = []
    for name, points in (("whole", [""]), ("broken", [point, ""])):
        home = sending_home(tmp_path / name, SAID, HEADS)
        with fixed(AT):
            sending.send(home)
            answered(home)
        for one in points:
            done = subprocess.run(
                [sys.executable, "-c", RUN, what],
                env=os.environ | {"XBORDER_HOME": str(tmp_path / name), "XBORDER_NOW": AT, CRASH_AT: one},
                cwd=Path(__file__).parents[2], capture_output=True, check=False,
            )  # fmt: skip
            assert done.returncode == (-signal.SIGKILL if one else 0), done.stderr.decode()
        with reading(home.engine) as c:
            rows = run(c, "SELECT guid, kind, sha256, path FROM messages ORDER BY id").all()
            told.append([rows, run(c, "SELECT kind, key, version FROM filings ORDER BY id").all()])
    assert told[0] == told[1]
