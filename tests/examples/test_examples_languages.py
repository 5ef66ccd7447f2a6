"""Every command speaks one language: wholly Chinese, or wholly English; data stays as it is."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from xborder import clock, findings
from xborder.cli import app, language, summary, terminal
from xborder.intake.layouts import template
from xborder.registry import landing, queries, readings
from xborder.registry.database import reading
from xborder.registry.home import Home, open_home

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NOW = "2026-11-22T10:00:00+08:00"
DAY = date(2026, 11, 22)

HAN = re.compile(r"[\u4e00-\u9fff]+")
LATIN = re.compile(r"[A-Za-z][A-Za-z]+", re.ASCII)

COMMAND_WORDS = {
    "alone", "country", "csv", "currency", "elements", "gmodel", "gname", "goods", "inspection",
    "keep", "licence", "none", "notice", "port", "postal", "rebate", "refuse", "sku", "stock",
    "true", "unit", "units",
}  # fmt: skip
"""What is typed as it stands."""

NAMES = {
    "AB", "AD", "BIG", "BIRDS", "CBP", "CEB", "CITES", "CSMS", "CSV", "DD", "EF", "EU", "Excel",
    "FBA", "FDA", "GB", "GTIN", "HS", "HTS", "ICS", "IOSS", "ISO", "MM", "OJ", "SKU", "UN",
    "UTF", "XB", "YYYY", "ZIP", "copNo", "guid",
}  # fmt: skip
"""Names of things that Chinese users write in Latin letters too."""

OFFICIAL = {
    "规范申报", "规范申报目录", "无", "类型", "出口享惠情况", "瓷", "陶", "种类", "餐具", "厨房用具等",
    "是否骨瓷", "中文或外文名称", "其他", "千克", "个", "否",
}  # fmt: skip
"""What customs calls things, and what stands in its fields: it has no English."""

EXPORTER, SHOP = "dapu-ciyun", "b2b"
OWN = EXAMPLES / "landing" / EXPORTER


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("languages") / "demo"
    environment = os.environ | {"XBORDER_NOW": NOW}
    environment.pop("DAGSTER_HOME", None)
    done = subprocess.run(
        [sys.executable, "-m", "xborder", "demo", str(folder), "--lang", "zh"],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return open_home(folder)


def texts(said: Any) -> Iterator[str]:
    """All texts in a JSON or TOML value."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, dict):
        for one in said.values():
            yield from texts(one)
    elif isinstance(said, list):
        for one in said:
            yield from texts(one)


@pytest.fixture(scope="module")
def data(home: Home) -> re.Pattern[str]:
    """What users and codes say: files, headers, cells, profiles; findings, fields, tables."""
    known: set[str] = {*findings.catalogue(), *home.tables.names, str(home.settings.home)}
    known |= {column.example for column in template("goods").columns}
    # Where notices come from is told as it is called there.
    known |= set(home.tables.table("destination_notice", DAY)["source"].drop_nulls())
    for profile in (home.settings.home / "exporters").glob("*.toml"):
        known |= set(texts(tomllib.loads(profile.read_text("utf-8"))))
    with reading(home.engine) as connection:
        for upload in queries.uploads(connection):
            known |= {upload.file_name, upload.layout or ""}
            folder = readings.folder(upload.id)
            if home.store.exists(*folder, "columns.json"):
                placed = Path(home.store.path(*folder, "columns.json").path)
                known |= set(texts(json.loads(placed.read_text("utf-8"))))
            if home.store.exists(*folder, "records.parquet"):
                records = home.store.read_parquet(*folder, "records.parquet")
                for name in records.select(pl.col(pl.String)).columns:
                    known |= set(records[name].drop_nulls().unique())
    # A plain word may be one of ours too: it is not taken out.
    shown = {one for one in known if len(one) > 1 and not re.fullmatch("[a-z]{1,9}", one)}
    return re.compile("|".join(map(re.escape, sorted(shown, key=len, reverse=True))))


def said(home: Home, lang: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XBORDER_HOME", str(home.settings.home))
    monkeypatch.setenv("XBORDER_NOW", NOW)
    for name in ("out", "err"):
        wide = Console(width=2000, highlight=False, stderr=name == "err")
        monkeypatch.setattr(terminal, name, wide)
    result = CliRunner().invoke(app, [*words, "--lang", lang])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert result.output.strip(), words
    return result.output


def strange(text: str, lang: str, data: re.Pattern[str]) -> set[str]:
    """Words of the other language that are neither data nor names."""
    coded = (
        r"\b[a-z]+_[a-z_]+\b|\b[A-Z]{1,2}[0-9]+\b|\b[A-Z0-9]+(-[A-Z0-9]+)+\b|\b[0-9a-f]{12,16}\b"
    )
    typed = (
        r"xborder( [a-z-]+)*|--kind \S+|--[a-z-]+|\S*\.toml(\.txt)?|[\w.…-]*/\S*|\{\w+\}|\w+=\S*"
        r"|\w+_\w+|\b[A-Z]{1,2}[0-9]+\b|\b[0-9a-f]{12,16}\b"
    )
    text = re.sub(typed, " ", data.sub(" ", re.sub(coded, " ", text)))
    if lang == "en":
        return set(HAN.findall(text)) - OFFICIAL
    return set(LATIN.findall(text)) - NAMES - COMMAND_WORDS


COMMANDS = [
    ["manifests"], ["manifests", "show", "{manifest}"], ["manifests", "show", "XB9"],
    ["manifests", "get", "XB9"], ["fix", "--exporter", EXPORTER],
    ["fix", "--exporter", "xingning-jinggong"], ["fix", "revoke", "99", "--exporter", EXPORTER],
    ["fix", "country", "Atlantis", "??", "--exporter", EXPORTER], ["facts"], ["stock"], ["verify"],
    ["consolidate", "preview", "--month", "2026-11"], ["consolidate", "show"],
    ["consolidate", "apply", "--month", "2026-11"], ["depart"], ["depart", "--bill", "B", "--arrived"],
    ["send"], ["send", "XB9"], ["receive"], ["postal", "show", "--date", "2026-11-22"], ["tables"],
    ["tables", "show", "trade_mode", "--code", "??"], ["cancel", "XB9", "--reason", "??"],
    ["trace", "DPB2B-2611-001"], ["trace", "PYW-2611-04"], ["trace", "??"], ["run", "--date", "??"],
    ["check", str(OWN / SHOP / "01_B2B订单.xlsx"), "--exporter", EXPORTER, "--shop", SHOP],
    ["check", str(OWN / "shopify-us" / "01_商品备案.xlsx")],
    ["check", str(OWN / SHOP / "03_B2B订单_加密.xlsx")], ["check", "??"],
    ["submit", "??", "--exporter", EXPORTER],
    ["submit", str(EXAMPLES / "README.md"), "--exporter", EXPORTER],
    ["submit", str(EXAMPLES / "README.md"), "--exporter", "??"],
]  # fmt: skip


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words)[:24])
def test_a_command_speaks_one_language(
    home: Home, data: re.Pattern[str], lang: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(home.engine) as connection:
        number = queries.manifests(connection)[0]["number"]
    asked = [number if one == "{manifest}" else one for one in words]
    told = said(home, lang, asked, monkeypatch)
    assert strange(told, lang, data) == set(), told[:3000]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_a_run_tells_is_in_one_language(
    home: Home, data: re.Pattern[str], lang: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("XBORDER_LANG", lang)
    monkeypatch.setattr(terminal, "out", Console(width=2000, highlight=False))
    language.choose(None)
    with clock.fixed(NOW):
        summary.show(home, clock.today(), 0)
    told = capsys.readouterr().out
    # The headers of a file that is not known are told as they are.
    told = re.sub(r"(?i)(找到的表头：|headers? found: ).*", "", told)
    assert strange(told, lang, data) == set()


def test_a_file_that_came_before_is_told_by_submit_and_by_run(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = OWN / SHOP / "01_B2B订单.xlsx"
    words = ["submit", str(file), "--exporter", EXPORTER, "--shop", SHOP]
    before = summary.last_delivery(home)
    told = said(home, "zh", words, monkeypatch)
    assert "ALREADY_RECEIVED: 内容完全相同的文件已收到过（上传 1）" in told
    locked = OWN / SHOP / "03_B2B订单_加密.xlsx"
    assert "ALREADY_RECEIVED" not in said(
        home, "en", [*words[:1], str(locked), *words[2:]], monkeypatch
    )
    with clock.fixed(NOW):
        rooms = (home.engine, home.settings, home.exporters)
        assert len(landing.take_in(*rooms)) == 2
        language.choose("en")
        monkeypatch.setattr(terminal, "out", Console(width=2000, highlight=False))
        summary.show(home, clock.today(), before)
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "ALREADY_RECEIVED" in one]
    assert line.startswith(f"{EXPORTER}/{SHOP} {file.name}: ") and "(upload 1)" in line


def test_check_counts_what_is_declared_already(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = OWN / "shopify-us" / "02_orders_export_1.csv"
    own = ["--exporter", EXPORTER, "--shop", "shopify-us", "--json"]
    told = json.loads(said(home, "en", ["check", str(file), *own], monkeypatch))
    with reading(home.engine) as connection:
        (upload,) = (one for one in queries.uploads(connection) if one.file_name == file.name)
        receipt = queries.receipt(connection, upload.id)
    assert told["declared"] == receipt["orders"]["declared"] > 10
    counts = told["counts"]
    assert counts["duplicate"] == receipt["declared"] > 10
    assert counts["rows"] == sum(
        counts[name] for name in ("accepted", "held", "excluded", "duplicate")
    )
    alone = json.loads(said(home, "en", ["check", str(file), "--json"], monkeypatch))
    assert alone["declared"] == alone["counts"]["duplicate"] == 0


def test_check_says_where_a_declared_order_says_something_else(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = "DPB2B-2611-001"
    book = openpyxl.load_workbook(OWN / SHOP / "01_B2B订单.xlsx")
    sheet = book["订单 Orders"]
    heads = {str(cell.value): cell.column for cell in sheet[1]}
    rows = [row for row in range(2, sheet.max_row + 1) if sheet.cell(row, 1).value == first]
    price = next(column for head, column in heads.items() if "单价" in head)
    total = next(column for head, column in heads.items() if "总价" in head)
    sheet.cell(rows[0], price).value = 1
    sheet.cell(rows[0], total).value = None
    changed = tmp_path / "changed.xlsx"
    book.save(changed)
    words = ["check", str(changed), "--exporter", EXPORTER, "--shop", SHOP, "--json"]
    told = json.loads(said(home, "en", words, monkeypatch))
    (one,) = [row for row in told["findings"] if row["code"] == "DECLARED_OTHERWISE"]
    assert (one["order_no"], one["cell"]) == (first, f"A{rows[0]}")
    unchanged = json.loads(
        said(home, "en", ["check", str(OWN / SHOP / "01_B2B订单.xlsx"), *words[2:]], monkeypatch)
    )
    assert told["declared"] == unchanged["declared"] - 1
    assert told["counts"]["held"] == unchanged["counts"]["held"] + len(rows)
