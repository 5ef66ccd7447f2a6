"""What one column decides, with a memory of values: the same as every row looked at anew."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xborder.schemas import compiler, judges, levels, library, tables
from xborder.schemas.levels import Levels

NAME = "order_line"
COLUMNS = ("sku", "qty", "country", "note", "unit_price", "currency")
VALUES = [
    *(None, "", "A-1", " A", "A\u200b", "1", "0", "-1", "1e3", "0.00001", "1.000001", "007"),
    *("US", "CN", "us", "USD", "RMB", "x" * 300, "备注", "1" * 15, "１"),
]

rows = st.lists(st.sampled_from(VALUES), min_size=1, max_size=30)
blocks = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, rows)), min_size=1, max_size=4)


def table(block: dict[str, list[str | None]]) -> pl.DataFrame:
    height = max(map(len, block.values()))
    held = {name: (own * height)[:height] for name, own in block.items()}
    return pl.DataFrame(held, schema=dict.fromkeys(COLUMNS, pl.String))


def compiled() -> compiler.Filter:
    held = tables.packaged()
    return compiler.compile_filter(library.packaged(), NAME, held, frozenset(COLUMNS))


def row_by_row(found: compiler.Filter, frame: pl.DataFrame) -> list[tuple[str, list[int] | None]]:
    told: list[tuple[str, list[int] | None]] = []
    for part, one in found.parts:
        if isinstance(one, bool):
            told.append((part.place, None))
        elif at := frame.select(one.alias("stops")).to_series().arg_true().to_list():
            told.append((part.place, at))
    return told


def stopped(found: compiler.Filter, table: Levels) -> list[tuple[str, list[int] | None]]:
    return [(part.place, None if at is None else at.to_list()) for part, at in found.stopped(table)]


@pytest.mark.parametrize("kept", [0, 3, 4096])
@given(blocks, st.booleans())
def test_block_after_block_stops_what_each_row_stops(kept, told, large):
    found = compiled()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judges, "_KEPT", kept)
        if large:  # as if their rows were many
            patch.setattr(levels, "_MANY", 4)
            patch.setattr(levels, "_SAMPLE", 4)
        for block in told:
            frame = table(block)
            assert stopped(found, Levels(frame)) == row_by_row(found, frame)


@given(blocks)
def test_what_stands_at_few_rows_stops_all_that_have_it(told):
    found = compiled()
    for block in told:
        few = table(block)
        at = pl.Series([n % few.height for n in range(3 * few.height)], dtype=pl.UInt32)
        own = pl.DataFrame({"at": at})
        assert stopped(found, Levels(own, ((few, at),))) == row_by_row(found, few[at])


def test_no_more_is_remembered_than_what_is_kept(monkeypatch):
    monkeypatch.setattr(judges, "_KEPT", 50)
    found = compiled()
    for n in range(20):
        frame = table({name: [f"{n}-{m}" for m in range(30)] for name in COLUMNS})
        assert stopped(found, Levels(frame)) == row_by_row(found, frame)
    for one in found._of_columns:
        assert one._memory.judged.len() <= 50
