"""What stands of an upload is told at its cells, whoever tells it."""

import csv
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pipeline_homes import make_home

from xborder import clock
from xborder.manifests import cutoff
from xborder.registry import answers, checkings, landing, lists, queries, readings
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home, open_home

DAY = date(2026, 11, 22)
SHOP = ("landing", "dapu-ciyun", "shopify-us")


def work(home: Home, *, issue: bool) -> None:
    with clock.fixed("2026-11-22T10:00:00+08:00"):
        landing.take_in(home.engine, home.settings, home.exporters, day=DAY)
        rooms = (home.engine, home.store, home.settings, home.exporters, home.tables)
        readings.read_uploads(*rooms)
        checkings.check_open_orders(*rooms, DAY)
        with transaction(home.engine) as connection:
            lists.claim(connection)
        if issue:
            cutoff.issue(home.engine, home.store, home.settings, DAY)


def last_answer(home: Home) -> tuple[dict[str, object], pl.DataFrame]:
    with reading(home.engine) as connection:
        upload = queries.uploads(connection)[-1]
        receipt = queries.receipt(connection, upload.id)
    return receipt, answers.findings_of(home.engine, home.store, upload.id)


def change(source: Path, target: Path, order: str, column: str, value: str) -> None:
    with source.open(encoding="utf-8-sig", newline="") as file:
        head, *rows = list(csv.reader(file))
    index, name = head.index(column), head.index("Name")
    changed = [
        [*row[:index], value, *row[index + 1 :]] if row[name] == order else row for row in rows
    ]
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *changed])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = make_home(tmp_path / "home", "shopify-us")
    for later in made.joinpath(*SHOP).glob("04_*"):
        later.unlink()
    return open_home(made)


def test_a_change_after_issue_is_held_with_the_difference_at_its_cell(home: Home) -> None:
    source = next(home.settings.home.joinpath(*SHOP).glob("02_*"))
    kept = source.read_bytes()
    work(home, issue=True)
    source.write_bytes(kept)
    target = source.with_name("again.csv")
    change(source, target, "#1001", "Lineitem quantity", "99")
    source.unlink()
    work(home, issue=False)
    receipt, found = last_answer(home)
    told = found.filter(pl.col("code") == "CHANGED_AFTER_ISSUE")
    assert told.get_column("value").unique().to_list() == ["99"]
    row = told.row(0, named=True)
    assert (row["cell"], row["column"]) == (f"Q{row['row']}", "Lineitem quantity")
    assert row["expected"] not in ("", "99")
    assert receipt["held"] == told.height
    assert receipt["adds_up"]


def test_a_change_before_issue_replaces(home: Home) -> None:
    source = next(home.settings.home.joinpath(*SHOP).glob("02_*"))
    kept = source.read_bytes()
    work(home, issue=False)
    source.write_bytes(kept)
    change(source, source.with_name("again.csv"), "#1001", "Lineitem name", "A cup by another name")
    source.unlink()
    work(home, issue=True)
    receipt, found = last_answer(home)
    assert "CHANGED_AFTER_ISSUE" not in found.get_column("code").to_list()
    assert receipt["declared"] > 0 and receipt["held"] == 0 and receipt["adds_up"]
