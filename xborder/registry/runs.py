"""Runs of numbers (连号): rows whose numbers follow each other and that are alike, as one.

Orders and lists are numbered as they come, so what happens to thousands of them happens to few
runs: a statement that goes through a table by runs finds its rows one beside the other.
"""

import polars as pl


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
