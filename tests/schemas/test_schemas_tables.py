"""Tables are dated, checksummed, replaceable, and say how sure they are."""

import hashlib
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from xborder.schemas import library, tables

DAY = date(2026, 4, 8)
TABLES = tables.packaged()


def home(tmp_path, name, content, sha256=None, extra=""):
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "own.csv").write_text(content, "utf-8")
    digest = sha256 or hashlib.sha256(content.encode()).hexdigest()
    (folder / "tables.toml").write_text(
        f'[[table]]\nname = "{name}"\nfile = "own.csv"\nvalid_from = 2026-01-01\n'
        f'sha256 = "{digest}"\nsource = "own"\nconfidence = "high"\n{extra}',
        "utf-8",
    )
    return folder


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        *(("US", "US"), ("usa", "US"), ("502", "US"), ("美国", "US"), (" Deutschland ", "DE")),
        *(("United States", "US"), ("台湾", "TW"), ("中国台湾", "TW"), ("香港", "HK")),
        *(("Macau", "MO"), ("中国澳门", "MO"), ("ﬁ", None), ("Atlantis", None), ("", None)),
    ],
)
def test_countries_as_users_write_them(text, iso):
    assert TABLES.country(text) == iso


def test_taiwan_hong_kong_and_macau_are_named_as_the_customs_list_does():
    named = dict(TABLES.codes("country").select("code", "name").rows())
    assert (named["TW"], named["HK"], named["MO"]) == ("中国台湾", "中国香港", "中国澳门")
    numbers = TABLES.country_to_customs
    assert (numbers["TW"], numbers["HK"], numbers["MO"]) == ("143", "110", "121")
    assert "GU" not in numbers and TABLES.country("GU") == "GU"


def test_currencies_and_units_as_users_write_them():
    assert [TABLES.currency(one) for one in ("RMB", "人民币", "美元", "502", "€", "XYZ")] == [
        *("CNY", "CNY", "USD", "USD", "EUR"),
        None,
    ]
    assert TABLES.currency_to_customs["USD"] == "502"
    assert [TABLES.unit(one) for one in ("035", "千克", "KG", "个", "bushel")] == [
        *("035", "035", "035", "007"),
        None,
    ]
    assert TABLES.unit_by_name["千克"] == "035" and TABLES.units["035"] == "千克"


def test_codes_are_text_and_of_their_width():
    assert set(TABLES.codes("customs_office").schema.dtypes()) == {pl.String()}
    for table, width in (("customs_office", 4), ("unit", 3), ("transport_mode", 1)):
        assert {len(code) for code in TABLES.codes(table)["code"]} == {width}
    assert {"6041", "6042", "6046", "5349"} <= set(TABLES.customs_offices)
    assert TABLES.port_country["3154"] == "US"
    assert set(TABLES.port_country.values()) <= set(TABLES.codes("country")["code"])
    with pytest.raises(tables.TableError, match="table colour: unknown"):
        TABLES.codes("colour")


def test_the_tariff_is_whole_and_says_what_is_verified():
    rows = TABLES.tariff(DAY)
    assert rows["hs_code"].is_unique().all() and rows["hs_code"].str.contains("^[0-9]{10}$").all()
    assert set(rows["unit1"]) | set(rows["unit2"].drop_nulls()) <= set(TABLES.units)
    assert set(rows["family"]) == {"ceramics", "electroacoustics", "furniture", "industrial"}
    verified = dict(rows.select("hs_code", "unit_verified").rows())
    assert verified["6911101900"] is True and verified["9401310000"] is False
    assert rows["unit_verified"].sum() == 17
    assert TABLES.tariff(date(2021, 12, 31)).is_empty()


def test_each_tariff_row_lies_under_its_family_s_headings():
    for family, code in TABLES.tariff(DAY).select("family", "hs_code").rows():
        schema = library.schema(family)
        for pattern in (
            schema["properties"]["hs_code"]["pattern"],
            schema["$defs"]["heading"]["properties"]["hs_code"]["pattern"],
        ):
            assert pl.Series([code]).str.contains(pattern).all(), (family, code)


def test_dated_facts_change_on_their_day():
    assert TABLES.pilot_zone_offices(date(2020, 4, 26)) == set()
    assert TABLES.pilot_zone_offices(date(2020, 4, 27)) == {"6041", "6042", "6046"}
    assert TABLES.threshold_cny(DAY) == Decimal(5000)
    assert TABLES.hs_padding("9610", DAY) == 4 and TABLES.hs_padding("9710", DAY) == 6
    assert TABLES.hs_padding("1210", DAY) is None
    before = TABLES.cny_rate("USD", date(2026, 6, 30))
    after = TABLES.cny_rate("USD", date(2026, 7, 1))
    assert isinstance(before, Decimal) and before != after
    assert TABLES.cny_rate("USD", date(2023, 12, 31)) is None
    assert TABLES.cny_rate("BRL", DAY) is None
    assert TABLES.out_of_date(DAY) == []
    assert "exchange_rate" in TABLES.out_of_date(date(2027, 1, 1))


def test_every_currency_has_a_rate_marked_as_an_example():
    assert all(TABLES.cny_rate(code, DAY) for code in TABLES.currency_to_customs)
    rates = next(one for one in TABLES.entries if one.name == "exchange_rate")
    assert rates.confidence == "low" and "示例汇率" in rates.source


def test_a_home_replaces_a_table_by_its_name(tmp_path):
    own = home(tmp_path, "list_threshold", "valid_from,cny\n2026-01-01,8000\n")
    held = tables.load(own)
    assert held.threshold_cny(DAY) == Decimal(8000)
    assert held.country("US") == "US"
    assert held.version != TABLES.version
    assert tables.load(None) is TABLES and tables.load(tmp_path / "none") is TABLES


def test_versions_of_a_table_hold_from_their_day(tmp_path):
    digest = hashlib.sha256(b"code,name\n1,old\n").hexdigest()
    folder = home(tmp_path, "colour", "code,name\n2,new\n")
    (folder / "old.csv").write_text("code,name\n1,old\n")
    manifest = folder / "tables.toml"
    manifest.write_text(
        manifest.read_text() + '[[table]]\nname = "colour"\nfile = "old.csv"\n'
        f'valid_from = 2025-01-01\nvalid_to = 2025-12-31\nsha256 = "{digest}"\n'
        'source = "own"\nconfidence = "high"\n'
    )
    held = tables.load(folder)
    assert held.table("colour", date(2025, 6, 1))["name"].to_list() == ["old"]
    assert held.table("colour", date(2026, 6, 1))["name"].to_list() == ["new"]
    assert held.codes("colour")["name"].to_list() == ["new"]
    assert held.table("colour", date(2024, 6, 1)).is_empty()


def test_changed_bytes_are_refused_with_both_sums(tmp_path):
    folder = home(tmp_path, "unit", "code,name,aliases\n035,千克,\n", sha256="0" * 64)
    actual = hashlib.sha256((folder / "own.csv").read_bytes()).hexdigest()
    with pytest.raises(tables.TableError, match=f"table unit: .*{actual}.*expected {'0' * 64}"):
        tables.load(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("unit", "code,name\n035,千克\n", "table unit: the columns aliases are missing"),
        ("unit", "", "table unit: own.csv is no table"),
    ],
)
def test_a_table_of_another_shape_is_refused(name, content, message, tmp_path):
    with pytest.raises(tables.TableError, match=message):
        tables.load(home(tmp_path, name, content))


def test_an_alias_with_two_meanings_is_refused(tmp_path):
    folder = home(tmp_path, "unit", "code,name,aliases\n035,千克,kg\n036,克,KG\n")
    with pytest.raises(tables.TableError, match="table unit: 'KG' means both 035 and 036"):
        tables.load(folder).unit("kg")


def test_a_file_outside_the_folder_is_refused(tmp_path):
    folder = home(tmp_path, "unit", "code,name,aliases\n")
    manifest = folder / "tables.toml"
    manifest.write_text(manifest.read_text().replace("own.csv", "../own.csv"))
    with pytest.raises(tables.TableError, match=r"table unit: \.\./own\.csv lies outside"):
        tables.load(folder)
