"""Declared line → receipt → sale (R41), exceptions, and the settlement of what is unsold (R39)."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from stock_rows import declared, move, movements

from xborder.stock import build, chain, entries, settlement

DAY = date(2026, 3, 31)


def follow(moved: pl.DataFrame, lines: pl.DataFrame, until: date = DAY) -> chain.Chain:
    return chain.follow(entries.read(moved, until).entries, lines, until)


def codes(moved: pl.DataFrame, lines: pl.DataFrame, until: date = DAY) -> list[str]:
    return build(moved, lines, until).exceptions["code"].to_list()


def test_receipts_fill_the_lines_of_their_inbound_id_oldest_first():
    lines = declared(
        {"qty": "10", "order_no": "W-1", "export_date": "2026-01-09"},
        {"qty": "10", "order_no": "W-2", "export_date": "2026-01-05"},
        {"qty": "10", "order_no": "W-3", "inbound_id": "IN-2", "export_date": "2026-01-01"},
    )
    told = follow(movements(move("2026-02-01", "received", 12, inbound_id=" in-1 ")), lines)
    by_order = {row["order_no"]: row for row in told.lines.iter_rows(named=True)}
    assert [by_order[f"W-{n}"]["in_transit"] for n in (1, 2, 3)] == [8, 0, 10]
    assert [by_order[f"W-{n}"]["state"] for n in (1, 2, 3)] == [
        "part_received", "received", "in_transit",
    ]  # fmt: skip
    assert by_order["W-2"]["link"] == "inbound"


def test_the_reference_serves_where_it_names_a_known_inbound_id():
    lines = declared({"qty": "5"}, {"qty": "5", "inbound_id": "IN-2", "order_no": "W-2"})
    told = follow(
        movements(
            move("2026-02-01", "received", 5, reference="IN-2"),
            move("2026-02-02", "received", 1, reference="something else"),
        ),
        lines,
    )
    assert dict(told.lines.select("order_no", "received").iter_rows()) == {"W-1": 1, "W-2": 5}
    assert dict(told.lines.select("order_no", "link").iter_rows()) == {
        "W-1": "fifo", "W-2": "inbound",
    }  # fmt: skip


def test_a_receipt_without_id_never_fills_a_line_that_left_later():
    lines = declared(
        {"qty": "10", "inbound_id": None, "export_date": "2026-01-05"},
        {"qty": "10", "inbound_id": None, "export_date": "2026-02-20", "order_no": "W-2"},
    )
    told = follow(
        movements(
            move("2026-01-01", "received", 4),
            move("2026-02-01", "received", 13),
            move("2026-03-01", "received", 2),
        ),
        lines,
    )
    assert told.lines["received"].to_list() == [10, 2]
    assert told.summary.select("received", "undeclared", "in_transit").row(0) == (19, 7, 8)


def test_over_short_and_unknown_receipts_are_exceptions():
    lines = declared(
        {"qty": "5", "sku": "A"}, {"qty": "5", "sku": "B"}, {"qty": "5", "sku": "C"},
        {"qty": "5", "sku": "A", "inbound_id": "IN-2", "warehouse": "LAX9", "order_no": "W-2"},
    )  # fmt: skip
    moved = movements(
        move("2026-02-01", "received", 7, inbound_id="IN-1"),
        move("2026-02-01", "received", "4.5", inbound_id="IN-1", sku="B"),
        move("2026-02-01", "received", 1, inbound_id="IN-1", sku="D"),
        move("2026-02-01", "received", 5, inbound_id="IN-2"),
        move("2026-02-01", "received", 5, inbound_id="IN-9", sku="B", row=77),
    )
    found = build(moved, lines, DAY).exceptions
    told = {
        (row["code"], row["sku"], row["inbound_id"]): (row["expected"], row["found"])
        for row in found.iter_rows(named=True)
    }
    assert told == {
        ("OVER_RECEIPT", "A", "IN-1"): (5, 7),
        ("OVER_RECEIPT", "D", "IN-1"): (0, 1),
        ("SHORT_RECEIPT", "B", "IN-1"): (5, Decimal("4.5")),
        ("SHORT_RECEIPT", "C", "IN-1"): (5, 0),
        ("INBOUND_WAREHOUSE_DIFFERS", "A", "IN-2"): (5, 5),
        ("UNKNOWN_INBOUND_ID", "B", "IN-9"): (None, 5),
    }
    unknown = found.filter(pl.col("code") == "UNKNOWN_INBOUND_ID").row(0, named=True)
    assert (unknown["upload_id"], unknown["sheet"], unknown["row"]) == (1, "S", 77)
    assert "IN-9" in unknown["message_zh"] and "IN-9" in unknown["message_en"]


def test_nothing_received_of_an_inbound_is_in_transit_not_short():
    assert codes(movements(), declared({"qty": "5", "export_date": "2026-03-30"})) == []


def test_sales_use_the_oldest_units_and_reach_the_declared_line():
    lines = declared(
        {"qty": "10"},
        {"qty": "10", "inbound_id": "IN-2", "order_no": "W-2", "export_date": "2026-01-20"},
    )
    moved = movements(
        move("2026-01-01", "opening", 3),
        move("2026-02-01", "received", 10, inbound_id="IN-1"),
        move("2026-02-10", "received", 8, inbound_id="IN-2"),
        move("2026-02-11", "sold", 9),
        move("2026-02-12", "lost", 2),
        move("2026-02-13", "sold", 4),
    )
    told = follow(moved, lines).lines
    assert told.select("sold", "gone", "in_stock", "in_transit").rows() == [
        (8, 2, 0, 0),
        (2, 0, 6, 2),
    ]


def test_a_return_takes_back_a_sale_and_a_transfer_within_the_warehouse_none():
    moved = movements(
        move("2026-02-01", "received", 10, inbound_id="IN-1"),
        move("2026-02-02", "sold", 4),
        move("2026-02-03", "returned", 1, disposition="UNSELLABLE"),
        move("2026-02-04", "transfer_out", 2),
        move("2026-02-04", "transfer_in", 2, disposition="UNSELLABLE"),
    )
    told = follow(moved, declared({"qty": "10"})).lines
    assert told.select("sold", "gone", "in_stock").row(0) == (3, 0, 7)


def test_what_was_issued_after_the_day_is_not_yet_declared():
    lines = declared(
        {"qty": "5", "issued_at": "2026-03-31T23:30:00+08:00"},
        {"qty": "7", "issued_at": "2026-03-31T16:30:00+00:00", "order_no": "W-2"},
    )
    assert follow(movements(), lines).lines["declared"].to_list() == [5]


def test_an_unreadable_declared_line_is_told():
    report = build(movements(), declared({"qty": "five"}, {"qty": "5"}), DAY)
    assert report.exceptions["code"].to_list() == ["DECLARED_LINE_UNREADABLE"]
    assert report.in_transit["in_transit"].to_list() == [5]


def test_stock_and_sales_of_other_exporters_stay_apart():
    lines = declared({"qty": "5"}, {"qty": "5", "exporter": "meixian"})
    moved = movements(move("2026-02-01", "received", 5, inbound_id="IN-1", exporter="meixian"))
    assert dict(follow(moved, lines).lines.select("exporter", "received").iter_rows()) == {
        "dapu": 0, "meixian": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("exported", "due"),
    [
        (date(2025, 1, 26), None),
        (date(2025, 1, 27), date(2026, 4, 30)),
        (date(2025, 12, 31), date(2026, 4, 30)),
        (date(2026, 1, 1), date(2027, 4, 30)),
    ],
)
def test_settlement_is_due_on_april_30_of_the_year_after(exported, due):
    assert settlement.deadline(exported) == due


@pytest.mark.parametrize(
    ("day", "alert", "code"),
    [
        (date(2026, 2, 28), None, []), (date(2026, 3, 1), "DUE_60", ["SETTLEMENT_DUE"]),
        (date(2026, 3, 31), "DUE_30", ["SETTLEMENT_DUE"]),
        (date(2026, 4, 23), "DUE_7", ["SETTLEMENT_DUE"]),
        (date(2026, 4, 30), "DUE_7", ["SETTLEMENT_DUE"]),
        (date(2026, 5, 1), "OVERDUE", ["SETTLEMENT_OVERDUE"]),
    ],
)  # fmt: skip
def test_unsold_lines_are_listed_with_their_deadline(day, alert, code):
    lines = declared({"qty": "5", "export_date": "2025-06-01", "issued_at": "2025-06-01"})
    moved = movements(
        move("2025-07-01", "received", 5, inbound_id="IN-1"), move("2025-07-02", "sold", 2)
    )
    report = build(moved, lines, day)
    row = report.settlement.row(0, named=True)
    assert (row["unsold"], row["in_stock"], row["deadline"]) == (3, 3, date(2026, 4, 30))
    assert (row["alert"], row["basis"]) == (alert, "inference")
    assert report.exceptions["code"].to_list() == code


def test_a_sold_out_line_is_settled():
    lines = declared({"qty": "5"})
    moved = movements(
        move("2026-02-01", "received", 5, inbound_id="IN-1"), move("2026-02-02", "sold", 5)
    )
    assert build(moved, lines, DAY).settlement.height == 0
