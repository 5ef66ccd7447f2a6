"""jsonschema-rs and jsonschema give the same verdict on every row and field."""

import sys

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemas_rows import GOOD

from xborder import schemas
from xborder.schemas import library, numbers, tables
from xborder.schemas.fast_checker import FastChecker
from xborder.schemas.slow_checker import SlowChecker

ROWS, EXAMPLES = 20, 25
"""6 schemas × 25 examples × 20 rows = 3,000 mutated rows."""

NASTY = [
    *("", " ", "0", "-0", "-1", "00", "1.5", "1.", ".5", "+1", "1e3", "NaN", "inf", "1_000"),
    *("12\n", "\n", "１２", "٢", "9" * 14, "9" * 15, "9" * 60, "0.00001", "0.000001", "2.0"),
    *("99999999999999.99999", "123456789", "1234567890", "6911101900", "6911101900\n"),
    *("69111019٠٠", "9403609990", "8518210000", "8507600090", "4420101200", "6999999999"),
    *("2026-02-29", "2028-02-29", "20260431", "2026-04-05T21:06:21Z", "2026-04-05T24:00:00Z"),
    *("USD", "usd", "RMB", "142", "502", "CN", "US", "ﬁ", "Y", "N", "NO", "无", "none", "alone"),
    *("1210", "9610", "E", "W", "other", "sold", "SELLABLE", "035", "999", "3154", "6041"),
    *("瓷", "👨‍👩‍👧", "é", "a\u200bb", "a\x00", "a ", "\u3000a", "实木", "furniture", "ceramics"),
    *("A" * 20, "A" * 21, "瓷" * 250, "瓷" * 251, "𠮷" * 20, "4414960XXX", "91440000MA00000000"),
]


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
