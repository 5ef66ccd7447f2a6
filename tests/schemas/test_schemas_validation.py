"""What is found, where, and under which code."""

import dataclasses
import sys

import polars as pl
import pytest

from xborder import findings, schemas
from xborder.schemas import validation

NAMES = [
    *("order_line", "goods", "shipment", "warehouse_movement"),
    *("clearance_list_head", "clearance_list_item"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_good_row_has_no_violation(name, check):
    assert check(name) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_required_value_is_missed_by_name(name, check, good):
    required = schemas.schema(name)["required"]
    for column in required:
        assert (column, "VALUE_MISSING") in check(name, **{column: None}), column
    empty = pl.DataFrame({"not a column of it": ["x"]})
    found = schemas.violations(name, empty)
    assert set(required) <= set(found["field"])


CASES = [
    ("order_line", {"qty": "0"}, "qty", "QUANTITY_NOT_POSITIVE"),
    ("order_line", {"qty": "-3"}, "qty", "QUANTITY_NOT_POSITIVE"),
    ("order_line", {"qty": "two"}, "qty", "NOT_A_NUMBER"),
    ("order_line", {"qty": "NaN"}, "qty", "NOT_A_NUMBER"),
    ("order_line", {"qty": "1e309"}, "qty", "NOT_A_NUMBER"),
    ("order_line", {"qty": "１２"}, "qty", "NOT_A_NUMBER"),
    ("order_line", {"qty": "1_000"}, "qty", "NOT_A_NUMBER"),
    ("order_line", {"qty": "12\n"}, "qty", "NOT_A_NUMBER"),
    ("order_line", {"qty": "9" * 200}, "qty", "NUMBER_TOO_LONG"),
    ("order_line", {"qty": "9" * 15}, "qty", "NUMBER_TOO_LONG"),
    ("order_line", {"qty": "1.000001"}, "qty", "NUMBER_TOO_LONG"),
    ("order_line", {"unit_price": "-1"}, "unit_price", "NUMBER_TOO_SMALL"),
    ("order_line", {"order_no": "订单1"}, "order_no", "ORDER_NO_CHARACTERS"),
    ("order_line", {"order_no": "SO-1\n"}, "order_no", "ORDER_NO_CHARACTERS"),
    ("order_line", {"order_no": "S" * 61}, "order_no", "TEXT_TOO_LONG"),
    ("order_line", {"sku": "S" * 21}, "sku", "TEXT_TOO_LONG"),
    ("order_line", {"sku": "A\u200b1"}, "sku", "TEXT_CHARACTERS"),
    ("order_line", {"sku": "A\x00"}, "sku", "TEXT_CHARACTERS"),
    ("order_line", {"goods_name": " 碗"}, "goods_name", "TEXT_CHARACTERS"),
    ("order_line", {"ordered_at": "05/04/2026"}, "ordered_at", "DATE_FORMAT"),
    ("order_line", {"ordered_at": "2026-02-29"}, "ordered_at", "DATE_FORMAT"),
    ("order_line", {"ordered_at": "2026-04-05T21:06:21"}, "ordered_at", "DATE_FORMAT"),
    ("order_line", {"currency": "RMB"}, "currency", "CURRENCY_UNKNOWN"),
    ("order_line", {"country": "USA"}, "country", "COUNTRY_UNKNOWN"),
    ("order_line", {"country": "CN"}, "country", "COUNTRY_IS_CHINA"),
    ("order_line", {"unit": "999"}, "unit", "UNIT_UNKNOWN"),
    ("order_line", {"order_type": "X"}, "order_type", "CODE_UNKNOWN"),
    ("order_line", {"hs_code": "6911.10"}, "hs_code", "HS_CODE_FORMAT"),
    ("order_line", {"unit_price": None, "line_total": None}, "line_total", "AMOUNT_MISSING"),
    ("goods", {"hs_code": "69111019"}, "hs_code", "HS_CODE_FORMAT"),
    ("goods", {"hs_code": "691110190\u0660"}, "hs_code", "HS_CODE_FORMAT"),
    ("goods", {"unit2": "011"}, "qty2_per_unit", "SECOND_UNIT_INCOMPLETE"),
    ("goods", {"qty2_per_unit": "1"}, "unit2", "SECOND_UNIT_INCOMPLETE"),
    ("goods", {"producer_code": "441"}, "producer_code", "COMPANY_CODE_FORMAT"),
    ("goods", {"producer_code": "NO"}, "producer_name", "COUNTERPART_MISSING"),
    ("goods", {"rebate": "yes"}, "rebate", "CODE_UNKNOWN"),
    ("shipment", {"pieces": "1.5"}, "pieces", "NUMBER_TOO_LONG"),
    ("shipment", {"pieces": "2.0"}, "pieces", "NUMBER_TOO_LONG"),
    ("shipment", {"pieces": "0"}, "pieces", "NUMBER_TOO_SMALL"),
    ("shipment", {"gross_weight": "0"}, "gross_weight", "NUMBER_NOT_POSITIVE"),
    ("shipment", {"wrap_type": "22"}, "wrap_type", "CODE_UNKNOWN"),
    ("shipment", {"transport_mode": "10"}, "transport_mode", "CODE_UNKNOWN"),
    ("shipment", {"destination_port": "9999"}, "destination_port", "PORT_UNKNOWN"),
    ("shipment", {"destination_port": "USLAX"}, "destination_port", "FORMAT_WRONG"),
    ("shipment", {"freight_currency": None}, "freight_currency", "COUNTERPART_MISSING"),
    ("shipment", {"logistics_no": "1" * 33}, "logistics_no", "TEXT_TOO_LONG"),
    ("warehouse_movement", {"qty": "-1"}, "qty", "QUANTITY_NOT_POSITIVE"),
    ("warehouse_movement", {"movement_type": "eaten"}, "movement_type", "CODE_UNKNOWN"),
    ("clearance_list_head", {"tradeMode": "0110"}, "tradeMode", "CODE_UNKNOWN"),
    ("clearance_list_head", {"tradeMode": "1210"}, "emsNo", "BONDED_DATA_MISSING"),
    ("clearance_list_head", {"country": "US"}, "country", "COUNTRY_UNKNOWN"),
    ("clearance_list_head", {"country": "142"}, "country", "COUNTRY_IS_CHINA"),
    ("clearance_list_head", {"fCurrency": "USD"}, "fCurrency", "CURRENCY_UNKNOWN"),
    ("clearance_list_head", {"ieDate": "20260431"}, "ieDate", "DATE_FORMAT"),
    ("clearance_list_head", {"customsCode": "9999"}, "customsCode", "CODE_UNKNOWN"),
    ("clearance_list_head", {"ebpName": ""}, "ebpName", "VALUE_MISSING"),
    ("clearance_list_item", {"gcode": "691110"}, "gcode", "HS_CODE_FORMAT"),
    ("clearance_list_item", {"unit2": "011"}, "qty2", "SECOND_UNIT_INCOMPLETE"),
    ("clearance_list_item", {"gnum": "0"}, "gnum", "NUMBER_TOO_SMALL"),
]


@pytest.mark.parametrize(("name", "changed", "field", "code"), CASES)
def test_a_fault_has_its_field_and_code(name, changed, field, code, check):
    assert (field, code) in check(name, **changed)
    assert {one for one, _ in check(name, **changed)} <= {field, *changed} | {
        *("iacCode", "iacName", "qty2_per_unit", "unit2", "qty2", "producer_name")
    }


def test_what_may_be_below_zero_or_without_an_offset(check):
    assert check("warehouse_movement", movement_type="other", qty="-4") == []
    assert check("order_line", ordered_at="2028-02-29") == []
    assert check("order_line", qty="1.500000000") == []


FAMILIES = [
    ({"food_contact": None}, {("food_contact", "FOOD_CONTACT_UNDECLARED")}),
    ({"hs_code": "6913100000", "food_contact": None}, set()),
    ({"hs_code": "6999000000"}, {("hs_code", "HS_HEADING_UNKNOWN")}),
    ({"family": "furniture"}, {("family", "FAMILY_NOT_OF_HEADING")}),
    ({"family": "ceramics"}, set()),
    (
        {"hs_code": "8518210000"},
        {("battery", "HAZARD_UNDECLARED"), ("magnet", "HAZARD_UNDECLARED")},
    ),
    ({"hs_code": "8518210000", "battery": "none", "magnet": "Y"}, set()),
    (
        {"hs_code": "8507600090", "battery": "none", "magnet": "N"},
        {("battery", "BATTERY_CONTRADICTS_HEADING")},
    ),
    (
        {"hs_code": "9403609990"},
        {
            ("wood_species_zh", "WOOD_SPECIES_MISSING"),
            ("wood_species_latin", "WOOD_SPECIES_MISSING"),
        },
    ),
    (
        {"hs_code": "9403609990", "wood_species_zh": "辐射松", "wood_species_latin": "辐射松"},
        {("wood_species_latin", "WOOD_SPECIES_FORMAT")},
    ),
    (
        {
            "hs_code": "4420109090",
            "wood_species_zh": "香樟",
            "wood_species_latin": "Cinnamomum camphora",
        },
        set(),
    ),
    ({"hs_code": "9403200000"}, set()),
    (
        {"hs_code": "9401790000", "material": "实木", "wood_species_zh": "橡木"},
        {("wood_species_latin", "WOOD_SPECIES_MISSING")},
    ),
    ({"hs_code": "9403820000"}, set()),
    ({"hs_code": "4420101200"}, set()),
    (
        {"hs_code": "8211910000", "food_contact": None},
        {("food_contact", "FOOD_CONTACT_UNDECLARED")},
    ),
    ({"hs_code": "3924100000", "food_contact": None}, set()),
    ({"hs_code": "3924100000", "family": "industrial"}, {("family", "FAMILY_NOT_OF_HEADING")}),
]


@pytest.mark.parametrize(("changed", "expected"), FAMILIES)
def test_the_heading_brings_the_rules_of_its_family(changed, expected, check):
    assert set(check("goods", **changed)) == expected


def test_violations_are_columnar_ordered_and_complete(good):
    bad = good["order_line"] | {"qty": "x", "currency": "RMB", "sku": None}
    rows = pl.DataFrame([good["order_line"], bad, good["order_line"]]).with_columns(
        pl.lit("x").alias("unknown column")
    )
    found = schemas.violations("order_line", rows)
    assert dict(found.schema) == schemas.VIOLATIONS
    assert found.select("row", "field", "keyword", "value").rows() == [
        (1, "sku", "required", None),
        (1, "qty", "type", "x"),
        (1, "currency", "x-table", "RMB"),
    ]
    assert schemas.violations("order_line", rows.clear()).is_empty()


def test_a_home_s_tables_decide(good):
    held = schemas.tables.packaged()
    entries = tuple(
        one
        if one.name != "currency"
        else dataclasses.replace(one, read=lambda rows=one.rows: rows.head(1), sha256="other")
        for one in held.entries
    )
    rows = pl.DataFrame([good["order_line"]])
    found = schemas.violations("order_line", rows, schemas.Tables(entries))
    assert found["code"].to_list() == ["CURRENCY_UNKNOWN"]


def test_without_the_rust_wheel_the_answer_is_the_same(good, monkeypatch):
    bad = [
        good["goods"] | {"hs_code": "9403609990", "unit2": "x"},
        good["goods"] | {"rebate": None},
    ]
    rows = pl.DataFrame(bad, schema=dict.fromkeys(schemas.columns("goods"), pl.String()))
    fast = schemas.violations("goods", rows)
    monkeypatch.setitem(sys.modules, "xborder.schemas.fast_checker", None)
    monkeypatch.setattr(validation, "_COMPILED", {})
    slow = schemas.violations("goods", rows)
    kinds = {type(one).__name__ for one in validation._COMPILED.values()}
    assert kinds == {"SlowChecker"}
    assert fast.equals(slow) and fast.height >= 5


def test_an_issued_list_is_checked_as_a_whole(good):
    item = good["clearance_list_item"] | {
        column: schemas.numbers.parse(good["clearance_list_item"][column])
        for column in ("gnum", "qty", "qty1", "price", "totalPrice")
    }
    head = good["clearance_list_head"] | {
        column: schemas.numbers.parse(good["clearance_list_head"][column])
        for column in ("freight", "insuredFee", "packNo", "grossWeight", "netWeight")
    }
    issued = head | {
        "guid": "A0EEBC99-9C0B-5EF8-BB6D-6BB9BD380A11",
        "appType": "1",
        "appTime": "20260408101500",
        "appStatus": "2",
        "copNo": "XB202604080000000001",
        "items": [item],
    }
    assert schemas.document_violations("clearance_list", issued) == []

    def codes(changed):
        found = schemas.document_violations("clearance_list", issued | changed)
        return {(one.path, one.code) for one in found}

    assert codes({"guid": issued["guid"].lower()}) == {("guid", "FORMAT_WRONG")}
    assert codes({"copNo": "X" * 31}) == {("copNo", "TEXT_TOO_LONG")}
    assert codes({"items": []}) == {("items", "LINES_OUT_OF_RANGE")}
    assert codes({"items": [item] * 101}) == {("items", "LINES_OUT_OF_RANGE")}
    assert codes({"items": [item | {"itemNo": ""}]}) >= {("items[0].itemNo", "VALUE_MISSING")}
    bonded = {"tradeMode": "1210", "iacCode": "4414960XX2", "iacName": "区内", "emsNo": "L1"}
    assert codes(bonded) == {("items[0].itemRecordNo", "BONDED_DATA_MISSING")}


def test_every_code_that_can_come_is_in_the_catalogue():
    assert set(validation._CODES.values()) <= set(findings.catalogue())
    assert {"NOT_A_NUMBER", "NUMBER_TOO_LONG"} <= set(findings.catalogue())
