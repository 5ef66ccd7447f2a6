"""What is judged where it varies is what the wide table would say."""

from functools import reduce
from operator import and_
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from xborder.schemas.levels import Asked, Levels, conditions

TEXTS = st.one_of(st.none(), st.sampled_from(["a", "b", "c"]))
WANTED = {
    "constant": pl.lit("x"),
    "goods only": pl.col("goods") == "a",
    "shop only": pl.col("shop").is_null(),
    "own": pl.coalesce("own", pl.lit("-")),
    "both": pl.coalesce("goods", "shop"),
    "all": pl.concat_str("own", "goods", "shop", ignore_nulls=True),
}

MAYBE = [
    *(pl.col("goods") == "a", pl.col("shop").is_null(), pl.col("shop").is_not_null()),
    *(pl.col("own") != "b", pl.col("own") == pl.col("goods"), pl.col("goods") != pl.col("shop")),
    *(pl.col("own").str.contains("a|c"), pl.col("shop").str.len_chars() == 1),
    *(pl.lit(value=True), pl.lit(value=False), (pl.col("own") == "a") | (pl.col("shop") == "a")),
    *(~pl.col("goods").is_null(), pl.col("own").is_in(["a", "b"])),
]


@st.composite
def tables(draw: st.DrawFn) -> Levels:
    rows = draw(st.integers(0, 12))

    def level(name: str) -> tuple[pl.DataFrame, pl.Series]:
        values = draw(st.lists(TEXTS, min_size=1, max_size=5))
        places = st.lists(st.integers(0, len(values) - 1), min_size=rows, max_size=rows)
        frame = pl.DataFrame({name: values}, schema={name: pl.String})
        return frame, pl.Series(draw(places), dtype=pl.UInt32)

    own = draw(st.lists(TEXTS, min_size=rows, max_size=rows))
    frame = pl.DataFrame({"own": own}, schema={"own": pl.String})
    return Levels(frame, (level("goods"), level("shop")))


def wide(table: Levels) -> pl.DataFrame:
    return table.frame(["own", "goods", "shop"])


def expected(table: Levels) -> dict[str, list[Any]]:
    return wide(table).with_columns(**WANTED).select(list(WANTED)).to_dict(as_series=False)


def test_columns_stand_beside_each_other_row_by_row() -> None:
    goods = pl.DataFrame({"goods": ["a", "b"]})
    table = Levels(pl.DataFrame({"own": ["x", "y", "z"]}), ((goods, pl.Series([1, 0, 1])),))
    assert wide(Levels(table.own, (*table.above, (pl.DataFrame({"shop": ["s"]}),
                                                  pl.Series([0, 0, 0]))))).rows() == [
        ("x", "b", "s"), ("y", "a", "s"), ("z", "b", "s"),
    ]  # fmt: skip


@given(tables())
def test_expressions_say_what_they_say_of_the_wide_table(table: Levels) -> None:
    assert table.select(WANTED).to_dict(as_series=False) == expected(table)
    spread = {name: one.spread().to_list() for name, one in table.evaluate(WANTED).items()}
    assert spread == expected(table)


@given(tables(), st.data())
def test_rows_taken_are_those_of_the_wide_table(table: Levels, data: st.DataObject) -> None:
    places = st.lists(st.integers(0, table.height - 1), max_size=6) if table.height else st.just([])
    rows = pl.Series(data.draw(places), dtype=pl.UInt32)
    names = ["own", "goods", "shop"]
    assert table.gather(names, rows).equals(wide(table)[rows])
    assert table.project(WANTED).gather(WANTED, rows).equals(table.select(WANTED)[rows])
    assert table.gather([], rows).height == rows.len()


@given(tables(), st.lists(st.lists(st.sampled_from(MAYBE), min_size=1, max_size=4), max_size=5))
def test_conditions_hold_where_they_hold_in_the_wide_table(
    table: Levels, several: list[list[pl.Expr]]
) -> None:
    joined = {str(at): reduce(and_, some) for at, some in enumerate(several)}
    for at, one in joined.items():
        assert len(conditions(one)) == len(several[int(at)])
    asked = Asked({at: conditions(one) for at, one in joined.items()})
    found = table.where(asked)
    said = {
        at: wide(table).with_columns(one.fill_null(value=False).alias("holds"))
        .get_column("holds").arg_true().to_list()
        for at, one in joined.items()
    }  # fmt: skip
    assert {at: rows.to_list() for at, rows in found.items()} == {
        at: rows for at, rows in said.items() if rows
    }
    # Asked again, and of a table whose levels are kept from before.
    kept = Levels(table.own, table.above, frozenset(range(1, len(table.above) + 1)))
    for again in (table, kept, kept):
        rows_again = again.where(asked)
        assert rows_again.keys() == found.keys()
        assert all(rows.equals(found[at]) for at, rows in rows_again.items())


def test_what_reads_few_rows_is_judged_on_few_rows() -> None:
    rows = 1000
    shops = pl.DataFrame({"shop": ["s"]})
    table = Levels(
        pl.DataFrame({"own": ["x"] * rows}), ((shops, pl.zeros(rows, pl.UInt32, eager=True)),)
    )
    found = table.evaluate({"shop": pl.col("shop") == "s", "own": pl.col("own") == "s"})
    assert found["shop"].values.len() == 1
    assert found["own"].values.len() == rows
