"""Runs of numbers: the same rows again when each run is told number by number."""

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from xborder.registry import database
from xborder.registry.runs import change, runs
from xborder.registry.staging import fetch

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


@given(st.lists(ROWS, min_size=1, max_size=5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_changed_by_runs_as_one_by_one(engine, tries):
    """Those of the runs and no other, as often as their run says; how many is told."""
    kept = {n: ("", 0) for n in range(61)}
    schema = {"id": pl.Int64, "state": pl.String, "gone": pl.Boolean}
    with database.transaction(engine) as c:
        c.execute(text("CREATE TEMPORARY TABLE things (id bigint, state text, times bigint)"))
        c.execute(text("INSERT INTO things VALUES (:id, '', 0)"), [{"id": n} for n in kept])
        for rows in tries:
            told = [(n, *row) for n, row in rows.items()]
            changed = change(
                c,
                """
                UPDATE things SET state = coalesce(v.state, things.state), times = things.times + 1
                FROM runs v WHERE things.id BETWEEN v.first_id AND v.last_id AND NOT v.gone
                """,
                runs(pl.DataFrame(told, schema=schema, orient="row"), "id"),
            )
            there = {n: state for n, (state, gone) in rows.items() if n in kept and not gone}
            assert changed == len(there)
            for n, state in there.items():
                before, times = kept[n]
                kept[n] = (before if state is None else state, times + 1)
        found = fetch(
            c, "SELECT id, state, times FROM things ORDER BY id",
            {"id": pl.Int64, "state": pl.String, "times": pl.Int64},
        )  # fmt: skip
        assert found.rows() == [(n, *kept[n]) for n in sorted(kept)]
        c.execute(text("DROP TABLE things"))
