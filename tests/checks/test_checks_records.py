"""Keys that a file tells in two ways, found by hashes block by block."""

from collections.abc import Iterable

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from xborder.checks.records import keys_twice

TEXT = st.sampled_from(["A", "B", "C", "", None])
ROW = st.tuples(TEXT, TEXT, TEXT, TEXT)


def by_rows(rows: list[tuple[str | None, ...]]) -> set[tuple[str | None, ...]]:
    """The same, row by row."""
    contents: dict[tuple[str | None, ...], set[tuple[str | None, ...]]] = {}
    for row in rows:
        if row[0] is not None and row[1] is not None:
            contents.setdefault(row[:2], set()).add(row)
    return {key for key, told in contents.items() if len(told) > 1}


@given(st.lists(st.lists(ROW, max_size=6), max_size=5))
def test_keys_told_in_two_ways(parts: list[list[tuple[str | None, ...]]]) -> None:
    names = ("logistics_no", "order_no", "logistics_code", "weight")
    schema = dict.fromkeys(names, pl.String)
    frames = [
        pl.DataFrame(part, schema=schema, orient="row").with_columns(
            sheet=pl.lit(str(number)), row=pl.int_range(pl.len()), order_row=pl.lit(number)
        )
        for number, part in enumerate(parts)
    ]
    asked: list[list[str] | None] = []

    def blocks(columns: list[str] | None) -> Iterable[pl.DataFrame]:
        asked.append(columns)
        return frames if columns is None else (frame.select(columns) for frame in frames)

    found = keys_twice("shipments", blocks)
    rows = [row for part in parts for row in part]
    assert set(found.iter_rows()) == by_rows(rows)
    assert found.columns == ["logistics_no", "order_no"]
    if len({row[:2] for row in rows}) == len(rows):
        assert asked == [["logistics_no", "order_no"]], "once, and the keys alone"
