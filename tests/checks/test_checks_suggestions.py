"""Suggestions: what can be right is told, what cannot is not, and nothing is applied."""

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from xborder import findings
from xborder.checks import nearest, suggestions
from xborder.checks.dry_run import check_reading
from xborder.checks.orders import check
from xborder.checks.places import VIOLATIONS
from xborder.intake import Limits, read
from xborder.schemas import tables
from xborder.schemas.levels import Levels

HELD = tables.load(None)
ON = date(2026, 11, 20)


def near(table: str, text: str) -> list[str]:
    return [one.value for one in nearest.codes(HELD, table, text)]


@pytest.mark.parametrize(
    ("table", "text", "codes"),
    [
        ("country", "Deutschland (DE)", ["DE"]),
        ("country", "DE - Germany", ["DE"]),
        ("country", "Germny", ["DE"]),
        ("country", "UNTIED STATES", ["US"]),
        ("country", "United States of Am", ["US"]),
        ("country", "Cote dIvoire", ["CI"]),
        ("country", "美国站点", ["US"]),
        ("currency", "UDS", ["USD"]),
        ("currency", "US Dollars", ["USD"]),
        ("unit", "35", ["035"]),
        ("unit", "公斤装", ["035"]),
        ("unit", "kgs", ["035"]),
        ("wrap_type", "cartons", ["2"]),
        ("transport_mode", "航空", ["5"]),
        ("port", "LOS ANGELS", ["3154"]),
        ("port", "喀布尔", ["1001", "1002"]),
    ],
)
def test_a_code_near_to_what_is_written(table: str, text: str, codes: list[str]) -> None:
    assert near(table, text) == codes


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("country", "in"),  # a word, not India
        ("country", "XX"),
        ("country", ""),
        ("country", "x" * 200),
        ("country", "to be told later, it is not known no (yet)"),
        ("port", "San"),  # very many begin so
        ("port", "3155"),  # a port's number is never guessed
        ("unit", "019999"),
        ("unit", "千客"),
    ],
)
def test_what_is_near_to_nothing_or_to_all_alike_has_no_suggestion(table: str, text: str) -> None:
    known = HELD.members(table)
    assert near(table, text) in ([], [text] if text in known else [])


def test_both_names_within_a_text_are_told() -> None:
    assert set(near("country", "中华人民共和国香港")) == {"CN", "HK"}


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("固定扳手", "8204110000"),
        ("Wired headphones HP100", "8518300000"),
        ("手工工具", "8205590000"),
        ("蓝牙耳机", "8517629400"),
        ("Bone china cup and saucer", "6911101100"),
    ],
)
def test_hs_codes_by_the_words_of_a_name(name: str, first: str) -> None:
    found = nearest.hs_codes(HELD, ON, name)
    assert found[0].value == first and len(found) <= 3
    assert found[0].name_zh and found[0].name_en


@pytest.mark.parametrize("name", ["", "其他", "ZX-81", "Gift", "set of 12 pcs"])
def test_a_name_that_says_little_has_no_hs_code(name: str) -> None:
    assert nearest.hs_codes(HELD, ON, name) == ()


@pytest.mark.parametrize(
    ("written", "codes"),
    [
        ("6911.10.19.00", ["6911101900"]),
        ("691110190", ["6911101900"]),
        ("69111019", ["6911101900"]),
        ("691110", []),  # four codes begin so
        ("9999999999", []),
        ("69111O1900", []),
        ("2147483.5", []),
    ],
)
def test_hs_codes_that_are_not_written_out(written: str, codes: list[str]) -> None:
    assert [one.value for one in nearest.hs_codes_like(HELD, ON, written)] == codes


def meant(found: pl.DataFrame, code: str) -> list[list[tuple[str, str, str]]]:
    """Suggestions of the findings of a code: (field, value, because)."""
    told = [findings.explain(row) for row in found.iter_rows(named=True) if row["code"] == code]
    return [[(s["field"], s["value"], s["because"]) for s in one["suggestions"]] for one in told]  # type: ignore[attr-defined]


def test_an_order_is_told_the_near_code_and_stays_held(world: Any) -> None:
    result = check(world.lines({"country": "Deutschland (DE)"}), world.context())
    assert meant(result.found, "COUNTRY_UNKNOWN") == [[("country", "DE", "near")]]
    assert result.orders["state"].to_list() == ["held"]
    (row,) = result.found.filter(pl.col("code") == "COUNTRY_UNKNOWN").to_dicts()
    told = findings.explain(row)
    assert str(told["fix_zh"]).endswith("；可能是：DE 德国")
    assert str(told["fix_en"]).endswith("; perhaps: DE Germany")
    assert row["expected"] == "ISO 3166-1 alpha-2"


def test_an_unknown_sku_leads_to_its_spelling_and_to_the_code_of_its_name(world: Any) -> None:
    lines = world.lines({"sku": "cup 1"}, {"sku": "X-9", "goods_name": "瓷杯"},
                        {"sku": "X-8", "goods_name": "Wired headphones"}, {"sku": "CUP-2"})  # fmt: skip
    found = check(lines, world.context()).found
    assert meant(found, "SKU_NOT_IN_CATALOGUE") == [
        [("sku", "CUP-1", "near")],
        [("hs_code", "6911101900", "earlier")],
        [("hs_code", "8518300000", "words")],
        [],  # CUP-2 is another cup, not CUP-1 mistyped
    ]


def violations(count: int, code: str = "COUNTRY_UNKNOWN", params: str = "{}") -> pl.DataFrame:
    rows = [
        (at, "line", "country", code, f"Deutschland{at} (DE)", "", params) for at in range(count)
    ]
    return pl.DataFrame(rows, schema=VIOLATIONS, orient="row")


def test_what_a_finding_says_besides_is_kept() -> None:
    before = violations(2, params='{"a": "“b\\\\"}')
    lines = Levels(pl.DataFrame({"at": [0, 1]}))
    told = suggestions.told(before, lines, HELD, ON)
    assert told.columns == before.columns and told.height == 2
    params = json.loads(told["params"][1])
    assert params["a"] == "“b\\"
    assert [one["value"] for one in json.loads(params["suggestions"])] == ["DE"]


def test_only_some_hundred_distinct_values_are_looked_at() -> None:
    many = violations(300)
    lines = Levels(pl.DataFrame({"at": range(300)}))
    told = suggestions.told(many, lines, HELD, ON).get_column("params") != "{}"
    assert told.to_list() == [True] * suggestions.MOST_VALUES + [False] * 100
    alike = many.with_columns(pl.lit("Germny").alias("value"))
    assert (suggestions.told(alike, lines, HELD, ON).get_column("params") != "{}").all()


def test_without_a_fault_of_these_nothing_is_changed() -> None:
    other = violations(3, code="ORDER_HEAD_DIFFERS")
    assert suggestions.told(other, Levels(pl.DataFrame({"at": [0, 1, 2]})), HELD, ON) is other


GOODS = "商品货号,商品编码,申报品名,原产国,计量单位,法定单位,每单位法定数量,净重,是否退税"


def test_a_catalogue_is_told_what_the_exporter_and_the_tariff_said_before(
    world: Any, tmp_path: Any
) -> None:
    file = tmp_path / "商品.csv"
    rows = ["CUP-1,,瓷杯,CN,011,035,0.3,0.3,N", "EAR-1,8518300000,有线耳机,CN,007,,1,0.3,N",
            "CUP-9,691110190,瓷餐碗,Chna,007,035,0.3,0.3,N"]  # fmt: skip
    file.write_text("\n".join([GOODS, *rows, ""]), "utf-8")
    reading = read(file, file.name, kind="goods", limits=Limits())
    report = check_reading(reading, world.context(), "us")
    assert meant(report.found, "VALUE_MISSING")[0][0] == ("hs_code", "6911101900", "earlier")
    units = [
        one for one in meant(report.found, "VALUE_MISSING")[1:] if one and one[0][0] == "unit1"
    ]
    tariff = HELD.tariff(ON).filter(pl.col("hs_code") == "8518300000").item(0, "unit1")
    assert units == [[("unit1", tariff, "tariff")]]
    assert meant(report.found, "HS_CODE_FORMAT")[0][0] == ("hs_code", "6911101900", "near")
    assert meant(report.found, "COUNTRY_UNKNOWN") == [[("origin_country", "CN", "near")]]


def test_every_suggested_column_can_be_named() -> None:
    one = {"field": "hs_code", "value": "1", "name_zh": "", "name_en": "Cup", "because": "earlier"}
    assert findings.perhaps([one], "sku", "zh") == "商品编码 1 Cup（以前用过）"
    assert (
        findings.perhaps([one, one], "hs_code", "en") == "1 Cup (used before), 1 Cup (used before)"
    )
