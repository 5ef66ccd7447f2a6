"""Runs of numbers: the same rows again when each run is told number by number."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from xborder.registry.runs import runs

ROWS = st.dictionaries(
    st.integers(-5, 60), st.tuples(st.sampled_from(["a", "b", None]), st.booleans())
)


@given(ROWS, st.randoms())
def test_runs_are_the_rows(rows, random):
    """As few as can be, in order, and none that is not alike."""
    numbers = list(rows)
    random.shuffle(numbers)
    schema = {"id": pl.Int64, "state": pl.String, "gone": pl.Boolean}
    told = runs(pl.DataFrame([(n, *rows[n]) for n in numbers], schema=schema, orient="row"), "id")
    every = [
        (number, one["state"], one["gone"])
        for one in told.iter_rows(named=True)
        for number in range(one["first_id"], one["last_id"] + 1)
    ]
    assert every == [(n, *rows[n]) for n in sorted(rows)]
    begins = [n for n in rows if rows.get(n - 1) != rows[n]]
    assert told.height == len(begins)
