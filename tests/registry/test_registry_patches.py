"""An annotated copy that comes back corrected: what changed counts, and nothing else."""

import csv
import io
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pipeline_homes import make_home

from xborder import clock
from xborder.checks.issue_sheet import TITLE
from xborder.registry import annotations, answers, checkings, landing, queries, readings
from xborder.registry.database import reading
from xborder.registry.home import Home, open_home
from xborder.registry.staging import fetch

DAY = date(2026, 11, 22)
EXPORTER = "dapu-ciyun"
ORDERS = {
    "order_no": pl.String, "digest": pl.String, "state": pl.String, "codes": pl.String,
    "cancelled": pl.Boolean, "upload_id": pl.Int64,
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_clock() -> Iterator[None]:
    with clock.fixed("2026-11-22T10:00:00+08:00"):
        yield


def work(home: Home) -> None:
    rooms = (home.engine, home.store, home.settings, home.exporters, home.tables)
    landing.take_in(home.engine, home.settings, home.exporters, day=DAY)
    readings.read_uploads(*rooms)
    checkings.check_open_orders(*rooms, DAY)


def hand_in(home: Home, data: bytes, name: str, shop: str = "shopify-us") -> dict[str, Any]:
    """Hand a file in and work; its receipt."""
    landing.submit_stream(home.settings, io.BytesIO(data), name, EXPORTER, shop)
    work(home)
    with reading(home.engine) as c:
        return queries.receipt(c, queries.uploads(c)[-1].id)


def copied(home: Home, folder: Path) -> Home:
    """Another home that is just as this one is now."""
    shutil.copytree(home.settings.home, folder)
    shutil.copy(home.settings.key, folder.with_name(folder.name + ".key"))
    return open_home(folder)


def copy_of(home: Home, upload_id: int) -> bytes:
    rooms = (home.engine, home.store, home.settings, home.exporters, home.tables)
    return annotations.of_upload(*rooms, upload_id)


def edited(copy: bytes, change: Callable[[Any], None]) -> bytes:
    """A copy as a spreadsheet program saves it after ``change`` on its data's sheet."""
    book = openpyxl.load_workbook(io.BytesIO(copy))
    assert book.sheetnames[0] == TITLE
    change(book.worksheets[1])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def state(home: Home) -> dict[str, tuple[Any, ...]]:
    """Every order as it stands; without the upload that it stands in."""
    with reading(home.engine) as c:
        told = fetch(
            c,
            "SELECT order_no, digest, state, codes, cancelled, upload_id FROM orders ORDER BY 1",
            ORDERS,
        )
    return {row[0]: row[1:-1] for row in told.iter_rows()}


def goods_of(home: Home) -> list[tuple[Any, ...]]:
    from xborder.registry import fixes

    with reading(home.engine) as c:
        given = fixes.given(c, EXPORTER)
    there = fixes.goods(home.store, given, home.tables)
    content = [
        name for name in there.columns
        if name not in ("upload_id", "file", "sheet", "row", "order_row", "shop")
    ]  # fmt: skip
    return sorted(there.select(content).rows(), key=repr)


def upload_named(home: Home, start: str) -> int:
    with reading(home.engine) as c:
        return next(one.id for one in queries.uploads(c) if one.file_name.startswith(start))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, bytes]:
    """A home in which one order file was checked, and the file."""
    made = make_home(tmp_path_factory.mktemp("patched") / "home", "shopify-us", "b2b")
    source = next((made / "landing" / EXPORTER / "shopify-us").glob("02_*"))
    data = source.read_bytes()
    for later in (made / "landing" / EXPORTER / "shopify-us").glob("0[4567]_*"):
        later.unlink()
    home = open_home(made)
    with clock.fixed("2026-11-22T10:00:00+08:00"):
        work(home)
    return home, data


def rows_of(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


VALUES = {
    "Lineitem quantity": ["1", "2", "3"],
    "Lineitem name": ["A cup", "一只杯子", " Teapot, blue "],
    "Lineitem price": ["12.5", "9.90", "7"],
    "Lineitem sku": ["DP-CUP-001", "NO-SUCH-SKU", "dp cup"],
    "Shipping Country": ["US", "CA", "Nowhere", ""],
    "Cancelled at": ["", "2026-11-20 10:00:00 -0800"],
}


@given(told=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck),
          phases=[Phase.generate])  # fmt: skip
def test_a_patch_leads_where_the_corrected_whole_file_leads(
    base: tuple[Home, bytes], tmp_path_factory: pytest.TempPathFactory, told: st.DataObject
) -> None:
    home, data = base
    head, *rows = rows_of(data)
    cell = st.tuples(st.integers(0, len(rows) - 1), st.sampled_from(sorted(VALUES)))
    places = told.draw(st.lists(cell, unique=True, max_size=6))
    changes = {(row, name): told.draw(st.sampled_from(VALUES[name])) for row, name in places}

    def change(sheet: Any) -> None:
        for (row, name), value in changes.items():
            sheet.cell(row + 2, head.index(name) + 1).value = value or None

    whole = io.StringIO(newline="")
    for (row, name), value in changes.items():
        rows[row][head.index(name)] = value
    csv.writer(whole).writerows([head, *rows])
    folder = tmp_path_factory.mktemp("both")
    patched, mended = copied(home, folder / "patched"), copied(home, folder / "mended")
    receipt = hand_in(
        patched, edited(copy_of(home, upload_named(home, "02_orders")), change), "back.xlsx"
    )
    hand_in(mended, whole.getvalue().encode(), "again.csv")
    assert state(patched) == state(mended)
    assert receipt["adds_up"] and receipt["patch_of"]["upload_id"] == upload_named(
        home, "02_orders"
    )
    # What an order's first line tells holds for all its lines: those change with it.
    number = head.index("Name")
    touched = {rows[row][number] for row, _ in changes}
    assert receipt["patch_of"]["changed"] <= sum(row[number] in touched for row in rows)
    for one in (patched, mended):
        one.engine.dispose()


def test_only_the_changed_row_counts_and_the_rest_is_duplicate(
    base: tuple[Home, bytes], tmp_path: Path
) -> None:
    home, data = copied(base[0], tmp_path / "home"), base[1]
    head, *rows = rows_of(data)
    number = rows[3][head.index("Name")]
    of_order = sum(row[head.index("Name")] == number for row in rows)

    def change(sheet: Any) -> None:
        sheet.cell(5, head.index("Lineitem name") + 1).value = "a cup by another name"

    receipt = hand_in(
        home, edited(copy_of(home, upload_named(home, "02_orders")), change), "back.xlsx"
    )
    assert receipt["adds_up"]
    before = receipt["patch_of"]
    assert (before["changed"], before["file_name"][:3]) == (1, "02_")
    assert receipt["duplicate"] == before["unchanged"] > of_order
    assert receipt["accepted"] + receipt["held"] == 1
    assert sum(receipt["orders"].values()) == 1
    found = answers.findings_of(home.engine, home.store, receipt["upload_id"])
    told = set(found["order_no"]) - {"", None}
    assert told <= {number}, "the others' findings stand with their own file"


def test_an_unchanged_row_does_not_undo_what_came_meanwhile(
    base: tuple[Home, bytes], tmp_path: Path
) -> None:
    home, data = copied(base[0], tmp_path / "home"), base[1]
    copy = copy_of(home, upload_named(home, "02_orders"))
    head, *rows = rows_of(data)
    place = head.index("Lineitem name")
    rows[0][place] = "newer than the copy"
    text = io.StringIO(newline="")
    csv.writer(text).writerows([head, *rows])
    hand_in(home, text.getvalue().encode(), "newer.csv")
    newer = state(home)[rows[0][head.index("Name")]]

    def change(sheet: Any) -> None:
        sheet.cell(5, place + 1).value = "a correction of another order"

    assert rows[3][head.index("Name")] != rows[0][head.index("Name")]
    hand_in(home, edited(copy, change), "back.xlsx")
    assert state(home)[rows[0][head.index("Name")]] == newer


def test_nothing_of_ours_becomes_data(base: tuple[Home, bytes], tmp_path: Path) -> None:
    home = copied(base[0], tmp_path / "home")
    before = state(home)
    for start, shop in (("02_orders", "shopify-us"), ("01_B2B", "b2b")):
        number = upload_named(home, start)
        copy = copy_of(home, number)
        receipt = hand_in(home, edited(copy, lambda sheet: None), f"{number}.xlsx", shop)
        assert receipt["patch_of"]["changed"] == 0
        assert receipt["duplicate"] == receipt["patch_of"]["unchanged"]
        assert receipt["duplicate"] + receipt["excluded"] == receipt["rows"]
        assert sum(receipt["orders"].values()) == 0
    assert state(home) == before


def test_a_catalogue_comes_back_with_the_changed_rows_in_force(
    base: tuple[Home, bytes], tmp_path: Path
) -> None:
    home = copied(base[0], tmp_path / "home")
    number = upload_named(home, "01_商品备案")
    book = openpyxl.load_workbook(io.BytesIO(copy_of(home, number)))
    place = next(
        cell.coordinate
        for row in book.worksheets[1].iter_rows()
        for cell in row
        if cell.value == "Porcelain mug 350 ml"
    )
    before = goods_of(home)

    def change(sheet: Any) -> None:
        sheet[place].value = "Porcelain mug 360 ml"

    receipt = hand_in(home, edited(copy_of(home, number), change), "goods.xlsx")
    assert receipt["patch_of"]["changed"] == 1 == receipt["accepted"]
    assert receipt["adds_up"] and receipt["duplicate"] == receipt["patch_of"]["unchanged"]
    after = goods_of(home)
    assert len(after) == len(before) and len(set(after) - set(before)) == 1
    assert "Porcelain mug 360 ml" in (set(after) - set(before)).pop()


def test_a_copy_of_a_file_that_nobody_knows_is_a_file(
    base: tuple[Home, bytes], tmp_path: Path
) -> None:
    copy = copy_of(base[0], upload_named(base[0], "02_orders"))
    home = open_home(make_home(tmp_path / "other"))
    receipt = hand_in(home, copy, "back.xlsx")
    assert receipt["patch_of"] is None and receipt["state"] == "checked"
    assert receipt["duplicate"] == 0 and receipt["held"] > 0 and receipt["adds_up"]


def test_a_copy_without_its_heads_is_refused(base: tuple[Home, bytes], tmp_path: Path) -> None:
    home = copied(base[0], tmp_path / "home")
    before = state(home)
    copy = copy_of(home, upload_named(home, "02_orders"))
    receipt = hand_in(home, edited(copy, lambda sheet: sheet.delete_rows(1)), "back.xlsx")
    assert (receipt["state"], receipt["code"]) == ("refused", "COPY_HEADS_GONE")
    assert receipt["adds_up"] and state(home) == before


def test_the_mark_survives_one_of_its_two_places(base: tuple[Home, bytes], tmp_path: Path) -> None:
    home = copied(base[0], tmp_path / "home")
    number = upload_named(home, "02_orders")
    without_sheet = openpyxl.load_workbook(io.BytesIO(copy_of(home, number)))
    del without_sheet[TITLE]
    without_property = openpyxl.load_workbook(io.BytesIO(copy_of(home, number)))
    for name in without_property.custom_doc_props.names:
        del without_property.custom_doc_props[name]
    for nth, book in enumerate((without_sheet, without_property)):
        target = io.BytesIO()
        book.save(target)
        receipt = hand_in(home, target.getvalue(), f"back{nth}.xlsx")
        assert receipt["patch_of"]["upload_id"] == number
