"""Single documents: lists are found by any number, a list has one bill, filings one a message."""

import polars as pl
import pytest
from registry_steps import DAY, NOW, check, issue, upload
from sqlalchemy import Connection, Engine

from xborder.registry import database, documents, filings, versions, waybills
from xborder.registry.documents import NewDocument
from xborder.registry.staging import run


@pytest.fixture
def c(engine: Engine):
    """Three orders with issued lists; the second one's is approved."""
    with database.transaction(engine) as connection:
        upload(connection, "a", {"order_no": "1"}, {"order_no": "2"}, {"order_no": "3"})
        check(connection)
        number = "L-{}"
        told = pl.DataFrame(
            [(n, "4414980001", number.format(n), "2026-11-20") for n in (1, 2, 3)],
            schema=waybills.WAYBILLS, orient="row",
        )  # fmt: skip
        waybills.enter(connection, told)
        issue(connection)
        new = [("603", f"XB{DAY:%Y%m%d}{n:010d}", "1", n) for n in (1, 2, 3)]
        filings.enter(connection, "dapu", NOW, pl.DataFrame(new, schema=filings.NEW, orient="row"))
        run(connection, "UPDATE filings SET status = '399', customs_no = '60412026E1' WHERE id = 2")
        yield connection


def found(c: Connection, *words: str, exporter: str | None = None) -> list[tuple[str, int]]:
    return list(documents.find(c, words, exporter).select("word", "list_id").iter_rows())


def test_a_list_is_found_by_any_of_its_numbers(c: Connection) -> None:
    number = run(c, "SELECT number FROM manifests").scalar()
    cop_no = f"XB{DAY:%Y%m%d}0000000002"
    words = ("3", "L-1", cop_no.lower(), "60412026E1", "no")
    assert found(c, *words) == [("3", 3), ("L-1", 1), (cop_no.lower(), 2), ("60412026E1", 2)]
    assert [one for _, one in found(c, number)] == [1, 2, 3]
    assert found(c, "3", exporter="meixian") == []
    row = documents.find(c, ["2"]).row(0, named=True)
    assert (row["order_no"], row["status"], row["customs_no"]) == ("2", "399", "60412026E1")
    assert row["live"] is True and row["bill_no"] is None
    assert versions.is_approved(row["status"], "") and not versions.is_approved(None, None)


def test_a_list_has_one_bill_until_that_is_cancelled(c: Connection) -> None:
    rows = pl.DataFrame({"list_id": [1, 2], "logistics_no": ["L-1", "L-2"], "package_no": ["P", None]})  # fmt: skip
    number = documents.open_bill(c, "dapu", "6041", "B1", rows)
    assert documents.lists_of_bill(c, number).rows() == [(1, "L-1", "P"), (2, "L-2", None)]
    assert documents.find(c, ["1"])["bill_no"].to_list() == ["B1"]
    saved = c.begin_nested()
    with pytest.raises(documents.OnOtherBillError):
        documents.open_bill(c, "dapu", "6041", "B2", rows.tail(1))
    saved.rollback()
    documents.cancel_bill(c, number)
    assert documents.bill(c, None, "B1") == []
    documents.open_bill(c, "dapu", "6041", "B2", rows.tail(1))
    assert [one["state"] for one in documents.all_bills(c)] == ["open", "cancelled"]


def test_a_document_has_a_filing_a_message(c: Connection) -> None:
    row = documents.enter(c, NewDocument("607", "dapu", {"billNo": "B1"}, parts=2), NOW)
    assert row.cop_no == f"XD{DAY:%Y%m%d}0000000001"
    assert documents.statuses(c, row) == [None, None]
    run(c, "UPDATE filings SET status = '-1' WHERE key = :k", k=f"{row.cop_no}/2")
    assert documents.statuses(c, row) == [None, "-1"]
    assert [documents.refused(one) for one in (None, "-1", "100", "120")] == [False, True, True, False]  # fmt: skip
    for _ in range(2):
        one = documents.enter(c, NewDocument("605", "dapu", {}, list_id=2), NOW)
    assert documents.asked_to_cancel(c, 2) and not documents.asked_to_cancel(c, 1)
    assert filings.of_lists(c, [2], "605")["key"].to_list()[-1] == one.cop_no
