"""Two findings at one cell that are one fault: only the one that says more is told."""

import csv
import io

import polars as pl
import pytest

from xborder import clock, findings, intake
from xborder.checks import Context, telling
from xborder.checks.dry_run import check_reading
from xborder.schemas import tables

HEAD = ["订单编号", "下单时间", "货号", "商品名称", "数量", "单价", "币制", "运抵国"]
ROW = ["DP-1", "2026-04-01 10:30:00", "CB-01", "碗", "2", "12.50", "USD", "US"]


def found(tmp_path, head: list[str], *rows: list[str]) -> list[tuple[str, str]]:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([head, *rows])
    file = tmp_path / "orders.csv"
    file.write_text(text.getvalue(), "utf-8")
    reading = intake.read(file, file.name)
    report = check_reading(reading, Context(tables=tables.load(None), on=clock.today()), "")
    return report.found.select("code", "cell").rows()


def changed(**cells: str) -> list[str]:
    names = ["order_no", "ordered_at", "sku", "name", "qty", "price", "currency", "country"]
    return list((dict(zip(names, ROW, strict=True)) | cells).values())


def test_a_date_that_can_be_read_in_two_ways_is_told_once(tmp_path):
    rows = [changed(order_no=f"DP-{at}", ordered_at=f"0{at}/04/2026") for at in (3, 5)]
    told = found(tmp_path, HEAD, *rows)
    assert told == [("DATE_AMBIGUOUS", "B2"), ("DATE_AMBIGUOUS", "B3")]


def test_a_forbidden_character_is_told_once(tmp_path):
    assert found(tmp_path, HEAD, changed(name="碗\u202e大")) == [("FORBIDDEN_CHARACTER", "D2")]
    told = found(tmp_path, ["货号", "商品编码", "商品名称"], ["CB-01", "6912001000", "碗\u202e"])
    assert [code for code, cell in told if cell == "C2"] == ["FORBIDDEN_CHARACTER"]


def frame(*rows: tuple[int, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["row", "field", "code"], orient="row")


PAIRS = [(lesser, one) for lesser, more in telling.TELLS_MORE.items() for one in more]


@pytest.mark.parametrize(("lesser", "more"), PAIRS)
def test_the_lesser_goes_where_the_other_stands_and_nowhere_else(lesser, more):
    every = frame((1, "a", lesser), (1, "a", more), (2, "a", lesser), (1, "b", lesser))
    kept = telling.once(every, ["row", "field"])
    assert kept.equals(frame((1, "a", more), (2, "a", lesser), (1, "b", lesser)))
    assert telling.once(every, ["row", "field"], frame((2, "a", more))).rows() == [
        (1, "a", lesser), (1, "a", more), (1, "b", lesser),
    ]  # fmt: skip


def test_what_stays_holds_whatever_the_other_holds():
    known = findings.catalogue()
    rank = findings.SEVERITIES.index
    for lesser, more in PAIRS:
        assert rank(known[more].severity) <= rank(known[lesser].severity)
