"""Destination notices: by country, goods, mode, value and the day of export; they hold nothing."""

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from xborder import findings
from xborder.checks import check_orders, facts

WOOD = {
    "sku": "W", "hs_code": "9403609990", "gmodel": "0|0|客厅用|橡木|无品牌|1米", "unit": "011",
    "unit1": "011", "qty1_per_unit": "1", "unit2": "035", "qty2_per_unit": "0.3",
    "wood_species_zh": "橡木", "wood_species_latin": "Quercus", "food_contact": None,
}  # fmt: skip
SOFA = WOOD | {"hs_code": "9401619000", "unit": "007", "unit1": "007"}
KITCHEN = WOOD | {"hs_code": "9403400090"}
BEDROOM = WOOD | {"hs_code": "9403509990"}
METAL = WOOD | {"hs_code": "9403200000"}
VASE = {"sku": "V", "hs_code": "6913100000", "gmodel": "1|0|瓷|装饰", "food_contact": None}
CUP: dict[str, Any] = {}
STONEWARE = {"hs_code": "6912009000"}

NOTICES = {
    "EU_LOW_VALUE", "EU_ABOVE_LOW_VALUE", "EU_ANTI_DUMPING", "EU_DEFORESTATION",
    "US_NO_DE_MINIMIS", "US_FDA_TABLEWARE", "US_SECTION_232", "US_ANTI_DUMPING", "UK_VAT_AT_SALE",
}  # fmt: skip


def check(world: Any, goods: dict[str, Any], line: dict[str, Any], **said: Any) -> Any:
    parcel = {"gross_weight": "9"}
    parcel |= {key: line.pop(key) for key in ("export_date", "logistics_no") if key in line}
    return check_orders(
        world.lines({"sku": goods.get("sku", "CUP-1")} | line),
        world.context(goods=world.goods(goods), shipments=world.shipments(parcel), **said),
    )


def told(result: Any) -> set[str]:
    return set(result.found["code"]) & NOTICES


@pytest.mark.parametrize(
    ("country", "goods", "leaves", "codes"),
    [
        # R49: the end of de minimis, on 2025-08-29
        ("US", VASE, "2025-08-28", set()),
        ("US", VASE, "2025-08-29", {"US_NO_DE_MINIMIS"}),
        ("CA", VASE, "2026-11-23", set()),
        # R49: tableware that touches food
        ("US", CUP, "2026-11-23", {"US_NO_DE_MINIMIS", "US_FDA_TABLEWARE"}),
        ("US", {"food_contact": "N"}, "2026-11-23", {"US_NO_DE_MINIMIS"}),
        # R49: section 232 in 2026
        ("US", SOFA, "2025-12-31", {"US_NO_DE_MINIMIS"}),
        ("US", SOFA, "2026-01-01", {"US_NO_DE_MINIMIS", "US_SECTION_232"}),
        ("US", KITCHEN, "2026-12-31", {"US_NO_DE_MINIMIS", "US_SECTION_232"}),
        ("US", KITCHEN, "2027-01-01", {"US_NO_DE_MINIMIS"}),
        ("US", METAL, "2026-11-23", {"US_NO_DE_MINIMIS"}),
        ("US", BEDROOM, "2026-11-23", {"US_NO_DE_MINIMIS", "US_ANTI_DUMPING"}),
        # R47: up to EUR 150, duty since 2026-07-01
        ("DE", VASE, "2026-06-30", {"EU_LOW_VALUE"}),
        ("DE", VASE, "2026-07-01", {"EU_LOW_VALUE"}),
        ("CH", VASE, "2026-07-01", set()),
        ("NO", CUP, "2026-07-01", set()),
        # R48: ceramic tableware since 2026-02-07
        ("FR", CUP, "2026-02-06", {"EU_LOW_VALUE"}),
        ("FR", CUP, "2026-02-07", {"EU_LOW_VALUE", "EU_ANTI_DUMPING"}),
        ("FR", STONEWARE, "2026-02-07", {"EU_LOW_VALUE", "EU_ANTI_DUMPING"}),
        ("FR", VASE, "2026-02-07", {"EU_LOW_VALUE"}),
        # R50: wooden furniture since 2026-12-30
        ("NL", WOOD, "2026-12-29", {"EU_LOW_VALUE"}),
        ("NL", WOOD, "2026-12-30", {"EU_LOW_VALUE", "EU_DEFORESTATION"}),
        ("NL", WOOD, "2027-06-29", {"EU_LOW_VALUE", "EU_DEFORESTATION"}),
        ("NL", WOOD, "2027-06-30", {"EU_LOW_VALUE", "EU_DEFORESTATION"}),
        ("NL", METAL, "2027-06-30", {"EU_LOW_VALUE"}),
        ("US", WOOD, "2027-06-30", {"US_NO_DE_MINIMIS"}),
        # R51
        ("GB", VASE, "2026-11-23", {"UK_VAT_AT_SALE"}),
        ("GB", CUP, "2026-11-23", {"UK_VAT_AT_SALE"}),
    ],
)
def test_a_notice_counts_for_its_goods_country_and_day(
    world: Any, country: str, goods: dict[str, Any], leaves: str, codes: set[str]
) -> None:
    result = check(world, goods, {"country": country, "export_date": leaves})
    assert told(result) == codes
    assert result.orders.item(0, "state") == "accepted", result.found


def test_the_texts_of_a_rule_change_on_their_day(world: Any) -> None:
    def text(country: str, goods: dict[str, Any], leaves: str, code: str) -> str:
        result = check(world, goods, {"country": country, "export_date": leaves})
        one = result.found.filter(pl.col("code") == code).row(0, named=True)
        assert one["severity"] in ("warning", "notice")
        return str(findings.explain(one)["message_en"])

    assert "EUR 3" not in text("DE", VASE, "2026-06-30", "EU_LOW_VALUE")
    assert "EUR 3" in text("DE", VASE, "2026-07-01", "EU_LOW_VALUE")
    assert "small and micro" in text("DE", WOOD, "2027-06-29", "EU_DEFORESTATION")
    assert "every firm" in text("DE", WOOD, "2027-06-30", "EU_DEFORESTATION")
    assert "since 2026-02-07" in text("DE", CUP, "2026-11-23", "EU_ANTI_DUMPING")


@pytest.mark.parametrize(
    ("country", "currency", "price", "code"),
    [
        ("DE", "EUR", "75", "EU_LOW_VALUE"),
        ("DE", "EUR", "75.01", "EU_ABOVE_LOW_VALUE"),
        ("GB", "GBP", "67.5", "UK_VAT_AT_SALE"),
        ("GB", "GBP", "67.51", None),
    ],
)
def test_a_value_is_that_of_the_order_in_its_currency(
    world: Any, country: str, currency: str, price: str, code: str | None
) -> None:
    """Two pieces: EUR 150 and GBP 135 are the last that count as small."""
    result = check(
        world, VASE, {"country": country, "currency": currency, "qty": "2", "unit_price": price}
    )
    assert told(result) == ({code} if code else set())


def test_values_count_for_retail_parcels_only(world: Any) -> None:
    profile = world.exporter(world.shop(mode="9710", statistics_flag="A"))
    assert told(check(world, VASE, {"country": "DE"}, exporter=profile)) == set()
    assert told(check(world, CUP, {"country": "DE"}, exporter=profile)) == {"EU_ANTI_DUMPING"}


def test_without_an_export_date_the_order_s_day_counts(world: Any) -> None:
    lines = world.lines({"order_no": "#9", "ordered_at": "2026-02-06T23:00:00+08:00",
                         "country": "DE"})  # fmt: skip
    assert "EU_ANTI_DUMPING" not in told(check_orders(lines, world.context()))
    lines = world.lines({"order_no": "#9", "ordered_at": "2026-02-07", "country": "DE"})
    assert "EU_ANTI_DUMPING" in told(check_orders(lines, world.context()))
    lines = world.lines({"order_no": "#9", "ordered_at": None, "country": "DE"})
    early = world.context(on=date(2026, 2, 6))
    assert "EU_ANTI_DUMPING" not in told(check_orders(lines, early))


def test_a_file_is_told_once_for_a_country_with_the_number_of_orders(world: Any) -> None:
    rows = [{"order_no": f"#{n}", "country": "US" if n % 2 else "DE"} for n in range(6)]
    rows += [{"order_no": "#1", "country": "US"}, {"order_no": "#7", "country": "FR"}]
    parcels = world.shipments(*({"order_no": f"#{n}", "logistics_no": f"SF{n}"} for n in range(8)))
    result = check_orders(world.lines(*rows), world.context(shipments=parcels))
    own = result.found.filter(pl.col("code").is_in(["EU_ANTI_DUMPING", "US_FDA_TABLEWARE"]))
    seen = {
        (row["code"], row["value"], row["cell"], json.loads(row["params"])["orders"])
        for row in own.iter_rows(named=True)
    }
    assert seen == {
        ("EU_ANTI_DUMPING", "DE", "O2", "3"), ("EU_ANTI_DUMPING", "FR", "O9", "1"),
        ("US_FDA_TABLEWARE", "US", "O3", "3"),
    }  # fmt: skip
    assert own.height == 3 and own["column"].unique().to_list() == ["h_country"]


def test_a_refused_notice_is_silent(world: Any) -> None:
    refused = pl.DataFrame([("notice", "us_fda_tableware", "", False)],
                           schema=facts.DECISIONS, orient="row")  # fmt: skip
    assert told(check(world, CUP, {}, decisions=refused)) == {"US_NO_DE_MINIMIS"}


@pytest.mark.parametrize(
    ("line", "catalogue", "field"),
    [
        ({"goods_name": "Accessories", "country": "DE"}, {}, "goods_name"),
        ({"goods_name": "general CARGO", "country": "DE"}, {}, "goods_name"),
        ({"goods_name": "Accessories", "country": "US"}, {}, None),
        ({"goods_name": "Porcelain accessories", "country": "DE"}, {}, None),
        ({"goods_name": None, "country": "IE"}, {"item_name": "Parts"}, "item_name"),
        ({"goods_name": "Bowl", "country": "IE"}, {"item_name": "Parts"}, None),
    ],
)  # fmt: skip
def test_vague_descriptions_to_the_eu_are_told_where_they_stand(
    world: Any, line: dict[str, Any], catalogue: dict[str, str], field: str | None
) -> None:
    result = check(world, catalogue, line)
    own = result.found.filter(pl.col("code") == "EU_VAGUE_DESCRIPTION")
    assert own["field"].to_list() == ([field] if field else [])
    assert result.orders.item(0, "state") == "accepted"


def test_every_notice_of_the_table_warns_only() -> None:
    from xborder.schemas import tables

    rows = tables.packaged().table("destination_notice", date(2026, 11, 20))
    assert set(rows["code"]) == NOTICES
    known = findings.catalogue()
    assert {known[code].severity for code in NOTICES} == {"warning", "notice"}
    assert all(known[code].rule[:3] == rule for code, rule in rows.select("code", "rule").rows())


def test_a_notice_stands_at_the_file_s_first_order_however_its_blocks_come(world: Any) -> None:
    """An order that goes on in a later block comes with that block, after younger orders."""
    lines = [
        {"order_no": no, "sku": "V", "country": "US", "row": row}
        for no, row in (("B", 3), ("C", 4), ("A", 2), ("A", 9))
    ]
    parcels = [{"order_no": no, "gross_weight": "9", "logistics_no": no} for no in "ABC"]
    for some in (lines, sorted(lines, key=lambda one: one["row"])):
        context = world.context(goods=world.goods(VASE), shipments=world.shipments(*parcels))
        found = check_orders(world.lines(*some), context).found
        (notice,) = found.filter(pl.col("code") == "US_NO_DE_MINIMIS").to_dicts()
        assert (notice["row"], notice["order_no"]) == (2, "A")
        assert json.loads(notice["params"])["orders"] == "3"
