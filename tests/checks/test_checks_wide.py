"""Goods that stand side by side in one row: what is wrong with the second stands at its cells."""

import io
import os
import resource
from contextlib import ExitStack
from datetime import date

import openpyxl
import polars as pl
import pytest

from xborder import intake
from xborder.checks import Context
from xborder.checks.annotated import annotated
from xborder.checks.annotator import Annotator
from xborder.checks.dry_run import Report, check_together
from xborder.intake import Reading
from xborder.schemas import tables

HEAD = ["交易订单号", "产品sku1", "数量", "SKU1成交单价", "产品sku2", "数量", "SKU2成交单价",
        "产品sku3", "数量", "SKU3成交单价", "成交币种", "目的仓库"]  # fmt: skip
ROWS = [
    ["W-1", "A-1", "1", "5", "B-1", "0", "6", "C-1", "2", "7.x", "USD", "LAX"],
    ["W-2", "A-2", "-1", "5", None, None, None, "C-2", "1.5.5", "7", "USD", "LAX"],
]


def book() -> bytes:
    made = openpyxl.Workbook()
    for row in [HEAD, *ROWS]:
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


BOOK = book()


@pytest.fixture(scope="module")
def checked() -> tuple[Reading, Report]:
    read = intake.read(io.BytesIO(BOOK), "wide.xlsx")
    assert read.layout == "tianjin_oms_wide"
    context = Context(tables=tables.load(None), on=date(2026, 11, 20))
    (report,) = check_together([read], context, "")
    return read, report


def told(report: Report) -> dict[str, tuple[str, str, str]]:
    cells = report.found.filter(pl.col("field").is_in(["qty", "unit_price", "sku"]))
    return {
        one["cell"]: (one["field"], one["value"], one["column"])
        for one in cells.iter_rows(named=True)
    }


def test_each_finding_stands_at_the_cell_of_its_own_goods(
    checked: tuple[Reading, Report],
) -> None:
    _, report = checked
    found = told(report)
    assert found["F2"] == ("qty", "0", "数量")
    assert found["J2"] == ("unit_price", "7.x", "SKU3成交单价")
    assert found["C3"] == ("qty", "-1", "数量")
    # The second group of the second row is empty: the third keeps its own number.
    assert found["I3"] == ("qty", "1.5.5", "数量")
    assert not {"C2", "D2", "F3"} & set(found)


def test_the_annotated_workbook_marks_those_cells(checked: tuple[Reading, Report]) -> None:
    read, report = checked
    made = annotated(BOOK, read, report.found)
    sheet = openpyxl.load_workbook(io.BytesIO(made)).worksheets[1]
    marked = {one.coordinate for row in sheet.iter_rows() for one in row if one.comment}
    assert {"F2", "J2", "C3", "I3"} <= marked and not {"C2", "D2"} & marked


def test_a_process_with_many_open_files_annotates_too(checked: tuple[Reading, Report]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("this machine gives a process fewer open files")
    read, report = checked
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
        for _ in range(1100):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        annotator = stack.enter_context(Annotator())
        assert annotated(BOOK, read, report.found, annotator) == annotated(BOOK, read, report.found)
