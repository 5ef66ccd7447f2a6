"""A sheet read by patterns gives the rows that the reader over Expat gives, or is left to it."""

import io

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from xborder.intake import plain_sheet, preflight, workbook
from xborder.intake.grid import Sheet
from xborder.intake.limits import Limits, Refused

SHEET = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="http://x" '
    'xmlns:x="http://y"><dimension ref="A1:B2"/><cols><col min="1" max="2"/></cols>'
    "<sheetData>{}</sheetData><pageMargins left='1'/></worksheet>"
)
VALUES = workbook.Values(["zero", "one", "tw\u00f6", ""], {"1"}, {"2": 6})


def by_expat(content: bytes) -> list[tuple] | str:
    sheet = Sheet("s")
    try:
        workbook._SheetReader(sheet, VALUES, Limits()).read(content)
    except Refused as refused:
        return refused.finding.code
    return [(row.number, list(row.texts), row.kinds) for row in sheet.rows]


def by_patterns(content: bytes) -> list[tuple] | str | None:
    try:
        rows = plain_sheet.rows(content, VALUES.value, Limits())
    except Refused as refused:
        return refused.finding.code
    return None if rows is None else [(one.number, list(one.texts), one.kinds) for one in rows]


PLAIN = (
    '<row r="1" spans="1:2" x:dyDescent="0.25"><c r="A1" t="s"><v>0</v></c><c r="C1"><v>12.50</v>'
    '</c></row><row r="2"/><row r="7"><c r="B7" s="1"><v>45000</v></c><c r="D7" s="2"/>'
    '<c r="AA7" t="inlineStr"><is><t xml:space="preserve"> a &amp;lt; b </t></is></c></row>'
)


def test_a_plain_sheet_is_read_by_patterns():
    content = SHEET.format(PLAIN).encode()
    assert by_patterns(content) == [
        (1, ["zero", None, "12.5"], b"ssn"),
        (7, [None, "45000", *[None] * 24, " a &lt; b "], b"sd" + b"s" * 25),
    ]
    assert by_patterns(content) == by_expat(content)


@pytest.mark.parametrize(
    "data",
    [
        '<row r="1"><c r="A1"><f>1+1</f><v>2</v></c></row>',
        '<row r="1"><!-- c --><c r="A1"><v>2</v></c></row>',
        '<row r="1"><c r="A1"><v><![CDATA[2]]></v></c></row>',
        '<x:row r="1"><x:c r="A1"><x:v>2</x:v></x:c></x:row>',
        '<row r="2"><c r="A2"><v>2</v></c></row><row r="1"><c r="A1"><v>2</v></c></row>',
        '<row r="1"><c r="B1"><v>2</v></c><c r="A1"><v>2</v></c></row>',
        '<row r="1"><c r="A2"><v>2</v></c></row>',
        '<row r="01"><c r="A01"><v>2</v></c></row>',
        '<row r="1"><c r="A1"><v>&#50;</v></c></row>',
        '<row r="1"><c r="A1"><v>2</v><v>3</v></c></row>',
        '<row r="1"><c><v>2</v></c></row>',
        '<row r="1" r="2"><c r="A1"><v>2</v></c></row>',
        '<row r="1"><c r="A1"><v>2</v></row>',
        '<row r="1"><c r="A1"><v>2\r\n</v></c></row>',
        '<row r="1"><row r="2"><c r="A2"><v>2</v></c></row></row>',
        '<c r="A1"><v>2</v></c>',
        'text<row r="1"><c r="A1"><v>2</v></c></row>',
        '<row r="1"><c r="ZZZ1"><v>2</v></c></row>',
        '<row r="1048577"><c r="A1048577"><v>2</v></c></row>',
        '<row r="1"><c r="A1" t="inlineStr"><is><r><t>2</t></r></is></c></row>',
        '<row r="1"><c r="A1" t="inlineStr"><is><t>2\x01</t></is></c></row>',
        '</sheetData><sheetData><row r="1"><c r="A1"><v>2</v></c></row>',
        '</sheetData><row r="1"><c r="A1"><v>2</v></c></row><sheetData>',
    ],
)
def test_what_is_not_plain_is_left_to_expat(data):
    assert by_patterns(SHEET.format(data).encode()) is None


SOURCES = st.sampled_from(["", "0", "3", "4", "1.50", "1e400", "x", "-", "00012", "TRUE", " 7 "])
CELLS = st.builds(
    lambda column, style, kind, source, form: (
        f'<c r="{column}{{row}}"' + (f' s="{style}"' if style else "")
        + (f' t="{kind}"' if kind else "")
        + (form.format(source) if source or form else "/>")
    ),
    st.sampled_from(["A", "B", "C", "AB", "SR", "ZZ", "XFE"]),
    st.sampled_from(["", "0", "1", "2", "x"]),
    st.sampled_from(["", "n", "s", "b", "e", "str", "inlineStr", "d"]),
    SOURCES,
    st.sampled_from(
        ["><v>{}</v></c>", "><is><t>{}</t></is></c>", "><v>{}</v><v>1</v></c>", "></c>",
         "><f>A1</f><v>{}</v></c>", "><is><t>&lt;{}&amp;</t></is></c>", "><v>{}</c>"]
    ),
)  # fmt: skip
ROWS = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 1, 2, 0, 1048577]),
        st.lists(CELLS, max_size=4),
        st.sampled_from(["", " ", "\n", "y"]),
    ),
    max_size=5,
)


@settings(max_examples=400, deadline=None)
@given(ROWS)
def test_both_readers_agree(rows):
    number, made = 0, ""
    for step, cells, between in rows:
        number += step
        inner = "".join(one.replace("{row}", str(number)) for one in cells)
        made += f'<row r="{number}">{inner}</row>{between}'
    content = SHEET.format(made).encode()
    assert by_patterns(content) in (None, by_expat(content))


STRINGS = st.lists(
    st.sampled_from(
        ["<si><t>a</t></si>", "<si><t/></si>", "<si><r><t>a</t></r><r><t>b</t></r></si>", " ",
         '<si><t xml:space="preserve"> &lt;_x000D_</t></si>', "<si><t>\u74f7\u7897</t></si>",
         "<si><t>&#65;</t></si>", "<si><t>a</t><rPh><t>b</t></rPh></si>", "<t>x</t>", "x",
         "<si></si>", "<!-- -->", "<si><t>a&amp;amp;</t></si>", "<si><t>a\r\n</t></si>"]
    ),
    max_size=6,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(STRINGS)
def test_both_readers_agree_on_strings(parts):
    content = f'<?xml version="1.0"?><sst xmlns="http://x">{"".join(parts)}</sst>'.encode()
    plain = plain_sheet.strings(content)
    if plain is not None:
        assert [workbook._unescape(one) for one in plain] == workbook._strings_by_expat(content)


def test_a_workbook_of_a_common_writer_is_plain():
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for row in range(1000):
            sheet.write_row(row, 0, [f"order {row}", row / 4, "a & b"])
    members = preflight.unpack(made.getvalue(), Limits())
    content = members["xl/worksheets/sheet1.xml"]
    strings = plain_sheet.strings(members["xl/sharedStrings.xml"])
    assert strings is not None
    values = workbook.Values(strings, set(), {})
    rows = plain_sheet.rows(content, values.value, Limits())
    assert rows is not None
    assert [list(one.texts) for one in rows[:2]] == [
        ["order 0", "0", "a & b"], ["order 1", "0.25", "a & b"],
    ]  # fmt: skip
