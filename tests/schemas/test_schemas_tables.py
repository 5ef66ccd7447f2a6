"""Tables are dated, checksummed, replaceable, and say how sure they are."""

import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from xborder import clock
from xborder.schemas import library, table_versions, tables

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


def test_the_release_s_tables_are_such_as_a_home_s_must_be():
    # They are not looked at again when they are used.
    read = table_versions.read_folder(Path(tables.__file__).parent / "data", "home")
    assert [one.name for one in read] == [one.name for one in TABLES.entries]


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


TARIFF_HEAD = (
    "hs_code,name_zh,name_en,unit1,unit2,supervision,ciq,elements,family,flags,rebate_pct,"
    "confidence,unit_verified,supervision_verified,rebate_verified\n"
)


def folder_of(tmp_path, *versions):
    """A home's tables folder; each version is (name, kind, text, further TOML lines)."""
    folder = tmp_path / "tables"
    folder.mkdir()
    entries = []
    for at, (name, kind, text, lines) in enumerate(versions):
        (folder / f"{at}.csv").write_text(text, "utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        entries.append(
            f'[[table]]\nname = "{name}"\nkind = "{kind}"\nfile = "{at}.csv"\n'
            f'sha256 = "{digest}"\nsource = "own"\nconfidence = "high"\n{lines}\n'
        )
    (folder / "tables.toml").write_text("\n".join(entries), "utf-8")
    return folder


def test_the_home_s_row_of_a_code_comes_before_the_release_s(tmp_path):
    own = TARIFF_HEAD + "6911101900,瓷制餐具,,007,,,,,,,,high,true,true,\n"
    held = tables.load(folder_of(tmp_path, ("tariff", "tariff", own, "valid_from = 2026-04-01")))
    rows = held.tariff(DAY)
    assert rows["hs_code"].is_unique().all() and rows.height == TABLES.tariff(DAY).height
    assert rows.row(by_predicate=pl.col("hs_code") == "6911101900", named=True)["unit1"] == "007"
    assert held.tariff(date(2026, 3, 31)).equals(TABLES.tariff(date(2026, 3, 31)))
    assert not held.tariff_is_complete(DAY)


def test_a_complete_tariff_stands_alone_until_its_end(tmp_path):
    own = TARIFF_HEAD + "0101210010,改良种用濒危野马,,001,035,ABEF,,,,,,high,true,true,\n"
    lines = "valid_from = 2026-04-01\nvalid_to = 2027-03-31\ncomplete = true"
    held = tables.load(folder_of(tmp_path, ("tariff", "tariff", own, lines)))
    assert held.tariff(DAY)["hs_code"].to_list() == ["0101210010"]
    assert held.tariff_is_complete(date(2027, 3, 31))
    assert not held.tariff_is_complete(date(2027, 4, 1))
    assert held.tariff(date(2027, 4, 1)).height > 1
    assert "tariff_ceramics" not in held.out_of_date(date(2027, 3, 31))
    assert {"tariff", "tariff_ceramics"} <= set(held.out_of_date(date(2027, 4, 1)))
    assert held.version_on(date(2027, 3, 31)) != held.version_on(date(2027, 4, 1))


def test_a_code_table_holds_from_its_day_and_the_release_s_until_then(tmp_path):
    rows = "code,name,name_en\n1,新名,\n"
    folder = folder_of(tmp_path, ("fee_flag", "fee_flag", rows, "valid_from = 2026-04-08"))
    with clock.fixed("2026-04-07T12:00:00+08:00"):
        before = tables.load(folder)
    with clock.fixed("2026-04-08T12:00:00+08:00"):
        after = tables.load(folder)
    assert before.codes("fee_flag").equals(TABLES.codes("fee_flag"))
    assert after.codes("fee_flag")["name"].to_list() == ["新名"]
    assert before.members("fee_flag") != after.members("fee_flag")
    assert before.version != after.version


FEES = "code,name\n1,率\n"


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        (
            [
                ("fee", "fee", FEES, "valid_from = 2026-01-01\nvalid_to = 2026-06-30"),
                ("fee", "fee", FEES, "valid_from = 2026-06-30"),
            ],
            r"table fee: the version from 2026-01-01 \(to 2026-06-30\) .* 2026-06-30 overlap",
        ),
        (
            [("fee", "fee", FEES, "valid_from = 2026-01-01")] * 2,
            "table fee: the version from 2026-01-01 .to the next. .*overlap",
        ),
        (
            [("fee", "fee", "code,name\n1,率\n2,单\n1,价\n", "valid_from = 2026-01-01")],
            "table fee: 1 stands twice, in the rows 2, 4",
        ),
        (
            [("fee", "fee", "code,name\n1,率\n,单\n", "valid_from = 2026-01-01")],
            "table fee: row 3 has no code",
        ),
        (
            [("fee", "fee", FEES, "valid_from = 2026-01-01\nvalid_to = 2025-12-31")],
            "table fee: valid_to 2025-12-31 lies before",
        ),
        ([("fee", "fee", FEES, 'valid_from = "soon"')], "table fee: .*must be dates"),
        ([("fee", "fee", FEES, "")], "an entry of fee lacks valid_from"),
    ],
)
def test_bad_versions_are_refused_with_their_place(versions, message, tmp_path):
    with pytest.raises(tables.TableError, match=message):
        tables.load(folder_of(tmp_path, *versions))


def test_a_version_with_an_end_makes_room_for_the_next(tmp_path):
    lines = "valid_from = 2026-01-01\nvalid_to = 2026-06-29"
    versions = ("fee", "fee", FEES, lines), ("fee", "fee", FEES, "valid_from = 2026-06-30")
    assert tables.load(folder_of(tmp_path, *versions)).names.count("fee") == 1
