"""Blocks of any size, fast or careful, say the same as the whole file read row by row."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from intake_files import ORDERS_HEAD, ORDERS_ROW, order_row, read_here

from xborder import intake
from xborder.findings import to_frame
from xborder.intake import blocks, whole_orders
from xborder.intake.lines import SheetLines
from xborder.intake.parse import Asked, Parsed, parse_blocks

HEAD = [*ORDERS_HEAD, "状态", "订单折扣", "备用"]
NASTY = settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CELL = st.one_of(
    st.sampled_from(["", " ", "2", "合计", "DP-1", "dp-2", "DP-3", "USD", "已取消", "1.50", "007"]),
    st.sampled_from(['a"b', "x\ny", "x\r\ny", "x\ry", "5.77E+17", "2026-04-01", "31/12/2025", "é"]),
    st.text(st.sampled_from("ab1 ,\"\n\r;\t\u200b='"), max_size=6),
)
ROW = st.one_of(
    st.builds(lambda no, qty: [*order_row(order_no=no, qty=qty), "", "", ""],
              st.sampled_from(["DP-1", "dp-1", "DP-2", "DP-3", ""]), st.sampled_from("12")),
    st.lists(CELL, min_size=10, max_size=10),
    st.lists(CELL, max_size=12),
    st.just(HEAD),
)  # fmt: skip
RAW = st.sampled_from([b'"', b'""', b"\r", b"\n", b"\r\n", b",", b'5" x', b'"open,\n', b"\n\n"])


@contextmanager
def forced(size: int, *, careful: bool = False, held: int = 0) -> Iterator[None]:
    """Blocks of so many bytes; by Python's reader only; with little room for what is held."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        patch.setattr(blocks, "HELD", held)
        patch.setattr(whole_orders, "MOST_HELD", held)
        if careful:
            patch.setattr(blocks, "_plain", lambda *_: None)
        yield


def told(parsed: Parsed) -> pl.DataFrame:
    # Whether most rows are shifted is judged block by block; then the first one is told.
    found = [one for one in parsed.findings if one.code != "COLUMNS_SHIFTED"]
    return to_frame(found).sort(pl.all())


def same(one: Parsed, other: Parsed) -> None:
    """The same answer; blocks that came before a refusal count for nothing."""
    assert one.kind == other.kind
    if one.kind is None:
        assert one.findings[-1] == other.findings[-1]
        return
    assert one.records.equals(other.records), (one.records, other.records)
    assert one.rows.equals(other.rows), (one.rows, other.rows)
    assert told(one).equals(told(other))


def written(table: list[list[str]], end: str, quoting: int) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=quoting).writerows([HEAD, *table])  # type: ignore[arg-type]
    return out.getvalue().encode()


@NASTY
@given(
    table=st.lists(ROW, max_size=14),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    spoilt=st.one_of(st.none(), st.tuples(st.floats(0, 1), RAW)),
    size=st.integers(30, 500),
    held=st.sampled_from([0, 10**9]),
)
@example(table=[ORDERS_ROW], end="\n", quoting=0, spoilt=(1.0, b"\n\n"), size=30, held=0)
def test_blocks_say_what_the_whole_says(
    table: list[list[str]],
    end: str,
    quoting: int,
    spoilt: tuple[float, bytes] | None,
    size: int,
    held: int,
) -> None:
    data = written(table, end, quoting)
    if spoilt:
        begin = len(written([], end, quoting))
        at = begin + int(spoilt[0] * (len(data) - begin))
        data = data[:at] + spoilt[1] + data[at:]
    try:
        data.decode()
    except UnicodeDecodeError:
        return
    with forced(2**24, careful=True):
        whole = read_here(data)
    with forced(2**24):
        same(read_here(data), whole)
    with forced(size, held=held):
        same(read_here(data), whole)


def many(lines: int, orders: int) -> bytes:
    rows = [order_row(order_no=f"DP-{n * 7919 % orders}", sku=f"S{n}") for n in range(lines)]
    return written([[*row, "", "", ""] for row in rows], "\r\n", csv.QUOTE_MINIMAL)


@pytest.mark.parametrize("orders", [1, 40, 3000])
def test_all_lines_of_an_order_lie_in_one_block(orders: int) -> None:
    data = many(3000, orders)
    got: list[SheetLines] = []
    with forced(4096, held=20_000):
        head = parse_blocks(io.BytesIO(data), Asked(), lambda _, one: got.append(one))
    assert head.kind == "orders"
    pairs = pl.concat([one.records.select("order_no").unique() for one in got])
    assert pairs["order_no"].is_unique().all()
    assert sum(one.rows.height for one in got) == 3001
    assert len(got) > 5 or orders == 1
    for one in got:
        assert one.rows["row"].is_sorted()
        kept = one.rows.drop_nulls("record")
        assert kept["record"].to_list() == list(range(one.records.height))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_blocks_through_the_child(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start = (
        "import sys; sys.path.insert(0, sys.argv[1]); from xborder.intake import blocks, child; "
        "blocks.BLOCK, blocks.HELD = 5000, 60000; child.nurse(int(sys.argv[2]))"
    )
    monkeypatch.setattr("xborder.intake.interpreter.START", start)
    data = many(1500, 1500).decode().encode(encoding)
    got: list[intake.Block] = []
    head = intake.read_blocks(io.BytesIO(data), "a.csv", keep=got.append)
    assert (head.usable, head.layout, len(got) > 10) == (True, "template_orders", True)
    reading = intake.read(io.BytesIO(data), "a.csv")
    assert reading.rows["row"].to_list() == list(range(1, 1502))
    assert reading.records["sku"].to_list() == [f"S{n}" for n in range(1500)]


def test_what_keep_raises_goes_through_and_ends_the_reader() -> None:
    def keep(_: intake.Block) -> None:
        raise KeyError("mine")

    with intake.Nursery() as nursery:
        with pytest.raises(KeyError, match="mine"):
            intake.read_blocks(io.BytesIO(many(9, 3)), "a.csv", keep=keep, nursery=nursery)
        assert intake.read(io.BytesIO(many(9, 3)), "a.csv", nursery=nursery).usable


def test_a_fault_late_in_a_file_makes_its_blocks_count_for_nothing() -> None:
    data = many(3000, 900) + b'"a"b,1\r\n'
    with forced(4096):
        parsed = read_here(data)
    assert parsed.kind is None and parsed.records.is_empty()
    (fatal,) = parsed.findings
    assert (fatal.code, fatal.row, fatal.params["line"]) == ("CSV_NOT_WELL_FORMED", 3002, "3002")


def test_columns_of_one_header_that_differ_far_below_are_refused() -> None:
    rows = [[*ORDERS_ROW, "2"]] * 500 + [[*ORDERS_ROW, "3"]]
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[*ORDERS_HEAD, "数量"], *rows])
    with forced(2000):
        assert read_here(out.getvalue().encode()).findings[-1].code == "DUPLICATE_HEADER"


def test_one_late_date_decides_for_all() -> None:
    rows = [order_row(order_no=f"D{n}", ordered_at="03/04/2026") for n in range(400)]
    rows.append(order_row(order_no="D400", ordered_at="25/04/2026"))
    data = written([[*row, "", "", ""] for row in rows], "\n", csv.QUOTE_MINIMAL)
    with forced(2000):
        parsed = read_here(data)
    assert parsed.records["ordered_at"].unique(maintain_order=True).to_list() == [
        "2026-04-03",
        "2026-04-25",
    ]


def test_rows_of_totals_and_shifted_columns_are_told_once_a_file():
    rows = [order_row(order_no=f"DP-{at}") for at in range(40)]
    for at in (5, 20, 39):
        rows.insert(at, ["合计", *[""] * 6])
    data = csv_text([ORDERS_HEAD, *rows])
    # All but the first row of each block: a word for a number, a number for a word.
    astray = [[f"DP-{at}", "2026-04-01", "x", "USD", "US", "12", "2"] for at in range(60)]
    shifted = csv_text([ORDERS_HEAD, *astray])
    for size in (100, 400, 1_000_000):
        with forced(size):
            (footer,) = [one for one in read_here(data).findings if one.code == "FOOTER_SKIPPED"]
            assert (footer.row, footer.value) == (7, "3")
            found = [one for one in read_here(shifted).findings if one.code == "COLUMNS_SHIFTED"]
            assert [one.row for one in found] == [2]


def csv_text(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
