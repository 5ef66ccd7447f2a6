"""Magnets and lithium batteries: what each asks for by air, by post and otherwise (R43, R44)."""

from typing import Any

import pytest

from xborder.checks import check_orders
from xborder.schemas import tables

DRIVER = {
    "sku": "D", "hs_code": "8518290000", "gmodel": "1|0|未装箱|配件|示范牌|W4", "unit": "007",
    "unit1": "007", "qty1_per_unit": "1", "unit2": "035", "qty2_per_unit": "0.5",
    "net_weight": "0.5", "battery": "none", "magnet": "Y", "food_contact": None,
}  # fmt: skip
SPEAKER = DRIVER | {"hs_code": "8518210000"}
TESTED = {"magnet_report_no": "CX-1", "magnet_field_2m1": "0.159"}
STRONG = {"magnet_report_no": "CX-1", "magnet_field_2m1": "0.15901"}

EARBUDS = {
    "sku": "E", "hs_code": "8517629400", "gmodel": "蓝牙耳机 示范牌", "unit": "001", "unit1": "001",
    "qty1_per_unit": "1", "unit2": "035", "qty2_per_unit": "0.06", "net_weight": "0.06",
    "battery": "in_equipment", "magnet": "N", "food_contact": None,
}  # fmt: skip
PAPERS = {"un38_3_no": "SZ-1", "battery_wh": "0.37"}
POWER_BANK = EARBUDS | PAPERS | {"hs_code": "8507600090", "battery": "alone", "unit": "007",
                                 "unit1": "007"}  # fmt: skip
AIR, POST, SEA, ROAD = "5", "6", "2", "4"

RULES = ("MAGNET", "BATTERY", "UN38", "HAZARD")


def told(world: Any, goods: dict[str, Any], mode: str) -> tuple[set[str], str]:
    """The codes that hazards bring, and what holds the order."""
    parcel = world.shipments({"gross_weight": "9", "transport_mode": mode})
    result = check_orders(
        world.lines({"sku": goods["sku"], "country": "CA"}),
        world.context(goods=world.goods(goods), shipments=parcel),
    )
    return {code for code in result.found["code"] if code.startswith(RULES)}, str(
        result.orders.item(0, "codes")
    )


@pytest.mark.parametrize(
    ("goods", "mode", "codes", "held"),
    [
        (DRIVER, AIR, {"MAGNET_TEST_MISSING"}, True),
        (DRIVER, POST, {"MAGNET_TEST_MISSING"}, True),
        (DRIVER, SEA, set(), False),
        (DRIVER, ROAD, set(), False),
        (DRIVER | {"magnet": "N"}, AIR, {"HAZARD_DENIED_UNVERIFIED"}, False),
        (DRIVER | {"hs_code": "8505190000"}, AIR, {"MAGNET_TEST_MISSING"}, True),
        (DRIVER | {"hs_code": "8518900000"}, AIR, {"MAGNET_TEST_MISSING"}, True),
        (DRIVER | {"magnet_report_no": "CX-1"}, AIR, {"MAGNET_TEST_MISSING"}, True),
        (DRIVER | {"magnet_field_2m1": "0.1"}, AIR, {"MAGNET_TEST_MISSING"}, True),
        (DRIVER | TESTED, AIR, set(), False),
        (DRIVER | STRONG, AIR, {"MAGNET_FIELD_UNKNOWN"}, True),
        (DRIVER | STRONG | {"magnet_field_4m6": "0.418"}, AIR, {"MAGNET_CLASS_9"}, False),
        (DRIVER | STRONG | {"magnet_field_4m6": "0.41801"}, AIR, {"MAGNET_TOO_STRONG"}, True),
        (DRIVER | STRONG | {"magnet_field_4m6": "0.41801"}, SEA, set(), False),
        (DRIVER | TESTED | {"magnet_field_4m6": "9"}, AIR, set(), False),
        (SPEAKER, AIR, {"MAGNET_TEST_ADVISED"}, False),
        (SPEAKER, SEA, set(), False),
        (SPEAKER | TESTED, AIR, set(), False),
        (SPEAKER | STRONG, AIR, {"MAGNET_FIELD_UNKNOWN"}, True),
    ],
)
def test_magnets(world: Any, goods: dict[str, Any], mode: str, codes: set[str], held: bool) -> None:
    found, why = told(world, goods, mode)
    assert found == codes
    assert bool(why) is held, why


@pytest.mark.parametrize(
    ("goods", "mode", "codes", "held"),
    [
        (EARBUDS, AIR, {"UN38_3_MISSING", "BATTERY_WH_MISSING"}, True),
        (EARBUDS, POST, {"UN38_3_MISSING", "BATTERY_WH_MISSING"}, True),
        (EARBUDS, SEA, {"UN38_3_ADVISED"}, False),
        (EARBUDS | PAPERS, AIR, set(), False),
        (EARBUDS | PAPERS, POST, set(), False),
        (EARBUDS | {"battery": "none"}, AIR, {"HAZARD_DENIED_UNVERIFIED"}, False),
        (EARBUDS | PAPERS | {"battery_wh": "100"}, AIR, set(), False),
        (EARBUDS | PAPERS | {"battery_wh": "100.1"}, AIR, {"BATTERY_CLASS_9"}, False),
        (EARBUDS | PAPERS | {"cell_wh": "20"}, AIR, set(), False),
        (EARBUDS | PAPERS | {"cell_wh": "20.1"}, AIR, {"BATTERY_CLASS_9"}, False),
        (EARBUDS | PAPERS | {"battery_wh": "100.1"}, POST, {"BATTERY_NOT_BY_POST"}, True),
        (EARBUDS | PAPERS | {"battery_wh": "100.1"}, SEA, set(), False),
        (EARBUDS | PAPERS | {"battery": "packed_with"}, POST, set(), False),
        (POWER_BANK, AIR, {"BATTERY_CARGO_AIRCRAFT"}, False),
        (POWER_BANK, POST, {"BATTERY_NOT_BY_POST"}, True),
        (POWER_BANK, SEA, set(), False),
    ],
)
def test_batteries(
    world: Any, goods: dict[str, Any], mode: str, codes: set[str], held: bool
) -> None:
    found, why = told(world, goods, mode)
    assert found == codes
    assert bool(why) is held, why


@pytest.mark.parametrize(
    ("battery", "said"),
    [("alone", ("UN3480", "PI965")), ("packed_with", ("UN3481", "PI966")),
     ("in_equipment", ("UN3481", "PI967"))],
)  # fmt: skip
def test_the_number_and_instruction_are_named(
    world: Any, battery: str, said: tuple[str, str]
) -> None:
    from xborder import findings

    goods = world.goods(EARBUDS | {"battery": battery})
    result = check_orders(world.lines({"sku": "E"}), world.context(goods=goods))
    one = next(row for row in result.found.iter_rows(named=True) if row["code"] == "UN38_3_MISSING")
    text = str(findings.explain(one)["message_en"])
    assert all(word in text for word in said)
    assert (one["file"], one["field"]) == ("商品.xlsx", "un38_3_no")


def test_the_limits_are_those_of_the_day() -> None:
    """A newer row takes the place of an older one on its day."""
    import dataclasses
    from datetime import date
    from decimal import Decimal

    import polars as pl

    packaged = next(one for one in tables.packaged().entries if one.name == "hazard_limit")
    newer = packaged.rows.filter(pl.col("code") == "battery_wh").with_columns(
        pl.lit("2027-01-01").alias("valid_from"), pl.lit("160").alias("limit")
    )
    rows = pl.concat([packaged.rows, newer])
    own = dataclasses.replace(packaged, read=lambda: rows, origin="home")
    held = tables.combined((own,))
    assert held.hazard_limit("battery_wh", date(2026, 12, 31)) == Decimal(100)
    assert held.hazard_limit("battery_wh", date(2027, 1, 1)) == Decimal(160)
    with pytest.raises(tables.TableError, match="hazard_limit: no row battery_wh for 2019-12-31"):
        held.hazard_limit("battery_wh", date(2019, 12, 31))
