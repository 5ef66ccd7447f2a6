"""Facts of the tariff: unverified they warn, verified or confirmed they hold, refused they rest."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from xborder.checks import check_orders, facts, questions
from xborder.schemas import tables

ON = date(2026, 11, 20)
HELD = tables.packaged()

BONE = {"hs_code": "6911101100", "unit1": "007", "qty1_per_unit": "1", "unit": "007"}
"""Bone china: its statutory unit in the table is from memory."""
STATED = {
    "sku": "T", "food_contact": None, "wood_species_zh": "橡木", "wood_species_latin": "Quercus",
}  # fmt: skip


def decided(*rows: tuple[str, str, str, bool]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=facts.DECISIONS, orient="row")


def result(
    world: Any, goods: dict[str, Any], *rows: tuple[str, str, str, bool], **said: Any
) -> Any:
    parcel = world.shipments({"gross_weight": "9"})
    context = world.context(
        goods=world.goods(goods), shipments=parcel, decisions=decided(*rows), **said
    )
    return check_orders(world.lines({"sku": goods.get("sku", "CUP-1")}), context)


def codes(checked: Any) -> set[str]:
    return set(checked.found["code"]) - {"US_NO_DE_MINIMIS", "US_FDA_TABLEWARE"}


def held_for(checked: Any) -> str:
    return str(checked.orders.item(0, "codes"))


def b2b(world: Any) -> dict[str, Any]:
    return {"exporter": world.exporter(world.shop(mode="9710", statistics_flag="A"))}


UNITS = ("units", "6911101100", "035+")


def test_a_statutory_unit_from_memory_warns_until_it_is_confirmed(world: Any) -> None:
    asked = result(world, BONE)
    assert codes(asked) == {"STATUTORY_UNIT_UNVERIFIED"} and held_for(asked) == ""
    assert held_for(result(world, BONE, (*UNITS, True))) == "STATUTORY_UNIT_DIFFERS"
    assert codes(result(world, BONE, (*UNITS, False))) == set()
    assert codes(result(world, BONE, ("units", "6911101100", "007+", True))) == {
        "STATUTORY_UNIT_UNVERIFIED"
    }
    assert codes(result(world, BONE, ("units", "6911101900", "035+", True))) == {
        "STATUTORY_UNIT_UNVERIFIED"
    }


def test_a_verified_unit_holds_until_it_is_refused(world: Any) -> None:
    seen = BONE | {"hs_code": "6911101900"}
    assert held_for(result(world, seen)) == "STATUTORY_UNIT_DIFFERS"
    refused = result(world, seen, ("units", "6911101900", "035+", False))
    assert codes(refused) == set() and refused.orders.item(0, "state") == "accepted"


MAGNET = {
    "sku": "M", "hs_code": "8505111000", "battery": "none", "magnet": "Y", "unit": "035",
    "unit1": "035", "qty1_per_unit": "1", "net_weight": "1", "magnet_report_no": "CX-1",
    "magnet_field_2m1": "0.1", "food_contact": None,
}  # fmt: skip
CONTROL = ("licence", "8505111000", "EXPORT_CONTROL")


def test_a_licence_from_memory_warns_and_a_confirmed_one_blocks_flag_a(world: Any) -> None:
    asked = result(world, MAGNET)
    assert codes(asked) == {"EXPORT_LICENCE_UNVERIFIED"} and held_for(asked) == ""
    assert held_for(result(world, MAGNET, (*CONTROL, True))) == "LICENCE_NO_MISSING"
    assert held_for(result(world, MAGNET | {"licence_no": "26-01"}, (*CONTROL, True))) == ""
    simple = {"exporter": world.exporter(world.shop(statistics_flag="A"))}
    assert "LICENCE_FORBIDS_FLAG_A" in held_for(result(world, MAGNET, (*CONTROL, True), **simple))
    assert codes(result(world, MAGNET, (*CONTROL, False))) == set()
    away = result(world, MAGNET, (*CONTROL, True), **b2b(world))
    assert away.orders.item(0, "route") == "declaration"
    assert result(world, MAGNET, **b2b(world)).orders.item(0, "route") == "list"


WOOD = {
    "sku": "W", "hs_code": "9403609990", "gmodel": "0|0|客厅用|橡木|无品牌|1米", "unit": "011",
    "unit1": "011", "qty1_per_unit": "1", "unit2": "035", "qty2_per_unit": "0.3",
    "wood_species_zh": "橡木", "wood_species_latin": "Quercus", "food_contact": None,
}  # fmt: skip
BEDROOM = WOOD | {"hs_code": "9403509990"}


def test_inspection_is_told_and_sends_small_b2b_orders_to_the_full_declaration(world: Any) -> None:
    """AB with P/Q is inspection at export (R45); 9710 then takes no list (R03)."""
    by_list = result(world, WOOD)
    assert codes(by_list) == {"EXPORT_INSPECTION_NEEDED"} and held_for(by_list) == ""
    assert result(world, WOOD, **b2b(world)).orders.item(0, "route") == "declaration"
    assert codes(result(world, WOOD, ("inspection", "9403609990", "AB", False))) == set()
    asked = result(world, BEDROOM, **b2b(world))
    assert "INSPECTION_UNVERIFIED" in codes(asked) and asked.orders.item(0, "route") == "list"
    sure = result(world, BEDROOM, ("inspection", "9403509990", "AB", True), **b2b(world))
    assert sure.orders.item(0, "route") == "declaration"
    rest = result(world, BEDROOM, ("inspection", "9403509990", "AB", False), **b2b(world))
    assert "INSPECTION_UNVERIFIED" not in codes(rest) and rest.orders.item(0, "route") == "list"


def test_porcelain_tableware_under_condition_a_is_not_inspected(world: Any) -> None:
    """R46: A is import."""
    row = facts.tariff(HELD, ON, facts.none()).row(
        by_predicate=pl.col("hs_code") == "6911101900", named=True
    )
    assert row["supervision"] == "A"
    assert not row["inspection"] and not row["inspection_unverified"] and not row["licence"]
    assert codes(result(world, {})) == set()


ROSEWOOD = {
    "sku": "R", "hs_code": "9403910010", "gmodel": "0|0|家具用|红木|无品牌|1米", "unit": "035",
    "unit1": "035", "qty1_per_unit": "1", "net_weight": "1", "wood_species_zh": "阔叶黄檀",
    "wood_species_latin": "Dalbergia latifolia", "food_contact": None,
}  # fmt: skip


def test_endangered_species_block_the_list_and_flag_a(world: Any) -> None:
    """R45: conditions E and F."""
    assert held_for(result(world, ROSEWOOD)) == "CITES_NOT_BY_LIST"
    simple = {"exporter": world.exporter(world.shop(statistics_flag="A"))}
    assert held_for(result(world, ROSEWOOD, **simple)) == "CITES_NOT_BY_LIST,LICENCE_FORBIDS_FLAG_A"
    away = result(world, ROSEWOOD, **b2b(world))
    assert (away.orders.item(0, "route"), held_for(away)) == ("declaration", "")
    assert "CITES_CERTIFICATE_MISSING" in codes(away)
    for column in ("cites_no", "licence_no"):
        papers = result(world, ROSEWOOD | {column: "2026CN-1"}, **b2b(world))
        assert "CITES_CERTIFICATE_MISSING" not in codes(papers)
    rest = result(world, ROSEWOOD, ("licence", "9403910010", "EF", False))
    assert held_for(rest) == ""


def test_endangered_species_from_memory_warn(world: Any) -> None:
    carving = ROSEWOOD | {"hs_code": "4420101120", "gmodel": "木雕 无品牌"}
    asked = result(world, carving)
    assert "EXPORT_LICENCE_UNVERIFIED" in codes(asked) and held_for(asked) == ""
    sure = result(world, carving, ("licence", "4420101120", "CITES", True))
    assert held_for(sure) == "CITES_NOT_BY_LIST"


EARBUDS = {
    "sku": "E", "hs_code": "8517629400", "gmodel": "蓝牙耳机 示范牌", "unit": "001", "unit1": "001",
    "qty1_per_unit": "1", "unit2": "035", "qty2_per_unit": "0.06", "net_weight": "0.06",
    "battery": "none", "magnet": "N", "food_contact": None,
}  # fmt: skip


def test_a_hazard_that_the_catalogue_denies_is_asked_about(world: Any) -> None:
    asked = result(world, EARBUDS)
    assert codes(asked) == {"HAZARD_DENIED_UNVERIFIED"} and held_for(asked) == ""
    fact = ("hazards", "8517629400", "BATTERY")
    assert held_for(result(world, EARBUDS, (*fact, True))) == "HAZARD_DENIED"
    assert codes(result(world, EARBUDS, (*fact, False))) == set()
    driver = MAGNET | {"hs_code": "8518290000", "magnet": "N", "unit": "007", "unit1": "007",
                       "unit2": "035", "qty2_per_unit": "1",
                       "gmodel": "1|0|未装箱|配件|示范牌|W4"}  # fmt: skip
    assert codes(result(world, driver)) == {"HAZARD_DENIED_UNVERIFIED"}
    assert codes(result(world, driver | {"magnet": "Y"})) == set()


def test_the_questions_are_those_that_warn(world: Any) -> None:
    own = (BONE, MAGNET, BEDROOM, WOOD, EARBUDS, {"sku": "S", "gmodel": "0|0|瓷"})
    asked = questions.asked(world.goods(*own), HELD, ON, facts.none())
    assert [(kind, key, skus) for kind, key, _, skus, _ in asked.iter_rows()] == [
        ("elements", "6911101900", 1), ("hazards", "8517629400", 1),
        ("inspection", "9403509990", 1), ("licence", "8505111000", 1), ("units", "6911101100", 1),
    ]  # fmt: skip
    for kind, key, value, *_ in asked.iter_rows():
        assert questions.stated(kind, key, HELD, ON) == value
    every = decided(*((kind, key, value, True) for kind, key, value, *_ in asked.iter_rows()))
    assert questions.asked(world.goods(*own), HELD, ON, every).is_empty()
    assert questions.asked(world.goods().clear(), HELD, ON, facts.none()).is_empty()


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("units", "0101210010"), ("licence", "6911900000"), ("hazards", "6911101900"),
        ("elements", "8534"), ("elements", "6911101100"), ("notice", "mars"), ("weather", "x"),
    ],
)  # fmt: skip
def test_what_the_tables_do_not_state_cannot_be_decided(kind: str, key: str) -> None:
    assert questions.stated(kind, key, HELD, ON) is None


def test_a_warning_at_a_cell_hides_no_fault_of_the_list_there(world: Any) -> None:
    checked = result(world, {"gmodel": "瓷" * 251})
    told = checked.found.filter(pl.col("field") == "gmodel")
    assert set(told["code"]) == {"ELEMENTS_MISSING_UNVERIFIED", "TEXT_TOO_LONG"}
    assert held_for(checked) == "TEXT_TOO_LONG"
