"""Nothing is lost: every physical row of any file is in ``rows`` exactly once."""

import csv
import io

import openpyxl
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_files import ORDERS_HEAD, codes, read_here

from xborder.intake.parse import Parsed

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
)
CELL = st.one_of(
    st.sampled_from(["", " ", "2", "合计", "DP-1", "USD", "已取消", 'a"b', "x\ny", "x\r"]), TEXT
)
ROW = st.one_of(
    st.lists(CELL, min_size=8, max_size=8),
    st.lists(CELL, max_size=10),
    st.just([]),
    st.just(ORDERS_HEAD),
)
TABLE = st.lists(ROW, max_size=12)
QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def physical_lines(text: str) -> int:
    """Lines of a text, ended by LF, CR or CRLF."""
    ended = text.count("\n") + text.count("\r") - text.count("\r\n")
    return ended + (1 if text and not text.endswith(("\n", "\r")) else 0)


def accounted(parsed: Parsed, last: int) -> None:
    """Every row number once; each either a record or excluded with a code."""
    rows = parsed.rows
    assert rows["row"].to_list() == list(range(1, last + 1))
    assert rows.filter(pl.col("excluded").is_null() == pl.col("record").is_null()).is_empty()
    if parsed.kind:
        assert rows["record"].drop_nulls().to_list() == list(range(parsed.records.height))
        back = rows.drop_nulls("record").select("sheet", "row", "order_no")
        assert back.equals(parsed.records.select("sheet", "row", "order_no"))


@QUICK
@given(before=st.integers(0, 3), table=TABLE, end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_rows_of_a_delimited_file(before: int, table: list[list[str]], end: str) -> None:
    head = [*ORDERS_HEAD, "状态"]
    out = io.StringIO(newline="")
    # All quoted: the writer leaves a lone CR bare when lines end with LF.
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([*[[]] * before, head, *table])
    text = out.getvalue()
    parsed = read_here(text.encode())
    if codes(parsed)[-1:] == ["NO_DATA_ROWS"] or parsed.kind:
        accounted(parsed, before + 1 + len(table))
        assert parsed.rows["lines"].sum() == physical_lines(text)
    else:
        assert parsed.findings[-1].code in ("UNKNOWN_LAYOUT", "CSV_NOT_WELL_FORMED")


@QUICK
@given(before=st.integers(0, 3), table=TABLE)
def test_rows_of_a_workbook(before: int, table: list[list[str]]) -> None:
    head = [*ORDERS_HEAD, "状态"]
    book = openpyxl.Workbook()
    sheet = book.active
    last = before + 1
    for number, row in enumerate([*[[]] * before, head, *table], 1):
        for column, text in enumerate(row, 1):
            clean = openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", text)
            if clean:
                sheet.cell(number, column, clean)
                last = max(last, number)
    out = io.BytesIO()
    book.save(out)
    parsed = read_here(out.getvalue())
    if codes(parsed)[-1:] == ["NO_DATA_ROWS"] or parsed.kind:
        accounted(parsed, last)
    else:
        assert parsed.findings[-1].code == "UNKNOWN_LAYOUT"


@QUICK
@given(st.binary(max_size=400))
def test_any_bytes_get_a_coded_answer(data: bytes) -> None:
    parsed = read_here(data)
    assert parsed.kind or codes(parsed)
