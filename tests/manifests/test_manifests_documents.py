"""The liaison's documents: a sheet that reads as it prints, a workbook that says what the message says."""

import shutil
import subprocess
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from manifest_samples import NAMESPACE, frame, group, head_rows, item_rows, manifest

from xborder.manifests import import_workbook, messages, printed, statistics
from xborder.manifests.group import Group

SUM = "ab" * 32


def grouped(count: int, lines: int, **changed: object) -> Group:
    heads = head_rows(count, **changed)
    return group([manifest()], [count], frame(heads), frame(item_rows(heads, lines)))


def text_of(data: bytes, tmp_path: Path) -> str:
    """What a reader of PDFs sees, by a program that is not ours."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not here")
    file = tmp_path / "sheet.pdf"
    file.write_bytes(data)
    said = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, check=True)
    return said.stdout.decode()


def test_the_sheet_says_what_the_manifest_holds(tmp_path: Path) -> None:
    one = grouped(60, 2)
    data = printed.render(one, SUM)
    assert printed.render(one, SUM) == data, "the same manifest is the same bytes"
    told = text_of(data, tmp_path)
    for cop_no, order_no in one.heads.frame.select("copNo", "orderNo").iter_rows():
        assert cop_no in told and order_no in told
    assert manifest().number in told and SUM in told and "梅州海关" in told
    squeezed = told.replace(" ", "")
    assert "1/2" in squeezed and "2/2" in squeezed
    assert data.count(b"/FontFile2") == 1, "the font is in the file"


def test_nothing_of_a_long_number_is_cut_off(tmp_path: Path) -> None:
    number = "0123456789" * 6
    told = text_of(printed.render(grouped(1, 1, orderNo=number), SUM), tmp_path)
    squeezed = "".join(told.split())
    assert all(number[at : at + 5] in squeezed for at in range(0, 60, 20))


def test_a_thousand_lists_are_printed_within_seconds() -> None:
    data = printed.render(grouped(1000, 1), SUM)
    assert data.count(b"/Type /Page\n") > 15


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 10**9)), min_size=1, max_size=8))
def test_statistics_add_up_exactly(parts: list[tuple[str, int]]) -> None:
    heads = head_rows(len(parts))
    items = item_rows(heads, 1)
    for head, item, (place, cents) in zip(heads, items, parts, strict=True):
        head["country"] = {"A": "502", "B": "304"}[place]
        head["goodsValue"] = item["totalPrice"] = str(Decimal(cents) / 100)
        item["gcode"] = {"A": "6911101100", "B": "9403609990"}[place]
    one = group([manifest()], [len(parts)], frame(heads), frame(items))
    for told in (statistics.by_heading(one), statistics.by_destination(one)):
        assert sum(map(Decimal, told["total"])) == sum(Decimal(cents) / 100 for _, cents in parts)
        assert told["lists"].sum() == len(parts)


def test_the_import_workbook_says_what_the_message_says() -> None:
    one = grouped(3, 2)
    (rendered,) = messages.render("CEB603", one)
    book = openpyxl.load_workbook(BytesIO(import_workbook.render(one)))
    said = []
    for sheet in book:
        heads, *rows = sheet.iter_rows(values_only=True)
        names = [str(head).partition("\n")[2] for head in heads]
        said.append([dict(zip(names, row, strict=True)) for row in rows])
    entities = etree.fromstring(rendered[0].content).findall(f"{NAMESPACE}Inventory")
    lines = [line for one in entities for line in one.findall(f"{NAMESPACE}InventoryList")]
    for rows, elements in ((said[0], [entity[0] for entity in entities]), (said[1], lines)):
        assert len(rows) == len(elements)
        for row, element in zip(rows, elements, strict=True):
            told = {etree.QName(leaf).localname: leaf.text for leaf in element}
            kept = {name: value for name, value in row.items() if value and name in told}
            assert {name: _number(value) for name, value in kept.items()} == {
                name: _number(str(value)) for name, value in told.items()
            }
    assert import_workbook.render(one) == import_workbook.render(one)
    with pytest.raises(ValueError, match="no lists"):
        import_workbook.render(one.__class__(
            (manifest(kind="declarations"),), one.lists, one.lines, one.heads, one.items
        ))  # fmt: skip


def _number(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
