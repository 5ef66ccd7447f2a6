"""Mode, flag and route: R01 to R12."""

from typing import Any

import polars as pl
import pytest

from xborder import findings
from xborder.checks import check_orders


def verdict(result: Any) -> tuple[str, str | None]:
    row = result.orders.row(0, named=True)
    return row["state"], row["route"]


def b2b(world: Any, **changes: Any) -> Any:
    return world.exporter(world.shop(**({"mode": "9710", "statistics_flag": "A"} | changes)))


def test_a_small_b2b_order_goes_by_list_with_a_padded_code(world: Any) -> None:
    result = check_orders(world.lines(), world.context(exporter=b2b(world)))
    assert verdict(result) == ("accepted", "list")
    assert result.items.item(0, "gcode") == "6911100000"
    assert result.heads.item(0, "orderType") == "B"


def test_flag_a_of_9610_declares_four_digits(world: Any) -> None:
    profile = world.exporter(world.shop(statistics_flag="A"))
    result = check_orders(world.lines(), world.context(exporter=profile))
    assert result.items.item(0, "gcode") == "6911000000"


@pytest.mark.parametrize(
    ("line", "catalogue", "why"),
    [
        ({"qty": "1000"}, {}, "CNY"),
        ({}, {"rebate": "Y"}, "rebate"),
        ({}, {"licence_no": "26-01-000001"}, "licence"),
        ({"sku": "BOARD"}, {"sku": "BOARD", "hs_code": "4421999090", "wood_species_zh": "松木",
                            "wood_species_latin": "Pinus", "unit1": "035"}, "inspection"),
    ],
)  # fmt: skip
def test_what_fails_r03_takes_the_declaration_route(
    world: Any, line: dict[str, Any], catalogue: dict[str, Any], why: str
) -> None:
    result = check_orders(
        world.lines(line),
        world.context(
            exporter=b2b(world), goods=world.goods(catalogue),
            shipments=world.shipments({"gross_weight": "900"}),
        ),
    )  # fmt: skip
    assert verdict(result) == ("accepted", "declaration"), result.found
    told = result.found.filter(pl.col("code") == "ROUTE_IS_DECLARATION").row(0, named=True)
    assert why in str(findings.explain(told)["message_en"])


def test_the_threshold_itself_still_goes_by_list(world: Any) -> None:
    context = world.context(exporter=b2b(world), shipments=world.shipments({"gross_weight": "900"}))
    cny = world.lines({"qty": "1", "unit_price": "5000", "currency": "CNY"})
    above = world.lines({"qty": "1", "unit_price": "5000.01", "currency": "CNY"})
    assert verdict(check_orders(cny, context)) == ("accepted", "list")
    assert verdict(check_orders(above, context)) == ("accepted", "declaration")


def held_for(result: Any) -> str:
    assert verdict(result)[0] == "held"
    return str(result.orders.item(0, "codes"))


def test_flag_a_needs_a_pilot_zone(world: Any) -> None:
    profile = b2b(world, customs_code="6021")
    assert "FLAG_A_OUTSIDE_PILOT_ZONE" in held_for(
        check_orders(world.lines(), world.context(exporter=profile))
    )


def test_a_rebate_claim_forces_flag_b(world: Any) -> None:
    profile = world.exporter(world.shop(statistics_flag="A"))
    result = check_orders(
        world.lines(), world.context(exporter=profile, goods=world.goods({"rebate": "Y"}))
    )
    assert "REBATE_FORCES_FLAG_B" in held_for(result)


def test_a_b2b_list_carries_flag_a(world: Any) -> None:
    result = check_orders(world.lines(), world.context(exporter=b2b(world, statistics_flag="B")))
    assert "FLAG_NOT_FOR_MODE" in held_for(result)


def test_a_booking_order_names_its_warehouse(world: Any) -> None:
    profile = b2b(world, mode="9810")
    bare = check_orders(world.lines(), world.context(exporter=profile))
    assert "WAREHOUSE_MISSING" in held_for(bare)
    named = check_orders(world.lines({"warehouse": "FBA ONT8"}), world.context(exporter=profile))
    assert verdict(named) == ("accepted", "list")
    assert (named.heads.item(0, "ebpName"), named.heads.item(0, "orderType")) == ("FBA ONT8", "W")


def test_without_a_rate_the_route_is_not_guessed(world: Any) -> None:
    result = check_orders(world.lines({"currency": "IDR"}), world.context(exporter=b2b(world)))
    assert set(held_for(result).split(",")) & {"EXCHANGE_RATE_MISSING", "CURRENCY_NOT_DECLARABLE"}
