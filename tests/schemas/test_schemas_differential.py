"""jsonschema-rs and jsonschema give the same verdict on every row and field."""

import sys

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemas_mutations import NASTY
from schemas_rows import GOOD

from xborder import schemas
from xborder.schemas import library, numbers, tables
from xborder.schemas.fast_checker import FastChecker
from xborder.schemas.slow_checker import SlowChecker

ROWS, EXAMPLES = 20, 25
"""6 schemas × 25 examples × 20 rows = 3,000 mutated rows."""


def mutated(name: str) -> st.SearchStrategy[list[dict[str, str | None]]]:
    columns = schemas.columns(name)
    value = st.one_of(
        st.none(),
        st.sampled_from(NASTY),
        st.sampled_from(sorted(set(GOOD[name].values()))),
        st.text(max_size=12),
        st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{0,8})?\n?", fullmatch=True),
    )
    changes = st.dictionaries(st.sampled_from(columns), value, min_size=1, max_size=4)
    row = changes.map(lambda changed: GOOD[name] | changed)
    return st.lists(row, min_size=ROWS, max_size=ROWS)


def found(checker, name, row):
    held = library.packaged().properties(name)
    instance = {
        column: numbers.parse(text) if held[column].get("type") == "number" else text
        for column, text in row.items()
        if text is not None
    }
    failures = {(one.path, one.keyword, id(one.node)) for one in checker.failures(instance)}
    assert checker.is_valid(instance) == (not failures)
    return {(path, keyword) for path, keyword, _ in failures}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_both_checkers_agree_on_mutated_rows(name):
    fast = FastChecker(library.packaged(), name, tables.packaged())
    slow = SlowChecker(library.packaged(), name, tables.packaged())
    seen = {"rows": 0, "bad": 0}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(name))
    def agree(rows):
        for row in rows:
            right = found(slow, name, row)
            assert found(fast, name, row) == right, row
            seen["rows"] += 1
            seen["bad"] += bool(right)

    agree()
    assert seen["rows"] >= ROWS * EXAMPLES * 0.8
    assert seen["bad"] > seen["rows"] / 4


@pytest.mark.parametrize("name", sorted(GOOD))
def test_each_nasty_value_in_each_column_gives_the_same_table(name, monkeypatch):
    rows = [GOOD[name] | {column: text} for column in schemas.columns(name) for text in NASTY[::4]]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(schemas.columns(name), pl.String()))
    fast = schemas.violations(name, frame)
    monkeypatch.setitem(sys.modules, "xborder.schemas.fast_checker", None)
    monkeypatch.setattr(schemas.validation, "_COMPILED", {})
    assert schemas.violations(name, frame).equals(fast)
    assert fast["row"].n_unique() > frame.height / 2
