"""An operator's file becomes a table's rows, or is refused with every place named."""

import dataclasses
import hashlib
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from xborder import findings
from xborder.schemas import table_changes, table_files, table_versions, tables

DAY = date(2026, 11, 22)
HELD = tables.packaged()
HEAD = ["商品编码", "商品名称", "法定第一单位", "法定第二单位", "海关监管条件"]
CELLS = {"sheet": pl.String, "row": pl.UInt32, "cells": pl.List(pl.String), "ragged": pl.UInt32}


def cells(*rows, sheet="", first=1):
    return pl.DataFrame(
        [(sheet, at, list(row), 0) for at, row in enumerate(rows, first)],
        schema=CELLS,
        orient="row",
    )


def draft(kind, *rows, present=None, **options):
    now = present if present is not None else (
        HELD.tariff(DAY) if kind == "tariff" else HELD.table(kind)
    )  # fmt: skip
    return table_files.draft(cells(*rows), kind, HELD, now, **options)


def told(made):
    return [(one.code, one.cell, one.value) for one in made.found]


def test_a_tariff_in_chinese_becomes_codes():
    made = draft(
        "tariff",
        ["2027 年进出口税则"],
        [*HEAD, "出口退税率"],
        ["6911.1019.00", "瓷餐具", "千克", "无", "A", "13%"],
        ["０１０１２１００１０", " 濒危\n野马 ", "035", "头", None, None],
        confidence="high",
    )
    assert told(made) == []
    horse, cup = made.rows.to_dicts()
    assert (horse["hs_code"], horse["name_zh"]) == ("0101210010", "濒危 野马")
    assert (horse["unit1"], horse["unit2"], horse["supervision"]) == ("035", "009", None)
    assert (cup["hs_code"], cup["unit2"], cup["rebate_pct"]) == ("6911101900", None, "13")
    assert cup["unit_verified"] == horse["supervision_verified"] == "false"
    assert cup["confidence"] == "high"


def test_what_no_official_file_has_is_taken_over_by_code_and_facts_are_not():
    now = HELD.tariff(DAY).row(by_predicate=pl.col("hs_code") == "6911101900", named=True)
    made = draft("tariff", HEAD, ["6911101900", "瓷餐具", "007", None, None], verified=True)
    (row,) = made.rows.to_dicts()
    for name in ("family", "flags", "name_en", "group"):
        assert row[name] == now[name] and now[name], name
    assert (row["rebate_pct"], row["note"], row["unit1"]) == (None, None, "007")
    assert (row["unit_verified"], row["rebate_verified"]) == ("true", "false")
    aliases = draft("country", ["code", "name", "customs"], ["TW", "中国台湾", "143"]).rows
    assert "台湾" in aliases.item(0, "aliases") and aliases.item(0, "iso3") == "TWN"


def test_headers_with_hints_are_read_and_unread_ones_are_named():
    made = draft(
        "tariff", [*HEAD, "出口退税率 (%)", "最惠国税率"],
        ["6911101900", "瓷餐具", "035", None, None, "13.0", "7"],
    )  # fmt: skip
    assert made.rows.item(0, "rebate_pct") == "13.0" and made.unread == ("最惠国税率",)


def test_flags_of_the_file_come_before_the_option():
    made = draft(
        "tariff", [*HEAD, "unit_verified"],
        ["6911101900", "瓷", "035", None, None, "否"], ["6911101100", "瓷", "035", None, None, None],
        verified=True,
    )  # fmt: skip
    assert dict(made.rows.select("hs_code", "unit_verified").rows()) == {
        "6911101900": "false", "6911101100": "true",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "code", "cell"),
    [
        (["691110190", "瓷", "035", None, None], "TABLE_VALUE_MALFORMED", "A2"),
        (["69111019000", "瓷", "035", None, None], "TABLE_VALUE_MALFORMED", "A2"),
        (["6911101900\n1", "瓷", "035", None, None], "TABLE_VALUE_MALFORMED", "A2"),
        (["-", "瓷", "035", None, None], "TABLE_VALUE_MISSING", "A2"),
        (["6911101900", " ", "035", None, None], "TABLE_VALUE_MISSING", "B2"),
        (["6911101900", "瓷", None, None, None], "TABLE_VALUE_MISSING", "C2"),
        (["6911101900", "瓷", "蒲式耳", None, None], "TABLE_VALUE_UNKNOWN", "C2"),
        (["6911101900", "瓷", "035", "999", None], "TABLE_VALUE_UNKNOWN", "D2"),
        (["6911101900", "瓷", "035", None, "A,B"], "TABLE_VALUE_MALFORMED", "E2"),
        (["6911101900", "瓷", "35", None, None], "TABLE_VALUE_UNKNOWN", "C2"),
    ],
)
def test_a_bad_cell_of_a_tariff_is_refused_at_its_place(row, code, cell):
    made = draft("tariff", HEAD, row, ["6911101100", "瓷", "035", None, "A"])
    assert [one[:2] for one in told(made)] == [(code, cell)]
    assert made.found[0].column == HEAD[ord(cell[0]) - ord("A")]
    assert findings.catalogue()[code].severity == "fatal"


@pytest.mark.parametrize(
    ("value", "rate", "code"),
    [
        ("2026-12-01", "7.09", None),
        ("20261201", "7.09", None),
        ("2026年12月1日", "7.09", None),
        ("2026-02-30", "7.09", "TABLE_VALUE_MALFORMED"),
        ("soon", "7.09", "TABLE_VALUE_MALFORMED"),
        ("46357", "7.09", "TABLE_VALUE_MALFORMED"),
        ("2026-12-01", "0.00", "TABLE_VALUE_MALFORMED"),
        ("2026-12-01", "-7", "TABLE_VALUE_MALFORMED"),
        ("2026-12-01", "7,09", "TABLE_VALUE_MALFORMED"),
    ],
)
def test_dates_and_rates(value, rate, code):
    made = draft("exchange_rate", ["币制", "生效日期", "汇率"], ["美元", value, rate])
    assert [one.code for one in made.found] == ([code] if code else [])
    if not code:
        assert made.rows.rows() == [("USD", "2026-12-01", "7.09")]


def test_unknown_currencies_and_countries_are_never_invented():
    made = draft("exchange_rate", ["currency", "valid_from", "cny"], ["XXQ", "2026-12-01", "1"])
    assert told(made) == [("TABLE_VALUE_UNKNOWN", "A2", "XXQ")]
    made = draft("port", ["code", "name", "country"], ["3154", "长滩", "Atlantis"])
    assert told(made) == [("TABLE_VALUE_UNKNOWN", "C2", "Atlantis")]


def test_missing_and_doubled_columns_are_named():
    made = draft("tariff", HEAD[:3], ["6911101900", "瓷", "035"])
    (one,) = made.found
    assert one.code == "TABLE_COLUMNS_MISSING" and one.row == 1
    assert "unit2" in one.expected and "supervision" in one.expected
    made = draft("tariff", [*HEAD, "HS code"], ["6911101900", "瓷", "035", None, None, "1"])
    assert told(made) == [("TABLE_COLUMN_TWICE", "F1", "A1 商品编码, F1 HS code")]


def test_a_code_twice_names_both_places():
    made = draft(
        "tariff", HEAD,
        ["6911101900", "瓷", "035", None, None], ["6911.1019.00", "瓷", "035", None, None],
    )  # fmt: skip
    assert told(made) == [("TABLE_KEY_TWICE", "A3", "6911101900")]
    assert made.found[0].also_at == "A2"


def test_rows_of_another_width_empty_files_and_two_sheets_are_refused():
    good = ["6911101900", "瓷", "035", None, None]
    assert [one.code for one in draft("tariff", HEAD).found] == ["NO_DATA_ROWS"]
    assert [one.code for one in draft("tariff").found] == ["FILE_EMPTY"]
    bent = cells(HEAD, good).with_columns(ragged=pl.Series([0, 6], dtype=pl.UInt32))
    made = table_files.draft(bent, "tariff", HELD, HELD.tariff(DAY))
    assert [(one.code, one.row) for one in made.found] == [("RAGGED_ROW", 2)]
    both = pl.concat([cells(HEAD, good, sheet="2026"), cells(HEAD, good, sheet="2027")])
    made = table_files.draft(both, "tariff", HELD, HELD.tariff(DAY))
    assert [one.code for one in made.found] == ["TABLE_SHEETS"]
    notes = pl.concat([cells(["说明"], sheet="note"), cells(HEAD, good, sheet="2027")])
    assert table_files.draft(notes, "tariff", HELD, HELD.tariff(DAY)).found == []


def test_every_column_the_program_reads_is_known_to_the_import():
    for one in HELD.entries:
        known = {column.name for column in table_files.columns_of(one.kind)}
        assert set(one.rows.columns) <= known, one.name
        headers = [column.name for column in table_files.columns_of(one.kind)]
        rows = one.rows.select(
            pl.col(name) if name in one.rows.columns else pl.lit(None, pl.String).alias(name)
            for name in headers
        )
        made = draft(one.kind, headers, *rows.rows(), present=one.rows)
        assert told(made) == [], one.name
        changes = table_changes.compare(one.rows, made.rows, table_files.key_of(one.kind))
        assert (changes.added.height, changes.removed.height) == (0, 0)
        spaces = changes.changed.filter(
            pl.col("was").str.replace_all(r"\s+", " ").str.strip_chars() != pl.col("now")
        )
        assert spaces.is_empty(), (one.name, spaces)


def test_changes_are_told_by_column():
    one = pl.DataFrame({"code": ["1", "2", "3"], "name": ["a", "b", "c"], "old": ["x", None, None]})
    two = pl.DataFrame({"code": ["2", "3", "4"], "name": ["b", "C", "d"], "new": ["n", None, None]})
    found = table_changes.compare(one, two, ["code"])
    assert (found.before, found.after, found.rows_changed) == (3, 3, 2)
    assert found.added["code"].to_list() == ["4"] and found.removed["code"].to_list() == ["1"]
    assert found.changed.rows() == [("2", "new", None, "n"), ("3", "name", "c", "C")]
    assert found.by_column == {"new": 1, "name": 1}


def test_a_table_that_leaves_others_dangling_is_refused():
    units = next(one for one in HELD.entries if one.name == "unit")
    rows = units.rows.filter(pl.col("code") != "035")
    fewer = dataclasses.replace(units, read=lambda: rows, origin="home")
    with pytest.raises(tables.TableError, match=r"table tariff_ceramics: unit1 035 .*table unit"):
        table_changes.refuse_dangling(HELD, tables.combined((fewer,)), HELD.today)
    assert table_changes.dangling(HELD) == []
    # What dangles already, by another release perhaps, keeps no other table from coming.
    short = tables.combined((fewer,))
    table_changes.refuse_dangling(short, short, HELD.today)


def test_a_table_that_will_leave_others_dangling_is_refused_before_that_day():
    units = next(one for one in HELD.entries if one.name == "unit")
    rows = units.rows.filter(pl.col("code") != "035")
    day = HELD.today + timedelta(days=30)
    later = dataclasses.replace(units, read=lambda: rows, origin="home", valid_from=day)
    with pytest.raises(tables.TableError, match=rf"unit1 035 .*table unit \({day}\)"):
        table_changes.refuse_dangling(HELD, tables.combined((later,)), HELD.today)


def test_what_excel_makes_of_codes_and_percents_is_refused_with_the_form_named():
    made = draft("tariff", [*HEAD, "出口退税率"], ["6911101900", "瓷", "035", None, None, "0.13"])
    assert told(made) == [("TABLE_VALUE_MALFORMED", "F2", "0.13")]
    assert made.found[0].expected == "13 = 13%"
    for written, value in (("13%", "13"), ("0", "0"), ("9.5", "9.5")):
        made = draft(
            "tariff", [*HEAD, "出口退税率"], ["6911101900", "瓷", "035", None, None, written]
        )
        assert (told(made), made.rows["rebate_pct"].to_list()) == ([], [value])
    # 0301 and 030110 whose zero a numeric cell has lost.
    for lost in ("301", "30110", "301100000"):
        made = draft("declaration_elements", ["hs_prefix", "position", "name_zh"], [lost, "0", "x"])
        assert told(made) == [("TABLE_VALUE_MALFORMED", "A2", lost)]
    made = draft("exchange_rate", ["币制", "生效日期", "汇率"], ["USD", "2026-11-31", "1,234.5"])
    assert [one.expected for one in made.found] == ["YYYY-MM-DD", "1234.5"]


def _own(name: str, begins: str, ends: str | None, rows: pl.DataFrame) -> tables.Table:
    entry = {
        "name": name, "valid_from": date.fromisoformat(begins), "source": "t",
        "valid_to": date.fromisoformat(ends) if ends else None, "confidence": "high",
    }  # fmt: skip
    content = rows.write_csv().encode()
    sha256 = hashlib.sha256(content).hexdigest()
    return table_versions.version(entry | {"sha256": sha256}, content, "home", "t.csv")


def test_a_table_of_a_past_year_ends_with_its_year():
    rates = pl.DataFrame({"currency": ["USD"], "valid_from": ["2023-01-01"], "cny": ["6.95"]})

    def rate(own: list[tables.Table], currency: str, day: str) -> Decimal | None:
        return tables.combined(tuple(own)).cny_rate(currency, date.fromisoformat(day))

    past = [_own("exchange_rate", "2023-01-01", "2023-12-31", rates)]
    released = tables.packaged().cny_rate("EUR", date(2026, 11, 20))
    assert rate(past, "USD", "2023-06-01") == Decimal("6.95")
    assert rate(past, "EUR", "2023-06-01") is None
    assert rate(past, "EUR", "2026-11-20") == released != None  # noqa: E711
    # It reaches into the release's own time: that goes on on the day after.
    into = [_own("exchange_rate", "2023-01-01", "2024-06-30", rates)]
    assert rate(into, "EUR", "2024-06-30") is None and rate(into, "EUR", "2026-11-20") == released
    assert rate(into, "EUR", "2024-07-01") is not None
    # Without an end, or with a later version of one's own, the release's does not come back.
    assert rate([_own("exchange_rate", "2023-01-01", None, rates)], "EUR", "2026-11-20") is None
    both = [*past, _own("exchange_rate", "2024-01-01", None, rates)]
    assert rate(both, "EUR", "2026-11-20") is None
    # One that begins after the release's takes its place for good.
    newer = [_own("exchange_rate", "2026-01-01", "2026-06-30", rates)]
    assert rate(newer, "EUR", "2026-11-20") is None and rate(newer, "EUR", "2025-11-20")


def test_a_tariff_of_a_past_year_says_nothing_of_a_code_in_force():
    row = HELD.tariff(DAY).filter(pl.col("hs_code") == "6911101900").cast(pl.String)
    old = row.with_columns(unit1=pl.lit("007"))
    held = tables.combined((_own("tariff", "2023-01-01", "2023-12-31", old),))

    def unit(day: date) -> str:
        return held.tariff(day).filter(pl.col("hs_code") == "6911101900")["unit1"].item()

    assert unit(date(2023, 6, 1)) == "007" and unit(DAY) == row["unit1"].item() != "007"
    assert held.out_of_date(DAY) == ["tariff"]


def test_the_documented_columns_are_those_of_the_import():
    text = (Path(__file__).parents[2] / "docs" / "tables.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", text, re.M))
    kinds = {one.kind for one in HELD.entries} - {"trade_mode"}
    kinds = {kind for kind in kinds if table_files.columns_of(kind) != table_files.columns_of("?")}
    assert set(told) == kinds
    for kind, columns in told.items():
        marks = dict(re.findall(r"`([a-z_0-9]+)`([*+]?)", columns))
        for one in table_files.columns_of(kind):
            mark = "*" if one.needed else "+" if one.wanted else ""
            assert marks.pop(one.name, "") == mark, (kind, one.name)
        assert marks == {}, kind
