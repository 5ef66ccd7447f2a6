"""Runs of numbers (连号): rows whose numbers follow each other and that are alike, as one.

Orders and lists are numbered as they come, so what happens to thousands of them happens to few
runs: a statement that goes through a table by runs finds its rows one beside the other.
"""

import re

import polars as pl
from sqlalchemy import Connection

from xborder.registry.staging import changed, rows_of, run, stage


def runs(frame: pl.DataFrame, number: str) -> pl.DataFrame:
    """The rows of a frame by runs: ``first_id`` and ``last_id`` instead of the column ``number``,
    in its order. Each number stands once."""
    numbers = frame.get_column(number)
    ordered = frame if numbers.is_sorted() else frame.sort(number)
    begins = pl.col(number) != pl.col(number).shift() + 1
    for name in frame.columns:
        if name != number:
            begins |= pl.col(name).ne_missing(pl.col(name).shift())
    begun = ordered.select(begins.fill_null(value=True)).to_series()
    ends = ordered.get_column(number).filter(begun.shift(-1, fill_value=True))
    return ordered.filter(begun).rename({number: "first_id"}).with_columns(ends.alias("last_id"))


def change(c: Connection, statement: str, told: pl.DataFrame) -> int:
    """Execute an UPDATE for runs of rows; how many rows it changed.

    ``told`` are ``runs`` and what becomes of them. The statement says ``FROM runs v`` and calls
    their columns ``v.first_id`` and so on.
    """
    if c.dialect.name == "postgresql":
        stage(c, "runs", told)
        done = changed(c, statement)
        run(c, "DROP TABLE runs")
        return done
    # Run by run: with FROM, SQLite first puts aside all that it is going to write.
    places = {name: f"?{at}" for at, name in enumerate(told.columns, 1)}
    own = re.sub(r"\bv\.(\w+)", lambda of: places[of[1]], statement.replace("FROM runs v", ""))
    rows = list(rows_of(told))
    return int(c.exec_driver_sql(own, rows).rowcount) if rows else 0
