"""Declaration elements: how many, which are missing by name, and what their values say."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from xborder import findings
from xborder.checks import check_orders, facts
from xborder.checks.elements import headings, headings_of, of_text, with_elements
from xborder.schemas import tables, violations

ON = date(2026, 11, 20)
HELD = tables.packaged()
FULL = "1|0|瓷|餐具|否|示范牌"


def told(gmodel: str | None, code: str = "6911101900", brand: str | None = None) -> dict[str, Any]:
    goods = pl.DataFrame(
        {"hs_code": [code], "gmodel": [gmodel], "brand": [brand]},
        schema=dict.fromkeys(("hs_code", "gmodel", "brand"), pl.String()),
    )
    return with_elements(goods, HELD, ON, facts.none()).row(0, named=True)


@pytest.mark.parametrize(
    ("gmodel", "given", "missing"),
    [
        (FULL, "6", ""),
        (FULL + "|无|无|4.5寸", "6", ""),
        ("1|0|瓷|餐具|否", "5", "品牌（中文或外文名称）"),
        ("1|0||餐具|否|示范牌", "5", "材质（瓷、陶）"),
        ("1| 0 |瓷|餐具|　|示范牌", "5", "是否骨瓷"),
        ("1｜0｜瓷｜餐具｜否｜示范牌", "6", ""),
        ("瓷碗", "1", "出口享惠情况、材质（瓷、陶）、种类（餐具、厨房用具等）、是否骨瓷、品牌（中文或外文名称）"),
        (None, "0", "、".join(("品牌类型", "出口享惠情况", "材质（瓷、陶）", "种类（餐具、厨房用具等）",
                               "是否骨瓷", "品牌（中文或外文名称）"))),
    ],
)  # fmt: skip
def test_missing_elements_are_named_in_order(gmodel: str, given: str, missing: str) -> None:
    row = told(gmodel)
    assert (row["elements.wanted"], row["elements.given"]) == ("6", given)
    assert row["elements.missing_zh"] == missing
    assert bool(row["elements.missing_en"]) is bool(missing)


@pytest.mark.parametrize(
    ("code", "key", "wanted"),
    [
        ("6911101900", "6911101900", "6"),
        ("6911101100", "6911", "6"),
        ("6907211000", "6907", "7"),
        ("6913100000", "6913100000", "4"),
        ("8518220000", "8518220000", "7"),
        ("8518290000", "851829", "6"),
        ("9403609990", "9403609990", "6"),
        ("9401790000", "9401", "6"),
        ("8534009000", None, None),
        ("6914100000", None, None),
        ("0101210010", None, None),
    ],
)
def test_the_longest_heading_counts(code: str, key: str | None, wanted: str | None) -> None:
    row = told(FULL, code)
    assert (row["elements.key"], row["elements.wanted"]) == (key, wanted)


@pytest.mark.parametrize(
    ("gmodel", "odd", "name"),
    [
        (FULL, None, None),
        ("境内自主品牌|不享惠|瓷|餐具|否|示范牌", None, None),
        ("5|0|瓷|餐具|否|示范牌", "5", "品牌类型"),
        ("瓷|0|1|餐具|否|示范牌", "瓷", "品牌类型"),
        ("1|9|瓷|餐具|否|示范牌", "9", "出口享惠情况"),
    ],
)
def test_brand_type_and_export_preference_have_their_values(
    gmodel: str, odd: str | None, name: str | None
) -> None:
    row = told(gmodel)
    assert (row["elements.odd"], row["elements.odd_zh"]) == (odd, name)


@pytest.mark.parametrize(
    ("gmodel", "code", "brand", "contradicts"),
    [
        ("0|0|瓷|餐具|否|示范牌", "6911101900", None, "示范牌"),
        ("0|0|瓷|餐具|否|无品牌", "6911101900", "示范牌", None),
        ("1|0|瓷|餐具|否|示范牌", "6911101900", None, None),
        # No element of its own names the brand: the catalogue's column does.
        ("0|0|瓷|装饰", "6913100000", "示范牌", "示范牌"),
        ("0|0|瓷|装饰", "6913100000", "No Brand", None),
        ("0|0|瓷|装饰", "6913100000", None, None),
    ],
)
def test_no_brand_goes_with_no_brand(
    gmodel: str, code: str, brand: str | None, contradicts: str | None
) -> None:
    assert told(gmodel, code, brand)["elements.brand"] == contradicts


def test_an_operator_s_tariff_with_elements_comes_first() -> None:
    known = headings(HELD, ON)
    own = of_text("8534009000", "0:品牌类型;1:出口享惠情况;2:层数;3:GTIN;4:其他", known)
    assert own is not None and own.key == "8534009000" and not own.seen
    assert [one.name_zh for one in own.elements][:3] == ["品牌类型", "出口享惠情况", "层数"]
    assert [one.optional for one in own.elements] == [False, False, False, True, True]
    assert own.elements[0].role == "brand_type" and own.elements[0].name_en == "brand type"
    assert of_text("6914100000", "0:品牌类型;1:出口享惠情况;2:材质;3:用途;…", known) is None
    assert of_text("6914100000", "", known) is None


def _home(name: str, rows: pl.DataFrame) -> tables.Tables:
    """The tables of a home with one of its own."""
    kind = next(one for one in HELD.entries if one.kind == name)
    own = replace(kind, name=name, read=lambda: rows, origin="home", valid_from=date(2026, 1, 1))
    return tables.Tables(tables.combined((own,)).entries, ON)


EARPHONES = HELD.table("declaration_elements").filter(pl.col("hs_prefix") == "851821").with_columns(
    pl.lit("851830").alias("hs_prefix"))  # fmt: skip
HOMES = {
    "release": tables.Tables(HELD.entries, ON),
    "other headings": _home("declaration_elements", EARPHONES),
    "a tariff that lists them": _home(
        "tariff",
        HELD.tariff(ON)
        .cast(pl.String)
        .with_columns(
            pl.col("hs_code")
            .replace_strict(
                {
                    "7323930000": "0:品牌类型;1:出口享惠情况;2:材质",
                    "6914100000": "0:品牌类型;…",
                    "8534009000": "0:;1:",
                    "8531100000": "品牌|型号",
                },
                default=None,
            )
            .alias("elements")
        ),
    ),
}


@pytest.mark.parametrize("held", HOMES.values(), ids=HOMES)
def test_the_schema_knows_the_headings_that_the_check_knows(held: tables.Tables) -> None:
    """Whatever an operator imports, both say the same of a code."""
    listed = sorted(HELD.tariff(ON)["hs_code"])
    known = set(headings_of(listed, held, ON))
    assert {one for one in listed if held.is_described(one)} == known != set()
    goods = pl.DataFrame({"hs_code": listed, "gmodel": "0|0|1|2"})
    empty = goods.with_columns(gmodel=pl.lit(None, pl.String))

    def told(code: str, rows: pl.DataFrame) -> set[str]:
        found = violations("goods", rows, held).filter(pl.col("code") == code)
        return set(rows["hs_code"].gather(found["row"]))

    assert told("MODEL_TEXT_MISSING", goods) == set(listed) - known
    assert told("MODEL_TEXT_MISSING", empty) == set(listed) - known
    assert told("ELEMENTS_ABSENT", empty) == known and not told("ELEMENTS_ABSENT", goods)


def goods_file(tmp_path: Path, *rows: dict[str, str]) -> pl.DataFrame:
    """The findings of a catalogue that is handed in."""
    from xborder import intake
    from xborder.checks.context import Context
    from xborder.checks.dry_run import check_reading

    heads = {
        "sku": "商品货号", "hs_code": "商品编码", "gname": "申报品名", "gmodel": "规格型号",
        "origin_country": "原产国", "unit": "计量单位", "unit1": "法定单位",
        "qty1_per_unit": "每单位法定数量", "net_weight": "净重", "rebate": "是否退税",
        "food_contact": "食品接触", "brand": "品牌",
    }  # fmt: skip
    basis = {
        "sku": "A", "hs_code": "6911101900", "gname": "瓷碗", "gmodel": FULL,
        "origin_country": "CN", "unit": "011", "unit1": "035", "qty1_per_unit": "0.3",
        "net_weight": "0.3", "rebate": "N", "food_contact": "Y", "brand": "示范牌",
    }  # fmt: skip
    lines = [",".join(heads.values())]
    lines += [",".join((basis | row)[name] for name in heads) for row in rows]
    path = tmp_path / "goods.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    read = intake.read(path, path.name)
    assert read.usable, read.findings
    return check_reading(read, Context(tables=HELD, on=ON), "").found


@pytest.mark.parametrize(
    ("row", "code", "severity"),
    [
        ({}, None, None),
        ({"gmodel": "1|0|瓷"}, "ELEMENTS_MISSING_UNVERIFIED", "warning"),
        ({"gmodel": ""}, "ELEMENTS_ABSENT", "error"),
        ({"gmodel": "9|0|瓷|餐具|否|示范牌"}, "ELEMENT_VALUE_UNEXPECTED", "warning"),
        ({"gmodel": "0|0|瓷|餐具|否|示范牌"}, "BRAND_TYPE_CONTRADICTS", "warning"),
        ({"hs_code": "8534009000", "gmodel": "双面板 FR-4"}, "ELEMENTS_UNKNOWN", "notice"),
        ({"hs_code": "8534009000", "gmodel": ""}, "MODEL_TEXT_MISSING", "error"),
        ({"hs_code": "8534009000", "gmodel": "0|1"}, "MODEL_TEXT_MISSING", "error"),
        ({"hs_code": "3924100000", "gmodel": ""}, "MODEL_TEXT_MISSING", "error"),
        ({"hs_code": "3924100000", "gmodel": "塑料碗"}, "ELEMENTS_UNKNOWN", "notice"),
        ({"hs_code": "4419909090", "gmodel": "木碗", "food_contact": ""},
         "FOOD_CONTACT_UNDECLARED", "error"),
    ],
)  # fmt: skip
def test_a_catalogue_is_told_of_its_elements_when_it_is_handed_in(
    tmp_path: Path, row: dict[str, str], code: str | None, severity: str | None
) -> None:
    found = goods_file(tmp_path, row)
    own = {"FOOD_CONTACT_UNDECLARED", "MODEL_TEXT_MISSING"}
    seen = {one for one in found["code"] if one.startswith(("ELEMENT", "BRAND_T")) or one in own}
    if code is None:
        assert seen == set()
        return
    assert code in seen, found
    one = found.filter(pl.col("code") == code).row(0, named=True)
    cell = "K2" if code == "FOOD_CONTACT_UNDECLARED" else "D2"
    assert (one["severity"], one["cell"]) == (severity, cell)


def order(world: Any, gmodel: str, decided: pl.DataFrame | None = None) -> Any:
    own = {} if decided is None else {"decisions": decided}
    return check_orders(world.lines(), world.context(goods=world.goods({"gmodel": gmodel}), **own))


def test_only_confirmed_elements_hold_an_order(world: Any) -> None:
    heading = headings_of(["6911101900"], HELD, ON)["6911101900"]

    def decided(confirmed: bool, value: str = heading.stated) -> pl.DataFrame:
        return pl.DataFrame([("elements", heading.key, value, confirmed)],
                            schema=facts.DECISIONS, orient="row")  # fmt: skip

    warned = order(world, "0|0|瓷")
    one = warned.found.filter(pl.col("code") == "ELEMENTS_MISSING_UNVERIFIED").row(0, named=True)
    said = findings.explain(one)
    assert "是否骨瓷" in str(said["message_zh"]) and "xborder facts" in str(said["fix_en"])
    assert (one["file"], one["cell"], warned.orders.item(0, "state")) == (
        "商品.xlsx", "E5", "accepted",
    )  # fmt: skip
    confirmed = order(world, "0|0|瓷", decided(confirmed=True))
    assert confirmed.orders.row(0)[2:] == ("held", "list", "ELEMENTS_MISSING")
    assert order(world, "0|0|瓷|餐具|否|无", decided(confirmed=True)).orders.item(0, "state") == (
        "accepted"
    )
    refused = order(world, "0|0|瓷", decided(confirmed=False))
    assert not {code for code in refused.found["code"] if code.startswith("ELEMENTS")}
    # The table says something else by now: the decision was about another fact.
    stale = order(world, "0|0|瓷", decided(True, "品牌类型;材质"))
    assert "ELEMENTS_MISSING_UNVERIFIED" in stale.found["code"].to_list()
