"""Rows made by column are, cell by cell, what XlsxWriter makes of the same values."""

from io import BytesIO

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from manifest_old_workbook import written
from manifest_samples import frame, group, head_rows, item_rows, manifest
from python_calamine import CalamineWorkbook

from xborder.manifests import cells, sheets, totals, workbook

SHEETS = {"lists": "清单 Lists", "goods": "商品 Goods"}
LOOKS = ("font", "fill", "border", "alignment")


def both(heads, items):
    """(what, old sheet, new sheet) of the same rows."""
    one = manifest()
    together = group([one], [len(heads)], frame(heads), frame(items))
    (data,) = workbook.write(together, totals.totals(together))
    new = openpyxl.load_workbook(BytesIO(data))
    for what, name in SHEETS.items():
        texts = together.heads if what == "lists" else together.items
        old = written(one, what, texts.frame.to_dicts())
        # Another reader, stricter than openpyxl.
        read = CalamineWorkbook.from_filelike(BytesIO(data)).get_sheet_by_name(name)
        assert len(read.to_python()) == len(texts.frame) + 1
        yield what, openpyxl.load_workbook(BytesIO(old)).active, new[name]


def said(cell, looks=LOOKS):
    return (
        cell.value, cell.data_type, cell.number_format, cell.quotePrefix, cell.hyperlink,
        *(repr(getattr(cell, look)) for look in looks),
    )  # fmt: skip


def equal(heads, items, looks=LOOKS):
    for what, old, new in both(heads, items):
        assert new.max_row == old.max_row == (len(heads) if what == "lists" else len(items)) + 1
        for row in range(2, new.max_row + 1):
            assert new.row_dimensions[row].height == old.row_dimensions[row].height
            for column in range(1, len(sheets.columns(what)) + 1):
                mine, theirs = (sheet.cell(row, column) for sheet in (new, old))
                assert said(mine, looks) == said(theirs, looks), (what, mine.coordinate)


NASTY = st.sampled_from(
    ["&", "<", ">", '"', "'", "]]>", "&amp;", "\r", "\n", "\t", "_x000D_", "_", "=", "+1", "-", "@",
     "＝", "＠", " ", "\u3000", "\x7f", "é", "—", "㎏", "😀", "瓷" * 9, "（白）"]
)  # fmt: skip
LETTERS = st.characters(
    exclude_categories=("Cs",), exclude_characters=[*map(chr, range(32)), "\ufffe", "\uffff"]
)
TEXT = st.none() | st.lists(NASTY | LETTERS, max_size=6).map("".join)
NUMBER = st.one_of(
    st.none(),
    st.decimals(-10**15, 10**15, places=5).map(lambda one: format(one, "f")),
    st.decimals(0, 10**6, places=2).map(lambda one: format(one, "f")),
    st.integers(0, 10**17).map(str),
    st.sampled_from(["0", "0.0", "00", "007", "007.50", "0.05", "0.00001", "100", "100.50000", "12.",
                     "99999999999999.99999", "1234567890.12345", "-0.5", "-12345678901234567"]),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_values_make_the_cells_that_xlsxwriter_makes(data):
    heads = [
        head
        | {name: data.draw(TEXT) for name in ("orderNo", "ownerName", "note", "country", "copNo")}
        | {name: data.draw(NUMBER) for name in ("goodsValue", "freight")}
        for head in head_rows(data.draw(st.integers(1, 4)))
    ]
    items = [
        item
        | {name: data.draw(TEXT) for name in ("gname", "gmodel", "unit", "barCode")}
        | {name: data.draw(NUMBER) for name in ("qty", "qty2", "price")}
        for item in item_rows(heads, data.draw(st.integers(1, 3)))
    ]
    equal(heads, items, looks=())


def test_every_look_is_the_same():
    heads = head_rows(6)
    odd = [None, "=1", "plain", " spaced ", "瓷" * 40, "x" * 40_000]
    numbers = [None, "1", "1.5", "-1.25", "1234567890123456789", "0.12345"]
    for head, text, number in zip(heads, odd, numbers, strict=True):
        head |= {"orderNo": text, "note": text, "goodsValue": number, "freight": number}
    items = item_rows(heads)
    for item, text, number in zip(items, odd, numbers, strict=True):
        item |= {"gmodel": text, "unit": ["007", "999", None][item["list_id"] % 3], "qty": number}
    equal(heads, items)


def test_a_control_character_is_spelled_as_excel_does():
    assert cells.spell("a\x01b_x0041_\r") == "a_x0001_b_x005F_x0041__x000D_"
    heads = head_rows(2, note="a\x01b\x1f")
    equal(heads, item_rows(heads))


@pytest.mark.parametrize("wrong", ["1e3", "１", "1,000", "x", "--1", "1.2.3", ".5"])
def test_what_is_no_plain_number_is_no_cell(wrong):
    heads = head_rows(2)
    items = item_rows(heads)
    items[1]["qty"] = wrong
    together = group([manifest()], [2], frame(heads), frame(items))
    with pytest.raises(ValueError, match=r"qty: no plain number '"):
        workbook.write(together, totals.totals(together))


def test_markup_is_text():
    """XlsxWriter's streamed sheets take ``<r>…</r>`` for their own."""
    heads = head_rows(1, orderNo="<r>x</r>")
    (_, _, sheet), _ = both(heads, item_rows(heads))
    assert sheet["B2"].value == "<r>x</r>"


def test_letters_of_columns():
    assert [cells.letters(at) for at in (0, 25, 26, 51, 52, 701, 702)] == [
        "A", "Z", "AA", "AZ", "BA", "ZZ", "AAA",
    ]  # fmt: skip
