"""What a later file takes away from an earlier one is told, and the same lines are the same."""

from pathlib import Path

import polars as pl
import pytest
from pipeline_shop import Shop, order, shipment

HEAD = "流水号,变动时间,海外仓名称,商品货号,库存状态,变动类型,数量,关联单号,入库单号,原因,币制,单价"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "home")
    made.shipments("shipments.csv", shipment("A", "W1"), shipment("B", "W2"))
    return made


def told(found: pl.DataFrame, code: str) -> dict[str, object]:
    rows = found.filter(pl.col("code") == code)
    assert rows.height == 1, found
    return rows.row(0, named=True)


def test_an_order_that_was_split_over_two_files_is_noticed(shop: Shop) -> None:
    shop.orders("one.csv", order("A"), order("A", line="2", sku="XN-WR-10"), order("B"))
    shop.orders("two.csv", order("A", line="3", sku="XN-WR-17"))
    shop.work()
    said = told(shop.findings("two.csv"), "ORDER_LINES_GONE")
    assert (said["severity"], said["cell"], said["also_at"]) == ("warning", "A2", "one.csv")
    assert "XN-PCB-2L, XN-WR-10" in str(said["params"])
    first, second = shop.receipt("one.csv"), shop.receipt("two.csv")
    assert (first["accepted"], first["excluded_by_code"]) == (1, {"HEADER": 1, "REPLACED": 2})
    assert (second["accepted"], second["adds_up"], first["adds_up"]) == (1, True, True)


def test_a_correction_is_a_notice_with_the_file_it_corrects(shop: Shop) -> None:
    shop.orders("one.csv", order("A", qty="0"))
    shop.work()
    shop.orders("two.csv", order("A", qty="2"))
    shop.work()
    said = told(shop.findings("two.csv"), "ORDER_CONTENT_REPLACED")
    assert (said["severity"], said["also_at"]) == ("notice", "one.csv")
    shop.orders("three.csv", order("A", qty="3"))
    shop.work()
    assert told(shop.findings("three.csv"), "ORDER_CONTENT_REPLACED")["also_at"] == "two.csv"
    assert shop.findings("two.csv").is_empty()


def test_lines_in_another_arrangement_are_the_same_order(shop: Shop) -> None:
    one, two = order("A"), order("A", line="2", sku="XN-WR-10", qty="3")
    shop.orders("one.csv", one, order("B"), two)
    shop.work(issue=True)
    shop.orders("sorted.csv", two, one, order("B"))
    shop.work()
    assert (shop.receipt("sorted.csv")["duplicate"], shop.findings("sorted.csv").height) == (3, 0)


def test_a_change_after_issue_is_told_beside_the_line_it_was(shop: Shop) -> None:
    rows = [order("A"), order("A", line="2", sku="XN-WR-10"), order("A", line="3", sku="XN-WR-17")]
    shop.orders("one.csv", *rows)
    shop.work(issue=True)
    shop.orders("two.csv", rows[2], order("A", line="2", sku="XN-WR-10", qty="7"), rows[0])
    shop.work()
    said = told(shop.findings("two.csv"), "CHANGED_AFTER_ISSUE")
    assert (said["cell"], said["value"], said["expected"]) == ("F3", "7", "1")


def test_a_movement_number_that_stands_for_another_is_told_at_its_cell(shop: Shop) -> None:
    def movement(number: str, qty: str) -> str:
        moved = "2026-11-20 08:00:00,Sample Warehouse,XN-WR-10,SELLABLE,received"
        return f"{number},{moved},{qty},,IN-1,,,"

    for name, quantities in (("one.csv", ("5", "6")), ("two.csv", ("5", "7"))):
        rows = [movement(f"M{place}", qty) for place, qty in enumerate(quantities)]
        (shop.folder() / name).write_text("\n".join([HEAD, *rows, ""]), "utf-8")
    shop.work()
    receipt = shop.receipt("two.csv")
    assert (receipt["duplicate"], receipt["held_by_code"]) == (1, {"MOVEMENT_ID_REUSED": 1})
    assert (receipt["adds_up"], receipt["rows"]) == (True, 3)
    said = told(shop.findings("two.csv"), "MOVEMENT_ID_REUSED")
    assert (said["cell"], said["value"], said["also_at"]) == ("A3", "M1", "one.csv")
