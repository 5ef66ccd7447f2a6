"""A clean order becomes a list; each fault is told at the cell that must change."""

import dataclasses
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from xborder import findings
from xborder.checks import check_orders
from xborder.schemas import tables


def codes(result: Any) -> set[str]:
    return set(result.found.get_column("code").to_list())


def only(result: Any, code: str) -> dict[str, Any]:
    rows = result.found.filter(pl.col("code") == code)
    assert rows.height == 1, result.found.get_column("code").to_list()
    return rows.row(0, named=True)


def test_a_clean_order_becomes_a_list(world: Any) -> None:
    result = check_orders(world.lines(), world.context())
    assert codes(result) == {"US_NO_DE_MINIMIS", "US_FDA_TABLEWARE"}, result.found
    assert result.orders.row(0, named=True) == {
        "shop": "us", "order_no": "#1001", "state": "accepted", "route": "list", "codes": "",
    }  # fmt: skip
    head = result.heads.row(0, named=True)
    assert (head["country"], head["fCurrency"], head["orderType"]) == ("502", "502", "E")
    assert (head["goodsValue"], head["netWeight"], head["ieDate"]) == ("19", "0.6", "20261123")
    item = result.items.row(0, named=True)
    assert (item["qty"], item["qty1"], item["price"], item["totalPrice"]) == (
        "2",
        "0.6",
        "9.5",
        "19",
    )
    assert (item["gcode"], item["barCode"], item["gnum"]) == ("6911101900", "无", 1)


@pytest.mark.parametrize("line_total", [None, "20", "18"])
def test_a_discount_counts_once_whether_the_total_is_before_or_after_it(
    world: Any, line_total: str | None
) -> None:
    lines = world.lines(
        {"qty": "2", "unit_price": "10", "line_total": line_total, "line_discount": "2"}
    )
    result = check_orders(lines, world.context())
    item = result.items.row(0, named=True)
    assert (item["price"], item["totalPrice"]) == ("9", "18")


@pytest.mark.parametrize(
    ("change", "code", "cell_of"),
    [
        ({"sku": "NOPE"}, "SKU_NOT_IN_CATALOGUE", "sku"),
        ({"unit_price": None}, "AMOUNT_MISSING", "unit_price"),
        ({"line_total": "20"}, "LINE_TOTAL_DIFFERS", "line_total"),
        ({"qty": "-1"}, "QUANTITY_NOT_POSITIVE", "qty"),
        ({"qty": "0"}, "QUANTITY_NOT_POSITIVE", "qty"),
        ({"country": "CN"}, "COUNTRY_IS_CHINA", "country"),
        ({"unit": "035"}, "LINE_UNIT_DIFFERS", "unit"),
        ({"order_type": "B"}, "ORDER_TYPE_AGAINST_MODE", "order_type"),
        ({"hs_code": "6912001000"}, "LINE_HS_CODE_DIFFERS", "hs_code"),
    ],
)
def test_a_fault_of_the_line_is_told_at_its_cell(
    world: Any, change: dict[str, Any], code: str, cell_of: str
) -> None:
    from xborder.schemas import columns

    result = check_orders(world.lines(change), world.context())
    told = only(result, code)
    letter = findings.column_letter(columns("order_line").index(cell_of))
    assert (told["cell"], told["column"], told["file"]) == (
        f"{letter}2",
        f"h_{cell_of}",
        "orders.csv",
    )
    assert result.orders.item(0, "state") == "held"
    assert code in result.orders.item(0, "codes")
    assert result.heads.is_empty()


def test_a_fault_of_the_catalogue_names_both_places(world: Any) -> None:
    result = check_orders(
        world.lines(), world.context(goods=world.goods({"hs_code": "6911101999"}))
    )
    told = only(result, "HS_CODE_NOT_IN_TARIFF")
    assert (told["file"], told["sheet"], told["cell"]) == ("商品.xlsx", "商品 Goods", "B5")
    assert told["also_at"] == "orders.csv R2"
    assert told["upload_id"] == 9


def test_an_unknown_heading_warns_unless_the_tariff_is_complete(world: Any) -> None:
    unknown = world.goods({"hs_code": "0101210010"})
    result = check_orders(world.lines(), world.context(goods=unknown))
    assert only(result, "HS_CODE_OUTSIDE_TABLE")["severity"] == "warning"
    whole = dataclasses.replace(
        next(one for one in tables.packaged().entries if one.name == "tariff_ceramics"),
        name="tariff", complete=True, origin="home",
    )  # fmt: skip
    result = check_orders(
        world.lines(), world.context(goods=unknown, tables=tables.combined((whole,)))
    )
    assert only(result, "HS_CODE_NOT_IN_TARIFF")["value"] == "0101210010"
    assert "HS_CODE_OUTSIDE_TABLE" not in codes(result)
    assert result.orders.item(0, "state") == "held"


def test_a_fault_of_the_shipment_names_both_places(world: Any) -> None:
    result = check_orders(
        world.lines(), world.context(shipments=world.shipments({"gross_weight": "0.5"}))
    )
    told = only(result, "NET_ABOVE_GROSS")
    assert (told["file"], told["value"], told["expected"]) == ("发货.xlsx", "0.5", "0.6")


def test_a_fault_of_the_profile_names_the_file(world: Any) -> None:
    profile = world.exporter(world.shop(mode="1210"))
    result = check_orders(world.lines(), world.context(exporter=profile))
    told = only(result, "MODE_NOT_ENABLED")
    assert (told["file"], told["column"], told["also_at"]) == (
        "exporters/dapu.toml", "mode", "orders.csv R2",
    )  # fmt: skip


def test_an_order_without_shipment_waits(world: Any) -> None:
    result = check_orders(world.lines({"order_no": "#2"}), world.context())
    assert only(result, "AWAITING_SHIPMENT")["order_no"] == "#2"
    assert result.orders.item(0, "state") == "held"


def test_a_bad_line_holds_its_order_and_no_other(world: Any) -> None:
    rows = [{"order_no": "#1001"}, {"order_no": "#1001", "qty": "x"}, {"order_no": "#1002"}]
    parcels = world.shipments({}, {"order_no": "#1002", "logistics_no": "SF1002"})
    result = check_orders(world.lines(*rows), world.context(shipments=parcels))
    assert dict(result.orders.select("order_no", "state").rows()) == {
        "#1001": "held", "#1002": "accepted",
    }  # fmt: skip


def test_two_parcels_of_one_order_are_held_with_a_proposed_split(world: Any) -> None:
    parcels = world.shipments({}, {"logistics_no": "SF1001B"})
    result = check_orders(world.lines(), world.context(shipments=parcels))
    told = findings.explain(only(result, "SEVERAL_PARCELS"))
    assert "#1001-1" in str(told["fix_en"])


def test_more_than_a_hundred_lines_are_held_with_a_proposed_split(world: Any) -> None:
    result = check_orders(world.lines(*({} for _ in range(101))), world.context())
    told = findings.explain(only(result, "ORDER_TOO_MANY_LINES"))
    assert "101" in str(told["message_en"]) and "2" in str(told["fix_en"])


def test_one_logistics_number_at_two_orders_holds_both(world: Any) -> None:
    parcels = world.shipments({}, {"order_no": "#1002"})
    result = check_orders(world.lines({}, {"order_no": "#1002"}), world.context(shipments=parcels))
    assert result.orders.get_column("state").to_list() == ["held", "held"]
    assert codes(result) >= {"LOGISTICS_NO_TWICE"}


@pytest.mark.parametrize(("left", "held"), [("2026-05-24", True), ("2026-05-22", False)])
def test_a_logistics_number_stays_taken_for_six_months(world: Any, left: str, held: bool) -> None:
    taken = pl.DataFrame(
        {
            "logistics_code": ["4404960T09"],
            "logistics_no": ["SF1001"],
            "exporter": ["other"],
            "shop": ["s"],
            "order_no": ["#7"],
            "export_date": [left],
        }
    )
    result = check_orders(world.lines(), world.context(waybills=taken))
    assert ("LOGISTICS_NO_REUSED" in codes(result)) is held


def test_the_order_discount_is_shared_to_the_cent(world: Any) -> None:
    rows = [{"qty": "1", "unit_price": "10", "order_discount": "1"}] + [
        {"qty": "1", "unit_price": "10"} for _ in range(2)
    ]
    result = check_orders(world.lines(*rows), world.context())
    totals = [Decimal(total) for total in result.items.get_column("totalPrice")]
    assert sum(totals) == Decimal("29")
    assert sorted(totals) == [Decimal("9.66"), Decimal("9.67"), Decimal("9.67")]
    assert result.heads.item(0, "goodsValue") == "29"


def test_lines_of_one_order_must_agree_on_its_head(world: Any) -> None:
    result = check_orders(world.lines({}, {"country": "GB"}), world.context())
    told = only(result, "ORDER_HEAD_DIFFERS")
    assert (told["row"], told["value"], told["expected"]) == (3, "GB", "US")


def test_what_the_reading_told_holds_the_order_too(world: Any) -> None:
    told = pl.DataFrame({"shop": ["us"], "order_no": ["#1001"], "code": ["ID_SCIENTIFIC_NOTATION"]})
    result = check_orders(world.lines(), world.context(), told)
    assert result.orders.item(0, "state") == "held"
    assert result.orders.item(0, "codes") == "ID_SCIENTIFIC_NOTATION"
